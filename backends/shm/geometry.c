/* SPDX-License-Identifier: Apache-2.0
 *
 * From a store's size to where everything lies in it.
 *
 * Segments are a thousandth of the store, so that evicting one is a small step, and a shard has at least 128 of them. The index is made for
 * items of the average size that the user expects: 0.6 of its slots are in use when the store is full of those.
 */
#include <string.h>
#include <sys/random.h>

#include "clears.h"
#include "layout.h"
#include "leases.h"

#define SEGMENT_SHIFT_MIN 14U
#define SEGMENT_SHIFT_MAX 20U
#define SEGMENTS_PER_SIZE 1024U
#define SEGMENTS_PER_SHARD 128U
#define ENTRY_SIZE_MIN 64U
#define ENTRY_SIZE_MAX (1024U * 1024)
#define CLEAR_SETS_MAX 65536U
#define BYTES_PER_CLEAR_SET 65536U

/* The largest power of two that is at most `number`, within bounds. */
static uint32_t power_below(uint64_t number, uint32_t least, uint32_t most)
{
	uint32_t power = least;

	while (power < most && (uint64_t)power * 2 <= number)
		power *= 2;
	return power;
}

/* The end of what lies at `*at`, on a cache line; returns the beginning. */
static uint64_t place(uint64_t *at, uint64_t bytes)
{
	uint64_t begin = *at;

	*at = (begin + bytes + 255) & ~UINT64_C(255);
	return begin;
}

static void place_tables(struct weir_shm_geometry *geometry, uint64_t segments)
{
	uint64_t at = WEIR_SHM_PAGE;
	uint64_t shards = geometry->shards;

	geometry->shards_at = place(&at, shards * sizeof(struct weir_shm_shard));
	geometry->buckets_at = place(&at, shards * geometry->buckets * sizeof(struct weir_shm_bucket));
	geometry->owners_at = place(&at, segments * sizeof(uint16_t));
	geometry->segments_at = place(&at, segments * sizeof(struct weir_shm_segment));
	geometry->ghosts_at = place(&at, shards * geometry->ghosts * sizeof(uint32_t));
	geometry->clears_at = place(&at, geometry->clear_sets * sizeof(struct weir_shm_clear_set));
	geometry->leases_at = place(&at, shards * WEIR_SHM_LEASES * sizeof(struct weir_shm_lease));
	geometry->counters_at = place(&at, WEIR_SHM_COUNTERS * sizeof(struct weir_shm_counters));
	geometry->data_at = (at + WEIR_SHM_PAGE - 1) & ~(uint64_t)(WEIR_SHM_PAGE - 1);
}

bool weir_shm_geometry_make(uint64_t size, uint64_t entry_size, struct weir_shm_geometry *geometry)
{
	uint64_t entries, slots, segments;

	if (size < WEIR_SHM_SIZE_MIN || size > WEIR_SHM_SIZE_MAX || entry_size < ENTRY_SIZE_MIN || entry_size > ENTRY_SIZE_MAX)
		return false;
	*geometry = (struct weir_shm_geometry){ .size = size, .entry_size = entry_size, .segment_shift = SEGMENT_SHIFT_MIN };
	while (geometry->segment_shift < SEGMENT_SHIFT_MAX && (size / SEGMENTS_PER_SIZE) >> (geometry->segment_shift + 1))
		geometry->segment_shift++;
	segments = size >> geometry->segment_shift;
	geometry->shards = power_below(segments / SEGMENTS_PER_SHARD, 1, WEIR_SHM_SHARDS_MAX);
	entries = size / (entry_size + sizeof(struct weir_shm_record)) / geometry->shards;
	slots = entries * 10 / 6;
	geometry->buckets = (uint32_t)((slots / WEIR_SHM_SLOTS + 2) & ~UINT64_C(1));
	geometry->ghosts = power_below(entries, 64, 1U << 30);
	geometry->clear_sets = power_below(size / BYTES_PER_CLEAR_SET, 64, CLEAR_SETS_MAX);
	place_tables(geometry, segments);
	geometry->segments = (uint32_t)((size - geometry->data_at) >> geometry->segment_shift);
	geometry->data_size = (uint64_t)geometry->segments << geometry->segment_shift;
	return geometry->data_at < size && geometry->segments >= 8 * geometry->shards;
}

void weir_shm_map_init(struct weir_shm_map *map, const struct weir_shm_geometry *geometry, char *base)
{
	void *at = base;

	*map = (struct weir_shm_map){ .geometry = *geometry, .base = base, .header = at };
	map->shards = (void *)(base + geometry->shards_at);
	map->buckets = (void *)(base + geometry->buckets_at);
	map->owners = (void *)(base + geometry->owners_at);
	map->segments = (void *)(base + geometry->segments_at);
	map->ghosts = (void *)(base + geometry->ghosts_at);
	map->data = base + geometry->data_at;
	map->seed = map->header->seed;
}

enum weir_status weir_shm_map_format(struct weir_shm_map *map, const char *boot_id)
{
	struct weir_shm_header *header = map->header;
	uint64_t random[2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return WEIR_ERR_IO;
	header->layout = WEIR_SHM_LAYOUT;
	header->byte_order = WEIR_SHM_BYTE_ORDER;
	header->size = map->geometry.size;
	header->entry_size = map->geometry.entry_size;
	header->seed = random[0];
	strncpy(header->boot_id, boot_id, sizeof(header->boot_id) - 1);
	/* An epoch of 24 random bits, never 0, and count 1, as weir_clear_clock_new() has it. */
	atomic_store_explicit(&header->clock, (random[1] | 1) << 40 | 1, memory_order_relaxed);
	map->seed = header->seed;
	atomic_store_explicit(&header->magic, WEIR_SHM_MAGIC, memory_order_release);
	return WEIR_OK;
}
