/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS by hiredis_ssl, on OpenSSL's own settings: hiredis's would check who has signed the server's certificate, but not that it is this
 * server's.
 */
#include "tls.h"

#include <hiredis/hiredis_ssl.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

struct weir_redis_tls {
	SSL_CTX *settings;
};

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

bool weir_redis_tls_begin(const struct weir_redis_tls *tls, redisContext *context, const char *host)
{
	SSL *ssl = SSL_new(tls->settings);

	if (ssl && expect(ssl, host) && redisInitiateSSL(context, ssl) == REDIS_OK)
		return true;
	SSL_free(ssl);
	ERR_clear_error();
	return false;
}
