/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's clock against the system calls it stands for, and a clock of the caller's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include <weir/clock.h>

static int64_t now_ms(clockid_t id)
{
	struct timespec now;

	assert_int_equal(clock_gettime(id, &now), 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void test_clock_system_reads_wall_time(void **state)
{
	int64_t before = now_ms(CLOCK_REALTIME);
	int64_t read = weir_clock_wall_ms(weir_clock_system());

	(void)state;
	assert_true(before <= read && read <= now_ms(CLOCK_REALTIME));
}

static void test_clock_system_reads_monotonic_time(void **state)
{
	int64_t before = now_ms(CLOCK_MONOTONIC);
	int64_t read = weir_clock_monotonic_ms(weir_clock_system());

	(void)state;
	assert_true(before <= read && read <= now_ms(CLOCK_MONOTONIC));
}

static int64_t state_plus_one(void *state)
{
	return *(int64_t *)state + 1;
}

static int64_t state_plus_two(void *state)
{
	return *(int64_t *)state + 2;
}

static void test_clock_of_the_caller_gets_its_state(void **state)
{
	int64_t hand = 40;
	const struct weir_clock clock = { .wall_ms = state_plus_one, .monotonic_ms = state_plus_two, .state = &hand };

	(void)state;
	assert_int_equal(weir_clock_wall_ms(&clock), 41);
	assert_int_equal(weir_clock_monotonic_ms(&clock), 42);
	hand = -50;
	assert_int_equal(weir_clock_wall_ms(&clock), -49);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_system_reads_wall_time),
		cmocka_unit_test(test_clock_system_reads_monotonic_time),
		cmocka_unit_test(test_clock_of_the_caller_gets_its_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
