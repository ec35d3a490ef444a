/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a thread may wait for others.
 *
 * A loop's thread never does. A handler thread does while another one of its pool is left to serve. All others are the app's own, and wait
 * as long as they like. The runtime tells at the beginning of each of its threads; whoever is about to wait asks.
 */
#ifndef WEIR_EXCHANGE_THREAD_H
#define WEIR_EXCHANGE_THREAD_H

#include <stdbool.h>

struct weir_thread_role {
	bool (*step_aside)(void *state); /* false: the thread is needed */
	void (*come_back)(void *state);
	void *state;
};

/* The role of a thread that is never spared. */
extern const struct weir_thread_role weir_thread_loop;

/* The calling thread's role from now on, NULL being that of the app's own. Returns the former one. `role` is borrowed. */
const struct weir_thread_role *weir_thread_assume(const struct weir_thread_role *role);

bool weir_thread_is_loop(void);

/* Asked before waiting. After true, weir_thread_come_back() says that the wait is over. */
bool weir_thread_step_aside(void);
void weir_thread_come_back(void);

#endif
