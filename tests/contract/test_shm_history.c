/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store is for: a value may be lost, but an older one than the last that was set, removed or cleared never comes back, and nobody
 * reads what nobody wrote. Threads, and processes, work on the same few keys, overwrite in place, evict and let expire; each of them judges
 * what it reads (tests/storm/work.c).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/shm/copy.h"
#include "storm/storm.h"

#define WORKERS 3

/* Under ThreadSanitizer every shared byte is copied by itself. */
#ifdef WEIR_SHM_TSAN
#define STEPS 3000
#else
#define STEPS 150000
#endif

#define MIB ((uint64_t)1024 * 1024)

/* Sizes are small, so that it is the store's work that takes the time. */
static const struct storm_profile in_place = { .size = MIB, .entry_size = 1024, .keys = 64, .fixed = true, .value_max = 400 };
static const struct storm_profile evicting = { .size = MIB, .entry_size = 1024, .keys = 2000, .value_max = 2000, .large_value_max = 40000 };
static const struct storm_profile sharded = {
	.size = 8 * MIB, .entry_size = 4096, .keys = 900, .value_max = 9000, .large_value_max = 90000
};

static void run_worker(struct storm *storm, unsigned worker)
{
	struct storm_work work = { .storm = storm, .self = &storm->shared->workers[worker], .seed = storm->seed + worker };

	work.written = malloc(STORM_VALUE_MAX);
	work.read = malloc(STORM_VALUE_MAX);
	for (int i = 0; i < STEPS && work.written && work.read; i++) {
		storm_step(&work);
		storm_note(storm, STORM_OPERATIONS);
	}
	free(work.written);
	free(work.read);
}

struct thread {
	struct storm *storm;
	unsigned worker;
};

static void *run_thread(void *state)
{
	const struct thread *thread = state;

	run_worker(thread->storm, thread->worker);
	return NULL;
}

static void run_threads(struct storm *storm)
{
	pthread_t threads[WORKERS];
	struct thread states[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		states[i] = (struct thread){ storm, i };
		assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &states[i]), 0);
	}
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
}

static void run_processes(struct storm *storm)
{
	pid_t pids[WORKERS];
	int status;

	for (unsigned i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			run_worker(storm, i);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

static void show_fault(void *storm, const char *fault)
{
	storm_note(storm, STORM_FAULTS);
	print_error("%s\n", fault);
}

static void assert_history(const struct storm_profile *profile, void (*run)(struct storm *storm))
{
	struct weir_shm_options options = { .size = profile->size, .entry_size = profile->entry_size };
	struct storm storm = { .profile = profile, .history = storm_history_create(), .seed = 5 };
	char why[200];

	storm.shared = mmap(NULL, sizeof(*storm.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true((void *)storm.shared != MAP_FAILED && storm.history != NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		atomic_store(&storm.shared->workers[i].life, i + 1);
	assert_int_equal(weir_shm_open(&options, why, sizeof(why), &storm.shm), WEIR_OK);
	run(&storm);
	(void)weir_shm_check(storm.shm, show_fault, &storm);
	weir_shm_close(storm.shm);
	for (unsigned what = STORM_BAD_READS; what < STORM_COUNTS; what++)
		if (storm_count(&storm, what) > 0)
			print_error("count %u: %u\n", what, (unsigned)storm_count(&storm, what));
	assert_int_equal(storm_wrong(&storm), 0);
	assert_int_equal(storm_count(&storm, STORM_OPERATIONS), WORKERS * STEPS);
	assert_true(storm_count(&storm, STORM_HITS) > STEPS / 10);
	munmap(storm.shared, sizeof(*storm.shared));
	storm_history_destroy(storm.history);
}

static void test_shm_history_of_threads_that_overwrite_in_place(void **state)
{
	(void)state;
	assert_history(&in_place, run_threads);
}

static void test_shm_history_of_threads_that_evict(void **state)
{
	(void)state;
	assert_history(&evicting, run_threads);
}

static void test_shm_history_of_threads_in_several_shards(void **state)
{
	(void)state;
	assert_history(&sharded, run_threads);
}

static void test_shm_history_of_processes_that_overwrite_in_place(void **state)
{
	(void)state;
	assert_history(&in_place, run_processes);
}

static void test_shm_history_of_processes_that_evict(void **state)
{
	(void)state;
	assert_history(&evicting, run_processes);
}

static void test_shm_history_of_processes_in_several_shards(void **state)
{
	(void)state;
	assert_history(&sharded, run_processes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shm_history_of_threads_that_overwrite_in_place),
		cmocka_unit_test(test_shm_history_of_threads_that_evict),
		cmocka_unit_test(test_shm_history_of_threads_in_several_shards),
		cmocka_unit_test(test_shm_history_of_processes_that_overwrite_in_place),
		cmocka_unit_test(test_shm_history_of_processes_that_evict),
		cmocka_unit_test(test_shm_history_of_processes_in_several_shards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
