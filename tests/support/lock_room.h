/* SPDX-License-Identifier: Apache-2.0
 *
 * A lock in shared memory, and what is guarded by it, for the tests of backends/shm/lock.h.
 */
#ifndef WEIR_TESTS_LOCK_ROOM_H
#define WEIR_TESTS_LOCK_ROOM_H

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "backends/shm/lock.h"

#define LONG_MS 10000 /* a test that really waits for so long has failed */

/* In shared memory. */
struct room {
	struct weir_shm_lock lock;
	unsigned inside; /* guarded by the lock, as is what follows */
	unsigned long begun, ended, dead;
	_Atomic unsigned wrong;
	_Atomic unsigned late;
};

static inline int enter_room(void **state)
{
	struct room *room = mmap(NULL, sizeof(*room), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	*state = room;
	return room == MAP_FAILED ? -1 : 0;
}

static inline int leave_room(void **state)
{
	return munmap(*state, sizeof(struct room));
}

static inline pid_t fork_mortal(void)
{
	pid_t pid = fork();

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static inline uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static inline int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, enter_room, leave_room)

#endif
