/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that JSON has no types for: calendar dates, points in time, and decimal numbers, with their texts and their JSON.
 *
 * Texts are read strictly, the whole of them, without regard to locale or time zone of the machine; what is written reads back equal. In
 * JSON each is an object that says what it is, {"_spec_type": "date", "val": "2026-11-22"}, also "datetime" and "decimal", so that it
 * comes back from a cache as itself. Everything is pure.
 */
#ifndef WEIR_TEMPORAL_H
#define WEIR_TEMPORAL_H

#include <weir/date.h>
#include <weir/pool.h>

struct json_object;

/* -- Dates ----------------------------------------------------------------------------------------------------------------- */

/* A day of the Gregorian calendar, also before its introduction. */
struct weir_date {
	int year;  /* 0 to 9999 */
	int month; /* 1 to 12 */
	int day;   /* 1 to 31 */
};

/* Bytes for a text, its terminating zero included. */
#define WEIR_DATE_TEXT_SIZE 11

/* "2026-11-22". ERR_INVALID for a day that there is not. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_date_write(const struct weir_date *date, char out[WEIR_DATE_TEXT_SIZE]);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_date_read(struct weir_slice text, struct weir_date *date);

/* -- Points in time -------------------------------------------------------------------------------------------------------- */

/* A point in time, and the clocks of the place where it is told. */
struct weir_datetime {
	int64_t time_s;  /* since 1970-01-01T00:00:00Z; negative before */
	int nanoseconds; /* on top of it: 0 to 999,999,999 */
	int offset_min;  /* east of Greenwich, -1439 to 1439; WEIR_DATE_UTC: UTC, and no place (RFC 9557 section 2) */
};

#define WEIR_DATETIME_TEXT_SIZE 36

/* RFC 3339 section 5.6 with none, three, six or nine digits of a second, as many as it takes: "2026-11-22T19:36:34.120+01:00". ERR_INVALID
 * for members out of range and for a local year outside 0 to 9999. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_datetime_write(const struct weir_datetime *datetime, char out[WEIR_DATETIME_TEXT_SIZE]);

/* Takes one to nine digits of a second, "t" and "z" too, and "-00:00" for "Z". Second 60 is the first of the next minute. ERR_INVALID. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_datetime_read(struct weir_slice text, struct weir_datetime *datetime);

/* From a wall clock in milliseconds, as of weir_clock_wall_ms(). */
WEIR_API struct weir_datetime weir_datetime_from_ms(int64_t wall_ms, int offset_min);

/* The day there and then. ERR_INVALID as weir_datetime_write(). */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_datetime_date(const struct weir_datetime *datetime, struct weir_date *date);

/* -- Decimals -------------------------------------------------------------------------------------------------------------- */

/* An exact number as text, for databases, arithmetic libraries and people: C has no type for it. Written as JSON writes numbers (RFC 8259
 * section 6): "-12.50", "1E+3"; there is no NaN and no infinity. 12.5 and 12.50 are not the same text, and stay apart. */
struct weir_decimal {
	const char *text;
};

#define WEIR_DECIMAL_MAX 1000 /* characters; the exponent has at most nine digits */

/* That the text is a decimal; false for NULL. */
WEIR_API bool weir_decimal_valid(const struct weir_decimal *decimal);

/* Copies the text into the pool. ERR_INVALID, ERR_MEMORY. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_decimal_read(struct weir_pool *pool, struct weir_slice text, struct weir_decimal *decimal);

/* The number scaled / 10^places with so many digits behind the point, up to 100: 1999 and 2 are "19.99". ERR_LIMIT for more places,
 * ERR_MEMORY. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_decimal_from_scaled(struct weir_pool *pool, int64_t scaled, unsigned places,
								   struct weir_decimal *decimal);

/* The other way, and never rounded: ERR_INVALID for what is no decimal or has more digits behind the point than that, ERR_LIMIT for what
 * does not fit. "1.999E+1" and 2 are 1999. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_decimal_to_scaled(const struct weir_decimal *decimal, unsigned places, int64_t *scaled);

/* -- JSON ------------------------------------------------------------------------------------------------------------------ */

/* A new object, which is the caller's (json_object_put); NULL for a value that cannot be written, and when memory is out. */
WEIR_API struct json_object *weir_json_date(const struct weir_date *date);
WEIR_API struct json_object *weir_json_datetime(const struct weir_datetime *datetime);
WEIR_API struct json_object *weir_json_decimal(const struct weir_decimal *decimal);

/* ERR_INVALID for anything but such an object, with these two members and no others; ERR_MEMORY. `json` stays the caller's. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_json_to_date(struct json_object *json, struct weir_date *date);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_json_to_datetime(struct json_object *json, struct weir_datetime *datetime);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_json_to_decimal(struct weir_pool *pool, struct json_object *json,
							       struct weir_decimal *decimal);

#endif
