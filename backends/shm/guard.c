/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of ranges that only grows and is never freed: an entry is used again when its range was removed. Its sequence number is odd while
 * it changes, so the handler never sees half of one; the range that a faulting thread is in does not change, since it is in use.
 */
#include "guard.h"
#include "layout.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct range {
	struct range *next;
	_Atomic unsigned sequence;
	_Atomic uintptr_t begin; /* 0: not used */
	_Atomic uintptr_t end;
};

static _Atomic(struct range *) ranges;
static struct sigaction previous; /* written before the handler is installed, and never again */
static uintptr_t page_size;

/* True: the whole of `range` is what was read. Called in the signal handler. */
static bool read_range(struct range *range, uintptr_t *begin, uintptr_t *end)
{
	unsigned sequence = atomic_load_explicit(&range->sequence, memory_order_acquire);

	*begin = atomic_load_explicit(&range->begin, memory_order_acquire);
	*end = atomic_load_explicit(&range->end, memory_order_acquire);
	return sequence % 2 == 0 && sequence == atomic_load_explicit(&range->sequence, memory_order_relaxed);
}

static bool find_range(uintptr_t address, uintptr_t *begin, uintptr_t *end)
{
	for (struct range *range = atomic_load_explicit(&ranges, memory_order_acquire); range; range = range->next)
		if (read_range(range, begin, end) && address >= *begin && address < *end)
			return true;
	return false;
}

static bool cover(uintptr_t from, uintptr_t end)
{
	return mmap((void *)from, end - from, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) !=
	       MAP_FAILED;
}

/* *word = 1, by the kernel (FUTEX_WAKE_OP, which wakes nobody here): false, and no fault, when the page is gone. */
static bool mark(_Atomic uint32_t *word)
{
	static uint32_t nobody_waits;

	return syscall(SYS_futex, &nobody_waits, FUTEX_WAKE_OP, 0, 0L, word, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_LT, 0)) >= 0;
}

/* Zeros for the page that is gone and those behind, and before that the mark, so that who reads the zeros finds it. When the header is gone
 * too, all is covered at once: a header of zeros is a mark by itself. */
static bool replace(uintptr_t address)
{
	uintptr_t begin, end;
	struct weir_shm_header *header;

	if (!find_range(address, &begin, &end))
		return false;
	header = (struct weir_shm_header *)begin;
	return cover(mark(&header->superseded) ? address & ~(page_size - 1) : begin, end);
}

/* As if the kernel had: with the signals blocked that the handler wants to be. Returning from our own handler restores them. */
static void call_previous(int number, siginfo_t *info, void *context)
{
	sigset_t self;

	(void)sigemptyset(&self);
	(void)sigaddset(&self, number);
	(void)pthread_sigmask(SIG_BLOCK, &previous.sa_mask, NULL);
	if (previous.sa_flags & SA_NODEFER)
		(void)pthread_sigmask(SIG_UNBLOCK, &self, NULL);
	if (previous.sa_flags & SA_SIGINFO)
		previous.sa_sigaction(number, info, context);
	else
		previous.sa_handler(number);
}

/* Back to what was there before; a fault comes again when the handler returns, a signal that was sent is sent again. */
static void give_up(int number, const siginfo_t *info)
{
	(void)sigaction(number, &previous, NULL);
	if (info->si_code <= 0)
		(void)raise(number);
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	bool by_page = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR;
	bool by_kernel = info->si_code > 0;
	int before = errno;

	if (!by_page || !replace((uintptr_t)info->si_addr)) {
		bool is_function = (previous.sa_flags & SA_SIGINFO) || (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN);

		if (is_function)
			call_previous(number, info, context);
		else if (by_kernel || previous.sa_handler == SIG_DFL)
			give_up(number, info);
	}
	errno = before;
}

static void install(void)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGBUS, NULL, &previous);
	(void)sigaction(SIGBUS, &action, NULL);
}

/* Leaves the sequence number odd when it is true. */
static bool claim(struct range *range, uintptr_t begin)
{
	unsigned sequence = atomic_load_explicit(&range->sequence, memory_order_acquire);

	if (sequence % 2 != 0 || atomic_load_explicit(&range->begin, memory_order_relaxed) != begin)
		return false;
	return atomic_compare_exchange_strong(&range->sequence, &sequence, sequence + 1);
}

static void write_range(struct range *range, uintptr_t begin, uintptr_t end)
{
	atomic_store_explicit(&range->begin, begin, memory_order_release);
	atomic_store_explicit(&range->end, end, memory_order_release);
	atomic_fetch_add_explicit(&range->sequence, 1, memory_order_release);
}

/* A claimed one. NULL when memory is out. */
static struct range *new_range(void)
{
	struct range *range;

	for (range = atomic_load_explicit(&ranges, memory_order_acquire); range; range = range->next)
		if (claim(range, 0))
			return range;
	range = calloc(1, sizeof(*range));
	if (!range)
		return NULL;
	atomic_init(&range->sequence, 1);
	range->next = atomic_load_explicit(&ranges, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&ranges, &range->next, range, memory_order_release, memory_order_relaxed))
		;
	return range;
}

enum weir_status weir_shm_guard_add(void *base, size_t size)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct range *range = new_range();

	if (!range)
		return WEIR_ERR_MEMORY;
	write_range(range, (uintptr_t)base, (uintptr_t)base + size);
	(void)pthread_once(&once, install);
	return WEIR_OK;
}

void weir_shm_guard_remove(const void *base)
{
	for (struct range *range = atomic_load_explicit(&ranges, memory_order_acquire); range; range = range->next)
		if (claim(range, (uintptr_t)base)) {
			write_range(range, 0, 0);
			return;
		}
}
