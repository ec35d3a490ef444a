/* SPDX-License-Identifier: Apache-2.0
 *
 * The handle of a Redis backend, and how a batch of commands is done: each goes to the node that has its slot, all nodes are written to
 * before any is waited for, and what was moved is sent where it has gone. One thread at a time, but for the counters.
 *
 * What is promised, on one server and on a cluster:
 *
 * - A read gives the value that was stored last under the key, or none. What a node has kept counts as long as the node stays master and
 *   keeps its memory (its tenure: record.h): when it is restarted, or a replica takes its place, its values are missing, whether the
 *   replica has heard of the last ones or not. So are those that are moved to another node.
 * - A clear that has returned is seen by every read of every host that begins later. Clock and cells are at one node, under one name; when
 *   that is no longer who it was, or has lost them, there is a new clock with another epoch, and all that is stored anywhere is invalid.
 * - Redis evicts what it likes: a value is then missing. Cells it cannot evict but all together, and with them the clock; where it takes
 *   only what has an end (volatile-…) it does not even do that.
 *
 * What is not: replication does not wait, so that leases may have two holders after a failover. And a master that was cut off from the
 * others, or frozen, believes for up to the cluster's node timeout, or for a moment after it is thawed, that it still is one: who reaches
 * it then, and not its successor, reads what was there before, and clears nothing.
 *
 * The node of clock and cells takes part in every batch of every host, with one command that is as long as the batch has different cells.
 * That is the price of clears that are exact and at once; a backend outgrows it by another `prefix`, whose clock is at another node.
 */
#ifndef WEIR_REDIS_REDIS_H
#define WEIR_REDIS_REDIS_H

#include <stdatomic.h>

#include "batch.h"
#include "map.h"
#include "names.h"

struct weir_redis {
	struct weir_redis_setup setup;
	const struct weir_clock *clock;
	struct weir_redis_script scripts[WEIR_REDIS_SCRIPTS];
	struct weir_redis_map map;
	bool has_reader;
	struct weir_redis_node reader; /* where values are read, when there is one */
	struct weir_redis_batch batch; /* of the call that is on */
	int64_t deadline_ms;           /* when that must be over */
	struct weir_redis_name clears; /* clock and cells */
	unsigned clears_slot;
	size_t cells_max; /* see look.h */
	_Atomic uint64_t hits, misses, sets;
};

/* A call of the driver begins: its time runs from now on, and its batch is empty. */
void weir_redis_begin(struct weir_redis *redis);

/* Does the batch before the call's time is over. OK: each command is DONE; see its status. ERR_MEMORY: the batch has failed. A command may
 * have been done twice, when a connection broke before its reply came; of two on one key the second is then still the last. */
enum weir_status weir_redis_run(struct weir_redis *redis, struct weir_redis_batch *batch);

/* The first failure among the commands; OK: there is none. */
enum weir_status weir_redis_first_failure(const struct weir_redis_batch *batch);

#endif
