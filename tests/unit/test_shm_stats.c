/* SPDX-License-Identifier: Apache-2.0
 *
 * What a store tells about itself, and that hits and misses are counted by threads and processes without a common place.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/shm/counters.h"
#include "backends/shm/store.h"

#define NOW 1000
#define READS 100
#define MIB ((uint64_t)1024 * 1024)

static const struct weir_slice there = { "there", 5 }, missing = { "missing", 7 };

static int open_store(void **state)
{
	struct weir_shm_options options = { .size = 2 * MIB };
	char why[200];

	return weir_shm_open(&options, why, sizeof(why), (struct weir_shm **)state) == WEIR_OK ? 0 : -1;
}

static int close_store(void **state)
{
	weir_shm_close(*state);
	return 0;
}

static void store(struct weir_shm *shm, struct weir_slice key, size_t len)
{
	static const char bytes[100000];
	struct weir_shm_item item = { .key = key, .value = weir_slice(bytes, len), .expires_ms = WEIR_SHM_NEVER };

	assert_int_equal(weir_shm_set(shm, &item, NOW), WEIR_OK);
}

static void *read_both(void *shm)
{
	char bytes[64];
	size_t len;

	for (int i = 0; i < READS; i++) {
		(void)!weir_shm_get(shm, there, NOW, weir_shm_buffer(bytes, sizeof(bytes)), &len);
		(void)!weir_shm_get(shm, missing, NOW, weir_shm_buffer(bytes, sizeof(bytes)), &len);
		(void)!weir_shm_get(shm, missing, NOW, weir_shm_buffer(bytes, sizeof(bytes)), &len);
	}
	return NULL;
}

static void assert_reads(struct weir_shm *shm, unsigned times)
{
	struct weir_shm_stats stats;

	weir_shm_stats(shm, &stats);
	assert_int_equal(stats.hits, times * READS);
	assert_int_equal(stats.misses, 2 * times * READS);
}

static void test_shm_stats_count_hits_and_misses(void **state)
{
	store(*state, there, 10);
	assert_reads(*state, 0);
	read_both(*state);
	assert_reads(*state, 1);
}

/* One after the other: no two may lose each other's counts, even on one line. */
static void test_shm_stats_add_up_threads(void **state)
{
	store(*state, there, 10);
	for (unsigned i = 1; i <= 3; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, read_both, *state), 0);
		pthread_join(thread, NULL);
		assert_reads(*state, i);
	}
}

/* A child counts by its own number, not by that of the thread that forked it. */
static void test_shm_stats_add_up_processes(void **state)
{
	int status;
	pid_t pid;

	store(*state, there, 10);
	read_both(*state);
	pid = fork();
	if (pid == 0) {
		bool forgotten = weir_shm_thread == 0;

		read_both(*state);
		_exit(forgotten && weir_shm_thread == (unsigned)getpid() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_reads(*state, 2);
}

static void test_shm_stats_tell_what_is_in_use(void **state)
{
	struct weir_shm *shm = *state;
	const struct weir_shm_geometry *geometry = &atomic_load(&shm->map)->geometry;
	struct weir_shm_stats stats;

	weir_shm_stats(shm, &stats);
	assert_int_equal(stats.size, 2 * MIB);
	assert_int_equal(stats.used_bytes, geometry->data_at);
	assert_int_equal(stats.shards, geometry->shards);
	assert_int_equal(stats.items + stats.live_bytes + stats.sets + stats.resets, 0);
	store(shm, there, 10);
	store(shm, missing, 70000);
	store(shm, there, 20);
	weir_shm_stats(shm, &stats);
	assert_int_equal(stats.items, 2);
	assert_int_equal(stats.sets, 3);
	assert_int_equal(stats.live_bytes, 16 + 5 + 20 + 16 + 7 + 70000);
	assert_true(stats.used_bytes > geometry->data_at + 70000 && stats.used_bytes < stats.size);
	assert_int_equal((stats.used_bytes - geometry->data_at) % ((uint64_t)1 << geometry->segment_shift), 0);
	assert_int_equal(weir_shm_remove(shm, missing, NOW), WEIR_OK);
	weir_shm_stats(shm, &stats);
	assert_int_equal(stats.items, 1);
	assert_int_equal(stats.live_bytes, 16 + 5 + 20);
}

#define STATS(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STATS(test_shm_stats_count_hits_and_misses),
		STATS(test_shm_stats_add_up_threads),
		STATS(test_shm_stats_add_up_processes),
		STATS(test_shm_stats_tell_what_is_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
