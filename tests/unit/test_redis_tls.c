/* SPDX-License-Identifier: Apache-2.0
 *
 * The Redis driver and certificates: whom it trusts, what it says of those that it does not, and servers that do not shake hands. Built
 * where hiredis has TLS.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/redis_client.h"
#include "support/redis_tls.h"

/* Long enough for a busy machine, and yet a limit. */
#define CONNECT_MS 2000

static struct weir_redis_tls_setup tls;
static struct weir_redis_servers servers;

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

/* `ca` and `cert` are names of certificates; `cert` NULL: none is shown. */
static void open_client(struct weir_redis_client *client, const char *address, const char *ca, const char *cert)
{
	char url[900], shown[400] = "";

	if (cert)
		(void)snprintf(shown, sizeof(shown), "&tls_cert=%s/%s.pem&tls_key=%s/%s.key", tls.scratch.folder, cert, tls.scratch.folder,
			       cert);
	(void)snprintf(url, sizeof(url),
		       "redis://%s?tls=true&tls_ca=%s/%s.pem%s&connect_timeout_ms=%d&read_timeout_ms=%d&total_timeout_ms=%d", address,
		       tls.scratch.folder, ca, shown, CONNECT_MS, CONNECT_MS, 2 * CONNECT_MS);
	weir_redis_client_open(client, url);
}

/* "HOST:PORT" of the port that speaks TLS; static storage. */
static const char *at(const char *host)
{
	static char address[64];

	(void)snprintf(address, sizeof(address), "%s:%s", host, tls.port);
	return address;
}

static void assert_works(const char *address, const char *ca, const char *cert)
{
	struct weir_redis_client client;
	char value[20], why[300] = "";

	open_client(&client, address, ca, cert);
	assert_int_equal(client.ops->check(client.self, why, sizeof(why)), WEIR_OK);
	assert_int_equal(weir_redis_client_set(&client, "key", "value"), WEIR_OK);
	assert_int_equal(weir_redis_client_get(&client, "key", value, sizeof(value)), WEIR_OK);
	assert_string_equal(value, "value");
	weir_redis_client_close(&client);
}

/* In time, and with that in what it says. */
static void assert_refused(const char *address, const char *ca, const char *cert, const char *reason)
{
	struct weir_redis_client client;
	int64_t begun_ms = now_ms();
	char why[300] = "";

	open_client(&client, address, ca, cert);
	assert_true(client.ops->check(client.self, why, sizeof(why)) < 0);
	assert_true(now_ms() - begun_ms < 3 * CONNECT_MS);
	if (!strstr(why, reason))
		fail_msg("\"%s\" does not say \"%s\"", why, reason);
	assert_non_null(strstr(client.lines, reason));
	weir_redis_client_close(&client);
}

static void test_redis_tls_server_is_known_by_name_and_address(void **state)
{
	(void)state;
	assert_works(at("localhost"), "server", "client");
	assert_works(at("127.0.0.1"), "server", "client");
}

static void test_redis_tls_unknown_signer_is_refused(void **state)
{
	(void)state;
	assert_refused(at("localhost"), "other", "client", "TLS: self-signed certificate");
}

/* Signed by one who is trusted, but for another host. */
static void test_redis_tls_certificate_of_another_host_is_refused(void **state)
{
	char cert[128], key[128];

	(void)state;
	(void)snprintf(cert, sizeof(cert), "%s", weir_scratch_file(&tls.scratch, "other.pem"));
	(void)snprintf(key, sizeof(key), "%s", weir_scratch_file(&tls.scratch, "other.key"));
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET tls-cert-file %s tls-key-file %s", cert, key);
	assert_refused(at("localhost"), "other", "client", "TLS: hostname mismatch");
	assert_refused(at("127.0.0.1"), "other", "client", "TLS: IP address mismatch");
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET tls-cert-file %s tls-key-file %s", tls.cert, tls.key);
	assert_works(at("localhost"), "server", "client");
}

/* The server says why, but after the handshake, and may close the connection before anybody has heard it. */
static void test_redis_tls_client_shows_its_certificate(void **state)
{
	(void)state;
	assert_works(at("localhost"), "server", "client");
	assert_refused(at("localhost"), "server", NULL, "redis localhost:");
	assert_refused(at("localhost"), "server", "other", "redis localhost:");
}

static void test_redis_tls_server_without_tls_is_refused(void **state)
{
	(void)state;
	assert_refused(servers.addresses[0], "server", NULL, "TLS: ");
}

static void test_redis_tls_silent_server_is_given_up_in_time(void **state)
{
	(void)state;
	weir_server_freeze(&servers.servers[0]);
	assert_refused(at("localhost"), "server", NULL, "TLS: no answer in time");
	weir_server_thaw(&servers.servers[0]);
	assert_works(at("localhost"), "server", "client");
}

/* More than a record of TLS holds, both ways. */
static void test_redis_tls_large_values_go_through(void **state)
{
	static char value[300000], found[300000];
	struct weir_redis_client client;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	open_client(&client, at("localhost"), "server", "client");
	for (size_t cut = 1; cut < sizeof(value); cut = 7 * cut) {
		assert_int_equal(weir_redis_client_set(&client, "large", value + cut), WEIR_OK);
		assert_int_equal(weir_redis_client_get(&client, "large", found, sizeof(found)), WEIR_OK);
		assert_string_equal(found, value + cut);
	}
	weir_redis_client_close(&client);
}

static void test_redis_tls_files_must_be_there(void **state)
{
	static const char *const wrong[] = { "tls_ca=/nowhere", "tls_cert=/nowhere&tls_key=/nowhere" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct weir_backend_env env = { .drivers = &weir_backend_module };
		struct weir_backend *backend;
		char url[200], why[200];

		(void)snprintf(url, sizeof(url), "redis://localhost?tls=true&%s", wrong[i]);
		assert_int_equal(weir_backend_open(url, &env, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
		assert_non_null(
			strstr(why, i == 0 ? "option tls_ca: the file cannot be read" : "option tls_cert: the file cannot be read"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis_tls_server_is_known_by_name_and_address),
		cmocka_unit_test(test_redis_tls_unknown_signer_is_refused),
		cmocka_unit_test(test_redis_tls_certificate_of_another_host_is_refused),
		cmocka_unit_test(test_redis_tls_client_shows_its_certificate),
		cmocka_unit_test(test_redis_tls_server_without_tls_is_refused),
		cmocka_unit_test(test_redis_tls_silent_server_is_given_up_in_time),
		cmocka_unit_test(test_redis_tls_large_values_go_through),
		cmocka_unit_test(test_redis_tls_files_must_be_there),
	};
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_tls_setup(&tls, "yes");
	weir_redis_servers_start(&servers, 1, tls.options);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	weir_redis_servers_stop(&servers);
	weir_scratch_finish(&tls.scratch);
	return failed;
}
