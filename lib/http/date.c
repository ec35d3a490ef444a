/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates. strptime, timegm and strftime ask the locale or the time zone, differ between systems, or are lenient where HTTP is strict; the
 * calendar is small enough to be written down.
 */
#include <weir/date.h>

enum {
	DAY_S = 86400,
	EPOCH_DAY = 719528, /* 1970-01-01, counted from 0000-01-01 */
	LAST_DAY = 3652424, /* 9999-12-31 */
};

static const int64_t first_s = -(int64_t)EPOCH_DAY * DAY_S;
static const int64_t last_s = (int64_t)(LAST_DAY + 1 - EPOCH_DAY) * DAY_S - 1;

static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", NULL };
static const char *const short_weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL };
static const char *const zones[] = { "GMT", NULL };

struct civil {
	int year;
	int month; /* 0 to 11 */
	int day;   /* 1 to 31 */
	int hour;
	int minute;
	int second;
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

static int64_t civil_to_s(const struct civil *civil)
{
	int64_t days = days_before_year(civil->year) - EPOCH_DAY + civil->day - 1;

	for (int month = 0; month < civil->month; month++)
		days += days_in_month(civil->year, month);
	return days * DAY_S + civil->hour * 3600 + civil->minute * 60 + civil->second;
}

/* `time_s` is between first_s and last_s. */
static struct civil civil_from_s(int64_t time_s)
{
	int64_t since = time_s - first_s;
	int days = (int)(since / DAY_S);
	int second = (int)(since % DAY_S);
	struct civil civil = { .hour = second / 3600, .minute = second / 60 % 60, .second = second % 60 };

	civil.year = days / 366;
	while (days_before_year(civil.year + 1) <= days)
		civil.year++;
	days -= days_before_year(civil.year);
	while (days >= days_in_month(civil.year, civil.month))
		days -= days_in_month(civil.year, civil.month++);
	civil.day = days + 1;
	return civil;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

static bool take_number(struct weir_slice *text, size_t digits, int *value)
{
	uint64_t number;

	if (text->len < digits || weir_slice_to_u64(weir_slice(text->data, digits), 9999, &number) != WEIR_OK)
		return false;
	*value = (int)number;
	*text = weir_slice_from(*text, digits);
	return true;
}

/* The day of the month as asctime() writes it: two characters, the first of which may be a space. */
static bool take_padded_day(struct weir_slice *text, int *value)
{
	if (text->len < 2 || text->data[0] != ' ')
		return take_number(text, 2, value);
	*text = weir_slice_from(*text, 1);
	return take_number(text, 1, value);
}

static bool take_name(struct weir_slice *text, const char *const *names, int *index)
{
	for (*index = 0; names[*index]; ++*index) {
		struct weir_slice name = weir_slice_text(names[*index]);

		if (text->len >= name.len && weir_slice_equal_nocase(weir_slice(text->data, name.len), name)) {
			*text = weir_slice_from(*text, name.len);
			return true;
		}
	}
	return false;
}

static bool take_byte(struct weir_slice *text, char byte)
{
	if (text->len == 0 || text->data[0] != byte)
		return false;
	*text = weir_slice_from(*text, 1);
	return true;
}

static bool take_part(struct weir_slice *text, char part, struct civil *civil)
{
	int ignored;

	switch (part) {
	case 'a':
		return take_name(text, short_weekdays, &ignored);
	case 'A':
		return take_name(text, weekdays, &ignored);
	case 'b':
		return take_name(text, months, &civil->month);
	case 'd':
		return take_number(text, 2, &civil->day);
	case 'e':
		return take_padded_day(text, &civil->day);
	case 'y':
		return take_number(text, 2, &civil->year);
	case 'Y':
		return take_number(text, 4, &civil->year);
	case 'H':
		return take_number(text, 2, &civil->hour);
	case 'M':
		return take_number(text, 2, &civil->minute);
	case 'S':
		return take_number(text, 2, &civil->second);
	case 'Z':
		return take_name(text, zones, &ignored);
	default:
		return take_byte(text, part);
	}
}

/* The whole text in the form of the pattern, whose letters mean what they mean to strftime(). */
static bool matches(struct weir_slice text, const char *pattern, struct civil *civil)
{
	for (; *pattern; pattern++)
		if (!take_part(&text, *pattern, civil))
			return false;
	return text.len == 0;
}

/* RFC 9110 section 5.6.7: a two-digit year that seems to be more than 50 years ahead is the last one past with these digits. */
static void complete_year(struct civil *civil, int64_t now_s)
{
	struct civil ahead = civil_from_s(clamp(now_s, first_s, last_s));
	int digits = civil->year;

	ahead.year += 50;
	civil->year = ahead.year - ahead.year % 100 + digits;
	if (civil_to_s(civil) > civil_to_s(&ahead) && civil->year >= 100)
		civil->year -= 100;
}

static bool exists(const struct civil *civil)
{
	return civil->day >= 1 && civil->day <= days_in_month(civil->year, civil->month) && civil->hour <= 23 && civil->minute <= 59 &&
	       civil->second <= 60;
}

enum weir_status weir_date_parse(struct weir_slice text, int64_t now_s, int64_t *time_s)
{
	struct civil civil = { 0 };

	if (matches(text, "A, d-b-y H:M:S Z", &civil))
		complete_year(&civil, now_s);
	else if (!matches(text, "a, d b Y H:M:S Z", &civil) && !matches(text, "a b e H:M:S Y", &civil))
		return WEIR_ERR_INVALID;
	if (!exists(&civil))
		return WEIR_ERR_INVALID;
	*time_s = clamp(civil_to_s(&civil), first_s, last_s);
	return WEIR_OK;
}

/* -- Writing --------------------------------------------------------------------------------------------------------------- */

static char *put_number(char *out, int value, int digits)
{
	for (int i = digits - 1; i >= 0; i--, value /= 10)
		out[i] = (char)('0' + value % 10);
	return out + digits;
}

static char *put_text(char *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

static char *put_time(char *out, const struct civil *civil)
{
	out = put_number(out, civil->hour, 2);
	*out++ = ':';
	out = put_number(out, civil->minute, 2);
	*out++ = ':';
	return put_number(out, civil->second, 2);
}

void weir_date_format(int64_t time_s, char out[WEIR_DATE_SIZE])
{
	struct civil civil;

	time_s = clamp(time_s, first_s, last_s);
	civil = civil_from_s(time_s);
	out = put_text(out, short_weekdays[((time_s - first_s) / DAY_S + 6) % 7]); /* 0000-01-01 was a Saturday */
	out = put_text(out, ", ");
	out = put_number(out, civil.day, 2);
	*out++ = ' ';
	out = put_text(out, months[civil.month]);
	*out++ = ' ';
	out = put_number(out, civil.year, 4);
	*out++ = ' ';
	out = put_time(out, &civil);
	*put_text(out, " GMT") = '\0';
}

static char *put_offset(char *out, int offset_min)
{
	int distance = offset_min < 0 ? -offset_min : offset_min;

	*out++ = offset_min < 0 ? '-' : '+';
	out = put_number(out, distance / 60, 2);
	*out++ = ':';
	return put_number(out, distance % 60, 2);
}

void weir_date_rfc3339(int64_t wall_ms, int offset_min, bool fraction, char out[WEIR_DATE_SIZE])
{
	int64_t offset = offset_min == WEIR_DATE_UTC ? 0 : clamp(offset_min, -1439, 1439);
	int64_t since_ms = clamp(wall_ms, first_s * 1000, last_s * 1000 + 999) + offset * 60000 - first_s * 1000;
	struct civil civil;

	since_ms = clamp(since_ms, 0, (last_s - first_s) * 1000 + 999);
	civil = civil_from_s(since_ms / 1000 + first_s);
	out = put_number(out, civil.year, 4);
	*out++ = '-';
	out = put_number(out, civil.month + 1, 2);
	*out++ = '-';
	out = put_number(out, civil.day, 2);
	*out++ = 'T';
	out = put_time(out, &civil);
	if (fraction) {
		*out++ = '.';
		out = put_number(out, (int)(since_ms % 1000), 3);
	}
	if (offset_min == WEIR_DATE_UTC)
		*out++ = 'Z';
	else
		out = put_offset(out, (int)offset);
	*out = '\0';
}
