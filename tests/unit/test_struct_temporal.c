/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates, points in time and decimals as members of structs: every operation on them, and every refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/sample_struct.h"

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

static struct weir_date holidays[] = { { 2026, 12, 25 }, { 2026, 12, 26 } };
static struct weir_decimal rates[] = { { "0.19" }, { "7E-2" }, { "-0" } };

static const struct sample_booking booking = {
	.day = { 2026, 11, 22 },
	.made = { 1795372594, 120000000, 60 },
	.price = { "12.50" },
	.deposit = { "0.00" },
	.holidays = holidays,
	.holiday_count = 2,
	.slots = { { 0, 0, WEIR_DATE_UTC }, { 0, 0, 0 } },
	.rates = rates,
	.rate_count = 3,
};

#define BOOKING_JSON \
	"{\"day\":\"2026-11-22\",\"made\":\"2026-11-22T19:36:34.120+01:00\",\"price\":\"12.50\",\"deposit\":\"0.00\"," \
	"\"holidays\":[\"2026-12-25\",\"2026-12-26\"],\"slots\":[\"1970-01-01T00:00:00Z\",\"1970-01-01T00:00:00+00:00\"]," \
	"\"rates\":[\"0.19\",\"7E-2\",\"-0\"],\"end\":null}"

static enum weir_status parse(struct weir_pool *pool, const char *text, struct sample_booking *value, struct weir_faults *faults)
{
	return weir_struct_parse_json(pool, sample_booking_fields, weir_slice_text(text), value, faults);
}

static void test_struct_temporal_as_json(void **state)
{
	struct weir_buffer text;
	struct weir_faults faults;
	struct sample_booking again;

	weir_buffer_init(&text, 0);
	assert_int_equal(weir_struct_append_json(&text, sample_booking_fields, &booking), WEIR_OK);
	assert_true(weir_slice_equal(weir_buffer_slice(&text), WEIR_SLICE_LITERAL(BOOKING_JSON)));
	weir_buffer_finish(&text);
	assert_int_equal(parse(*state, BOOKING_JSON, &again, &faults), WEIR_OK);
	assert_true(weir_struct_equal(*state, sample_booking_fields, &again, &booking, NULL));
	assert_int_equal(again.made.offset_min, 60);
	assert_string_equal(again.rates[1].text, "7E-2");
	assert_false(again.has_end);
}

static void test_struct_temporal_defaults(void **state)
{
	struct weir_faults faults;
	struct sample_booking value;

	assert_int_equal(parse(*state,
			       "{\"day\":\"2026-11-22\",\"made\":\"2026-11-22T00:00:00Z\",\"price\":\"1\",\"slots\":"
			       "[\"2026-11-22T00:00:00Z\",\"2026-11-22T00:00:00Z\"],\"end\":\"2026-11-30\"}",
			       &value, &faults),
			 WEIR_OK);
	assert_string_equal(value.deposit.text, "0.00");
	assert_int_equal(value.holiday_count, 0);
	assert_int_equal(value.rate_count, 0);
	assert_true(value.has_end);
	assert_int_equal(value.end.day, 30);
}

/* What stands in a table may be wrong, too: then nobody gets a zeroed value for it. */
static void test_struct_temporal_default_of_a_date(void **state)
{
	static const struct weir_field right[] = { WEIR_DATE(struct sample_booking, day, WEIR_TEXT_DEFAULT("2026-01-01")), { 0 } };
	static const struct weir_field wrong[] = { WEIR_DATE(struct sample_booking, day, WEIR_TEXT_DEFAULT("2026-01-32")), { 0 } };
	static const struct weir_field nan[] = { WEIR_DECIMAL(struct sample_booking, price, WEIR_TEXT_DEFAULT("NaN")), { 0 } };
	struct weir_faults faults;
	struct sample_booking value;

	assert_int_equal(weir_struct_parse_json(*state, nan, WEIR_SLICE_LITERAL("{}"), &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_parse_json(*state, right, WEIR_SLICE_LITERAL("{}"), &value, &faults), WEIR_OK);
	assert_int_equal(value.day.year, 2026);
	assert_int_equal(value.day.day, 1);
	assert_int_equal(weir_struct_parse_json(*state, wrong, WEIR_SLICE_LITERAL("{}"), &value, &faults), WEIR_ERR_INVALID);
}

static void expect_fault(const struct weir_faults *faults, size_t i, const char *path, const char *problem)
{
	assert_true(i < faults->count);
	assert_string_equal(faults->list[i].path, path);
	assert_string_equal(faults->list[i].problem, problem);
}

static void test_struct_temporal_faults_say_what_is_expected(void **state)
{
	struct weir_faults faults;
	struct sample_booking value;

	assert_int_equal(
		parse(*state,
		      "{\"day\":\"2026-11-31\",\"made\":\"2026-11-22\",\"price\":12.5,\"deposit\":\"NaN\",\"holidays\":[\"2026-12-25\","
		      "20261226],\"slots\":[\"1970-01-01T00:00:00Z\"],\"rates\":null,\"end\":\"\"}",
		      &value, &faults),
		WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 8);
	expect_fault(&faults, 0, "day", "expected date such as 2026-11-22");
	expect_fault(&faults, 1, "made", "expected date and time such as 2026-11-22T19:36:34Z");
	expect_fault(&faults, 2, "price", "expected decimal number as text");
	expect_fault(&faults, 3, "deposit", "expected decimal number as text");
	expect_fault(&faults, 4, "holidays[1]", "expected date such as 2026-11-22");
	expect_fault(&faults, 5, "slots", "expected array of 2 elements");
	expect_fault(&faults, 6, "rates", "expected array");
	expect_fault(&faults, 7, "end", "expected date such as 2026-11-22");
}

static void test_struct_temporal_that_breaks_its_table_is_not_written(void **state)
{
	struct sample_booking bad[4] = { booking, booking, booking, booking };
	struct weir_decimal no_rates[] = { { NULL } };
	struct weir_buffer bytes;
	struct weir_faults faults;

	bad[0].day.month = 13;
	bad[1].made.nanoseconds = -1;
	bad[2].price.text = "Infinity";
	bad[3].rates = no_rates;
	bad[3].rate_count = 1;
	weir_buffer_init(&bytes, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(weir_struct_validate(*state, sample_booking_fields, &bad[i], &faults), WEIR_ERR_INVALID);
		assert_int_equal(faults.count, 1);
		assert_int_equal(weir_struct_append_json(&bytes, sample_booking_fields, &bad[i]), WEIR_ERR_INVALID);
		assert_int_equal(weir_struct_append_binary(&bytes, sample_booking_fields, &bad[i]), WEIR_ERR_INVALID);
	}
	assert_int_equal(bytes.len, 0);
	weir_buffer_finish(&bytes);
}

static void test_struct_temporal_as_binary(void **state)
{
	struct weir_buffer bytes;
	struct sample_booking again;
	struct weir_slice whole;

	weir_buffer_init(&bytes, 0);
	assert_int_equal(weir_struct_append_binary(&bytes, sample_booking_fields, &booking), WEIR_OK);
	whole = weir_buffer_slice(&bytes);
	assert_int_equal(weir_struct_from_binary(*state, sample_booking_fields, whole, &again), WEIR_OK);
	assert_true(weir_struct_equal(*state, sample_booking_fields, &again, &booking, NULL));
	for (size_t len = 8; len < whole.len; len++)
		assert_int_equal(weir_struct_from_binary(*state, sample_booking_fields, weir_slice(whole.data, len), &again),
				 WEIR_ERR_CORRUPT);
	bytes.data[8 + 4 + 5] = '9'; /* the month, 91 */
	assert_int_equal(weir_struct_from_binary(*state, sample_booking_fields, whole, &again), WEIR_ERR_CORRUPT);
	weir_buffer_finish(&bytes);
}

static void test_struct_temporal_of_another_kind_has_another_fingerprint(void **state)
{
	static const struct weir_field date[] = { WEIR_DATE(struct sample_booking, day), { 0 } };
	static const struct weir_field datetime[] = { { .name = "day", .kind = WEIR_FIELD_DATETIME }, { 0 } };
	static const struct weir_field decimal[] = { { .name = "day", .kind = WEIR_FIELD_DECIMAL }, { 0 } };
	static const struct weir_field text[] = { { .name = "day", .kind = WEIR_FIELD_TEXT }, { 0 } };
	const uint64_t prints[] = { weir_struct_fingerprint(date), weir_struct_fingerprint(datetime), weir_struct_fingerprint(decimal),
				    weir_struct_fingerprint(text) };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(prints[i] != prints[k]);
}

static void test_struct_temporal_are_compared_as_they_are_written(void **state)
{
	static const char *const paths[] = { "day", "made", "price", "holidays[1]", "slots[1]" };
	struct sample_booking other[5] = { booking, booking, booking, booking, booking };
	struct weir_date other_holidays[] = { holidays[0], { 2026, 12, 27 } };
	const char *where;

	other[0].day.day = 23;
	other[1].made = (struct weir_datetime){ 1795372594, 120000000, 0 }; /* the same moment elsewhere */
	other[2].price.text = "12.5";
	other[3].holidays = other_holidays;
	other[4].slots[1].offset_min = WEIR_DATE_UTC;
	for (size_t i = 0; i < 5; i++) {
		assert_false(weir_struct_equal(*state, sample_booking_fields, &booking, &other[i], &where));
		assert_string_equal(where, paths[i]);
	}
}

static void test_struct_temporal_from_single_texts(void **state)
{
	const char *const rates_sent[] = { "1", "2.0" };
	struct weir_texts texts = { rates_sent, 2 };
	struct weir_faults faults = { .count = 0 };
	struct sample_booking value;

	assert_int_equal(weir_struct_set_text(*state, &sample_booking_fields[0], "2026-11-22", &value, &faults), WEIR_OK);
	assert_int_equal(value.day.day, 22);
	assert_int_equal(weir_struct_set_text(*state, &sample_booking_fields[1], "2026-11-22T19:36:34Z", &value, &faults), WEIR_OK);
	assert_int_equal(value.made.time_s, 1795376194);
	assert_int_equal(weir_struct_set_text(*state, &sample_booking_fields[2], "1E+3", &value, &faults), WEIR_OK);
	assert_string_equal(value.price.text, "1E+3");
	assert_int_equal(weir_struct_set_text(*state, &sample_booking_fields[3], NULL, &value, &faults), WEIR_OK);
	assert_string_equal(value.deposit.text, "0.00");
	assert_int_equal(weir_struct_set_texts(*state, &sample_booking_fields[6], &texts, &value, &faults), WEIR_OK);
	assert_int_equal(value.rate_count, 2);
	assert_string_equal(value.rates[1].text, "2.0");
	assert_int_equal(faults.count, 0);
	assert_int_equal(weir_struct_set_text(*state, &sample_booking_fields[0], "22.11.2026", &value, &faults), WEIR_ERR_INVALID);
	expect_fault(&faults, 0, "day", "expected date such as 2026-11-22");
}

static void test_struct_temporal_when_memory_is_out(void **state)
{
	static const struct weir_field price[] = { WEIR_DECIMAL(struct sample_booking, price), { 0 } };
	struct weir_pool *small = weir_pool_create(100);
	struct weir_buffer bytes;
	struct weir_faults faults;
	struct sample_booking value;

	(void)state;
	assert_non_null(weir_pool_bytes(small, 99));
	weir_buffer_init(&bytes, 0);
	assert_int_equal(weir_struct_append_binary(&bytes, sample_booking_fields, &booking), WEIR_OK);
	assert_int_equal(weir_struct_from_binary(small, sample_booking_fields, weir_buffer_slice(&bytes), &value), WEIR_ERR_MEMORY);
	assert_int_equal(parse(small, BOOKING_JSON, &value, &faults), WEIR_ERR_MEMORY);
	weir_pool_reset(small);
	assert_non_null(weir_pool_bytes(small, 99));
	weir_buffer_clear(&bytes);
	assert_int_equal(weir_struct_append_binary(&bytes, price, &booking), WEIR_OK);
	assert_int_equal(weir_struct_from_binary(small, price, weir_buffer_slice(&bytes), &value), WEIR_ERR_MEMORY);
	weir_buffer_finish(&bytes);
	weir_pool_destroy(small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_struct_temporal_as_json),
		TEST(test_struct_temporal_defaults),
		TEST(test_struct_temporal_default_of_a_date),
		TEST(test_struct_temporal_faults_say_what_is_expected),
		TEST(test_struct_temporal_that_breaks_its_table_is_not_written),
		TEST(test_struct_temporal_as_binary),
		TEST(test_struct_temporal_of_another_kind_has_another_fingerprint),
		TEST(test_struct_temporal_are_compared_as_they_are_written),
		TEST(test_struct_temporal_from_single_texts),
		TEST(test_struct_temporal_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
