/* SPDX-License-Identifier: Apache-2.0
 *
 * What copies of the clear clock and of cells say together, and which server the ring gives.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "backends/memcached/quorum.h"
#include "backends/memcached/ring.h"

#define EPOCH_A (UINT64_C(0xaaaaaa) << 40)
#define EPOCH_B (UINT64_C(0xbbbbbb) << 40)
#define SILENT \
	{ \
		false, 0 \
	}
#define NOTHING \
	{ \
		true, 0 \
	}

static enum weir_memcached_verdict judge(struct weir_memcached_copy a, struct weir_memcached_copy b, struct weir_memcached_copy c,
					 uint64_t *number)
{
	const struct weir_memcached_copy copies[] = { a, b, c };

	*number = 0;
	return weir_memcached_judge_clock(copies, 3, number);
}

static struct weir_memcached_copy copy(uint64_t number)
{
	return (struct weir_memcached_copy){ true, number };
}

static const struct weir_memcached_copy silent = SILENT, nothing = NOTHING;

static void test_memcached_quorum_one_keeper(void **state)
{
	uint64_t number = 0;

	(void)state;
	assert_int_equal(weir_memcached_judge_clock(&silent, 1, &number), WEIR_MEMCACHED_UNREACHABLE);
	assert_int_equal(weir_memcached_judge_clock(&nothing, 1, &number), WEIR_MEMCACHED_LOST);
	assert_int_equal(weir_memcached_judge_clock(&(struct weir_memcached_copy){ true, EPOCH_A + 5 }, 1, &number), WEIR_MEMCACHED_AGREED);
	assert_true(number == EPOCH_A + 5);
}

static void test_memcached_quorum_agrees_by_majority(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(judge(copy(EPOCH_A + 5), copy(EPOCH_A + 5), copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_AGREED);
	assert_true(number == EPOCH_A + 5);
	assert_int_equal(judge(copy(EPOCH_A + 5), silent, copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_AGREED);
	assert_true(number == EPOCH_A + 5);
	assert_int_equal(judge(silent, silent, copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_UNREACHABLE);
	assert_int_equal(judge(silent, silent, silent, &number), WEIR_MEMCACHED_UNREACHABLE);
}

static void test_memcached_quorum_uneven_copies_are_raised(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(judge(copy(EPOCH_A + 5), copy(EPOCH_A + 6), copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_UNEVEN);
	assert_true(number == EPOCH_A + 6);
	assert_int_equal(judge(silent, copy(EPOCH_A + 6), copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_UNEVEN);
	assert_true(number == EPOCH_A + 6);
	assert_int_equal(judge(copy(EPOCH_A + 5), nothing, copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_UNEVEN);
	assert_true(number == EPOCH_A + 5);
}

/* A server that comes back old, or from a time before the clock was lost, changes nothing: it is set right. */
static void test_memcached_quorum_minority_epoch_is_set_right(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(judge(copy(EPOCH_B + 900), copy(EPOCH_A + 5), copy(EPOCH_A + 5), &number), WEIR_MEMCACHED_UNEVEN);
	assert_true(number == EPOCH_A + 5);
	assert_int_equal(judge(copy(EPOCH_A + 5), copy(EPOCH_A + 5), copy(EPOCH_B + 900), &number), WEIR_MEMCACHED_UNEVEN);
	assert_true(number == EPOCH_A + 5);
}

static void test_memcached_quorum_no_majority_is_lost(void **state)
{
	uint64_t number;

	(void)state;
	assert_int_equal(judge(nothing, nothing, nothing, &number), WEIR_MEMCACHED_LOST);
	assert_int_equal(judge(copy(EPOCH_A + 5), nothing, nothing, &number), WEIR_MEMCACHED_LOST);
	assert_int_equal(judge(copy(EPOCH_A + 5), nothing, silent, &number), WEIR_MEMCACHED_LOST);
	assert_int_equal(judge(copy(EPOCH_A + 5), copy(EPOCH_B + 5), silent, &number), WEIR_MEMCACHED_LOST);
	assert_int_equal(judge(copy(EPOCH_A + 5), copy(EPOCH_B + 5), nothing, &number), WEIR_MEMCACHED_LOST);
}

static uint64_t cell(struct weir_memcached_copy a, struct weir_memcached_copy b, struct weir_memcached_copy c, bool create)
{
	const struct weir_memcached_copy copies[] = { a, b, c };

	return weir_memcached_judge_cell(copies, 3, EPOCH_A + 50, create);
}

static void test_memcached_quorum_cell(void **state)
{
	(void)state;
	assert_true(cell(nothing, nothing, nothing, false) == 0);
	assert_true(cell(nothing, nothing, silent, false) == 0);
	assert_true(cell(nothing, nothing, nothing, true) == EPOCH_A + 50);
	assert_true(cell(copy(EPOCH_A + 7), copy(EPOCH_A + 7), copy(EPOCH_A + 7), true) == EPOCH_A + 7);
	assert_true(cell(copy(EPOCH_A + 3), copy(EPOCH_A + 7), silent, true) == EPOCH_A + 7);
	assert_true(cell(copy(EPOCH_A + 7), nothing, copy(EPOCH_A + 3), false) == EPOCH_A + 7);
}

/* With fewer than a majority the last clear may be what was lost. */
static void test_memcached_quorum_lost_cell_is_the_clock(void **state)
{
	(void)state;
	assert_true(cell(copy(EPOCH_A + 7), nothing, nothing, false) == EPOCH_A + 50);
	assert_true(cell(copy(EPOCH_A + 7), silent, nothing, true) == EPOCH_A + 50);
	assert_true(cell(copy(EPOCH_A + 7), copy(EPOCH_B + 7), copy(EPOCH_B + 8), false) == EPOCH_A + 50);
	assert_true(cell(copy(EPOCH_B + 7), copy(EPOCH_B + 7), copy(EPOCH_B + 8), true) == EPOCH_A + 50);
	assert_true(cell(copy(EPOCH_B + 7), copy(EPOCH_B + 7), copy(EPOCH_B + 8), false) == 0);
}

static void test_memcached_quorum_counts_who_has_reached(void **state)
{
	const struct weir_memcached_copy copies[] = {
		{ true, EPOCH_A + 5 }, { true, EPOCH_A + 6 }, { false, EPOCH_A + 9 }, { true, EPOCH_B }
	};

	(void)state;
	assert_int_equal(weir_memcached_count_reached(copies, 4, EPOCH_A + 5), 2);
	assert_int_equal(weir_memcached_count_reached(copies, 4, EPOCH_A + 6), 1);
	assert_int_equal(weir_memcached_count_reached(copies, 4, EPOCH_A + 7), 0);
	assert_int_equal(weir_memcached_majority(1), 1);
	assert_int_equal(weir_memcached_majority(3), 2);
}

/* -- The ring -------------------------------------------------------------------------------------------------------------- */

#define NAMES 3000

static void find_all(const struct weir_memcached_ring *ring, size_t *homes)
{
	char name[32];

	for (size_t i = 0; i < NAMES; i++)
		homes[i] = weir_memcached_ring_find(ring, weir_slice(name, (size_t)snprintf(name, sizeof(name), "weir:vname%zu", i)));
}

static size_t count_of(const size_t *homes, size_t home)
{
	size_t count = 0;

	for (size_t i = 0; i < NAMES; i++)
		count += homes[i] == home;
	return count;
}

static void test_memcached_ring_moves_only_names_of_who_is_out(void **state)
{
	static struct weir_memcached_server servers[3] = { { "10.0.0.1", "a", 11211, 1 },
							   { "10.0.0.2", "b", 11211, 1 },
							   { "10.0.0.3", "c", 11211, 1 } };
	static size_t before[NAMES], without[NAMES], after[NAMES];
	const struct weir_memcached_options options = { .servers = servers, .server_count = 3 };
	struct weir_memcached_ring ring = { .points = NULL };
	const bool all[] = { true, true, true }, two[] = { true, false, true }, one[] = { false, true, false }, none[3] = { false };

	(void)state;
	assert_int_equal(weir_memcached_ring_set(&ring, &options, all), WEIR_OK);
	find_all(&ring, before);
	for (size_t i = 0; i < 3; i++)
		assert_in_range(count_of(before, i), NAMES / 5, NAMES / 2);
	assert_int_equal(weir_memcached_ring_set(&ring, &options, two), WEIR_OK);
	find_all(&ring, without);
	assert_int_equal(count_of(without, 1), 0);
	for (size_t i = 0; i < NAMES; i++)
		assert_true(before[i] == 1 || without[i] == before[i]);
	assert_int_equal(weir_memcached_ring_set(&ring, &options, one), WEIR_OK);
	find_all(&ring, after);
	assert_int_equal(count_of(after, 1), NAMES);
	assert_int_equal(weir_memcached_ring_set(&ring, &options, none), WEIR_OK);
	assert_int_equal(weir_memcached_ring_find(&ring, WEIR_SLICE_LITERAL("name")), 0);
	assert_int_equal(weir_memcached_ring_set(&ring, &options, all), WEIR_OK);
	find_all(&ring, after);
	assert_memory_equal(before, after, sizeof(before));
	weir_memcached_ring_finish(&ring);
}

static void test_memcached_ring_goes_by_weight(void **state)
{
	static struct weir_memcached_server servers[2] = { { "10.0.0.1", "a", 11211, 1 }, { "10.0.0.2", "b", 11212, 4 } };
	static size_t homes[NAMES];
	const struct weir_memcached_options options = { .servers = servers, .server_count = 2 };
	struct weir_memcached_ring ring = { .points = NULL };
	const bool all[] = { true, true };

	(void)state;
	assert_int_equal(weir_memcached_ring_set(&ring, &options, all), WEIR_OK);
	find_all(&ring, homes);
	assert_in_range(count_of(homes, 1), NAMES * 7 / 10, NAMES * 9 / 10);
	weir_memcached_ring_finish(&ring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memcached_quorum_one_keeper),
		cmocka_unit_test(test_memcached_quorum_agrees_by_majority),
		cmocka_unit_test(test_memcached_quorum_uneven_copies_are_raised),
		cmocka_unit_test(test_memcached_quorum_minority_epoch_is_set_right),
		cmocka_unit_test(test_memcached_quorum_no_majority_is_lost),
		cmocka_unit_test(test_memcached_quorum_cell),
		cmocka_unit_test(test_memcached_quorum_lost_cell_is_the_clock),
		cmocka_unit_test(test_memcached_quorum_counts_who_has_reached),
		cmocka_unit_test(test_memcached_ring_moves_only_names_of_who_is_out),
		cmocka_unit_test(test_memcached_ring_goes_by_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
