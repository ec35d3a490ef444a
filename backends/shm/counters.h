/* SPDX-License-Identifier: Apache-2.0
 *
 * Hits and misses, counted where readers do not meet: each thread has a line of the store's counters, by its number modulo their count.
 *
 * Counting is a load and a store, with no locked instruction. Two threads that land on one line may lose a count, as
 * weir_shm_stats() says. A forked child finds a line of its own.
 */
#ifndef WEIR_SHM_COUNTERS_H
#define WEIR_SHM_COUNTERS_H

#include "layout.h"

/* The calling thread's number as the kernel has it; 0: not asked for yet. A fork makes it 0 in the child. */
extern _Thread_local unsigned weir_shm_thread __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Asks for it and keeps it. (stats.c) */
unsigned weir_shm_thread_ask(void);

static inline struct weir_shm_counters *weir_shm_counters_mine(const struct weir_shm_map *map)
{
	unsigned thread = weir_shm_thread ? weir_shm_thread : weir_shm_thread_ask();
	void *counters = map->base + map->geometry.counters_at;

	return (struct weir_shm_counters *)counters + thread % WEIR_SHM_COUNTERS;
}

static inline void weir_shm_count(_Atomic uint64_t *counter)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

static inline void weir_shm_count_hit(const struct weir_shm_map *map)
{
	weir_shm_count(&weir_shm_counters_mine(map)->hits);
}

static inline void weir_shm_count_miss(const struct weir_shm_map *map)
{
	weir_shm_count(&weir_shm_counters_mine(map)->misses);
}

#endif
