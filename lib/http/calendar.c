/* SPDX-License-Identifier: Apache-2.0
 *
 * The calendar, small enough to be written down: timegm() and its like ask the time zone, and differ between systems.
 */
#include "http/calendar.h"

enum {
	DAY_S = 86400,
	EPOCH_DAY = 719528, /* 1970-01-01, counted from 0000-01-01 */
};

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return month == 1 && is_leap(year) ? 29 : days[month];
}

/* From 0000-01-01 to January 1st of the year. */
static int days_before_year(int year)
{
	return 365 * year + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
}

bool weir_civil_exists(const struct weir_civil *civil)
{
	return civil->day >= 1 && civil->day <= days_in_month(civil->year, civil->month) && civil->hour <= 23 && civil->minute <= 59 &&
	       civil->second <= 60;
}

int64_t weir_civil_to_s(const struct weir_civil *civil)
{
	int64_t days = days_before_year(civil->year) - EPOCH_DAY + civil->day - 1;

	for (int month = 0; month < civil->month; month++)
		days += days_in_month(civil->year, month);
	return days * DAY_S + civil->hour * 3600 + civil->minute * 60 + civil->second;
}

struct weir_civil weir_civil_from_s(int64_t time_s)
{
	int64_t since = time_s - WEIR_CALENDAR_FIRST_S;
	int days = (int)(since / DAY_S);
	int second = (int)(since % DAY_S);
	struct weir_civil civil = { .hour = second / 3600, .minute = second / 60 % 60, .second = second % 60 };

	civil.year = days / 366;
	while (days_before_year(civil.year + 1) <= days)
		civil.year++;
	days -= days_before_year(civil.year);
	while (days >= days_in_month(civil.year, civil.month))
		days -= days_in_month(civil.year, civil.month++);
	civil.day = days + 1;
	return civil;
}

/* -- Digits ---------------------------------------------------------------------------------------------------------------- */

bool weir_civil_take_number(struct weir_slice *text, size_t digits, int *number)
{
	uint64_t value;

	if (text->len < digits || weir_slice_to_u64(weir_slice(text->data, digits), 999999999, &value) != WEIR_OK)
		return false;
	*number = (int)value;
	*text = weir_slice_from(*text, digits);
	return true;
}

bool weir_civil_take_byte(struct weir_slice *text, char byte)
{
	if (text->len == 0 || text->data[0] != byte)
		return false;
	*text = weir_slice_from(*text, 1);
	return true;
}

char *weir_civil_put_number(char *out, int number, int digits)
{
	for (int i = digits - 1; i >= 0; i--, number /= 10)
		out[i] = (char)('0' + number % 10);
	return out + digits;
}

static char *put_separated(char *out, char separator, int number)
{
	*out = separator;
	return weir_civil_put_number(out + 1, number, 2);
}

char *weir_civil_put_date(char *out, const struct weir_civil *civil)
{
	out = weir_civil_put_number(out, civil->year, 4);
	return put_separated(put_separated(out, '-', civil->month + 1), '-', civil->day);
}

char *weir_civil_put_time(char *out, const struct weir_civil *civil)
{
	out = weir_civil_put_number(out, civil->hour, 2);
	return put_separated(put_separated(out, ':', civil->minute), ':', civil->second);
}

char *weir_civil_put_offset(char *out, int offset_min)
{
	int distance = offset_min < 0 ? -offset_min : offset_min;

	return put_separated(put_separated(out, offset_min < 0 ? '-' : '+', distance / 60), ':', distance % 60);
}
