/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving segments up.
 */
#include "evict.h"

#include "index.h"
#include "points.h"
#include "store.h"

/* SMALL's share of the shard is one in so many. */
#define SMALL_SHARE 10

/* So often an item has to be read in a queue to be kept. */
#define SMALL_READS 2U
#define MAIN_READS 1U

/* A segment with more dead bytes than one in so many is worth copying the others. */
#define DEAD_SHARE 4

/* Attempts to find room by the rules; then what is in use goes too. */
#define GENTLE_ATTEMPTS 16
#define ATTEMPTS 24

/* One segment in so many that are opened is paid for by looking through another for expired items. */
#define SWEEP_EVERY 4

/* -- Ghosts ---------------------------------------------------------------------------------------------------------------- */

static uint32_t *ghost_of(struct weir_shm_map *map, const struct weir_shm_shard *shard, uint64_t hash)
{
	uint64_t count = map->geometry.ghosts;

	return &map->ghosts[weir_shm_shard_number(map, shard) * count + (hash & (count - 1))];
}

static uint32_t fingerprint(uint64_t hash)
{
	return (uint32_t)(hash >> 32) | 1;
}

bool weir_shm_ghost_take(struct weir_shm_map *map, const struct weir_shm_shard *shard, uint64_t hash)
{
	uint32_t *ghost = ghost_of(map, shard, hash);

	if (*ghost != fingerprint(hash))
		return false;
	*ghost = 0;
	return true;
}

/* -- One segment ----------------------------------------------------------------------------------------------------------- */

/* What happens to the records of a segment. */
struct emptying {
	struct weir_shm_map *map;
	struct weir_shm_shard *shard;
	int64_t now_ms;
	enum weir_shm_queue queue;
	bool keep_all;
	bool keep_none;
};

/* Room that is not to be had by evicting: the end of the queue, the spare, a free segment. */
static bool append(struct emptying *emptying, enum weir_shm_queue queue, struct weir_shm_view *to)
{
	struct weir_shm_shard *shard = emptying->shard;
	uint32_t fresh = 0;

	if (weir_shm_log_room(emptying->map, shard, queue) < to->size) {
		fresh = shard->spare;
		shard->spare = 0;
		if (!weir_shm_is_segment(emptying->map, fresh))
			fresh = weir_shm_segment_claim(emptying->map, shard);
		if (fresh == 0)
			return false;
	}
	return weir_shm_log_append(emptying->map, shard, queue, fresh, to);
}

/* Copies the record to the end of `queue`, then moves its slot. False when there is no room. */
static bool keep(struct emptying *emptying, const struct weir_shm_entry *entry, enum weir_shm_queue queue, unsigned freq)
{
	struct weir_shm_view to = entry->view;

	if (!append(emptying, queue, &to) || !weir_shm_record_move(emptying->map, &entry->view, &to))
		return false;
	WEIR_SHM_POINT("record copied");
	emptying->shard->queues[emptying->queue].segments -= to.extents;
	emptying->shard->queues[queue].segments += to.extents;
	weir_shm_tally(&emptying->shard->copied_bytes, to.size);
	weir_shm_index_move(emptying->map, entry, &to, freq);
	return true;
}

/* By how often a record was read: true when it was kept. Halving what is left, instead of taking one off, copies a quarter less on busy
 * traces for a tenth of a point of hits; asking for two reads in SMALL another quarter, for none. */
static bool keep_used(struct emptying *emptying, const struct weir_shm_entry *entry)
{
	unsigned freq = weir_shm_slot_freq(entry->value);

	if (emptying->keep_all)
		return keep(emptying, entry, emptying->queue, freq);
	if (emptying->keep_none || freq < (emptying->queue == WEIR_SHM_SMALL ? SMALL_READS : MAIN_READS))
		return false;
	return keep(emptying, entry, WEIR_SHM_MAIN, emptying->queue == WEIR_SHM_SMALL ? 0 : freq / 2);
}

static void settle(struct emptying *emptying, const struct weir_shm_view *view)
{
	uint64_t hash = weir_shm_key_hash(emptying->map, view);
	struct weir_shm_entry entry;

	if (!weir_shm_index_find_record(emptying->map, hash, view, &entry))
		return;
	if (view->expires_ms <= emptying->now_ms) {
		weir_shm_tally(&emptying->shard->expirations, 1);
		weir_shm_index_drop(emptying->map, emptying->shard, &entry);
		return;
	}
	if (keep_used(emptying, &entry))
		return;
	weir_shm_tally(&emptying->shard->evictions, 1);
	if (emptying->queue == WEIR_SHM_SMALL)
		*ghost_of(emptying->map, emptying->shard, hash) = fingerprint(hash);
	weir_shm_index_drop(emptying->map, emptying->shard, &entry);
}

/* The record behind this one in a segment; false at the end. */
static bool next_record(const struct weir_shm_map *map, uint32_t number, uint64_t *at, struct weir_shm_view *view)
{
	const struct weir_shm_segment *segment = weir_shm_segment(map, number);
	uint64_t begin = (uint64_t)(number - 1) << map->geometry.segment_shift, end = *at + sizeof(struct weir_shm_record);

	if (end > segment->written || end > weir_shm_segment_size(map) || *at % 8 != 0 || !weir_shm_view_read(map, begin + *at, view))
		return false;
	*at += view->size;
	return true;
}

/* A record that begins in the segment before and goes on in this one. */
static void settle_straddler(struct emptying *emptying, uint32_t previous)
{
	struct weir_shm_segment *segment;
	struct weir_shm_view view;
	uint64_t at;

	if (!weir_shm_is_segment(emptying->map, previous))
		return;
	segment = weir_shm_segment(emptying->map, previous);
	at = segment->last;
	if (segment->first < segment->written && next_record(emptying->map, previous, &at, &view) && at > segment->written)
		settle(emptying, &view);
}

static void give_up(struct emptying *emptying, uint32_t number)
{
	struct weir_shm_map *map = emptying->map;
	struct weir_shm_shard *shard = emptying->shard;
	struct weir_shm_segment *segment = weir_shm_segment(map, number);
	struct weir_shm_view view;
	uint64_t at = segment->first;

	settle_straddler(emptying, segment->previous);
	weir_shm_log_unlink(map, shard, number);
	WEIR_SHM_POINT("segment unlinked");
	while (segment->live > 0 && next_record(map, number, &at, &view))
		settle(emptying, &view);
	if (shard->spare == 0) {
		weir_shm_segment_prepare(map, number);
		shard->spare = number;
	} else {
		weir_shm_segment_free(map, shard, number);
	}
}

/* -- Which one ------------------------------------------------------------------------------------------------------------- */

/* The closed segment with the most dead bytes, if that is enough to be worth it; 0 otherwise. */
static uint32_t most_dead(const struct weir_shm_map *map, const struct weir_shm_chain *chain, uint64_t *least)
{
	uint32_t found = 0, number = chain->head;

	for (uint32_t i = 0; i < map->geometry.segments && weir_shm_is_segment(map, number) && number != chain->tail; i++) {
		const struct weir_shm_segment *segment = weir_shm_segment(map, number);
		uint64_t dead = segment->written - segment->live;

		if (segment->live <= segment->written && dead > *least) {
			*least = dead;
			found = number;
		}
		number = atomic_load_explicit(&segment->next, memory_order_relaxed);
	}
	return found;
}

/* True when the number is that of a segment of this shard in that queue. */
static bool is_in(const struct weir_shm_map *map, const struct weir_shm_shard *shard, uint32_t number, uint32_t queue)
{
	return weir_shm_is_segment(map, number) &&
	       atomic_load_explicit(&map->owners[number - 1], memory_order_relaxed) == weir_shm_shard_number(map, shard) + 1 &&
	       weir_shm_segment(map, number)->queue == queue;
}

bool weir_shm_evict(struct weir_shm_map *map, struct weir_shm_shard *shard, int64_t now_ms, bool force)
{
	struct emptying emptying = { .map = map, .shard = shard, .now_ms = now_ms, .keep_none = force };
	struct weir_shm_chain *small = &shard->queues[WEIR_SHM_SMALL], *main = &shard->queues[WEIR_SHM_MAIN];
	uint64_t dead = weir_shm_segment_size(map) / DEAD_SHARE;
	uint32_t owned = atomic_load_explicit(&shard->segments, memory_order_relaxed);
	uint32_t number = force ? 0 : most_dead(map, small, &dead), other = force ? 0 : most_dead(map, main, &dead);

	emptying.keep_all = number != 0 || other != 0;
	emptying.queue = other != 0 ? WEIR_SHM_MAIN : WEIR_SHM_SMALL;
	if (other != 0)
		number = other;
	if (number == 0) {
		emptying.queue = main->head == 0 || (small->head != 0 && (uint64_t)small->segments * SMALL_SHARE > owned) ? WEIR_SHM_SMALL
															  : WEIR_SHM_MAIN;
		number = shard->queues[emptying.queue].head;
	}
	if (!is_in(map, shard, number, emptying.queue))
		return false;
	give_up(&emptying, number);
	return true;
}

/* -- Segments on demand ---------------------------------------------------------------------------------------------------- */

/* Looks through the shard's next segment for items that have expired. */
static void sweep(struct weir_shm_map *map, struct weir_shm_shard *shard, int64_t now_ms)
{
	uint32_t number = shard->swept, count = map->geometry.segments;
	struct weir_shm_entry entry;
	struct weir_shm_view view;
	uint64_t at;

	for (uint32_t i = 0; i < count; i++) {
		number = number < count ? number + 1 : 1;
		if (is_in(map, shard, number, WEIR_SHM_SMALL) || is_in(map, shard, number, WEIR_SHM_MAIN))
			break;
	}
	shard->swept = number;
	if (!is_in(map, shard, number, WEIR_SHM_SMALL) && !is_in(map, shard, number, WEIR_SHM_MAIN))
		return;
	at = weir_shm_segment(map, number)->first;
	while (next_record(map, number, &at, &view)) {
		if (view.expires_ms > now_ms || !weir_shm_index_find_record(map, weir_shm_key_hash(map, &view), &view, &entry))
			continue;
		weir_shm_tally(&shard->expirations, 1);
		weir_shm_index_drop(map, shard, &entry);
	}
}

/* Others have more than their share, and this one less. */
static bool is_poor(const struct weir_shm_map *map, const struct weir_shm_shard *shard)
{
	uint32_t fair = map->geometry.segments / map->geometry.shards;

	return atomic_load_explicit(&shard->segments, memory_order_relaxed) < fair - fair / 8;
}

uint32_t weir_shm_segment_get(struct weir_shm_map *map, struct weir_shm_shard *shard, int64_t now_ms)
{
	uint32_t number;

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		if (shard->spare == 0)
			shard->spare = weir_shm_segment_claim(map, shard);
		number = weir_shm_segment_claim(map, shard);
		if (number != 0) {
			if (++shard->since_sweep % SWEEP_EVERY == 0)
				sweep(map, shard, now_ms);
			return number;
		}
		if (is_poor(map, shard) || !weir_shm_evict(map, shard, now_ms, attempt >= GENTLE_ATTEMPTS))
			break;
	}
	return 0;
}
