/* SPDX-License-Identifier: Apache-2.0
 *
 * Every item of a store, one after the other, for those who list or clear by prefix. Items are read as weir_shm_get() reads them, copied
 * and then verified by their bucket's version, with two differences: all slots are looked at, and nothing counts as use.
 */
#include <stdlib.h>

#include "record.h"
#include "store.h"

/* For one item that is being written again and again. Afterwards it is passed over: "may be missed". */
#define TRIES 1000

struct walk {
	const struct weir_shm_map *map;
	struct weir_slice prefix;
	int64_t now_ms;
	char *bytes; /* of the item: key, then value */
	size_t room;
	struct weir_shm_seen seen;
};

static bool grow(struct walk *walk, size_t size)
{
	size_t room = size > 2 * walk->room ? size : 2 * walk->room;
	char *bytes;

	if (size <= walk->room)
		return true;
	bytes = realloc(walk->bytes, room);
	if (!bytes)
		return false;
	walk->bytes = bytes;
	walk->room = room;
	return true;
}

/* True when nothing that was read since the bucket had this version can have been written over, or taken from under us (guard.h). */
static bool stands(const struct weir_shm_map *map, struct weir_shm_bucket *bucket, uint64_t version)
{
	weir_shm_fence_acquire();
	return atomic_load_explicit(&bucket->version, memory_order_relaxed) == version && weir_shm_is_current(map);
}

/* Once its header is known to be whole. OK: the item is in walk->seen, if the version still stands; MISS: it is not one to show. */
static enum weir_status copy(struct walk *walk, const struct weir_shm_view *view, unsigned hits)
{
	struct weir_slice key;

	if (view->expires_ms <= walk->now_ms || view->key_len < walk->prefix.len)
		return WEIR_MISS;
	if (!grow(walk, (size_t)view->key_len + view->value_len))
		return WEIR_ERR_MEMORY;
	key = weir_slice(walk->bytes, view->key_len);
	if (!weir_shm_body_read(walk->map, view, 0, walk->bytes, key.len) || !weir_slice_starts_with(key, walk->prefix) ||
	    !weir_shm_body_read(walk->map, view, key.len, walk->bytes + key.len, view->value_len))
		return WEIR_MISS;
	walk->seen.item.key = key;
	walk->seen.item.value = weir_slice(walk->bytes + key.len, view->value_len);
	walk->seen.item.expires_ms = view->expires_ms;
	walk->seen.hits = hits;
	return WEIR_OK;
}

static enum weir_status look(struct walk *walk, struct weir_shm_bucket *bucket, unsigned slot)
{
	for (unsigned i = 0; i < TRIES; i++) {
		uint64_t version = atomic_load_explicit(&bucket->version, memory_order_acquire);
		uint64_t value = atomic_load_explicit(&bucket->slots[slot], memory_order_acquire);
		struct weir_shm_view view;
		enum weir_status status = WEIR_MISS;
		bool readable;

		if (value == 0)
			return WEIR_MISS;
		if (version % 2 != 0)
			continue;
		readable = weir_shm_view_read(walk->map, weir_shm_slot_offset(value), &view);
		if (!stands(walk->map, bucket, version)) /* before memory is taken by its lengths */
			continue;
		if (readable)
			status = copy(walk, &view, weir_shm_slot_freq(value));
		if (status == WEIR_ERR_MEMORY || stands(walk->map, bucket, version))
			return status;
	}
	return WEIR_MISS;
}

enum weir_status weir_shm_walk(struct weir_shm *shm, struct weir_slice prefix, int64_t now_ms, weir_shm_visit_fn visit, void *state)
{
	struct walk walk = { .map = weir_shm_current(shm), .prefix = prefix, .now_ms = now_ms };
	uint64_t slots = (uint64_t)walk.map->geometry.shards * walk.map->geometry.buckets * WEIR_SHM_SLOTS;
	enum weir_status status = WEIR_MISS;
	bool wanted = true;

	for (uint64_t i = 0; i < slots && wanted && status != WEIR_ERR_MEMORY && weir_shm_is_current(walk.map); i++) {
		status = look(&walk, &walk.map->buckets[i / WEIR_SHM_SLOTS], (unsigned)(i % WEIR_SHM_SLOTS));
		if (status == WEIR_OK)
			wanted = visit(state, &walk.seen);
	}
	free(walk.bytes);
	return status == WEIR_ERR_MEMORY ? status : WEIR_OK;
}
