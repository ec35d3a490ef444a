/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS by hiredis_ssl, on OpenSSL's own settings: hiredis's would check who has signed the server's certificate, but not that it is this
 * server's. Hands are shaken by ourselves, too: hiredis would wait for each piece that comes for as long as for all, and keep the reason of
 * a failure to itself.
 */
#include "tls.h"

#include <hiredis/hiredis_ssl.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/clock.h>

struct weir_redis_tls {
	SSL_CTX *settings;
};

/* A key that wants a password is no good: nobody is there to be asked. */
static int know_no_password(char *password, int size, int writing, void *state)
{
	(void)password;
	(void)size;
	(void)writing;
	(void)state;
	return -1;
}

/* The file that is no good, NULL when all are good. */
static const char *load(SSL_CTX *settings, const struct weir_redis_options *options)
{
	const char *ca = options->tls_ca, *cert = options->tls_cert, *key = options->tls_key;

	if ((ca[0] == '\0' ? SSL_CTX_set_default_verify_paths(settings) : SSL_CTX_load_verify_locations(settings, ca, NULL)) != 1)
		return "tls_ca";
	if (cert[0] != '\0' && SSL_CTX_use_certificate_chain_file(settings, cert) != 1)
		return "tls_cert";
	if (key[0] != '\0' && SSL_CTX_use_PrivateKey_file(settings, key, SSL_FILETYPE_PEM) != 1)
		return "tls_key";
	return NULL;
}

enum weir_status weir_redis_tls_create(const struct weir_redis_options *options, char *why, size_t why_size, struct weir_redis_tls **tls)
{
	struct weir_redis_tls *made = calloc(1, sizeof(*made));
	const char *wrong;

	*tls = NULL;
	if (made)
		made->settings = SSL_CTX_new(TLS_client_method());
	if (!made || !made->settings) {
		weir_redis_tls_destroy(made);
		return WEIR_ERR_MEMORY;
	}
	SSL_CTX_set_verify(made->settings, SSL_VERIFY_PEER, NULL);
	(void)SSL_CTX_set_min_proto_version(made->settings, TLS1_2_VERSION);
	SSL_CTX_set_default_passwd_cb(made->settings, know_no_password);
	wrong = load(made->settings, options);
	if (!wrong) {
		*tls = made;
		return WEIR_OK;
	}
	(void)snprintf(why, why_size, "redis: option %s: the file cannot be read, or is not what it should be", wrong);
	ERR_clear_error();
	weir_redis_tls_destroy(made);
	return WEIR_ERR_CONFIG;
}

void weir_redis_tls_destroy(struct weir_redis_tls *tls)
{
	if (!tls)
		return;
	SSL_CTX_free(tls->settings);
	free(tls);
}

/* A certificate names hosts and addresses apart; only hosts are asked for by name. */
static bool expect(SSL *ssl, const char *host)
{
	unsigned char address[sizeof(struct in6_addr)];
	char name[sizeof(((struct weir_redis_endpoint *)NULL)->host)]; /* OpenSSL's macro wants one that is not const */

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	(void)snprintf(name, sizeof(name), "%s", host);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, host) == 1;
}

static bool fail(redisContext *context, const char *why)
{
	context->err = REDIS_ERR_OTHER;
	(void)snprintf(context->errstr, sizeof(context->errstr), "TLS: %s", why);
	return false;
}

static bool fail_because(redisContext *context, const SSL *ssl)
{
	long verdict = SSL_get_verify_result(ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	if (verdict != X509_V_OK)
		reason = X509_verify_cert_error_string(verdict);
	(void)fail(context, reason ? reason : "the server has closed the connection");
	ERR_clear_error();
	return false;
}

static bool shake_hands(redisContext *context, SSL *ssl, int64_t deadline_ms)
{
	int done;

	while ((done = SSL_do_handshake(ssl)) != 1) {
		int64_t left_ms = deadline_ms - weir_clock_monotonic_ms(weir_clock_system());
		int wants = SSL_get_error(ssl, done);
		struct pollfd polled = { .fd = context->fd, .events = wants == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN };

		if (wants != SSL_ERROR_WANT_READ && wants != SSL_ERROR_WANT_WRITE)
			return fail_because(context, ssl);
		if (left_ms <= 0)
			return fail(context, "no answer in time");
		(void)poll(&polled, 1, (int)left_ms); /* should it fail, the deadline ends this */
	}
	return true;
}

bool weir_redis_tls_begin(const struct weir_redis_tls *tls, redisContext *context, const char *host, int64_t deadline_ms)
{
	SSL *ssl = SSL_new(tls->settings);

	if (!ssl || !expect(ssl, host)) {
		SSL_free(ssl);
		ERR_clear_error();
		return fail(context, "out of memory");
	}
	if (redisInitiateSSL(context, ssl) == REDIS_OK) /* the context's from here on */
		return shake_hands(context, ssl, deadline_ms);
	(void)fail_because(context, ssl);
	SSL_free(ssl);
	return false;
}
