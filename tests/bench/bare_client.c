/* SPDX-License-Identifier: Apache-2.0
 *
 * A client library and nothing else: how many values a second it gets from a server, and how long one waits for them.
 *
 *     bare_client redis|memcached|dynamodb ADDRESS COUNT SECONDS
 *
 * COUNT values of 1 KB are stored, and then got again and again, all at once: pipelined by hiredis, by one multi-get of libmemcached, by
 * one BatchGetItem through libcurl. ADDRESS is a unix socket; for redis it may be HOST:PORT, of any master of a cluster; for dynamodb an
 * URL.
 */
#include "bare_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

#define GETS_A_SECOND 1000000 /* more than there can be */

char bare_value[BARE_VALUE_LEN];

void bare_need(bool given, const char *what)
{
	if (!given) {
		fprintf(stderr, "bare_client: %s\n", what);
		exit(1);
	}
}

static const struct bare_kind *find_kind(const char *name)
{
	static const struct bare_kind *const kinds[] = { &bare_redis, &bare_memcached, &bare_dynamodb };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

/* The number of gets. */
static size_t get_for(const struct bare_kind *kind, void *self, int64_t duration_ns, int64_t *latencies, size_t most)
{
	const int64_t end = now_ns() + duration_ns;
	int64_t now = now_ns();
	size_t gets = 0;

	while (now < end && gets < most) {
		const int64_t before = now;

		kind->get(self);
		now = now_ns();
		latencies[gets++] = now - before;
	}
	return gets;
}

int main(int argc, char **argv)
{
	const struct bare_kind *kind = argc == 5 ? find_kind(argv[1]) : NULL;

	if (!kind)
		return 2;
	memset(bare_value, 'x', sizeof(bare_value));

	const unsigned count = (unsigned)atoi(argv[3]);
	const size_t most = (size_t)atoi(argv[4]) * GETS_A_SECOND;
	int64_t *latencies = calloc(most, sizeof(*latencies));

	bare_need(latencies && count <= BARE_COUNT_MAX, "too many");

	void *self = kind->store(argv[2], count);
	const int64_t begin = now_ns();
	const size_t gets = get_for(kind, self, atoi(argv[4]) * INT64_C(1000000000), latencies, most);

	printf("{\"rate\":%.1f,", (double)(gets * count) * 1e9 / (double)(now_ns() - begin));
	print_latencies(latencies, gets);
	printf("}\n");
	return 0;
}
