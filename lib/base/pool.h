/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a pool, for those that hold one by value and use it again and again, as an exchange does.
 *
 * A pool takes memory in blocks: one of 1.5 KiB at the first allocation, then one of 3 KiB, then twice as much each time up to 64 KiB. The
 * first two take whatever fits and outlive a reset, so a pool that is reused for requests of the usual size touches the heap no more, and
 * holds at most 4.5 KiB while it is idle. In larger blocks an allocation of more than a quarter of a block gets one of its own.
 *
 * What counts against the limit is what weir_pool_used says: the bytes handed out, with the padding before aligned ones. Cleanups live in
 * the pool and count as well. An allocation that still fits succeeds even after the pool has overflowed, so that an error can be answered.
 */
#ifndef WEIR_BASE_POOL_H
#define WEIR_BASE_POOL_H

#include <weir/pool.h>

/* `room` counts the bytes in `bytes`. */
struct weir_pool_block {
	struct weir_pool_block *next;
	size_t room;
	_Alignas(max_align_t) char bytes[];
};

struct weir_pool_cleanup;

struct weir_pool {
	struct weir_pool_block *first;   /* oldest of the shared blocks; NULL until there is one */
	struct weir_pool_block *current; /* the shared block that is being filled; those after it are empty */
	struct weir_pool_block *own;     /* blocks of one allocation each */
	char *at;                        /* the free part of `current` */
	size_t left;
	struct weir_pool_cleanup *cleanups; /* newest first */
	size_t limit;                       /* 0: none */
	size_t used;
	bool overflowed;
};

/* Allocates nothing yet. `limit` as for weir_pool_create. */
void weir_pool_init(struct weir_pool *pool, size_t limit);

/* Runs the cleanups, newest first, and frees every block. Takes a zeroed pool. */
void weir_pool_finish(struct weir_pool *pool);

/* As weir_pool_reset, but frees every block, the first two as well: for an object that will be idle for long. */
void weir_pool_trim(struct weir_pool *pool);

#endif
