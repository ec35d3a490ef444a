/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cache is asked for, one object after the other: a recorded trace or a made-up one, with a size for each object.
 *
 * Traces say which object, not how large it is. Here each has a size that follows from its name, the same in every run: between a quarter
 * of the mean and seven quarters.
 */
#ifndef WEIR_BENCH_HIT_TRACE_H
#define WEIR_BENCH_HIT_TRACE_H

#include <stddef.h>
#include <stdint.h>

#define TRACE_KEY_MAX 16

struct trace {
	uint32_t *requests; /* indices of objects */
	size_t count;
	uint32_t *names; /* of objects, as the trace has them */
	uint32_t *sizes; /* of objects: key and value */
	uint32_t objects;
	uint64_t bytes; /* of all objects */
};

/* `source` is a file of names, u32 with the high byte first, or "zipf:OBJECTS:REQUESTS": the nth most wanted of so many objects is asked
 * for with a probability in proportion to 1/n, each time anew. Ends the program when there is no such trace. */
void trace_load(struct trace *trace, const char *source, uint32_t mean_size);

/* The key of an object: its length; `key` holds TRACE_KEY_MAX bytes. */
size_t trace_key(const struct trace *trace, uint32_t object, char *key);

/* The same numbers in each run. */
uint64_t trace_mix(uint64_t number);

#endif
