/* SPDX-License-Identifier: Apache-2.0
 *
 * Segments and the queues that are made of them: who owns one, where the next record goes. For the holder of the shard's lock, who may also
 * change the books of the shard's segments.
 */
#ifndef WEIR_SHM_LOG_H
#define WEIR_SHM_LOG_H

#include "record.h"

/* Takes a free segment out of the store for this shard; 0 when there is none. */
uint32_t weir_shm_segment_claim(struct weir_shm_map *map, struct weir_shm_shard *shard);

/* Makes its books those of an empty segment in no queue. */
void weir_shm_segment_prepare(struct weir_shm_map *map, uint32_t number);

/* Gives one back. Its number must be in no queue any more, and no slot point into it. */
void weir_shm_segment_free(struct weir_shm_map *map, struct weir_shm_shard *shard, uint32_t number);

/* Takes a segment out of its queue. Its own `next` stays, since its last record may go on there. */
void weir_shm_log_unlink(struct weir_shm_map *map, struct weir_shm_shard *shard, uint32_t number);

/* Bytes that are left in the open segment of a queue. */
uint64_t weir_shm_log_room(const struct weir_shm_map *map, const struct weir_shm_shard *shard, enum weir_shm_queue queue);

/* Sets view->offset to where a record of view->size bytes goes, at the end of the queue. `fresh`: a segment of the shard's own to open, 0
 * when the room suffices. False when it does not after all, since somebody scribbles in the store. */
bool weir_shm_log_append(struct weir_shm_map *map, struct weir_shm_shard *shard, enum weir_shm_queue queue, uint32_t fresh,
			 struct weir_shm_view *view);

/* Counts the record's bytes in its segments in, or out. */
void weir_shm_log_live(struct weir_shm_map *map, const struct weir_shm_view *view, bool comes);

/* The queue that a record is in. */
enum weir_shm_queue weir_shm_log_queue(const struct weir_shm_map *map, const struct weir_shm_view *view);

/* Gives a record's extents back. */
void weir_shm_log_free_extents(struct weir_shm_map *map, struct weir_shm_shard *shard, const struct weir_shm_view *view);

/* Gives all segments of a shard back, and its queues are empty. */
void weir_shm_log_wipe(struct weir_shm_map *map, struct weir_shm_shard *shard);

/* The shard's number. */
static inline uint32_t weir_shm_shard_number(const struct weir_shm_map *map, const struct weir_shm_shard *shard)
{
	return (uint32_t)(shard - map->shards);
}

#endif
