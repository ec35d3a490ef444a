/* SPDX-License-Identifier: Apache-2.0
 *
 * What does not grow with the store, or hardly: a clear; the first set in a shard whose last writer was killed with the lock in its hand; a
 * lease whose holder was killed.
 *
 *     store_faults
 *
 * Prints JSON: nanoseconds of a clear in a store of a few items and in a full one of the size that stores have; of the set after a death,
 * for all shards the median and the most; and the time from kill(2) until the dead holder's lease was another's.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/shm/hash.h"
#include "backends/shm/store.h"
#include "store_load.h"

#define NOW_MS 1000 /* nothing expires */
#define CLEARS 20000U
#define NAMES 64U /* in use at a time: those of one program */
#define LEASE_TTL_MS 3600000
#define LEASE_TRIES 10000

static struct weir_shm *open_store(uint64_t size)
{
	const struct weir_shm_options options = { .size = size, .entry_size = STORE_KEY_LEN + STORE_VALUE_SIZE };
	char why[256] = "";
	struct weir_shm *shm;

	store_need(weir_shm_open(&options, why, sizeof(why), &shm) == WEIR_OK, why);
	return shm;
}

static enum weir_status set(struct weir_shm *shm, const struct store_load *load, uint32_t key)
{
	const struct weir_shm_item item = { weir_slice(load->keys[key], STORE_KEY_LEN), weir_slice(load->value, STORE_VALUE_SIZE),
					    WEIR_SHM_NEVER };

	return weir_shm_set(shm, &item, NOW_MS);
}

static void fill(struct weir_shm *shm, const struct store_load *load)
{
	for (uint32_t key = 0; key < STORE_KEYS; key++)
		store_need(set(shm, load, key) == WEIR_OK, "a value was not taken");
}

static void step_clear(void *side, const struct store_load *load, uint32_t key)
{
	weir_shm_clear(side, weir_slice(load->keys[key], STORE_KEY_LEN));
}

/* Takes the lock of a shard and dies. */
static void die_in(struct weir_shm *shm, uint32_t shard)
{
	const pid_t pid = fork();
	int status;

	store_need(pid >= 0, "no process");
	if (pid == 0) {
		if (weir_shm_enter(shm, weir_shm_current(shm), shard))
			raise(SIGKILL);
		_exit(1);
	}
	store_need(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "the writer did not get the lock");
}

/* Any key of that shard. */
static uint32_t find_key(struct weir_shm *shm, const struct store_load *load, uint32_t shard)
{
	struct weir_shm_map *map = weir_shm_current(shm);
	uint32_t key = 0;

	while (weir_shm_shard_of(map, weir_shm_hash(map, weir_slice(load->keys[key], STORE_KEY_LEN))) != shard)
		key++;
	return key;
}

static void print_resets(struct weir_shm *shm, const struct store_load *load)
{
	const uint32_t shards = weir_shm_current(shm)->geometry.shards;
	struct weir_shm_stats stats;
	double took[4096];

	store_need(shards <= 4096, "more shards than expected");
	for (uint32_t shard = 0; shard < shards; shard++) {
		const uint32_t key = find_key(shm, load, shard);

		die_in(shm, shard);
		const int64_t begin = store_now_ns();
		const enum weir_status status = set(shm, load, key);

		took[shard] = (double)(store_now_ns() - begin);
		store_need(status == WEIR_OK, "a value was not taken after a writer's death");
	}
	weir_shm_stats(shm, &stats);
	store_need(stats.resets == shards, "not every shard was reset");
	printf("\"reset_ns\": %.0f, ", store_median(took, shards));
	printf("\"slowest_reset_ns\": %.0f, ", took[shards - 1]); /* sorted by now */
}

/* Takes the lease and waits for its end; returns when it has it. */
static pid_t start_holder(struct weir_shm *shm, struct weir_slice key)
{
	int ends[2];
	char byte;
	pid_t pid;

	store_need(pipe(ends) == 0, "no pipe");
	pid = fork();
	store_need(pid >= 0, "no process");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (weir_shm_lease(shm, key, 1, 0, LEASE_TTL_MS) == WEIR_OK && write(ends[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(ends[1]);
	store_need(read(ends[0], &byte, 1) == 1, "the holder did not get the lease");
	close(ends[0]);
	return pid;
}

/* The dead holder's parent has not noticed yet, as a busy one would not. */
static void print_lease(struct weir_shm *shm)
{
	const struct weir_slice key = WEIR_SLICE_LITERAL("page:/leased");
	const pid_t holder = start_holder(shm, key);
	enum weir_status status = weir_shm_lease(shm, key, 2, 0, LEASE_TTL_MS);
	int64_t begin;

	store_need(status == WEIR_BUSY, "the lease of a living holder was given to another");
	begin = store_now_ns();
	kill(holder, SIGKILL);
	for (int i = 0; i < LEASE_TRIES && status == WEIR_BUSY; i++) {
		usleep(100);
		status = weir_shm_lease(shm, key, 2, 0, LEASE_TTL_MS);
	}
	const double took = (double)(store_now_ns() - begin);

	waitpid(holder, NULL, 0);
	store_need(status == WEIR_OK, "the lease of a dead holder was not released");
	printf("\"lease_ns\": %.0f}\n", took);
}

int main(void)
{
	const struct store_load *load = store_load_make();
	struct weir_shm *small = open_store(WEIR_SHM_SIZE_MIN), *full = open_store(WEIR_SHM_SIZE_DEFAULT);

	fill(full, load);
	printf("{\"small_clear_ns\": %.2f, ", store_time(step_clear, small, load, NAMES, CLEARS));
	printf("\"full_clear_ns\": %.2f, ", store_time(step_clear, full, load, NAMES, CLEARS));
	print_resets(full, load);
	print_lease(full);
	weir_shm_close(small);
	weir_shm_close(full);
	return 0;
}
