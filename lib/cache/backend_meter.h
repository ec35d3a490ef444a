/* SPDX-License-Identifier: Apache-2.0
 *
 * The counters behind <weir/backend_metrics.h>. Whoever runs jobs counts, anyone reads.
 */
#ifndef WEIR_CACHE_BACKEND_METER_H
#define WEIR_CACHE_BACKEND_METER_H

#include <stdatomic.h>

#include <weir/backend_metrics.h>

struct weir_backend_operation_meter {
	_Atomic uint64_t operations, errors, calls, largest_call, time_us, longest_us, times[WEIR_BACKEND_TIMES];
};

struct weir_backend_meter {
	struct weir_backend_operation_meter by[WEIR_BACKEND_OPERATIONS];
	_Atomic uint64_t refused_full, refused_cut_off, cut_offs;
};

struct weir_backend_call {
	enum weir_backend_operation what;
	uint64_t operations;
	uint64_t errors; /* among them */
	uint64_t time_us;
	enum weir_status status; /* OK when any of them got an answer, else the first's failure */
};

/* One thread at a time, as for calls of the driver, but for an operation of its own kind that another thread counts. */
void weir_backend_meter_count(struct weir_backend_meter *meter, const struct weir_backend_call *call);

/* Any thread; not `is_cut_off`. */
void weir_backend_meter_read(const struct weir_backend_meter *meter, struct weir_backend_metrics *metrics);

#endif
