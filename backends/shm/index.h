/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of a shard: slots in buckets, and the counts that go with them. Looking up without the lock is in get.c; everything here is for
 * the holder of the shard's lock.
 *
 * Changing a slot that readers may have followed is two steps, and this file is the only one that knows them: the slot, then the version
 * (I2). What the old slot pointed to may be written over when the function has returned.
 */
#ifndef WEIR_SHM_INDEX_H
#define WEIR_SHM_INDEX_H

#include "record.h"

/* A slot that is in use, and what it points to. */
struct weir_shm_entry {
	struct weir_shm_bucket *bucket;
	unsigned slot;
	uint64_t value;
	struct weir_shm_view view;
};

/* The bucket of a hash; the other of the pair is weir_shm_neighbour(). */
static inline struct weir_shm_bucket *weir_shm_bucket_of(const struct weir_shm_map *map, uint64_t hash)
{
	uint32_t shard = (uint32_t)(hash >> 32) & (map->geometry.shards - 1);
	uint32_t index = (uint32_t)((uint64_t)(uint32_t)hash * map->geometry.buckets >> 32);

	return &map->buckets[(uint64_t)shard * map->geometry.buckets + index];
}

static inline struct weir_shm_bucket *weir_shm_neighbour(const struct weir_shm_map *map, struct weir_shm_bucket *bucket)
{
	return &map->buckets[(size_t)(bucket - map->buckets) ^ 1];
}

bool weir_shm_index_find(const struct weir_shm_map *map, uint64_t hash, struct weir_slice key, struct weir_shm_entry *entry);

/* The entry whose record lies at view->offset, if that record is live. `hash`: of its key. */
bool weir_shm_index_find_record(const struct weir_shm_map *map, uint64_t hash, const struct weir_shm_view *view,
				struct weir_shm_entry *entry);

/* Points the key's slot to a new record: the one that `old` (NULL: none) had, or a free one of the pair, or that of the item that was used
 * least. Counts. */
void weir_shm_index_put(struct weir_shm_map *map, struct weir_shm_shard *shard, uint64_t hash, const struct weir_shm_view *view,
			struct weir_shm_entry *old);

/* Points the slot of a record that was moved to where it is now. */
void weir_shm_index_move(struct weir_shm_map *map, const struct weir_shm_entry *entry, const struct weir_shm_view *to, unsigned freq);

/* Empties the slot, gives the extents back. */
void weir_shm_index_drop(struct weir_shm_map *map, struct weir_shm_shard *shard, const struct weir_shm_entry *entry);

/* Between these two the record may be changed in place; readers of its bucket wait. For moments. */
void weir_shm_index_open(const struct weir_shm_entry *entry);
void weir_shm_index_close(const struct weir_shm_entry *entry);

/* Empties every slot of a shard, whatever state its last holder left it in. */
void weir_shm_index_wipe(struct weir_shm_map *map, uint32_t shard);

#endif
