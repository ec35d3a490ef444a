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
 * On the loop only, unless something else is said. The backend's own functions are called on the spot when it is local, else by jobs.
 */
#ifndef WEIR_CACHE_LEASE_H
#define WEIR_CACHE_LEASE_H

#include "cache/cache.h"

struct weir_lease;

enum weir_lease_rank {
	WEIR_LEASE_LEADER,
	WEIR_LEASE_SUCCESSOR,
};

/* How long a lease lasts that is not renewed: how long others wait for a holder that died and is not seen to be dead. */
#define WEIR_LEASE_MS ((int64_t)10 * 1000)

/* One that nobody will renew lasts as long as others wait at all. */
static inline int64_t weir_lease_long_ms(int64_t lock_timeout_ms)
{
	return lock_timeout_ms > WEIR_LEASE_MS ? lock_timeout_ms : WEIR_LEASE_MS;
}

/* What the backend knows a lease by: the key, and behind it generation and rank. Any thread. `name` may begin with the key already. */
static inline size_t weir_lease_name_size(struct weir_slice key)
{
	return key.len + 9;
}
struct weir_slice weir_lease_name(char *name, struct weir_slice key, uint64_t generation, enum weir_lease_rank rank);

/* A failure of RENEWAL or RELEASE. Any thread. */
void weir_lease_report(struct weir_cache *cache, enum weir_report kind, enum weir_status status);

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
