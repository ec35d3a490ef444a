/* SPDX-License-Identifier: Apache-2.0
 *
 * Which values are out of date. All atomic operations here are sequentially consistent: the order of real time is what is judged.
 */
#include "storm/history.h"

#include <stddef.h>
#include <sys/mman.h>

struct storm_history *storm_history_create(void)
{
	void *memory = mmap(NULL, sizeof(struct storm_history), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void storm_history_destroy(struct storm_history *history)
{
	if (history)
		munmap(history, sizeof(*history));
}

static uint64_t tick(struct storm_history *history)
{
	return atomic_fetch_add(&history->clock, 1) + 1;
}

static _Atomic uint64_t *end_of(struct storm_history *history, uint64_t version)
{
	return &history->ends[version % STORM_HISTORY_ENDS];
}

uint64_t storm_history_begin(struct storm_history *history)
{
	uint64_t version = tick(history);

	atomic_store(end_of(history, version), 0);
	return version;
}

void storm_history_end(struct storm_history *history, uint64_t version, unsigned place, bool done)
{
	_Atomic uint64_t *floor = &history->floors[place % STORM_HISTORY_REGISTERS];
	uint64_t before = atomic_load(floor);

	atomic_store(end_of(history, version), tick(history));
	while (done && before < version && !atomic_compare_exchange_weak(floor, &before, version))
		;
}

uint64_t storm_history_floor(struct storm_history *history, unsigned place)
{
	return atomic_load(&history->floors[place % STORM_HISTORY_REGISTERS]);
}

bool storm_history_is_stale(struct storm_history *history, uint64_t version, uint64_t floor)
{
	uint64_t end = atomic_load(end_of(history, version));

	return end != 0 && end < floor && atomic_load(&history->clock) - version < STORM_HISTORY_ENDS / 2;
}
