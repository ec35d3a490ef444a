/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of the memory driver: items under keys, bounded in bytes.
 *
 * Three kinds of items share one hash table and one limit. Values are evicted, least recently used first, to make room for any kind; cells
 * and leases never are: who adds them keeps each of the two below a share of the limit. The table's size is fixed by the limit and counts.
 *
 * The store knows neither time nor threads: the driver checks expiries and holds its lock around every call, except for
 * weir_memory_item_create and weir_memory_item_release, which any thread may call without it. Items are reference counted: the table holds
 * one reference, so the bytes of an item that is removed, replaced or evicted stay as they are until its readers have released it, even
 * beyond the end of the store. Such bytes no longer count.
 */
#ifndef WEIR_MEMORY_STORE_H
#define WEIR_MEMORY_STORE_H

#include <stdatomic.h>

#include <weir/backend_driver.h>

enum weir_memory_kind {
	WEIR_MEMORY_VALUE,
	WEIR_MEMORY_CELL,
	WEIR_MEMORY_LEASE,
	WEIR_MEMORY_KINDS,
};

struct weir_memory_item {
	struct weir_memory_item *chain; /* in its bucket */
	struct weir_memory_item *newer; /* in the list of its kind */
	struct weir_memory_item *older;
	uint64_t hash;
	uint64_t number;    /* a cell's stamp, a lease's token */
	int64_t expires_ms; /* a value's wall time, a lease's monotonic time */
	atomic_uint refs;
	enum weir_memory_kind kind;
	size_t key_len;
	size_t value_len;
	char bytes[]; /* key, then value */
};

/* Items of one kind in the order of their use. */
struct weir_memory_list {
	struct weir_memory_item *newest;
	struct weir_memory_item *oldest;
	uint64_t count;
	uint64_t bytes;
};

struct weir_memory_store {
	struct weir_memory_item **buckets;
	size_t bucket_count; /* a power of two */
	uint64_t seed;
	uint64_t limit; /* bytes, all told */
	uint64_t table_bytes;
	uint64_t evictions;
	struct weir_memory_list lists[WEIR_MEMORY_KINDS];
};

/* ERR_MEMORY; ERR_IO when the system gives no random seed. Nothing is to be finished then. */
WEIR_MUST_CHECK enum weir_status weir_memory_store_init(struct weir_memory_store *store, uint64_t limit);
void weir_memory_store_finish(struct weir_memory_store *store);

/* What everything together takes. */
uint64_t weir_memory_store_bytes(const struct weir_memory_store *store);

/* What an item with such a key and value takes. */
uint64_t weir_memory_item_cost(struct weir_slice key, struct weir_slice value);

/* A copy of key and value with one reference, in no table yet. NULL when memory is out. */
struct weir_memory_item *weir_memory_item_create(const struct weir_memory_store *store, enum weir_memory_kind kind, struct weir_slice key,
						 struct weir_slice value);

/* As struct weir_backend_get wants it: `owner` is the item. */
void weir_memory_item_release(void *owner);

struct weir_slice weir_memory_item_key(const struct weir_memory_item *item);
struct weir_slice weir_memory_item_value(const struct weir_memory_item *item);

/* Borrowed; NULL when there is none. */
struct weir_memory_item *weir_memory_store_find(const struct weir_memory_store *store, enum weir_memory_kind kind, struct weir_slice key);

/* Takes the caller's reference over; replaces an item of the same kind and key; evicts values until all fits. */
void weir_memory_store_insert(struct weir_memory_store *store, struct weir_memory_item *item);

/* `item` must be in the store; the store's reference is released. */
void weir_memory_store_remove(struct weir_memory_store *store, struct weir_memory_item *item);

/* Makes `item` the newest of its kind. */
void weir_memory_store_touch(struct weir_memory_store *store, struct weir_memory_item *item);

#endif
