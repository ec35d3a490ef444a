/* SPDX-License-Identifier: Apache-2.0
 *
 * The breaker: what opens it, how long it stays open, and what closes it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/breaker.h"

#define NOW INT64_C(1000000)

static void test_breaker_opens_after_failures_in_a_row(void **state)
{
	static const enum weir_status failures[] = { WEIR_ERR_IO, WEIR_ERR_BACKEND };

	(void)state;
	for (size_t kind = 0; kind < 2; kind++) {
		struct weir_breaker breaker = { .open = false };

		for (int i = 1; i < WEIR_BREAKER_FAILURES; i++) {
			assert_int_equal(weir_breaker_note(&breaker, failures[kind], NOW), WEIR_BREAKER_STAYS);
			assert_true(weir_breaker_lets(&breaker, NOW));
		}
		assert_int_equal(weir_breaker_note(&breaker, failures[kind], NOW), WEIR_BREAKER_OPENS);
		assert_false(weir_breaker_lets(&breaker, NOW));
	}
}

static void test_breaker_answers_between_keep_it_closed(void **state)
{
	static const enum weir_status answers[] = { WEIR_OK, WEIR_MISS, WEIR_BUSY };
	struct weir_breaker breaker = { .open = false };

	(void)state;
	for (int round = 0; round < 30; round++) {
		for (int i = 1; i < WEIR_BREAKER_FAILURES; i++)
			assert_int_equal(weir_breaker_note(&breaker, WEIR_ERR_IO, NOW), WEIR_BREAKER_STAYS);
		assert_int_equal(weir_breaker_note(&breaker, answers[round % 3], NOW), WEIR_BREAKER_STAYS);
	}
	assert_true(weir_breaker_lets(&breaker, NOW));
}

static void test_breaker_one_time_out_opens_it(void **state)
{
	struct weir_breaker breaker = { .open = false };

	(void)state;
	assert_int_equal(weir_breaker_note(&breaker, WEIR_ERR_TIMEOUT, NOW), WEIR_BREAKER_OPENS);
	assert_false(weir_breaker_lets(&breaker, NOW));
}

/* What is wrong on this side is no reason to leave the server alone. */
static void test_breaker_other_errors_are_no_failures(void **state)
{
	static const enum weir_status errors[] = { WEIR_ERR_MEMORY, WEIR_ERR_INVALID, WEIR_ERR_LIMIT, WEIR_ERR_UNSUPPORTED };
	struct weir_breaker breaker = { .open = false };

	(void)state;
	for (int i = 0; i < 40; i++)
		assert_int_equal(weir_breaker_note(&breaker, errors[i % 4], NOW), WEIR_BREAKER_STAYS);
	assert_true(weir_breaker_lets(&breaker, NOW));
	for (int i = 1; i < WEIR_BREAKER_FAILURES; i++)
		(void)weir_breaker_note(&breaker, WEIR_ERR_IO, NOW);
	assert_int_equal(weir_breaker_note(&breaker, WEIR_ERR_MEMORY, NOW), WEIR_BREAKER_STAYS);
	assert_int_equal(weir_breaker_note(&breaker, WEIR_ERR_IO, NOW), WEIR_BREAKER_OPENS);
}

static void test_breaker_is_half_open_after_the_pause(void **state)
{
	struct weir_breaker breaker = { .open = false };

	(void)state;
	weir_breaker_open(&breaker, NOW);
	assert_false(weir_breaker_lets(&breaker, NOW + WEIR_BREAKER_PAUSE_MS - 1));
	assert_true(weir_breaker_lets(&breaker, NOW + WEIR_BREAKER_PAUSE_MS));
	assert_int_equal(weir_breaker_note(&breaker, WEIR_OK, NOW + WEIR_BREAKER_PAUSE_MS), WEIR_BREAKER_CLOSES);
	assert_true(weir_breaker_lets(&breaker, NOW));
	assert_int_equal(weir_breaker_note(&breaker, WEIR_OK, NOW + WEIR_BREAKER_PAUSE_MS), WEIR_BREAKER_STAYS);
}

/* For a whole pause from the end of the failed call, and as often as it takes. */
static void test_breaker_failed_probe_opens_it_again(void **state)
{
	static const enum weir_status failures[] = { WEIR_ERR_TIMEOUT, WEIR_ERR_IO, WEIR_ERR_BACKEND, WEIR_ERR_MEMORY };
	struct weir_breaker breaker = { .open = false };
	int64_t now_ms = NOW;

	(void)state;
	weir_breaker_open(&breaker, now_ms);
	for (int i = 0; i < 20; i++) {
		now_ms += WEIR_BREAKER_PAUSE_MS;
		assert_true(weir_breaker_lets(&breaker, now_ms));
		now_ms += 500;
		assert_int_equal(weir_breaker_note(&breaker, failures[i % 4], now_ms), WEIR_BREAKER_STAYS);
		assert_false(weir_breaker_lets(&breaker, now_ms + WEIR_BREAKER_PAUSE_MS - 1));
	}
	assert_int_equal(weir_breaker_note(&breaker, WEIR_OK, now_ms + WEIR_BREAKER_PAUSE_MS), WEIR_BREAKER_CLOSES);
}

/* Closed, it forgets: a single failure does not open it. */
static void test_breaker_begins_anew_when_closed(void **state)
{
	struct weir_breaker breaker = { .open = false };

	(void)state;
	for (int i = 0; i < WEIR_BREAKER_FAILURES; i++)
		(void)weir_breaker_note(&breaker, WEIR_ERR_IO, NOW);
	assert_int_equal(weir_breaker_note(&breaker, WEIR_OK, NOW + WEIR_BREAKER_PAUSE_MS), WEIR_BREAKER_CLOSES);
	for (int i = 1; i < WEIR_BREAKER_FAILURES; i++)
		assert_int_equal(weir_breaker_note(&breaker, WEIR_ERR_IO, NOW), WEIR_BREAKER_STAYS);
	assert_int_equal(weir_breaker_note(&breaker, WEIR_ERR_IO, NOW), WEIR_BREAKER_OPENS);
}

static void test_breaker_pause_is_a_setting(void **state)
{
	struct weir_breaker breaker = { .pause_ms = 10 };

	(void)state;
	(void)weir_breaker_note(&breaker, WEIR_ERR_TIMEOUT, NOW);
	assert_false(weir_breaker_lets(&breaker, NOW + 9));
	assert_true(weir_breaker_lets(&breaker, NOW + 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_breaker_opens_after_failures_in_a_row), cmocka_unit_test(test_breaker_answers_between_keep_it_closed),
		cmocka_unit_test(test_breaker_one_time_out_opens_it),         cmocka_unit_test(test_breaker_other_errors_are_no_failures),
		cmocka_unit_test(test_breaker_is_half_open_after_the_pause),  cmocka_unit_test(test_breaker_failed_probe_opens_it_again),
		cmocka_unit_test(test_breaker_begins_anew_when_closed),       cmocka_unit_test(test_breaker_pause_is_a_setting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
