/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP dates and RFC 3339. Expected seconds come from `date -u -d … +%s`.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <weir/date.h>

enum {
	NOW_S = 1795376194, /* 2026-11-22T19:36:34Z */
};

#define BAD INT64_MIN

static const struct {
	const char *text;
	int64_t time_s;
} parse_cases[] = {
	/* IMF-fixdate */
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
	{ "Wed, 31 Dec 1969 23:59:59 GMT", -1 },
	{ "Tue, 19 Jan 2038 03:14:08 GMT", 2147483648 },
	{ "Tue, 29 Feb 2000 12:00:00 GMT", 951825600 },
	{ "Fri, 31 Dec 9999 23:59:59 GMT", 253402300799 },
	{ "Mon, 01 Jan 0001 00:00:00 GMT", -62135596800 },
	{ "Sat, 01 Jan 0000 00:00:00 GMT", -62167219200 },
	{ "Tue, 30 Jun 2015 23:59:60 GMT", 1435708800 }, /* a leap second */
	{ "Fri, 31 Dec 9999 23:59:60 GMT", 253402300799 },
	{ "THU, 18 AUG 2050 02:01:18 gmt", 2544400878 },
	{ "Mon, 06 Nov 1994 08:49:37 GMT", 784111777 }, /* the wrong day of the week */
	/* RFC 850 */
	{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
	{ "sunday, 06-NOV-94 08:49:37 Gmt", 784111777 },
	{ "Tuesday, 29-Feb-00 12:00:00 GMT", 951825600 },
	/* asctime() */
	{ "Sun Nov  6 08:49:37 1994", 784111777 },
	{ "Wed Nov 16 08:49:37 1994", 784975777 },
	/* not quite */
	{ "", BAD },
	{ "Sun, 06 Nov 1994 08:49:37 GMT ", BAD },
	{ " Sun, 06 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:49:37 UTC", BAD },
	{ "Sun, 06 Nov 1994 08:49:37", BAD },
	{ "Sun, 06 Nov 1994 08:49:37 +0000", BAD },
	{ "Sun, 6 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun 06 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06  Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06-Nov-1994 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov 94 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov 1994 8:49:37 GMT", BAD },
	{ "Sun, 06 Nov 1994 08.49.37 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:49 GMT", BAD },
	{ "Sun, 06 Nov 1994 24:00:00 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:60:37 GMT", BAD },
	{ "Sun, 06 Nov 1994 08:49:61 GMT", BAD },
	{ "Sun, 00 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 31 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 30 Feb 2000 08:49:37 GMT", BAD },
	{ "Sun, 29 Feb 1900 08:49:37 GMT", BAD },
	{ "Sun, 29 Feb 1999 08:49:37 GMT", BAD },
	{ "Sun, 06 Nox 1994 08:49:37 GMT", BAD },
	{ "Sux, 06 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, +6 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06 Nov -994 08:49:37 GMT", BAD },
	{ "Sunday, 06 Nov 1994 08:49:37 GMT", BAD },
	{ "Sun, 06-Nov-94 08:49:37 GMT", BAD },
	{ "Sunday, 06-Nov-1994 08:49:37 GMT", BAD },
	{ "Sunday, 06-Nov-94 08:49:37", BAD },
	{ "Tuesday, 30-Feb-00 12:00:00 GMT", BAD },
	{ "Sun Nov 6 08:49:37 1994", BAD },
	{ "Sun Nov  6 08:49:37 1994 GMT", BAD },
	{ "Sun Nov   08:49:37 1994", BAD },
	{ "Sun Nov 06 08:49:37 94", BAD },
	{ "1994-11-06T08:49:37Z", BAD },
	{ "784111777", BAD },
	{ "0", BAD },
	{ "-1", BAD },
	{ "Sun", BAD },
	{ "Sunday", BAD },
};

static void test_date_parses_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		int64_t time_s = BAD;
		enum weir_status st = weir_date_parse(weir_slice_text(parse_cases[i].text), NOW_S, &time_s);

		assert_int_equal(st, parse_cases[i].time_s == BAD ? WEIR_ERR_INVALID : WEIR_OK);
		assert_int_equal(time_s, parse_cases[i].time_s);
	}
}

static void test_date_refuses_every_beginning_of_a_date(void **state)
{
	static const char *const dates[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};
	int64_t time_s;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t len = 0; len < strlen(dates[i]); len++)
			assert_int_equal(weir_date_parse(weir_slice(dates[i], len), NOW_S, &time_s), WEIR_ERR_INVALID);
	assert_int_equal(weir_date_parse(WEIR_SLICE_NONE, NOW_S, &time_s), WEIR_ERR_INVALID);
}

/* At 2026-11-22T19:36:34Z the window reaches to that moment of 2076. */
static const struct {
	const char *text;
	int64_t now_s;
	const char *means;
} window_cases[] = {
	{ "Sunday, 22-Nov-76 19:36:34 GMT", NOW_S, "Sun, 22 Nov 2076 19:36:34 GMT" },
	{ "Monday, 22-Nov-76 19:36:35 GMT", NOW_S, "Mon, 22 Nov 1976 19:36:35 GMT" },
	{ "Friday, 31-Dec-99 23:59:59 GMT", NOW_S, "Fri, 31 Dec 1999 23:59:59 GMT" },
	{ "Saturday, 01-Jan-00 00:00:00 GMT", NOW_S, "Sat, 01 Jan 2000 00:00:00 GMT" },
	{ "Sunday, 22-Nov-26 19:36:34 GMT", NOW_S, "Sun, 22 Nov 2026 19:36:34 GMT" },
	{ "Friday, 01-Jan-10 00:00:00 GMT", 3913142400 /* 2094 */, "Wed, 01 Jan 2110 00:00:00 GMT" },
	{ "Friday, 01-Jan-50 00:00:00 GMT", 3913142400, "Sat, 01 Jan 2050 00:00:00 GMT" },
	{ "Friday, 01-Jan-44 00:00:00 GMT", 0 /* 1970 */, "Sat, 01 Jan 1944 00:00:00 GMT" },
	{ "Wednesday, 01-Jan-20 00:00:00 GMT", 0, "Wed, 01 Jan 2020 00:00:00 GMT" },
	{ "Friday, 02-Jan-20 00:00:00 GMT", 0, "Fri, 02 Jan 1920 00:00:00 GMT" },
	{ "Saturday, 01-Mar-76 00:00:00 GMT", 1772236799 /* 2026-02-27T23:59:59Z */, "Mon, 01 Mar 1976 00:00:00 GMT" },
};

static void test_date_two_digit_year_is_at_most_50_years_ahead(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(window_cases) / sizeof(*window_cases); i++) {
		char text[WEIR_DATE_SIZE];
		int64_t time_s;

		assert_int_equal(weir_date_parse(weir_slice_text(window_cases[i].text), window_cases[i].now_s, &time_s), WEIR_OK);
		weir_date_format(time_s, text);
		assert_string_equal(text, window_cases[i].means);
	}
}

static void test_date_two_digit_year_takes_any_now(void **state)
{
	int64_t time_s;

	(void)state;
	assert_int_equal(weir_date_parse(WEIR_SLICE_LITERAL("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_MAX, &time_s), WEIR_OK);
	assert_in_range(time_s, 0, 253402300799);
	assert_int_equal(weir_date_parse(WEIR_SLICE_LITERAL("Sunday, 06-Nov-94 08:49:37 GMT"), INT64_MIN, &time_s), WEIR_OK);
	assert_true(time_s >= -62167219200 && time_s < -59000000000);
}

static void test_date_format_clamps(void **state)
{
	char text[WEIR_DATE_SIZE];

	(void)state;
	weir_date_format(784111777, text);
	assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
	weir_date_format(INT64_MIN, text);
	assert_string_equal(text, "Sat, 01 Jan 0000 00:00:00 GMT");
	weir_date_format(INT64_MAX, text);
	assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

/* Every day of 10,000 years, counted here by the rule of leap years alone. */
static void test_date_calendar_is_right_on_every_day(void **state)
{
	static const char *const weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = 0, month = 0, day = 1;

	(void)state;
	for (int64_t number = 0; year < 10000; number++) {
		int64_t time_s = (number - 719528) * 86400 + number % 86400, parsed;
		char text[WEIR_DATE_SIZE], expected[64];

		(void)snprintf(expected, sizeof(expected), "%s, %02d %s %04d", weekdays[(number + 6) % 7], day, months[month], year);
		weir_date_format(time_s, text);
		assert_memory_equal(text, expected, 16);
		assert_int_equal(weir_date_parse(weir_slice(text, 29), NOW_S, &parsed), WEIR_OK);
		assert_int_equal(parsed, time_s);
		lengths[1] = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
		if (++day > lengths[month]) {
			day = 1;
			month = (month + 1) % 12;
			year += month == 0;
		}
	}
}

static const struct {
	int64_t wall_ms;
	int offset_min;
	bool fraction;
	const char *text;
} rfc3339_cases[] = {
	{ 0, WEIR_DATE_UTC, false, "1970-01-01T00:00:00Z" },
	{ 0, 0, false, "1970-01-01T00:00:00+00:00" },
	{ 1795376194120, WEIR_DATE_UTC, true, "2026-11-22T19:36:34.120Z" },
	{ 1795376194120, 60, true, "2026-11-22T20:36:34.120+01:00" },
	{ 1795376194120, -210, false, "2026-11-22T16:06:34-03:30" },
	{ 1795376194999, WEIR_DATE_UTC, false, "2026-11-22T19:36:34Z" },
	{ 1795376194007, 345, true, "2026-11-23T01:21:34.007+05:45" },
	{ -1, WEIR_DATE_UTC, true, "1969-12-31T23:59:59.999Z" },
	{ -1, WEIR_DATE_UTC, false, "1969-12-31T23:59:59Z" },
	{ -1000, 1, true, "1970-01-01T00:00:59.000+00:01" },
	{ 0, 99999, false, "1970-01-01T23:59:00+23:59" },
	{ 0, -99999, false, "1969-12-31T00:01:00-23:59" },
	{ INT64_MAX, WEIR_DATE_UTC, true, "9999-12-31T23:59:59.999Z" },
	{ INT64_MAX, 60, true, "9999-12-31T23:59:59.999+01:00" },
	{ INT64_MIN, WEIR_DATE_UTC, true, "0000-01-01T00:00:00.000Z" },
	{ INT64_MIN, -60, true, "0000-01-01T00:00:00.000-01:00" },
};

static void test_date_writes_rfc3339(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rfc3339_cases) / sizeof(*rfc3339_cases); i++) {
		char text[WEIR_DATE_SIZE];

		weir_date_rfc3339(rfc3339_cases[i].wall_ms, rfc3339_cases[i].offset_min, rfc3339_cases[i].fraction, text);
		assert_string_equal(text, rfc3339_cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_date_parses_strictly),
		cmocka_unit_test(test_date_refuses_every_beginning_of_a_date),
		cmocka_unit_test(test_date_two_digit_year_is_at_most_50_years_ahead),
		cmocka_unit_test(test_date_two_digit_year_takes_any_now),
		cmocka_unit_test(test_date_format_clamps),
		cmocka_unit_test(test_date_calendar_is_right_on_every_day),
		cmocka_unit_test(test_date_writes_rfc3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
