/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: who makes a value, when processes and hosts share a backend.
 *
 * A lease is on a key and its *generation*, the newest clear that concerns the key: what was begun before a clear keeps nobody from making
 * the value anew. There are two of each, one for the leader, one for the single request that takes over from a leader who is too slow; so
 * no more than two make a value at a time, however many wait.
 *
 * A lease that was got is renewed at a third of its time until it is ended. Whoever dies holding one keeps the others waiting for that time
 * at most. Each has a token of its own (cache/token.h): a late release or renewal finds no lease but its own.
 *
 * On the loop only. The backend's own functions are called on the spot when it is local, else by jobs.
 */
#ifndef WEIR_CACHE_LEASE_H
#define WEIR_CACHE_LEASE_H

#include "cache/cache.h"

struct weir_lease;

enum weir_lease_rank {
	WEIR_LEASE_LEADER,
	WEIR_LEASE_SUCCESSOR,
};

/* Not held yet. `key` is copied. NULL when memory is out. */
struct weir_lease *weir_lease_create(struct weir_cache *cache, struct weir_host *host, struct weir_slice key, int64_t ttl_ms);

/* The job that asks for it, to be run by the caller, who sets `done` and `owner` if need be and waits until it is back. May be asked for
 * again after BUSY. */
struct weir_job *weir_lease_ask(struct weir_lease *lease, uint64_t generation, enum weir_lease_rank rank);

/* When that job is back. OK: it is held, and renewed from now on; BUSY: another holds it; or a failure. */
enum weir_status weir_lease_answer(struct weir_lease *lease);

/* Gives it back if it is held, after all jobs that were submitted before, and frees it as soon as none of its jobs is out. Takes NULL. */
void weir_lease_end(struct weir_lease *lease);

#endif
