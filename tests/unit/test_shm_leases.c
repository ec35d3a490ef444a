/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of leases: the contract of leases as all backends have it, and what is this one's own: holders that die.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/shm/leases.h"

#define KEY UINT64_C(0x123456789abcdef0)
#define MINE UINT64_C(0x1111111122222222)
#define YOURS UINT64_C(0xfffffffffffffffe)
#define NOW INT64_C(1000000)
#define TTL 5000

/* fork() whose child dies with this process: a test that fails leaves nobody behind. */
static pid_t fork_mortal(void)
{
	pid_t pid = fork();

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static int make_leases(void **state)
{
	*state = mmap(NULL, WEIR_SHM_LEASES * sizeof(struct weir_shm_lease), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return *state == MAP_FAILED ? -1 : 0;
}

static int drop_leases(void **state)
{
	return munmap(*state, WEIR_SHM_LEASES * sizeof(struct weir_shm_lease));
}

/* -- The contract ---------------------------------------------------------------------------------------------------------- */

static void test_shm_leases_are_for_one(void **state)
{
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY + 1, YOURS, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW, TTL), WEIR_BUSY);
}

static void test_shm_leases_end_by_themselves(void **state)
{
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW + TTL - 1, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW + TTL, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW + TTL, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW + TTL), WEIR_MISS);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW + TTL, TTL), WEIR_BUSY);
}

static void test_shm_leases_are_prolonged_by_taking_again(void **state)
{
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW + TTL - 1, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW + TTL, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW + 2 * TTL - 1, TTL), WEIR_OK);
}

static void test_shm_leases_are_renewed_by_their_holder(void **state)
{
	assert_int_equal(weir_shm_leases_renew(*state, KEY, MINE, NOW, TTL), WEIR_MISS);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_renew(*state, KEY, YOURS, NOW, TTL), WEIR_MISS);
	assert_int_equal(weir_shm_leases_renew(*state, KEY, MINE, NOW + TTL - 1, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW + TTL, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_renew(*state, KEY, MINE, NOW + 2 * TTL - 1, TTL), WEIR_MISS);
}

static void test_shm_leases_are_released_by_their_holder(void **state)
{
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_MISS);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY, YOURS, NOW), WEIR_MISS);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_MISS);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY, YOURS, NOW + TTL), WEIR_MISS);
}

/* 0 is no hash to the table, but may be one to its users. */
static void test_shm_leases_know_every_hash(void **state)
{
	assert_int_equal(weir_shm_leases_take(*state, 0, MINE, NOW, INT64_MAX), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, 0, YOURS, INT64_MAX - 1, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_renew(*state, 0, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, 0, MINE, NOW), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, UINT64_MAX, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, UINT64_MAX, YOURS, NOW, TTL), WEIR_BUSY);
}

/* -- Processes ------------------------------------------------------------------------------------------------------------- */

/* A process that takes leases and then lives until it is killed. */
static pid_t start_holder(struct weir_shm_lease *leases, unsigned count)
{
	int taken[2];
	char byte = 0;
	pid_t pid;

	assert_int_equal(pipe(taken), 0);
	pid = fork_mortal();
	assert_true(pid >= 0);
	if (pid == 0) {
		for (unsigned i = 0; i < count; i++)
			if (weir_shm_leases_take(leases, KEY + i, YOURS, NOW, TTL) != WEIR_OK)
				_exit(1);
		if (write(taken[1], &byte, 1) != 1)
			_exit(1);
		for (;;)
			(void)pause();
	}
	(void)close(taken[1]);
	assert_int_equal(read(taken[0], &byte, 1), 1);
	(void)close(taken[0]);
	return pid;
}

/* It stays a zombie until it is buried. */
static void kill_holder(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void bury_holder(pid_t pid)
{
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_shm_leases_of_a_killed_process_have_ended(void **state)
{
	pid_t zombie = start_holder(*state, 2), buried;

	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_BUSY);
	kill_holder(zombie);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	bury_holder(zombie);
	assert_int_equal(weir_shm_leases_take(*state, KEY + 1, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY + 1, MINE, NOW), WEIR_OK);
	buried = start_holder(*state, 1);
	kill_holder(buried);
	bury_holder(buried);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
}

/* The same lease as if it had been taken by somebody who is not this process. */
static struct weir_shm_lease *take_by_other(struct weir_shm_lease *leases, pid_t pid)
{
	assert_int_equal(weir_shm_leases_take(leases, KEY, YOURS, NOW, TTL), WEIR_OK);
	assert_true(leases[0].hash == KEY);
	assert_true(leases[0].started != 0 && leases[0].pid_namespace != 0 && leases[0].pid == (uint32_t)getpid());
	leases[0].pid = (uint32_t)pid;
	return &leases[0];
}

/* A process that has got the number of a dead one: this process and its parent have started at other times. */
static void test_shm_leases_are_not_held_by_a_namesake(void **state)
{
	struct weir_shm_lease *lease = take_by_other(*state, getpid());

	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_BUSY);
	lease->started++;
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_OK);
	lease = take_by_other(*state, getppid());
	lease->started++;
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
}

static void test_shm_leases_of_another_namespace_end_by_their_deadline(void **state)
{
	struct weir_shm_lease *lease = take_by_other(*state, INT32_MAX);

	lease->pid_namespace++;
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW + TTL - 1, TTL), WEIR_BUSY);
	lease->pid_namespace = 0;
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW + TTL - 1, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW + TTL, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_OK);
	take_by_other(*state, INT32_MAX);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
}

static void test_shm_leases_are_not_held_by_impossible_processes(void **state)
{
	const uint32_t pids[] = { 0, UINT32_MAX, 0x80000000U };

	for (unsigned i = 0; i < 3; i++) {
		take_by_other(*state, (pid_t)pids[i]);
		assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
		assert_int_equal(weir_shm_leases_release(*state, KEY, MINE, NOW), WEIR_OK);
	}
}

static void *take_mine(void *leases)
{
	return (void *)(intptr_t)weir_shm_leases_take(leases, KEY, MINE, NOW, TTL);
}

/* The lease belongs to the process: a thread may end before its work does. */
static void test_shm_leases_outlive_their_thread(void **state)
{
	pthread_t thread;
	void *taken;

	assert_int_equal(pthread_create(&thread, NULL, take_mine, *state), 0);
	assert_int_equal(pthread_join(thread, &taken), 0);
	assert_int_equal((intptr_t)taken, WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY, YOURS, NOW, TTL), WEIR_BUSY);
}

static void *sleep_on(void *state)
{
	for (;;)
		(void)pause();
	return state;
}

static bool is_zombie(pid_t pid)
{
	char path[32], state = 0;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d %*s %c", &state), 1);
	(void)fclose(file);
	return state == 'Z';
}

/* A process whose first thread has ended looks like a zombie, but works. */
static void test_shm_leases_outlive_the_first_thread(void **state)
{
	pid_t pid = fork_mortal();

	assert_true(pid >= 0);
	if (pid == 0) {
		pthread_t thread;

		if (weir_shm_leases_take(*state, KEY, YOURS, NOW, TTL) != WEIR_OK || pthread_create(&thread, NULL, sleep_on, NULL) != 0)
			_exit(1);
		pthread_exit(NULL);
	}
	while (!is_zombie(pid))
		(void)sched_yield();
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_BUSY);
	kill_holder(pid);
	assert_int_equal(weir_shm_leases_take(*state, KEY, MINE, NOW, TTL), WEIR_OK);
	bury_holder(pid);
}

/* -- Room ------------------------------------------------------------------------------------------------------------------ */

static void fill(struct weir_shm_lease *leases, unsigned from)
{
	for (unsigned i = from; i < WEIR_SHM_LEASES; i++)
		assert_int_equal(weir_shm_leases_take(leases, KEY + i, MINE, NOW, TTL), WEIR_OK);
}

static void test_shm_leases_have_a_limit(void **state)
{
	fill(*state, 0);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 1, MINE, NOW, TTL), WEIR_ERR_LIMIT);
	assert_int_equal(weir_shm_leases_take(*state, KEY + 77, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY + 77, YOURS, NOW, TTL), WEIR_BUSY);
	assert_int_equal(weir_shm_leases_release(*state, KEY + 100, MINE, NOW), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 1, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 2, MINE, NOW, TTL), WEIR_ERR_LIMIT);
}

static void test_shm_leases_that_ended_make_room(void **state)
{
	fill(*state, 0);
	assert_int_equal(weir_shm_leases_renew(*state, KEY + 5, MINE, NOW, 1), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 1, MINE, NOW, TTL), WEIR_ERR_LIMIT);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 1, MINE, NOW + 1, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 2, MINE, NOW + 1, TTL), WEIR_ERR_LIMIT);
	assert_int_equal(weir_shm_leases_release(*state, KEY + 5, MINE, NOW), WEIR_MISS);
}

static void test_shm_leases_of_the_dead_make_room(void **state)
{
	pid_t pid = start_holder(*state, 2);

	fill(*state, 2);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 1, MINE, NOW, TTL), WEIR_ERR_LIMIT);
	kill_holder(pid);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 1, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 2, MINE, NOW, TTL), WEIR_OK);
	assert_int_equal(weir_shm_leases_take(*state, KEY - 3, MINE, NOW, TTL), WEIR_ERR_LIMIT);
	bury_holder(pid);
}

/* What a process leaves that dies while it writes a lease. */
static void test_shm_leases_without_a_hash_are_free(void **state)
{
	struct weir_shm_lease *leases = *state;

	memset(leases, 0xa5, WEIR_SHM_LEASES * sizeof(*leases));
	for (unsigned i = 0; i < WEIR_SHM_LEASES; i++)
		atomic_store(&leases[i].hash, 0);
	assert_int_equal(weir_shm_leases_release(leases, KEY, UINT64_C(0xa5a5a5a5a5a5a5a5), NOW), WEIR_MISS);
	fill(leases, 0);
	assert_int_equal(weir_shm_leases_take(leases, KEY - 1, MINE, NOW, TTL), WEIR_ERR_LIMIT);
}

#define WITH_LEASES(test) cmocka_unit_test_setup_teardown(test, make_leases, drop_leases)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LEASES(test_shm_leases_are_for_one),
		WITH_LEASES(test_shm_leases_end_by_themselves),
		WITH_LEASES(test_shm_leases_are_prolonged_by_taking_again),
		WITH_LEASES(test_shm_leases_are_renewed_by_their_holder),
		WITH_LEASES(test_shm_leases_are_released_by_their_holder),
		WITH_LEASES(test_shm_leases_know_every_hash),
		WITH_LEASES(test_shm_leases_of_a_killed_process_have_ended),
		WITH_LEASES(test_shm_leases_are_not_held_by_a_namesake),
		WITH_LEASES(test_shm_leases_of_another_namespace_end_by_their_deadline),
		WITH_LEASES(test_shm_leases_are_not_held_by_impossible_processes),
		WITH_LEASES(test_shm_leases_outlive_their_thread),
		WITH_LEASES(test_shm_leases_outlive_the_first_thread),
		WITH_LEASES(test_shm_leases_have_a_limit),
		WITH_LEASES(test_shm_leases_that_ended_make_room),
		WITH_LEASES(test_shm_leases_of_the_dead_make_room),
		WITH_LEASES(test_shm_leases_without_a_hash_are_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
