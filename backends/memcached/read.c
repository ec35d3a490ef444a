/* SPDX-License-Identifier: Apache-2.0
 *
 * get_many: values from their servers, clock and cells from the keepers, for all reads of the batch in one round trip.
 *
 * Reads of one batch mostly name the same cells: each is asked for once.
 *
 * The cell of a single key is asked for without `create`, since most keys are never cleared. But memcached may evict the cell of one that
 * was, and then nobody could tell. So the cell of a key that is looked up in the same read is created all the same, with the first miss:
 * the entry that is stored then is not older than its cell. If the cell is lost later it comes back as the clock, and the entry is only
 * good if nothing at all was cleared since it was made: a miss too many, never a value too old.
 */
#include <stdlib.h>

#include "items.h"
#include "keepers.h"

struct batch {
	struct weir_memcached *store;
	struct weir_backend_read *const *reads;
	size_t count;
	size_t get_count, cell_count;
	struct weir_memcached_op **gets; /* in the order of the reads; NULL for what is no key */
	struct weir_memcached_view view;
	size_t *slots; /* a hash table of cells by key: index + 1, 0 for none */
	size_t slot_mask;
	size_t *cells; /* which cell of the view, in the order of the reads */
};

static bool prepare(struct batch *batch)
{
	struct weir_pool *pool = batch->store->pool;
	size_t slots = 2;

	for (size_t i = 0; i < batch->count; i++) {
		batch->get_count += batch->reads[i]->get_count;
		batch->cell_count += batch->reads[i]->cell_count;
	}
	while (slots < 2 * batch->cell_count)
		slots *= 2;
	batch->slot_mask = slots - 1;
	batch->gets = weir_pool_zalloc(pool, batch->get_count * sizeof(struct weir_memcached_op *));
	batch->cells = weir_pool_zalloc(pool, batch->cell_count * sizeof(*batch->cells));
	batch->slots = weir_pool_zalloc(pool, slots * sizeof(*batch->slots));
	batch->view.cells = weir_pool_zalloc(pool, batch->cell_count * sizeof(*batch->view.cells));
	batch->view.clock_name = weir_memcached_name(batch->store, 'k', WEIR_SLICE_LITERAL("clock"));
	return !weir_pool_overflowed(pool);
}

/* FNV-1a: names are short, and few. */
static size_t hash(struct weir_slice bytes)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < bytes.len; i++)
		sum = (sum ^ (unsigned char)bytes.data[i]) * UINT64_C(0x100000001b3);
	return (size_t)(sum ^ sum >> 32);
}

/* The cell of that name in the view, which it is added to if need be. */
static size_t find_cell(struct batch *batch, struct weir_slice key)
{
	size_t slot = hash(key) & batch->slot_mask, index;

	for (; batch->slots[slot]; slot = (slot + 1) & batch->slot_mask)
		if (weir_slice_equal(batch->view.cells[batch->slots[slot] - 1].key, key))
			return batch->slots[slot] - 1;
	index = batch->view.cell_count++;
	batch->slots[slot] = index + 1;
	batch->view.cells[index].key = key;
	batch->view.cells[index].name = weir_memcached_name(batch->store, 'c', key);
	return index;
}

static bool looks_up(const struct weir_backend_read *read, struct weir_slice key)
{
	for (size_t i = 0; i < read->get_count; i++)
		if (weir_slice_equal(read->gets[i].key, key))
			return true;
	return false;
}

static struct weir_memcached_op *ask_for_value(struct weir_memcached *store, struct weir_slice key)
{
	struct weir_slice name;

	if (!weir_memcached_is_key(key))
		return NULL;
	name = weir_memcached_name(store, 'v', key);
	return weir_memcached_queue_get(store, weir_memcached_node_of(store, name), name);
}

static void ask(struct batch *batch)
{
	size_t get = 0, cell = 0;

	for (size_t i = 0; i < batch->count; i++) {
		const struct weir_backend_read *read = batch->reads[i];

		for (size_t k = 0; k < read->get_count; k++)
			batch->gets[get++] = ask_for_value(batch->store, read->gets[k].key);
		for (size_t k = 0; k < read->cell_count; k++) {
			size_t index = find_cell(batch, read->cells[k].name);

			batch->cells[cell++] = index;
			if (read->cells[k].create || looks_up(read, read->cells[k].name))
				batch->view.cells[index].create = true;
		}
	}
	weir_memcached_view_ask(batch->store, &batch->view);
}

static void release_value(void *owner)
{
	free(owner);
}

bool weir_memcached_item_read(const struct weir_memcached_op *op, int64_t now_ms, struct weir_memcached_record *record)
{
	struct weir_slice bytes = weir_memcached_found(op);

	return bytes.data && weir_memcached_record_read(bytes, record) && record->expires_ms > now_ms;
}

static void answer_get(struct batch *batch, struct weir_memcached_op *op, struct weir_backend_get *get, int64_t now_ms)
{
	struct weir_memcached_record record;
	bool hit = op && weir_memcached_item_read(op, now_ms, &record) && weir_slice_equal(record.key, get->key);

	get->status = hit ? WEIR_OK : WEIR_MISS;
	get->value = hit ? record.value : WEIR_SLICE_NONE;
	get->release = hit ? release_value : NULL;
	get->owner = hit ? op->data : NULL;
	if (hit)
		op->data = NULL;
	atomic_fetch_add_explicit(hit ? &batch->store->hits : &batch->store->misses, 1, memory_order_relaxed);
}

static void answer(struct batch *batch)
{
	int64_t now_ms = weir_clock_wall_ms(batch->store->clock);
	size_t get = 0, cell = 0;

	for (size_t i = 0; i < batch->count; i++) {
		struct weir_backend_read *read = batch->reads[i];

		for (size_t k = 0; k < read->get_count; k++)
			answer_get(batch, batch->gets[get++], &read->gets[k], now_ms);
		for (size_t k = 0; k < read->cell_count; k++)
			read->cells[k].stamp = batch->view.cells[batch->cells[cell++]].stamp;
		read->clock = batch->view.clock;
		read->status = WEIR_OK;
	}
}

static enum weir_status run(struct batch *batch)
{
	enum weir_status status;

	if (!prepare(batch))
		return WEIR_ERR_MEMORY;
	ask(batch);
	status = weir_memcached_exchange(batch->store);
	if (status == WEIR_OK)
		status = weir_memcached_view_settle(batch->store, &batch->view);
	if (status != WEIR_OK)
		return status;
	answer(batch);
	if (weir_memcached_view_heal(batch->store, &batch->view))
		(void)weir_memcached_exchange(batch->store); /* sends, and waits for nothing */
	return WEIR_OK;
}

enum weir_status weir_memcached_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct batch batch = { .store = self, .reads = reads, .count = count };
	enum weir_status status;

	weir_memcached_begin(self);
	status = run(&batch);
	weir_memcached_end(self);
	return status;
}
