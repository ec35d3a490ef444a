/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a shard's lock when its holder is killed, stopped, or turns into another program. The processes tell each other by pipes
 * how far they are; real time is spent only where waiting itself is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "support/lock_room.h"

#define PLAYERS 4
#define KILLS 400

/* -- A holder in another process ------------------------------------------------------------------------------------------- */

/* A process that has taken the lock, and releases it when it is told to. */
struct holder {
	pid_t pid;
	int told; /* closed: release */
	enum weir_shm_locked locked;
};

static void hold(struct weir_shm_lock *lock, int told, int tells)
{
	char locked = (char)weir_shm_lock_take(lock, LONG_MS);

	if (write(tells, &locked, 1) != 1 || read(told, &locked, 1) != 0)
		_exit(1);
	weir_shm_lock_release(lock);
	_exit(0);
}

static void start_holder(struct holder *holder, struct weir_shm_lock *lock)
{
	int to[2], from[2];
	char locked;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	holder->pid = fork_mortal();
	assert_true(holder->pid >= 0);
	if (holder->pid == 0) {
		(void)close(to[1]);
		hold(lock, to[0], from[1]);
	}
	(void)close(to[0]);
	(void)close(from[1]);
	holder->told = to[1];
	assert_int_equal(read(from[0], &locked, 1), 1);
	holder->locked = (enum weir_shm_locked)locked;
	(void)close(from[0]);
}

/* Without waiting for its end, which is what the lock is to notice. */
static void kill_holder(const struct holder *holder)
{
	assert_int_equal(kill(holder->pid, SIGKILL), 0);
}

static void bury_holder(const struct holder *holder)
{
	(void)close(holder->told);
	assert_int_equal(waitpid(holder->pid, NULL, 0), holder->pid);
}

static void test_shm_lock_is_taken_from_a_killed_process(void **state)
{
	struct room *room = *state;
	struct holder holder;

	start_holder(&holder, &room->lock);
	assert_int_equal(holder.locked, WEIR_SHM_LOCKED);
	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_NOT_LOCKED);
	kill_holder(&holder);
	assert_int_equal(weir_shm_lock_take(&room->lock, LONG_MS), WEIR_SHM_LOCKED_DEAD);
	weir_shm_lock_release(&room->lock);
	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_LOCKED);
	weir_shm_lock_release(&room->lock);
	bury_holder(&holder);
}

static void test_shm_lock_stays_dead_when_its_next_holder_dies(void **state)
{
	struct room *room = *state;
	struct holder holder;

	for (int i = 0; i < 3; i++) {
		start_holder(&holder, &room->lock);
		assert_int_equal(holder.locked, i == 0 ? WEIR_SHM_LOCKED : WEIR_SHM_LOCKED_DEAD);
		kill_holder(&holder);
		bury_holder(&holder);
	}
	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_LOCKED_DEAD);
	weir_shm_lock_release(&room->lock);
}

static void test_shm_lock_of_a_stopped_process_is_not_waited_for_long(void **state)
{
	struct room *room = *state;
	struct holder holder;
	int64_t began_ms;
	int status;

	start_holder(&holder, &room->lock);
	assert_int_equal(kill(holder.pid, SIGSTOP), 0);
	assert_int_equal(waitpid(holder.pid, &status, WUNTRACED), holder.pid);
	began_ms = now_ms();
	assert_int_equal(weir_shm_lock_take(&room->lock, WEIR_SHM_LOCK_WAIT_MS), WEIR_SHM_NOT_LOCKED);
	assert_in_range(now_ms() - began_ms, WEIR_SHM_LOCK_WAIT_MS, LONG_MS / 2);
	assert_int_equal(kill(holder.pid, SIGCONT), 0);
	(void)close(holder.told);
	assert_int_equal(weir_shm_lock_take(&room->lock, LONG_MS), WEIR_SHM_LOCKED);
	weir_shm_lock_release(&room->lock);
	assert_int_equal(waitpid(holder.pid, &status, 0), holder.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* cat lives until its input ends, and knows nothing of locks. */
static void test_shm_lock_is_taken_from_a_process_that_became_another_program(void **state)
{
	struct room *room = *state;
	int input[2];
	pid_t pid;

	assert_int_equal(pipe(input), 0);
	pid = fork_mortal();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(input[1]);
		if (dup2(input[0], STDIN_FILENO) == STDIN_FILENO && weir_shm_lock_take(&room->lock, 0) == WEIR_SHM_LOCKED)
			(void)execl("/bin/cat", "cat", (char *)NULL);
		_exit(1);
	}
	(void)close(input[0]);
	while (!(atomic_load(&room->lock.word) & (FUTEX_TID_MASK | FUTEX_OWNER_DIED)))
		(void)sched_yield();
	assert_int_equal(weir_shm_lock_take(&room->lock, LONG_MS), WEIR_SHM_LOCKED_DEAD);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	weir_shm_lock_release(&room->lock);
	(void)close(input[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* -- Waking ---------------------------------------------------------------------------------------------------------------- */

/* What a waiter does, but for so long that only a wake can end it in time. 0, or errno. */
static int sleep_like_a_waiter(struct weir_shm_lock *lock)
{
	struct timespec timeout = { .tv_sec = LONG_MS / 1000 };
	uint32_t word = atomic_fetch_or(&lock->word, FUTEX_WAITERS) | FUTEX_WAITERS;

	if (syscall(SYS_futex, &lock->word, FUTEX_WAIT, word, &timeout, NULL, 0) == 0)
		return 0;
	return errno;
}

/* EAGAIN: the word had changed before the waiter slept, so that it need not be woken. */
static bool was_woken(int error)
{
	return error == 0 || error == EAGAIN;
}

/* True also when it is not to be known. */
static bool sleeps_in_futex(pid_t pid)
{
	char path[64], line[64] = "";
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	file = fopen(path, "r");
	if (!file)
		return true;
	(void)!fgets(line, sizeof(line), file);
	(void)fclose(file);
	return strtol(line, NULL, 10) == SYS_futex;
}

/* Ends the holder when this process sleeps, in a process of its own. */
static pid_t end_when_asleep(const struct holder *holder, bool killed)
{
	pid_t parent = getpid();
	pid_t pid = fork_mortal();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	while (parent == getppid() && !sleeps_in_futex(parent))
		continue;
	if (killed)
		(void)kill(holder->pid, SIGKILL);
	(void)close(holder->told);
	_exit(0);
}

static void check_end_wakes_waiter(struct room *room, bool killed)
{
	struct holder holder;
	pid_t ender;

	start_holder(&holder, &room->lock);
	ender = end_when_asleep(&holder, killed);
	(void)close(holder.told);
	assert_true(was_woken(sleep_like_a_waiter(&room->lock)));
	assert_int_equal(weir_shm_lock_take(&room->lock, LONG_MS), killed ? WEIR_SHM_LOCKED_DEAD : WEIR_SHM_LOCKED);
	weir_shm_lock_release(&room->lock);
	assert_int_equal(waitpid(ender, NULL, 0), ender);
	assert_int_equal(waitpid(holder.pid, NULL, 0), holder.pid);
}

static void test_shm_lock_release_wakes_a_waiter(void **state)
{
	check_end_wakes_waiter(*state, false);
}

static void test_shm_lock_death_wakes_a_waiter(void **state)
{
	check_end_wakes_waiter(*state, true);
}

/* Kernel's rule: a dead holder's mark keeps FUTEX_WAITERS; the next holder keeps it too, and wakes one more. */
static void test_shm_lock_keeps_the_mark_of_waiters(void **state)
{
	struct room *room = *state;

	atomic_store(&room->lock.word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
	assert_int_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_LOCKED_DEAD);
	assert_int_equal(atomic_load(&room->lock.word), (uint32_t)gettid() | FUTEX_WAITERS);
	weir_shm_lock_release(&room->lock);
	assert_int_equal(atomic_load(&room->lock.word), 0);
}

/* -- Killing --------------------------------------------------------------------------------------------------------------- */

/* Two counters that differ only while somebody is inside; whoever takes the lock from the dead makes them equal again. */
static void play(struct room *room)
{
	for (;;) {
		enum weir_shm_locked locked = weir_shm_lock_take(&room->lock, LONG_MS);

		if (locked == WEIR_SHM_NOT_LOCKED) {
			room->late++;
			_exit(1);
		}
		if (locked == WEIR_SHM_LOCKED_DEAD) {
			room->dead++;
			room->ended = room->begun;
		}
		if (*(volatile unsigned long *)&room->begun != *(volatile unsigned long *)&room->ended)
			room->wrong++;
		++*(volatile unsigned long *)&room->begun;
		++*(volatile unsigned long *)&room->ended;
		weir_shm_lock_release(&room->lock);
	}
}

static pid_t start_player(struct room *room)
{
	pid_t pid = fork_mortal();

	if (pid == 0)
		play(room);
	return pid;
}

/* Every kill hits at some other point of taking, holding or releasing, or of being born. */
static void test_shm_lock_survives_kills_at_random_instants(void **state)
{
	struct room *room = *state;
	pid_t players[PLAYERS];
	uint64_t random = 1;

	for (int i = 0; i < PLAYERS; i++)
		players[i] = start_player(room);
	for (int i = 0; i < KILLS; i++) {
		pid_t *victim = &players[draw(&random) % PLAYERS];
		struct timespec pause = { .tv_nsec = (long)(draw(&random) % 500000) };

		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(*victim, SIGKILL), 0);
		assert_int_equal(waitpid(*victim, NULL, 0), *victim);
		*victim = start_player(room);
		assert_true(*victim > 0);
	}
	for (int i = 0; i < PLAYERS; i++) {
		assert_int_equal(kill(players[i], SIGKILL), 0);
		assert_int_equal(waitpid(players[i], NULL, 0), players[i]);
	}
	assert_int_not_equal(weir_shm_lock_take(&room->lock, 0), WEIR_SHM_NOT_LOCKED);
	weir_shm_lock_release(&room->lock);
	assert_int_equal(room->wrong, 0);
	assert_int_equal(room->late, 0);
	assert_true(room->dead > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_ROOM(test_shm_lock_is_taken_from_a_killed_process),
		IN_ROOM(test_shm_lock_stays_dead_when_its_next_holder_dies),
		IN_ROOM(test_shm_lock_of_a_stopped_process_is_not_waited_for_long),
		IN_ROOM(test_shm_lock_is_taken_from_a_process_that_became_another_program),
		IN_ROOM(test_shm_lock_release_wakes_a_waiter),
		IN_ROOM(test_shm_lock_death_wakes_a_waiter),
		IN_ROOM(test_shm_lock_keeps_the_mark_of_waiters),
		IN_ROOM(test_shm_lock_survives_kills_at_random_instants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
