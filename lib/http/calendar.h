/* SPDX-License-Identifier: Apache-2.0
 *
 * The Gregorian calendar, also before it was introduced, in the years 0 to 9999, and its digits: what both kinds of dates, HTTP's and
 * RFC 3339's, are made of.
 */
#ifndef WEIR_HTTP_CALENDAR_H
#define WEIR_HTTP_CALENDAR_H

#include <weir/slice.h>

#define WEIR_CALENDAR_FIRST_S INT64_C(-62167219200) /* 0000-01-01T00:00:00Z */
#define WEIR_CALENDAR_LAST_S INT64_C(253402300799)  /* 9999-12-31T23:59:59Z */

struct weir_civil {
	int year;
	int month; /* 0 to 11 */
	int day;   /* 1 to 31 */
	int hour;
	int minute;
	int second;
};

/* That there is such a day, and such a time on it; second 60 counts as one. The year and the month are in range. */
bool weir_civil_exists(const struct weir_civil *civil);

/* Second 60 is the first of the next minute, so that the result may be WEIR_CALENDAR_LAST_S + 1. */
int64_t weir_civil_to_s(const struct weir_civil *civil);

/* `time_s` is between first and last. */
struct weir_civil weir_civil_from_s(int64_t time_s);

/* -- Digits ---------------------------------------------------------------------------------------------------------------- */

/* Takes exactly so many digits, up to nine, or this byte, off the beginning of `text`; false, and nothing taken, when they are not there.
 */
bool weir_civil_take_number(struct weir_slice *text, size_t digits, int *number);
bool weir_civil_take_byte(struct weir_slice *text, char byte);

/* Write without a terminator, and return the end of what they have written. */
char *weir_civil_put_number(char *out, int number, int digits);
char *weir_civil_put_date(char *out, const struct weir_civil *civil); /* 2026-11-22 */
char *weir_civil_put_time(char *out, const struct weir_civil *civil); /* 19:36:34 */
char *weir_civil_put_offset(char *out, int offset_min);               /* +01:00 */

#endif
