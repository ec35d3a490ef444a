/* SPDX-License-Identifier: Apache-2.0
 *
 * dynamodb:// URLs: what they mean, what is refused and in which words, and what is taken from the environment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <weir/pool.h>
#include <weir/query.h>

#include "backends/dynamodb/options.h"
#include "support/scratch.h"

static enum weir_status parse(const char *url, struct weir_dynamodb_options *options, char why[300])
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice rest = weir_slice_text(url), path = weir_slice_cut(&rest, '?');
	struct weir_query query;
	struct weir_backend_url parsed = { "dynamodb", weir_pool_dup(pool, path).data, &query };
	enum weir_status status;

	assert_int_equal(weir_query_parse(pool, rest, 0, &query), WEIR_OK);
	why[0] = '\0';
	status = weir_dynamodb_options_parse(&parsed, why, 300, options);
	weir_pool_destroy(pool);
	return status;
}

static struct weir_dynamodb_options parsed(const char *url)
{
	struct weir_dynamodb_options options;
	char why[300];

	if (parse(url, &options, why) != WEIR_OK)
		fail_msg("%s: %s", url, why);
	return options;
}

static void assert_refused(const char *url, const char *expected)
{
	struct weir_dynamodb_options options;
	char why[300];

	assert_int_equal(parse(url, &options, why), WEIR_ERR_CONFIG);
	assert_string_equal(why, expected);
}

/* Nothing of the machine's own settings, in any test. */
static int forget_environment(void **state)
{
	static const char *const names[] = { "AWS_REGION",          "AWS_DEFAULT_REGION",        "AWS_PROFILE",
					     "AWS_DEFAULT_PROFILE", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unsetenv(names[i]);
	return setenv("AWS_CONFIG_FILE", "/dev/null", 1) + setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
}

static void test_dynamodb_options_have_defaults(void **state)
{
	struct weir_dynamodb_options options = parsed("//cache?region=eu-west-1");

	(void)state;
	assert_string_equal(options.table, "cache");
	assert_string_equal(options.region, "eu-west-1");
	assert_string_equal(options.profile, "default");
	assert_string_equal(options.endpoint, "https://dynamodb.eu-west-1.amazonaws.com");
	assert_string_equal(options.ttl_attribute, "ttl");
	assert_false(options.create);
	assert_false(options.consistent);
	assert_int_equal(options.connect_timeout_ms, 500);
	assert_int_equal(options.read_timeout_ms, 1000);
	assert_int_equal(options.total_timeout_ms, 2000);
	assert_int_equal(options.connections, 32);
	assert_string_equal(parsed("//cache?region=cn-north-1").endpoint, "https://dynamodb.cn-north-1.amazonaws.com.cn");
}

static void test_dynamodb_options_are_taken(void **state)
{
	struct weir_dynamodb_options options =
		parsed("//My_cache-2.x?region=r&profile=web&endpoint=http://127.0.0.1:8000&create=true&consistent=true"
		       "&ttl_attribute=expires&connect_timeout_ms=1&read_timeout_ms=600000&total_timeout_ms=30"
		       "&connections=64");

	(void)state;
	assert_string_equal(options.table, "My_cache-2.x");
	assert_string_equal(options.profile, "web");
	assert_string_equal(options.endpoint, "http://127.0.0.1:8000");
	assert_string_equal(options.ttl_attribute, "expires");
	assert_true(options.create);
	assert_true(options.consistent);
	assert_int_equal(options.connect_timeout_ms, 1);
	assert_int_equal(options.read_timeout_ms, 600000);
	assert_int_equal(options.total_timeout_ms, 30);
	assert_int_equal(options.connections, 64);
	assert_false(parsed("//cache?region=r&create=false").create);
}

static void test_dynamodb_options_refuse_tables_that_cannot_be(void **state)
{
	static const char expected[] = "dynamodb: wants dynamodb://TABLE, the table's name: 3 to 255 letters, digits, '_', '-' and '.'";
	char url[300] = "//";

	(void)state;
	assert_refused("cache?region=r", expected);
	assert_refused("//ab?region=r", expected);
	assert_refused("//a\"b\"c?region=r", expected);
	assert_refused("//user:secret@table?region=r", expected);
	memset(url + 2, 't', 255);
	(void)snprintf(url + 257, sizeof(url) - 257, "?region=r");
	assert_int_equal(strlen(parsed(url).table), 255);
	memset(url + 2, 't', 256);
	(void)snprintf(url + 258, sizeof(url) - 258, "?region=r");
	assert_refused(url, expected);
}

static void test_dynamodb_options_refuse_wrong_values(void **state)
{
	(void)state;
	assert_refused("//cache?region=r&create=yes", "dynamodb: option create is \"yes\"; allowed: true, false");
	assert_refused("//cache?region=r&consistent=", "dynamodb: option consistent is \"\"; allowed: true, false");
	assert_refused("//cache?region=r&read_timeout_ms=0", "dynamodb: option read_timeout_ms is \"0\"; allowed: 1 to 600000");
	assert_refused("//cache?region=r&connect_timeout_ms=1s", "dynamodb: option connect_timeout_ms is \"1s\"; allowed: 1 to 600000");
	assert_refused("//cache?region=r&total_timeout_ms=600001", "dynamodb: option total_timeout_ms is \"600001\"; allowed: 1 to 600000");
	assert_refused("//cache?region=r&connections=65", "dynamodb: option connections is \"65\"; allowed: 1 to 64");
	assert_refused("//cache?region=eu/west", "dynamodb: the region is made of letters, digits and '-', such as eu-west-1");
	assert_refused("//cache?region=r&profile=a]b",
		       "dynamodb: the profile's name has 1 to 64 letters, digits, spaces and any of _.-@+/:");
	assert_refused("//cache?region=r&ttl_attribute=sk",
		       "dynamodb: option ttl_attribute must not be one of pk, sk, k, v, e, s and t, which have another use");
	assert_refused("//cache?region=r&ttl_attribute=a%22b",
		       "dynamodb: option ttl_attribute has 1 to 255 letters, digits, '_', '-' and '.'");
}

static void test_dynamodb_options_refuse_endpoints_with_secrets(void **state)
{
	static const char expected[] = "dynamodb: the endpoint is http://HOST:PORT or https://HOST, without user, password or query";
	static const char *const endpoints[] = { "http://user:secret@host", "http://user@host", "ftp://host",    "host:80",
						 "http://host/%3Fa=1",      "http://host/%23a", "http://host:x", "" };
	char url[200];

	(void)state;
	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
		(void)snprintf(url, sizeof(url), "//cache?region=r&endpoint=%s", endpoints[i]);
		assert_refused(url, expected);
	}
}

static void test_dynamodb_options_need_a_region_unless_there_is_an_endpoint(void **state)
{
	(void)state;
	assert_refused("//cache", "dynamodb: no region: neither option region, nor AWS_REGION, nor one in the profile");
	assert_string_equal(parsed("//cache?endpoint=http://localhost:1").region, "us-east-1");
}

static void test_dynamodb_options_come_from_the_environment(void **state)
{
	(void)state;
	(void)setenv("AWS_REGION", "", 1);
	(void)setenv("AWS_DEFAULT_REGION", "eu-north-1", 1);
	(void)setenv("AWS_ENDPOINT_URL", "http://localhost:8000", 1);
	(void)setenv("AWS_PROFILE", "work", 1);
	assert_string_equal(parsed("//cache").region, "eu-north-1");
	assert_string_equal(parsed("//cache").endpoint, "http://localhost:8000");
	assert_string_equal(parsed("//cache").profile, "work");
	(void)setenv("AWS_REGION", "eu-south-1", 1);
	(void)setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8001", 1);
	assert_string_equal(parsed("//cache").region, "eu-south-1");
	assert_string_equal(parsed("//cache").endpoint, "http://localhost:8001");
	assert_string_equal(parsed("//cache?region=r").region, "r");
	assert_string_equal(parsed("//cache?endpoint=http://localhost:8002").endpoint, "http://localhost:8002");
	assert_string_equal(parsed("//cache?profile=home").profile, "home");
}

static void test_dynamodb_region_comes_from_the_profile(void **state)
{
	struct weir_scratch scratch;
	FILE *file;

	(void)state;
	weir_scratch_init(&scratch);
	file = fopen(weir_scratch_file(&scratch, "config"), "w");
	assert_non_null(file);
	(void)fputs("[default]\nregion = eu-west-1\n[profile web]\nregion=eu-west-2\n[profile bad]\nregion=eu west\n", file);
	assert_int_equal(fclose(file), 0);
	(void)setenv("AWS_CONFIG_FILE", weir_scratch_file(&scratch, "config"), 1);
	assert_string_equal(parsed("//cache").region, "eu-west-1");
	assert_string_equal(parsed("//cache?profile=web").region, "eu-west-2");
	assert_string_equal(parsed("//cache?profile=web&region=r").region, "r");
	assert_refused("//cache?profile=bad", "dynamodb: no region: neither option region, nor AWS_REGION, nor one in the profile");
	assert_refused("//cache?profile=none", "dynamodb: no region: neither option region, nor AWS_REGION, nor one in the profile");
	weir_scratch_finish(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_dynamodb_options_have_defaults, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_options_are_taken, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_options_refuse_tables_that_cannot_be, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_options_refuse_wrong_values, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_options_refuse_endpoints_with_secrets, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_options_need_a_region_unless_there_is_an_endpoint, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_options_come_from_the_environment, forget_environment),
		cmocka_unit_test_setup(test_dynamodb_region_comes_from_the_profile, forget_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
