/* SPDX-License-Identifier: Apache-2.0
 *
 * What a process ended with, in words for the log: the signal or exit status, and the route that did it, or those that it was with.
 */
#ifndef WEIR_RUNTIME_OBITUARY_H
#define WEIR_RUNTIME_OBITUARY_H

#include "runtime/scoreboard.h"

struct weir_router;

struct weir_obituary {
	char cause[48]; /* "was ended by SIGSEGV", "ended with exit status 3" */
	/* The field that says which route: "route" with the one that did it ("none": it was outside of any), else "running" with all that
	 * it was with, such as "/slow (2), /map", or "nothing". Only routes of the router are named, whatever the board says. */
	const char *name;
	char value[512];
};

/* `how` is what waitpid() gave. */
void weir_obituary_write(struct weir_obituary *obituary, int how, const struct weir_scoreboard *board, size_t slot,
			 const struct weir_router *router);

#endif
