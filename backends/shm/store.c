/* SPDX-License-Identifier: Apache-2.0
 *
 * An open store: making the handle, entering a shard, moving to the store that has taken this one's place, and what is only a few lines
 * over clears.h and leases.h.
 */
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clears.h"
#include "file.h"
#include "hash.h"
#include "index.h"
#include "leases.h"
#include "lock.h"
#include "log.h"
#include "points.h"

#define SUFFIX ".weir1" /* WEIR_SHM_LAYOUT */

/* After a wait in vain nobody waits for that lock for so long. */
#define IMPATIENCE_MS 1000

/* Between two attempts to move to a new store, when it cannot be made. */
#define MOVE_EVERY_MS 1000

static int64_t monotonic_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

/* -- Opening --------------------------------------------------------------------------------------------------------------- */

static enum weir_status set_up(struct weir_shm *shm, const struct weir_shm_options *options, const struct weir_shm_why *why)
{
	size_t len = options->path ? strlen(options->path) + sizeof(SUFFIX) : 0;
	struct weir_shm_map *map = NULL;
	enum weir_status status;

	shm->options = *options;
	shm->options.path = NULL;
	shm->options.size = options->size ? options->size : WEIR_SHM_SIZE_DEFAULT;
	shm->options.entry_size = options->entry_size ? options->entry_size : 1024;
	if (options->path) {
		shm->path = malloc(len);
		if (!shm->path)
			return WEIR_ERR_MEMORY;
		(void)snprintf(shm->path, len, "%s" SUFFIX, options->path);
	}
	status = weir_shm_file_map(shm->path, &shm->options, why, &map);
	atomic_init(&shm->map, map);
	return status;
}

enum weir_status weir_shm_open(const struct weir_shm_options *options, char *why, size_t why_size, struct weir_shm **shm)
{
	struct weir_shm_why reason = { .text = why, .size = why_size };
	struct weir_shm *made;
	enum weir_status status;

	if (!weir_shm_lock_supported()) {
		(void)snprintf(why, why_size, "shared memory: the kernel has no robust futexes");
		return WEIR_ERR_UNSUPPORTED;
	}
	made = calloc(1, sizeof(*made));
	status = made ? set_up(made, options, &reason) : WEIR_ERR_MEMORY;
	if (status == WEIR_OK) {
		*shm = made;
		return WEIR_OK;
	}
	if (status == WEIR_ERR_MEMORY)
		(void)snprintf(why, why_size, "shared memory: out of memory");
	if (made)
		free(made->path);
	free(made);
	return status;
}

void weir_shm_close(struct weir_shm *shm)
{
	struct weir_shm_map *map = shm ? atomic_load(&shm->map) : NULL, *older;

	if (!shm)
		return;
	for (; map; map = older) {
		older = map->older;
		weir_shm_file_unmap(map);
	}
	free(shm->path);
	free(shm);
}

/* -- Moving ---------------------------------------------------------------------------------------------------------------- */

static void replace(struct weir_shm *shm, struct weir_shm_map *from)
{
	char text[256];
	struct weir_shm_why why = { .text = text, .size = sizeof(text) };
	struct weir_shm_map *map;

	if (weir_shm_file_map_within(shm->path, &shm->options, 0, &why, &map) == WEIR_OK) {
		map->older = from;
		atomic_store_explicit(&shm->map, map, memory_order_release);
		weir_log_warn(shm->options.log, "shared memory: %s was replaced, going on with the new one", shm->path);
		return;
	}
	shm->move_again_ms = monotonic_ms() + MOVE_EVERY_MS;
	weir_log_warn(shm->options.log, "shared memory: %s was replaced, and the new one cannot be used: %s", shm->path, text);
}

/* Not under a mutex: nobody waits for the mover, and a child that was forked meanwhile, without it, becomes one itself. */
struct weir_shm_map *weir_shm_move(struct weir_shm *shm)
{
	int32_t mover = atomic_load_explicit(&shm->mover, memory_order_relaxed), self = getpid();
	struct weir_shm_map *map;

	if (mover != self && atomic_compare_exchange_strong(&shm->mover, &mover, self)) {
		map = atomic_load_explicit(&shm->map, memory_order_acquire);
		if (shm->path && !weir_shm_is_current(map) && monotonic_ms() >= shm->move_again_ms)
			replace(shm, map);
		atomic_store_explicit(&shm->mover, 0, memory_order_release);
	}
	return atomic_load_explicit(&shm->map, memory_order_acquire);
}

void weir_shm_refresh(struct weir_shm *shm)
{
	struct weir_shm_map *map = weir_shm_current(shm);

	if (!shm->path || !weir_shm_file_is_gone(map, shm->path))
		return;
	atomic_store_explicit(&map->header->superseded, 1, memory_order_relaxed); /* for all who have it */
	(void)weir_shm_current(shm);
}

/* -- Entering a shard ------------------------------------------------------------------------------------------------------ */

/* Whatever state the shard is in, it is empty afterwards. Dying on the way leaves it to the next. Its leases stay: they are whole. */
static void reset(struct weir_shm_map *map, uint32_t number)
{
	struct weir_shm_shard *shard = &map->shards[number];

	WEIR_SHM_POINT("reset begins");
	weir_shm_index_wipe(map, number);
	WEIR_SHM_POINT("reset wiped index");
	weir_shm_log_wipe(map, shard);
	weir_shm_tally(&shard->items, 0 - atomic_load_explicit(&shard->items, memory_order_relaxed));
	weir_shm_tally(&shard->live_bytes, 0 - atomic_load_explicit(&shard->live_bytes, memory_order_relaxed));
	weir_shm_tally(&shard->resets, 1);
	WEIR_SHM_POINT("reset ends");
}

static bool enter(struct weir_shm_map *map, uint32_t shard, int wait_ms)
{
	enum weir_shm_locked locked = weir_shm_lock_take(&map->shards[shard].lock, wait_ms);

	weir_shm_fence_release(); /* versions that earlier holders have raised come before what this one writes */
	if (locked == WEIR_SHM_LOCKED_DEAD && !WEIR_SHM_PLANTED(WEIR_SHM_NO_RESET))
		reset(map, shard);
	return locked != WEIR_SHM_NOT_LOCKED;
}

bool weir_shm_enter_now(struct weir_shm_map *map, uint32_t shard)
{
	return enter(map, shard, 0);
}

bool weir_shm_enter(struct weir_shm *shm, struct weir_shm_map *map, uint32_t shard)
{
	int64_t impatient_until_ms = atomic_load_explicit(&shm->impatient_until_ms[shard], memory_order_relaxed);

	if (!weir_shm_is_current(map))
		return false;
	if (!enter(map, shard, 0)) {
		if (monotonic_ms() < impatient_until_ms)
			return false;
		if (!enter(map, shard, WEIR_SHM_LOCK_WAIT_MS)) {
			atomic_store_explicit(&shm->impatient_until_ms[shard], monotonic_ms() + IMPATIENCE_MS, memory_order_relaxed);
			return false;
		}
	}
	if (impatient_until_ms != 0)
		atomic_store_explicit(&shm->impatient_until_ms[shard], 0, memory_order_relaxed);
	return true;
}

void weir_shm_leave(struct weir_shm_map *map, uint32_t shard)
{
	weir_shm_lock_release(&map->shards[shard].lock);
}

/* -- The clear clock ------------------------------------------------------------------------------------------------------- */

uint64_t weir_shm_clock(struct weir_shm *shm)
{
	return weir_shm_clears_clock(weir_shm_current(shm));
}

uint64_t weir_shm_cell(struct weir_shm *shm, struct weir_slice name)
{
	return weir_shm_clears_cell(weir_shm_current(shm), name);
}

uint64_t weir_shm_clear(struct weir_shm *shm, struct weir_slice name)
{
	struct weir_shm_map *map = weir_shm_current(shm);

	return weir_shm_is_current(map) ? weir_shm_clears_add(map, name) : 0;
}

/* -- Leases ---------------------------------------------------------------------------------------------------------------- */

typedef enum weir_status (*lease_fn)(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms, int64_t ttl_ms);

struct lease_change {
	lease_fn change;
	uint64_t token;
	int64_t now_ms;
	int64_t ttl_ms;
};

static enum weir_status change_lease(struct weir_shm *shm, struct weir_slice key, const struct lease_change *change)
{
	struct weir_shm_map *map = weir_shm_current(shm);
	void *leases = map->base + map->geometry.leases_at;
	uint64_t hash;
	uint32_t shard;
	enum weir_status status;

	if (key.len == 0 || key.len > WEIR_SHM_KEY_MAX)
		return WEIR_ERR_LIMIT;
	hash = weir_shm_hash(map, key);
	shard = weir_shm_shard_of(map, hash);
	if (!weir_shm_enter(shm, map, shard))
		return WEIR_ERR_TIMEOUT;
	status = change->change((struct weir_shm_lease *)leases + (size_t)shard * WEIR_SHM_LEASES, hash, change->token, change->now_ms,
				change->ttl_ms);
	weir_shm_leave(map, shard);
	return status;
}

static enum weir_status release(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms, int64_t ttl_ms)
{
	(void)ttl_ms;
	return weir_shm_leases_release(leases, hash, token, now_ms);
}

enum weir_status weir_shm_lease(struct weir_shm *shm, struct weir_slice key, uint64_t token, int64_t now_ms, int64_t ttl_ms)
{
	return change_lease(shm, key, &(struct lease_change){ weir_shm_leases_take, token, now_ms, ttl_ms });
}

enum weir_status weir_shm_renew(struct weir_shm *shm, struct weir_slice key, uint64_t token, int64_t now_ms, int64_t ttl_ms)
{
	return change_lease(shm, key, &(struct lease_change){ weir_shm_leases_renew, token, now_ms, ttl_ms });
}

enum weir_status weir_shm_release(struct weir_shm *shm, struct weir_slice key, uint64_t token, int64_t now_ms)
{
	return change_lease(shm, key, &(struct lease_change){ release, token, now_ms, 0 });
}
