/* SPDX-License-Identifier: Apache-2.0
 *
 * What memory: promises beyond the contract: shares of its size for cells and leases, values that outlive the store, hits without a copy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <weir/backend_driver.h>

#include "support/fake_clock.h"

#define SIZE 65536

struct fixture {
	struct weir_fake_clock clock;
	struct weir_backend *backend;
	const struct weir_backend_ops *ops;
	void *self;
};

static int open_smallest(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char why[200];

	if (!f)
		abort();
	weir_fake_clock_init(&f->clock);
	if (weir_backend_open("memory:?size=64k", &(struct weir_backend_env){ .clock = &f->clock.clock }, why, sizeof(why), &f->backend) !=
	    WEIR_OK)
		abort();
	f->ops = weir_backend_ops(f->backend);
	f->self = weir_backend_self(f->backend);
	*state = f;
	return 0;
}

static int close_smallest(void **state)
{
	struct fixture *f = *state;

	weir_backend_close(f->backend);
	free(f);
	return 0;
}

static uint64_t read_cell(struct fixture *f, struct weir_slice name, uint64_t *clock)
{
	struct weir_backend_cell cell = { .name = name, .create = true };
	struct weir_backend_read read = { .cells = &cell, .cell_count = 1 };

	assert_int_equal(f->ops->get_many(f->self, (struct weir_backend_read *[]){ &read }, 1), WEIR_OK);
	*clock = read.clock;
	return cell.stamp;
}

static struct weir_backend_get get(struct fixture *f, const char *key)
{
	struct weir_backend_get got = { .key = weir_slice_text(key) };
	struct weir_backend_read read = { .gets = &got, .get_count = 1 };

	assert_int_equal(f->ops->get_many(f->self, (struct weir_backend_read *[]){ &read }, 1), WEIR_OK);
	return got;
}

static void put(struct fixture *f, const char *key, const char *value)
{
	struct weir_backend_set set = { .key = weir_slice_text(key), .value = weir_slice_text(value), .expires_ms = WEIR_EXPIRES_NEVER };

	assert_int_equal(f->ops->set_many(f->self, &set, 1), WEIR_OK);
	assert_int_equal(set.status, WEIR_OK);
}

static uint64_t bytes(struct fixture *f)
{
	struct weir_backend_stats stats;

	f->ops->stats(f->self, &stats);
	return stats.bytes;
}

static void test_memory_backend_too_many_cells_begin_an_epoch(void **state)
{
	struct fixture *f = *state;
	uint64_t first, clock, cell;
	char name[32];
	int count = 0;

	read_cell(f, WEIR_SLICE_LITERAL("first"), &first);
	do {
		(void)snprintf(name, sizeof(name), "cell%d", count);
		cell = read_cell(f, weir_slice_text(name), &clock);
		assert_true(cell == clock);
		assert_true(bytes(f) <= SIZE / 8 + SIZE / 32);
	} while (weir_clear_clock_valid(first, clock, 0) && ++count < 1000);
	assert_true(count > 20);
	assert_true(count < 200);
	assert_true(read_cell(f, WEIR_SLICE_LITERAL("first"), &clock) == clock);
}

/* Its name alone is above the share of the cells. */
static void test_memory_backend_cell_too_large_to_keep_reads_as_the_clock(void **state)
{
	static char name[SIZE / 4];
	struct weir_slice cell = weir_slice(name, sizeof(name));
	uint64_t made_at, cleared, clock;

	assert_true(read_cell(*state, cell, &made_at) == made_at);
	assert_int_equal(((struct fixture *)*state)->ops->clear(((struct fixture *)*state)->self, &cell, 1, 0, &cleared), WEIR_OK);
	assert_true(read_cell(*state, cell, &clock) == clock);
	assert_true(clock == cleared);
	assert_false(weir_clear_clock_valid(made_at, clock, clock));
}

/* The epoch begins at the second cell of one read: the first is gone then, and must not come back with a stamp of the old one. */
static void test_memory_backend_read_across_an_epoch_has_one_clock(void **state)
{
	struct fixture *f = *state;
	static char name[SIZE / 8 - 1024];
	struct weir_backend_cell cells[] = {
		{ .name = WEIR_SLICE_LITERAL("kept"), .create = true },
		{ .name = weir_slice(name, sizeof(name)), .create = true },
	};
	struct weir_backend_read read = { .cells = cells, .cell_count = 2 };
	uint64_t before, clock;
	char filler[1000] = "filler";

	read_cell(f, cells[0].name, &before);
	read_cell(f, weir_slice(filler, sizeof(filler)), &clock);
	assert_int_equal(f->ops->get_many(f->self, (struct weir_backend_read *[]){ &read }, 1), WEIR_OK);
	assert_false(weir_clear_clock_valid(before, read.clock, 0));
	assert_true(cells[0].stamp == read.clock);
	assert_true(cells[1].stamp == read.clock);
}

static void test_memory_backend_cells_are_not_evicted_by_values(void **state)
{
	struct fixture *f = *state;
	uint64_t clock, cleared, cell = read_cell(f, WEIR_SLICE_LITERAL("ns"), &clock);
	char key[32], value[2000];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	assert_int_equal(f->ops->clear(f->self, &WEIR_SLICE_LITERAL("other"), 1, 0, &cleared), WEIR_OK);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		put(f, key, value);
	}
	assert_true(read_cell(f, WEIR_SLICE_LITERAL("ns"), &clock) == cell);
	assert_true(clock == cleared);
}

static size_t lease_until_full(struct fixture *f, const char *prefix, int64_t ttl_ms)
{
	enum weir_status status = WEIR_OK;
	size_t count = 0;
	char key[32];

	while (status == WEIR_OK && count < 1000) {
		(void)snprintf(key, sizeof(key), "%s%zu", prefix, count++);
		status = f->ops->lease(f->self, weir_slice_text(key), 1, ttl_ms);
	}
	assert_int_equal(status, WEIR_ERR_LIMIT);
	assert_true(bytes(f) <= SIZE / 4);
	return count - 1;
}

static void test_memory_backend_leases_are_bounded_and_make_room_when_they_end(void **state)
{
	struct fixture *f = *state;
	size_t count = lease_until_full(f, "a", 1000);

	assert_true(count > 20);
	assert_int_equal(f->ops->lease(f->self, WEIR_SLICE_LITERAL("a0"), 2, 1000), WEIR_BUSY);
	assert_int_equal(f->ops->release(f->self, WEIR_SLICE_LITERAL("a0"), 1), WEIR_OK);
	assert_int_equal(f->ops->lease(f->self, WEIR_SLICE_LITERAL("b0"), 2, 1000), WEIR_OK);
	weir_fake_clock_advance_ms(&f->clock, 1000);
	assert_int_equal(lease_until_full(f, "b", 1000), count);
}

static void test_memory_backend_lease_goes_by_the_monotonic_clock(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->ops->lease(f->self, WEIR_SLICE_LITERAL("key"), 1, 1000), WEIR_OK);
	atomic_fetch_add(&f->clock.wall_ms, 3600000);
	assert_int_equal(f->ops->lease(f->self, WEIR_SLICE_LITERAL("key"), 2, 1000), WEIR_BUSY);
	atomic_fetch_add(&f->clock.monotonic_ms, 1000);
	assert_int_equal(f->ops->lease(f->self, WEIR_SLICE_LITERAL("key"), 2, 1000), WEIR_OK);
}

static void test_memory_backend_hits_share_the_stored_bytes(void **state)
{
	struct weir_backend_get first, second;

	put(*state, "key", "value");
	first = get(*state, "key");
	second = get(*state, "key");
	assert_ptr_equal(first.value.data, second.value.data);
	first.release(first.owner);
	assert_true(weir_slice_equal(second.value, WEIR_SLICE_LITERAL("value")));
	second.release(second.owner);
}

static void test_memory_backend_value_in_hand_outlives_the_store(void **state)
{
	struct fixture *f = *state;
	struct weir_backend_get got;

	put(f, "key", "value");
	got = get(f, "key");
	weir_backend_close(f->backend);
	f->backend = NULL;
	assert_true(weir_slice_equal(got.value, WEIR_SLICE_LITERAL("value")));
	got.release(got.owner);
}

#define smallest_store_test(function) cmocka_unit_test_setup_teardown(function, open_smallest, close_smallest)

/* Clearing one entry after another must not clear the rest: what was to be kept for a while makes room when that is over. */
static void test_memory_backend_cells_that_were_kept_long_enough_make_room(void **state)
{
	struct fixture *f = *state;
	uint64_t clock;
	char name[32];

	(void)read_cell(f, WEIR_SLICE_LITERAL("lasting"), &clock);
	for (int i = 0; i < 2000; i++) {
		uint64_t now;
		struct weir_slice cell = { name, (size_t)snprintf(name, sizeof(name), "entry %d", i) };

		assert_int_equal(f->ops->clear(f->self, &cell, 1, 1000, &now), WEIR_OK);
		assert_true(weir_clear_clock_valid(now, clock, 0)); /* the same epoch */
		weir_fake_clock_advance_ms(&f->clock, 100);
	}
	assert_true(read_cell(f, WEIR_SLICE_LITERAL("lasting"), &(uint64_t){ 0 }) == clock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		smallest_store_test(test_memory_backend_too_many_cells_begin_an_epoch),
		smallest_store_test(test_memory_backend_cells_that_were_kept_long_enough_make_room),
		smallest_store_test(test_memory_backend_cell_too_large_to_keep_reads_as_the_clock),
		smallest_store_test(test_memory_backend_read_across_an_epoch_has_one_clock),
		smallest_store_test(test_memory_backend_cells_are_not_evicted_by_values),
		smallest_store_test(test_memory_backend_leases_are_bounded_and_make_room_when_they_end),
		smallest_store_test(test_memory_backend_lease_goes_by_the_monotonic_clock),
		smallest_store_test(test_memory_backend_hits_share_the_stored_bytes),
		smallest_store_test(test_memory_backend_value_in_hand_outlives_the_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
