/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache backends, for the library itself: which drivers it knows without being told, and how a backend is put to use.
 *
 * Behind every remote backend are a breaker and counters. Whoever runs its jobs asks and tells them; job.c does, so nobody else has to. A
 * local backend has neither: it does not fail, and every nanosecond counts.
 */
#ifndef WEIR_CACHE_BACKEND_H
#define WEIR_CACHE_BACKEND_H

#include <stdatomic.h>

#include <weir/backend_driver.h>

#include "cache/backend_meter.h"
#include "cache/breaker.h"

struct weir_backend {
	const struct weir_backend_ops *ops;
	void *self;
	char *url; /* as it was opened; NULL: it was given ready made */
	struct weir_backend_env env;
	struct weir_backend *first;     /* of a second handle: what it counts for; else NULL */
	const struct weir_clock *clock; /* of the breaker: that of whoever runs the jobs */
	struct weir_breaker breaker;    /* for who calls the driver */
	atomic_bool cut_off;            /* the breaker is open: for everyone else */
	struct weir_backend_meter meter;
};

/* The drivers that are linked in; ends with NULL. It stands in lib/runtime/builtin_backends.c: this layer knows no driver by name. */
extern const struct weir_backend_ops *const weir_builtin_backends[];

/* For one that was given ready made, and has no log yet: where its being cut off is told. Before it is put to use. */
void weir_backend_log_to(struct weir_backend *backend, struct weir_log *log);

/* Calls the driver's `attach`, if it has one: once, in the process that will use the backend, before anything but close. */
WEIR_MUST_CHECK enum weir_status weir_backend_attach(struct weir_backend *backend);

/* True when any thread may call the driver at any time; false when it needs a job queue. */
bool weir_backend_is_local(const struct weir_backend *backend);

/* Asks a remote backend for a sign of life. On failure a line for people in `why`. For one thread at a time, as all calls of its driver. */
WEIR_MUST_CHECK enum weir_status weir_backend_check(struct weir_backend *backend, char *why, size_t why_size);

/* The same when it is put to use: a failure is logged, and cuts the backend off before anybody has waited for it. Nothing for a second
 * handle. */
void weir_backend_start(struct weir_backend *backend);

/* Another handle on the same server, for another thread: from the same URL, attached, without a breaker of its own, and counting for the
 * first, which must be closed after it. MISS when the backend was not opened from an URL. */
WEIR_MUST_CHECK enum weir_status weir_backend_open_second(struct weir_backend *backend, struct weir_backend **second);

/* May its driver be called now? */
bool weir_backend_lets(const struct weir_backend *backend);

/* Any thread: counts operations that fail without a call, ERR_LIMIT for too many that wait, ERR_BACKEND for being cut off. */
void weir_backend_count_refused(struct weir_backend *backend, enum weir_status why, uint64_t operations);

/* When it may be called again, monotonic; INT64_MAX while it is not cut off. For who calls the driver. */
int64_t weir_backend_retry_ms(const struct weir_backend *backend);

/* After each call of the driver: counts it, and opens or closes the breaker, which is logged. */
void weir_backend_note(struct weir_backend *backend, const struct weir_backend_call *call);

/* Any thread: is it cut off, so that there is no use in asking? */
static inline bool weir_backend_is_cut_off(const struct weir_backend *backend)
{
	return atomic_load_explicit(&backend->cut_off, memory_order_relaxed);
}

#endif
