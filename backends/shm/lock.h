/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of a shard: a word in shared memory that the kernel marks when its holder dies, whatever process that was in.
 *
 * It is a robust futex (the kernel's Documentation/locking/robust-futexes) and not a robust pthread mutex for one reason: a mutex keeps
 * pointers in the shared memory, which unlocking follows, so a byte scribbled over it takes the process down. Here nothing that lies in
 * shared memory is ever followed or believed: a damaged word is at worst a lock that nobody gets.
 *
 * A thread announces the lock that it takes in the one place that the kernel looks at in any case, `list_op_pending` of the list that its
 * C library has registered (get_robust_list(2)); therefore it holds one lock at a time, and locks no robust mutex while it does. What is
 * done with the lock held is short; the longest is asking /proc whether the holder of a lease lives.
 *
 * The kernel knows a thread by its number in its own pid namespace. Where processes of several namespaces share a store, a thread that is
 * killed within the few instructions between announcing and taking, while a namesake takes the same lock, is mistaken for the holder.
 *
 * A holder that was stopped (SIGSTOP) is not dead: waiting is bounded. Who has waited in vain should not wait again soon.
 */
#ifndef WEIR_SHM_LOCK_H
#define WEIR_SHM_LOCK_H

#include "layout.h"

/* The most that one attempt waits. */
#define WEIR_SHM_LOCK_WAIT_MS 50

enum weir_shm_locked {
	WEIR_SHM_LOCKED,
	WEIR_SHM_LOCKED_DEAD, /* its holder died: what it guards is to be put in order. Dying meanwhile leaves it so. */
	WEIR_SHM_NOT_LOCKED,  /* within `wait_ms` */
};

/* False when the kernel or the C library has no robust futexes. */
bool weir_shm_lock_supported(void);

/* `wait_ms` 0: tries once. */
WEIR_MUST_CHECK enum weir_shm_locked weir_shm_lock_take(struct weir_shm_lock *lock, int wait_ms);

void weir_shm_lock_release(struct weir_shm_lock *lock);

/* For a moment, in a loop that waits for another processor. */
static inline void weir_shm_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
