/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent-encoding, and the table of character sets that it and others stand on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/chars.h"
#include "http/percent.h"

#define LETTERS_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const struct {
	const char *text;
	const char *as_path; /* NULL: ERR_INVALID */
	const char *as_form;
} decode_cases[] = {
	{ "", "", "" },
	{ "abc", "abc", "abc" },
	{ "%41", "A", "A" },
	{ "%c3%A9", "\xc3\xa9", "\xc3\xa9" },
	{ "\xc3\xa9", "\xc3\xa9", "\xc3\xa9" },
	{ "%25", "%", "%" },
	{ "%2541", "%41", "%41" },
	{ "%ff", "\xff", "\xff" },
	{ "%01%10", "\x01\x10", "\x01\x10" },
	{ "x%20", "x ", "x " },
	{ "+", "+", " " },
	{ "a+b%2B", "a+b+", "a b+" },
	{ "%20+", " +", "  " },
	{ "%", NULL, NULL },
	{ "%4", NULL, NULL },
	{ "a%", NULL, NULL },
	{ "%zz", NULL, NULL },
	{ "%4g", NULL, NULL },
	{ "%g4", NULL, NULL },
	{ "%%41", NULL, NULL },
	{ "% 41", NULL, NULL },
	{ "%-1", NULL, NULL },
	{ "%+1", NULL, NULL },
	{ "%00", NULL, NULL },
	{ "a%00b", NULL, NULL },
};

static void check_decode(struct weir_slice text, enum weir_percent_mode mode, const char *expected)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice decoded = WEIR_SLICE_NONE;

	assert_int_equal(weir_percent_decode(pool, text, mode, &decoded), expected ? WEIR_OK : WEIR_ERR_INVALID);
	assert_true(weir_slice_equal(decoded, weir_slice_text(expected)));
	if (expected)
		assert_int_equal(decoded.data[decoded.len], '\0');
	weir_pool_destroy(pool);
}

static void test_percent_decodes_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decode_cases) / sizeof(*decode_cases); i++) {
		check_decode(weir_slice_text(decode_cases[i].text), WEIR_PERCENT_PLAIN, decode_cases[i].as_path);
		check_decode(weir_slice_text(decode_cases[i].text), WEIR_PERCENT_FORM, decode_cases[i].as_form);
	}
}

static void test_percent_refuses_a_raw_nul(void **state)
{
	(void)state;
	check_decode(WEIR_SLICE_LITERAL("a\0b"), WEIR_PERCENT_PLAIN, NULL);
	check_decode(WEIR_SLICE_LITERAL("%4\0"), WEIR_PERCENT_FORM, NULL);
}

static void test_percent_reads_no_byte_behind_the_text(void **state)
{
	struct weir_slice text = WEIR_SLICE_LITERAL("%41");

	(void)state;
	assert_int_equal(weir_percent_byte(text), 'A');
	for (text.len = 0; text.len < 3; text.len++)
		assert_int_equal(weir_percent_byte(text), -1);
}

static void test_percent_encode_is_undone_by_decode(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char all[255], encoded[3 * sizeof(all)];
	struct weir_slice decoded;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)(i + 1);
	len = (size_t)(weir_percent_encode(encoded, weir_slice(all, sizeof(all))) - encoded);
	for (size_t i = 0; i < len; i++)
		assert_true(encoded[i] == '%' || weir_char_in(encoded[i], WEIR_CHAR_UNRESERVED));
	assert_int_equal(weir_percent_decode(pool, weir_slice(encoded, len), WEIR_PERCENT_FORM, &decoded), WEIR_OK);
	assert_true(weir_slice_equal(decoded, weir_slice(all, sizeof(all))));
	len = (size_t)(weir_percent_encode(encoded, WEIR_SLICE_LITERAL("a b/\xc3\xa9~")) - encoded);
	assert_true(weir_slice_equal(weir_slice(encoded, len), WEIR_SLICE_LITERAL("a%20b%2F%C3%A9~")));
	weir_pool_destroy(pool);
}

static void test_percent_reports_a_full_pool(void **state)
{
	struct weir_pool *pool = weir_pool_create(8);
	struct weir_slice decoded;

	(void)state;
	assert_int_equal(weir_percent_decode(pool, WEIR_SLICE_LITERAL("abcdefghijklmnop"), WEIR_PERCENT_PLAIN, &decoded), WEIR_ERR_MEMORY);
	weir_pool_destroy(pool);
}

static void assert_set(enum weir_char_set set, const char *members)
{
	for (int byte = 0; byte < 256; byte++)
		assert_int_equal(weir_char_in((char)byte, set), byte != 0 && strchr(members, byte) != NULL);
}

static void test_chars_table_is_what_the_grammars_say(void **state)
{
	char cookie_octets[256] = "!";
	size_t len = 1;

	(void)state;
	assert_set(WEIR_CHAR_TOKEN, LETTERS_DIGITS "!#$%&'*+-.^_`|~");
	assert_set(WEIR_CHAR_UNRESERVED, LETTERS_DIGITS "-._~");
	assert_set(WEIR_CHAR_PCHAR, LETTERS_DIGITS "-._~!$&'()*+,;=:@");
	for (int byte = 0x23; byte <= 0x7e; byte++)
		if (byte != 0x2c && byte != 0x3b && byte != 0x5c)
			cookie_octets[len++] = (char)byte;
	assert_set(WEIR_CHAR_COOKIE, cookie_octets);
}

static void test_chars_hex_knows_both_cases(void **state)
{
	static const char digits[] = "0123456789abcdefABCDEF";

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		const char *found = byte ? strchr(digits, byte) : NULL;
		int place = found ? (int)(found - digits) : -1;

		assert_int_equal(weir_char_hex((char)byte), place > 15 ? place - 6 : place);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_percent_decodes_strictly),
		cmocka_unit_test(test_percent_refuses_a_raw_nul),
		cmocka_unit_test(test_percent_reads_no_byte_behind_the_text),
		cmocka_unit_test(test_percent_encode_is_undone_by_decode),
		cmocka_unit_test(test_percent_reports_a_full_pool),
		cmocka_unit_test(test_chars_table_is_what_the_grammars_say),
		cmocka_unit_test(test_chars_hex_knows_both_cases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
