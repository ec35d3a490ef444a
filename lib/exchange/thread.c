/* SPDX-License-Identifier: Apache-2.0
 *
 * The role of each thread, which the thread alone reads and writes.
 */
#include "exchange/thread.h"

#include <stddef.h>

static _Thread_local const struct weir_thread_role *current;

static bool never(void *state)
{
	(void)state;
	return false;
}

const struct weir_thread_role weir_thread_loop = { .step_aside = never };

const struct weir_thread_role *weir_thread_assume(const struct weir_thread_role *role)
{
	const struct weir_thread_role *former = current;

	current = role;
	return former;
}

bool weir_thread_is_loop(void)
{
	return current == &weir_thread_loop;
}

bool weir_thread_step_aside(void)
{
	return !current || current->step_aside(current->state);
}

void weir_thread_come_back(void)
{
	if (current)
		current->come_back(current->state);
}
