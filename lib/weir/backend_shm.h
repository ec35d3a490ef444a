/* SPDX-License-Identifier: Apache-2.0
 *
 * A bounded store of bytes under keys in shared memory, for threads, processes and restarts: what the cache backends memory: and shm: are
 * made of, and usable without an app.
 *
 * A store is a mapping of fixed size. An anonymous one is shared with the processes that are forked later; one in a file with every
 * process of the same user that opens it, now and after a restart. Reading takes no lock and writes nothing but a hint that the item is in
 * use, so a reader can neither block nor be blocked. Writers hold a lock for a part of the store (a shard). A process may be killed at any
 * instant: what it was changing is lost with its shard's items, nothing is served torn, and nobody waits for the dead.
 *
 * It is a cache: any item may be gone at any time, evicted or given up. What it never does is give back a value older than the last set,
 * remove or clear that had ended before the read began, or bytes that were not stored under that very key.
 *
 * Time is an argument: `now_ms` and `expires_ms` of items are wall time, those of leases monotonic (weir/clock.h). All processes of one
 * store are to go by the same clocks.
 *
 * Threads: every function may be called from any thread at any time, but weir_shm_close(). Signals: none of them may be called in a signal
 * handler. A fork() by a thread that is not inside one of them is fine at any time.
 *
 * Limits: keys of 1 byte to 32 KiB; values of 0 bytes to a quarter of the store, at most 1 GiB; stores of 1 MiB to 64 GiB.
 */
#ifndef WEIR_BACKEND_SHM_H
#define WEIR_BACKEND_SHM_H

#include <stddef.h>

#include <weir/clock.h>
#include <weir/log.h>
#include <weir/slice.h>

struct weir_shm;

#define WEIR_SHM_SIZE_MIN ((uint64_t)1024 * 1024)
#define WEIR_SHM_SIZE_MAX ((uint64_t)64 * 1024 * 1024 * 1024)
#define WEIR_SHM_SIZE_DEFAULT ((uint64_t)64 * 1024 * 1024)
#define WEIR_SHM_KEY_MAX ((size_t)32 * 1024)
#define WEIR_SHM_VALUE_MAX ((size_t)1024 * 1024 * 1024)
#define WEIR_SHM_NEVER INT64_MAX

struct weir_shm_options {
	/* NULL: anonymous. Otherwise a file, made with mode 0600 if it is not there; the layout's version is added to its name (".weir1"),
	 * so that two versions of weir never meet in one file. Relative to the working directory. */
	const char *path;
	uint64_t size;        /* bytes, book-keeping included; 0: WEIR_SHM_SIZE_DEFAULT */
	uint64_t entry_size;  /* bytes of key and value of the average item, which decides how large the index is; 0: 1 KiB */
	struct weir_log *log; /* NULL: silent */
	bool only_existing;   /* for tools: makes nothing, and replaces nothing */
};

/* Opens a store, or makes it. A file that is there is used as it is: its size goes before `options->size`, with a line in the log when they
 * differ. One that is damaged, truncated or was left by an earlier boot of the machine is replaced by a fresh one; who still uses it moves
 * to the new one at its next call.
 *
 * MISS with `only_existing`, when there is no store in the file, or none that is in order. ERR_CONFIG for a size out of bounds or beyond
 * the machine's memory, and for a file that is a symbolic link, no regular file, another user's, or open to others; ERR_IO when it cannot
 * be made, also for want of space; ERR_TIMEOUT when another process keeps it locked; ERR_MEMORY; ERR_UNSUPPORTED when the kernel has no
 * robust futexes. One line in `why` then, with the path. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_open(const struct weir_shm_options *options, char *why, size_t why_size,
							struct weir_shm **shm);

/* Looks whether the file is still the one under its name, and moves to that one, or to a new one, if it is not: when somebody has removed
 * it, those who had it would share one store and those who come later another. Once a second is often enough, which is what the cache
 * drivers do. Only for absolute paths. */
WEIR_API void weir_shm_refresh(struct weir_shm *shm);

/* Unmaps; a file stays. Takes NULL. */
WEIR_API void weir_shm_close(struct weir_shm *shm);

/* -- Items ----------------------------------------------------------------------------------------------------------------- */

/* Room for a value. */
struct weir_shm_buffer {
	void *bytes;
	size_t size;
};

static inline struct weir_shm_buffer weir_shm_buffer(void *bytes, size_t size)
{
	return (struct weir_shm_buffer){ bytes, size };
}

/* Copies the value to `buffer`. OK: `*len` bytes were copied. MISS: not there, or expired. ERR_LIMIT: the value has `*len` bytes, for which
 * there is no room; what is in the buffer is undefined then, as it is after a miss. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_get(struct weir_shm *shm, struct weir_slice key, int64_t now_ms,
						       struct weir_shm_buffer buffer, size_t *len);

struct weir_shm_item {
	struct weir_slice key;
	struct weir_slice value;
	int64_t expires_ms; /* WEIR_SHM_NEVER */
};

/* ERR_LIMIT: key or value out of bounds, and an older value is gone. ERR_TIMEOUT: the shard was locked for too long, by a process that is
 * stopped perhaps, or others took the room that was made for it; an older value may still be there. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_set(struct weir_shm *shm, const struct weir_shm_item *item, int64_t now_ms);

/* As set, but BUSY when there is a value already. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_add(struct weir_shm *shm, const struct weir_shm_item *item, int64_t now_ms);

/* MISS when there was nothing. ERR_TIMEOUT as in set. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_remove(struct weir_shm *shm, struct weir_slice key, int64_t now_ms);

/* -- The clear clock ------------------------------------------------------------------------------------------------------- */

/* The clock of backend_driver.h: a random epoch and a count, which only clears move. Never waits. */
WEIR_API uint64_t weir_shm_clock(struct weir_shm *shm);

/* The last clear of `name`, or a later one: the store has room for the latest clears, and what it forgets counts as cleared with the latest
 * that it has forgotten nearby. 0: nothing of the kind. Never waits, never writes. */
WEIR_API uint64_t weir_shm_cell(struct weir_shm *shm, struct weir_slice name);

/* cell = ++clock, which is returned. Never waits. At most 2^40 clears in the life of a store. 0: nothing was cleared, since another store
 * has taken this one's place and cannot be used yet. */
WEIR_API uint64_t weir_shm_clear(struct weir_shm *shm, struct weir_slice name);

/* -- Leases ---------------------------------------------------------------------------------------------------------------- */

/* As in backend_driver.h, with monotonic time. A lease also ends when the process that took it does. BUSY: held by another token.
 * ERR_LIMIT: no room among the live ones. ERR_TIMEOUT as in set. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_lease(struct weir_shm *shm, struct weir_slice key, uint64_t token, int64_t now_ms,
							 int64_t ttl_ms);

/* OK, or MISS when `token` does not hold it any more. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_renew(struct weir_shm *shm, struct weir_slice key, uint64_t token, int64_t now_ms,
							 int64_t ttl_ms);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_release(struct weir_shm *shm, struct weir_slice key, uint64_t token, int64_t now_ms);

/* -- For tools ------------------------------------------------------------------------------------------------------------- */

struct weir_shm_seen {
	struct weir_shm_item item;
	unsigned hits; /* 0 to 3, where 3 is 3 or more: since it was stored or last survived an eviction */
};

/* Called for each item; the slices die with the call. It may call the store. False ends the walk. */
typedef bool (*weir_shm_visit_fn)(void *state, const struct weir_shm_seen *seen);

/* Every item whose key begins with `prefix`, in any order; what is stored or evicted meanwhile may be missed or come twice. Takes no lock
 * and does not count as use. ERR_MEMORY. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_shm_walk(struct weir_shm *shm, struct weir_slice prefix, int64_t now_ms,
							weir_shm_visit_fn visit, void *state);

struct weir_shm_stats {
	uint64_t size;       /* bytes, all told */
	uint64_t items;      /* expired ones included, until they are found */
	uint64_t live_bytes; /* of items: headers, keys, values */
	uint64_t used_bytes; /* book-keeping and every segment that is not free */
	uint64_t hits, misses;
	uint64_t sets, inserted_bytes;
	uint64_t evictions, expirations;
	uint64_t copied_bytes;   /* by eviction and compaction */
	uint64_t shards, resets; /* resets: shards that a process died in */
};

/* Since the store was made. Never waits; numbers that change meanwhile may not add up, and few hits may be lost when threads of several
 * processes count in the same place. */
WEIR_API void weir_shm_stats(struct weir_shm *shm, struct weir_shm_stats *stats);

/* Called for each fault found: one line. Under a shard's lock: it may neither block nor call the store. */
typedef void (*weir_shm_fault_fn)(void *state, const char *fault);

/* Checks every invariant of the store, shard by shard, each under its lock: writers of that shard are refused for so long, up to seconds in
 * a store of many gigabytes. The number of faults; `report` may be NULL. */
WEIR_API size_t weir_shm_check(struct weir_shm *shm, weir_shm_fault_fn report, void *state);

#endif
