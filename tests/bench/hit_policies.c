/* SPDX-License-Identifier: Apache-2.0
 *
 * LRU, SIEVE (NSDI '24), S3-FIFO (SOSP '23, with the small queue, the ghosts and the threshold of its authors' simulator) and the optimum,
 * which knows the future (Belady). Each object is in one queue at most; a policy is what it does when an object is asked for.
 */
#include "hit_policies.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

enum place {
	NOWHERE,
	SMALL,
	MAIN,
	GHOST,
	PLACES
};

struct queue {
	uint32_t newest, oldest;
	uint64_t bytes;
};

struct links {
	uint32_t newer, older;
};

struct cache {
	const uint32_t *sizes;
	uint64_t bytes; /* that it may have */
	struct links *links;
	uint8_t *places; /* enum place */
	uint8_t *uses;
	struct queue queues[PLACES];
	uint32_t hand; /* SIEVE's; NONE: at the oldest */
};

/* True for a hit; after a miss the object is in the cache, if it can be. */
typedef bool (*request_fn)(struct cache *cache, uint32_t object);

static void *need(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		exit(1);
	return memory;
}

static void take_out(struct cache *cache, uint32_t object)
{
	const struct links link = cache->links[object];
	struct queue *queue = &cache->queues[cache->places[object]];

	*(link.newer == NONE ? &queue->newest : &cache->links[link.newer].older) = link.older;
	*(link.older == NONE ? &queue->oldest : &cache->links[link.older].newer) = link.newer;
	queue->bytes -= cache->sizes[object];
	cache->places[object] = NOWHERE;
}

static void put_in(struct cache *cache, uint32_t object, enum place place)
{
	struct queue *queue = &cache->queues[place];

	cache->links[object] = (struct links){ NONE, queue->newest };
	*(queue->newest == NONE ? &queue->oldest : &cache->links[queue->newest].newer) = object;
	queue->newest = object;
	queue->bytes += cache->sizes[object];
	cache->places[object] = (uint8_t)place;
	cache->uses[object] = 0;
}

/* Moves it to the new end of a queue. */
static void move(struct cache *cache, uint32_t object, enum place place)
{
	take_out(cache, object);
	put_in(cache, object, place);
}

static bool request_lru(struct cache *cache, uint32_t object)
{
	struct queue *queue = &cache->queues[MAIN];

	if (cache->places[object] == MAIN) {
		move(cache, object, MAIN);
		return true;
	}
	if (cache->sizes[object] > cache->bytes)
		return false;
	while (queue->bytes + cache->sizes[object] > cache->bytes)
		take_out(cache, queue->oldest);
	put_in(cache, object, MAIN);
	return false;
}

static void sieve_evict(struct cache *cache)
{
	const struct queue *queue = &cache->queues[MAIN];
	uint32_t object = cache->hand == NONE ? queue->oldest : cache->hand;

	while (cache->uses[object] > 0) {
		cache->uses[object] = 0;
		object = cache->links[object].newer == NONE ? queue->oldest : cache->links[object].newer;
	}
	cache->hand = cache->links[object].newer;
	take_out(cache, object);
}

static bool request_sieve(struct cache *cache, uint32_t object)
{
	if (cache->places[object] == MAIN) {
		cache->uses[object] = 1;
		return true;
	}
	if (cache->sizes[object] > cache->bytes)
		return false;
	while (cache->queues[MAIN].bytes + cache->sizes[object] > cache->bytes)
		sieve_evict(cache);
	put_in(cache, object, MAIN);
	return false;
}

static uint64_t s3_small_bytes(const struct cache *cache)
{
	return cache->bytes / 10;
}

static void s3_evict_main(struct cache *cache)
{
	uint32_t object;

	while (cache->uses[object = cache->queues[MAIN].oldest] > 0) {
		const uint8_t uses = cache->uses[object];

		move(cache, object, MAIN);
		cache->uses[object] = (uint8_t)(uses - 1);
	}
	take_out(cache, object);
}

/* What was asked for once at most is forgotten but for its name; what more often goes on to MAIN. */
static void s3_evict_small(struct cache *cache)
{
	const struct queue *ghosts = &cache->queues[GHOST];
	uint32_t object;

	while (cache->queues[SMALL].bytes > 0 && cache->uses[object = cache->queues[SMALL].oldest] > 1)
		move(cache, object, MAIN);
	if (cache->queues[SMALL].bytes == 0)
		return;
	while (ghosts->bytes > 0 && ghosts->bytes + cache->sizes[object] > cache->bytes / 10 * 9)
		take_out(cache, ghosts->oldest);
	move(cache, object, GHOST);
}

static bool request_s3_fifo(struct cache *cache, uint32_t object)
{
	const enum place place = cache->places[object];

	if (place == SMALL || place == MAIN) {
		if (cache->uses[object] < 3)
			cache->uses[object]++;
		return true;
	}
	if (place == GHOST)
		take_out(cache, object);
	if (cache->sizes[object] > s3_small_bytes(cache))
		return false;
	while (cache->queues[SMALL].bytes + cache->queues[MAIN].bytes + cache->sizes[object] > cache->bytes) {
		if (cache->queues[MAIN].bytes > cache->bytes - s3_small_bytes(cache) || cache->queues[SMALL].bytes == 0)
			s3_evict_main(cache);
		else
			s3_evict_small(cache);
	}
	put_in(cache, object, place == GHOST ? MAIN : SMALL);
	return false;
}

static size_t play(const struct trace *trace, uint64_t bytes, request_fn request)
{
	struct cache cache = {
		.sizes = trace->sizes,
		.bytes = bytes,
		.links = need(trace->objects, sizeof(*cache.links)),
		.places = need(trace->objects, sizeof(*cache.places)),
		.uses = need(trace->objects, sizeof(*cache.uses)),
		.hand = NONE,
	};
	size_t hits = 0;

	for (int i = 0; i < PLACES; i++)
		cache.queues[i] = (struct queue){ NONE, NONE, 0 };
	for (size_t i = 0; i < trace->count; i++)
		hits += request(&cache, trace->requests[i]);
	free(cache.links);
	free(cache.places);
	free(cache.uses);
	return hits;
}

static size_t lru(const struct trace *trace, uint64_t bytes)
{
	return play(trace, bytes, request_lru);
}

static size_t sieve(const struct trace *trace, uint64_t bytes)
{
	return play(trace, bytes, request_sieve);
}

static size_t s3_fifo(const struct trace *trace, uint64_t bytes)
{
	return play(trace, bytes, request_s3_fifo);
}

/* -- The optimum ------------------------------------------------------------------------------------------------------------- */

/* An object that is in the cache, and when it is asked for next. Asked for again it gets a new entry; the old one is stale then. */
struct entry {
	uint32_t next, object;
};

/* A heap with the latest on top. */
struct heap {
	struct entry *entries;
	size_t count;
};

static void heap_add(struct heap *heap, struct entry entry)
{
	size_t at = heap->count++;

	for (; at > 0 && heap->entries[(at - 1) / 2].next < entry.next; at = (at - 1) / 2)
		heap->entries[at] = heap->entries[(at - 1) / 2];
	heap->entries[at] = entry;
}

static struct entry heap_take(struct heap *heap)
{
	const struct entry top = heap->entries[0], last = heap->entries[--heap->count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < heap->count) {
		child += child + 1 < heap->count && heap->entries[child + 1].next > heap->entries[child].next;
		if (heap->entries[child].next <= last.next)
			break;
		heap->entries[at] = heap->entries[child];
		at = child;
	}
	heap->entries[at] = last;
	return top;
}

/* For each request, when its object is asked for again: the number of a request, or NONE. */
static uint32_t *look_ahead(const struct trace *trace)
{
	uint32_t *next = need(trace->count, sizeof(*next)), *last = need(trace->objects, sizeof(*last));

	memset(last, 0xff, trace->objects * sizeof(*last));
	for (size_t i = trace->count; i-- > 0; last[trace->requests[i]] = (uint32_t)i)
		next[i] = last[trace->requests[i]];
	free(last);
	return next;
}

/* Evicts what is asked for last; with sizes that is not quite the best there is, but as near as anybody knows quickly. */
static size_t optimal(const struct trace *trace, uint64_t bytes)
{
	uint32_t *next = look_ahead(trace), *held = need(trace->objects, sizeof(*held)); /* `next` of its valid entry; 0: not there */
	struct heap heap = { need(trace->count + 1, sizeof(*heap.entries)), 0 };
	uint64_t used = 0;
	size_t hits = 0;

	for (size_t i = 0; i < trace->count; i++) {
		const uint32_t object = trace->requests[i], size = trace->sizes[object];

		hits += held[object] != 0;
		if (size > bytes)
			continue;
		used += held[object] ? 0 : size;
		held[object] = next[i];
		heap_add(&heap, (struct entry){ next[i], object });
		while (used > bytes) {
			const struct entry entry = heap_take(&heap);

			if (held[entry.object] != entry.next)
				continue;
			held[entry.object] = 0;
			used -= trace->sizes[entry.object];
		}
	}
	free(next);
	free(held);
	free(heap.entries);
	return hits;
}

const struct policy policies[] = { { "lru", lru }, { "sieve", sieve }, { "s3_fifo", s3_fifo }, { "optimal", optimal }, { NULL, NULL } };
