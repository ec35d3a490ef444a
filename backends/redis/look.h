/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear clock and its cells: what a read is told of them.
 *
 * A look collects the cells of all reads of a batch, each name once, asks for them and the clock with one MGET, and only when one of them
 * is missing, and wanted, or the clock is of another tenure (record.h), once more by a script, which makes what is missing.
 */
#ifndef WEIR_REDIS_LOOK_H
#define WEIR_REDIS_LOOK_H

#include <weir/backend_driver.h>

#include "redis.h"

/* A cell, however many reads want it. */
struct weir_redis_cell {
	struct weir_slice name;
	uint64_t hash; /* of the name */
	bool create;   /* somebody wants it to be made */
	uint64_t stamp;
};

struct weir_redis_look {
	struct weir_redis *redis;
	struct weir_redis_cell *cells;
	size_t count;
	size_t command; /* its index in the batch */
	uint64_t clock;
};

/* ERR_MEMORY; finish is due in any case. Adds its command to the batch of `redis`. */
enum weir_status weir_redis_look_begin(struct weir_redis_look *look, struct weir_redis *redis, struct weir_backend_read *const *reads,
				       size_t count);

/* After the run: fills in cells, clock and status of each read, with a second run when it must; the replies of the first one stay. */
void weir_redis_look_end(struct weir_redis_look *look, struct weir_backend_read *const *reads, size_t count);

void weir_redis_look_finish(struct weir_redis_look *look);

/* cell = ++clock for each. */
enum weir_status weir_redis_clear(struct weir_redis *redis, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock);

#endif
