/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dynamodb driver keeps in its table, what it makes of items that somebody else has put there, and what one host sees of
 * another's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dynamodb_pair.h"

#define KEY WEIR_SLICE_LITERAL("key")
#define VALUE WEIR_SLICE_LITERAL("value")

/* -- Another program's items ----------------------------------------------------------------------------------------------- */

struct seen {
	size_t visits;
};

static bool count_visit(void *state, struct weir_slice key, struct weir_slice value)
{
	struct seen *seen = state;

	(void)value;
	if (!key.data)
		return true;
	assert_true(weir_slice_equal(key, WEIR_SLICE_LITERAL("key")));
	seen->visits++;
	return true;
}

static void test_dynamodb_foreign_values_are_misses(void **state)
{
	static const char *const foreign[] = {
		"",
		",\"v\":{\"B\":\"dmFsdWU=\"}",
		",\"k\":{\"B\":\"a2V6\"},\"v\":{\"B\":\"dmFsdWU=\"}",
		",\"k\":{\"S\":\"key\"},\"v\":{\"S\":\"value\"}",
		",\"k\":{\"B\":\"a2V5\"},\"v\":{\"L\":[]}",
		",\"k\":{\"B\":\"a2V5\"},\"v\":{\"B\":\"dmFsdWU=\"},\"e\":{\"S\":\"never\"}",
	};
	struct weir_dynamodb_pair *own = *state;
	struct seen seen = { 0 };

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		weir_dynamodb_put_item(own->a, "value:key", foreign[i]);
		assert_false(weir_dynamodb_has(own->a, KEY));
		assert_int_equal(weir_backend_dynamodb.walk(own->a->client, WEIR_SLICE_NONE, true, count_visit, &seen), WEIR_OK);
		assert_int_equal(seen.visits, 0);
	}
	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	weir_dynamodb_put_item(own->a, "value:other", ",\"k\":{\"B\":\"a2V5\"}");
	weir_dynamodb_put_item(own->a, "other:key", ",\"k\":{\"B\":\"a2V5\"}");
	assert_int_equal(weir_backend_dynamodb.walk(own->a->client, WEIR_SLICE_NONE, true, count_visit, &seen), WEIR_OK);
	assert_int_equal(seen.visits, 1);
	assert_false(weir_dynamodb_has(own->a, KEY));
}

static bool ask_thrice(void *state, struct weir_slice key, struct weir_slice value)
{
	struct seen *seen = state;

	(void)value;
	assert_null(key.data);
	return ++seen->visits < 3;
}

/* Also where there is nothing to be visited. */
static void test_dynamodb_walk_ends_when_it_is_told_to(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	struct seen seen = { 0 };

	assert_int_equal(weir_backend_dynamodb.walk(own->a->client, WEIR_SLICE_NONE, false, ask_thrice, &seen), WEIR_OK);
	assert_int_equal(seen.visits, 3);
}

static void test_dynamodb_foreign_cells_are_overwritten(void **state)
{
	static const char *const foreign[] = { "", ",\"s\":{\"S\":\"text\"}", ",\"s\":{\"N\":\"1.5\"}", ",\"s\":{\"N\":\"7\"}" };
	struct weir_dynamodb_pair *own = *state;
	uint64_t clock, cleared;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		weir_dynamodb_put_item(own->a, "cell:ns", foreign[i]);
		assert_true(weir_dynamodb_cell(own->a, "ns", &clock) == 0);
		assert_int_equal(weir_dynamodb_host_clear(own->a, WEIR_SLICE_LITERAL("ns"), i % 2 ? 1000 : 0, &cleared), WEIR_OK);
		assert_true(cleared > clock);
		assert_true(weir_dynamodb_cell(own->b, "ns", &clock) == cleared);
	}
}

static void test_dynamodb_foreign_leases_are_nobodys(void **state)
{
	static const char *const foreign[] = { "", ",\"t\":{\"S\":\"x\"},\"e\":{\"S\":\"never\"}", ",\"e\":{\"N\":\"1\"}" };
	struct weir_dynamodb_pair *own = *state;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		weir_dynamodb_put_item(own->a, "lease:key", foreign[i]);
		assert_int_equal(weir_dynamodb_host_lease(own->a, WEIR_LEASE_RENEW, "key", 7), WEIR_MISS);
		assert_int_equal(weir_dynamodb_host_lease(own->a, WEIR_LEASE_TAKE, "key", 7), WEIR_OK);
		assert_int_equal(weir_dynamodb_host_lease(own->b, WEIR_LEASE_TAKE, "key", 8), WEIR_BUSY);
	}
}

static void test_dynamodb_clock_that_is_none_is_replaced(void **state)
{
	static const char *const foreign[] = { "", ",\"s\":{\"S\":\"noon\"}" };
	struct weir_dynamodb_pair *own = *state;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		uint64_t before, clock, stamp;

		assert_int_equal(weir_dynamodb_host_clear(own->a, WEIR_SLICE_LITERAL("ns"), 0, &before), WEIR_OK);
		weir_dynamodb_put_item(own->a, "clock", foreign[i]);
		stamp = weir_dynamodb_cell(own->b, "ns", &clock);
		assert_false(weir_clear_clock_valid(before, clock, stamp));
		assert_true(weir_clear_clock_valid(clock, clock, stamp));
		weir_dynamodb_put_item(own->a, "clock", foreign[i]);
		assert_int_equal(weir_dynamodb_host_clear(own->a, WEIR_SLICE_LITERAL("ns"), 0, &clock), WEIR_OK);
		assert_true(weir_dynamodb_cell(own->b, "ns", NULL) == clock);
	}
}

/* No epoch can be read from it, and nothing may be put in its place unasked: it is told. */
static void test_dynamodb_clock_that_is_no_whole_number_is_an_error(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	struct weir_backend_get get = { .key = KEY };

	(void)weir_dynamodb_cell(own->a, "ns", NULL);
	weir_dynamodb_put_item(own->a, "clock", ",\"s\":{\"N\":\"-1.5\"}");
	assert_int_equal(weir_dynamodb_host_read(own->a, &get, NULL, NULL), WEIR_ERR_BACKEND);
	assert_int_equal(weir_dynamodb_host_told(own->a, "the table's clear clock is damaged"), 1);
}

/* Read a moment apart, the clock may be older than a cell. What is made then is newer than both. */
static void test_dynamodb_clock_is_never_older_than_a_cell(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	char attributes[64];
	uint64_t clock;

	(void)weir_dynamodb_cell(own->a, "ns", &clock);
	(void)snprintf(attributes, sizeof(attributes), ",\"s\":{\"N\":\"%llu\"}", (unsigned long long)clock + 5);
	weir_dynamodb_put_item(own->a, "cell:ns", attributes);
	assert_true(weir_dynamodb_cell(own->b, "ns", &clock) == clock);
	assert_true(weir_dynamodb_cell(own->b, "other", NULL) == 0);
}

/* -- Two hosts ------------------------------------------------------------------------------------------------------------- */

static void test_dynamodb_hosts_see_each_others_leases(void **state)
{
	struct weir_dynamodb_pair *own = *state;

	assert_int_equal(weir_dynamodb_host_lease(own->a, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(own->b, WEIR_LEASE_TAKE, "key", 2), WEIR_BUSY);
	assert_int_equal(weir_dynamodb_host_lease(own->b, WEIR_LEASE_RENEW, "key", 2), WEIR_MISS);
	assert_int_equal(weir_dynamodb_host_lease(own->b, WEIR_LEASE_RELEASE, "key", 2), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(own->a, WEIR_LEASE_RENEW, "key", 1), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(own->a, WEIR_LEASE_RELEASE, "key", 1), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(own->b, WEIR_LEASE_TAKE, "key", 2), WEIR_OK);
	weir_fake_clock_advance_ms(&own->a->clock, 5000);
	assert_int_equal(weir_dynamodb_host_lease(own->a, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
}

/* In one call: a release lets the next one in, and what comes behind it finds it taken. */
static void test_dynamodb_leases_on_one_key_keep_their_order(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	struct weir_slice key = KEY;
	struct weir_backend_lease leases[] = {
		{ .verb = WEIR_LEASE_TAKE, .key = key, .token = 1, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_TAKE, .key = WEIR_SLICE_LITERAL("other"), .token = 1, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_TAKE, .key = key, .token = 2, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_RELEASE, .key = key, .token = 1 },
		{ .verb = WEIR_LEASE_TAKE, .key = key, .token = 2, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_RENEW, .key = key, .token = 1, .ttl_ms = 5000 },
	};
	const enum weir_status expected[] = { WEIR_OK, WEIR_OK, WEIR_BUSY, WEIR_OK, WEIR_OK, WEIR_MISS };
	struct weir_backend_lease turns[40];

	assert_int_equal(weir_backend_dynamodb.lease_many(own->a->client, leases, 6), WEIR_OK);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(leases[i].status, expected[i]);
	for (size_t i = 0; i < 40; i++)
		turns[i] = (struct weir_backend_lease){ .verb = i % 2 ? WEIR_LEASE_RELEASE : WEIR_LEASE_TAKE,
							.key = WEIR_SLICE_LITERAL("turns"),
							.token = i / 2 + 1,
							.ttl_ms = 5000 };
	assert_int_equal(weir_backend_dynamodb.lease_many(own->a->client, turns, 40), WEIR_OK);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(turns[i].status, WEIR_OK);
}

/* Also in a table that has no clock yet: its first number is not a stamp. */
static void test_dynamodb_first_clear_moves_the_clock(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	uint64_t clock;

	assert_int_equal(weir_dynamodb_host_clear(own->a, WEIR_SLICE_LITERAL("ns"), 0, &clock), WEIR_OK);
	assert_true((clock & ((UINT64_C(1) << 40) - 1)) == 2);
}

static void test_dynamodb_hosts_see_each_others_clears(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	uint64_t made_at, clock, cleared;

	(void)weir_dynamodb_cell(own->a, "ns", &made_at);
	assert_int_equal(weir_dynamodb_host_clear(own->b, WEIR_SLICE_LITERAL("ns"), 0, &cleared), WEIR_OK);
	/* What A stores now was made before. */
	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_true(weir_dynamodb_cell(own->a, "ns", &clock) == cleared);
	assert_true(weir_dynamodb_cell(own->b, "ns", NULL) == cleared);
	assert_false(weir_clear_clock_valid(made_at, clock, cleared));
	assert_true(weir_clear_clock_valid(clock, clock, cleared));
}

/* Of several sets of one key in one call the last counts, also when it only removes. */
static void test_dynamodb_sets_of_one_key_keep_their_order(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	static char large[400 * 1024];
	struct weir_backend_set sets[] = {
		{ .key = KEY, .value = WEIR_SLICE_LITERAL("first"), .expires_ms = WEIR_EXPIRES_NEVER },
		{ .key = KEY, .value = { large, sizeof(large) }, .expires_ms = WEIR_EXPIRES_NEVER },
		{ .key = KEY, .value = VALUE, .expires_ms = WEIR_EXPIRES_NEVER },
		{ .key = WEIR_SLICE_LITERAL("b"), .value = VALUE, .expires_ms = WEIR_EXPIRES_NEVER },
		{ .key = WEIR_SLICE_LITERAL("b"), .value = VALUE, .expires_ms = 1 },
	};
	struct weir_backend_get get = { .key = KEY };

	assert_int_equal(weir_backend_dynamodb.set_many(own->a->client, sets, 5), WEIR_OK);
	assert_int_equal(sets[0].status, WEIR_OK);
	assert_int_equal(sets[1].status, WEIR_ERR_LIMIT);
	assert_int_equal(sets[2].status, WEIR_OK);
	assert_int_equal(sets[4].status, WEIR_OK);
	assert_int_equal(weir_dynamodb_host_read(own->b, &get, NULL, NULL), WEIR_OK);
	assert_true(weir_slice_equal(get.value, VALUE));
	get.release(get.owner);
	assert_false(weir_dynamodb_has(own->b, WEIR_SLICE_LITERAL("b")));
	assert_true(weir_dynamodb_number_of(own->b, "value:b", "e") == 0);
	assert_int_equal(weir_dynamodb_host_told(own->a, "a value of 409600 bytes was not stored: an item has at most 400 KB; 1 so far"),
			 1);
}

/* -- What DynamoDB may delete ---------------------------------------------------------------------------------------------- */

static uint64_t now_s(void)
{
	return (uint64_t)(weir_clock_wall_ms(weir_clock_system()) / 1000);
}

/* That `ttl` was given since `begun_s`, for so many seconds; rounded up to whole ones. */
static void assert_ttl(uint64_t ttl, uint64_t begun_s, uint64_t seconds)
{
	assert_in_range(ttl, begun_s + seconds, now_s() + seconds + 1);
}

/* The fake clock's year does not matter to the server. */
static void test_dynamodb_values_have_the_ttl_of_the_servers_clock(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	int64_t wall_ms = weir_clock_wall_ms(&own->a->clock.clock);
	uint64_t begun_s = now_s();

	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, wall_ms + 60000), WEIR_OK);
	assert_ttl(weir_dynamodb_number_of(own->a, "value:key", "ttl"), begun_s, 60);
	assert_true(weir_dynamodb_number_of(own->a, "value:key", "e") == (uint64_t)wall_ms + 60000);
	assert_int_equal(weir_dynamodb_host_set(own->a, KEY, VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_int_equal(weir_dynamodb_number_of(own->a, "value:key", "ttl"), 0);
	assert_int_equal(weir_dynamodb_number_of(own->a, "value:key", "e"), 0);
}

static uint64_t clear_and_see_ttl(struct weir_dynamodb_host *host, int64_t keep_ms)
{
	uint64_t clock;

	assert_int_equal(weir_dynamodb_host_clear(host, WEIR_SLICE_LITERAL("ns"), keep_ms, &clock), WEIR_OK);
	assert_true(weir_dynamodb_cell(host, "ns", NULL) == clock);
	assert_true(weir_dynamodb_number_of(host, "cell:ns", "s") == clock);
	return weir_dynamodb_number_of(host, "cell:ns", "ttl");
}

static void test_dynamodb_cells_live_as_long_as_any_clear_has_said(void **state)
{
	struct weir_dynamodb_pair *own = *state;
	uint64_t begun_s = now_s();

	assert_ttl(clear_and_see_ttl(own->a, 60000), begun_s, 60);
	assert_ttl(clear_and_see_ttl(own->a, 600000), begun_s, 600);
	assert_ttl(clear_and_see_ttl(own->a, 60000), begun_s, 600);
	assert_int_equal(clear_and_see_ttl(own->a, 0), 0);
	assert_int_equal(clear_and_see_ttl(own->a, 60000), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, weir_dynamodb_pair_open, weir_dynamodb_pair_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dynamodb_foreign_values_are_misses),
		TEST(test_dynamodb_walk_ends_when_it_is_told_to),
		TEST(test_dynamodb_foreign_cells_are_overwritten),
		TEST(test_dynamodb_foreign_leases_are_nobodys),
		TEST(test_dynamodb_clock_that_is_none_is_replaced),
		TEST(test_dynamodb_clock_that_is_no_whole_number_is_an_error),
		TEST(test_dynamodb_clock_is_never_older_than_a_cell),
		TEST(test_dynamodb_hosts_see_each_others_leases),
		TEST(test_dynamodb_leases_on_one_key_keep_their_order),
		TEST(test_dynamodb_first_clear_moves_the_clock),
		TEST(test_dynamodb_hosts_see_each_others_clears),
		TEST(test_dynamodb_sets_of_one_key_keep_their_order),
		TEST(test_dynamodb_values_have_the_ttl_of_the_servers_clock),
		TEST(test_dynamodb_cells_live_as_long_as_any_clear_has_said),
	};

	(void)unsetenv("WEIR_TEST_DYNAMODB_URL"); /* no other server bears what these do to it */
	if (!weir_dynalite_is_there())
		return 0;
	return cmocka_run_group_tests(tests, weir_dynamodb_pair_start, weir_dynamodb_pair_stop);
}
