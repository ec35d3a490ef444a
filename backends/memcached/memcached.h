/* SPDX-License-Identifier: Apache-2.0
 *
 * The store that the driver's files share: servers, the ring, and the call that is running.
 *
 * Names on the servers are a prefix, a letter for the kind, and the key's name (weir_backend_name()):
 *
 *     v  values, on the server that the ring gives       record.h
 *     l  leases, the same                                leases.c
 *     c  clear cells, on every keeper                    keepers.h
 *     k  the clear clock, on every keeper
 *
 * What is promised when servers die, and come back empty or old:
 *
 * * A clear that has returned is seen by every read that begins later, on any host, whatever was lost or came back meanwhile (quorum.h has
 * the reasons). One that has failed may have happened. The one hole: a cell that is lost at the moment when it was looked for, is then
 *   cleared, and lost again, all before the command that was to create it arrives, within a call's time limit.
 * * With three servers or more any one of the first three may be away, with fewer not the first: reads and clears fail until it is back.
 *   Two servers hold more than one, but are no safer.
 * * When a server leaves the ring its names go to others, empty; when it comes back, so do its values. They are valid as they were: never
 *   cleared, never expired, but one may be older than another that was stored elsewhere meanwhile, or that was removed without a clear.
 * * Hosts may differ for a second or two on who is in service. Until then they do not see each other's values and leases of those names: a
 *   lease can be held twice.
 * * What was sent to a frozen server may be done when it thaws, although the call has failed long ago. It carries what makes it harmless: a
 *   value its clock, a cell and a lease what they replace.
 *
 * A *call* is one of the driver's entry points: memory from its pool, one total time limit, some exchanges. During a call the ring does
 * not change; a server that fails in a call is out of service from the next one on.
 */
#ifndef WEIR_MEMCACHED_MEMCACHED_H
#define WEIR_MEMCACHED_MEMCACHED_H

#include <stdatomic.h>

#include <weir/pool.h>

#include "node.h"
#include "ring.h"

#define WEIR_MEMCACHED_KEEPERS_MAX 3

struct weir_memcached {
	struct weir_memcached_options options;
	const struct weir_clock *clock;
	struct weir_log *log;
	struct weir_memcached_node *nodes; /* one for each server, in the options' order */
	size_t node_count;
	size_t keeper_count; /* the first so many nodes */
	struct weir_memcached_ring ring;

	/* The running call. */
	struct weir_pool *pool;
	struct weir_memcached_op *ops; /* all that were made */
	struct weir_memcached_op spare;
	int64_t deadline_ms; /* machine's monotonic time */

	_Atomic uint64_t hits, misses, sets;
};

/* Around every call. */
void weir_memcached_begin(struct weir_memcached *store);
void weir_memcached_end(struct weir_memcached *store);

/* "PREFIX kind NAME" from the pool; the absent slice when memory is out. */
struct weir_slice weir_memcached_name(struct weir_memcached *store, char kind, struct weir_slice key);

/* The server of a value or lease of that name. */
struct weir_memcached_node *weir_memcached_node_of(struct weir_memcached *store, struct weir_slice name);

/* Queues an operation, which lives until the call ends. On a server that is out of service, and when memory is out, it has failed already.
 * Never NULL. */
struct weir_memcached_op *weir_memcached_queue(struct weir_memcached *store, struct weir_memcached_node *node,
					       const struct weir_memcached_command *command);

/* For what is only looked up. */
struct weir_memcached_op *weir_memcached_queue_get(struct weir_memcached *store, struct weir_memcached_node *node, struct weir_slice name);

/* Does all that is queued, on all servers at once, in one round trip. OK, ERR_MEMORY, or ERR_TIMEOUT when the call's
 * time was up before; how each operation went is in its `result`. */
enum weir_status weir_memcached_exchange(struct weir_memcached *store);

/* Why an operation on `node` has failed. */
enum weir_status weir_memcached_failure(const struct weir_memcached_node *node);

/* The item that a GET has found as the record of ours that it must be; the absent slice otherwise. */
static inline struct weir_slice weir_memcached_found(const struct weir_memcached_op *op)
{
	if (op->result != WEIR_MEMCACHED_YES || op->flags != WEIR_MEMCACHED_FLAGS)
		return WEIR_SLICE_NONE;
	return weir_slice(op->data, op->len);
}

/* The driver's operations, each in a file of its own. */
enum weir_status weir_memcached_get_many(void *self, struct weir_backend_read *const *reads, size_t count);
enum weir_status weir_memcached_set_many(void *self, struct weir_backend_set *sets, size_t count);
enum weir_status weir_memcached_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed);
enum weir_status weir_memcached_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock);
enum weir_status weir_memcached_lease_many(void *self, struct weir_backend_lease *leases, size_t count);
enum weir_status weir_memcached_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state);
enum weir_status weir_memcached_check(void *self, char *why, size_t why_size);

#endif
