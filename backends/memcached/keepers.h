/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear clock and the cells on their keepers: asking for them, in the same round trip as values, and setting right what is not.
 *
 * A store of one or two servers has one keeper, a larger one three: always the first of the servers in the order of their names, whether
 * they are in service or not, so that all clients ask the same ones. While too few of them answer nothing can be said to be valid, and
 * reads fail. What is promised when they lose what they keep is in quorum.h.
 *
 * A cell that is missing is made by a command that is not waited for: it never replaces one that a clear has made meanwhile.
 */
#ifndef WEIR_MEMCACHED_KEEPERS_H
#define WEIR_MEMCACHED_KEEPERS_H

#include "memcached.h"
#include "quorum.h"

struct weir_memcached_cell {
	struct weir_slice key; /* as the cache names it */
	struct weir_slice name;
	bool create;
	uint64_t stamp; /* of weir_memcached_view_settle() */
	struct weir_memcached_op *copies[WEIR_MEMCACHED_KEEPERS_MAX];
};

/* The clock and some cells as of one moment. The first three are the caller's; all is of the call's pool. */
struct weir_memcached_view {
	struct weir_memcached_cell *cells;
	size_t cell_count;
	struct weir_slice clock_name;
	uint64_t clock;
	struct weir_memcached_op *copies[WEIR_MEMCACHED_KEEPERS_MAX]; /* of the clock */
};

/* Queues the questions, cells before the clock. The exchange is the caller's: something else may go with it. */
void weir_memcached_view_ask(struct weir_memcached *store, struct weir_memcached_view *view);

/* After the exchange: sets the clock and the stamps, in more round trips if the keepers do not agree. A failure when too few answer. */
enum weir_status weir_memcached_view_settle(struct weir_memcached *store, struct weir_memcached_view *view);

/* Raises copies of cells that are missing or less than their stamp, without waiting: sent with the next exchange. True when there are. */
bool weir_memcached_view_heal(struct weir_memcached *store, struct weir_memcached_view *view);

/* Queues `number` for a keeper's item, which `seen` has found there or not: nothing that was written since is replaced. */
struct weir_memcached_op *weir_memcached_raise(struct weir_memcached *store, size_t keeper, const struct weir_memcached_op *seen,
					       uint64_t number, bool quiet);

void weir_memcached_copies(const struct weir_memcached *store, struct weir_memcached_op *const *ops, struct weir_memcached_copy *copies);

/* Why too few keepers have answered. */
enum weir_status weir_memcached_keepers_failure(const struct weir_memcached *store);

#endif
