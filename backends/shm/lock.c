/* SPDX-License-Identifier: Apache-2.0
 *
 * A robust futex by hand. The word is 0, or the kernel's thread id of the holder, with FUTEX_WAITERS when somebody may sleep on it; when a
 * thread dies, the kernel looks at the one lock that it has announced, and if the word bears its id, puts FUTEX_OWNER_DIED in its place.
 *
 * The announcement stands before the word can be ours and until after it can not. Beyond that it is kept short: thread ids are those of a
 * pid namespace, and an announced lock that a namesake in another one holds would be marked when its announcer dies. So nobody announces
 * a lock that he sees held, or while he waits, and it is withdrawn before waiters are woken. The price is that a thread which dies between
 * being woken and taking the lock, or before it wakes, takes the wake with it; therefore nobody sleeps longer than LOOK_MS at a time.
 */
#include "lock.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPINS 100 /* a few microseconds: most locks are held for less */
#define LOOK_MS 4

/* What the kernel and the C library know of this thread. */
struct self {
	struct robust_list_head *robust; /* NULL: not looked up yet, or there is none */
	uint32_t id;
};

/* Found without calling a function, also from a shared library. */
static _Thread_local struct self self __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool fork_is_watched;

/* In the child, which has one thread, with a new id. */
static void forget_self(void)
{
	self.robust = NULL;
}

static void watch_fork(void)
{
	fork_is_watched = pthread_atfork(NULL, NULL, forget_self) == 0;
}

static bool look_up_self(void)
{
	struct robust_list_head *robust = NULL;
	size_t size = 0;

	(void)pthread_once(&once, watch_fork);
	if (!fork_is_watched || syscall(SYS_get_robust_list, 0, &robust, &size) != 0 || size != sizeof(*robust))
		return false;
	self.id = (uint32_t)syscall(SYS_gettid);
	self.robust = robust;
	return robust != NULL;
}

bool weir_shm_lock_supported(void)
{
	return self.robust || look_up_self();
}

/* Only this thread, or the kernel in its name, looks at the announcement: the compiler must keep the order, the processor does. */
static void announce(const struct weir_shm_lock *lock)
{
	struct robust_list *volatile *pending = &self.robust->list_op_pending;
	uintptr_t entry = lock ? (uintptr_t)&lock->word - (uintptr_t)self.robust->futex_offset : 0;

	atomic_signal_fence(memory_order_seq_cst);
	*pending = (struct robust_list *)entry;
	atomic_signal_fence(memory_order_seq_cst);
}

static bool is_held(uint32_t word)
{
	return (word & FUTEX_TID_MASK) != 0;
}

/* Tries once. `waiters` is FUTEX_WAITERS when others may sleep whom this thread is to wake later. */
static enum weir_shm_locked try_take(struct weir_shm_lock *lock, uint32_t waiters)
{
	uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);

	if (is_held(word))
		return WEIR_SHM_NOT_LOCKED;
	announce(lock);
	if (atomic_compare_exchange_strong_explicit(&lock->word, &word, (word & FUTEX_WAITERS) | waiters | self.id, memory_order_acquire,
						    memory_order_relaxed))
		return word & FUTEX_OWNER_DIED ? WEIR_SHM_LOCKED_DEAD : WEIR_SHM_LOCKED;
	announce(NULL);
	return WEIR_SHM_NOT_LOCKED;
}

static enum weir_shm_locked spin(struct weir_shm_lock *lock)
{
	enum weir_shm_locked locked = WEIR_SHM_NOT_LOCKED;

	for (int i = 0; i < SPINS && locked == WEIR_SHM_NOT_LOCKED; i++) {
		weir_shm_pause();
		locked = try_take(lock, 0);
	}
	return locked;
}

/* Sleeps until the lock is released, its holder dies, or `ms` are over; or shorter. */
static void sleep_on(struct weir_shm_lock *lock, int64_t ms)
{
	struct timespec timeout = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	uint32_t word = atomic_load_explicit(&lock->word, memory_order_relaxed);

	if (!is_held(word))
		return;
	if (!(word & FUTEX_WAITERS) &&
	    !atomic_compare_exchange_strong_explicit(&lock->word, &word, word | FUTEX_WAITERS, memory_order_relaxed, memory_order_relaxed))
		return;
	(void)syscall(SYS_futex, &lock->word, FUTEX_WAIT, word | FUTEX_WAITERS, &timeout, NULL, 0);
}

static enum weir_shm_locked wait_for(struct weir_shm_lock *lock, int wait_ms)
{
	const struct weir_clock *clock = weir_clock_system();
	int64_t now_ms = weir_clock_monotonic_ms(clock);
	int64_t deadline_ms = now_ms + wait_ms;
	enum weir_shm_locked locked;

	for (; now_ms < deadline_ms; now_ms = weir_clock_monotonic_ms(clock)) {
		locked = try_take(lock, FUTEX_WAITERS);
		if (locked != WEIR_SHM_NOT_LOCKED)
			return locked;
		sleep_on(lock, deadline_ms - now_ms < LOOK_MS ? deadline_ms - now_ms : LOOK_MS);
	}
	return try_take(lock, FUTEX_WAITERS);
}

enum weir_shm_locked weir_shm_lock_take(struct weir_shm_lock *lock, int wait_ms)
{
	enum weir_shm_locked locked;

	if (!weir_shm_lock_supported())
		return WEIR_SHM_NOT_LOCKED;
	locked = try_take(lock, 0);
	if (locked != WEIR_SHM_NOT_LOCKED || wait_ms <= 0)
		return locked;
	locked = spin(lock);
	return locked != WEIR_SHM_NOT_LOCKED ? locked : wait_for(lock, wait_ms);
}

void weir_shm_lock_release(struct weir_shm_lock *lock)
{
	uint32_t word = atomic_exchange_explicit(&lock->word, 0, memory_order_release);

	announce(NULL);
	if (word & FUTEX_WAITERS)
		(void)syscall(SYS_futex, &lock->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
