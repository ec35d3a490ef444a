/* SPDX-License-Identifier: Apache-2.0
 *
 * A value as an item of the table: `k` the key (binary), `v` the value (binary; not there when it is empty), `e` when it expires
 * (milliseconds; not there when it never does), and the TTL attribute.
 */
#ifndef WEIR_DYNAMODB_ITEM_H
#define WEIR_DYNAMODB_ITEM_H

#include <weir/buffer.h>

#include "client.h"

struct json_object;

/* Amazon's limit for an item, names of attributes included. */
#define WEIR_DYNAMODB_ITEM_MAX ((size_t)400 * 1024)

bool weir_dynamodb_item_fits(const struct weir_dynamodb_client *client, struct weir_slice name, const struct weir_backend_set *set);

/* {"pk":…} */
void weir_dynamodb_item_append(struct weir_buffer *json, const struct weir_dynamodb_client *client, struct weir_slice name,
			       const struct weir_backend_set *set);

/* Room for the key of any item. */
struct weir_dynamodb_key {
	char bytes[WEIR_KEY_MAX + 3];
	size_t len;
};

/* The key that the item says it has; false when it is none of ours. */
bool weir_dynamodb_item_key(struct json_object *item, struct weir_dynamodb_key *key);

/* Whether it is a value of `key`, and has not expired at `now_ms`. Its value, still in base64, goes to `*base64`. */
bool weir_dynamodb_item_is(struct json_object *item, struct weir_slice key, int64_t now_ms, struct weir_slice *base64);

#endif
