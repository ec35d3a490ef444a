/* SPDX-License-Identifier: Apache-2.0
 *
 * The threads on which handlers run: a bounded number of them behind a bounded queue.
 *
 * Waking a thread costs more than a small handler takes. So a thread that finishes takes the next exchange itself, the thread that went to
 * sleep last is woken first, and while handlers have been quick of late no second thread is woken for a queue that the first is about to
 * empty. Should it not, weir_handler_pool_nudge() wakes the others: the loop calls it while something has waited for a moment.
 *
 * submit and nudge belong to the loop. `run` is called on a pool's thread; what happens afterwards is its business, usually a message to
 * the loop. All signals are blocked in the threads, but those of a fault.
 *
 * A handler that is about to wait for another one asks by weir_thread_step_aside() (exchange/thread.h): all threads but one may wait at a
 * time.
 */
#ifndef WEIR_RUNTIME_HANDLER_POOL_H
#define WEIR_RUNTIME_HANDLER_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include <weir/status.h>

struct weir_exchange;
struct weir_handler_pool;

/* NULL when memory or threads are out. */
struct weir_handler_pool *weir_handler_pool_create(size_t threads, size_t queue_limit, void (*run)(struct weir_exchange *exchange));

/* Waits for what was submitted to have run, and for the threads, however late they are: a pool whose handlers may not end is never
 * destroyed. Takes NULL. */
void weir_handler_pool_destroy(struct weir_handler_pool *pool);

/* Behind the others, or before them if it is awaited. ERR_LIMIT when the queue is full, unless `always`. */
WEIR_MUST_CHECK enum weir_status weir_handler_pool_submit(struct weir_handler_pool *pool, struct weir_exchange *exchange, bool always);

/* True while exchanges wait although threads sleep: call nudge in a millisecond. */
bool weir_handler_pool_wants_nudge(struct weir_handler_pool *pool);
void weir_handler_pool_nudge(struct weir_handler_pool *pool);

/* Exchanges that run or wait. */
size_t weir_handler_pool_busy(struct weir_handler_pool *pool);

#endif
