/* SPDX-License-Identifier: Apache-2.0
 *
 * set_many and remove. The server's own expiry is only there to free its memory: it counts in seconds of its own clock. What counts is in
 * the record.
 */
#include "items.h"

static struct weir_memcached_op *store_item(struct weir_memcached *store, struct weir_slice name, const struct weir_backend_set *set,
					    int64_t ttl_ms)
{
	size_t len = WEIR_MEMCACHED_RECORD_HEAD + set->key.len;
	char *head = weir_pool_bytes(store->pool, len);
	struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_SET, .name = name, .body = set->value };

	if (head) {
		weir_memcached_record_write(head, set->key, set->expires_ms);
		command.head = weir_slice(head, len);
	}
	command.lifetime_s = weir_memcached_lifetime(ttl_ms);
	return weir_memcached_queue(store, weir_memcached_node_of(store, name), &command);
}

static struct weir_memcached_op *delete_item(struct weir_memcached *store, struct weir_slice name)
{
	const struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_DELETE, .name = name };

	return weir_memcached_queue(store, weir_memcached_node_of(store, name), &command);
}

/* NULL for a key out of bounds. What has expired already, and what no server would take, only removes what was there. */
static struct weir_memcached_op *queue_set(struct weir_memcached *store, const struct weir_backend_set *set, int64_t now_ms)
{
	struct weir_slice name;

	if (!weir_memcached_is_key(set->key))
		return NULL;
	name = weir_memcached_name(store, 'v', set->key);
	if (set->expires_ms <= now_ms || set->value.len > WEIR_MEMCACHED_VALUE_MAX / 2)
		return delete_item(store, name);
	return store_item(store, name, set, set->expires_ms == WEIR_EXPIRES_NEVER ? WEIR_EXPIRES_NEVER : set->expires_ms - now_ms);
}

static enum weir_status set_status(struct weir_memcached *store, const struct weir_memcached_op *op, const struct weir_backend_set *set)
{
	if (!op)
		return WEIR_ERR_LIMIT;
	switch (op->result) {
	case WEIR_MEMCACHED_YES:
	case WEIR_MEMCACHED_NO: /* of a deletion */
		return set->value.len > WEIR_MEMCACHED_VALUE_MAX / 2 ? WEIR_ERR_LIMIT : WEIR_OK;
	case WEIR_MEMCACHED_TOO_LARGE: /* a server that says so has removed what was there */
		return WEIR_ERR_LIMIT;
	case WEIR_MEMCACHED_REFUSED:
		return WEIR_ERR_BACKEND;
	case WEIR_MEMCACHED_FAILED:
		break;
	}
	return weir_memcached_failure(weir_memcached_node_of(store, op->command.name));
}

static enum weir_status run_sets(struct weir_memcached *store, struct weir_backend_set *sets, size_t count)
{
	struct weir_memcached_op **ops = weir_pool_zalloc(store->pool, count * sizeof(struct weir_memcached_op *));
	int64_t now_ms = weir_clock_wall_ms(store->clock);
	enum weir_status status;

	if (!ops)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++)
		ops[i] = queue_set(store, &sets[i], now_ms);
	status = weir_memcached_exchange(store);
	for (size_t i = 0; status == WEIR_OK && i < count; i++) {
		sets[i].status = set_status(store, ops[i], &sets[i]);
		atomic_fetch_add_explicit(&store->sets, sets[i].status == WEIR_OK, memory_order_relaxed);
	}
	return status;
}

enum weir_status weir_memcached_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	enum weir_status status;

	weir_memcached_begin(self);
	status = run_sets(self, sets, count);
	weir_memcached_end(self);
	return status;
}

/* -- Removing -------------------------------------------------------------------------------------------------------------- */

/* What a server deletes may have expired before, or be another program's: so it is looked at first, in the same round trip. */
struct removal {
	struct weir_slice name;
	struct weir_memcached_op *seen, *gone; /* NULL: no key */
};

static bool was_removed(const struct removal *removal, struct weir_slice key, int64_t now_ms)
{
	struct weir_memcached_record record;

	return removal->gone->result == WEIR_MEMCACHED_YES && weir_memcached_item_read(removal->seen, now_ms, &record) &&
	       weir_slice_equal(record.key, key);
}

/* All are tried; the first failure is the result. */
static enum weir_status run_removal(struct weir_memcached *store, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct removal *removals = weir_pool_zalloc(store->pool, count * sizeof(*removals));
	int64_t now_ms = weir_clock_wall_ms(store->clock);
	enum weir_status status;

	if (!removals)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++) {
		if (!weir_memcached_is_key(keys[i]))
			continue;
		removals[i].name = weir_memcached_name(store, 'v', keys[i]);
		removals[i].seen = weir_memcached_queue_get(store, weir_memcached_node_of(store, removals[i].name), removals[i].name);
	}
	for (size_t i = 0; i < count; i++)
		if (removals[i].seen)
			removals[i].gone = delete_item(store, removals[i].name);
	status = weir_memcached_exchange(store);
	if (status != WEIR_OK)
		return status;
	for (size_t i = 0; i < count; i++) {
		const struct removal *removal = &removals[i];

		if (!removal->gone)
			continue;
		*removed += was_removed(removal, keys[i], now_ms);
		if (status == WEIR_OK &&
		    (removal->gone->result == WEIR_MEMCACHED_FAILED || removal->gone->result == WEIR_MEMCACHED_REFUSED))
			status = weir_memcached_failure(weir_memcached_node_of(store, removal->name));
	}
	return status;
}

enum weir_status weir_memcached_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	enum weir_status status;

	*removed = 0;
	weir_memcached_begin(self);
	status = run_removal(self, keys, count, removed);
	weir_memcached_end(self);
	return status;
}
