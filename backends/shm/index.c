/* SPDX-License-Identifier: Apache-2.0
 *
 * Slots, under the lock.
 */
#include "index.h"

#include "log.h"
#include "points.h"

static uint64_t load(const struct weir_shm_bucket *bucket, unsigned slot)
{
	return atomic_load_explicit(&bucket->slots[slot], memory_order_relaxed);
}

static void raise_version(struct weir_shm_bucket *bucket, uint64_t by)
{
	uint64_t version = atomic_load_explicit(&bucket->version, memory_order_relaxed);

	atomic_store_explicit(&bucket->version, version + by, memory_order_release);
	weir_shm_fence_release();
}

static void replace(struct weir_shm_bucket *bucket, unsigned slot, uint64_t value)
{
	uint64_t before = load(bucket, slot);

	atomic_store_explicit(&bucket->slots[slot], value, memory_order_release);
	WEIR_SHM_POINT("slot replaced");
	if (before != 0 && !WEIR_SHM_PLANTED(WEIR_SHM_NO_BUMP))
		raise_version(bucket, 2);
}

bool weir_shm_index_find(const struct weir_shm_map *map, uint64_t hash, struct weir_slice key, struct weir_shm_entry *entry)
{
	uint64_t tag = weir_shm_slot_tag(weir_shm_slot(hash, 0, 0));

	entry->bucket = weir_shm_bucket_of(map, hash);
	for (int pair = 0; pair < 2; pair++, entry->bucket = weir_shm_neighbour(map, entry->bucket)) {
		for (entry->slot = 0; entry->slot < WEIR_SHM_SLOTS; entry->slot++) {
			entry->value = load(entry->bucket, entry->slot);
			if (weir_shm_slot_tag(entry->value) == tag &&
			    weir_shm_view_read(map, weir_shm_slot_offset(entry->value), &entry->view) &&
			    weir_shm_key_is(map, &entry->view, key))
				return true;
		}
	}
	return false;
}

bool weir_shm_index_find_record(const struct weir_shm_map *map, uint64_t hash, const struct weir_shm_view *view,
				struct weir_shm_entry *entry)
{
	uint64_t wanted = weir_shm_slot(hash, 0, view->offset);

	entry->view = *view;
	entry->bucket = weir_shm_bucket_of(map, hash);
	for (int pair = 0; pair < 2; pair++, entry->bucket = weir_shm_neighbour(map, entry->bucket)) {
		for (entry->slot = 0; entry->slot < WEIR_SHM_SLOTS; entry->slot++) {
			entry->value = load(entry->bucket, entry->slot);
			if ((entry->value & ~WEIR_SHM_FREQ_MASK) == wanted)
				return true;
		}
	}
	return false;
}

/* A free slot of the pair, or the one whose item was used least, which is dropped. */
static void make_place(struct weir_shm_map *map, struct weir_shm_shard *shard, uint64_t hash, struct weir_shm_entry *place)
{
	struct weir_shm_bucket *bucket = weir_shm_bucket_of(map, hash);
	unsigned least = WEIR_SHM_FREQ_MAX + 1;

	for (int pair = 0; pair < 2; pair++, bucket = weir_shm_neighbour(map, bucket)) {
		for (unsigned slot = 0; slot < WEIR_SHM_SLOTS; slot++) {
			uint64_t value = load(bucket, slot);
			unsigned freq = weir_shm_slot_freq(value);

			if (value != 0 && freq >= least)
				continue;
			least = freq;
			place->bucket = bucket;
			place->slot = slot;
			place->value = value;
			if (value == 0)
				return;
		}
	}
	weir_shm_tally(&shard->evictions, 1);
	if (weir_shm_view_read(map, weir_shm_slot_offset(place->value), &place->view))
		weir_shm_index_drop(map, shard, place);
	else
		replace(place->bucket, place->slot, 0);
}

static void count(struct weir_shm_map *map, struct weir_shm_shard *shard, const struct weir_shm_view *view, bool comes)
{
	uint64_t bytes = sizeof(struct weir_shm_record) + view->key_len + view->value_len;

	weir_shm_log_live(map, view, comes);
	weir_shm_tally(&shard->items, comes ? 1 : UINT64_MAX);
	weir_shm_tally(&shard->live_bytes, comes ? bytes : 0 - bytes);
}

void weir_shm_index_put(struct weir_shm_map *map, struct weir_shm_shard *shard, uint64_t hash, const struct weir_shm_view *view,
			struct weir_shm_entry *old)
{
	struct weir_shm_entry place = { 0 };
	unsigned freq = 0;

	if (old) {
		place = *old;
		freq = weir_shm_slot_freq(load(old->bucket, old->slot));
	} else {
		make_place(map, shard, hash, &place);
	}
	WEIR_SHM_POINT("put before slot");
	replace(place.bucket, place.slot, weir_shm_slot(hash, freq, view->offset));
	WEIR_SHM_POINT("put after slot");
	count(map, shard, view, true);
	if (!old)
		return;
	count(map, shard, &old->view, false);
	weir_shm_log_free_extents(map, shard, &old->view);
}

void weir_shm_index_move(struct weir_shm_map *map, const struct weir_shm_entry *entry, const struct weir_shm_view *to, unsigned freq)
{
	uint64_t same = entry->value & ~(WEIR_SHM_FREQ_MASK | WEIR_SHM_OFFSET_MASK);

	WEIR_SHM_POINT("move before slot");
	replace(entry->bucket, entry->slot, same | (uint64_t)freq << WEIR_SHM_FREQ_SHIFT | to->offset >> 3);
	WEIR_SHM_POINT("move after slot");
	weir_shm_log_live(map, &entry->view, false);
	weir_shm_log_live(map, to, true);
}

void weir_shm_index_drop(struct weir_shm_map *map, struct weir_shm_shard *shard, const struct weir_shm_entry *entry)
{
	replace(entry->bucket, entry->slot, 0);
	WEIR_SHM_POINT("drop after slot");
	count(map, shard, &entry->view, false);
	weir_shm_log_free_extents(map, shard, &entry->view);
}

void weir_shm_index_open(const struct weir_shm_entry *entry)
{
	if (!WEIR_SHM_PLANTED(WEIR_SHM_NO_BUMP))
		raise_version(entry->bucket, 1);
	WEIR_SHM_POINT("in place");
}

void weir_shm_index_close(const struct weir_shm_entry *entry)
{
	if (!WEIR_SHM_PLANTED(WEIR_SHM_NO_BUMP))
		raise_version(entry->bucket, 1);
}

void weir_shm_index_wipe(struct weir_shm_map *map, uint32_t shard)
{
	struct weir_shm_bucket *bucket = &map->buckets[(uint64_t)shard * map->geometry.buckets];

	for (uint32_t i = 0; i < map->geometry.buckets; i++, bucket++) {
		uint64_t version = atomic_load_explicit(&bucket->version, memory_order_relaxed);

		for (unsigned slot = 0; slot < WEIR_SHM_SLOTS; slot++)
			atomic_store_explicit(&bucket->slots[slot], 0, memory_order_release);
		atomic_store_explicit(&bucket->version, (version + 2) & ~UINT64_C(1), memory_order_release);
	}
	weir_shm_fence_release();
}
