/* SPDX-License-Identifier: Apache-2.0
 *
 * Storing and removing. The record is written first, where nobody reads yet, then the slot is pointed to it, so that readers find the old
 * value or the new one. After whoever dies on the way the shard begins anew.
 */
#include "evict.h"
#include "hash.h"
#include "index.h"
#include "points.h"
#include "store.h"

/* A record of the same size is overwritten where it is, up to so many bytes: the readers of its bucket wait for that long. */
#define IN_PLACE_MAX 4096U

#define ATTEMPTS 8

struct setting {
	struct weir_shm *shm;
	struct weir_shm_map *map;
	struct weir_shm_shard *shard;
	const struct weir_shm_item *item;
	uint64_t hash;
	int64_t now_ms;
	bool only_if_absent;
	struct weir_shm_view view; /* of the new record */
	struct weir_shm_entry old;
	bool has_old;
	bool moved;       /* room was made, so that `old` may be elsewhere or gone */
	uint32_t extents; /* the first, linked by `next`; 0: none */
	uint32_t fresh;   /* a segment to open; 0: none */
};

static void look(struct setting *setting)
{
	setting->has_old = weir_shm_index_find(setting->map, setting->hash, setting->item->key, &setting->old);
}

/* -- In place -------------------------------------------------------------------------------------------------------------- */

static bool fits_in_place(const struct setting *setting)
{
	const struct weir_shm_view *old = &setting->old.view;

	return setting->has_old && old->size == setting->view.size && old->size <= IN_PLACE_MAX && setting->view.extents == 0 &&
	       weir_shm_in_one_piece(setting->map, old);
}

static void overwrite(struct setting *setting)
{
	setting->view.offset = setting->old.view.offset;
	weir_shm_index_open(&setting->old);
	weir_shm_record_write(setting->map, &setting->view, setting->item, 0);
	WEIR_SHM_POINT("overwritten");
	weir_shm_index_close(&setting->old);
	weir_shm_tally(&setting->shard->live_bytes, (uint64_t)setting->view.value_len - setting->old.view.value_len);
}

/* -- Anew ------------------------------------------------------------------------------------------------------------------ */

static void give_back(struct setting *setting)
{
	uint32_t number = setting->extents;

	if (setting->fresh != 0)
		weir_shm_segment_free(setting->map, setting->shard, setting->fresh);
	for (uint32_t i = 0; i < setting->view.extents && weir_shm_is_segment(setting->map, number); i++) {
		uint32_t next = atomic_load_explicit(&weir_shm_segment(setting->map, number)->next, memory_order_relaxed);

		weir_shm_segment_free(setting->map, setting->shard, number);
		number = next;
	}
	setting->fresh = 0;
	setting->extents = 0;
}

static uint32_t get_segment(struct setting *setting)
{
	setting->moved = true;
	return weir_shm_segment_get(setting->map, setting->shard, setting->now_ms);
}

static bool get_extents(struct setting *setting)
{
	for (uint32_t i = 0; i < setting->view.extents; i++) {
		uint32_t number = get_segment(setting);

		if (number == 0)
			return false;
		atomic_store_explicit(&weir_shm_segment(setting->map, number)->next, setting->extents, memory_order_relaxed);
		setting->extents = number;
	}
	return true;
}

/* Room for the record at the end of `queue`. What is evicted for it may leave room itself. */
static bool get_room(struct setting *setting, enum weir_shm_queue queue)
{
	if (!get_extents(setting))
		return false;
	if (weir_shm_log_room(setting->map, setting->shard, queue) >= setting->view.size)
		return true;
	setting->fresh = get_segment(setting);
	if (weir_shm_log_room(setting->map, setting->shard, queue) < setting->view.size)
		return setting->fresh != 0;
	if (setting->fresh != 0)
		weir_shm_segment_free(setting->map, setting->shard, setting->fresh);
	setting->fresh = 0;
	return true;
}

/* To MAIN goes what was there, what came back soon, and what would push everything else out of SMALL. */
static enum weir_shm_queue choose_queue(const struct setting *setting)
{
	uint64_t share = atomic_load_explicit(&setting->shard->segments, memory_order_relaxed) / 10;

	if (setting->has_old && weir_shm_log_queue(setting->map, &setting->old.view) == WEIR_SHM_MAIN)
		return WEIR_SHM_MAIN;
	if (setting->view.extents > share || weir_shm_ghost_take(setting->map, setting->shard, setting->hash))
		return WEIR_SHM_MAIN;
	return WEIR_SHM_SMALL;
}

static void mark_extents(struct setting *setting, enum weir_shm_queue queue)
{
	uint32_t number = setting->extents;

	setting->shard->queues[queue].segments += setting->view.extents;
	for (uint32_t i = 0; i < setting->view.extents && weir_shm_is_segment(setting->map, number); i++) {
		struct weir_shm_segment *segment = weir_shm_segment(setting->map, number);

		segment->queue = WEIR_SHM_EXTENT;
		number = atomic_load_explicit(&segment->next, memory_order_relaxed);
	}
}

/* False: no room in this shard. */
static bool append(struct setting *setting)
{
	enum weir_shm_queue queue = choose_queue(setting);
	bool fits = get_room(setting, queue);

	if (setting->moved)
		look(setting);
	if (!fits || !weir_shm_log_append(setting->map, setting->shard, queue, setting->fresh, &setting->view)) {
		give_back(setting);
		return false;
	}
	weir_shm_record_write(setting->map, &setting->view, setting->item, setting->extents);
	mark_extents(setting, queue);
	WEIR_SHM_POINT("record written");
	weir_shm_index_put(setting->map, setting->shard, setting->hash, &setting->view, setting->has_old ? &setting->old : NULL);
	return true;
}

/* With the shard's lock. MISS: no room here. */
static enum weir_status store(struct setting *setting)
{
	look(setting);
	if (setting->has_old && setting->only_if_absent && setting->old.view.expires_ms > setting->now_ms)
		return WEIR_BUSY;
	if (fits_in_place(setting))
		overwrite(setting);
	else if (!append(setting))
		return WEIR_MISS;
	weir_shm_tally(&setting->shard->sets, 1);
	weir_shm_tally(&setting->shard->inserted_bytes, setting->view.size + setting->view.extents * weir_shm_segment_size(setting->map));
	return WEIR_OK;
}

/* -- Elsewhere ------------------------------------------------------------------------------------------------------------- */

static uint32_t richest(const struct weir_shm_map *map)
{
	uint32_t found = 0, most = 0;

	for (uint32_t i = 0; i < map->geometry.shards; i++) {
		uint32_t segments = atomic_load_explicit(&map->shards[i].segments, memory_order_relaxed);

		if (segments <= most)
			continue;
		most = segments;
		found = i;
	}
	return found;
}

static uint32_t free_segments(const struct weir_shm_map *map)
{
	uint32_t owned = 0;

	for (uint32_t i = 0; i < map->geometry.shards; i++)
		owned += atomic_load_explicit(&map->shards[i].segments, memory_order_relaxed);
	return owned < map->geometry.segments ? map->geometry.segments - owned : 0;
}

static bool evict_from(struct setting *setting, uint32_t shard, bool force)
{
	if (!weir_shm_enter(setting->shm, setting->map, shard))
		return false;
	(void)weir_shm_evict(setting->map, &setting->map->shards[shard], setting->now_ms, force);
	weir_shm_leave(setting->map, shard);
	return true;
}

/* The shards with the most segments give some up, one lock at a time, until there are enough for the record. One that cannot be locked has
 * this one give up its own instead. */
static bool make_room(struct setting *setting)
{
	uint32_t wanted = setting->view.extents + 2, own = weir_shm_shard_number(setting->map, setting->shard);

	for (uint32_t i = 0; i < 4 * wanted && free_segments(setting->map) < wanted; i++)
		if (!evict_from(setting, richest(setting->map), i >= 3 * wanted) && !evict_from(setting, own, i >= 3 * wanted))
			return false;
	return true;
}

/* -- The operations -------------------------------------------------------------------------------------------------------- */

static enum weir_status drop(struct weir_shm *shm, struct weir_shm_map *map, struct weir_slice key, int64_t now_ms)
{
	uint64_t hash = weir_shm_hash(map, key);
	uint32_t shard = weir_shm_shard_of(map, hash);
	struct weir_shm_entry entry;
	enum weir_status status = WEIR_MISS;

	if (!weir_shm_enter(shm, map, shard))
		return WEIR_ERR_TIMEOUT;
	if (weir_shm_index_find(map, hash, key, &entry)) {
		status = entry.view.expires_ms > now_ms ? WEIR_OK : WEIR_MISS;
		weir_shm_index_drop(map, &map->shards[shard], &entry);
	}
	weir_shm_leave(map, shard);
	return status;
}

static bool is_key(struct weir_slice key)
{
	return key.len > 0 && key.len <= WEIR_SHM_KEY_MAX;
}

/* Others may take the room that was made for this; who has lost it so often gives up. */
static enum weir_status try_store(struct setting *setting)
{
	uint32_t shard = weir_shm_shard_number(setting->map, setting->shard);
	enum weir_status status = WEIR_MISS;

	for (int attempt = 0; attempt < ATTEMPTS && status == WEIR_MISS; attempt++) {
		if ((attempt > 0 || setting->view.extents > 2) && !make_room(setting))
			return WEIR_ERR_TIMEOUT;
		if (!weir_shm_enter(setting->shm, setting->map, shard))
			return WEIR_ERR_TIMEOUT;
		status = store(setting);
		weir_shm_leave(setting->map, shard);
	}
	return status == WEIR_MISS ? WEIR_ERR_TIMEOUT : status;
}

static enum weir_status set(struct weir_shm *shm, const struct weir_shm_item *item, int64_t now_ms, bool only_if_absent)
{
	struct weir_shm_map *map = weir_shm_current(shm);
	struct setting setting = { .shm = shm, .map = map, .item = item, .now_ms = now_ms, .only_if_absent = only_if_absent };

	if (!is_key(item->key))
		return WEIR_ERR_LIMIT;
	if (item->value.len > WEIR_SHM_VALUE_MAX || item->value.len > map->geometry.size / 4)
		return drop(shm, map, item->key, now_ms) == WEIR_ERR_TIMEOUT ? WEIR_ERR_TIMEOUT : WEIR_ERR_LIMIT;
	setting.hash = weir_shm_hash(map, item->key);
	setting.shard = &map->shards[weir_shm_shard_of(map, setting.hash)];
	weir_shm_view_measure(map, (uint32_t)item->key.len, (uint32_t)item->value.len, &setting.view);
	return try_store(&setting);
}

enum weir_status weir_shm_set(struct weir_shm *shm, const struct weir_shm_item *item, int64_t now_ms)
{
	return set(shm, item, now_ms, false);
}

enum weir_status weir_shm_add(struct weir_shm *shm, const struct weir_shm_item *item, int64_t now_ms)
{
	return set(shm, item, now_ms, true);
}

enum weir_status weir_shm_remove(struct weir_shm *shm, struct weir_slice key, int64_t now_ms)
{
	return is_key(key) ? drop(shm, weir_shm_current(shm), key, now_ms) : WEIR_MISS;
}
