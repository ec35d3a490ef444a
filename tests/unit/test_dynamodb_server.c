/* SPDX-License-Identifier: Apache-2.0
 *
 * The dynamodb driver and a server that fails: not there, gone, frozen, with a table that is not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dynamodb_pair.h"

/* What a machine with other things to do may take longer. */
#define BUSY_MS 1000

#define KEY WEIR_SLICE_LITERAL("key")
#define VALUE WEIR_SLICE_LITERAL("value")

/* -- Not there ------------------------------------------------------------------------------------------------------------- */

static void assert_all_fail(struct weir_dynamodb_host *host, enum weir_status expected)
{
	struct weir_backend_get get = { .key = KEY, .owner = &get };
	struct weir_slice key = KEY;
	uint64_t clock;
	size_t removed;

	assert_int_equal(weir_dynamodb_host_read(host, &get, NULL, NULL), expected);
	assert_null(get.owner);
	assert_int_equal(weir_dynamodb_host_set(host, KEY, VALUE, WEIR_EXPIRES_NEVER), expected);
	assert_int_equal(weir_backend_dynamodb.remove(host->client, &key, 1, &removed), expected);
	assert_int_equal(weir_dynamodb_host_clear(host, KEY, 0, &clock), expected);
	assert_int_equal(weir_dynamodb_host_lease(host, WEIR_LEASE_TAKE, "key", 1), expected);
	assert_int_equal(weir_backend_dynamodb.walk(host->client, KEY, false, NULL, NULL), expected);
}

static void test_dynamodb_server_may_come_later(void **state)
{
	struct weir_dynalite later = { .server = { 0 } };
	struct weir_dynamodb_host *host;
	char why[300];

	(void)state;
	weir_server_address(later.address, sizeof(later.address), weir_server_free_port());
	(void)snprintf(later.endpoint, sizeof(later.endpoint), "http://%s", later.address);
	host = weir_dynamodb_host_open("cache", WEIR_DYNAMODB_OPTIONS, later.endpoint);
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_IO);
	assert_string_equal(why, "dynamodb: table cache: DescribeTable: Couldn't connect to server");
	assert_all_fail(host, WEIR_ERR_IO);
	assert_int_equal(weir_dynamodb_host_told(host, "Couldn't connect"), 1);
	weir_dynalite_run(&later, "/dev/null");
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_set(host, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_true(weir_dynamodb_has(host, KEY));
	assert_int_equal(weir_dynamodb_host_told(host, "answers again"), 1);
	weir_dynalite_stop(&later);
	weir_dynamodb_host_close(host);
}

static void test_dynamodb_server_may_have_no_such_table(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_host_open("none", "create=false", weir_dynamodb_pair.dynalite.endpoint);
	char why[300];

	(void)state;
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_BACKEND);
	assert_string_equal(
		why, "dynamodb: table none: DescribeTable: ResourceNotFoundException: there is no such table; create=true makes one");
	assert_all_fail(host, WEIR_ERR_BACKEND);
	weir_dynamodb_host_close(host);
}

static void test_dynamodb_server_may_have_another_table_of_that_name(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_host_open("other", "create=true", weir_dynamodb_pair.dynalite.endpoint);
	struct weir_dynamodb_pair *own = *state;
	char why[300];

	json_object_put(weir_dynamodb_call_api(own->a, "CreateTable",
					       "{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\","
					       "\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"}],"
					       "\"KeySchema\":[{\"AttributeName\":\"id\",\"KeyType\":\"HASH\"}]}",
					       "other"));
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_CONFIG);
	assert_string_equal(why, "dynamodb: table other: the table's keys are not pk and sk: it is another program's");
	weir_dynamodb_host_close(host);
}

/* -- Gone, and frozen ------------------------------------------------------------------------------------------------------ */

static void test_dynamodb_server_may_be_killed_and_come_back_empty(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	struct weir_backend_get get = { .key = KEY };
	uint64_t made_at, clock, stamp;
	enum weir_status status;

	(void)weir_dynamodb_cell(own->a, "ns", &made_at);
	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	weir_dynalite_stop(&own->dynalite);
	status = weir_dynamodb_host_read(own->a, &get, NULL, NULL);
	assert_true(status == WEIR_ERR_IO || status == WEIR_ERR_BACKEND);
	assert_null(get.owner);
	weir_dynalite_run(&own->dynalite, "/dev/null");
	assert_false(weir_dynamodb_has(own->a, KEY));
	stamp = weir_dynamodb_cell(own->a, "ns", &clock);
	assert_false(weir_clear_clock_valid(made_at, clock, stamp));
	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_true(weir_dynamodb_has(own->b, KEY));
}

static void assert_in_time(struct weir_dynamodb_host *host, enum weir_status status, int64_t begun_ms)
{
	int64_t took_ms = weir_dynamodb_now_ms() - begun_ms;

	assert_int_equal(status, WEIR_ERR_TIMEOUT);
	assert_in_range(took_ms, host->client->options.read_timeout_ms, host->client->options.total_timeout_ms + BUSY_MS);
}

static void test_dynamodb_server_may_be_frozen(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	struct weir_dynamodb_host *host =
		weir_dynamodb_host_open(own->table, "create=true&read_timeout_ms=150&total_timeout_ms=400", own->dynalite.endpoint);
	struct weir_backend_get get = { .key = KEY };
	uint64_t clock;
	int64_t begun_ms;

	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_true(weir_dynamodb_has(host, KEY));
	weir_server_freeze(&own->dynalite.server);
	begun_ms = weir_dynamodb_now_ms();
	assert_in_time(host, weir_dynamodb_host_read(host, &get, NULL, NULL), begun_ms);
	assert_null(get.owner);
	begun_ms = weir_dynamodb_now_ms();
	assert_in_time(host, weir_dynamodb_host_set(host, KEY, VALUE, WEIR_EXPIRES_NEVER), begun_ms);
	begun_ms = weir_dynamodb_now_ms();
	assert_in_time(host, weir_dynamodb_host_clear(host, KEY, 0, &clock), begun_ms);
	begun_ms = weir_dynamodb_now_ms();
	assert_in_time(host, weir_dynamodb_host_lease(host, WEIR_LEASE_TAKE, "key", 1), begun_ms);
	assert_int_equal(weir_dynamodb_host_told(host, "Timeout was reached"), 1);
	weir_server_thaw(&own->dynalite.server);
	assert_true(weir_dynamodb_has(own->a, KEY));
	assert_true(weir_dynamodb_has(host, KEY));
	assert_int_equal(weir_dynamodb_host_told(host, "answers again"), 1);
	weir_dynamodb_host_close(host);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, weir_dynamodb_pair_open, weir_dynamodb_pair_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dynamodb_server_may_come_later),
		TEST(test_dynamodb_server_may_have_no_such_table),
		TEST(test_dynamodb_server_may_have_another_table_of_that_name),
		TEST(test_dynamodb_server_may_be_killed_and_come_back_empty),
		TEST(test_dynamodb_server_may_be_frozen),
	};

	(void)unsetenv("WEIR_TEST_DYNAMODB_URL"); /* no other server bears what these do to it */
	if (!weir_dynalite_is_there())
		return 0;
	return cmocka_run_group_tests(tests, weir_dynamodb_pair_start, weir_dynamodb_pair_stop);
}
