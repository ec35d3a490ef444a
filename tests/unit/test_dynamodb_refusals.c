/* SPDX-License-Identifier: Apache-2.0
 *
 * The dynamodb driver and a server that refuses what it is asked, at once or in part, for as long as a call may take: no call takes longer,
 * and what fails is what was refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dynamodb_front.h"

/* What a machine with other things to do may take longer. */
#define BUSY_MS 1000

#define TOTAL_MS 300

static bool go_on(void *state, struct weir_slice key, struct weir_slice value)
{
	(void)state;
	(void)key;
	(void)value;
	return true;
}

/* One operation of the driver, by number. */
static enum weir_status do_one(struct weir_dynamodb_host *host, int what)
{
	struct weir_backend_get get = { .key = WEIR_SLICE_LITERAL("key") };
	uint64_t clock;
	size_t removed;
	char why[300];

	switch (what) {
	case 0:
		return weir_dynamodb_host_read(host, &get, NULL, NULL);
	case 1:
		return weir_dynamodb_host_set(host, get.key, get.key, WEIR_EXPIRES_NEVER);
	case 2:
		return weir_backend_dynamodb.remove(host->client, &get.key, 1, &removed);
	case 3:
		return weir_dynamodb_host_clear(host, get.key, 0, &clock);
	case 4:
		return weir_dynamodb_host_lease(host, WEIR_LEASE_TAKE, "key", 1);
	case 5:
		return weir_backend_dynamodb.walk(host->client, WEIR_SLICE_NONE, true, go_on, NULL);
	default:
		return weir_dynamodb_host_check(host, why);
	}
}

/* Tries again for as long as a call may take, and no longer. */
static void assert_fails_in_time(struct weir_dynamodb_host *host, int what, enum weir_status expected)
{
	int64_t begun_ms = weir_dynamodb_now_ms();

	assert_int_equal(do_one(host, what), expected);
	assert_in_range(weir_dynamodb_now_ms() - begun_ms, TOTAL_MS / 10, TOTAL_MS + BUSY_MS);
}

static void test_dynamodb_throttling_ends_with_the_deadline(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--throttle", "1", NULL }, "");

	(void)state;
	host->client->options.total_timeout_ms = TOTAL_MS;
	assert_fails_in_time(host, 0, WEIR_ERR_BACKEND);
	host->client->table_ready = true; /* as if there had been no throttling when it was looked at */
	for (int what = 0; what < 6; what++)
		assert_fails_in_time(host, what, WEIR_ERR_BACKEND);
	host->client->options.create = false;
	assert_fails_in_time(host, 6, WEIR_ERR_BACKEND);
	assert_non_null(strstr(host->log, "ProvisionedThroughputExceededException: throttled"));
	weir_dynamodb_front_close(host);
}

/* Batches that are answered, but of which nothing is done. */
static void test_dynamodb_starving_ends_with_the_deadline(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--starve", NULL }, "");
	char why[300];

	(void)state;
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	host->client->options.total_timeout_ms = TOTAL_MS;
	assert_fails_in_time(host, 0, WEIR_ERR_TIMEOUT);
	assert_fails_in_time(host, 1, WEIR_ERR_TIMEOUT);
	weir_dynamodb_front_close(host);
}

/* One lease that fails, of a batch, fails alone; so does one of a key that cannot be. Those behind them, on the same keys too, are done. */
static void test_dynamodb_failing_lease_fails_alone(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--deny", "lease:denied", NULL }, "");
	struct weir_slice one = WEIR_SLICE_LITERAL("one"), two = WEIR_SLICE_LITERAL("two"), denied = WEIR_SLICE_LITERAL("denied");
	struct weir_backend_lease leases[] = {
		{ WEIR_LEASE_TAKE, one, 1, 60000, WEIR_ERR_STATE },    { WEIR_LEASE_TAKE, denied, 1, 60000, WEIR_ERR_STATE },
		{ WEIR_LEASE_TAKE, two, 1, 60000, WEIR_ERR_STATE },    { WEIR_LEASE_TAKE, WEIR_SLICE_NONE, 1, 60000, WEIR_ERR_STATE },
		{ WEIR_LEASE_TAKE, one, 2, 60000, WEIR_ERR_STATE },    { WEIR_LEASE_RENEW, denied, 1, 60000, WEIR_ERR_STATE },
		{ WEIR_LEASE_RELEASE, two, 1, 60000, WEIR_ERR_STATE },
	};
	static const enum weir_status expected[] = { WEIR_OK,   WEIR_ERR_BACKEND, WEIR_OK, WEIR_ERR_LIMIT,
						     WEIR_BUSY, WEIR_ERR_BACKEND, WEIR_OK };

	(void)state;
	assert_int_equal(weir_backend_dynamodb.lease_many(host->client, leases, 7), WEIR_OK);
	for (size_t i = 0; i < 7; i++)
		assert_int_equal(leases[i].status, expected[i]);
	assert_int_equal(weir_dynamodb_host_lease(host, WEIR_LEASE_RENEW, "one", 1), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(host, WEIR_LEASE_TAKE, "two", 2), WEIR_OK);
	weir_dynamodb_front_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_throttling_ends_with_the_deadline),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_starving_ends_with_the_deadline),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_failing_lease_fails_alone),
	};

	return WEIR_DYNAMODB_FRONT_RUN(tests);
}
