/* SPDX-License-Identifier: Apache-2.0
 *
 * The URLs of the memcached drivers, as the library opens them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <weir/query.h>

#include "backends/memcached/options.h"

static void test_memcached_options_servers(void **state)
{
	struct weir_backend_url url = { "memcached", "//b:11212,a*3,[::1],127.0.0.1:9*1000", &(struct weir_query){ 0 } };
	struct weir_memcached_options options;
	char why[200];

	(void)state;
	assert_int_equal(weir_memcached_options_parse(&url, &options, why, sizeof(why)), WEIR_OK);
	assert_int_equal(options.server_count, 4);
	assert_string_equal(options.servers[0].text, "127.0.0.1:9");
	assert_int_equal(options.servers[0].weight, 1000);
	assert_string_equal(options.servers[1].text, "[::1]:11211");
	assert_string_equal(options.servers[1].host, "::1");
	assert_int_equal(options.servers[1].port, 11211);
	assert_string_equal(options.servers[2].text, "a:11211");
	assert_int_equal(options.servers[2].weight, 3);
	assert_string_equal(options.servers[3].host, "b");
	assert_int_equal(options.servers[3].port, 11212);
	assert_int_equal(options.servers[3].weight, 1);
	assert_string_equal(options.prefix, "weir:");
	assert_int_equal(options.connect_timeout_ms, 250);
	assert_int_equal(options.read_timeout_ms, 250);
	assert_int_equal(options.total_timeout_ms, 500);
	weir_memcached_options_finish(&options);
}

static void test_memcached_options_socket(void **state)
{
	struct weir_backend_url url = { "memcached+unix", "///run/a@b/memcached.sock", &(struct weir_query){ 0 } };
	struct weir_memcached_options options;
	char why[200];

	(void)state;
	assert_int_equal(weir_memcached_options_parse(&url, &options, why, sizeof(why)), WEIR_OK);
	assert_int_equal(options.server_count, 1);
	assert_string_equal(options.servers[0].host, "/run/a@b/memcached.sock");
	assert_int_equal(options.servers[0].port, 0);
	weir_memcached_options_finish(&options);
}

/* The reason for which the library refuses the URL. */
static const char *refusal(const char *url)
{
	static char why[400];
	const struct weir_backend_env env = { .drivers = &weir_backend_module };
	struct weir_backend *backend = NULL;

	memset(why, 0, sizeof(why));
	if (weir_backend_open(url, &env, why, sizeof(why), &backend) == WEIR_OK) {
		weir_backend_close(backend);
		fail_msg("\"%s\" is opened", url);
	}
	assert_null(strchr(why, '\n'));
	return why;
}

static void expect_refusal(const char *url, const char *says)
{
	const char *why = refusal(url);

	if (!strstr(why, says))
		fail_msg("\"%s\": \"%s\" is not in \"%s\"", url, says, why);
}

static void test_memcached_options_bad_servers(void **state)
{
	static const char *const urls[] = {
		"memcached:",         "memcached:host",        "memcached://",          "memcached://,",       "memcached://a,,b",
		"memcached://a,",     "memcached://a:0",       "memcached://a:",        "memcached://a:65536", "memcached://a:1:2",
		"memcached://::1",    "memcached://[::1",      "memcached://[::1]2",    "memcached://a b",     "memcached://a*0",
		"memcached://a*1001", "memcached://a*",        "memcached://a*x",       "memcached://a/0",     "memcached://[]:1",
		"memcached://:1",     "memcached://a,b,a",     "memcached://a,a:11211", "memcached+unix:",     "memcached+unix://a",
		"memcached+unix:///", "memcached+unix:/tmp/s",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
		assert_true(strlen(refusal(urls[i])) > 20);
	expect_refusal("memcached://a,b:1,a", "twice");
	expect_refusal("memcached://a:70000", "1 to 65535");
	expect_refusal("memcached://a*5000", "1 to 1000");
}

static void test_memcached_options_long_servers(void **state)
{
	char url[4096] = "memcached+unix:///";
	size_t len;

	(void)state;
	memset(url + 18, 's', 106);
	url[18 + 106] = '\0';
	assert_true(strlen(refusal("memcached+unix:///")) > 20);
	url[18 + 106] = 's';
	url[18 + 107] = '\0';
	expect_refusal(url, "at most 107 bytes");
	len = (size_t)snprintf(url, sizeof(url), "memcached://");
	for (int i = 0; i <= WEIR_MEMCACHED_SERVERS_MAX; i++)
		len += (size_t)snprintf(url + len, sizeof(url) - len, "%sserver%d", i ? "," : "", i);
	expect_refusal(url, "64 servers");
	memset(url, 'h', sizeof(url));
	memcpy(url, "memcached://", 12);
	url[12 + 300] = '\0';
	assert_true(strlen(refusal(url)) > 20);
}

/* Memcached's text protocol has no users; somebody who gives one must not find the password in a log. */
static void test_memcached_options_tell_no_password(void **state)
{
	(void)state;
	expect_refusal("memcached://user:secret@host", "no user");
	expect_refusal("memcached:user:secret@host", "no user");
	expect_refusal("memcached://host,user:secret@host:99999", "no user");
	assert_null(strstr(refusal("memcached://user:secret@host"), "secret"));
	assert_null(strstr(refusal("memcached:user:secret@host"), "secret"));
	assert_null(strstr(refusal("memcached://host,user:secret@host:99999"), "secret"));
}

static void test_memcached_options_values(void **state)
{
	const struct weir_backend_env env = { .drivers = &weir_backend_module };
	struct weir_backend *backend;
	char why[300];

	(void)state;
	assert_int_equal(weir_backend_open("memcached://a?prefix=p/&connect_timeout_ms=1&read_timeout_ms=60000&total_timeout_ms=7", &env,
					   why, sizeof(why), &backend),
			 WEIR_OK);
	weir_backend_close(backend);
	expect_refusal("memcached://a?timeout=1", "total_timeout_ms");
	expect_refusal("memcached://a?read_timeout_ms=0", "read_timeout_ms");
	expect_refusal("memcached://a?connect_timeout_ms=60001", "connect_timeout_ms");
	expect_refusal("memcached://a?total_timeout_ms=1s", "total_timeout_ms");
	expect_refusal("memcached://a?prefix=a%20b", "prefix");
	expect_refusal("memcached://a?prefix=a%0Ab", "prefix");
	expect_refusal("memcached://a?prefix=0123456789012345678901234567890123456789012345678901234567890123456789", "64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memcached_options_servers),          cmocka_unit_test(test_memcached_options_socket),
		cmocka_unit_test(test_memcached_options_bad_servers),      cmocka_unit_test(test_memcached_options_long_servers),
		cmocka_unit_test(test_memcached_options_tell_no_password), cmocka_unit_test(test_memcached_options_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
