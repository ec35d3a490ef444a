/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of an open store: its handle, and the way into a shard that every writer takes.
 */
#ifndef WEIR_SHM_STORE_H
#define WEIR_SHM_STORE_H

#include "layout.h"

struct weir_shm {
	_Atomic(struct weir_shm_map *) map; /* the current one */
	_Atomic int32_t mover;              /* the process that moves to another map; 0, or one that forked this: none */
	char *path;                         /* with the layout's suffix; NULL: anonymous */
	struct weir_shm_options options;    /* `path` is not kept, sizes have their defaults */
	int64_t move_again_ms;              /* monotonic: not before, since the new one could not be used; the mover's */
	/* Monotonic, for each shard: until then nobody waits for its lock, since somebody has waited in vain. 0 once it was to be had. */
	_Atomic int64_t impatient_until_ms[WEIR_SHM_SHARDS_MAX];
};

/* False once another store has taken this one's place. */
static inline bool weir_shm_is_current(const struct weir_shm_map *map)
{
	return atomic_load_explicit(&map->header->magic, memory_order_relaxed) == WEIR_SHM_MAGIC &&
	       atomic_load_explicit(&map->header->superseded, memory_order_relaxed) == 0;
}

/* Moves to that one, if it can, and if no other thread is at it. (store.c) */
struct weir_shm_map *weir_shm_move(struct weir_shm *shm);

/* The map to work on. Never NULL. */
static inline struct weir_shm_map *weir_shm_current(struct weir_shm *shm)
{
	struct weir_shm_map *map = atomic_load_explicit(&shm->map, memory_order_acquire);

	return weir_shm_is_current(map) ? map : weir_shm_move(shm);
}

/* The shard of a hash, by number. */
static inline uint32_t weir_shm_shard_of(const struct weir_shm_map *map, uint64_t hash)
{
	return (uint32_t)(hash >> 32) & (map->geometry.shards - 1);
}

/* Locks a shard, by number, and resets it first when its last holder died. False when it is not to be had in a moment, and when another
 * store has taken this one's place, where nobody would find what is stored or miss what is removed. (store.c) */
WEIR_MUST_CHECK bool weir_shm_enter(struct weir_shm *shm, struct weir_shm_map *map, uint32_t shard);

/* The same without waiting. */
WEIR_MUST_CHECK bool weir_shm_enter_now(struct weir_shm_map *map, uint32_t shard);

void weir_shm_leave(struct weir_shm_map *map, uint32_t shard);

#endif
