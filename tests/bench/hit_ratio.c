/* SPDX-License-Identifier: Apache-2.0
 *
 * How many requests of a trace the store answers, and how many other policies would with as many bytes.
 *
 *     hit_ratio TRACE MEAN-SIZE BYTES RUNS
 *
 * TRACE and MEAN-SIZE are those of hit_trace.h. The store has BYTES with all its book-keeping; each run is a new one, whose hash has
 * another seed. Prints JSON: hits of each policy and lists of what each run of the store saw, all in parts of 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/backend_shm.h>

#include "hit_policies.h"

#define NOW_MS 1000 /* nothing expires */

struct seen {
	double hits, copied;
};

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "hit_ratio: %s\n", what);
	exit(1);
}

static struct weir_shm *open_store(uint64_t bytes, uint64_t mean_size)
{
	const struct weir_shm_options options = { .size = bytes, .entry_size = mean_size };
	char why[256] = "";
	struct weir_shm *shm;

	need(weir_shm_open(&options, why, sizeof(why), &shm) == WEIR_OK, why);
	return shm;
}

/* A get, and a set after a miss. What the store gives back has to be what it was given. */
static bool request(struct weir_shm *shm, struct weir_slice key, struct weir_slice value, char *buffer)
{
	const struct weir_shm_item item = { key, value, WEIR_SHM_NEVER };
	size_t len;

	if (weir_shm_get(shm, key, NOW_MS, weir_shm_buffer(buffer, value.len), &len) == WEIR_OK) {
		need(weir_slice_equal(weir_slice(buffer, len), value), "the store gave back another value");
		return true;
	}
	need(weir_shm_set(shm, &item, NOW_MS) == WEIR_OK, "the store did not take a value");
	return false;
}

static struct seen play(const struct trace *trace, struct weir_shm *shm)
{
	static char value[1 << 16], buffer[sizeof(value)];
	struct weir_shm_stats stats;
	size_t hits = 0;

	for (size_t i = 0; i < trace->count; i++) {
		const uint32_t object = trace->requests[i];
		char key[TRACE_KEY_MAX];
		const size_t key_len = trace_key(trace, object, key), value_len = trace->sizes[object] - key_len;

		memcpy(value, &object, sizeof(object));
		hits += request(shm, weir_slice(key, key_len), weir_slice(value, value_len), buffer);
	}
	weir_shm_stats(shm, &stats);
	return (struct seen){ (double)hits / (double)trace->count, (double)stats.copied_bytes / (double)stats.inserted_bytes };
}

static void print_list(const char *name, const double *values, size_t count)
{
	printf(", \"%s\": [", name);
	for (size_t i = 0; i < count; i++)
		printf("%s%.6f", i ? ", " : "", values[i]);
	printf("]");
}

int main(int argc, char **argv)
{
	const unsigned long mean_size = argc == 5 ? strtoul(argv[2], NULL, 10) : 0;
	const uint64_t bytes = argc == 5 ? strtoull(argv[3], NULL, 10) : 0;
	const size_t runs = argc == 5 ? strtoul(argv[4], NULL, 10) : 0;
	double *hits = calloc(runs + 1, sizeof(*hits)), *copied = calloc(runs + 1, sizeof(*copied));
	struct trace trace;

	if (mean_size < 64 || mean_size > 32768 || runs == 0 || !hits || !copied)
		return 2;
	trace_load(&trace, argv[1], (uint32_t)mean_size);
	for (size_t i = 0; i < runs; i++) {
		struct weir_shm *shm = open_store(bytes, mean_size);
		const struct seen seen = play(&trace, shm);

		hits[i] = seen.hits;
		copied[i] = seen.copied;
		weir_shm_close(shm);
	}
	printf("{\"requests\": %zu, \"objects\": %u, \"object_bytes\": %llu", trace.count, trace.objects, (unsigned long long)trace.bytes);
	for (const struct policy *policy = policies; policy->name; policy++)
		printf(", \"%s\": %.6f", policy->name, (double)policy->hits(&trace, bytes) / (double)trace.count);
	print_list("store", hits, runs);
	print_list("copied", copied, runs);
	printf("}\n");
	return 0;
}
