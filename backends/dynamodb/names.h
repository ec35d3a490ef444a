/* SPDX-License-Identifier: Apache-2.0
 *
 * What is called how in the table.
 *
 * The primary key is `pk`, one of 16 buckets ("0" … "f"), and `sk`, the name: "value:…", "cell:…", "lease:…", or "clock". A bucket is
 * chosen by a hash of the name, so load spreads; within a bucket names are sorted, so a walk asks each bucket for a run of names and pays
 * for what it finds, not for the table. Names are made of characters that stand for themselves in JSON.
 */
#ifndef WEIR_DYNAMODB_NAMES_H
#define WEIR_DYNAMODB_NAMES_H

#include <weir/backend_driver.h>
#include <weir/buffer.h>
#include <weir/pool.h>

#define WEIR_DYNAMODB_BUCKETS 16

#define WEIR_DYNAMODB_CLOCK_NAME WEIR_SLICE_LITERAL("clock")

/* Amazon's limit is 1024 bytes. */
#define WEIR_DYNAMODB_NAME_MAX ((size_t)1000)

enum weir_dynamodb_kind {
	WEIR_DYNAMODB_VALUE,
	WEIR_DYNAMODB_CELL,
	WEIR_DYNAMODB_LEASE,
};

/* `key` is neither empty nor longer than WEIR_KEY_MAX. The absent slice when the pool is full. */
struct weir_slice weir_dynamodb_name(struct weir_pool *pool, enum weir_dynamodb_kind kind, struct weir_slice key);

/* What the names of all values begin with whose keys begin with `prefix`. */
struct weir_slice weir_dynamodb_name_prefix(struct weir_pool *pool, struct weir_slice prefix);

char weir_dynamodb_bucket(struct weir_slice name);

/* "pk":{"S":"3"},"sk":{"S":"value:…"} */
void weir_dynamodb_append_key(struct weir_buffer *json, struct weir_slice name);

static inline bool weir_dynamodb_is_key(struct weir_slice key)
{
	return key.len > 0 && key.len <= WEIR_KEY_MAX;
}

#endif
