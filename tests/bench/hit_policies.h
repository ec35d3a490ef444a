/* SPDX-License-Identifier: Apache-2.0
 *
 * What other ways of evicting would make of a trace, simulated: the objects' own bytes count and nothing else, so each has more room than a
 * real cache of that size.
 */
#ifndef WEIR_BENCH_HIT_POLICIES_H
#define WEIR_BENCH_HIT_POLICIES_H

#include "hit_trace.h"

struct policy {
	const char *name;
	size_t (*hits)(const struct trace *trace, uint64_t bytes);
};

/* Ends with one without a name. */
extern const struct policy policies[];

#endif
