/* SPDX-License-Identifier: Apache-2.0
 *
 * What bare_client asks: a server, by its usual client library. Whatever goes wrong ends the program with a line on standard error.
 */
#ifndef BENCH_BARE_CLIENT_H
#define BENCH_BARE_CLIENT_H

#include <stdbool.h>

#define BARE_COUNT_MAX 100u /* as many items as DynamoDB gives at once */
#define BARE_VALUE_LEN 1024u

extern char bare_value[BARE_VALUE_LEN];

struct bare_kind {
	const char *name;
	void *(*store)(const char *address, unsigned count); /* connects, and stores `count` values; what `get` takes */
	void (*get)(void *self);                             /* all of them at once */
};

extern const struct bare_kind bare_redis, bare_memcached, bare_dynamodb;

void bare_need(bool given, const char *what);

#endif
