/* SPDX-License-Identifier: Apache-2.0
 *
 * A worker: it does all that can be done with a store, in random order, and knows of everything that it reads whether it may be.
 */
#include <stdio.h>

#include "storm/storm.h"

#define LEASE_MS 60000

static int64_t wall_ms(void)
{
	return weir_clock_wall_ms(weir_clock_system());
}

uint64_t storm_wrong(const struct storm *storm)
{
	uint64_t wrong = 0;

	for (unsigned what = STORM_BAD_READS; what < STORM_COUNTS; what++)
		wrong += storm_count(storm, what);
	return wrong;
}

static void wrong(struct storm_work *work, enum storm_count what)
{
	storm_note(work->storm, what);
}

/* -- Registers: keys, and the names that clear them ------------------------------------------------------------------------ */

static unsigned name_of(const struct storm_work *work)
{
	return work->key % STORM_NAMES;
}

static struct weir_slice name_slice(unsigned name)
{
	static const char names[STORM_NAMES] = "abcdefgh";

	return weir_slice(&names[name], 1);
}

/* Where a name's clears are in the history; keys are where their number says. */
static unsigned name_place(unsigned name)
{
	return STORM_HISTORY_REGISTERS - 1 - name;
}

static uint64_t floor_of(struct storm_work *work)
{
	uint64_t key = storm_history_floor(work->storm->history, work->key);
	uint64_t name = storm_history_floor(work->storm->history, name_place(name_of(work)));

	return key > name ? key : name;
}

/* Half of all operations meet on a few keys. Their names have some length, so that keys straddle too. */
static void choose_key(struct storm_work *work)
{
	uint64_t drawn = storm_draw(&work->seed);
	int len;

	work->key = (unsigned)((drawn >> 1) % (drawn & 1 ? 32 : work->storm->profile->keys));
	len = snprintf(work->name, sizeof(work->name), "%c:%0*u", 'a' + (int)name_of(work), 1 + (int)work->key % 20, work->key);
	work->slice = weir_slice(work->name, (size_t)len);
}

/* -- Operations ------------------------------------------------------------------------------------------------------------ */

static void get(struct storm_work *work)
{
	uint64_t floor = floor_of(work);
	int64_t now_ms = wall_ms();
	struct storm_value value;
	size_t len;
	enum weir_status status = weir_shm_get(work->storm->shm, work->slice, now_ms, weir_shm_buffer(work->read, STORM_VALUE_MAX), &len);

	if (status == WEIR_MISS)
		return;
	if (status != WEIR_OK)
		wrong(work, STORM_ODD_STATUSES);
	else if (!storm_value_read(work->read, len, work->key, &value))
		wrong(work, STORM_BAD_READS);
	else if (value.expires_ms <= now_ms)
		wrong(work, STORM_STALE_READS);
	else if (weir_shm_cell(work->storm->shm, name_slice(name_of(work))) <= value.stamp &&
		 storm_history_is_stale(work->storm->history, value.version, floor))
		wrong(work, STORM_STALE_READS);
	storm_note(work->storm, STORM_HITS);
}

static size_t choose_len(struct storm_work *work)
{
	const struct storm_profile *profile = work->storm->profile;
	uint64_t drawn = storm_draw(&work->seed);
	uint32_t most = drawn % 16 ? profile->value_max : profile->large_value_max;

	return STORM_VALUE_MIN + (profile->fixed ? work->key * 41 % profile->value_max : (drawn >> 8) % most);
}

typedef enum weir_status (*store_fn)(struct weir_shm *shm, const struct weir_shm_item *item, int64_t now_ms);

static void store(struct storm_work *work, store_fn function)
{
	int64_t now_ms = wall_ms();
	uint64_t drawn = storm_draw(&work->seed);
	struct storm_value value = { .key = work->key, .len = choose_len(work), .expires_ms = WEIR_SHM_NEVER };
	struct weir_shm_item item = { .key = work->slice };
	enum weir_status status;

	if (drawn % 4 == 0)
		value.expires_ms = now_ms + (int64_t)(drawn >> 8) % 50;
	value.version = storm_history_begin(work->storm->history);
	value.stamp = weir_shm_clock(work->storm->shm);
	storm_value_write(work->written, &value);
	item.value = weir_slice(work->written, value.len);
	item.expires_ms = value.expires_ms;
	status = function(work->storm->shm, &item, now_ms);
	storm_history_end(work->storm->history, value.version, work->key, status == WEIR_OK || status == WEIR_ERR_LIMIT);
	if (status == WEIR_ERR_TIMEOUT)
		storm_note(work->storm, STORM_TIMEOUTS);
	else if (status != WEIR_OK && status != WEIR_ERR_LIMIT && !(status == WEIR_BUSY && function == weir_shm_add))
		wrong(work, STORM_ODD_STATUSES);
}

static void remove_key(struct storm_work *work)
{
	uint64_t version = storm_history_begin(work->storm->history);
	enum weir_status status = weir_shm_remove(work->storm->shm, work->slice, wall_ms());

	storm_history_end(work->storm->history, version, work->key, status == WEIR_OK || status == WEIR_MISS);
	if (status == WEIR_ERR_TIMEOUT)
		storm_note(work->storm, STORM_TIMEOUTS);
	else if (status != WEIR_OK && status != WEIR_MISS)
		wrong(work, STORM_ODD_STATUSES);
}

static void clear(struct storm_work *work)
{
	unsigned name = name_of(work);
	uint64_t version = storm_history_begin(work->storm->history);
	uint64_t stamp = weir_shm_clear(work->storm->shm, name_slice(name));

	storm_history_end(work->storm->history, version, name_place(name), true);
	if (weir_shm_cell(work->storm->shm, name_slice(name)) < stamp)
		wrong(work, STORM_LOST_CLEARS);
}

/* While this process lives nobody else gets the lease, nor is it lost: its time is much longer than any stop. */
static void lease(struct storm_work *work)
{
	unsigned number = work->key % STORM_LEASES;
	struct weir_slice name = weir_slice(&number, sizeof(number));
	uint64_t me = atomic_load(&work->self->life), holder = me;
	enum weir_status status = weir_shm_lease(work->storm->shm, name, me, storm_now_ms(), LEASE_MS);

	if (status != WEIR_OK) {
		if (status != WEIR_BUSY && status != WEIR_ERR_TIMEOUT)
			wrong(work, STORM_ODD_STATUSES);
		return;
	}
	atomic_store(&work->storm->shared->holders[number], me);
	if (weir_shm_renew(work->storm->shm, name, me, storm_now_ms(), LEASE_MS) == WEIR_MISS)
		wrong(work, STORM_SHARED_LEASES);
	if (!atomic_compare_exchange_strong(&work->storm->shared->holders[number], &holder, 0))
		wrong(work, STORM_SHARED_LEASES);
	if (weir_shm_release(work->storm->shm, name, me, storm_now_ms()) == WEIR_MISS)
		wrong(work, STORM_SHARED_LEASES);
}

bool storm_visit(void *state, const struct weir_shm_seen *seen)
{
	struct storm *storm = state;
	struct storm_value value;
	uint64_t key;

	if (weir_slice_to_u64(weir_slice_from(seen->item.key, 2), UINT64_MAX, &key) != WEIR_OK ||
	    !storm_value_read(seen->item.value.data, seen->item.value.len, key, &value) || value.expires_ms != seen->item.expires_ms)
		storm_note(storm, STORM_BAD_READS);
	return true;
}

static void walk(struct storm_work *work)
{
	struct weir_shm_stats stats;

	if (weir_shm_walk(work->storm->shm, weir_slice(work->name, 3), wall_ms(), storm_visit, work->storm) != WEIR_OK)
		wrong(work, STORM_ODD_STATUSES);
	weir_shm_stats(work->storm->shm, &stats);
	if (stats.used_bytes > stats.size)
		wrong(work, STORM_ODD_STATUSES);
}

/* -- The whole of it ------------------------------------------------------------------------------------------------------- */

void storm_step(struct storm_work *work)
{
	uint64_t drawn = storm_draw(&work->seed) % 4096;

	choose_key(work);
	if (drawn < 1792)
		get(work);
	else if (drawn < 3584)
		store(work, weir_shm_set);
	else if (drawn < 3700)
		store(work, weir_shm_add);
	else if (drawn < 4040)
		remove_key(work);
	else if (drawn < 4080)
		lease(work);
	else if (drawn < 4094)
		clear(work);
	else
		walk(work);
}
