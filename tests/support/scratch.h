/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder for the files of one test, and processes that a test forks off.
 */
#ifndef WEIR_TESTS_SCRATCH_H
#define WEIR_TESTS_SCRATCH_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct weir_scratch {
	char folder[64];
	char path[128]; /* of the last weir_scratch_file() */
};

/* Ends the program when it cannot be made. */
void weir_scratch_init(struct weir_scratch *scratch);

/* Removes the folder and the files in it. */
void weir_scratch_finish(struct weir_scratch *scratch);

/* The path of `name` in the folder; lives until the next call. */
const char *weir_scratch_file(struct weir_scratch *scratch, const char *name);

/* How many files are in the folder. */
size_t weir_scratch_count(const struct weir_scratch *scratch);

/* Runs `play` in a child and waits for it: the status of waitpid(2). The child ends with what `play` returns; it must not use cmocka, whose
 * failures jump to where the parent stands, but WEIR_INSIST. Children leave no core. */
int weir_scratch_play(int (*play)(void *state), void *state);

/* In a child: ends it, with a line, when the condition does not hold. */
#define WEIR_INSIST(condition) ((condition) ? (void)0 : weir_scratch_fail(__FILE__, __LINE__, #condition))

static inline void weir_scratch_fail(const char *file, int line, const char *condition)
{
	(void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	_exit(111);
}

#endif
