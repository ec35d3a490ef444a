/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a cache: what its calls need of it, and how the runtime puts it to use.
 */
#ifndef WEIR_CACHE_CACHE_H
#define WEIR_CACHE_CACHE_H

#include <stdatomic.h>

#include <weir/cache.h>

#include "cache/job.h"

enum weir_cache_count {
	WEIR_COUNT_HIT,
	WEIR_COUNT_MISS,
	WEIR_COUNT_STORED,
	WEIR_COUNT_BYPASSED,
	WEIR_COUNT_COALESCED,
	WEIR_COUNT_ERROR,
	WEIR_COUNTS,
};

struct weir_cache {
	struct weir_backend *backend;
	bool local;   /* the backend may be called from any thread, at once */
	bool trusted; /* nobody but this app's processes can write to it, so entries need not be verified */
	char *prefix;
	int64_t expire_s; /* WEIR_EXPIRE_NEVER or seconds, never 0 */
	weir_key_fn key;
	char *status_header;
	atomic_bool enabled;
	size_t max_entry;
	const struct weir_clock *clock;
	struct weir_log *log;
	_Atomic uint64_t counts[WEIR_COUNTS];
	/* How a remote backend's jobs get done from threads that may wait; NULL while nothing runs. */
	enum weir_status (*submit)(void *state, struct weir_job *job);
	void *submit_state;
};

static inline void weir_cache_count(struct weir_cache *cache, enum weir_cache_count what)
{
	atomic_fetch_add_explicit(&cache->counts[what], 1, memory_order_relaxed);
}

struct weir_backend *weir_cache_backend(const struct weir_cache *cache);

/* What can be wrong with a rule by itself: NULL, or a few words for people. */
const char *weir_cache_rule_check(const struct weir_cache_rule *rule);

/* In the process that will use it, before the first call. */
WEIR_MUST_CHECK enum weir_status weir_cache_attach(struct weir_cache *cache);

/* While a loop runs: where jobs of threads outside the loop go, whose `done` is then called on the loop. NULL takes it back. */
void weir_cache_set_submit(struct weir_cache *cache, enum weir_status (*submit)(void *state, struct weir_job *job), void *state);

/* Options with what the environment says over them; `storage` holds what had to be read. ERR_CONFIG with a line in `why`. (environment.c)
 */
struct weir_cache_environment {
	const char *backend_from; /* the variable that names the backend; NULL: the code does */
	char backend[4096];
};
WEIR_MUST_CHECK enum weir_status weir_cache_read_environment(struct weir_cache_options *options, struct weir_cache_environment *storage,
							     char *why, size_t why_size);

#endif
