/* SPDX-License-Identifier: Apache-2.0
 *
 * What the processes of an app are doing, for the master that must say what one of them died of.
 *
 * The board is memory that master and workers share, mapped before the first fork. Each process has a slot, and in it each thread that runs
 * handlers has a seat, where it notes the route it is with: a store into a cache line of its own. When a thread does something that ends
 * the process (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT), a signal handler notes the route of this thread and lets the signal do its work,
 * core dump included. Where the app or a sanitizer has taken such a signal, it stays theirs, and what remains is what the seats say.
 *
 * Routes are made before the fork and stay where they are, so that their addresses mean the same in all processes. A process that dies may
 * have written anything before: the master compares what it finds here with the routes it knows, and follows no pointer.
 */
#ifndef WEIR_RUNTIME_SCOREBOARD_H
#define WEIR_RUNTIME_SCOREBOARD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include <weir/route.h>

struct weir_scoreboard;

/* For so many processes with so many threads each. Before the first fork. NULL when memory is out. */
struct weir_scoreboard *weir_scoreboard_create(size_t slots, size_t seats);

/* In every process, when no thread of it has a seat any more but the caller. Takes NULL. */
void weir_scoreboard_destroy(struct weir_scoreboard *board);

/* -- In the master: of a process that may live or be dead -------------------------------------------------------------------- */

/* Before a process is forked for this slot. */
void weir_scoreboard_clear(struct weir_scoreboard *board, size_t slot);

bool weir_scoreboard_is_up(const struct weir_scoreboard *board, size_t slot);

/* WEIR_OK when it did not say why it ends. */
enum weir_status weir_scoreboard_failure(const struct weir_scoreboard *board, size_t slot);

/* True when it ended by a fault of its own: `*route` is then what the thread was with, or NULL. */
bool weir_scoreboard_crashed(const struct weir_scoreboard *board, size_t slot, const struct weir_route **route);

/* How many of its threads are with this route. */
size_t weir_scoreboard_count(const struct weir_scoreboard *board, size_t slot, const struct weir_route *route);

/* -- In a worker ----------------------------------------------------------------------------------------------------------- */

/* This process has that slot from now on, and notes its faults there. Once in a process, before it has threads. */
void weir_scoreboard_enter(struct weir_scoreboard *board, size_t slot);

/* The calling thread's seat, taken at its first call, for atomic_store_explicit(seat, route, memory_order_relaxed). NULL when all are
 * taken. */
_Atomic(const struct weir_route *) *weir_scoreboard_sit(struct weir_scoreboard *board);

/* It serves. */
void weir_scoreboard_set_up(struct weir_scoreboard *board);

/* It ends, for this reason. */
void weir_scoreboard_set_failure(struct weir_scoreboard *board, enum weir_status status);

#endif
