/* SPDX-License-Identifier: Apache-2.0
 *
 * What the backend says: is there an entry, may it be served, and which clears does this call know of.
 */
#include "cache/lookup.h"

bool weir_lookup_is_current(const struct weir_call *call, uint64_t clock)
{
	for (size_t i = 0; call->clock_known && i < 3; i++)
		if (!weir_clear_clock_valid(clock, call->clock, call->cells[i].stamp))
			return false;
	return true;
}

static bool is_valid(const struct weir_call *call)
{
	return weir_lookup_is_current(call, call->entry.clock) && call->entry.expires_ms > weir_clock_wall_ms(call->cache->clock);
}

/* Who watches reads the same entry many times, and has said so once. */
static bool drop_damaged(struct weir_call *call)
{
	if (call->pause_ms > 0)
		return false;
	weir_cache_count(call->cache, WEIR_COUNT_ERROR);
	weir_log_warn(call->cache->log, "a damaged entry was dropped: %s", weir_exchange_what(weir_exchange_of(call->req)));
	return false;
}

bool weir_lookup_take_entry(struct weir_call *call, struct weir_slice bytes, bool trusted)
{
	if (weir_entry_decode(bytes, trusted, &call->entry) != WEIR_OK)
		return drop_damaged(call);
	if (!is_valid(call))
		return false;
	weir_fields_init(&call->fields, call->req->pool);
	return weir_entry_fields(&call->entry, trusted, &call->fields) == WEIR_OK || drop_damaged(call);
}

/* What is not served is let go of at once. */
static bool take_value(struct weir_call *call)
{
	struct weir_backend_get *get = &call->get;

	if (call->reloads || get->status != WEIR_OK)
		return false;
	if (!weir_lookup_take_entry(call, get->value, call->cache->trusted)) {
		if (get->release)
			get->release(get->owner);
		return false;
	}
	if (get->release)
		weir_pool_on_reset(call->req->pool, get->release, get->owner);
	return !weir_pool_overflowed(call->req->pool);
}

void weir_lookup_learn(struct weir_call *call)
{
	call->clock_known = call->job.status == WEIR_OK;
	call->hit = false;
	if (call->clock_known) {
		call->clock = call->job.read.clock;
		call->hit = take_value(call);
		return;
	}
	weir_cache_count(call->cache, WEIR_COUNT_ERROR);
	weir_log_warn(call->cache->log, "cache backend failed, %s goes on without: %s", weir_exchange_what(weir_exchange_of(call->req)),
		      weir_status_text(call->job.status));
}

void weir_lookup_prepare_read(struct weir_call *call, void (*done)(struct weir_job *job))
{
	call->get = (struct weir_backend_get){ .key = call->key };
	call->job = (struct weir_job){ .kind = WEIR_JOB_READ, .done = done, .owner = call };
	call->job.read.gets = &call->get;
	call->job.read.get_count = call->reloads ? 0 : 1; /* the clock is needed in any case */
	call->job.read.cells = call->cells;
	call->job.read.cell_count = 3;
}
