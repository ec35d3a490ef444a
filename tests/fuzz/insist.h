/* SPDX-License-Identifier: Apache-2.0
 *
 * What a fuzz target insists on, whatever the input. Not assert(), which release builds leave out.
 */
#ifndef WEIR_FUZZ_INSIST_H
#define WEIR_FUZZ_INSIST_H

#include <stdio.h>
#include <stdlib.h>

#define INSIST(condition) ((condition) ? (void)0 : insist_failed(__FILE__, __LINE__, #condition))

static inline void insist_failed(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

#endif
