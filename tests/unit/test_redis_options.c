/* SPDX-License-Identifier: Apache-2.0
 *
 * What the URL of a Redis backend may say, and that what it says wrongly is refused in words that give no secret away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <weir/pool.h>
#include <weir/query.h>

#include "backends/redis/options.h"

/* `text` is a whole URL. */
static enum weir_status parse(const char *text, struct weir_redis_options *options, char *why, size_t why_size)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice rest = weir_slice_text(text), scheme = weir_slice_cut(&rest, ':'), path = weir_slice_cut(&rest, '?');
	struct weir_query query;
	struct weir_backend_url url = { weir_pool_dup(pool, scheme).data, weir_pool_dup(pool, path).data, &query };
	enum weir_status status;

	assert_int_equal(weir_query_parse(pool, rest, 0, &query), WEIR_OK);
	status = weir_redis_options_parse(&url, options, why, why_size);
	weir_pool_destroy(pool);
	return status;
}

static struct weir_redis_options parsed(const char *text)
{
	struct weir_redis_options options;
	char why[300] = "";

	if (parse(text, &options, why, sizeof(why)) != WEIR_OK)
		fail_msg("%s: %s", text, why);
	return options;
}

static void assert_refused(const char *text, const char *expected)
{
	struct weir_redis_options options;
	char why[300] = "untouched";

	assert_int_equal(parse(text, &options, why, sizeof(why)), WEIR_ERR_CONFIG);
	assert_string_equal(why, expected);
}

static void test_redis_options_have_defaults(void **state)
{
	struct weir_redis_options options = parsed("redis://localhost");

	(void)state;
	assert_int_equal(options.seed_count, 1);
	assert_string_equal(options.seeds[0].host, "localhost");
	assert_int_equal(options.seeds[0].port, 6379);
	assert_string_equal(options.user, "");
	assert_string_equal(options.password, "");
	assert_string_equal(options.prefix, "weir:");
	assert_string_equal(options.reader.host, "");
	assert_int_equal(options.db, 0);
	assert_int_equal(options.connect_timeout_ms, 250);
	assert_int_equal(options.read_timeout_ms, 250);
	assert_int_equal(options.total_timeout_ms, 500);
	assert_int_equal(options.reclaim, WEIR_REDIS_RECLAIM_SCAN);
	assert_false(options.cluster);
	assert_false(options.tls);
}

static void test_redis_options_take_all_that_may_be_given(void **state)
{
	struct weir_redis_options options = parsed("redis://me:p%40ss%3Aw%2Fo:rd@10.0.0.1:7000/12?prefix=a-b:&read=[fe80::1]:7001&clear=lua"
						   "&connect_timeout_ms=1&read_timeout_ms=20&total_timeout_ms=60000"
						   "&tls=true&tls_ca=/ca.pem&tls_cert=/c.pem&tls_key=/k.pem");

	(void)state;
	assert_string_equal(options.user, "me");
	assert_string_equal(options.password, "p@ss:w/o:rd");
	assert_string_equal(options.seeds[0].host, "10.0.0.1");
	assert_int_equal(options.seeds[0].port, 7000);
	assert_int_equal(options.db, 12);
	assert_string_equal(options.prefix, "a-b:");
	assert_string_equal(options.reader.host, "fe80::1");
	assert_int_equal(options.reader.port, 7001);
	assert_int_equal(options.reclaim, WEIR_REDIS_RECLAIM_LUA);
	assert_int_equal(options.connect_timeout_ms, 1);
	assert_int_equal(options.read_timeout_ms, 20);
	assert_int_equal(options.total_timeout_ms, 60000);
	assert_true(options.tls);
	assert_string_equal(options.tls_ca, "/ca.pem");
	assert_string_equal(options.tls_cert, "/c.pem");
	assert_string_equal(options.tls_key, "/k.pem");
}

static void test_redis_options_take_a_password_alone(void **state)
{
	struct weir_redis_options options = parsed("redis://:secret@host");

	(void)state;
	assert_string_equal(options.user, "");
	assert_string_equal(options.password, "secret");
	assert_string_equal(options.seeds[0].host, "host");
}

static void test_redis_options_take_a_socket(void **state)
{
	struct weir_redis_options options = parsed("redis+unix:///run/redis%20one.sock?db=3");

	(void)state;
	assert_string_equal(options.seeds[0].host, "/run/redis one.sock");
	assert_int_equal(options.seeds[0].port, 0);
	assert_int_equal(options.db, 3);
	options = parsed("redis+unix://u:p@/s");
	assert_string_equal(options.seeds[0].host, "/s");
	assert_string_equal(options.user, "u");
	assert_string_equal(options.password, "p");
}

static void test_redis_options_take_the_nodes_of_a_cluster(void **state)
{
	struct weir_redis_options options = parsed("redis+cluster://u:p@h1:1,h2,[::1]:3/?clear=clock");

	(void)state;
	assert_true(options.cluster);
	assert_int_equal(options.seed_count, 3);
	assert_string_equal(options.seeds[0].host, "h1");
	assert_int_equal(options.seeds[0].port, 1);
	assert_string_equal(options.seeds[1].host, "h2");
	assert_int_equal(options.seeds[1].port, 6379);
	assert_string_equal(options.seeds[2].host, "::1");
	assert_int_equal(options.seeds[2].port, 3);
	assert_int_equal(options.reclaim, WEIR_REDIS_RECLAIM_CLOCK);
}

/* Each with a secret in it that must not come back. */
static void test_redis_options_refuse_other_urls(void **state)
{
	static const char wanted[] =
		"redis: wants redis://[[user]:password@]host[:port][/db]; what is special in user, password or path is "
		"written %XX";
	static const char *const wrong[] = {
		"redis:",
		"redis://",
		"redis:host",
		"redis:/host",
		"redis://secret@host",
		"redis://:secret@",
		"redis://u:secret@:6379",
		"redis://u:@secret",
		"redis://host:",
		"redis://host:0",
		"redis://host:65536",
		"redis://host:secret",
		"redis://a,secret",
		"redis://host/secret",
		"redis://host/65536",
		"redis://host/-1",
		"redis://[secret",
		"redis://[::1]6379",
		"redis://ho st",
		"redis://[]",
		"redis://u:secret%4@host",
		"redis://u:secret%00@host",
		"redis://u:secret%zz@host",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(wrong[i], wanted);
	assert_refused("redis+unix://host/secret", "redis+unix: wants redis+unix://[[user]:password@]/path/of/socket; what is special in "
						   "user, password or path is written %XX");
	assert_refused("redis+unix:///",
		       "redis+unix: wants redis+unix://[[user]:password@]/path/of/socket; what is special in user, password "
		       "or path is written %XX");
	assert_refused("redis+cluster://a,,secret",
		       "redis+cluster: wants redis+cluster://[[user]:password@]host[:port],host[:port],…; what "
		       "is special in user, password or path is written %XX");
	assert_refused("redis+cluster://a/1", "redis+cluster: wants redis+cluster://[[user]:password@]host[:port],host[:port],…; what is "
					      "special in user, password or path is written %XX");
}

static void test_redis_options_refuse_other_values(void **state)
{
	(void)state;
	assert_refused("redis://h?clear=keys", "redis: option clear is \"keys\"; allowed: clock, lua, scan");
	assert_refused("redis://h?prefix=a%20b", "redis: option prefix: allowed are 1 to 64 letters, digits and \"-._~:/=@+,\"");
	assert_refused("redis://h?prefix={x}", "redis: option prefix: allowed are 1 to 64 letters, digits and \"-._~:/=@+,\"");
	assert_refused("redis://h?prefix=", "redis: option prefix: allowed are 1 to 64 letters, digits and \"-._~:/=@+,\"");
	assert_refused("redis://h?prefix=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		       "redis: option prefix: allowed are 1 to 64 letters, digits and \"-._~:/=@+,\"");
	assert_refused("redis://h?db=x", "redis: option db is \"x\"; allowed: 0 to 65535");
	assert_refused("redis://h?db=", "redis: option db is \"\"; allowed: 0 to 65535");
	assert_refused("redis+cluster://h?db=1", "redis+cluster: option db is \"1\"; allowed: 0, in a cluster");
	assert_refused("redis://h?read_timeout_ms=0", "redis: option read_timeout_ms is \"0\"; allowed: milliseconds, 1 to 60000");
	assert_refused("redis://h?total_timeout_ms=60001",
		       "redis: option total_timeout_ms is \"60001\"; allowed: milliseconds, 1 to 60000");
	assert_refused("redis://h?connect_timeout_ms=1s", "redis: option connect_timeout_ms is \"1s\"; allowed: milliseconds, 1 to 60000");
	assert_refused("redis://h?read=u:secret@h",
		       "redis: option read: wants host[:port]; user and password are those of the other server");
	assert_refused("redis+cluster://h?read=h", "redis+cluster: option read is for redis: only");
	assert_refused("redis+unix:///s?read=h", "redis+unix: option read is for redis: only");
	assert_refused("redis://h?tls=yes", "redis: option tls is \"yes\"; allowed: false, true");
	assert_refused("redis://h?tls_ca=/x", "redis: option tls_ca is for tls=true");
	assert_refused("redis+unix:///s?tls=true", "redis+unix: option tls is for TCP only");
	assert_refused("redis://h?tls=true&tls_cert=/x", "redis: options tls_cert and tls_key go together");
}

/* A path that fits into a socket's address, and one that does not. */
static void test_redis_options_know_how_long_a_path_may_be(void **state)
{
	char url[200] = "redis+unix:///";
	struct weir_redis_options options;
	char why[300];

	(void)state;
	memset(url + strlen(url), 'a', 106);
	assert_int_equal(parse(url, &options, why, sizeof(why)), WEIR_OK);
	assert_int_equal(strlen(options.seeds[0].host), 107);
	memset(url + strlen(url), 'a', 1);
	assert_int_equal(parse(url, &options, why, sizeof(why)), WEIR_ERR_CONFIG);
}

static void test_redis_options_need_no_room_for_the_reason(void **state)
{
	struct weir_redis_options options;
	char why[12];

	(void)state;
	assert_int_equal(parse("redis://h?clear=keys", &options, why, sizeof(why)), WEIR_ERR_CONFIG);
	assert_string_equal(why, "redis: opti");
	assert_int_equal(parse("redis://h?clear=keys", &options, why, 1), WEIR_ERR_CONFIG);
	assert_string_equal(why, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis_options_have_defaults),
		cmocka_unit_test(test_redis_options_take_all_that_may_be_given),
		cmocka_unit_test(test_redis_options_take_a_password_alone),
		cmocka_unit_test(test_redis_options_take_a_socket),
		cmocka_unit_test(test_redis_options_take_the_nodes_of_a_cluster),
		cmocka_unit_test(test_redis_options_refuse_other_urls),
		cmocka_unit_test(test_redis_options_refuse_other_values),
		cmocka_unit_test(test_redis_options_know_how_long_a_path_may_be),
		cmocka_unit_test(test_redis_options_need_no_room_for_the_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
