/* SPDX-License-Identifier: Apache-2.0
 *
 * Traces, as hit_trace.h says.
 */
#include "hit_trace.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *memory)
{
	if (!memory)
		exit(1);
	return memory;
}

/* Sebastiano Vigna's splitmix64, one step. */
uint64_t trace_mix(uint64_t number)
{
	number += UINT64_C(0x9e3779b97f4a7c15);
	number = (number ^ number >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ number >> 27) * UINT64_C(0x94d049bb133111eb);
	return number ^ number >> 31;
}

static void read_file(struct trace *trace, const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t room = 0;

	if (!file) {
		perror(path);
		exit(1);
	}
	do {
		room = room ? room * 2 : 65536;
		trace->requests = need(realloc(trace->requests, room * sizeof(*trace->requests)));
		trace->count += fread(trace->requests + trace->count, sizeof(*trace->requests), room - trace->count, file);
	} while (trace->count == room);
	fclose(file);
	for (size_t i = 0; i < trace->count; i++)
		trace->requests[i] = ntohl(trace->requests[i]);
}

/* The first index whose sum is above `share`. */
static uint32_t search(const double *sums, uint32_t count, double share)
{
	uint32_t low = 0, high = count - 1;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (sums[middle] > share)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void draw_zipf(struct trace *trace, uint32_t objects, size_t requests)
{
	double *sums = need(calloc(objects, sizeof(*sums)));
	double sum = 0;

	for (uint32_t i = 0; i < objects; i++)
		sums[i] = sum += 1.0 / (i + 1);
	trace->requests = need(calloc(requests, sizeof(*trace->requests)));
	for (trace->count = 0; trace->count < requests; trace->count++)
		trace->requests[trace->count] = search(sums, objects, (double)(trace_mix(trace->count) >> 11) * 0x1p-53 * sum);
	free(sums);
}

static int compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Names become indices into `names`, which is sorted. */
static void number_objects(struct trace *trace)
{
	trace->names = need(calloc(trace->count, sizeof(*trace->names)));
	memcpy(trace->names, trace->requests, trace->count * sizeof(*trace->names));
	qsort(trace->names, trace->count, sizeof(*trace->names), compare);
	for (size_t i = 0; i < trace->count; i++)
		if (i == 0 || trace->names[i] != trace->names[trace->objects - 1])
			trace->names[trace->objects++] = trace->names[i];
	for (size_t i = 0; i < trace->count; i++) {
		const uint32_t *name = bsearch(&trace->requests[i], trace->names, trace->objects, sizeof(*name), compare);

		trace->requests[i] = (uint32_t)(name - trace->names);
	}
}

void trace_load(struct trace *trace, const char *source, uint32_t mean_size)
{
	unsigned objects;
	size_t requests;

	memset(trace, 0, sizeof(*trace));
	if (sscanf(source, "zipf:%u:%zu", &objects, &requests) == 2)
		draw_zipf(trace, objects, requests);
	else
		read_file(trace, source);
	if (trace->count == 0) {
		fprintf(stderr, "%s: nothing in it\n", source);
		exit(1);
	}
	number_objects(trace);
	trace->sizes = need(calloc(trace->objects, sizeof(*trace->sizes)));
	for (uint32_t i = 0; i < trace->objects; i++) {
		trace->sizes[i] = mean_size / 4 + (uint32_t)(trace_mix(trace->names[i]) % (mean_size / 2 * 3 + 1));
		trace->bytes += trace->sizes[i];
	}
}

size_t trace_key(const struct trace *trace, uint32_t object, char *key)
{
	return (size_t)snprintf(key, TRACE_KEY_MAX, "key:%u", trace->names[object]);
}
