/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear clock as a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/backend_driver.h>

#define EPOCH (UINT64_C(0xabcdef) << 40)
#define OTHER_EPOCH (UINT64_C(0xabcdf0) << 40)
#define LAST_COUNT ((UINT64_C(1) << 40) - 1)

static void test_clear_clock_begins_at_one(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true((weir_clear_clock_new() & LAST_COUNT) == 1);
}

/* 16 epochs drawn from 16 million: all the same by chance once in 2^360 runs. */
static void test_clear_clock_draws_its_epoch(void **state)
{
	uint64_t first = weir_clear_clock_new();
	bool differs = false;

	(void)state;
	for (int i = 0; i < 15; i++)
		differs = differs || weir_clear_clock_new() != first;
	assert_true(differs);
}

static void test_clear_clock_stamp_is_valid_unless_a_clear_is_newer(void **state)
{
	(void)state;
	assert_true(weir_clear_clock_valid(EPOCH | 5, EPOCH | 9, EPOCH | 5));
	assert_true(weir_clear_clock_valid(EPOCH | 5, EPOCH | 9, EPOCH | 4));
	assert_true(weir_clear_clock_valid(EPOCH | 5, EPOCH | 9, 0));
	assert_false(weir_clear_clock_valid(EPOCH | 5, EPOCH | 9, EPOCH | 6));
	assert_true(weir_clear_clock_valid(EPOCH | LAST_COUNT, EPOCH | LAST_COUNT, EPOCH | LAST_COUNT));
}

static void test_clear_clock_stamp_of_another_epoch_is_invalid(void **state)
{
	(void)state;
	assert_false(weir_clear_clock_valid(OTHER_EPOCH | 5, EPOCH | 9, EPOCH | 1));
	assert_false(weir_clear_clock_valid(EPOCH | LAST_COUNT, OTHER_EPOCH | 1, EPOCH | 1));
	assert_false(weir_clear_clock_valid(OTHER_EPOCH | 5, EPOCH | 9, 0));
	assert_false(weir_clear_clock_valid(0, EPOCH | 9, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clear_clock_begins_at_one),
		cmocka_unit_test(test_clear_clock_draws_its_epoch),
		cmocka_unit_test(test_clear_clock_stamp_is_valid_unless_a_clear_is_newer),
		cmocka_unit_test(test_clear_clock_stamp_of_another_epoch_is_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
