/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: who makes the value of a key, in a small table for each shard, changed under the shard's lock.
 *
 * A lease names its key by a 64-bit hash (two keys that fall together wait for each other, which is harmless), its holder by a token, and
 * the process that took it by pid, start time and pid namespace, so that one that died is seen at once by processes of the same namespace,
 * and by its deadline elsewhere. The hash is written last and wiped first: a process that dies on the way leaves a free place. A lease
 * outlives a reset of its shard.
 */
#ifndef WEIR_SHM_LEASES_H
#define WEIR_SHM_LEASES_H

#include "layout.h"

struct weir_shm_lease {
	_Atomic uint64_t hash; /* 0: free */
	uint64_t token;
	int64_t deadline_ms;    /* monotonic */
	uint64_t started;       /* of the process: field 22 of /proc/PID/stat, in clock ticks since boot; 0: not known */
	uint64_t pid_namespace; /* inode of /proc/self/ns/pid; 0: not known */
	uint32_t pid;
	uint32_t unused;
};

/* As weir_shm_lease() and its kin, with the shard's lock held. `hash` is the key's in this store. */
WEIR_MUST_CHECK enum weir_status weir_shm_leases_take(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms,
						      int64_t ttl_ms);
WEIR_MUST_CHECK enum weir_status weir_shm_leases_renew(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms,
						       int64_t ttl_ms);
WEIR_MUST_CHECK enum weir_status weir_shm_leases_release(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms);

#endif
