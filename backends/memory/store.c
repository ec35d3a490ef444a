/* SPDX-License-Identifier: Apache-2.0
 *
 * A chained hash table whose size is fixed when it is made, so that no insert ever pays for growing it, and a list in order of use for
 * each kind of item. Keys come from clients: the hash has a random seed, and a hit is always compared in full.
 */
#include "store.h"

#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* One bucket for so many bytes of the limit: with small items of 100 bytes a chain has three, and the table takes 3 % at most. */
#define BYTES_PER_BUCKET 256

/* What an allocation costs beyond its own size, roughly. */
#define ALLOCATION_OVERHEAD 16

enum weir_status weir_memory_store_init(struct weir_memory_store *store, uint64_t limit)
{
	size_t count = 1;

	while (count <= limit / BYTES_PER_BUCKET / 2)
		count *= 2;
	*store = (struct weir_memory_store){ .bucket_count = count,
					     .limit = limit,
					     .table_bytes = count * sizeof(struct weir_memory_item *) };
	if (getrandom(&store->seed, sizeof(store->seed), 0) != (ssize_t)sizeof(store->seed))
		return WEIR_ERR_IO;
	store->buckets = calloc(count, sizeof(struct weir_memory_item *));
	return store->buckets ? WEIR_OK : WEIR_ERR_MEMORY;
}

void weir_memory_store_finish(struct weir_memory_store *store)
{
	for (int kind = 0; kind < WEIR_MEMORY_KINDS; kind++)
		while (store->lists[kind].oldest)
			weir_memory_store_remove(store, store->lists[kind].oldest);
	free(store->buckets);
}

uint64_t weir_memory_store_bytes(const struct weir_memory_store *store)
{
	uint64_t bytes = store->table_bytes;

	for (int kind = 0; kind < WEIR_MEMORY_KINDS; kind++)
		bytes += store->lists[kind].bytes;
	return bytes;
}

uint64_t weir_memory_item_cost(struct weir_slice key, struct weir_slice value)
{
	return ALLOCATION_OVERHEAD + sizeof(struct weir_memory_item) + key.len + value.len;
}

static uint64_t hash_key(const struct weir_memory_store *store, struct weir_slice key)
{
	return XXH3_64bits_withSeed(key.data, key.len, store->seed);
}

struct weir_memory_item *weir_memory_item_create(const struct weir_memory_store *store, enum weir_memory_kind kind, struct weir_slice key,
						 struct weir_slice value)
{
	struct weir_memory_item *item = malloc(sizeof(*item) + key.len + value.len);

	if (!item)
		return NULL;
	*item = (struct weir_memory_item){ .hash = hash_key(store, key), .kind = kind, .key_len = key.len, .value_len = value.len };
	atomic_init(&item->refs, 1);
	memcpy(item->bytes, key.data, key.len);
	if (value.len > 0)
		memcpy(item->bytes + key.len, value.data, value.len);
	return item;
}

void weir_memory_item_release(void *owner)
{
	struct weir_memory_item *item = owner;

	if (atomic_fetch_sub_explicit(&item->refs, 1, memory_order_acq_rel) == 1)
		free(item);
}

struct weir_slice weir_memory_item_key(const struct weir_memory_item *item)
{
	return weir_slice(item->bytes, item->key_len);
}

struct weir_slice weir_memory_item_value(const struct weir_memory_item *item)
{
	return weir_slice(item->bytes + item->key_len, item->value_len);
}

static uint64_t item_cost(const struct weir_memory_item *item)
{
	return weir_memory_item_cost(weir_memory_item_key(item), weir_memory_item_value(item));
}

static struct weir_memory_item *find_hashed(const struct weir_memory_store *store, enum weir_memory_kind kind, struct weir_slice key,
					    uint64_t hash)
{
	struct weir_memory_item *item = store->buckets[hash & (store->bucket_count - 1)];

	while (item && (item->hash != hash || item->kind != kind || !weir_slice_equal(weir_memory_item_key(item), key)))
		item = item->chain;
	return item;
}

struct weir_memory_item *weir_memory_store_find(const struct weir_memory_store *store, enum weir_memory_kind kind, struct weir_slice key)
{
	return find_hashed(store, kind, key, hash_key(store, key));
}

static void list_push(struct weir_memory_list *list, struct weir_memory_item *item)
{
	item->newer = NULL;
	item->older = list->newest;
	if (list->newest)
		list->newest->newer = item;
	else
		list->oldest = item;
	list->newest = item;
	list->count++;
	list->bytes += item_cost(item);
}

static void list_remove(struct weir_memory_list *list, struct weir_memory_item *item)
{
	*(item->newer ? &item->newer->older : &list->newest) = item->older;
	*(item->older ? &item->older->newer : &list->oldest) = item->newer;
	list->count--;
	list->bytes -= item_cost(item);
}

void weir_memory_store_insert(struct weir_memory_store *store, struct weir_memory_item *item)
{
	struct weir_memory_item *old = find_hashed(store, item->kind, weir_memory_item_key(item), item->hash);
	struct weir_memory_item **bucket = &store->buckets[item->hash & (store->bucket_count - 1)];
	struct weir_memory_list *values = &store->lists[WEIR_MEMORY_VALUE];

	if (old)
		weir_memory_store_remove(store, old);
	while (values->oldest && weir_memory_store_bytes(store) + item_cost(item) > store->limit) {
		weir_memory_store_remove(store, values->oldest);
		store->evictions++;
	}
	item->chain = *bucket;
	*bucket = item;
	list_push(&store->lists[item->kind], item);
}

void weir_memory_store_remove(struct weir_memory_store *store, struct weir_memory_item *item)
{
	struct weir_memory_item **link = &store->buckets[item->hash & (store->bucket_count - 1)];

	while (*link != item)
		link = &(*link)->chain;
	*link = item->chain;
	list_remove(&store->lists[item->kind], item);
	weir_memory_item_release(item);
}

void weir_memory_store_touch(struct weir_memory_store *store, struct weir_memory_item *item)
{
	list_remove(&store->lists[item->kind], item);
	list_push(&store->lists[item->kind], item);
}
