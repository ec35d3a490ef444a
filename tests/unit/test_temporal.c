/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates, points in time and decimals: their texts, read strictly, and their JSON. Expected seconds come from `date -u -d … +%s`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <json-c/json.h>

#include <weir/json.h>
#include <weir/temporal.h>

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

/* -- Dates ----------------------------------------------------------------------------------------------------------------- */

static void test_temporal_date_has_one_text(void **state)
{
	static const char *const texts[] = { "2026-11-22", "0000-01-01", "9999-12-31", "2000-02-29", "2024-02-29", "1582-10-10" };
	struct weir_date date;
	char text[WEIR_DATE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(weir_date_read(weir_slice_text(texts[i]), &date), WEIR_OK);
		assert_int_equal(weir_date_write(&date, text), WEIR_OK);
		assert_string_equal(text, texts[i]);
	}
	assert_int_equal(weir_date_read(TEXT("2026-11-22"), &date), WEIR_OK);
	assert_int_equal(date.year, 2026);
	assert_int_equal(date.month, 11);
	assert_int_equal(date.day, 22);
}

static void test_temporal_date_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = { "",           "2026-11-2",   "2026-11-222", "2026-1-22",  "26-11-22",   "2026-11-31",
					     "2026-00-01", "2026-13-01",  "2026-01-00",  "2025-02-29", "1900-02-29", "2026/11/22",
					     "+026-11-22", " 2026-11-22", "2026-11-22T", "20261122" };
	static const struct weir_date dates[] = {
		{ -1, 1, 1 },   { 10000, 1, 1 },  { 2026, 0, 1 },    { 2026, 13, 1 },      { 2026, INT_MIN, 1 },
		{ 2026, 1, 0 }, { 2026, 11, 31 }, { INT_MAX, 1, 1 }, { 2026, INT_MAX, 1 }, { 2026, 1, INT_MAX },
	};
	struct weir_date date;
	char text[WEIR_DATE_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(weir_date_read(weir_slice_text(texts[i]), &date), WEIR_ERR_INVALID);
	assert_int_equal(weir_date_read(WEIR_SLICE_NONE, &date), WEIR_ERR_INVALID);
	assert_int_equal(weir_date_read(TEXT("2026-11-22\0"), &date), WEIR_ERR_INVALID);
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++)
		assert_int_equal(weir_date_write(&dates[i], text), WEIR_ERR_INVALID);
}

/* -- Points in time -------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	struct weir_datetime datetime;
} moments[] = {
	{ "1970-01-01T00:00:00Z", { 0, 0, WEIR_DATE_UTC } },
	{ "1970-01-01T00:00:00+00:00", { 0, 0, 0 } },
	{ "2026-11-22T19:36:34.120+01:00", { 1795372594, 120000000, 60 } },
	{ "2026-11-22T19:36:34.000001-05:30", { 1795395994, 1000, -330 } },
	{ "2026-11-22T19:36:34.123456789Z", { 1795376194, 123456789, WEIR_DATE_UTC } },
	{ "2026-11-22T19:36:34.100000001Z", { 1795376194, 100000001, WEIR_DATE_UTC } },
	{ "1969-12-31T23:59:59.999Z", { -1, 999000000, WEIR_DATE_UTC } },
	{ "0000-01-01T00:00:00Z", { -62167219200, 0, WEIR_DATE_UTC } },
	{ "9999-12-31T23:59:59.999999999Z", { 253402300799, 999999999, WEIR_DATE_UTC } },
	{ "0000-01-01T00:00:00+23:59", { -62167219200 - 86340, 0, 1439 } },
	{ "9999-12-31T23:59:59-23:59", { 253402300799 + 86340, 0, -1439 } },
};

static void assert_same_moment(const struct weir_datetime *a, const struct weir_datetime *b)
{
	assert_int_equal(a->time_s, b->time_s);
	assert_int_equal(a->nanoseconds, b->nanoseconds);
	assert_int_equal(a->offset_min, b->offset_min);
}

static void test_temporal_datetime_has_one_text(void **state)
{
	struct weir_datetime datetime;
	char text[WEIR_DATETIME_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		assert_int_equal(weir_datetime_write(&moments[i].datetime, text), WEIR_OK);
		assert_string_equal(text, moments[i].text);
		assert_int_equal(weir_datetime_read(weir_slice_text(text), &datetime), WEIR_OK);
		assert_same_moment(&datetime, &moments[i].datetime);
	}
}

static void test_temporal_datetime_may_be_written_otherwise(void **state)
{
	static const struct {
		const char *text, *canonical;
	} cases[] = {
		{ "2026-11-22t19:36:34z", "2026-11-22T19:36:34Z" },
		{ "2026-11-22T19:36:34-00:00", "2026-11-22T19:36:34Z" }, /* RFC 3339 section 4.3 */
		{ "2026-11-22T19:36:34.5Z", "2026-11-22T19:36:34.500Z" },
		{ "2026-11-22T19:36:34.0Z", "2026-11-22T19:36:34Z" },
		{ "2026-11-22T19:36:34.1230000Z", "2026-11-22T19:36:34.123Z" },
		{ "2015-06-30T23:59:60Z", "2015-07-01T00:00:00Z" },
		{ "1990-12-31T15:59:60-08:00", "1990-12-31T16:00:00-08:00" },
	};
	struct weir_datetime datetime;
	char text[WEIR_DATETIME_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(weir_datetime_read(weir_slice_text(cases[i].text), &datetime), WEIR_OK);
		assert_int_equal(weir_datetime_write(&datetime, text), WEIR_OK);
		assert_string_equal(text, cases[i].canonical);
	}
}

static void test_temporal_datetime_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"2026-11-22",
		"2026-11-22T19:36:34",
		"2026-11-22 19:36:34Z",
		"2026-11-22T19:36Z",
		"2026-11-22T24:00:00Z",
		"2026-11-22T19:60:00Z",
		"2026-11-22T19:36:61Z",
		"2026-11-22T19:36:34.Z",
		"2026-11-22T19:36:34,5Z",
		"2026-11-22T19:36:34.1234567890Z",
		"2026-11-22T19:36:34.0000000001Z",
		"2026-11-22T19:36:34+24:00",
		"2026-11-22T19:36:34+01:60",
		"2026-11-22T19:36:34+0100",
		"2026-11-22T19:36:34+01",
		"2026-11-22T19:36:34ZZ",
		"2026-11-22T19:36:34Z ",
		"2026-11-31T19:36:34Z",
		"9999-12-31T23:59:60Z",
		"2026-11-22T1 :36:34Z",
	};
	struct weir_datetime datetime = { 1, 2, 3 };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(weir_datetime_read(weir_slice_text(texts[i]), &datetime), WEIR_ERR_INVALID);
	assert_int_equal(datetime.time_s, 1);
}

static void test_temporal_datetime_out_of_range_is_not_written(void **state)
{
	static const struct weir_datetime bad[] = {
		{ 0, -1, 0 },
		{ 0, 1000000000, 0 },
		{ 0, 0, 1440 },
		{ 0, 0, -1440 },
		{ 0, 0, INT_MAX },
		{ -62167219201, 0, 0 },
		{ 253402300800, 0, WEIR_DATE_UTC },
		{ -62167219200, 0, -1 },
		{ 253402300799, 0, 1 },
		{ INT64_MAX, 0, 1439 },
		{ INT64_MIN, 0, -1439 },
	};
	struct weir_date date;
	char text[WEIR_DATETIME_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(weir_datetime_write(&bad[i], text), WEIR_ERR_INVALID);
		assert_int_equal(weir_datetime_date(&bad[i], &date), WEIR_ERR_INVALID);
	}
}

static void test_temporal_datetime_comes_from_milliseconds(void **state)
{
	struct weir_datetime later = weir_datetime_from_ms(1500, 60), before = weir_datetime_from_ms(-1, WEIR_DATE_UTC);
	struct weir_datetime earliest = weir_datetime_from_ms(INT64_MIN, 0);

	(void)state;
	assert_same_moment(&later, &(struct weir_datetime){ 1, 500000000, 60 });
	assert_same_moment(&before, &(struct weir_datetime){ -1, 999000000, WEIR_DATE_UTC });
	assert_same_moment(&earliest, &(struct weir_datetime){ INT64_MIN / 1000 - 1, 192000000, 0 });
}

/* The same moment is on two days. */
static void test_temporal_datetime_has_the_date_of_its_place(void **state)
{
	struct weir_datetime utc = { 1795390200, 0, WEIR_DATE_UTC }, berlin = { 1795390200, 0, 60 };
	struct weir_date date;

	(void)state;
	assert_int_equal(weir_datetime_date(&utc, &date), WEIR_OK);
	assert_int_equal(date.day, 22);
	assert_int_equal(weir_datetime_date(&berlin, &date), WEIR_OK);
	assert_int_equal(date.year, 2026);
	assert_int_equal(date.month, 11);
	assert_int_equal(date.day, 23);
}

static void test_temporal_datetime_random_moments_come_back(void **state)
{
	struct weir_datetime again;
	char text[WEIR_DATETIME_TEXT_SIZE];

	(void)state;
	srand(11);
	for (int i = 0; i < 20000; i++) {
		int64_t span = 253402300799 + 62167219200 - 2 * 86400;
		struct weir_datetime datetime = {
			.time_s = (int64_t)(((uint64_t)rand() << 31 | (uint64_t)rand()) % (uint64_t)span) - 62167219200 + 86400,
			.nanoseconds = i % 4 == 0   ? 0
				       : i % 4 == 1 ? rand() % 1000 * 1000000
				       : i % 4 == 2 ? rand() % 1000000 * 1000
						    : rand() % 1000000000,
			.offset_min = i % 3 == 0 ? WEIR_DATE_UTC : rand() % 2879 - 1439,
		};

		assert_int_equal(weir_datetime_write(&datetime, text), WEIR_OK);
		assert_int_equal(weir_datetime_read(weir_slice_text(text), &again), WEIR_OK);
		assert_same_moment(&again, &datetime);
	}
}

/* -- Decimals -------------------------------------------------------------------------------------------------------------- */

static void test_temporal_decimal_keeps_its_text(void **state)
{
	static const char *const texts[] = { "0",
					     "-0",
					     "12.50",
					     "12.5",
					     "-0.00",
					     "1E+3",
					     "1e-3",
					     "0E-8",
					     "1E3",
					     "0.001",
					     "123456789012345678901234567890.0000000001",
					     "1e999999999" };
	struct weir_decimal decimal;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(weir_decimal_read(*state, weir_slice_text(texts[i]), &decimal), WEIR_OK);
		assert_string_equal(decimal.text, texts[i]);
		assert_true(weir_decimal_valid(&decimal));
	}
}

static void test_temporal_decimal_that_is_none_is_refused(void **state)
{
	static const char *const texts[] = { "",     "-",    "+1",           ".5",           "5.",       "01",   "1e", "1e+",
					     "1.e3", "NaN",  "nan",          "sNaN",         "Infinity", "-inf", " 1", "1 ",
					     "1,5",  "0x10", "1e1234567890", "1e0000000001", "--1",      "1e+-1" };
	char *longest = weir_pool_bytes(*state, WEIR_DECIMAL_MAX + 2);
	struct weir_decimal decimal;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		decimal.text = texts[i];
		assert_false(weir_decimal_valid(&decimal));
		assert_int_equal(weir_decimal_read(*state, weir_slice_text(texts[i]), &decimal), WEIR_ERR_INVALID);
	}
	decimal.text = NULL;
	assert_false(weir_decimal_valid(&decimal));
	memset(longest, '1', WEIR_DECIMAL_MAX + 1);
	assert_int_equal(weir_decimal_read(*state, weir_slice(longest, WEIR_DECIMAL_MAX), &decimal), WEIR_OK);
	assert_int_equal(weir_decimal_read(*state, weir_slice(longest, WEIR_DECIMAL_MAX + 1), &decimal), WEIR_ERR_INVALID);
	assert_int_equal(weir_decimal_read(*state, TEXT("1\0002"), &decimal), WEIR_ERR_INVALID);
}

static const struct {
	int64_t scaled;
	unsigned places;
	const char *text;
} amounts[] = {
	{ 1999, 2, "19.99" },
	{ 5, 2, "0.05" },
	{ -5, 2, "-0.05" },
	{ 0, 2, "0.00" },
	{ 1999, 0, "1999" },
	{ INT64_MIN, 0, "-9223372036854775808" },
	{ INT64_MIN, 18, "-9.223372036854775808" },
	{ INT64_MAX, 25, "0.0000009223372036854775807" },
};

static void test_temporal_decimal_of_a_scaled_number(void **state)
{
	struct weir_decimal decimal;
	int64_t scaled;

	for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		assert_int_equal(weir_decimal_from_scaled(*state, amounts[i].scaled, amounts[i].places, &decimal), WEIR_OK);
		assert_string_equal(decimal.text, amounts[i].text);
		assert_int_equal(weir_decimal_to_scaled(&decimal, amounts[i].places, &scaled), WEIR_OK);
		assert_int_equal(scaled, amounts[i].scaled);
	}
	assert_int_equal(weir_decimal_from_scaled(*state, 1, 101, &decimal), WEIR_ERR_LIMIT);
}

static void test_temporal_decimal_is_never_rounded(void **state)
{
	static const struct {
		const char *text;
		unsigned places;
		enum weir_status status;
		int64_t scaled;
	} cases[] = {
		{ "1.999E+1", 2, WEIR_OK, 1999 },
		{ "1.9990", 3, WEIR_OK, 1999 },
		{ "1.9999", 3, WEIR_ERR_INVALID, 0 },
		{ "1E-3", 2, WEIR_ERR_INVALID, 0 },
		{ "1000E-3", 0, WEIR_OK, 1 },
		{ "0E+999999999", 2, WEIR_OK, 0 },
		{ "0E-999999999", 0, WEIR_OK, 0 },
		{ "1E+999999999", 0, WEIR_ERR_LIMIT, 0 },
		{ "9223372036854775807", 0, WEIR_OK, INT64_MAX },
		{ "9223372036854775808", 0, WEIR_ERR_LIMIT, 0 },
		{ "-9223372036854775808", 0, WEIR_OK, INT64_MIN },
		{ "-9223372036854775809", 0, WEIR_ERR_LIMIT, 0 },
		{ "92233720368547758080", 0, WEIR_ERR_LIMIT, 0 },
		{ "99999999999999999999999", 0, WEIR_ERR_LIMIT, 0 },
		{ "NaN", 0, WEIR_ERR_INVALID, 0 },
	};
	int64_t scaled;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_decimal decimal = { cases[i].text };

		assert_int_equal(weir_decimal_to_scaled(&decimal, cases[i].places, &scaled), cases[i].status);
		if (cases[i].status == WEIR_OK)
			assert_int_equal(scaled, cases[i].scaled);
	}
}

/* -- JSON ------------------------------------------------------------------------------------------------------------------ */

static void assert_json(struct json_object *json, const char *text)
{
	struct weir_buffer buffer;

	weir_buffer_init(&buffer, 0);
	assert_non_null(json);
	assert_int_equal(weir_json_append(&buffer, json), WEIR_OK);
	assert_int_equal(buffer.len, strlen(text));
	assert_memory_equal(buffer.data, text, buffer.len);
	weir_buffer_finish(&buffer);
}

static void test_temporal_json_says_what_it_is(void **state)
{
	struct weir_date date = { 2026, 11, 22 };
	struct weir_datetime datetime = moments[2].datetime;
	struct weir_decimal decimal = { "12.50" };
	struct json_object *json;

	json = weir_json_date(&date);
	assert_json(json, "{\"_spec_type\":\"date\",\"val\":\"2026-11-22\"}");
	assert_int_equal(weir_json_to_date(json, &date), WEIR_OK);
	assert_int_equal(date.day, 22);
	assert_int_equal(weir_json_to_datetime(json, &datetime), WEIR_ERR_INVALID);
	json_object_put(json);
	json = weir_json_datetime(&datetime);
	assert_json(json, "{\"_spec_type\":\"datetime\",\"val\":\"2026-11-22T19:36:34.120+01:00\"}");
	assert_int_equal(weir_json_to_datetime(json, &datetime), WEIR_OK);
	assert_same_moment(&datetime, &moments[2].datetime);
	assert_int_equal(weir_json_to_decimal(*state, json, &decimal), WEIR_ERR_INVALID);
	json_object_put(json);
	json = weir_json_decimal(&decimal);
	assert_json(json, "{\"_spec_type\":\"decimal\",\"val\":\"12.50\"}");
	assert_int_equal(weir_json_to_decimal(*state, json, &decimal), WEIR_OK);
	assert_string_equal(decimal.text, "12.50");
	assert_int_equal(weir_json_to_date(json, &date), WEIR_ERR_INVALID);
	json_object_put(json);
}

static void test_temporal_json_of_a_value_that_is_none_is_null(void **state)
{
	(void)state;
	assert_null(weir_json_date(&(struct weir_date){ 2025, 2, 29 }));
	assert_null(weir_json_datetime(&(struct weir_datetime){ 0, -1, 0 }));
	assert_null(weir_json_decimal(&(struct weir_decimal){ "NaN" }));
	assert_null(weir_json_decimal(&(struct weir_decimal){ NULL }));
}

static void test_temporal_json_of_another_shape_is_refused(void **state)
{
	static const char *const texts[] = {
		"null",
		"\"2026-11-22\"",
		"[\"date\",\"2026-11-22\"]",
		"{}",
		"{\"val\":\"2026-11-22\"}",
		"{\"_spec_type\":\"date\"}",
		"{\"_spec_type\":\"date\",\"val\":20261122}",
		"{\"_spec_type\":\"date\",\"val\":null}",
		"{\"_spec_type\":\"date\",\"val\":\"2026-11-31\"}",
		"{\"_spec_type\":\"date\",\"val\":\"2026-11-22\",\"more\":1}",
		"{\"_spec_type\":\"Date\",\"val\":\"2026-11-22\"}",
		"{\"_spec_type\":\"date\\u0000\",\"val\":\"2026-11-22\"}",
		"{\"_spec_type\":1,\"val\":\"2026-11-22\"}",
	};
	struct weir_date date;
	struct json_object *json;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(weir_json_parse(weir_slice_text(texts[i]), 4, &json, NULL), WEIR_OK);
		assert_int_equal(weir_json_to_date(json, &date), WEIR_ERR_INVALID);
		json_object_put(json);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_temporal_date_has_one_text),
		TEST(test_temporal_date_that_is_none_is_refused),
		TEST(test_temporal_datetime_has_one_text),
		TEST(test_temporal_datetime_may_be_written_otherwise),
		TEST(test_temporal_datetime_that_is_none_is_refused),
		TEST(test_temporal_datetime_out_of_range_is_not_written),
		TEST(test_temporal_datetime_comes_from_milliseconds),
		TEST(test_temporal_datetime_has_the_date_of_its_place),
		TEST(test_temporal_datetime_random_moments_come_back),
		TEST(test_temporal_decimal_keeps_its_text),
		TEST(test_temporal_decimal_that_is_none_is_refused),
		TEST(test_temporal_decimal_of_a_scaled_number),
		TEST(test_temporal_decimal_is_never_rounded),
		TEST(test_temporal_json_says_what_it_is),
		TEST(test_temporal_json_of_a_value_that_is_none_is_null),
		TEST(test_temporal_json_of_another_shape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
