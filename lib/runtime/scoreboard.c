/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared board, and the handler of signals that end a process. What that handler needs is reached through two variables of this file,
 * since a signal handler is given nothing; all it does is store into memory that was mapped before.
 */
#include "runtime/scoreboard.h"

#include <signal.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define CACHE_LINE 64

/* A thread whose stack has run out needs another one for the handler: enough for the registers of any machine. */
#define STACK_SIZE ((size_t)32 * 1024)

struct seat {
	alignas(CACHE_LINE) _Atomic(const struct weir_route *) route;
};

struct slot {
	alignas(CACHE_LINE) atomic_bool up;
	atomic_bool crashed;
	atomic_int failure;
	_Atomic(const struct weir_route *) crashed_route;
	struct seat seats[];
};

/* Each process has its own; `slots` alone is shared. */
struct weir_scoreboard {
	char *slots;
	size_t slot_count;
	size_t slot_size;
	size_t seat_count;
	struct slot *own; /* NULL in the master */
	atomic_size_t taken;
	char *stacks; /* NULL: none could be had */
};

static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

static struct slot *own_slot;

/* initial-exec: reading it in a signal handler must not allocate. */
static _Thread_local struct seat *own_seat __attribute__((tls_model("initial-exec")));

static struct slot *slot_at(const struct weir_scoreboard *board, size_t slot)
{
	return (struct slot *)(void *)(board->slots + slot * board->slot_size);
}

static char *map(size_t size, int flags)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

struct weir_scoreboard *weir_scoreboard_create(size_t slots, size_t seats)
{
	struct weir_scoreboard *board = calloc(1, sizeof(*board));

	if (!board)
		return NULL;
	board->slot_count = slots;
	board->seat_count = seats;
	board->slot_size = sizeof(struct slot) + seats * sizeof(struct seat);
	board->slots = map(slots * board->slot_size, MAP_SHARED);
	if (board->slots)
		return board;
	free(board);
	return NULL;
}

static void put_back_signals(void);

void weir_scoreboard_destroy(struct weir_scoreboard *board)
{
	if (!board)
		return;
	if (board->own)
		put_back_signals();
	if (board->stacks) {
		stack_t mine = { 0 };

		if (sigaltstack(NULL, &mine) == 0 && (char *)mine.ss_sp >= board->stacks &&
		    (char *)mine.ss_sp < board->stacks + board->seat_count * STACK_SIZE)
			(void)sigaltstack(&(const stack_t){ .ss_flags = SS_DISABLE }, NULL);
		munmap(board->stacks, board->seat_count * STACK_SIZE);
	}
	munmap(board->slots, board->slot_count * board->slot_size);
	free(board);
}

/* -- The master's side ----------------------------------------------------------------------------------------------------- */

void weir_scoreboard_clear(struct weir_scoreboard *board, size_t slot)
{
	struct slot *s = slot_at(board, slot);

	atomic_store(&s->up, false);
	atomic_store(&s->crashed, false);
	atomic_store(&s->failure, WEIR_OK);
	atomic_store(&s->crashed_route, NULL);
	for (size_t i = 0; i < board->seat_count; i++)
		atomic_store_explicit(&s->seats[i].route, NULL, memory_order_relaxed);
}

bool weir_scoreboard_is_up(const struct weir_scoreboard *board, size_t slot)
{
	return atomic_load(&slot_at(board, slot)->up);
}

enum weir_status weir_scoreboard_failure(const struct weir_scoreboard *board, size_t slot)
{
	return (enum weir_status)atomic_load(&slot_at(board, slot)->failure);
}

bool weir_scoreboard_crashed(const struct weir_scoreboard *board, size_t slot, const struct weir_route **route)
{
	*route = atomic_load(&slot_at(board, slot)->crashed_route);
	return atomic_load(&slot_at(board, slot)->crashed);
}

size_t weir_scoreboard_count(const struct weir_scoreboard *board, size_t slot, const struct weir_route *route)
{
	struct slot *s = slot_at(board, slot);
	size_t count = 0;

	for (size_t i = 0; i < board->seat_count; i++)
		count += atomic_load_explicit(&s->seats[i].route, memory_order_relaxed) == route;
	return count;
}

/* -- Faults ---------------------------------------------------------------------------------------------------------------- */

/* The signal has its default action again by now (SA_RESETHAND). A faulty instruction is run once more when this returns, and a signal that
 * was sent is sent again: either way the process ends with the stack that it had. One sent by another process is nobody's fault. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	bool sent = info->si_code <= 0;

	(void)context;
	if (!sent || info->si_pid == getpid()) {
		if (own_seat)
			atomic_store(&own_slot->crashed_route, atomic_load_explicit(&own_seat->route, memory_order_relaxed));
		atomic_store(&own_slot->crashed, true);
	}
	if (sent)
		(void)raise(number);
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == on_fault;
}

static void catch_faults(void)
{
	struct sigaction now;
	struct sigaction ours = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND };

	sigemptyset(&ours.sa_mask);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (sigaction(faults[i], NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) && now.sa_handler == SIG_DFL)
			(void)sigaction(faults[i], &ours, NULL);
}

static void put_back_signals(void)
{
	struct sigaction now;

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (sigaction(faults[i], NULL, &now) == 0 && is_ours(&now))
			(void)signal(faults[i], SIG_DFL);
	own_slot = NULL;
	own_seat = NULL;
}

/* -- The worker's side ----------------------------------------------------------------------------------------------------- */

void weir_scoreboard_enter(struct weir_scoreboard *board, size_t slot)
{
	board->own = own_slot = slot_at(board, slot);
	board->stacks = map(board->seat_count * STACK_SIZE, MAP_PRIVATE);
	catch_faults();
}

/* A stack for the handler, unless the thread has one. */
static void lend_stack(const struct weir_scoreboard *board, size_t seat)
{
	stack_t mine = { .ss_flags = 0 };

	if (!board->stacks || sigaltstack(NULL, &mine) != 0 || !(mine.ss_flags & SS_DISABLE))
		return;
	mine = (stack_t){ .ss_sp = board->stacks + seat * STACK_SIZE, .ss_size = STACK_SIZE };
	(void)sigaltstack(&mine, NULL);
}

_Atomic(const struct weir_route *) *weir_scoreboard_sit(struct weir_scoreboard *board)
{
	size_t seat;

	if (own_seat)
		return &own_seat->route;
	seat = atomic_fetch_add(&board->taken, 1);
	if (seat >= board->seat_count)
		return NULL;
	lend_stack(board, seat);
	own_seat = &board->own->seats[seat];
	return &own_seat->route;
}

void weir_scoreboard_set_up(struct weir_scoreboard *board)
{
	atomic_store(&board->own->up, true);
}

void weir_scoreboard_set_failure(struct weir_scoreboard *board, enum weir_status status)
{
	atomic_store(&board->own->failure, (int)status);
}
