/* SPDX-License-Identifier: Apache-2.0
 *
 * A check of a store on its way: what it has found out about the shard that it has locked.
 *
 * A store that is being checked may hold any bytes at all. Nothing is used as an index before it was compared with the geometry, and no
 * walk is longer than there are segments, or bytes in one.
 */
#ifndef WEIR_SHM_CHECK_H
#define WEIR_SHM_CHECK_H

#include "record.h"

/* What is known of a segment of the shard. */
struct weir_shm_place {
	uint32_t live;  /* bytes of pieces of records that slots point to */
	uint32_t where; /* enum weir_shm_queue + 1; 0: it was not met yet */
};

struct weir_shm_check {
	struct weir_shm *shm;
	struct weir_shm_map *map;
	weir_shm_fault_fn report;
	void *state;
	size_t faults;
	struct weir_shm_place *places; /* [number - 1]; all 0 for segments of other shards */
	char *key;                     /* room for the longest */
	uint32_t shard;
	uint64_t items, live_bytes; /* found in the shard */
	uint32_t extents[WEIR_SHM_QUEUES];
};

/* One line: the shard's number comes first, words as in printf behind it. */
void weir_shm_check_fault(struct weir_shm_check *check, const char *format, ...) WEIR_PRINTF(2, 3);

/* True for the number of a segment that belongs to the shard. */
bool weir_shm_check_owns(const struct weir_shm_check *check, uint32_t number);

/* Every slot of the shard and what it points to. `places` must know the queues. (check_items.c) */
void weir_shm_check_items(struct weir_shm_check *check);

#endif
