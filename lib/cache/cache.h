/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a cache: what its calls need of it, and how the runtime puts it to use.
 */
#ifndef WEIR_CACHE_CACHE_H
#define WEIR_CACHE_CACHE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <weir/cache.h>

#include "cache/job.h"
#include "cache/report.h"

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
	struct weir_pool *names;     /* of the cells that belong to the whole cache: */
	struct weir_slice soft_cell; /* of any soft purge */
	int64_t expire_s;            /* WEIR_EXPIRE_NEVER or seconds, never 0 */
	weir_key_fn key;
	const struct weir_coder *coder; /* of functions */
	char *status_header;
	atomic_bool enabled;
	atomic_bool loop_told; /* that functions are called on the loop, for nothing */
	size_t max_entry;
	const struct weir_clock *clock;
	struct weir_log *log;
	_Atomic uint64_t counts[WEIR_COUNTS];
	struct weir_report_state reports[WEIR_REPORTS];
	_Atomic pid_t attached; /* the process that has attached the backend; 0: none */
	/* How a remote backend's jobs get done from threads that may wait; NULL while nothing runs: then by them, one at a time. */
	pthread_mutex_t lock; /* these two, and the backend while nothing runs */
	enum weir_status (*submit)(void *state, struct weir_job *job);
	void *submit_state;
	/* What calls by C code remember of their keys (value_behind.h). */
	pthread_mutex_t notes_lock;
	struct weir_notes *notes;
};

static inline void weir_cache_count(struct weir_cache *cache, enum weir_cache_count what)
{
	atomic_fetch_add_explicit(&cache->counts[what], 1, memory_order_relaxed);
}

struct weir_backend *weir_cache_backend(const struct weir_cache *cache);

/* What can be wrong with a rule by itself: NULL, or a few words for people. (rule.c) */
const char *weir_cache_rule_check(const struct weir_cache_rule *rule);

/* In the process that will use it; again does nothing. Who runs no app need not call it. */
WEIR_MUST_CHECK enum weir_status weir_cache_attach(struct weir_cache *cache);

/* Where the jobs of threads outside the loop go, whose `done` is then called on any thread; NULL: no loop runs, they are done on the spot.
 * From `hold` to `let` no such job begins, and the former `submit` is not called after it. (execute.c) */
void weir_cache_hold_jobs(struct weir_cache *cache);
void weir_cache_let_jobs(struct weir_cache *cache, enum weir_status (*submit)(void *state, struct weir_job *job), void *state);

/* A `submit` for when nothing can be done any more: ERR_CANCELLED. */
enum weir_status weir_cache_refuse_jobs(void *state, struct weir_job *job);

/* Options with what the environment says over them; `storage` holds what had to be read. ERR_CONFIG with a line in `why`. (environment.c)
 */
struct weir_cache_environment {
	const char *backend_from; /* the variable that names the backend; NULL: the code does */
	char backend[4096];
};
WEIR_MUST_CHECK enum weir_status weir_cache_read_environment(struct weir_cache_options *options, struct weir_cache_environment *storage,
							     char *why, size_t why_size);

#endif
