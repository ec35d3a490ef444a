/* SPDX-License-Identifier: Apache-2.0
 *
 * Coders: what was encoded is decoded equal, nothing else is, and users write their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include <json-c/json.h>

#include <weir/json.h>

#include "cache/coder.h"
#include "support/sample_struct.h"

#define TEXT(literal) WEIR_SLICE_LITERAL(literal)

static int setup(void **state)
{
	*state = weir_pool_create(0);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	weir_pool_destroy(*state);
	return 0;
}

/* A copy in the pool of what the coder makes of the value. */
static struct weir_slice encode(struct weir_pool *pool, const struct weir_coder *coder, const void *value)
{
	struct weir_slice copy;
	struct weir_buffer bytes;

	weir_buffer_init(&bytes, 0);
	assert_int_equal(coder->ops->encode(coder, pool, value, &bytes), WEIR_OK);
	copy = weir_pool_dup(pool, weir_slice(bytes.data ? bytes.data : "", bytes.len));
	weir_buffer_finish(&bytes);
	assert_non_null(copy.data);
	return copy;
}

static enum weir_status decode(struct weir_pool *pool, const struct weir_coder *coder, struct weir_slice bytes, void *value)
{
	return coder->ops->decode(coder, pool, bytes, value);
}

static void assert_bytes(struct weir_slice bytes, struct weir_slice expected)
{
	assert_int_equal(bytes.len, expected.len);
	assert_memory_equal(bytes.data, expected.data, expected.len);
}

static void assert_encoded(struct weir_pool *pool, const struct weir_coder *coder, const void *value, const char *expected)
{
	assert_bytes(encode(pool, coder, value), weir_slice_text(expected));
}

static void assert_shown(struct weir_pool *pool, const struct weir_coder *coder, const void *value, const char *expected)
{
	struct weir_buffer bytes;

	weir_buffer_init(&bytes, 0);
	assert_int_equal(coder->ops->represent(coder, pool, value, &bytes), WEIR_OK);
	assert_bytes(weir_buffer_slice(&bytes), weir_slice_text(expected));
	weir_buffer_finish(&bytes);
}

static void assert_not_encoded(struct weir_pool *pool, const struct weir_coder *coder, const void *value)
{
	struct weir_buffer bytes;

	weir_buffer_init(&bytes, 0);
	assert_int_equal(coder->ops->encode(coder, pool, value, &bytes), WEIR_ERR_INVALID);
	weir_buffer_finish(&bytes);
}

/* -- Plain values ---------------------------------------------------------------------------------------------------------- */

static void test_coder_text_is_itself(void **state)
{
	static const char *const texts[] = { "", "a", "na\xc3\xafve \xf0\x9f\x8c\x8d" };
	const char *again, *broken = "\xff", *missing = NULL;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_encoded(*state, &weir_coder_text, &texts[i], texts[i]);
		assert_int_equal(decode(*state, &weir_coder_text, weir_slice_text(texts[i]), &again), WEIR_OK);
		assert_string_equal(again, texts[i]);
	}
	assert_int_equal(decode(*state, &weir_coder_text, WEIR_SLICE_NONE, &again), WEIR_OK);
	assert_string_equal(again, "");
	assert_not_encoded(*state, &weir_coder_text, &broken);
	assert_not_encoded(*state, &weir_coder_text, &missing);
	assert_int_equal(decode(*state, &weir_coder_text, TEXT("a\0b"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_text, TEXT("a\xc3"), &again), WEIR_ERR_CORRUPT);
}

static void test_coder_bytes_are_not_copied(void **state)
{
	struct weir_slice value = TEXT("\0\xff"), again, absent = WEIR_SLICE_NONE, bytes;

	bytes = encode(*state, &weir_coder_bytes, &value);
	assert_int_equal(decode(*state, &weir_coder_bytes, bytes, &again), WEIR_OK);
	assert_ptr_equal(again.data, bytes.data);
	assert_bytes(again, value);
	assert_encoded(*state, &weir_coder_bytes, &absent, "");
	assert_int_equal(decode(*state, &weir_coder_bytes, absent, &again), WEIR_OK);
	assert_non_null(again.data);
	assert_int_equal(again.len, 0);
}

static void test_coder_bool_is_true_or_false(void **state)
{
	bool yes = true, no = false, again = false;

	assert_encoded(*state, &weir_coder_bool, &yes, "true");
	assert_encoded(*state, &weir_coder_bool, &no, "false");
	assert_int_equal(decode(*state, &weir_coder_bool, TEXT("true"), &again), WEIR_OK);
	assert_true(again);
	assert_int_equal(decode(*state, &weir_coder_bool, TEXT("false"), &again), WEIR_OK);
	assert_false(again);
	assert_int_equal(decode(*state, &weir_coder_bool, TEXT("1"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_bool, TEXT("True"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_bool, WEIR_SLICE_NONE, &again), WEIR_ERR_CORRUPT);
}

static void test_coder_int_has_every_value(void **state)
{
	static const struct {
		int64_t number;
		const char *text;
	} cases[] = { { 0, "0" }, { -1, "-1" }, { 42, "42" }, { INT64_MAX, "9223372036854775807" }, { INT64_MIN, "-9223372036854775808" } };
	static const char *const bad[] = {
		"", "-", "-0", "00", "01", "-01", "+1", " 1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809"
	};
	int64_t again = 0;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_encoded(*state, &weir_coder_int, &cases[i].number, cases[i].text);
		assert_int_equal(decode(*state, &weir_coder_int, weir_slice_text(cases[i].text), &again), WEIR_OK);
		assert_int_equal(again, cases[i].number);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode(*state, &weir_coder_int, weir_slice_text(bad[i]), &again), WEIR_ERR_CORRUPT);
}

static void test_coder_double_keeps_every_bit(void **state)
{
	const double numbers[] = { 0.0, -0.0, 0.1, 1.7976931348623157e308, 4.9e-324, INFINITY, -INFINITY, NAN };
	double again, nan = NAN;
	struct weir_buffer bytes;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		assert_int_equal(decode(*state, &weir_coder_double, encode(*state, &weir_coder_double, &numbers[i]), &again), WEIR_OK);
		assert_memory_equal(&again, &numbers[i], sizeof(again));
	}
	assert_shown(*state, &weir_coder_double, &numbers[2], "0.1");
	weir_buffer_init(&bytes, 0);
	assert_int_equal(weir_coder_double.ops->represent(&weir_coder_double, *state, &nan, &bytes), WEIR_ERR_INVALID);
	weir_buffer_finish(&bytes);
	assert_int_equal(decode(*state, &weir_coder_double, TEXT("1234567"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_double, TEXT("123456789"), &again), WEIR_ERR_CORRUPT);
}

static void test_coder_reports_a_full_buffer(void **state)
{
	const struct weir_coder *coders[] = { &weir_coder_text, &weir_coder_bool, &weir_coder_int, &weir_coder_double, &weir_coder_date };
	const char *text = "longer";
	int64_t number = 123456;
	double half = 0.5;
	bool yes = true;
	struct weir_date date = { 2026, 11, 22 };
	const void *values[] = { &text, &yes, &number, &half, &date };
	struct weir_buffer bytes;

	for (size_t i = 0; i < sizeof(coders) / sizeof(coders[0]); i++) {
		weir_buffer_init(&bytes, 3);
		assert_int_equal(coders[i]->ops->encode(coders[i], *state, values[i], &bytes), WEIR_ERR_LIMIT);
		weir_buffer_finish(&bytes);
	}
}

/* -- JSON ------------------------------------------------------------------------------------------------------------------ */

static void test_coder_json_keeps_any_value(void **state)
{
	static const char *const texts[] = { "null", "true", "[]", "{\"a\":[1,1.0,18446744073709551615,\"\\u0000\"]}", "\"\"", "-0.0" };
	struct json_object *json, *again;
	struct weir_slice bytes;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(weir_json_parse(weir_slice_text(texts[i]), 4, &json, NULL), WEIR_OK);
		bytes = encode(*state, &weir_coder_json, &json);
		assert_bytes(bytes, weir_slice_text(texts[i]));
		assert_int_equal(decode(*state, &weir_coder_json, bytes, &again), WEIR_OK);
		assert_bytes(encode(*state, &weir_coder_json, &again), bytes);
		json_object_put(json);
	}
}

/* The pool lets go of it: a second owner would be reported as a leak or a use after free. */
static void test_coder_json_lives_as_long_as_the_pool(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct json_object *json;

	(void)state;
	assert_int_equal(decode(pool, &weir_coder_json, TEXT("{\"a\":1}"), &json), WEIR_OK);
	json_object_get(json);
	weir_pool_destroy(pool);
	assert_int_equal(json_object_put(json), 1);
}

static void test_coder_json_with_dates_in_it(void **state)
{
	struct json_object *object = json_object_new_object(), *again, *member;
	struct weir_date date = { 2026, 11, 22 };
	struct weir_decimal price = { "12.50" };

	json_object_object_add(object, "day", weir_json_date(&date));
	json_object_object_add(object, "price", weir_json_decimal(&price));
	assert_int_equal(decode(*state, &weir_coder_json, encode(*state, &weir_coder_json, &object), &again), WEIR_OK);
	json_object_put(object);
	date.day = 0;
	assert_true(json_object_object_get_ex(again, "day", &member));
	assert_int_equal(weir_json_to_date(member, &date), WEIR_OK);
	assert_int_equal(date.day, 22);
	assert_true(json_object_object_get_ex(again, "price", &member));
	assert_int_equal(weir_json_to_decimal(*state, member, &price), WEIR_OK);
	assert_string_equal(price.text, "12.50");
}

static void test_coder_json_refuses_what_is_none(void **state)
{
	struct weir_pool *small = weir_pool_create(64);
	struct json_object *json = json_object_new_double(NAN);

	assert_not_encoded(*state, &weir_coder_json, &json);
	json_object_put(json);
	assert_int_equal(decode(*state, &weir_coder_json, TEXT("{\"a\":1"), &json), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_json, WEIR_SLICE_NONE, &json), WEIR_ERR_CORRUPT);
	while (weir_pool_alloc(small, 8))
		;
	assert_int_equal(decode(small, &weir_coder_json, TEXT("{\"a\":1}"), &json), WEIR_ERR_MEMORY);
	assert_null(json);
	weir_pool_destroy(small);
}

/* -- Dates ----------------------------------------------------------------------------------------------------------------- */

static void test_coder_dates_say_what_they_are(void **state)
{
	struct weir_date date = { 2026, 11, 22 }, date_again = { 0 };
	struct weir_datetime moment = { 1795372594, 120000000, 60 }, moment_again = { 0 };
	struct weir_decimal decimal = { "-12.50" }, decimal_again = { NULL };

	assert_encoded(*state, &weir_coder_date, &date, "{\"_spec_type\":\"date\",\"val\":\"2026-11-22\"}");
	assert_int_equal(decode(*state, &weir_coder_date, encode(*state, &weir_coder_date, &date), &date_again), WEIR_OK);
	assert_memory_equal(&date_again, &date, sizeof(date));
	assert_shown(*state, &weir_coder_date, &date, "\"2026-11-22\"");

	assert_encoded(*state, &weir_coder_datetime, &moment, "{\"_spec_type\":\"datetime\",\"val\":\"2026-11-22T19:36:34.120+01:00\"}");
	assert_int_equal(decode(*state, &weir_coder_datetime, encode(*state, &weir_coder_datetime, &moment), &moment_again), WEIR_OK);
	assert_int_equal(moment_again.time_s, moment.time_s);
	assert_int_equal(moment_again.nanoseconds, moment.nanoseconds);
	assert_int_equal(moment_again.offset_min, moment.offset_min);
	assert_shown(*state, &weir_coder_datetime, &moment, "\"2026-11-22T19:36:34.120+01:00\"");

	assert_encoded(*state, &weir_coder_decimal, &decimal, "{\"_spec_type\":\"decimal\",\"val\":\"-12.50\"}");
	assert_int_equal(decode(*state, &weir_coder_decimal, encode(*state, &weir_coder_decimal, &decimal), &decimal_again), WEIR_OK);
	assert_string_equal(decimal_again.text, "-12.50");
	assert_shown(*state, &weir_coder_decimal, &decimal, "\"-12.50\"");
}

static void test_coder_dates_refuse_what_is_none(void **state)
{
	struct weir_date date = { 2025, 2, 29 };
	struct weir_datetime moment = { 0, -1, 0 };
	struct weir_decimal decimal = { "NaN" };

	assert_not_encoded(*state, &weir_coder_date, &date);
	assert_not_encoded(*state, &weir_coder_datetime, &moment);
	assert_not_encoded(*state, &weir_coder_decimal, &decimal);
	assert_int_equal(decode(*state, &weir_coder_date, TEXT("{\"_spec_type\":\"date\",\"val\":\"2025-02-29\"}"), &date),
			 WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_date, TEXT("{\"_spec_type\":\"date\",\"val\":\""), &date), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_date, TEXT("\"2026-11-22\""), &date), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_date, WEIR_SLICE_NONE, &date), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_decimal, TEXT("{\"_spec_type\":\"decimal\",\"val\":\"\"}\"}"), &decimal),
			 WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &weir_coder_datetime, encode(*state, &weir_coder_date, &(struct weir_date){ 2026, 1, 1 }), &moment),
			 WEIR_ERR_CORRUPT);
}

/* -- Structs --------------------------------------------------------------------------------------------------------------- */

static const struct weir_coder point_json = WEIR_CODER_STRUCT_JSON(struct sample_point, sample_point_fields);
static const struct weir_coder point_binary = WEIR_CODER_STRUCT(struct sample_point, sample_point_fields);
static const struct weir_coder sample_binary = WEIR_CODER_STRUCT(struct sample, sample_fields);

static void test_coder_struct_as_json_and_binary(void **state)
{
	struct sample_point point = { 1.5, -2 }, again = { 0 };

	assert_encoded(*state, &point_json, &point, "{\"x\":1.5,\"y\":-2.0}");
	assert_int_equal(decode(*state, &point_json, encode(*state, &point_json, &point), &again), WEIR_OK);
	assert_memory_equal(&again, &point, sizeof(point));
	again = (struct sample_point){ 0 };
	assert_int_equal(encode(*state, &point_binary, &point).len, 24);
	assert_int_equal(decode(*state, &point_binary, encode(*state, &point_binary, &point), &again), WEIR_OK);
	assert_memory_equal(&again, &point, sizeof(point));
	assert_shown(*state, &point_binary, &point, "{\"x\":1.5,\"y\":-2.0}");
	assert_null(point_json.ops->represent);
}

static void test_coder_struct_that_breaks_its_table_is_refused(void **state)
{
	struct sample_point north_of_the_pole = { 0, 91 }, again;
	struct weir_slice bytes = encode(*state, &point_binary, &(struct sample_point){ 0, 90 });

	assert_not_encoded(*state, &point_json, &north_of_the_pole);
	assert_not_encoded(*state, &point_binary, &north_of_the_pole);
	assert_int_equal(decode(*state, &point_json, TEXT("{\"x\":1.5}"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &point_json, TEXT("{\"x\":1.5,\"y\":91}"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &point_json, TEXT("{"), &again), WEIR_ERR_CORRUPT);
	assert_int_equal(decode(*state, &point_binary, weir_slice(bytes.data, bytes.len - 1), &again), WEIR_ERR_CORRUPT);
}

static void test_coder_struct_of_another_table_is_a_miss(void **state)
{
	struct sample again;

	assert_int_equal(decode(*state, &sample_binary, encode(*state, &point_binary, &(struct sample_point){ 0 }), &again), WEIR_MISS);
}

/* -- A coder of one's own -------------------------------------------------------------------------------------------------- */

/* A colour as "#rrggbb"; a client sees what the style sheet would. */
struct colour {
	unsigned char red, green, blue;
};

static enum weir_status encode_colour(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	const struct colour *colour = value;

	(void)self;
	(void)pool;
	weir_buffer_printf(bytes, "#%02x%02x%02x", colour->red, colour->green, colour->blue);
	return bytes->overflowed ? WEIR_ERR_LIMIT : WEIR_OK;
}

static enum weir_status decode_colour(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	const char *text = weir_pool_dup(pool, bytes).data;
	unsigned long colour;

	(void)self;
	if (!text)
		return WEIR_ERR_MEMORY;
	if (bytes.len != 7 || text[0] != '#' || strspn(text + 1, "0123456789abcdef") != 6)
		return WEIR_ERR_CORRUPT;
	colour = strtoul(text + 1, NULL, 16);
	*(struct colour *)value = (struct colour){ (unsigned char)(colour >> 16), (unsigned char)(colour >> 8), (unsigned char)colour };
	return WEIR_OK;
}

static const struct weir_coder_ops colour_ops = { .name = "colour", .encode = encode_colour, .decode = decode_colour };
static const struct weir_coder colour_coder = { .ops = &colour_ops, .size = sizeof(struct colour), .media_type = "text/css" };

static void test_coder_of_ones_own(void **state)
{
	struct colour orange = { 255, 165, 0 }, again = { 0 };

	assert_null(weir_coder_check(&colour_coder));
	assert_encoded(*state, &colour_coder, &orange, "#ffa500");
	assert_int_equal(decode(*state, &colour_coder, TEXT("#ffa500"), &again), WEIR_OK);
	assert_memory_equal(&again, &orange, sizeof(orange));
	assert_int_equal(decode(*state, &colour_coder, TEXT("orange!"), &again), WEIR_ERR_CORRUPT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_coder_text_is_itself),
		TEST(test_coder_bytes_are_not_copied),
		TEST(test_coder_bool_is_true_or_false),
		TEST(test_coder_int_has_every_value),
		TEST(test_coder_double_keeps_every_bit),
		TEST(test_coder_reports_a_full_buffer),
		TEST(test_coder_json_keeps_any_value),
		TEST(test_coder_json_lives_as_long_as_the_pool),
		TEST(test_coder_json_with_dates_in_it),
		TEST(test_coder_json_refuses_what_is_none),
		TEST(test_coder_dates_say_what_they_are),
		TEST(test_coder_dates_refuse_what_is_none),
		TEST(test_coder_struct_as_json_and_binary),
		TEST(test_coder_struct_that_breaks_its_table_is_refused),
		TEST(test_coder_struct_of_another_table_is_a_miss),
		TEST(test_coder_of_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
