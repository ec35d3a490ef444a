/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory: driver: one lock, the tables of store.h, and the clear clock. Every call is short and finds all it needs here. A hit hands
 * out the stored bytes themselves, with a reference, and allocates nothing.
 */
#include "memory.h"
#include "store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SIZE_DEFAULT ((uint64_t)64 * 1024 * 1024)
#define SIZE_MIN ((uint64_t)64 * 1024)

/* Leases looked at, from the one unused for longest, for one that has ended when there is no room for another. */
#define LEASE_SWEEP 32

struct memory {
	const struct weir_clock *clock;
	pthread_mutex_t lock; /* everything below */
	struct weir_memory_store store;
	uint64_t clear_clock;
	uint64_t hits, misses, sets, expirations;
};

static bool key_fits(struct weir_slice key)
{
	return key.len > 0 && key.len <= WEIR_KEY_MAX;
}

/* The value under `key` if it may be served; one that has expired is dropped. */
static struct weir_memory_item *find_value(struct memory *memory, struct weir_slice key, int64_t now_ms)
{
	struct weir_memory_item *item = weir_memory_store_find(&memory->store, WEIR_MEMORY_VALUE, key);

	if (!item || item->expires_ms > now_ms)
		return item;
	weir_memory_store_remove(&memory->store, item);
	memory->expirations++;
	return NULL;
}

static void get_one(struct memory *memory, struct weir_backend_get *get, int64_t now_ms)
{
	struct weir_memory_item *item = find_value(memory, get->key, now_ms);

	get->value = WEIR_SLICE_NONE;
	get->release = NULL;
	get->owner = NULL;
	get->status = item ? WEIR_OK : WEIR_MISS;
	if (!item) {
		memory->misses++;
		return;
	}
	memory->hits++;
	weir_memory_store_touch(&memory->store, item);
	atomic_fetch_add_explicit(&item->refs, 1, memory_order_relaxed);
	get->value = weir_memory_item_value(item);
	get->release = weir_memory_item_release;
	get->owner = item;
}

static void set_one(struct memory *memory, struct weir_backend_set *set)
{
	struct weir_memory_item *item = NULL, *old;

	set->status = WEIR_ERR_LIMIT;
	if (!key_fits(set->key))
		return;
	if (weir_memory_item_cost(set->key, set->value) <= memory->store.limit / 4) {
		item = weir_memory_item_create(&memory->store, WEIR_MEMORY_VALUE, set->key, set->value);
		set->status = item ? WEIR_OK : WEIR_ERR_MEMORY;
	}
	pthread_mutex_lock(&memory->lock);
	if (item) {
		item->expires_ms = set->expires_ms;
		weir_memory_store_insert(&memory->store, item);
		memory->sets++;
	} else {
		old = weir_memory_store_find(&memory->store, WEIR_MEMORY_VALUE, set->key);
		if (old)
			weir_memory_store_remove(&memory->store, old);
	}
	pthread_mutex_unlock(&memory->lock);
}

static enum weir_status memory_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		set_one(self, &sets[i]);
	return WEIR_OK;
}

static enum weir_status memory_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct memory *memory = self;
	int64_t now_ms = weir_clock_wall_ms(memory->clock);
	struct weir_memory_item *item;

	*removed = 0;
	pthread_mutex_lock(&memory->lock);
	for (size_t i = 0; i < count; i++) {
		item = find_value(memory, keys[i], now_ms);
		if (!item)
			continue;
		weir_memory_store_remove(&memory->store, item);
		++*removed;
	}
	pthread_mutex_unlock(&memory->lock);
	return WEIR_OK;
}

/* Makes everything stored so far invalid. */
static void begin_epoch(struct memory *memory)
{
	struct weir_memory_list *cells = &memory->store.lists[WEIR_MEMORY_CELL];
	uint64_t before = memory->clear_clock;

	while (weir_clear_clock_valid(before, memory->clear_clock, 0))
		memory->clear_clock = weir_clear_clock_new();
	while (cells->oldest)
		weir_memory_store_remove(&memory->store, cells->oldest);
}

/* Cells that were to be kept for a while only, and have been. */
static void drop_expired_cells(struct memory *memory)
{
	struct weir_memory_item *cell = memory->store.lists[WEIR_MEMORY_CELL].oldest;
	int64_t now_ms = weir_clock_monotonic_ms(memory->clock);

	while (cell) {
		struct weir_memory_item *newer = cell->newer;

		if (cell->expires_ms <= now_ms)
			weir_memory_store_remove(&memory->store, cell);
		cell = newer;
	}
}

/* A new cell at the current clock, which may be that of a new epoch. NULL when it cannot be kept. */
static struct weir_memory_item *create_cell(struct memory *memory, struct weir_slice name)
{
	uint64_t share = memory->store.limit / 8, cost = weir_memory_item_cost(name, WEIR_SLICE_NONE);
	struct weir_memory_item *cell;

	if (!key_fits(name) || cost > share)
		return NULL;
	cell = weir_memory_item_create(&memory->store, WEIR_MEMORY_CELL, name, WEIR_SLICE_NONE);
	if (!cell)
		return NULL;
	if (memory->store.lists[WEIR_MEMORY_CELL].bytes + cost > share)
		drop_expired_cells(memory);
	if (memory->store.lists[WEIR_MEMORY_CELL].bytes + cost > share)
		begin_epoch(memory);
	cell->number = memory->clear_clock;
	cell->expires_ms = INT64_MAX;
	weir_memory_store_insert(&memory->store, cell);
	return cell;
}

/* A cell that cannot be kept reads as the clock: that is newer than it may be, so entries are lost but never wrong. */
static void read_cell(struct memory *memory, struct weir_backend_cell *cell)
{
	struct weir_memory_item *item = weir_memory_store_find(&memory->store, WEIR_MEMORY_CELL, cell->name);

	cell->stamp = item ? item->number : 0;
	if (item || !cell->create)
		return;
	(void)create_cell(memory, cell->name);
	cell->stamp = memory->clear_clock;
}

static void read_cells(struct memory *memory, struct weir_backend_read *read)
{
	uint64_t before = memory->clear_clock;

	for (size_t i = 0; i < read->cell_count; i++)
		read_cell(memory, &read->cells[i]);
	/* A new epoch has dropped the cells that were read before it began. */
	for (size_t i = 0; i < read->cell_count && memory->clear_clock != before; i++)
		read->cells[i].stamp = memory->clear_clock;
	read->clock = memory->clear_clock;
}

static enum weir_status memory_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct memory *memory = self;
	int64_t now_ms = weir_clock_wall_ms(memory->clock);

	for (size_t i = 0; i < count; i++) {
		pthread_mutex_lock(&memory->lock);
		for (size_t k = 0; k < reads[i]->get_count; k++)
			get_one(memory, &reads[i]->gets[k], now_ms);
		read_cells(memory, reads[i]);
		pthread_mutex_unlock(&memory->lock);
		reads[i]->status = WEIR_OK;
	}
	return WEIR_OK;
}

static enum weir_status memory_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	struct memory *memory = self;
	struct weir_memory_item *cell;

	pthread_mutex_lock(&memory->lock);
	for (size_t i = 0; i < count; i++) {
		cell = weir_memory_store_find(&memory->store, WEIR_MEMORY_CELL, cells[i]);
		if (!cell)
			cell = create_cell(memory, cells[i]);
		if (cell) {
			cell->number = ++memory->clear_clock;
			cell->expires_ms = keep_ms > 0 ? weir_clock_monotonic_ms(memory->clock) + keep_ms : INT64_MAX;
		} else {
			begin_epoch(memory);
		}
	}
	*clock = memory->clear_clock;
	pthread_mutex_unlock(&memory->lock);
	return WEIR_OK;
}

static struct weir_memory_item *find_lease(struct memory *memory, struct weir_slice key, int64_t now_ms)
{
	struct weir_memory_item *lease = weir_memory_store_find(&memory->store, WEIR_MEMORY_LEASE, key);

	if (!lease || lease->expires_ms > now_ms)
		return lease;
	weir_memory_store_remove(&memory->store, lease);
	return NULL;
}

static bool make_room_for_lease(struct memory *memory, uint64_t cost, int64_t now_ms)
{
	const struct weir_memory_list *leases = &memory->store.lists[WEIR_MEMORY_LEASE];
	uint64_t share = memory->store.limit / 8;
	struct weir_memory_item *lease = leases->oldest, *newer;

	for (int i = 0; i < LEASE_SWEEP && lease && leases->bytes + cost > share; i++, lease = newer) {
		newer = lease->newer;
		if (lease->expires_ms <= now_ms)
			weir_memory_store_remove(&memory->store, lease);
	}
	return leases->bytes + cost <= share;
}

static enum weir_status create_lease(struct memory *memory, struct weir_slice key, uint64_t token, int64_t now_ms, int64_t ttl_ms)
{
	struct weir_memory_item *lease;

	if (!make_room_for_lease(memory, weir_memory_item_cost(key, WEIR_SLICE_NONE), now_ms))
		return WEIR_ERR_LIMIT;
	lease = weir_memory_item_create(&memory->store, WEIR_MEMORY_LEASE, key, WEIR_SLICE_NONE);
	if (!lease)
		return WEIR_ERR_MEMORY;
	lease->number = token;
	lease->expires_ms = now_ms + ttl_ms;
	weir_memory_store_insert(&memory->store, lease);
	return WEIR_OK;
}

static void extend_lease(struct memory *memory, struct weir_memory_item *lease, int64_t expires_ms)
{
	lease->expires_ms = expires_ms;
	weir_memory_store_touch(&memory->store, lease);
}

static enum weir_status memory_lease(void *self, struct weir_slice key, uint64_t token, int64_t ttl_ms)
{
	struct memory *memory = self;
	int64_t now_ms = weir_clock_monotonic_ms(memory->clock);
	enum weir_status status = WEIR_OK;
	struct weir_memory_item *lease;

	if (!key_fits(key))
		return WEIR_ERR_LIMIT;
	pthread_mutex_lock(&memory->lock);
	lease = find_lease(memory, key, now_ms);
	if (!lease)
		status = create_lease(memory, key, token, now_ms, ttl_ms);
	else if (lease->number == token)
		extend_lease(memory, lease, now_ms + ttl_ms);
	else
		status = WEIR_BUSY;
	pthread_mutex_unlock(&memory->lock);
	return status;
}

/* The lease on `key`, if `token` holds it. */
static struct weir_memory_item *find_held(struct memory *memory, struct weir_slice key, uint64_t token, int64_t now_ms)
{
	struct weir_memory_item *lease = find_lease(memory, key, now_ms);

	return lease && lease->number == token ? lease : NULL;
}

static enum weir_status memory_renew(void *self, struct weir_slice key, uint64_t token, int64_t ttl_ms)
{
	struct memory *memory = self;
	int64_t now_ms = weir_clock_monotonic_ms(memory->clock);
	enum weir_status status = WEIR_MISS;
	struct weir_memory_item *lease;

	pthread_mutex_lock(&memory->lock);
	lease = find_held(memory, key, token, now_ms);
	if (lease) {
		extend_lease(memory, lease, now_ms + ttl_ms);
		status = WEIR_OK;
	}
	pthread_mutex_unlock(&memory->lock);
	return status;
}

static enum weir_status memory_release(void *self, struct weir_slice key, uint64_t token)
{
	struct memory *memory = self;
	int64_t now_ms = weir_clock_monotonic_ms(memory->clock);
	enum weir_status status = WEIR_MISS;
	struct weir_memory_item *lease;

	pthread_mutex_lock(&memory->lock);
	lease = find_held(memory, key, token, now_ms);
	if (lease) {
		weir_memory_store_remove(&memory->store, lease);
		status = WEIR_OK;
	}
	pthread_mutex_unlock(&memory->lock);
	return status;
}

struct walk {
	struct weir_slice prefix;
	bool remove;
	weir_backend_visit_fn visit;
	void *state;
};

static bool walk_bucket(struct memory *memory, size_t bucket, const struct walk *walk, int64_t now_ms)
{
	struct weir_memory_item *item = memory->store.buckets[bucket], *next;
	bool go_on = true;

	for (; item && go_on; item = next) {
		next = item->chain;
		if (item->kind != WEIR_MEMORY_VALUE || item->expires_ms <= now_ms)
			continue;
		if (!weir_slice_starts_with(weir_memory_item_key(item), walk->prefix))
			continue;
		go_on = walk->visit(walk->state, weir_memory_item_key(item), weir_memory_item_value(item));
		if (walk->remove)
			weir_memory_store_remove(&memory->store, item);
	}
	return go_on;
}

/* Others get their turn between two buckets. */
static enum weir_status memory_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	struct memory *memory = self;
	const struct walk walk = { .prefix = prefix, .remove = remove, .visit = visit, .state = state };
	int64_t now_ms = weir_clock_wall_ms(memory->clock);
	bool go_on = true;

	for (size_t i = 0; i < memory->store.bucket_count && go_on; i++) {
		pthread_mutex_lock(&memory->lock);
		go_on = walk_bucket(memory, i, &walk, now_ms);
		pthread_mutex_unlock(&memory->lock);
	}
	return WEIR_OK;
}

static void memory_stats(void *self, struct weir_backend_stats *stats)
{
	struct memory *memory = self;

	pthread_mutex_lock(&memory->lock);
	*stats = (struct weir_backend_stats){
		.items = memory->store.lists[WEIR_MEMORY_VALUE].count,
		.bytes = weir_memory_store_bytes(&memory->store),
		.bytes_limit = memory->store.limit,
		.hits = memory->hits,
		.misses = memory->misses,
		.sets = memory->sets,
		.evictions = memory->store.evictions,
		.expirations = memory->expirations,
	};
	pthread_mutex_unlock(&memory->lock);
}

static enum weir_status parse_url(const struct weir_backend_url *url, char *why, size_t why_size, uint64_t *size)
{
	const char *text = weir_backend_url_option(url, "size");

	*size = SIZE_DEFAULT;
	if (url->path[0] != '\0') {
		(void)snprintf(why, why_size, "memory: takes no path, only options: memory:?size=64m");
		return WEIR_ERR_CONFIG;
	}
	if (!text || (weir_size_parse(weir_slice_text(text), size) == WEIR_OK && *size >= SIZE_MIN && *size <= SIZE_MAX / 2))
		return WEIR_OK;
	(void)snprintf(why, why_size, "memory: option size is \"%.40s\"; allowed: bytes, with k, m or g, from 64k on", text);
	return WEIR_ERR_CONFIG;
}

static enum weir_status memory_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				    void **self)
{
	struct memory *memory;
	uint64_t size;
	enum weir_status status = parse_url(url, why, why_size, &size);

	if (status != WEIR_OK)
		return status;
	memory = calloc(1, sizeof(*memory));
	status = memory ? weir_memory_store_init(&memory->store, size) : WEIR_ERR_MEMORY;
	if (status != WEIR_OK) {
		(void)snprintf(why, why_size, "memory: no table for %llu bytes: %s", (unsigned long long)size, weir_status_text(status));
		free(memory);
		return status;
	}
	pthread_mutex_init(&memory->lock, NULL);
	memory->clock = env->clock;
	memory->clear_clock = weir_clear_clock_new();
	*self = memory;
	return WEIR_OK;
}

static void memory_close(void *self)
{
	struct memory *memory = self;

	weir_memory_store_finish(&memory->store);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static const char *const option_names[] = { "size", NULL };

const struct weir_backend_ops weir_backend_memory = {
	.scheme = "memory",
	.flags = WEIR_BACKEND_LOCAL | WEIR_BACKEND_PROCESS_ONLY,
	.options = option_names,
	.open = memory_open,
	.get_many = memory_get_many,
	.set_many = memory_set_many,
	.remove = memory_remove,
	.clear = memory_clear,
	.lease = memory_lease,
	.renew = memory_renew,
	.release = memory_release,
	.walk = memory_walk,
	.stats = memory_stats,
	.close = memory_close,
};
