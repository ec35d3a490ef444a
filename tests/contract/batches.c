/* SPDX-License-Identifier: Apache-2.0
 *
 * Contract: many keys at once, walking, counting, and keeping to the size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "store.h"

#define MANY 600

struct numbered {
	char bytes[32];
	struct weir_slice text;
};

static struct weir_slice number(struct numbered *n, const char *prefix, size_t i)
{
	n->text = weir_slice(n->bytes, (size_t)snprintf(n->bytes, sizeof(n->bytes), "%s%zu", prefix, i));
	return n->text;
}

static void test_contract_read_mixes_hits_and_misses(void **state)
{
	struct weir_backend_get gets[] = {
		{ .key = WEIR_SLICE_LITERAL("a") },
		{ .key = WEIR_SLICE_LITERAL("nothing") },
		{ .key = WEIR_SLICE_LITERAL("b") },
		{ .key = WEIR_SLICE_LITERAL("a") },
	};
	struct weir_job job = { .kind = WEIR_JOB_READ, .read = { .gets = gets, .get_count = 4 } };

	weir_contract_put(*state, WEIR_SLICE_LITERAL("a"), WEIR_SLICE_LITERAL("1"));
	weir_contract_put(*state, WEIR_SLICE_LITERAL("b"), WEIR_SLICE_LITERAL("2"));
	weir_contract_run(*state, &job);
	assert_int_equal(job.status, WEIR_OK);
	assert_int_equal(gets[0].status, WEIR_OK);
	assert_int_equal(gets[1].status, WEIR_MISS);
	assert_int_equal(gets[2].status, WEIR_OK);
	assert_int_equal(gets[3].status, WEIR_OK);
	assert_true(weir_slice_equal(gets[0].value, WEIR_SLICE_LITERAL("1")));
	assert_true(weir_slice_equal(gets[2].value, WEIR_SLICE_LITERAL("2")));
	assert_true(weir_slice_equal(gets[3].value, WEIR_SLICE_LITERAL("1")));
	for (int i = 0; i < 4; i++)
		weir_contract_done(&gets[i]);
}

static void test_contract_read_of_nothing_gives_the_clock(void **state)
{
	struct weir_job job = { .kind = WEIR_JOB_READ };

	weir_contract_run(*state, &job);
	assert_int_equal(job.status, WEIR_OK);
	assert_true(weir_clear_clock_valid(weir_contract_clear(*state, "ns"), job.read.clock, 0));
}

/* More than one call of the driver takes, so batches end in the middle. */
static void test_contract_long_lists_come_back_whole(void **state)
{
	static struct weir_job jobs[MANY];
	static struct weir_backend_get gets[MANY];
	static struct numbered keys[MANY], values[MANY];

	for (size_t i = 0; i < MANY; i++) {
		jobs[i] = (struct weir_job){ .kind = WEIR_JOB_WRITE, .next = i + 1 < MANY ? &jobs[i + 1] : NULL };
		jobs[i].write.key = number(&keys[i], "key", i);
		jobs[i].write.value = number(&values[i], "value of ", i);
		jobs[i].write.expires_ms = WEIR_EXPIRES_NEVER;
	}
	weir_contract_run(*state, jobs);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].status, WEIR_OK);
		gets[i] = (struct weir_backend_get){ .key = keys[MANY - 1 - i].text };
		jobs[i] = (struct weir_job){ .kind = WEIR_JOB_READ, .next = i + 1 < MANY ? &jobs[i + 1] : NULL };
		jobs[i].read.gets = &gets[i];
		jobs[i].read.get_count = 1;
	}
	weir_contract_run(*state, jobs);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].status, WEIR_OK);
		assert_int_equal(gets[i].status, WEIR_OK);
		assert_true(weir_slice_equal(gets[i].value, values[MANY - 1 - i].text));
		weir_contract_done(&gets[i]);
	}
}

static void test_contract_jobs_see_what_those_before_them_did(void **state)
{
	struct weir_slice key = WEIR_SLICE_LITERAL("key");
	struct weir_backend_get between = { .key = key }, after = { .key = key };
	struct weir_job jobs[] = {
		{ .kind = WEIR_JOB_WRITE, .write = { key, WEIR_SLICE_LITERAL("first"), WEIR_EXPIRES_NEVER, WEIR_OK } },
		{ .kind = WEIR_JOB_WRITE, .write = { key, WEIR_SLICE_LITERAL("second"), WEIR_EXPIRES_NEVER, WEIR_OK } },
		{ .kind = WEIR_JOB_READ, .read = { .gets = &between, .get_count = 1 } },
		{ .kind = WEIR_JOB_REMOVE, .remove = { .keys = &key, .count = 1 } },
		{ .kind = WEIR_JOB_READ, .read = { .gets = &after, .get_count = 1 } },
	};

	for (int i = 0; i < 4; i++)
		jobs[i].next = &jobs[i + 1];
	weir_contract_run(*state, jobs);
	for (int i = 0; i < 5; i++)
		assert_int_equal(jobs[i].status, WEIR_OK);
	assert_int_equal(between.status, WEIR_OK);
	assert_true(weir_slice_equal(between.value, WEIR_SLICE_LITERAL("second")));
	assert_int_equal(jobs[3].remove.removed, 1);
	assert_int_equal(after.status, WEIR_MISS);
	weir_contract_done(&between);
}

static void test_contract_remove_takes_many(void **state)
{
	struct numbered names[10];
	struct weir_slice keys[10];
	struct weir_job job = { .kind = WEIR_JOB_REMOVE, .remove = { .keys = keys, .count = 10 } };

	for (size_t i = 0; i < 10; i++)
		keys[i] = number(&names[i], "key", i);
	for (size_t i = 0; i < 10; i += 2)
		weir_contract_put(*state, keys[i], WEIR_SLICE_LITERAL("value"));
	weir_contract_run(*state, &job);
	assert_int_equal(job.status, WEIR_OK);
	assert_int_equal(job.remove.removed, 5);
	for (size_t i = 0; i < 10; i++)
		assert_false(weir_contract_has(*state, keys[i]));
}

struct seen {
	unsigned items; /* a bit for each of "item0" … "item9" that came with its value */
	size_t visits;
	size_t visits_max;
};

static bool visit(void *state, struct weir_slice key, struct weir_slice value)
{
	struct seen *seen = state;
	unsigned bit = 0;

	if (!key.data) /* no visit, but the question whether to go on */
		return true;
	if (key.len == 5 && key.data[4] >= '0' && key.data[4] <= '9' && weir_slice_equal(value, weir_slice(key.data + 4, 1)))
		bit = 1U << (key.data[4] - '0');
	assert_int_equal(seen->items & bit, 0);
	seen->items |= bit;
	return ++seen->visits < seen->visits_max;
}

static struct seen walk(struct weir_contract_store *store, const char *prefix, bool remove, size_t visits_max)
{
	struct seen seen = { .visits_max = visits_max };
	struct weir_job job = { .kind = WEIR_JOB_WALK, .walk = { weir_slice_text(prefix), remove, visit, &seen } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, WEIR_OK);
	return seen;
}

/* Ten values, another one, a cell and a lease whose names begin alike, and a value that has expired. */
static void fill_for_walk(struct weir_contract_store *store)
{
	struct numbered name;

	for (size_t i = 0; i < 10; i++) {
		number(&name, "item", i);
		weir_contract_put(store, name.text, weir_slice(name.text.data + 4, 1));
	}
	weir_contract_put(store, WEIR_SLICE_LITERAL("ite"), WEIR_SLICE_LITERAL("other"));
	weir_contract_clear(store, "item");
	weir_contract_clear(store, "item-cell");
	assert_int_equal(weir_contract_lease(store, WEIR_LEASE_TAKE, "item-lease", 1, 60000), WEIR_OK);
	assert_int_equal(
		weir_contract_set(store, WEIR_SLICE_LITERAL("item-old"), WEIR_SLICE_LITERAL("old"), weir_contract_now_ms(store) + 1000),
		WEIR_OK);
	weir_contract_advance_ms(store, 1000 + store->driver->granularity_ms);
}

static void test_contract_walk_visits_each_value_of_the_prefix_once(void **state)
{
	struct seen seen;

	fill_for_walk(*state);
	seen = walk(*state, "item", false, SIZE_MAX);
	assert_int_equal(seen.items, 0x3ff);
	assert_int_equal(seen.visits, 10);
	assert_int_equal(walk(*state, "item7", false, SIZE_MAX).items, 1 << 7);
	assert_int_equal(walk(*state, "none", false, SIZE_MAX).visits, 0);
	assert_int_equal(walk(*state, "", false, SIZE_MAX).visits, 11);
	assert_true(weir_contract_has(*state, WEIR_SLICE_LITERAL("item3")));
}

static void test_contract_walk_takes_a_prefix_by_its_bytes(void **state)
{
	weir_contract_put(*state, WEIR_SLICE_LITERAL("a*c"), WEIR_SLICE_LITERAL("1"));
	weir_contract_put(*state, WEIR_SLICE_LITERAL("abc"), WEIR_SLICE_LITERAL("2"));
	weir_contract_put(*state, WEIR_SLICE_LITERAL("a[b]c"), WEIR_SLICE_LITERAL("3"));
	weir_contract_put(*state, WEIR_SLICE_LITERAL("a?c"), WEIR_SLICE_LITERAL("4"));
	weir_contract_put(*state, WEIR_SLICE_LITERAL("a\\c"), WEIR_SLICE_LITERAL("5"));
	assert_int_equal(walk(*state, "a*", false, SIZE_MAX).visits, 1);
	assert_int_equal(walk(*state, "a[b]", false, SIZE_MAX).visits, 1);
	assert_int_equal(walk(*state, "a?", false, SIZE_MAX).visits, 1);
	assert_int_equal(walk(*state, "a\\", false, SIZE_MAX).visits, 1);
	assert_int_equal(walk(*state, "a", false, SIZE_MAX).visits, 5);
}

static void test_contract_walk_ends_when_it_is_told_to(void **state)
{
	fill_for_walk(*state);
	assert_int_equal(walk(*state, "item", false, 3).visits, 3);
}

static void test_contract_walk_removes_what_it_visits(void **state)
{
	uint64_t cell;

	fill_for_walk(*state);
	cell = weir_contract_cell(*state, "item", false, NULL);
	assert_int_equal(walk(*state, "item", true, 4).visits, 4);
	assert_int_equal(walk(*state, "item", true, SIZE_MAX).visits, 6);
	assert_int_equal(walk(*state, "item", true, SIZE_MAX).visits, 0);
	assert_true(weir_contract_has(*state, WEIR_SLICE_LITERAL("ite")));
	assert_true(weir_contract_cell(*state, "item", false, NULL) == cell);
	assert_int_equal(weir_contract_lease(*state, WEIR_LEASE_TAKE, "item-lease", 2, 60000), WEIR_BUSY);
}

static void test_contract_stats_count(void **state)
{
	struct weir_contract_store *store = *state;
	struct weir_backend_stats before, after;

	if (!(store->driver->flags & WEIR_CONTRACT_COUNTS))
		return;
	before = weir_contract_stats(store);
	weir_contract_put(store, WEIR_SLICE_LITERAL("a"), WEIR_SLICE_LITERAL("1"));
	weir_contract_put(store, WEIR_SLICE_LITERAL("b"), WEIR_SLICE_LITERAL("2"));
	assert_int_equal(weir_contract_set(store, WEIR_SLICE_LITERAL("c"), WEIR_SLICE_LITERAL("3"), weir_contract_now_ms(store) + 1000),
			 WEIR_OK);
	after = weir_contract_stats(store);
	assert_int_equal(after.items - before.items, 3);
	assert_int_equal(after.sets - before.sets, 3);
	assert_true(after.bytes > before.bytes);
	weir_contract_advance_ms(store, 1000 + store->driver->granularity_ms);
	assert_true(weir_contract_has(store, WEIR_SLICE_LITERAL("a")));
	assert_false(weir_contract_has(store, WEIR_SLICE_LITERAL("c")));
	assert_false(weir_contract_has(store, WEIR_SLICE_LITERAL("d")));
	assert_int_equal(weir_contract_remove(store, WEIR_SLICE_LITERAL("b")), 1);
	after = weir_contract_stats(store);
	assert_int_equal(after.hits - before.hits, 1);
	assert_int_equal(after.misses - before.misses, 2);
	assert_int_equal(after.evictions - before.evictions, 0);
	/* What has expired may stay an item until it is found, but is counted once. */
	assert_true(after.expirations - before.expirations <= 1);
	assert_int_equal(after.items - before.items + (after.expirations - before.expirations), 2);
}

/* Ten times the size goes through it; one key is used all the time. */
static void test_contract_store_keeps_to_its_size(void **state)
{
	struct weir_contract_store *store = *state;
	struct weir_slice hot = WEIR_SLICE_LITERAL("hot"), value;
	struct weir_backend_stats stats;
	struct weir_backend_get held;
	char bytes[4000] = { 1, 2, 3 };

	if (!(store->driver->flags & WEIR_CONTRACT_BOUNDED))
		return;
	weir_contract_reopen(store, WEIR_CONTRACT_SIZE_MIN);
	value = weir_slice(bytes, sizeof(bytes));
	weir_contract_put(store, hot, WEIR_SLICE_LITERAL("stays"));
	weir_contract_put(store, WEIR_SLICE_LITERAL("held"), WEIR_SLICE_LITERAL("in hand"));
	held = weir_contract_get(store, WEIR_SLICE_LITERAL("held"));
	for (size_t i = 0; i < 2600; i++) {
		struct numbered key;

		weir_contract_put(store, number(&key, "cold", i), value);
		assert_true(weir_contract_has(store, key.text));
		weir_contract_expect(store, hot, WEIR_SLICE_LITERAL("stays"));
		stats = weir_contract_stats(store);
		assert_true(stats.bytes <= stats.bytes_limit);
		assert_true(stats.bytes_limit <= WEIR_CONTRACT_SIZE_MIN);
	}
	assert_true(stats.items > 150);
	assert_true(stats.evictions > 2000);
	assert_false(weir_contract_has(store, WEIR_SLICE_LITERAL("held")));
	assert_true(weir_slice_equal(held.value, WEIR_SLICE_LITERAL("in hand")));
	weir_contract_done(&held);
}

const struct CMUnitTest weir_contract_batch_tests[] = {
	cmocka_unit_test(test_contract_read_mixes_hits_and_misses),
	cmocka_unit_test(test_contract_read_of_nothing_gives_the_clock),
	cmocka_unit_test(test_contract_long_lists_come_back_whole),
	cmocka_unit_test(test_contract_jobs_see_what_those_before_them_did),
	cmocka_unit_test(test_contract_remove_takes_many),
	cmocka_unit_test(test_contract_walk_visits_each_value_of_the_prefix_once),
	cmocka_unit_test(test_contract_walk_takes_a_prefix_by_its_bytes),
	cmocka_unit_test(test_contract_walk_ends_when_it_is_told_to),
	cmocka_unit_test(test_contract_walk_removes_what_it_visits),
	cmocka_unit_test(test_contract_stats_count),
	cmocka_unit_test(test_contract_store_keeps_to_its_size),
};

const size_t weir_contract_batch_test_count = sizeof(weir_contract_batch_tests) / sizeof(weir_contract_batch_tests[0]);
