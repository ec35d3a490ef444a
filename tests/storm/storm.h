/* SPDX-License-Identifier: Apache-2.0
 *
 * The kill -9 storm: what its processes share, and who does what.
 *
 *     main.c      which stores, for how long, what is said in the end
 *     herd.c      the parent's part: starts workers, kills them, stops them, looks after the store when they are all dead
 *     point.c     the instants of a writer's work at which it ends itself
 *     work.c      the workers' part: reads, writes, clears, leases, and judges what it sees; also used by tests/contract/test_shm_history.c
 *
 * Shared memory holds what must outlive a worker. The parent alone starts and ends processes.
 */
#ifndef WEIR_TESTS_STORM_H
#define WEIR_TESTS_STORM_H

#include <weir/backend_shm.h>

#include "storm/history.h"
#include "storm/value.h"

#define STORM_WORKERS 4
#define STORM_NAMES 8
#define STORM_LEASES 16
#define STORM_POINTS_MAX 64

/* Nothing in a store is to take longer, whatever happens to others. */
#define STORM_WAIT_MS 1000

/* What one store is like, and what is done to it. */
struct storm_profile {
	const char *name;
	bool in_file; /* which every worker opens by itself */
	bool stops;   /* workers are also stopped for a while */
	bool fixed;   /* a key's values all have one length: they are overwritten in place */
	uint64_t size;
	uint64_t entry_size;
	uint32_t keys;
	uint32_t value_max;       /* bytes */
	uint32_t large_value_max; /* of one value in 16 */
};

enum storm_count {
	STORM_OPERATIONS,
	STORM_HITS,
	STORM_TIMEOUTS, /* an operation gave up waiting for a lock, as it may */
	/* From here on: what must not be. */
	STORM_BAD_READS,   /* bytes that nobody has stored under that key */
	STORM_STALE_READS, /* a value that was out of date, cleared or expired before the read began */
	STORM_LOST_CLEARS, /* a cell that does not know of a clear that had ended */
	STORM_SHARED_LEASES,
	STORM_LONG_WAITS,
	STORM_ODD_STATUSES, /* that the operation does not have */
	STORM_FAULTS,       /* found by weir_shm_check() */
	STORM_CRASHES,      /* workers that ended otherwise than by SIGKILL */
	STORM_COUNTS,
};

struct storm_worker {
	_Alignas(64) _Atomic uint64_t life; /* a number that no other process has had */
	_Atomic int64_t began_ms;           /* of the operation that it is in; 0: none */
	_Atomic uint32_t stops;             /* how often it was stopped */
	_Atomic uint32_t point;             /* 1 + the point where it has ended itself; 0: it has not */
};

struct storm_shared {
	struct storm_worker workers[STORM_WORKERS];
	_Alignas(64) _Atomic uint64_t counts[STORM_COUNTS];
	_Atomic uint64_t holders[STORM_LEASES]; /* `life` of who has the lease; 0: nobody, or not noted yet */
};

struct storm {
	const struct storm_profile *profile;
	struct storm_shared *shared;
	struct storm_history *history;
	struct weir_shm *shm;
	const char *path; /* of stores in files */
	uint64_t seed;
	uint64_t kills, resets, stops;
	uint64_t point_kills[STORM_POINTS_MAX];
};

static inline void storm_note(struct storm *storm, enum storm_count what)
{
	atomic_fetch_add_explicit(&storm->shared->counts[what], 1, memory_order_relaxed);
}

static inline uint64_t storm_count(const struct storm *storm, enum storm_count what)
{
	return atomic_load(&storm->shared->counts[what]);
}

/* All that must not be. (work.c) */
uint64_t storm_wrong(const struct storm *storm);

static inline int64_t storm_now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

/* Opens the profile's store; a file is made anew with `fresh`. False with a line on standard error. (herd.c) */
bool storm_open(struct storm *storm, bool fresh);

/* Kills workers until then, or with `until_wrong` until something is wrong, and looks after the store now and then. False when a worker
 * cannot be started. (herd.c) */
bool storm_rage(struct storm *storm, int64_t until_ms, bool until_wrong);

#define STORM_VALUE_MAX (2U * 1024 * 1024)

/* One worker's own. */
struct storm_work {
	struct storm *storm;
	struct storm_worker *self;
	uint64_t seed; /* not 0 */
	unsigned key;
	char name[24]; /* of the key */
	struct weir_slice slice;
	char *written, *read; /* STORM_VALUE_MAX bytes each */
};

/* One operation. What must not be is counted. (work.c) */
void storm_step(struct storm_work *work);

/* A weir_shm_visit_fn: counts items that are not whole. (work.c) */
bool storm_visit(void *storm, const struct weir_shm_seen *seen);

/* The points of this program, by number. (point.c) */
unsigned storm_points(void);
const char *storm_point_name(unsigned point);

/* This worker ends itself when it comes to that point for the `passes`th time. (point.c) */
void storm_doom(struct storm_worker *worker, unsigned point, unsigned passes);

#endif
