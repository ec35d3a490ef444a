/* SPDX-License-Identifier: Apache-2.0
 *
 * From questions to keepers to a clock and stamps that hold. In nearly every read all copies agree, and this is a few comparisons.
 */
#include "keepers.h"
#include "record.h"

/* Round trips to come to an agreement in; hosts that clear at the same moment may disturb each other. */
#define ROUNDS 5

void weir_memcached_view_ask(struct weir_memcached *store, struct weir_memcached_view *view)
{
	for (size_t k = 0; k < store->keeper_count; k++) {
		for (size_t i = 0; i < view->cell_count; i++)
			view->cells[i].copies[k] = weir_memcached_queue_get(store, &store->nodes[k], view->cells[i].name);
		view->copies[k] = weir_memcached_queue_get(store, &store->nodes[k], view->clock_name);
	}
}

void weir_memcached_copies(const struct weir_memcached *store, struct weir_memcached_op *const *ops, struct weir_memcached_copy *copies)
{
	for (size_t k = 0; k < store->keeper_count; k++) {
		copies[k].answered = ops[k]->result == WEIR_MEMCACHED_YES || ops[k]->result == WEIR_MEMCACHED_NO;
		copies[k].number = weir_memcached_number_read(weir_memcached_found(ops[k]));
	}
}

enum weir_status weir_memcached_keepers_failure(const struct weir_memcached *store)
{
	for (size_t k = 0; k < store->keeper_count; k++)
		if (store->nodes[k].status != WEIR_OK)
			return weir_memcached_failure(&store->nodes[k]);
	return WEIR_ERR_BACKEND;
}

struct weir_memcached_op *weir_memcached_raise(struct weir_memcached *store, size_t keeper, const struct weir_memcached_op *seen,
					       uint64_t number, bool quiet)
{
	char *text = weir_pool_bytes(store->pool, WEIR_MEMCACHED_NUMBER_SIZE);
	struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_ADD, .name = seen->command.name, .quiet = quiet };

	if (seen->result == WEIR_MEMCACHED_YES) {
		command.verb = WEIR_MEMCACHED_CAS;
		command.cas = seen->number;
	}
	if (text)
		command.head = weir_memcached_number_write(text, number);
	return weir_memcached_queue(store, &store->nodes[keeper], &command);
}

/* All copies of the clock that are not `number`. */
static void set_clock(struct weir_memcached *store, struct weir_memcached_view *view, uint64_t number)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX];

	weir_memcached_copies(store, view->copies, copies);
	for (size_t k = 0; k < store->keeper_count; k++)
		if (copies[k].answered && copies[k].number != number)
			(void)weir_memcached_raise(store, k, view->copies[k], number, false);
}

/* The largest stamp. */
static uint64_t judge_cells(struct weir_memcached *store, struct weir_memcached_view *view)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX];
	uint64_t largest = 0;

	for (size_t i = 0; i < view->cell_count; i++) {
		struct weir_memcached_cell *cell = &view->cells[i];

		weir_memcached_copies(store, cell->copies, copies);
		cell->stamp = weir_memcached_judge_cell(copies, store->keeper_count, view->clock, cell->create);
		if (largest < cell->stamp)
			largest = cell->stamp;
	}
	return largest;
}

/* AGREED: the view is complete. UNEVEN: the clock has to be set to view->clock. */
static enum weir_memcached_verdict judge(struct weir_memcached *store, struct weir_memcached_view *view)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX];
	enum weir_memcached_verdict verdict;
	uint64_t largest;

	weir_memcached_copies(store, view->copies, copies);
	verdict = weir_memcached_judge_clock(copies, store->keeper_count, &view->clock);
	if (verdict == WEIR_MEMCACHED_LOST)
		view->clock = weir_clear_clock_new() & WEIR_MEMCACHED_NUMBER_MAX;
	if (verdict != WEIR_MEMCACHED_AGREED)
		return verdict;
	largest = judge_cells(store, view);
	if (largest <= view->clock)
		return WEIR_MEMCACHED_AGREED;
	view->clock = largest;
	return WEIR_MEMCACHED_UNEVEN;
}

enum weir_status weir_memcached_view_settle(struct weir_memcached *store, struct weir_memcached_view *view)
{
	for (int round = 0; round < ROUNDS; round++) {
		enum weir_memcached_verdict verdict = judge(store, view);
		enum weir_status status;

		if (weir_pool_overflowed(store->pool))
			return WEIR_ERR_MEMORY;
		if (verdict == WEIR_MEMCACHED_UNREACHABLE)
			return weir_memcached_keepers_failure(store);
		if (verdict == WEIR_MEMCACHED_AGREED)
			return WEIR_OK;
		set_clock(store, view, view->clock);
		weir_memcached_view_ask(store, view);
		status = weir_memcached_exchange(store);
		if (status != WEIR_OK)
			return status;
	}
	return WEIR_ERR_BACKEND;
}

bool weir_memcached_view_heal(struct weir_memcached *store, struct weir_memcached_view *view)
{
	struct weir_memcached_copy copies[WEIR_MEMCACHED_KEEPERS_MAX] = { { .answered = false } };
	bool any = false;

	for (size_t i = 0; i < view->cell_count; i++) {
		struct weir_memcached_cell *cell = &view->cells[i];

		if (cell->stamp == 0)
			continue;
		weir_memcached_copies(store, cell->copies, copies);
		for (size_t k = 0; k < store->keeper_count; k++) {
			if (!copies[k].answered || weir_memcached_count_reached(&copies[k], 1, cell->stamp) == 1)
				continue;
			(void)weir_memcached_raise(store, k, cell->copies[k], cell->stamp, true);
			any = true;
		}
	}
	return any;
}
