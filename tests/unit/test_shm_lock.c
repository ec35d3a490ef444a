/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of a shard between the living: exclusion, forks, robust mutexes beside it, and words that nobody has written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "support/lock_room.h"

#define TURNS 20000
#define PLAYERS 4
#define GARBAGE_WORDS 100000

static struct robust_list_head *robust_list(void)
{
	struct robust_list_head *head = NULL;
	size_t size;

	assert_int_equal(syscall(SYS_get_robust_list, 0, &head, &size), 0);
	return head;
}

/* fork() whose child dies with this process: a test that fails leaves nobody behind. */
/* -- Exclusion ------------------------------------------------------------------------------------------------------------- */

static void take_turns(struct room *room)
{
	for (int i = 0; i < TURNS; i++) {
		if (weir_shm_lock_take(&room->lock, LONG_MS) != WEIR_SHM_LOCKED) {
			room->late++;
			continue;
		}
		if (room->inside++ != 0)
			room->wrong++;
		room->begun++;
		room->inside--;
		weir_shm_lock_release(&room->lock);
	}
}

static void *thread_takes_turns(void *room)
{
	take_turns(room);
	return NULL;
}

static void assert_turns(const struct room *room)
{
	assert_int_equal(room->late, 0);
	assert_int_equal(room->wrong, 0);
	assert_int_equal(room->begun, (unsigned long)PLAYERS * TURNS);
	assert_int_equal(room->lock.word, 0);
}

static void test_shm_lock_excludes_threads(void **state)
{
	pthread_t threads[PLAYERS];

	for (int i = 0; i < PLAYERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, thread_takes_turns, *state), 0);
	for (int i = 0; i < PLAYERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_turns(*state);
}

static void test_shm_lock_excludes_processes(void **state)
{
	for (int i = 0; i < PLAYERS; i++) {
		pid_t pid = fork_mortal();

		assert_true(pid >= 0);
		if (pid == 0) {
			take_turns(*state);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		continue;
	assert_turns(*state);
}

/* -- Threads --------------------------------------------------------------------------------------------------------------- */

static void *take_and_exit(void *lock)
{
	return (void *)(intptr_t)weir_shm_lock_take(lock, LONG_MS);
}

static void run_thread(void *(*run)(void *), void *argument, enum weir_shm_locked expected)
{
	pthread_t thread;
	void *locked;

	assert_int_equal(pthread_create(&thread, NULL, run, argument), 0);
	assert_int_equal(pthread_join(thread, &locked), 0);
	assert_int_equal((intptr_t)locked, expected);
}

static void test_shm_lock_is_taken_from_a_thread_that_exited(void **state)
{
	struct room *room = *state;

	run_thread(take_and_exit, &room->lock, WEIR_SHM_LOCKED);
	run_thread(take_and_exit, &room->lock, WEIR_SHM_LOCKED_DEAD);
	assert_int_equal(weir_shm_lock_take(&room->lock, LONG_MS), WEIR_SHM_LOCKED_DEAD);
	weir_shm_lock_release(&room->lock);
}

/* Both this thread and its copy in a new process have locked before; the copy must not go by the old thread's id. */
static void *fork_and_die(void *argument)
{
	struct room *room = argument;
	pid_t pid;

	if (weir_shm_lock_take(&room->lock, 0) != WEIR_SHM_LOCKED)
		return NULL;
	weir_shm_lock_release(&room->lock);
	pid = fork_mortal();
	if (pid == 0) {
		room->wrong += weir_shm_lock_take(&room->lock, 0) != WEIR_SHM_LOCKED;
		room->wrong += atomic_load(&room->lock.word) != (uint32_t)gettid();
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	return (void *)(intptr_t)weir_shm_lock_take(&room->lock, 0);
}

static void test_shm_lock_works_after_fork(void **state)
{
	struct room *room = *state;

	run_thread(fork_and_die, room, WEIR_SHM_LOCKED_DEAD);
	assert_int_equal(room->wrong, 0);
}

struct neighbours {
	struct weir_shm_lock *lock;
	pthread_mutex_t mutexes[2];
};

/* Robust mutexes of the C library before, around and after; in the end one of them dies together with the lock. */
static void *lock_among_mutexes(void *argument)
{
	struct neighbours *neighbours = argument;
	enum weir_shm_locked locked = WEIR_SHM_NOT_LOCKED;

	for (int i = 0; i < 100; i++) {
		(void)pthread_mutex_lock(&neighbours->mutexes[0]);
		locked = weir_shm_lock_take(neighbours->lock, LONG_MS);
		weir_shm_lock_release(neighbours->lock);
		(void)pthread_mutex_unlock(&neighbours->mutexes[0]);
	}
	(void)pthread_mutex_lock(&neighbours->mutexes[1]);
	if (locked == WEIR_SHM_LOCKED)
		locked = weir_shm_lock_take(neighbours->lock, LONG_MS);
	return (void *)(intptr_t)locked;
}

static void test_shm_lock_gets_on_with_robust_mutexes(void **state)
{
	struct room *room = *state;
	struct neighbours neighbours = { .lock = &room->lock };
	pthread_mutexattr_t robust;

	assert_int_equal(pthread_mutexattr_init(&robust), 0);
	assert_int_equal(pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_mutex_init(&neighbours.mutexes[i], &robust), 0);
	run_thread(lock_among_mutexes, &neighbours, WEIR_SHM_LOCKED);
	assert_int_equal(weir_shm_lock_take(&room->lock, LONG_MS), WEIR_SHM_LOCKED_DEAD);
	weir_shm_lock_release(&room->lock);
	assert_int_equal(pthread_mutex_lock(&neighbours.mutexes[0]), 0);
	assert_int_equal(pthread_mutex_unlock(&neighbours.mutexes[0]), 0);
	assert_int_equal(pthread_mutex_lock(&neighbours.mutexes[1]), EOWNERDEAD);
	assert_int_equal(pthread_mutex_consistent(&neighbours.mutexes[1]), 0);
	assert_int_equal(pthread_mutex_unlock(&neighbours.mutexes[1]), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_mutex_destroy(&neighbours.mutexes[i]), 0);
	(void)pthread_mutexattr_destroy(&robust);
}

/* -- Words ----------------------------------------------------------------------------------------------------------------- */

static void test_shm_lock_announces_only_what_it_holds(void **state)
{
	struct room *room = *state;
	struct robust_list_head *robust = robust_list();

	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_LOCKED);
	assert_int_equal((uintptr_t)robust->list_op_pending + (uintptr_t)robust->futex_offset, (uintptr_t)&room->lock.word);
	weir_shm_lock_release(&room->lock);
	assert_null(robust->list_op_pending);
	atomic_store(&room->lock.word, 1);
	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_NOT_LOCKED);
	assert_null(robust->list_op_pending);
	assert_int_equal(weir_shm_lock_take(&room->lock, 2), WEIR_SHM_NOT_LOCKED);
	assert_null(robust->list_op_pending);
}

static void test_shm_lock_is_not_taken_twice(void **state)
{
	struct room *room = *state;

	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_LOCKED);
	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_NOT_LOCKED);
	weir_shm_lock_release(&room->lock);
}

static enum weir_shm_locked expected_of(uint32_t word)
{
	if (word & FUTEX_TID_MASK)
		return WEIR_SHM_NOT_LOCKED;
	return word & FUTEX_OWNER_DIED ? WEIR_SHM_LOCKED_DEAD : WEIR_SHM_LOCKED;
}

/* One word in eight without an owner; waiting for one in a thousand of those with one. */
static void test_shm_lock_survives_any_word(void **state)
{
	struct room *room = *state;
	uint64_t random = 1;

	for (int i = 0; i < GARBAGE_WORDS; i++) {
		uint32_t word = (uint32_t)draw(&random) & (i % 8 == 0 ? ~(uint32_t)FUTEX_TID_MASK : UINT32_MAX);
		enum weir_shm_locked locked;

		atomic_store(&room->lock.word, word);
		locked = weir_shm_lock_take(&room->lock, i % 1000 == 1 ? 2 : 0);
		assert_int_equal(locked, expected_of(word));
		if (locked == WEIR_SHM_NOT_LOCKED)
			assert_int_equal(atomic_load(&room->lock.word) | FUTEX_WAITERS, word | FUTEX_WAITERS);
		else
			weir_shm_lock_release(&room->lock);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_shm_lock_excludes_threads),
		IN_ROOM(test_shm_lock_excludes_processes),
		IN_ROOM(test_shm_lock_is_taken_from_a_thread_that_exited),
		IN_ROOM(test_shm_lock_works_after_fork),
		IN_ROOM(test_shm_lock_gets_on_with_robust_mutexes),
		IN_ROOM(test_shm_lock_announces_only_what_it_holds),
		IN_ROOM(test_shm_lock_is_not_taken_twice),
		IN_ROOM(test_shm_lock_survives_any_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
