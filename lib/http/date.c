/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates. strptime, timegm and strftime ask the locale or the time zone, differ between systems, or are lenient where HTTP is strict.
 */
#include <weir/date.h>

#include "http/calendar.h"

static const int64_t first_s = WEIR_CALENDAR_FIRST_S;
static const int64_t last_s = WEIR_CALENDAR_LAST_S;

static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", NULL };
static const char *const short_weekdays[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", NULL };
static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", NULL };
static const char *const zones[] = { "GMT", NULL };

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

/* The day of the month as asctime() writes it: two characters, the first of which may be a space. */
static bool take_padded_day(struct weir_slice *text, int *value)
{
	if (text->len < 2 || text->data[0] != ' ')
		return weir_civil_take_number(text, 2, value);
	*text = weir_slice_from(*text, 1);
	return weir_civil_take_number(text, 1, value);
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

static bool take_part(struct weir_slice *text, char part, struct weir_civil *civil)
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
		return weir_civil_take_number(text, 2, &civil->day);
	case 'e':
		return take_padded_day(text, &civil->day);
	case 'y':
		return weir_civil_take_number(text, 2, &civil->year);
	case 'Y':
		return weir_civil_take_number(text, 4, &civil->year);
	case 'H':
		return weir_civil_take_number(text, 2, &civil->hour);
	case 'M':
		return weir_civil_take_number(text, 2, &civil->minute);
	case 'S':
		return weir_civil_take_number(text, 2, &civil->second);
	case 'Z':
		return take_name(text, zones, &ignored);
	default:
		return weir_civil_take_byte(text, part);
	}
}

/* The whole text in the form of the pattern, whose letters mean what they mean to strftime(). */
static bool matches(struct weir_slice text, const char *pattern, struct weir_civil *civil)
{
	for (; *pattern; pattern++)
		if (!take_part(&text, *pattern, civil))
			return false;
	return text.len == 0;
}

/* RFC 9110 section 5.6.7: a two-digit year that seems to be more than 50 years ahead is the last one past with these digits. */
static void complete_year(struct weir_civil *civil, int64_t now_s)
{
	struct weir_civil ahead = weir_civil_from_s(clamp(now_s, first_s, last_s));
	int digits = civil->year;

	ahead.year += 50;
	civil->year = ahead.year - ahead.year % 100 + digits;
	if (weir_civil_to_s(civil) > weir_civil_to_s(&ahead) && civil->year >= 100)
		civil->year -= 100;
}

enum weir_status weir_date_parse(struct weir_slice text, int64_t now_s, int64_t *time_s)
{
	struct weir_civil civil = { 0 };

	if (matches(text, "A, d-b-y H:M:S Z", &civil))
		complete_year(&civil, now_s);
	else if (!matches(text, "a, d b Y H:M:S Z", &civil) && !matches(text, "a b e H:M:S Y", &civil))
		return WEIR_ERR_INVALID;
	if (!weir_civil_exists(&civil))
		return WEIR_ERR_INVALID;
	*time_s = clamp(weir_civil_to_s(&civil), first_s, last_s);
	return WEIR_OK;
}

/* -- Writing --------------------------------------------------------------------------------------------------------------- */

static char *put_text(char *out, const char *text)
{
	size_t len = strlen(text);

	memcpy(out, text, len);
	return out + len;
}

void weir_date_format(int64_t time_s, char out[WEIR_DATE_SIZE])
{
	struct weir_civil civil;

	time_s = clamp(time_s, first_s, last_s);
	civil = weir_civil_from_s(time_s);
	out = put_text(out, short_weekdays[((time_s - first_s) / 86400 + 6) % 7]); /* 0000-01-01 was a Saturday */
	out = put_text(out, ", ");
	out = weir_civil_put_number(out, civil.day, 2);
	*out++ = ' ';
	out = put_text(out, months[civil.month]);
	*out++ = ' ';
	out = weir_civil_put_number(out, civil.year, 4);
	*out++ = ' ';
	out = weir_civil_put_time(out, &civil);
	*put_text(out, " GMT") = '\0';
}

void weir_date_rfc3339(int64_t wall_ms, int offset_min, bool fraction, char out[WEIR_DATE_SIZE])
{
	int64_t offset = offset_min == WEIR_DATE_UTC ? 0 : clamp(offset_min, -1439, 1439);
	int64_t since_ms = clamp(wall_ms, first_s * 1000, last_s * 1000 + 999) + offset * 60000 - first_s * 1000;
	struct weir_civil civil;

	since_ms = clamp(since_ms, 0, (last_s - first_s) * 1000 + 999);
	civil = weir_civil_from_s(since_ms / 1000 + first_s);
	out = weir_civil_put_date(out, &civil);
	*out++ = 'T';
	out = weir_civil_put_time(out, &civil);
	if (fraction) {
		*out++ = '.';
		out = weir_civil_put_number(out, (int)(since_ms % 1000), 3);
	}
	if (offset_min == WEIR_DATE_UTC)
		*out++ = 'Z';
	else
		out = weir_civil_put_offset(out, (int)offset);
	*out = '\0';
}
