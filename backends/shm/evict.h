/* SPDX-License-Identifier: Apache-2.0
 *
 * Room: what goes when there is none (S3-FIFO over segments), and what is put together. For the holder of the shard's lock.
 *
 * A segment is given up in whole. What is in use in it is copied to the end of MAIN first and its slot replaced then, so that a reader
 * never misses what is there. The oldest segment of SMALL goes when SMALL has more than a tenth of the shard: items that were read twice
 * move to MAIN, the others leave their fingerprint among the ghosts. Otherwise the oldest of MAIN goes, items that were read since staying
 * with half of their reads. Before either, a segment of which more than a quarter is dead is put together with the end of its queue.
 */
#ifndef WEIR_SHM_EVICT_H
#define WEIR_SHM_EVICT_H

#include "log.h"

/* A segment for this shard, from the free ones or by giving one up. 0: there is none to be had here; other shards have more than their
 * share. */
uint32_t weir_shm_segment_get(struct weir_shm_map *map, struct weir_shm_shard *shard, int64_t now_ms);

/* Gives one up. With `force` also what is in use. False when there is nothing. */
bool weir_shm_evict(struct weir_shm_map *map, struct weir_shm_shard *shard, int64_t now_ms, bool force);

/* True once after a key's item was evicted unread, not long ago. */
bool weir_shm_ghost_take(struct weir_shm_map *map, const struct weir_shm_shard *shard, uint64_t hash);

#endif
