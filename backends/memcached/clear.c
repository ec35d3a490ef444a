/* SPDX-License-Identifier: Apache-2.0
 *
 * clear: a new number for the clock on all keepers, then for the cells. Three round trips, more when hosts clear at the same time.
 *
 * The clock counts first: from then on nothing that is begun is older than this clear. The number of the clear is the largest that a keeper
 * has counted to. It has ended well when more than half of the keepers have the clock and every cell at that number or beyond, which is
 * looked at, not assumed.
 *
 * All cells of one clear have the same stamp. They are stored without an expiry, whatever the caller asks for: a cell that is lost makes
 * entries invalid, and memcached evicts what nobody uses.
 */
#include "keepers.h"
#include "record.h"

#define ROUNDS 5

static enum weir_status count_up(struct weir_memcached *store, struct weir_memcached_view *view, uint64_t *stamp)
{
	const struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_INCREMENT, .name = view->clock_name };
	struct weir_memcached_op *ops[WEIR_MEMCACHED_KEEPERS_MAX];
	size_t counted = 0, keepers = store->keeper_count;
	enum weir_status status;

	for (size_t k = 0; k < keepers; k++)
		ops[k] = weir_memcached_queue(store, &store->nodes[k], &command);
	status = weir_memcached_exchange(store);
	*stamp = 0;
	for (size_t k = 0; k < keepers; k++) {
		if (ops[k]->result != WEIR_MEMCACHED_YES || !weir_memcached_same_epoch(ops[k]->number, view->clock))
			continue;
		counted++;
		if (*stamp < ops[k]->number)
			*stamp = ops[k]->number;
	}
	if (status == WEIR_OK && counted < weir_memcached_majority(keepers))
		return weir_memcached_keepers_failure(store);
	return status;
}

/* Queues `stamp` for each of the copies that is less. */
static void raise_copies(struct weir_memcached *store, struct weir_memcached_op *const *ops, uint64_t stamp)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX];

	weir_memcached_copies(store, ops, copies);
	for (size_t k = 0; k < store->keeper_count; k++)
		if (copies[k].answered && weir_memcached_count_reached(&copies[k], 1, stamp) == 0)
			(void)weir_memcached_raise(store, k, ops[k], stamp, false);
}

/* How many keepers have the clock and all cells at `stamp` or beyond. */
static size_t count_complete(struct weir_memcached *store, const struct weir_memcached_view *view, uint64_t stamp)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX];
	bool complete[WEIR_MEMCACHED_KEEPERS_MAX];
	size_t count = 0;

	weir_memcached_copies(store, view->copies, copies);
	for (size_t k = 0; k < store->keeper_count; k++)
		complete[k] = weir_memcached_count_reached(&copies[k], 1, stamp) == 1;
	for (size_t i = 0; i < view->cell_count; i++) {
		weir_memcached_copies(store, view->cells[i].copies, copies);
		for (size_t k = 0; k < store->keeper_count; k++)
			complete[k] = complete[k] && weir_memcached_count_reached(&copies[k], 1, stamp) == 1;
	}
	for (size_t k = 0; k < store->keeper_count; k++)
		count += complete[k];
	return count;
}

static size_t count_answering(struct weir_memcached *store, const struct weir_memcached_view *view)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX];
	size_t count = 0;

	weir_memcached_copies(store, view->copies, copies);
	for (size_t k = 0; k < store->keeper_count; k++)
		count += copies[k].answered;
	return count;
}

/* Brings `stamp` to all keepers that answer, and sees that it is there. The view's clock is from before the counting: the first round is
 * for the cells. */
static enum weir_status spread(struct weir_memcached *store, struct weir_memcached_view *view, uint64_t stamp)
{
	size_t complete = 0, majority = weir_memcached_majority(store->keeper_count);

	for (int round = 0; round < ROUNDS; round++) {
		enum weir_status status;

		for (size_t i = 0; i < view->cell_count; i++)
			raise_copies(store, view->cells[i].copies, stamp);
		if (round > 0)
			raise_copies(store, view->copies, stamp);
		weir_memcached_view_ask(store, view);
		status = weir_memcached_exchange(store);
		if (status != WEIR_OK)
			return status;
		complete = count_complete(store, view, stamp);
		if (complete >= majority && complete == count_answering(store, view))
			return WEIR_OK;
	}
	return complete >= majority ? WEIR_OK : weir_memcached_keepers_failure(store);
}

static enum weir_status run(struct weir_memcached *store, const struct weir_slice *cells, size_t count, uint64_t *clock)
{
	struct weir_memcached_view view = { .cell_count = count };
	enum weir_status status;

	view.cells = weir_pool_zalloc(store->pool, count * sizeof(*view.cells));
	if (!view.cells)
		return WEIR_ERR_MEMORY;
	view.clock_name = weir_memcached_name(store, 'k', WEIR_SLICE_LITERAL("clock"));
	for (size_t i = 0; i < count; i++)
		view.cells[i].name = weir_memcached_name(store, 'c', cells[i]);
	weir_memcached_view_ask(store, &view);
	status = weir_memcached_exchange(store);
	if (status == WEIR_OK)
		status = weir_memcached_view_settle(store, &view);
	*clock = view.clock;
	if (status != WEIR_OK || count == 0)
		return status;
	status = count_up(store, &view, clock);
	return status == WEIR_OK ? spread(store, &view, *clock) : status;
}

enum weir_status weir_memcached_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	enum weir_status status;

	(void)keep_ms;
	weir_memcached_begin(self);
	status = run(self, cells, count, clock);
	weir_memcached_end(self);
	return status;
}
