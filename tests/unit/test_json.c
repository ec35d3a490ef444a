/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/json.h>

#include "http/json_number.h"

static enum weir_status parse(struct weir_slice text, struct json_object **value, struct weir_json_error *where)
{
	/* A copy of exact size, so that a read beyond it is found. */
	char *copy = malloc(text.len > 0 ? text.len : 1);
	enum weir_status st;

	assert_non_null(copy);
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	st = weir_json_parse(weir_slice(copy, text.len), WEIR_JSON_DEPTH, value, where);
	free(copy);
	return st;
}

static const struct {
	const char *text;
	const char *written;
} good_cases[] = {
	{ "null", "null" },
	{ "true", "true" },
	{ "false", "false" },
	{ " \t\r\n1 \t\r\n", "1" },
	{ "0", "0" },
	{ "-0", "0" },
	{ "-7", "-7" },
	{ "10", "10" },
	{ "9223372036854775807", "9223372036854775807" },
	{ "9223372036854775808", "9223372036854775808" },
	{ "18446744073709551615", "18446744073709551615" },
	{ "-9223372036854775808", "-9223372036854775808" },
	{ "0.1", "0.1" },
	{ "1.0", "1.0" },
	{ "-0.0", "-0.0" },
	{ "1.50", "1.5" },
	{ "1E5", "100000.0" },
	{ "1e+2", "100.0" },
	{ "1e-2", "0.01" },
	{ "0e0", "0.0" },
	{ "1e22", "1e+22" },
	{ "1.7976931348623157e308", "1.7976931348623157e+308" },
	{ "5e-324", "5e-324" },
	{ "1e-400", "0.0" },
	{ "123456789012345678901234567890.5", "1.2345678901234568e+29" },
	{ "\"\"", "\"\"" },
	{ "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"a\\\"\\\\/\\b\\f\\n\\r\\t\"" },
	{ "\"\\u0041\\u00e9\\u20ac\\uD83D\\uDE00\"", "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "\"a\\u0000b\"", "\"a\\u0000b\"" },
	{ "\"\\u001f\x7f\"", "\"\\u001f\x7f\"" },
	{ "\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\"" },
	{ "\"\\\\u0000\"", "\"\\\\u0000\"" },
	{ "[]", "[]" },
	{ "{}", "{}" },
	{ " [ 1 , [ ] , { } ] ", "[1,[],{}]" },
	{ "{ \"b\" : 1 , \"a\" : [ null , true ] }", "{\"b\":1,\"a\":[null,true]}" },
	{ "{\"\":{\"\":1}}", "{\"\":{\"\":1}}" },
	{ "{\"a\":{\"x\":1},\"b\":{\"x\":2}}", "{\"a\":{\"x\":1},\"b\":{\"x\":2}}" },
	{ "{\"\\\\u0000\":1}", "{\"\\\\u0000\":1}" },
	{ "{\"a\":\"\\u0000\"}", "{\"a\":\"\\u0000\"}" },
	{ "[\"\\u0000\",1]", "[\"\\u0000\",1]" },
};

static void test_json_is_read_and_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good_cases) / sizeof(*good_cases); i++) {
		struct weir_buffer buffer;
		struct json_object *value;

		weir_buffer_init(&buffer, 0);
		assert_int_equal(parse(weir_slice_text(good_cases[i].text), &value, NULL), WEIR_OK);
		assert_int_equal(weir_json_append(&buffer, value), WEIR_OK);
		assert_true(weir_slice_equal(weir_buffer_slice(&buffer), weir_slice_text(good_cases[i].written)));
		weir_buffer_finish(&buffer);
		json_object_put(value);
	}
}

static const struct {
	const char *text;
	size_t offset;
} bad_cases[] = {
	/* too little, too much */
	{ "", 0 },
	{ "  ", 2 },
	{ "[1", 2 },
	{ "{\"a\":", 5 },
	{ "{\"a\"", 4 },
	{ "\"abc", 4 },
	{ "1 2", 2 },
	{ "[1]]", 3 },
	{ "[1]x", 3 },
	{ "{}{}", 2 },
	{ "nulltrue", 4 },
	/* structure */
	{ "[1,]", 3 },
	{ "[,1]", 1 },
	{ "{\"a\":1,}", 7 },
	{ "[1 2]", 3 },
	{ "{\"a\" 1}", 5 },
	{ "{\"a\":}", 5 },
	{ "{1:2}", 1 },
	{ "{\"a\":1]", 6 },
	{ "[1}", 2 },
	{ "[\"a\":1]", 4 },
	{ ":", 0 },
	{ "]", 0 },
	/* what is no JSON */
	{ "NaN", 0 },
	{ "[NaN]", 1 },
	{ "Infinity", 0 },
	{ "-Infinity", 1 },
	{ "nan", 0 },
	{ "True", 0 },
	{ "nul", 0 },
	{ "'a'", 0 },
	{ "{'a':1}", 1 },
	{ "{a:1}", 1 },
	{ "/**/1", 0 },
	{ "1//", 1 },
	{ "\v1", 0 },
	{ "\f1", 0 },
	{ "\xef\xbb\xbf[]", 0 },
	{ "\xc2\xa0[]", 0 },
	/* numbers */
	{ "01", 0 },
	{ "-01", 1 },
	{ "00", 0 },
	{ "1.", 1 },
	{ "1.e1", 1 },
	{ ".5", 0 },
	{ "+1", 0 },
	{ "-", 1 },
	{ "--1", 1 },
	{ "1e", 1 },
	{ "1e+", 1 },
	{ "1.5e-x", 3 },
	{ "0x10", 1 },
	{ "1a", 1 },
	{ "1_000", 1 },
	{ "18446744073709551616", 0 },
	{ "[1,-9223372036854775809]", 3 },
	{ "99999999999999999999", 0 },
	{ "1e999", 0 },
	{ "[0.5,-1e999]", 5 },
	{ "{\"a\":[1.7976931348623159e308]}", 6 },
	/* strings */
	{ "\"\t\"", 1 },
	{ "\"a\nb\"", 2 },
	{ "\"\\x\"", 1 },
	{ "\"\\u00\"", 1 },
	{ "\"\\u00g0\"", 1 },
	{ "\"\\", 1 },
	{ "\"\\u", 1 },
	{ "\"a\xff\"", 2 },
	{ "\"\xc0\x80\"", 1 },
	{ "\"\xed\xa0\x80\"", 1 },
	{ "\"\xf4\x90\x80\x80\"", 1 },
	{ "\"\xe2\x82\"", 1 },
	{ "\"\xe2", 1 },
	{ "\"\\ud800\"", 1 },
	{ "\"a\\udc00\"", 2 },
	{ "\"\\ud800\\u0041\"", 1 },
	{ "\"\\ud800\\ud800\"", 1 },
	{ "\"\\ud83d\\uDE0\"", 1 },
	/* names */
	{ "{\"a\":1,\"a\":2}", 7 },
	{ "{\"a\":1,\"\\u0061\":2}", 7 },
	{ "{\"\":1,\"\":2}", 6 },
	{ "[{\"a\":1},{\"b\":1, \"c\":{\"b\":2,\"b\":2}}]", 28 },
	{ "{\"a\":{\"a\":{\"a\":1}},\"a\":0}", 19 },
	{ "{\"a\":[{\"x\":1},{\"x\":1}],\"b\":1,\"a\":2}", 29 },
	{ "{\"a\\u0000b\":1}", 3 },
	{ "{\"\\u0000\" :1}", 2 }
};

static void assert_invalid(struct weir_slice text, size_t offset)
{
	struct weir_json_error where = { SIZE_MAX, NULL };
	struct json_object *value = (struct json_object *)&where;

	assert_int_equal(parse(text, &value, &where), WEIR_ERR_INVALID);
	assert_null(value);
	assert_non_null(where.reason);
	assert_int_equal(where.offset, offset);
	assert_int_equal(parse(text, &value, NULL), WEIR_ERR_INVALID);
}

static void test_json_errors_say_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_cases) / sizeof(*bad_cases); i++)
		assert_invalid(weir_slice_text(bad_cases[i].text), bad_cases[i].offset);
}

static void test_json_refuses_a_raw_nul(void **state)
{
	(void)state;
	assert_invalid(WEIR_SLICE_LITERAL("null\0"), 4);
	assert_invalid(WEIR_SLICE_LITERAL("1\0"), 1);
	assert_invalid(WEIR_SLICE_LITERAL("[1,\0]"), 3);
	assert_invalid(WEIR_SLICE_LITERAL("\"\0\""), 1);
	assert_invalid(WEIR_SLICE_LITERAL("\"\\\0\""), 1);
}

static void test_json_of_the_absent_slice_is_invalid(void **state)
{
	struct weir_json_error where;
	struct json_object *value;

	(void)state;
	assert_int_equal(weir_json_parse(WEIR_SLICE_NONE, 1, &value, &where), WEIR_ERR_INVALID);
	assert_int_equal(where.offset, 0);
}

static void test_json_keeps_nul_in_strings(void **state)
{
	struct json_object *value;

	(void)state;
	assert_int_equal(parse(WEIR_SLICE_LITERAL("\"a\\u0000b\""), &value, NULL), WEIR_OK);
	assert_int_equal(json_object_get_string_len(value), 3);
	assert_memory_equal(json_object_get_string(value), "a\0b", 3);
	json_object_put(value);
}

static const struct {
	const char *text;
	int max_depth;
	enum weir_status status;
	size_t offset;
} depth_cases[] = {
	{ "1", 0, WEIR_OK, 0 },
	{ "1", -1, WEIR_OK, 0 },
	{ "[]", 0, WEIR_ERR_LIMIT, 0 },
	{ "[]", 1, WEIR_OK, 0 },
	{ "[1,{}]", 1, WEIR_ERR_LIMIT, 3 },
	{ "[1,{}]", 2, WEIR_OK, 0 },
	{ "[1,{\"a\":2}]", 2, WEIR_OK, 0 },
	{ "[[[[]]]]", 3, WEIR_ERR_LIMIT, 3 },
	{ "[[[[1]]]]", 4, WEIR_OK, 0 },
	{ "[[],[],[[]]]", 3, WEIR_OK, 0 },
	{ "\"[[[[\"", 0, WEIR_OK, 0 },
};

static void test_json_depth_is_limited(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(depth_cases) / sizeof(*depth_cases); i++) {
		struct weir_json_error where = { 0, NULL };
		struct json_object *value;

		assert_int_equal(weir_json_parse(weir_slice_text(depth_cases[i].text), depth_cases[i].max_depth, &value, &where),
				 depth_cases[i].status);
		assert_int_equal(where.offset, depth_cases[i].offset);
		json_object_put(value);
	}
}

static void test_json_of_the_greatest_depth_is_read_and_written(void **state)
{
	char text[2 * (WEIR_JSON_MAX_DEPTH + 1)];
	struct json_object *value, *outer;
	struct weir_buffer buffer;

	(void)state;
	memset(text, '[', sizeof(text) / 2);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	assert_int_equal(weir_json_parse(weir_slice(text, sizeof(text)), INT32_MAX, &value, NULL), WEIR_ERR_LIMIT);
	assert_int_equal(weir_json_parse(weir_slice(text + 1, sizeof(text) - 2), INT32_MAX, &value, NULL), WEIR_OK);
	weir_buffer_init(&buffer, 0);
	assert_int_equal(weir_json_append(&buffer, value), WEIR_OK);
	assert_int_equal(buffer.len, sizeof(text) - 2);
	outer = json_object_new_array();
	json_object_array_add(outer, value);
	assert_int_equal(weir_json_append(&buffer, outer), WEIR_ERR_LIMIT);
	assert_int_equal(buffer.len, sizeof(text) - 2);
	weir_buffer_finish(&buffer);
	json_object_put(outer);
}

static void assert_written(struct json_object *value, enum weir_status status, const char *text)
{
	struct weir_buffer buffer;

	weir_buffer_init(&buffer, 0);
	weir_buffer_append_text(&buffer, "before:");
	assert_int_equal(weir_json_append(&buffer, value), status);
	weir_buffer_append_byte(&buffer, '\0');
	assert_memory_equal(buffer.data, "before:", 7);
	assert_string_equal(buffer.data + 7, text);
	weir_buffer_finish(&buffer);
	json_object_put(value);
}

static void test_json_refuses_to_write_what_is_no_json(void **state)
{
	struct json_object *array = json_object_new_array();

	(void)state;
	assert_written(json_object_new_double((double)NAN), WEIR_ERR_INVALID, "");
	assert_written(json_object_new_double((double)INFINITY), WEIR_ERR_INVALID, "");
	json_object_array_add(array, json_object_new_int(1));
	json_object_array_add(array, json_object_new_double((double)NAN));
	assert_written(array, WEIR_ERR_INVALID, "");
	assert_written(NULL, WEIR_OK, "null");
}

static void test_json_writes_a_replacement_for_what_is_not_utf8(void **state)
{
	struct json_object *object = json_object_new_object();

	(void)state;
	assert_written(json_object_new_string("caf\xe9"), WEIR_OK, "\"caf\xEF\xBF\xBD\"");
	assert_written(json_object_new_string("\xff\n\xfe"), WEIR_OK, "\"\xEF\xBF\xBD\\n\xEF\xBF\xBD\"");
	json_object_object_add(object, "\xff", NULL);
	assert_written(object, WEIR_OK, "{\"\xEF\xBF\xBD\":null}");
}

static void test_json_write_stops_at_the_limit_of_the_buffer(void **state)
{
	struct json_object *value = json_object_new_string("0123456789");
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 12);
	assert_int_equal(weir_json_append(&buffer, value), WEIR_OK);
	assert_int_equal(buffer.len, 12);
	weir_buffer_clear(&buffer);
	weir_buffer_append_byte(&buffer, 'x');
	assert_int_equal(weir_json_append(&buffer, value), WEIR_ERR_LIMIT);
	assert_int_equal(buffer.len, 1);
	assert_true(buffer.overflowed);
	weir_buffer_finish(&buffer);
	json_object_put(value);
}

/* Without sign, point, exponent, and zeros at the ends. */
static int significant_digits(const char *text)
{
	int digits = 0, zeros = 0;

	for (; *text && *text != 'e'; text++) {
		if (*text == '0')
			zeros += digits > 0;
		else if (*text >= '1' && *text <= '9') {
			digits += zeros + 1;
			zeros = 0;
		}
	}
	return digits;
}

/* What is written reads back as the same double, and no text with fewer digits does. */
static void assert_shortest(double number)
{
	struct json_object *value = json_object_new_double(number);
	struct weir_buffer buffer;
	char shorter[64];
	int digits = 0;

	weir_buffer_init(&buffer, 0);
	assert_int_equal(weir_json_append(&buffer, value), WEIR_OK);
	weir_buffer_append_byte(&buffer, '\0');
	assert_true(strtod(buffer.data, NULL) == number);
	do
		(void)snprintf(shorter, sizeof(shorter), "%.*g", ++digits, number);
	while (strtod(shorter, NULL) != number);
	assert_int_equal(significant_digits(buffer.data), significant_digits(shorter));
	weir_buffer_finish(&buffer);
	json_object_put(value);
}

static void test_json_doubles_are_written_with_the_fewest_digits(void **state)
{
	static const double numbers[] = { 0.1,
					  0.2,
					  0.3,
					  0.1 + 0.2,
					  1.0 / 3,
					  2.0 / 3,
					  100,
					  1e21,
					  1e22,
					  1e23,
					  123456.789,
					  DBL_MAX,
					  DBL_MIN,
					  4.9406564584124654e-324,
					  2.2250738585072009e-308,
					  9007199254740993.0,
					  5e-310,
					  1.1,
					  3.141592653589793 };
	uint64_t bits = 88172645463325252U;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		assert_shortest(numbers[i]);
	for (int i = 0; i < 20000; i++) {
		double number;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&number, &bits, sizeof(number));
		if (isfinite(number))
			assert_shortest(number);
	}
}

static const struct {
	const char *printed;
	const char *written;
} printed_cases[] = { { "0.5", "0.5" },     { "0,5", "0.5" }, { "-1\331\25325e-07", "-1.25e-07" },
		      { "1e+22", "1e+22" }, { "1", "1.0" },   { "-0", "-0.0" } };

static void test_json_doubles_have_a_point_in_every_locale(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(printed_cases) / sizeof(*printed_cases); i++) {
		struct weir_buffer buffer;

		weir_buffer_init(&buffer, 0);
		weir_json_append_printed_double(&buffer, printed_cases[i].printed);
		weir_buffer_append_byte(&buffer, '\0');
		assert_string_equal(buffer.data, printed_cases[i].written);
		weir_buffer_finish(&buffer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_read_and_written),
		cmocka_unit_test(test_json_errors_say_where),
		cmocka_unit_test(test_json_refuses_a_raw_nul),
		cmocka_unit_test(test_json_of_the_absent_slice_is_invalid),
		cmocka_unit_test(test_json_keeps_nul_in_strings),
		cmocka_unit_test(test_json_depth_is_limited),
		cmocka_unit_test(test_json_of_the_greatest_depth_is_read_and_written),
		cmocka_unit_test(test_json_refuses_to_write_what_is_no_json),
		cmocka_unit_test(test_json_writes_a_replacement_for_what_is_not_utf8),
		cmocka_unit_test(test_json_write_stops_at_the_limit_of_the_buffer),
		cmocka_unit_test(test_json_doubles_are_written_with_the_fewest_digits),
		cmocka_unit_test(test_json_doubles_have_a_point_in_every_locale),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
