/* SPDX-License-Identifier: Apache-2.0
 *
 * What the backend says: is there an entry, may it be served, and which clears does this call know of.
 */
#include "cache/lookup.h"

#include "cache/cells.h"

bool weir_lookup_is_current(const struct weir_call *call, uint64_t clock)
{
	for (size_t i = 0; call->clock_known && i < WEIR_CALL_CELL_SOFT; i++)
		if (!weir_clear_clock_valid(clock, call->clock, call->cells[i].stamp))
			return false;
	return true;
}

uint64_t weir_lookup_generation(const struct weir_call *call)
{
	uint64_t newest = 0;

	for (size_t i = 0; i < WEIR_CALL_CELL_SOFT; i++)
		if (newest < call->cells[i].stamp)
			newest = call->cells[i].stamp;
	return newest;
}

/* Who watches reads the same entry many times, and has said so once. */
static void drop_damaged(struct weir_call *call)
{
	if (call->pause_ms > 0)
		return;
	weir_cache_report(call->cache, WEIR_REPORT_DAMAGE, "a damaged entry was dropped: %s", weir_call_what(call));
}

/* -- Fresh, old or gone ---------------------------------------------------------------------------------------------------- */

/* The entry is valid, and perhaps softly purged. */
static void take_valid(struct weir_call *call, bool purged)
{
	int64_t now_ms = weir_clock_wall_ms(call->cache->clock);

	call->hit = !purged && call->entry.expires_ms > now_ms;
	if (call->hit)
		return;
	call->old.is_there = call->entry.revalidate_until_ms > now_ms || call->entry.error_until_ms > now_ms;
	call->old.entry = call->entry;
}

/* Any clear since its making may have been one of its tags; the cell of soft purges tells whether there was one. */
static bool needs_more(const struct weir_call *call)
{
	const struct weir_entry *entry = &call->entry;

	if (!call->clock_known || entry->clock == call->clock)
		return false;
	return entry->tag_count > 0 || !weir_clear_clock_valid(entry->clock, call->clock, call->cells[WEIR_CALL_CELL_SOFT].stamp);
}

/* -- In doubt -------------------------------------------------------------------------------------------------------------- */

static bool name_more(struct weir_call *call)
{
	struct weir_cells *cells = weir_pool_alloc(call->pool, sizeof(*cells));

	if (!cells || !weir_cells_name(cells, call, call->pool, call->entry.tags, call->entry.tag_count))
		return false;
	call->more = cells;
	return true;
}

void weir_lookup_prepare_more(struct weir_call *call, void (*done)(struct weir_job *job))
{
	call->job = (struct weir_job){ .kind = WEIR_JOB_READ, .done = done, .owner = call };
	call->job.read.cells = call->more->list;
	call->job.read.cell_count = call->more->count;
}

void weir_lookup_settle(struct weir_call *call)
{
	uint64_t clock = call->job.read.clock;
	bool purged = false;

	call->in_doubt = false;
	if (call->job.status != WEIR_OK) {
		weir_cache_count(call->cache, WEIR_COUNT_ERROR);
		call->more = NULL;
		return;
	}
	for (size_t i = 0; i < call->more->count; i++) {
		if (weir_clear_clock_valid(call->entry.clock, clock, call->more->list[i].stamp))
			continue;
		if (i < call->more->tag_count)
			return;
		purged = true;
	}
	take_valid(call, purged);
}

bool weir_lookup_ask_more(struct weir_call *call, void (*done)(struct weir_job *job))
{
	struct weir_host *host = weir_call_host(call);

	weir_lookup_prepare_more(call, done);
	if (host->ops->submit(host, call->cache->backend, &call->job) == WEIR_OK) /* from here on the job is the I/O thread's */
		return true;
	call->in_doubt = false;
	call->more = NULL;
	return false;
}

/* -- The entry ------------------------------------------------------------------------------------------------------------- */

bool weir_lookup_take_entry(struct weir_call *call, struct weir_slice bytes, bool trusted)
{
	call->hit = call->in_doubt = call->old.is_there = false;
	call->more = NULL;
	if (weir_entry_decode(bytes, trusted, &call->entry) != WEIR_OK) {
		drop_damaged(call);
		return false;
	}
	if (call->entry.coder != call->coder_id || !weir_lookup_is_current(call, call->entry.clock))
		return false;
	weir_fields_init(&call->fields, call->pool);
	if (weir_entry_fields(&call->entry, trusted, &call->fields) != WEIR_OK) {
		drop_damaged(call);
		return false;
	}
	if (!needs_more(call)) {
		take_valid(call, false);
	} else if (name_more(call)) {
		call->in_doubt = true;
		if (call->cache->local) {
			weir_lookup_prepare_more(call, NULL);
			weir_jobs_execute(call->cache->backend, &call->job);
			weir_lookup_settle(call);
		}
	}
	return call->hit || call->in_doubt || call->old.is_there;
}

/* Who watches reads the same old value many times, and keeps one. */
static bool is_held(const struct weir_call *call, struct weir_slice bytes)
{
	const struct weir_entry *old = &call->old.entry;
	struct weir_entry entry;

	return call->old.is_there && weir_entry_decode(bytes, true, &entry) == WEIR_OK && entry.created_ms == old->created_ms &&
	       entry.expires_ms == old->expires_ms && entry.clock == old->clock;
}

/* What nobody will look at is let go of at once. */
static void take_value(struct weir_call *call)
{
	struct weir_backend_get get = call->get;

	if (call->reloads || get.status != WEIR_OK)
		return;
	if (is_held(call, get.value) || !weir_lookup_take_entry(call, get.value, call->cache->trusted)) {
		if (get.release)
			get.release(get.owner);
		return;
	}
	if (get.release)
		weir_pool_on_reset(call->pool, get.release, get.owner);
	if (weir_pool_overflowed(call->pool))
		call->hit = call->in_doubt = call->old.is_there = false;
}

void weir_lookup_learn(struct weir_call *call)
{
	call->clock_known = call->job.status == WEIR_OK;
	call->hit = call->in_doubt = false;
	if (call->clock_known) {
		call->clock = call->job.read.clock;
		call->old.is_there = call->old.is_there && weir_lookup_is_current(call, call->old.entry.clock);
		take_value(call);
		return;
	}
	weir_cache_report(call->cache, WEIR_REPORT_READ, "cache backend failed, %s goes on without: %s", weir_call_what(call),
			  weir_status_text(call->job.status));
}

void weir_lookup_prepare_read(struct weir_call *call, void (*done)(struct weir_job *job))
{
	call->get = (struct weir_backend_get){ .key = call->key };
	call->job = (struct weir_job){ .kind = WEIR_JOB_READ, .done = done, .owner = call };
	call->job.read.gets = &call->get;
	call->job.read.get_count = call->reloads ? 0 : 1; /* the clock is needed in any case */
	call->job.read.cells = call->cells;
	call->job.read.cell_count = WEIR_CALL_CELLS;
}
