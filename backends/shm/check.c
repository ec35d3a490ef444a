/* SPDX-License-Identifier: Apache-2.0
 *
 * Is everything in a store as layout.h says? For tools, and for the tests that kill writers. Queues and segments are here, slots and
 * records in check_items.c.
 */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "index.h"
#include "store.h"

/* For a shard that is locked: about a second. */
#define ENTER_TRIES 100
#define ENTER_PAUSE_NS 10000000

#define WORDS_SIZE 232

static void report(struct weir_shm_check *check, const char *text)
{
	check->faults++;
	if (check->report)
		check->report(check->state, text);
}

void weir_shm_check_fault(struct weir_shm_check *check, const char *format, ...)
{
	char words[WORDS_SIZE], text[WORDS_SIZE + 24];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	(void)snprintf(text, sizeof(text), "shard %u: %s", check->shard, words);
	report(check, text);
}

static unsigned owner_of(const struct weir_shm_map *map, uint32_t number)
{
	return atomic_load_explicit(&map->owners[number - 1], memory_order_relaxed);
}

bool weir_shm_check_owns(const struct weir_shm_check *check, uint32_t number)
{
	return weir_shm_is_segment(check->map, number) && owner_of(check->map, number) == check->shard + 1;
}

static uint32_t next_of(const struct weir_shm_segment *segment)
{
	return atomic_load_explicit(&segment->next, memory_order_relaxed);
}

/* -- Queues ---------------------------------------------------------------------------------------------------------------- */

/* False when it cannot be used as a member of the queue. */
static bool meet(struct weir_shm_check *check, uint32_t queue, uint32_t number, uint32_t previous)
{
	const struct weir_shm_segment *segment;
	uint64_t size = weir_shm_segment_size(check->map);

	if (!weir_shm_check_owns(check, number)) {
		weir_shm_check_fault(check, "queue %u: segment %u behind segment %u is not of this shard", queue, number, previous);
		return false;
	}
	if (check->places[number - 1].where != 0) {
		weir_shm_check_fault(check, "queue %u: segment %u behind segment %u is in a queue already", queue, number, previous);
		return false;
	}
	segment = weir_shm_segment(check->map, number);
	check->places[number - 1].where = queue + 1;
	if (segment->queue != queue)
		weir_shm_check_fault(check, "queue %u: segment %u says that it is in queue %u", queue, number, segment->queue);
	if (segment->previous != previous)
		weir_shm_check_fault(check, "queue %u: segment %u is behind segment %u and says %u", queue, number, previous,
				     segment->previous);
	if (segment->written > size || segment->written % 8 != 0 || segment->first > segment->written || segment->first % 8 != 0)
		weir_shm_check_fault(check, "segment %u: first record at %u, written up to %u", number, segment->first, segment->written);
	return true;
}

static void check_queue(struct weir_shm_check *check, uint32_t queue)
{
	const struct weir_shm_chain *chain = &check->map->shards[check->shard].queues[queue];
	uint32_t previous = 0, number = chain->head, count = 0;

	for (; number != 0 && meet(check, queue, number, previous); count++) {
		previous = number;
		number = next_of(weir_shm_segment(check->map, number));
	}
	if (number == 0 && chain->tail != previous)
		weir_shm_check_fault(check, "queue %u: its tail is segment %u and it ends with %u", queue, chain->tail, previous);
	check->extents[queue] = count; /* those of its records come on top */
}

static void check_spare(struct weir_shm_check *check)
{
	uint32_t number = check->map->shards[check->shard].spare;

	if (number == 0)
		return;
	if (!weir_shm_check_owns(check, number) || check->places[number - 1].where != 0) {
		weir_shm_check_fault(check, "the spare segment %u is in use or not of this shard", number);
		return;
	}
	check->places[number - 1].where = WEIR_SHM_SPARE + 1;
	if (weir_shm_segment(check->map, number)->queue != WEIR_SHM_SPARE)
		weir_shm_check_fault(check, "segment %u is the spare one and says that it is in queue %u", number,
				     weir_shm_segment(check->map, number)->queue);
}

/* -- Segments -------------------------------------------------------------------------------------------------------------- */

/* Records lie one behind the other from `first` on: that is how a segment is emptied. The number of those that slots point to. */
static uint64_t check_records(struct weir_shm_check *check, uint32_t number)
{
	const struct weir_shm_segment *segment = weir_shm_segment(check->map, number);
	uint64_t size = weir_shm_segment_size(check->map), begin = (uint64_t)(number - 1) * size, at = segment->first, last = at, live = 0;
	struct weir_shm_entry entry;
	struct weir_shm_view view;

	if (segment->written > size || at % 8 != 0)
		return 0;
	for (; at < segment->written; at += view.size) {
		if (!weir_shm_view_read(check->map, begin + at, &view)) {
			weir_shm_check_fault(check, "segment %u: no record at %llu", number, (unsigned long long)at);
			return live;
		}
		last = at;
		live += weir_shm_index_find_record(check->map, weir_shm_key_hash(check->map, &view), &view, &entry);
	}
	if (at != segment->written && (at < size || segment->written != size))
		weir_shm_check_fault(check, "segment %u: the last record, at %llu, ends at %llu; written up to %u", number,
				     (unsigned long long)last, (unsigned long long)at, segment->written);
	if (segment->first < segment->written && segment->last != last)
		weir_shm_check_fault(check, "segment %u: the last record is at %llu and not at %u", number, (unsigned long long)last,
				     segment->last);
	return live;
}

/* The number of live records that begin in it. */
static uint64_t check_segment(struct weir_shm_check *check, uint32_t number)
{
	const struct weir_shm_place *place = &check->places[number - 1];
	const struct weir_shm_segment *segment = weir_shm_segment(check->map, number);

	if (place->where == 0)
		weir_shm_check_fault(check, "segment %u belongs to the shard and is in use nowhere", number);
	if (place->where == 0 || place->where > WEIR_SHM_QUEUES)
		return 0;
	if (place->live != segment->live)
		weir_shm_check_fault(check, "segment %u: %u bytes are live, counted are %u", number, place->live, segment->live);
	return check_records(check, number);
}

static void check_segments(struct weir_shm_check *check)
{
	uint32_t owned = 0, counted = atomic_load_explicit(&check->map->shards[check->shard].segments, memory_order_relaxed);
	uint64_t live = 0;

	for (uint32_t number = 1; number <= check->map->geometry.segments; number++) {
		if (!weir_shm_check_owns(check, number))
			continue;
		owned++;
		live += check_segment(check, number);
		check->places[number - 1] = (struct weir_shm_place){ 0 };
	}
	if (owned != counted)
		weir_shm_check_fault(check, "%u segments belong to the shard, counted are %u", owned, counted);
	if (live != check->items)
		weir_shm_check_fault(check, "slots point to %llu records, of which %llu are where a record begins",
				     (unsigned long long)check->items, (unsigned long long)live);
}

/* -- Shards ---------------------------------------------------------------------------------------------------------------- */

static void check_total(struct weir_shm_check *check, const char *what, const _Atomic uint64_t *counted, uint64_t found)
{
	uint64_t number = atomic_load_explicit(counted, memory_order_relaxed);

	if (number != found)
		weir_shm_check_fault(check, "%llu %s, counted are %llu", (unsigned long long)found, what, (unsigned long long)number);
}

/* With the shard's lock. */
static void check_shard(struct weir_shm_check *check)
{
	const struct weir_shm_shard *shard = &check->map->shards[check->shard];

	check->items = check->live_bytes = 0;
	for (uint32_t queue = 0; queue < WEIR_SHM_QUEUES; queue++)
		check_queue(check, queue);
	check_spare(check);
	weir_shm_check_items(check);
	for (uint32_t queue = 0; queue < WEIR_SHM_QUEUES; queue++)
		if (shard->queues[queue].segments != check->extents[queue])
			weir_shm_check_fault(check, "queue %u has %u segments, counted are %u", queue, check->extents[queue],
					     shard->queues[queue].segments);
	check_segments(check);
	check_total(check, "items", &shard->items, check->items);
	check_total(check, "live bytes", &shard->live_bytes, check->live_bytes);
}

static bool enter(struct weir_shm_check *check)
{
	for (int i = 0; i < ENTER_TRIES && weir_shm_is_current(check->map); i++) {
		if (weir_shm_enter(check->shm, check->map, check->shard))
			return true;
		(void)nanosleep(&(struct timespec){ .tv_nsec = ENTER_PAUSE_NS }, NULL);
	}
	return false;
}

static void check_shards(struct weir_shm_check *check)
{
	for (check->shard = 0; check->shard < check->map->geometry.shards; check->shard++) {
		if (enter(check)) {
			check_shard(check);
			weir_shm_leave(check->map, check->shard);
		} else {
			weir_shm_check_fault(check, "locked for too long, and not checked");
		}
	}
}

static void check_owners(struct weir_shm_check *check)
{
	char text[WORDS_SIZE];

	for (uint32_t number = 1; number <= check->map->geometry.segments; number++) {
		if (owner_of(check->map, number) <= check->map->geometry.shards)
			continue;
		(void)snprintf(text, sizeof(text), "segment %u: there is no shard %u", number, owner_of(check->map, number) - 1);
		report(check, text);
	}
}

size_t weir_shm_check(struct weir_shm *shm, weir_shm_fault_fn report_fault, void *state)
{
	struct weir_shm_check check = { .shm = shm, .map = weir_shm_current(shm), .report = report_fault, .state = state };

	check.places = calloc(check.map->geometry.segments, sizeof(*check.places));
	check.key = malloc(WEIR_SHM_KEY_MAX);
	if (check.places && check.key) {
		check_shards(&check);
		check_owners(&check);
	} else {
		report(&check, "not checked: out of memory");
	}
	free(check.places);
	free(check.key);
	return check.faults;
}
