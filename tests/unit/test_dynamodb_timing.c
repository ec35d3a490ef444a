/* SPDX-License-Identifier: Apache-2.0
 *
 * Pauses, and what a Date says about the server's clock. Waiting here is real, and short: a backoff sleeps on the machine's clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/dynamodb/timing.h"

static void test_dynamodb_backoff_grows_to_a_limit(void **state)
{
	(void)state;
	assert_int_equal(weir_dynamodb_backoff_max_ms(1), 20);
	assert_int_equal(weir_dynamodb_backoff_max_ms(2), 40);
	assert_int_equal(weir_dynamodb_backoff_max_ms(5), 320);
	assert_int_equal(weir_dynamodb_backoff_max_ms(6), 640);
	assert_int_equal(weir_dynamodb_backoff_max_ms(7), 640);
	assert_int_equal(weir_dynamodb_backoff_max_ms(4000000000U), 640);
}

static void test_dynamodb_backoff_keeps_to_the_deadline(void **state)
{
	int64_t begun_ms = weir_dynamodb_now_ms();
	struct weir_dynamodb_backoff backoff = { .deadline_ms = begun_ms + 100 };
	unsigned waits = 0;

	(void)state;
	while (weir_dynamodb_backoff_wait(&backoff))
		waits++;
	assert_true(waits > 0);
	/* It ends at the first pause that would be too long, and does not sleep it. */
	assert_true(weir_dynamodb_now_ms() < begun_ms + 100 + 50);
	backoff = (struct weir_dynamodb_backoff){ .deadline_ms = begun_ms };
	assert_false(weir_dynamodb_backoff_wait(&backoff));
}

#define NOW_S INT64_C(1767225600)

/* What is known after a reply with that Date, which took from 100 to 150 ms after NOW_S. */
static int64_t learn(int64_t skew_ms, int64_t date_s)
{
	return weir_dynamodb_skew_learn(skew_ms, &(struct weir_dynamodb_sighting){ date_s, NOW_S * 1000 + 100, NOW_S * 1000 + 150 });
}

static void test_dynamodb_skew_of_clocks_that_agree_is_none(void **state)
{
	(void)state;
	for (int64_t date_s = NOW_S - 1; date_s <= NOW_S + 1; date_s++)
		assert_int_equal(learn(0, date_s), 0);
	assert_int_equal(learn(-300, NOW_S), -300);
}

static void test_dynamodb_skew_is_found_to_about_a_second(void **state)
{
	int64_t ahead_ms = learn(0, NOW_S + 60), behind_ms = learn(0, NOW_S - 60);

	(void)state;
	assert_in_range(ahead_ms, 58000, 60000);
	assert_in_range(-behind_ms, 58000, 60000);
	assert_int_equal(learn(ahead_ms, NOW_S + 60), ahead_ms);
	/* A machine whose clock is set right meanwhile. */
	assert_in_range(learn(ahead_ms, NOW_S), 0, 2000);
}

static void test_dynamodb_skew_is_not_learnt_from_slow_replies(void **state)
{
	const struct weir_dynamodb_sighting slow = { NOW_S + 60, NOW_S * 1000, NOW_S * 1000 + 1001 };

	(void)state;
	assert_int_equal(weir_dynamodb_skew_learn(7, &slow), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dynamodb_backoff_grows_to_a_limit),
		cmocka_unit_test(test_dynamodb_backoff_keeps_to_the_deadline),
		cmocka_unit_test(test_dynamodb_skew_of_clocks_that_agree_is_none),
		cmocka_unit_test(test_dynamodb_skew_is_found_to_about_a_second),
		cmocka_unit_test(test_dynamodb_skew_is_not_learnt_from_slow_replies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
