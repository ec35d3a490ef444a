/* SPDX-License-Identifier: Apache-2.0
 *
 * What a store tells about itself: the sums of its shards' statistics and of its counters of hits and misses, and how a thread comes to its
 * line of those.
 */
#include <pthread.h>
#include <unistd.h>

#include "counters.h"
#include "store.h"

_Thread_local unsigned weir_shm_thread;

static pthread_once_t watch_forks = PTHREAD_ONCE_INIT;

static void forget_thread(void)
{
	weir_shm_thread = 0;
}

/* Should there be no memory for it, parent and child count on one line, which costs counts and nothing else. */
static void watch(void)
{
	(void)pthread_atfork(NULL, NULL, forget_thread);
}

unsigned weir_shm_thread_ask(void)
{
	pthread_once(&watch_forks, watch);
	weir_shm_thread = (unsigned)gettid();
	return weir_shm_thread;
}

static uint64_t load(const _Atomic uint64_t *number)
{
	return atomic_load_explicit(number, memory_order_relaxed);
}

static void add_counters(const struct weir_shm_map *map, struct weir_shm_stats *stats)
{
	const void *at = map->base + map->geometry.counters_at;
	const struct weir_shm_counters *counters = at;

	for (uint32_t i = 0; i < WEIR_SHM_COUNTERS; i++) {
		stats->hits += load(&counters[i].hits);
		stats->misses += load(&counters[i].misses);
	}
}

static void add_shards(const struct weir_shm_map *map, struct weir_shm_stats *stats)
{
	for (uint32_t i = 0; i < map->geometry.shards; i++) {
		const struct weir_shm_shard *shard = &map->shards[i];

		stats->items += load(&shard->items);
		stats->live_bytes += load(&shard->live_bytes);
		stats->sets += load(&shard->sets);
		stats->inserted_bytes += load(&shard->inserted_bytes);
		stats->evictions += load(&shard->evictions);
		stats->expirations += load(&shard->expirations);
		stats->copied_bytes += load(&shard->copied_bytes);
		stats->resets += load(&shard->resets);
	}
}

void weir_shm_stats(struct weir_shm *shm, struct weir_shm_stats *stats)
{
	const struct weir_shm_map *map = weir_shm_current(shm);

	*stats = (struct weir_shm_stats){ .size = map->geometry.size, .used_bytes = map->geometry.data_at, .shards = map->geometry.shards };
	for (uint32_t i = 0; i < map->geometry.segments; i++)
		if (atomic_load_explicit(&map->owners[i], memory_order_relaxed) != 0)
			stats->used_bytes += weir_shm_segment_size(map);
	add_shards(map, stats);
	add_counters(map, stats);
}
