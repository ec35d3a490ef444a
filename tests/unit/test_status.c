/* SPDX-License-Identifier: Apache-2.0
 *
 * The names and words of every status, and of values that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <weir/status.h>

static const enum weir_status all[] = {
#define X(name, value, text) name,
	WEIR_STATUS_TABLE(X)
#undef X
};

static void test_status_says_name_and_text(void **state)
{
	(void)state;
	assert_string_equal(weir_status_name(WEIR_OK), "WEIR_OK");
	assert_string_equal(weir_status_text(WEIR_OK), "ok");
	assert_string_equal(weir_status_name(WEIR_MISS), "WEIR_MISS");
	assert_string_equal(weir_status_text(WEIR_ERR_TIMEOUT), "timed out");
}

static void test_status_names_and_texts_are_unique(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(all[i], all[j]);
			assert_string_not_equal(weir_status_name(all[i]), weir_status_name(all[j]));
			assert_string_not_equal(weir_status_text(all[i]), weir_status_text(all[j]));
		}
}

static void test_status_failures_are_the_negative_ones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_int_equal(all[i] < 0, strncmp(weir_status_name(all[i]), "WEIR_ERR_", 9) == 0);
}

static void test_status_unknown_value_has_words(void **state)
{
	const int above = 99;
	const int below = -99;

	(void)state;
	assert_string_equal(weir_status_text((enum weir_status)above), "unknown status");
	assert_string_equal(weir_status_name((enum weir_status)below), "unknown status");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_says_name_and_text),
		cmocka_unit_test(test_status_names_and_texts_are_unique),
		cmocka_unit_test(test_status_failures_are_the_negative_ones),
		cmocka_unit_test(test_status_unknown_value_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
