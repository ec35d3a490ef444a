/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures that a request survives: counted always, logged in measure. While a backend is away, thousands of requests a second go on
 * without it; a line for each would tell nothing that the first has not told.
 */
#ifndef WEIR_CACHE_REPORT_H
#define WEIR_CACHE_REPORT_H

#include <stdatomic.h>
#include <stdint.h>

#include <weir/status.h>

struct weir_cache;

enum weir_report {
	WEIR_REPORT_READ,     /* the cache could not be asked */
	WEIR_REPORT_STORE,    /* an entry was not stored */
	WEIR_REPORT_NO_LEASE, /* none to be had */
	WEIR_REPORT_RENEWAL,  /* of a lease */
	WEIR_REPORT_RELEASE,
	WEIR_REPORT_DAMAGE, /* what came back is no entry, or none that its coder knows */
	WEIR_REPORTS,
};

/* Of one kind, in a cache; all zero at first. */
struct weir_report_state {
	_Atomic int64_t next_ms; /* monotonic: no line before */
	_Atomic uint64_t left_out;
};

/* Counts WEIR_COUNT_ERROR, and logs a warning unless one of this kind was logged within the last second, or the backend is cut off, which
 * has been logged itself. The next line tells how many there were in between. Any thread. */
WEIR_PRINTF(3, 4) void weir_cache_report(struct weir_cache *cache, enum weir_report kind, const char *format, ...);

#endif
