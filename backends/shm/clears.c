/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of clear cells, without locks. What follows is why a reader misses no clear that has ended.
 *
 * A place of a set only ever changes by compare-and-swap, either to a later count of the same tag, or to another tag after the floor was
 * seen to be, or made, at least the count that is lost. The floor never sinks. So a reader looks at the places first and at the floor last:
 * the place where the clear was still has it, or it had gone when the reader looked there, and then the floor was up before the place
 * changed hands, which the reader, having seen the latter (acquire), sees too. The other way round, both could happen in between.
 *
 * Two clears of one tag at the same time may take two places. Nothing hangs on there being one: a reader takes the latest of them, and of
 * two the older is forgotten first. No place ever holds the same value twice, since no two clears have the same count.
 *
 * A count that does not fit 40 bits carries over into the epoch, which ends the life of every entry; after that cells are later than
 * the clock, and names that share a set with one of them count as just cleared for ever.
 */
#include "clears.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define COUNT_BITS 40
#define COUNT_MASK ((UINT64_C(1) << COUNT_BITS) - 1)
#define NAME_SEED UINT64_C(0x636c656172) /* a name is not hashed as a key is, which might be the same bytes */

struct place {
	struct weir_shm_clear_set *set;
	uint64_t tag; /* in the upper bits, where a cell has it */
};

static struct place find(const struct weir_shm_map *map, struct weir_slice name)
{
	uint64_t hash = XXH3_64bits_withSeed(name.data, name.len, map->seed ^ NAME_SEED);
	struct weir_shm_clear_set *sets = (struct weir_shm_clear_set *)(void *)(map->base + map->geometry.clears_at);

	return (struct place){ &sets[hash & (map->geometry.clear_sets - 1)], hash & ~COUNT_MASK };
}

/* Of a cell, and of a floor, whose upper bits are 0 unless they were scribbled over. */
static uint64_t count_of(uint64_t cell)
{
	return cell & COUNT_MASK;
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t weir_shm_clears_clock(const struct weir_shm_map *map)
{
	return atomic_load_explicit(&map->header->clock, memory_order_acquire);
}

uint64_t weir_shm_clears_cell(const struct weir_shm_map *map, struct weir_slice name)
{
	struct place place = find(map, name);
	uint64_t count = 0;

	for (int i = 0; i < WEIR_SHM_CLEAR_CELLS; i++) {
		uint64_t cell = atomic_load_explicit(&place.set->cells[i], memory_order_acquire);

		if ((cell & ~COUNT_MASK) == place.tag)
			count = later(count, count_of(cell));
	}
	count = later(count, count_of(atomic_load_explicit(&place.set->floor, memory_order_acquire)));
	return count ? (weir_shm_clears_clock(map) & ~COUNT_MASK) | count : 0;
}

static void raise_floor(struct weir_shm_clear_set *set, uint64_t count)
{
	uint64_t floor = atomic_load_explicit(&set->floor, memory_order_relaxed);

	while (count_of(floor) < count &&
	       !atomic_compare_exchange_weak_explicit(&set->floor, &floor, count, memory_order_acq_rel, memory_order_relaxed))
		continue;
}

/* The cell to write `tag` to: its own, else one that tells nothing, else the oldest. */
static _Atomic uint64_t *choose(struct weir_shm_clear_set *set, uint64_t tag, uint64_t *chosen)
{
	_Atomic uint64_t *oldest = &set->cells[0];

	*chosen = atomic_load_explicit(oldest, memory_order_acquire);
	for (int i = 0; i < WEIR_SHM_CLEAR_CELLS; i++) {
		uint64_t cell = atomic_load_explicit(&set->cells[i], memory_order_acquire);
		bool own = (cell & ~COUNT_MASK) == tag && cell != 0;

		if (own || count_of(cell) < count_of(*chosen)) {
			oldest = &set->cells[i];
			*chosen = cell;
		}
		if (own)
			break;
	}
	return oldest;
}

/* One attempt to have the set tell of the clear; false when a cell changed under it. */
static bool remember(struct place place, uint64_t count)
{
	uint64_t cell;
	_Atomic uint64_t *home = choose(place.set, place.tag, &cell);

	if (count_of(atomic_load_explicit(&place.set->floor, memory_order_acquire)) >= count)
		return true;
	if ((cell & ~COUNT_MASK) == place.tag && count_of(cell) >= count)
		return true;
	if ((cell & ~COUNT_MASK) != place.tag)
		raise_floor(place.set, count_of(cell) < count ? count_of(cell) : count);
	if (count_of(cell) >= count)
		return true; /* all of the others are later: this one is the oldest, and is forgotten itself */
	return atomic_compare_exchange_strong_explicit(home, &cell, place.tag | count, memory_order_acq_rel, memory_order_relaxed);
}

/* The clock goes first, so that who reads it after this clear began, and works with what it found then, is right to keep its result. */
uint64_t weir_shm_clears_add(const struct weir_shm_map *map, struct weir_slice name)
{
	struct place place = find(map, name);
	uint64_t clock = atomic_fetch_add_explicit(&map->header->clock, 1, memory_order_acq_rel) + 1;

	while (!remember(place, count_of(clock)))
		continue;
	return clock;
}
