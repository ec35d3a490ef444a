/* SPDX-License-Identifier: Apache-2.0
 *
 * Slices: absent against empty, bytes that are no text, and the edges of every function.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/slice.h>

#define S(text) WEIR_SLICE_LITERAL(text)

static void assert_slice(struct weir_slice actual, struct weir_slice expected)
{
	assert_int_equal(actual.len, expected.len);
	assert_int_equal(actual.data == NULL, expected.data == NULL);
	if (expected.len > 0)
		assert_memory_equal(actual.data, expected.data, expected.len);
}

static void test_slice_text_of_null_is_absent(void **state)
{
	(void)state;
	assert_slice(weir_slice_text(NULL), WEIR_SLICE_NONE);
	assert_slice(weir_slice_text(""), S(""));
	assert_slice(weir_slice_text("abc"), S("abc"));
}

static void test_slice_equal_compares_bytes(void **state)
{
	(void)state;
	assert_true(weir_slice_equal(WEIR_SLICE_NONE, S("")));
	assert_true(weir_slice_equal(S("a\0b"), S("a\0b")));
	assert_false(weir_slice_equal(S("a\0b"), S("a\0c")));
	assert_false(weir_slice_equal(S("ab"), S("abc")));
}

static void test_slice_from_stops_at_the_end(void **state)
{
	(void)state;
	assert_slice(weir_slice_from(S("abc"), 0), S("abc"));
	assert_slice(weir_slice_from(S("abc"), 2), S("c"));
	assert_slice(weir_slice_from(S("abc"), 3), S(""));
	assert_slice(weir_slice_from(S("abc"), SIZE_MAX), S(""));
	assert_slice(weir_slice_from(WEIR_SLICE_NONE, 3), WEIR_SLICE_NONE);
}

static void test_slice_starts_with_prefix(void **state)
{
	(void)state;
	assert_true(weir_slice_starts_with(S("abc"), S("ab")));
	assert_true(weir_slice_starts_with(S("abc"), S("")));
	assert_true(weir_slice_starts_with(WEIR_SLICE_NONE, WEIR_SLICE_NONE));
	assert_false(weir_slice_starts_with(S("abc"), S("abcd")));
	assert_false(weir_slice_starts_with(S("abc"), S("b")));
}

static void test_slice_equal_nocase_folds_ascii_letters_only(void **state)
{
	(void)state;
	assert_true(weir_slice_equal_nocase(S("Content-TYPE"), S("content-type")));
	assert_true(weir_slice_equal_nocase(WEIR_SLICE_NONE, S("")));
	assert_false(weir_slice_equal_nocase(S("abc"), S("abcd")));
	/* Pairs that differ in the bit 0x20 as upper and lower case do. */
	assert_false(weir_slice_equal_nocase(S("@"), S("`")));
	assert_false(weir_slice_equal_nocase(S("["), S("{")));
	assert_false(weir_slice_equal_nocase(S("\xc4"), S("\xe4")));
}

static void test_slice_compare_orders_by_unsigned_bytes(void **state)
{
	(void)state;
	assert_true(weir_slice_compare(S("a"), S("b")) < 0);
	assert_true(weir_slice_compare(S("b"), S("a")) > 0);
	assert_true(weir_slice_compare(S("a"), S("\xff")) < 0);
	assert_true(weir_slice_compare(S("a"), S("ab")) < 0);
	assert_true(weir_slice_compare(S("ab"), S("a")) > 0);
	assert_true(weir_slice_compare(WEIR_SLICE_NONE, S("a")) < 0);
	assert_int_equal(weir_slice_compare(S("ab"), S("ab")), 0);
	assert_int_equal(weir_slice_compare(WEIR_SLICE_NONE, S("")), 0);
}

static void test_slice_trim_takes_blanks_off_both_ends(void **state)
{
	(void)state;
	assert_slice(weir_slice_trim(S(" \t a b\t ")), S("a b"));
	assert_slice(weir_slice_trim(S("ab")), S("ab"));
	assert_slice(weir_slice_trim(S(" \t ")), S(""));
	assert_slice(weir_slice_trim(S("\na\r")), S("\na\r"));
	assert_slice(weir_slice_trim(WEIR_SLICE_NONE), WEIR_SLICE_NONE);
}

static void test_slice_cut_gives_every_part(void **state)
{
	struct weir_slice rest = S("a,,bc,");

	(void)state;
	assert_slice(weir_slice_cut(&rest, ','), S("a"));
	assert_slice(weir_slice_cut(&rest, ','), S(""));
	assert_slice(weir_slice_cut(&rest, ','), S("bc"));
	assert_slice(rest, S(""));
	assert_slice(weir_slice_cut(&rest, ','), S(""));
	assert_slice(rest, WEIR_SLICE_NONE);
	assert_slice(weir_slice_cut(&rest, ','), WEIR_SLICE_NONE);
}

static void test_slice_cut_without_separator_gives_all(void **state)
{
	struct weir_slice rest = S("abc");

	(void)state;
	assert_slice(weir_slice_cut(&rest, ','), S("abc"));
	assert_slice(rest, WEIR_SLICE_NONE);
}

static void test_slice_find_gives_offset_or_length(void **state)
{
	(void)state;
	assert_int_equal(weir_slice_find(S("abcb"), 'b'), 1);
	assert_int_equal(weir_slice_find(S("ab\0c"), '\0'), 2);
	assert_int_equal(weir_slice_find(S("abc"), 'x'), 3);
	assert_int_equal(weir_slice_find(WEIR_SLICE_NONE, 'x'), 0);
}

static void assert_number(struct weir_slice text, uint64_t max, uint64_t expected)
{
	uint64_t value = 7;

	assert_int_equal(weir_slice_to_u64(text, max, &value), WEIR_OK);
	assert_true(value == expected);
}

static void assert_no_number(struct weir_slice text, uint64_t max, enum weir_status expected)
{
	uint64_t value = 7;

	assert_int_equal(weir_slice_to_u64(text, max, &value), expected);
	assert_true(value == 7);
}

static void test_slice_to_u64_reads_up_to_the_maximum(void **state)
{
	(void)state;
	assert_number(S("0"), 0, 0);
	assert_number(S("00042"), 42, 42);
	assert_number(S("99"), 99, 99);
	assert_number(S("18446744073709551615"), UINT64_MAX, UINT64_MAX);
	assert_number(S("000000000000000000000000000000001"), 1, 1);
}

static void test_slice_to_u64_refuses_more_than_the_maximum(void **state)
{
	(void)state;
	assert_no_number(S("1"), 0, WEIR_ERR_LIMIT);
	assert_no_number(S("100"), 99, WEIR_ERR_LIMIT);
	assert_no_number(S("9"), 5, WEIR_ERR_LIMIT);
	assert_no_number(S("18446744073709551616"), UINT64_MAX, WEIR_ERR_LIMIT);
	assert_no_number(S("99999999999999999999999999999999"), UINT64_MAX, WEIR_ERR_LIMIT);
	/* Once over the maximum, always over: the sum must not start anew. */
	assert_no_number(S("9000000000"), 8, WEIR_ERR_LIMIT);
}

static void test_slice_to_u64_refuses_what_is_no_number(void **state)
{
	(void)state;
	assert_no_number(WEIR_SLICE_NONE, 99, WEIR_ERR_INVALID);
	assert_no_number(S(""), 99, WEIR_ERR_INVALID);
	assert_no_number(S("-1"), 99, WEIR_ERR_INVALID);
	assert_no_number(S("+1"), 99, WEIR_ERR_INVALID);
	assert_no_number(S(" 1"), 99, WEIR_ERR_INVALID);
	assert_no_number(S("1\0"), 99, WEIR_ERR_INVALID);
	assert_no_number(S("0x1"), 99, WEIR_ERR_INVALID);
	assert_no_number(S("\xb1"), 99, WEIR_ERR_INVALID);
	assert_no_number(S("99999999999999999999999999x"), 99, WEIR_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slice_text_of_null_is_absent),
		cmocka_unit_test(test_slice_equal_compares_bytes),
		cmocka_unit_test(test_slice_from_stops_at_the_end),
		cmocka_unit_test(test_slice_starts_with_prefix),
		cmocka_unit_test(test_slice_equal_nocase_folds_ascii_letters_only),
		cmocka_unit_test(test_slice_compare_orders_by_unsigned_bytes),
		cmocka_unit_test(test_slice_trim_takes_blanks_off_both_ends),
		cmocka_unit_test(test_slice_cut_gives_every_part),
		cmocka_unit_test(test_slice_cut_without_separator_gives_all),
		cmocka_unit_test(test_slice_find_gives_offset_or_length),
		cmocka_unit_test(test_slice_to_u64_reads_up_to_the_maximum),
		cmocka_unit_test(test_slice_to_u64_refuses_more_than_the_maximum),
		cmocka_unit_test(test_slice_to_u64_refuses_what_is_no_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
