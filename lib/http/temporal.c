/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates and points in time as RFC 3339 writes them. strptime() and strftime() ask the locale, take too much and know no fractions.
 */
#include <weir/temporal.h>

#include "http/calendar.h"

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

/* The month is left as it is written, from 1 on. */
static bool take_date(struct weir_slice *text, struct weir_civil *civil)
{
	return weir_civil_take_number(text, 4, &civil->year) && weir_civil_take_byte(text, '-') &&
	       weir_civil_take_number(text, 2, &civil->month) && weir_civil_take_byte(text, '-') &&
	       weir_civil_take_number(text, 2, &civil->day);
}

static bool take_time(struct weir_slice *text, struct weir_civil *civil)
{
	return weir_civil_take_number(text, 2, &civil->hour) && weir_civil_take_byte(text, ':') &&
	       weir_civil_take_number(text, 2, &civil->minute) && weir_civil_take_byte(text, ':') &&
	       weir_civil_take_number(text, 2, &civil->second);
}

/* "", or a point and one to nine digits. */
static bool take_fraction(struct weir_slice *text, int *nanoseconds)
{
	size_t digits = 0;

	*nanoseconds = 0;
	if (!weir_civil_take_byte(text, '.'))
		return true;
	while (digits < text->len && text->data[digits] >= '0' && text->data[digits] <= '9')
		digits++;
	if (digits == 0 || digits > 9 || !weir_civil_take_number(text, digits, nanoseconds))
		return false;
	for (; digits < 9; digits++)
		*nanoseconds *= 10;
	return true;
}

/* RFC 3339 section 4.3: -00:00 says that the place is not known; RFC 9557 section 2.2: Z says the same. */
static bool take_offset(struct weir_slice *text, int *offset_min)
{
	bool west;
	int hours, minutes;

	*offset_min = WEIR_DATE_UTC;
	if (weir_civil_take_byte(text, 'Z') || weir_civil_take_byte(text, 'z'))
		return true;
	west = weir_civil_take_byte(text, '-');
	if (!west && !weir_civil_take_byte(text, '+'))
		return false;
	if (!weir_civil_take_number(text, 2, &hours) || !weir_civil_take_byte(text, ':') || !weir_civil_take_number(text, 2, &minutes) ||
	    hours > 23 || minutes > 59)
		return false;
	if (!west)
		*offset_min = hours * 60 + minutes;
	else if (hours > 0 || minutes > 0)
		*offset_min = -(hours * 60 + minutes);
	return true;
}

/* From months that count from 1 to those that count from 0. */
static bool exists(struct weir_civil *civil)
{
	if (civil->year < 0 || civil->year > 9999 || civil->month < 1 || civil->month > 12)
		return false;
	civil->month--;
	return weir_civil_exists(civil);
}

enum weir_status weir_date_read(struct weir_slice text, struct weir_date *date)
{
	struct weir_civil civil = { 0 };

	if (!take_date(&text, &civil) || text.len > 0 || !exists(&civil))
		return WEIR_ERR_INVALID;
	*date = (struct weir_date){ civil.year, civil.month + 1, civil.day };
	return WEIR_OK;
}

static int64_t offset_s(const struct weir_datetime *datetime)
{
	return datetime->offset_min == WEIR_DATE_UTC ? 0 : (int64_t)datetime->offset_min * 60;
}

/* That it can be written. */
static bool is_valid(const struct weir_datetime *datetime)
{
	int64_t offset = offset_s(datetime);

	return datetime->nanoseconds >= 0 && datetime->nanoseconds <= 999999999 && offset > -86400 && offset < 86400 &&
	       datetime->time_s >= WEIR_CALENDAR_FIRST_S - offset && datetime->time_s <= WEIR_CALENDAR_LAST_S - offset;
}

enum weir_status weir_datetime_read(struct weir_slice text, struct weir_datetime *datetime)
{
	struct weir_datetime read;
	struct weir_civil civil = { 0 };

	if (!take_date(&text, &civil) || !(weir_civil_take_byte(&text, 'T') || weir_civil_take_byte(&text, 't')) ||
	    !take_time(&text, &civil) || !take_fraction(&text, &read.nanoseconds) || !take_offset(&text, &read.offset_min) ||
	    text.len > 0 || !exists(&civil))
		return WEIR_ERR_INVALID;
	read.time_s = weir_civil_to_s(&civil) - offset_s(&read);
	if (!is_valid(&read)) /* second 60 of the last year */
		return WEIR_ERR_INVALID;
	*datetime = read;
	return WEIR_OK;
}

/* -- Writing --------------------------------------------------------------------------------------------------------------- */

enum weir_status weir_date_write(const struct weir_date *date, char out[WEIR_DATE_TEXT_SIZE])
{
	struct weir_civil civil = { .year = date->year, .month = date->month, .day = date->day };

	if (!exists(&civil))
		return WEIR_ERR_INVALID;
	*weir_civil_put_date(out, &civil) = '\0';
	return WEIR_OK;
}

static char *put_fraction(char *out, int nanoseconds)
{
	int digits = 9;

	if (nanoseconds == 0)
		return out;
	for (; nanoseconds % 1000 == 0; nanoseconds /= 1000)
		digits -= 3;
	*out = '.';
	return weir_civil_put_number(out + 1, nanoseconds, digits);
}

enum weir_status weir_datetime_write(const struct weir_datetime *datetime, char out[WEIR_DATETIME_TEXT_SIZE])
{
	struct weir_civil civil;

	if (!is_valid(datetime))
		return WEIR_ERR_INVALID;
	civil = weir_civil_from_s(datetime->time_s + offset_s(datetime));
	out = weir_civil_put_date(out, &civil);
	*out++ = 'T';
	out = put_fraction(weir_civil_put_time(out, &civil), datetime->nanoseconds);
	if (datetime->offset_min == WEIR_DATE_UTC)
		*out++ = 'Z';
	else
		out = weir_civil_put_offset(out, datetime->offset_min);
	*out = '\0';
	return WEIR_OK;
}

/* -- Other forms ----------------------------------------------------------------------------------------------------------- */

struct weir_datetime weir_datetime_from_ms(int64_t wall_ms, int offset_min)
{
	int64_t ms = wall_ms % 1000;
	int64_t time_s = wall_ms / 1000;

	if (ms < 0) {
		ms += 1000;
		time_s--;
	}
	return (struct weir_datetime){ .time_s = time_s, .nanoseconds = (int)ms * 1000000, .offset_min = offset_min };
}

enum weir_status weir_datetime_date(const struct weir_datetime *datetime, struct weir_date *date)
{
	struct weir_civil civil;

	if (!is_valid(datetime))
		return WEIR_ERR_INVALID;
	civil = weir_civil_from_s(datetime->time_s + offset_s(datetime));
	*date = (struct weir_date){ civil.year, civil.month + 1, civil.day };
	return WEIR_OK;
}
