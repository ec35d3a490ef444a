/* SPDX-License-Identifier: Apache-2.0
 *
 * Many items by name, each asked for once: BatchGetItem, 100 keys a request, the requests at the same time.
 */
#ifndef WEIR_DYNAMODB_LOOKUP_H
#define WEIR_DYNAMODB_LOOKUP_H

#include "call.h"

struct weir_dynamodb_wanted {
	struct weir_slice name;
	bool settled;             /* the server has said whether it is there */
	struct json_object *item; /* NULL: it is not */
};

/* Sorted by name, without duplicates. */
struct weir_dynamodb_lookup {
	struct weir_dynamodb_wanted *wanted;
	size_t count;
};

/* Of names in any order, absent ones left out; they and the list live in the pool. ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_lookup_init(struct weir_dynamodb_lookup *lookup, struct weir_pool *pool,
							   const struct weir_slice *names, size_t count);
void weir_dynamodb_lookup_finish(struct weir_dynamodb_lookup *lookup);

/* Asks until all are settled. Values are read as the options say, all else strongly consistent. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_lookup_run(struct weir_dynamodb_lookup *lookup, struct weir_dynamodb_client *client,
							  int64_t deadline_ms);

/* NULL: it was not asked for. */
struct weir_dynamodb_wanted *weir_dynamodb_lookup_find(const struct weir_dynamodb_lookup *lookup, struct weir_slice name);

/* Takes one answer to BatchGetItem about `asked`: its items, and which keys it says nothing about. Items that nobody asked for are passed
 * over. */
void weir_dynamodb_lookup_take(struct weir_dynamodb_lookup *lookup, const char *table, struct weir_dynamodb_wanted *const *asked,
			       size_t asked_count, struct json_object *reply);

#endif
