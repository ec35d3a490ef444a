/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear clock and its cells: what a read is told of them.
 *
 * They are fields of one hash (script.h), which Redis keeps or loses as a whole. So a cell that is not there was never cleared, no cell has
 * to be made because somebody asks for it, and a read costs no write.
 *
 * A look collects the cells of all reads of a batch, each name once, and asks for them and the clock with one HMGET. Only when the clock is
 * missing, or of another tenure (record.h), it asks once more by a script, which makes a new one.
 *
 * Cells of keys are forgotten when the time is over that the cache wants them kept; those of namespaces and tags stay. Should there be more
 * than WEIR_REDIS_CELLS_MAX, the oldest are forgotten; what was made before the last of those clears is then no longer valid.
 */
#ifndef WEIR_REDIS_LOOK_H
#define WEIR_REDIS_LOOK_H

#include <weir/backend_driver.h>

#include "redis.h"

#define WEIR_REDIS_CELLS_MAX ((size_t)1000 * 1000)

/* A cell, however many reads want it. */
struct weir_redis_cell {
	struct weir_slice name;
	uint64_t hash; /* of the name */
	uint64_t stamp;
};

struct weir_redis_look {
	struct weir_redis *redis;
	struct weir_redis_cell *cells;
	size_t count;
	size_t command; /* its index in the batch */
	uint64_t clock;
	uint64_t floor; /* what cells that are missing read as */
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
