/* SPDX-License-Identifier: Apache-2.0
 *
 * Segments and queues. Numbers that come from shared memory are checked before they are used as an index: nonsense ends a walk, and is put
 * in order by the next reset.
 */
#include "log.h"

#include "points.h"

static struct weir_shm_chain *chain_of(struct weir_shm_shard *shard, uint32_t queue)
{
	return queue < WEIR_SHM_QUEUES ? &shard->queues[queue] : NULL;
}

static uint32_t next_of(const struct weir_shm_segment *segment)
{
	return atomic_load_explicit(&segment->next, memory_order_relaxed);
}

static void set_next(struct weir_shm_segment *segment, uint32_t next)
{
	atomic_store_explicit(&segment->next, next, memory_order_relaxed);
}

static void count_segments(struct weir_shm_shard *shard, uint32_t by)
{
	atomic_store_explicit(&shard->segments, atomic_load_explicit(&shard->segments, memory_order_relaxed) + by, memory_order_relaxed);
}

void weir_shm_segment_prepare(struct weir_shm_map *map, uint32_t number)
{
	struct weir_shm_segment *segment = weir_shm_segment(map, number);

	set_next(segment, 0);
	segment->previous = 0;
	segment->written = 0;
	segment->live = 0;
	segment->first = 0;
	segment->last = 0;
	segment->queue = WEIR_SHM_SPARE;
}

uint32_t weir_shm_segment_claim(struct weir_shm_map *map, struct weir_shm_shard *shard)
{
	uint32_t count = map->geometry.segments, at = atomic_load_explicit(&map->header->searched, memory_order_relaxed) % count;
	uint16_t owner = (uint16_t)(weir_shm_shard_number(map, shard) + 1);

	for (uint32_t i = 0; i < count; i++, at = at + 1 < count ? at + 1 : 0) {
		uint16_t nobody = 0;

		if (atomic_load_explicit(&map->owners[at], memory_order_relaxed) != 0 ||
		    !atomic_compare_exchange_strong_explicit(&map->owners[at], &nobody, owner, memory_order_acq_rel, memory_order_relaxed))
			continue;
		weir_shm_fence_release(); /* as in weir_shm_enter(): what another shard did to it comes before what is written there now */
		WEIR_SHM_POINT("segment claimed");
		atomic_store_explicit(&map->header->searched, at + 1, memory_order_relaxed);
		count_segments(shard, 1);
		weir_shm_segment_prepare(map, at + 1);
		return at + 1;
	}
	return 0;
}

void weir_shm_segment_free(struct weir_shm_map *map, struct weir_shm_shard *shard, uint32_t number)
{
	WEIR_SHM_POINT("segment freed");
	count_segments(shard, UINT32_MAX);
	atomic_store_explicit(&map->owners[number - 1], 0, memory_order_release);
}

/* Once: what was checked is what is used, whoever scribbles meanwhile. */
static uint32_t read_once(const uint32_t *number)
{
	return *(const volatile uint32_t *)number;
}

static void link_at_end(struct weir_shm_map *map, struct weir_shm_shard *shard, enum weir_shm_queue queue, uint32_t number)
{
	struct weir_shm_chain *chain = &shard->queues[queue];
	struct weir_shm_segment *segment = weir_shm_segment(map, number);
	uint32_t tail = read_once(&chain->tail);

	set_next(segment, 0);
	segment->previous = tail;
	segment->queue = queue;
	if (weir_shm_is_segment(map, tail))
		set_next(weir_shm_segment(map, tail), number);
	else
		chain->head = number;
	chain->tail = number;
	chain->segments++;
}

void weir_shm_log_unlink(struct weir_shm_map *map, struct weir_shm_shard *shard, uint32_t number)
{
	struct weir_shm_segment *segment = weir_shm_segment(map, number);
	struct weir_shm_chain *chain = chain_of(shard, segment->queue);
	uint32_t next = next_of(segment), previous = read_once(&segment->previous);

	if (!chain)
		return;
	if (weir_shm_is_segment(map, previous))
		set_next(weir_shm_segment(map, previous), next);
	else
		chain->head = next;
	if (weir_shm_is_segment(map, next))
		weir_shm_segment(map, next)->previous = previous;
	else
		chain->tail = previous;
	chain->segments--;
}

/* Bytes that are left in segment `tail`, of which `*written` are in use. */
static uint64_t room_in(const struct weir_shm_map *map, uint32_t tail, uint32_t *written)
{
	uint64_t size = weir_shm_segment_size(map);

	*written = 0;
	if (!weir_shm_is_segment(map, tail))
		return 0;
	*written = read_once(&weir_shm_segment(map, tail)->written);
	return *written % 8 == 0 && *written + sizeof(struct weir_shm_record) <= size ? size - *written : 0;
}

uint64_t weir_shm_log_room(const struct weir_shm_map *map, const struct weir_shm_shard *shard, enum weir_shm_queue queue)
{
	uint32_t written;

	return room_in(map, read_once(&shard->queues[queue].tail), &written);
}

bool weir_shm_log_append(struct weir_shm_map *map, struct weir_shm_shard *shard, enum weir_shm_queue queue, uint32_t fresh,
			 struct weir_shm_view *view)
{
	uint32_t tail = read_once(&shard->queues[queue].tail), written;
	uint64_t room = room_in(map, tail, &written), here = room < view->size ? room : view->size;

	if (here < view->size && fresh == 0)
		return false;
	if (fresh != 0)
		link_at_end(map, shard, queue, fresh);
	WEIR_SHM_POINT("log appended");
	view->offset = (uint64_t)(fresh - 1) << map->geometry.segment_shift;
	if (here > 0) {
		view->offset = ((uint64_t)(tail - 1) << map->geometry.segment_shift) + written;
		weir_shm_segment(map, tail)->last = written;
		weir_shm_segment(map, tail)->written = written + (uint32_t)here;
	}
	if (here < view->size) {
		weir_shm_segment(map, fresh)->first = here > 0 ? (uint32_t)(view->size - here) : 0;
		weir_shm_segment(map, fresh)->written = (uint32_t)(view->size - here);
	}
	return true;
}

void weir_shm_log_live(struct weir_shm_map *map, const struct weir_shm_view *view, bool comes)
{
	for (uint64_t at = 0, here; at < view->size; at += here) {
		const char *piece = weir_shm_log_at(map, view, at, &here);
		struct weir_shm_segment *segment;

		if (!piece)
			return;
		segment = weir_shm_segment(map, weir_shm_segment_of(map, (uint64_t)(piece - map->data)));
		segment->live += comes ? (uint32_t)here : 0U - (uint32_t)here;
	}
}

enum weir_shm_queue weir_shm_log_queue(const struct weir_shm_map *map, const struct weir_shm_view *view)
{
	return weir_shm_segment(map, weir_shm_segment_of(map, view->offset))->queue == WEIR_SHM_MAIN ? WEIR_SHM_MAIN : WEIR_SHM_SMALL;
}

void weir_shm_log_free_extents(struct weir_shm_map *map, struct weir_shm_shard *shard, const struct weir_shm_view *view)
{
	uint16_t owner = (uint16_t)(weir_shm_shard_number(map, shard) + 1);
	struct weir_shm_chain *chain = &shard->queues[weir_shm_log_queue(map, view)];

	for (uint32_t i = 0; i < view->extents; i++) {
		uint32_t number = weir_shm_extent(map, view, i);

		if (number == 0 || atomic_load_explicit(&map->owners[number - 1], memory_order_relaxed) != owner ||
		    weir_shm_segment(map, number)->queue != WEIR_SHM_EXTENT)
			continue;
		chain->segments--;
		weir_shm_segment(map, number)->queue = WEIR_SHM_SPARE;
		weir_shm_segment_free(map, shard, number);
	}
}

void weir_shm_log_wipe(struct weir_shm_map *map, struct weir_shm_shard *shard)
{
	uint16_t owner = (uint16_t)(weir_shm_shard_number(map, shard) + 1);

	for (uint32_t queue = 0; queue < WEIR_SHM_QUEUES; queue++)
		shard->queues[queue] = (struct weir_shm_chain){ 0 };
	shard->spare = 0;
	atomic_store_explicit(&shard->segments, 0, memory_order_relaxed);
	for (uint32_t i = 0; i < map->geometry.segments; i++)
		if (atomic_load_explicit(&map->owners[i], memory_order_relaxed) == owner)
			atomic_store_explicit(&map->owners[i], 0, memory_order_release);
}
