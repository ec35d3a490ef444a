/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates as HTTP and RFC 3339 write them. No locale, no time zone of the machine, no limit in 2038.
 *
 * `_s` counts seconds from 1970-01-01T00:00:00Z and may be negative; years run from 0 to 9999. Everything is pure.
 */
#ifndef WEIR_DATE_H
#define WEIR_DATE_H

#include <limits.h>

#include <weir/slice.h>

/* Bytes for a formatted date, its terminating zero included. */
#define WEIR_DATE_SIZE 30

/* An HTTP-date (RFC 9110 section 5.6.7): IMF-fixdate, or one of the obsolete forms of RFC 850 and asctime(). Strict about every byte but
 * the case of names. The day of the week must be one, but need not be the right one; second 60 is the first of the next minute. A
 * two-digit year is the latest one that is not more than 50 years after `now_s`. ERR_INVALID for anything else. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_date_parse(struct weir_slice text, int64_t now_s, int64_t *time_s);

/* IMF-fixdate, such as "Sun, 06 Nov 1994 08:49:37 GMT". Times outside the years 0 to 9999 give the nearest one inside. */
WEIR_API void weir_date_format(int64_t time_s, char out[WEIR_DATE_SIZE]);

/* In place of an offset: UTC, written as "Z". */
#define WEIR_DATE_UTC INT_MIN

/* RFC 3339, such as "2026-11-22T19:36:34.120+01:00"; without `fraction` whole seconds, rounded down. `offset_min` is minutes east of
 * Greenwich, -1439 to 1439 and cut to that; 0 writes "+00:00". Times outside the years 0 to 9999 give the nearest one inside. */
WEIR_API void weir_date_rfc3339(int64_t wall_ms, int offset_min, bool fraction, char out[WEIR_DATE_SIZE]);

#endif
