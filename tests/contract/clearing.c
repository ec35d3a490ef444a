/* SPDX-License-Identifier: Apache-2.0
 *
 * Contract: the clear clock and its cells. What the cache asks of them is one sentence: nothing made before a clear is valid after it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "store.h"

static void test_contract_missing_cell_is_zero(void **state)
{
	uint64_t clock = 0;

	assert_true(weir_contract_cell(*state, "ns", false, &clock) == 0);
	assert_true(clock != 0);
	assert_true(weir_contract_cell(*state, "ns", false, NULL) == 0);
}

/* Created or not, it is not newer than the clock, so that what is made now is valid, and other names' clears do not move it. */
static void test_contract_cell_that_was_never_cleared_stays(void **state)
{
	uint64_t clock, later, cell = weir_contract_cell(*state, "ns", true, &clock);

	assert_true(cell <= clock);
	weir_contract_clear(*state, "another");
	assert_true(weir_contract_cell(*state, "ns", true, &later) == cell);
	assert_true(later > clock);
	assert_true(weir_contract_cell(*state, "ns", false, NULL) == cell);
	assert_true(weir_clear_clock_valid(clock, later, cell));
}

static void test_contract_clear_moves_cell_and_clock(void **state)
{
	uint64_t before, cleared, clock, cell = weir_contract_cell(*state, "ns", true, &before);

	cleared = weir_contract_clear(*state, "ns");
	assert_true(cleared > before);
	assert_true(weir_contract_cell(*state, "ns", true, &clock) == cleared);
	assert_true(clock == cleared);
	assert_true(weir_clear_clock_valid(clock, clock, cell));
	assert_false(weir_clear_clock_valid(before, clock, cleared));
}

static void test_contract_clear_is_exact(void **state)
{
	uint64_t users = weir_contract_cell(*state, "users", true, NULL);

	weir_contract_clear(*state, "user");
	weir_contract_clear(*state, "users2");
	assert_true(weir_contract_cell(*state, "users", true, NULL) == users);
}

static void test_contract_clear_of_what_was_never_read_counts(void **state)
{
	uint64_t before, cleared;

	weir_contract_cell(*state, "other", true, &before);
	cleared = weir_contract_clear(*state, "ns");
	assert_true(cleared > before);
	assert_true(weir_contract_cell(*state, "ns", true, NULL) == cleared);
}

static void test_contract_clear_of_several_moves_all(void **state)
{
	struct weir_slice names[] = { WEIR_SLICE_LITERAL("a"), WEIR_SLICE_LITERAL("b"), WEIR_SLICE_LITERAL("c") };
	struct weir_job job = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = names, .count = 3, .keep_ms = 60000 } };
	uint64_t before, clock, last = 0;

	weir_contract_cell(*state, "b", true, &before);
	weir_contract_run(*state, &job);
	assert_int_equal(job.status, WEIR_OK);
	for (const char *const *name = (const char *const[]){ "a", "b", "c", NULL }; *name; name++) {
		uint64_t cell = weir_contract_cell(*state, *name, false, &clock);

		assert_true(cell > before);
		last = cell > last ? cell : last;
	}
	assert_true(job.clear.clock == last);
	assert_true(clock == last);
}

static void test_contract_cells_of_one_read_are_all_there(void **state)
{
	struct weir_backend_get get = { .key = WEIR_SLICE_LITERAL("key") };
	struct weir_backend_cell cells[] = {
		{ .name = WEIR_SLICE_LITERAL("old"), .create = true },
		{ .name = WEIR_SLICE_LITERAL("new"), .create = true },
		{ .name = WEIR_SLICE_LITERAL("none") },
		{ .name = WEIR_SLICE_LITERAL("key"), .create = true },
	};
	struct weir_job job = { .kind = WEIR_JOB_READ, .read = { .gets = &get, .get_count = 1, .cells = cells, .cell_count = 4 } };
	uint64_t old = weir_contract_clear(*state, "old"), clock = weir_contract_clear(*state, "other");

	weir_contract_put(*state, WEIR_SLICE_LITERAL("key"), WEIR_SLICE_LITERAL("value"));
	weir_contract_run(*state, &job);
	assert_int_equal(job.status, WEIR_OK);
	assert_true(job.read.clock == clock);
	assert_true(cells[0].stamp == old);
	assert_true(cells[1].stamp <= clock);
	assert_true(cells[2].stamp == 0);
	assert_true(cells[3].stamp <= clock);
	assert_int_equal(get.status, WEIR_OK);
	assert_true(weir_slice_equal(get.value, WEIR_SLICE_LITERAL("value")));
	weir_contract_done(&get);
}

static void test_contract_cell_value_and_lease_share_no_names(void **state)
{
	uint64_t cleared;

	weir_contract_put(*state, WEIR_SLICE_LITERAL("name"), WEIR_SLICE_LITERAL("value"));
	assert_int_equal(weir_contract_lease(*state, WEIR_LEASE_TAKE, "name", 7, 60000), WEIR_OK);
	cleared = weir_contract_clear(*state, "name");
	weir_contract_expect(*state, WEIR_SLICE_LITERAL("name"), WEIR_SLICE_LITERAL("value"));
	assert_int_equal(weir_contract_remove(*state, WEIR_SLICE_LITERAL("name")), 1);
	assert_true(weir_contract_cell(*state, "name", false, NULL) == cleared);
	assert_int_equal(weir_contract_lease(*state, WEIR_LEASE_RELEASE, "name", 7, 0), WEIR_OK);
	assert_true(weir_contract_cell(*state, "name", false, NULL) == cleared);
}

/* The maker reads the clock, somebody clears, the maker stores what it made: that is old. What is made from then on is not. */
static void test_contract_late_store_is_never_valid(void **state)
{
	uint64_t made_at, clock, cell;

	weir_contract_cell(*state, "ns", true, &made_at);
	weir_contract_clear(*state, "ns");
	cell = weir_contract_cell(*state, "ns", true, &clock);
	assert_false(weir_clear_clock_valid(made_at, clock, cell));
	made_at = clock;
	weir_contract_clear(*state, "another");
	cell = weir_contract_cell(*state, "ns", true, &clock);
	assert_true(weir_clear_clock_valid(made_at, clock, cell));
}

/* However many cells there are: a store that forgets one must not forget that it was cleared. */
static void test_contract_forgotten_cell_never_brings_a_value_back(void **state)
{
	struct weir_contract_store *store = *state;
	uint64_t made_at, clock, cell;
	char name[32];

	if (store->driver->flags & WEIR_CONTRACT_BOUNDED)
		weir_contract_reopen(store, WEIR_CONTRACT_SIZE_MIN);
	weir_contract_cell(store, "ns", true, &made_at);
	weir_contract_clear(store, "ns");
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "cell%d", i);
		if (i % 3 == 0)
			weir_contract_clear(store, name);
		else
			weir_contract_cell(store, name, true, NULL);
		if (i % 100 != 99)
			continue;
		cell = weir_contract_cell(store, "ns", true, &clock);
		assert_false(weir_clear_clock_valid(made_at, clock, cell));
		assert_true(weir_clear_clock_valid(clock, clock, cell));
	}
	if (store->driver->flags & WEIR_CONTRACT_BOUNDED)
		assert_true(weir_contract_stats(store).bytes <= WEIR_CONTRACT_SIZE_MIN);
}

static void test_contract_cell_names_may_be_long(void **state)
{
	static char name[WEIR_KEY_MAX + 1];
	uint64_t made_at, clock, cell;

	for (size_t len = WEIR_KEY_MAX / 16; len <= WEIR_KEY_MAX; len *= 2) {
		memset(name, 'n', len);
		name[len] = '\0';
		weir_contract_cell(*state, name, true, &made_at);
		weir_contract_clear(*state, name);
		cell = weir_contract_cell(*state, name, true, &clock);
		assert_false(weir_clear_clock_valid(made_at, clock, cell));
		assert_true(weir_clear_clock_valid(clock, clock, cell));
	}
}

static void test_contract_lost_store_comes_back_with_another_epoch(void **state)
{
	struct weir_contract_store *store = *state;
	uint64_t made_at, clock, cell;

	if (!(weir_backend_ops(store->backend)->flags & WEIR_BACKEND_PROCESS_ONLY))
		return;
	weir_contract_cell(store, "ns", true, &made_at);
	weir_contract_reopen(store, WEIR_CONTRACT_SIZE);
	cell = weir_contract_cell(store, "ns", true, &clock);
	assert_false(weir_clear_clock_valid(made_at, clock, cell));
}

const struct CMUnitTest weir_contract_clear_tests[] = {
	cmocka_unit_test(test_contract_missing_cell_is_zero),
	cmocka_unit_test(test_contract_cell_that_was_never_cleared_stays),
	cmocka_unit_test(test_contract_clear_moves_cell_and_clock),
	cmocka_unit_test(test_contract_clear_is_exact),
	cmocka_unit_test(test_contract_clear_of_what_was_never_read_counts),
	cmocka_unit_test(test_contract_clear_of_several_moves_all),
	cmocka_unit_test(test_contract_cells_of_one_read_are_all_there),
	cmocka_unit_test(test_contract_cell_value_and_lease_share_no_names),
	cmocka_unit_test(test_contract_late_store_is_never_valid),
	cmocka_unit_test(test_contract_forgotten_cell_never_brings_a_value_back),
	cmocka_unit_test(test_contract_cell_names_may_be_long),
	cmocka_unit_test(test_contract_lost_store_comes_back_with_another_epoch),
};

const size_t weir_contract_clear_test_count = sizeof(weir_contract_clear_tests) / sizeof(weir_contract_clear_tests[0]);
