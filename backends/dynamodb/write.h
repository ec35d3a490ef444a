/* SPDX-License-Identifier: Apache-2.0
 *
 * Many items written and deleted by name: BatchWriteItem, 25 a request, the requests at the same time.
 */
#ifndef WEIR_DYNAMODB_WRITE_H
#define WEIR_DYNAMODB_WRITE_H

#include "call.h"

struct weir_dynamodb_write {
	struct weir_slice name;
	const struct weir_backend_set *put; /* NULL: delete it */
	size_t order;
	bool done;
};

/* Sorted by name, without duplicates: of several with one name the last counts. Returns how many are left. */
size_t weir_dynamodb_writes_sort(struct weir_dynamodb_write *writes, size_t count);

/* Until all are done. They are sorted. When it fails some may be done. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_writes_run(struct weir_dynamodb_client *client, struct weir_dynamodb_write *writes,
							  size_t count, int64_t deadline_ms);

/* Takes one answer to BatchWriteItem about the undone ones among `asked`, which are sorted. Returns how many it leaves undone. */
size_t weir_dynamodb_writes_take(struct weir_dynamodb_write *asked, size_t count, const char *table, struct json_object *reply);

/* The one of that name; NULL when there is none, or `name` is absent. */
struct weir_dynamodb_write *weir_dynamodb_writes_find(struct weir_dynamodb_write *writes, size_t count, struct weir_slice name);

#endif
