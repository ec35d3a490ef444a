/* SPDX-License-Identifier: Apache-2.0
 *
 * What a remote backend was asked in this process, how it answered and how fast: for the app's own status page or its metrics.
 *
 * Calls of the driver are counted, each a round trip or a few, and the operations in them: what is queued at the same time goes into one
 * call, so operations divided by calls is the average batch. A local backend answers where it is asked, and only its entries are counted:
 * everything here stays 0, and weir_cache_stats() says the rest.
 */
#ifndef WEIR_BACKEND_METRICS_H
#define WEIR_BACKEND_METRICS_H

#include <weir/cache.h>

/* Each is a function of the driver: get_many, set_many, lease_many, and those of the same name. */
enum weir_backend_operation {
	WEIR_BACKEND_READ,
	WEIR_BACKEND_WRITE,
	WEIR_BACKEND_LEASE,
	WEIR_BACKEND_REMOVE,
	WEIR_BACKEND_CLEAR,
	WEIR_BACKEND_WALK,
	WEIR_BACKEND_OPERATIONS,
};

/* Call times: [i] counts those under 2^i microseconds that are not in [i - 1]; the last takes all that are longer, from 8.4 s on. */
#define WEIR_BACKEND_TIMES 25

struct weir_backend_operation_metrics {
	uint64_t operations; /* that the driver was asked for; refused ones are none */
	uint64_t errors;     /* of these */
	uint64_t calls;
	uint64_t largest_call; /* operations in it */
	uint64_t time_us;      /* of all calls together, and of the longest */
	uint64_t longest_us;
	uint64_t times[WEIR_BACKEND_TIMES];
};

struct weir_backend_metrics {
	struct weir_backend_operation_metrics by[WEIR_BACKEND_OPERATIONS];
	/* Operations that were refused at once: because too many waited, or because the backend was cut off. */
	uint64_t refused_full;
	uint64_t refused_cut_off;
	/* A backend that fails or does not answer is cut off, and asked once a second whether it is back. */
	uint64_t cut_offs;
	bool is_cut_off;
};

/* Any thread. */
WEIR_API void weir_backend_metrics(struct weir_backend *backend, struct weir_backend_metrics *metrics);

/* The same for the backend of a cache. */
WEIR_API void weir_cache_backend_metrics(struct weir_cache *cache, struct weir_backend_metrics *metrics);

/* "read", "write", …; static storage. */
WEIR_API const char *weir_backend_operation_name(enum weir_backend_operation operation);

#endif
