/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a call by C code: what the backend has, the lease, the making.
 *
 * The lease is that of lease.h, and holds against those of exchanges too, only that no timer renews it: it is taken for as long as others
 * wait at the most.
 */
#include "cache/value_making.h"

#include "cache/cells.h"
#include "cache/departure.h"
#include "cache/execute.h"
#include "cache/function.h"
#include "cache/lookup.h"
#include "cache/remembered.h"
#include "cache/stale.h"
#include "cache/token.h"
#include "cache/value_behind.h"

/* How long a page is kept that an old value is part of. */
#define MADE_OF_OLD_S 2

/* -- What the backend has -------------------------------------------------------------------------------------------------- */

void weir_making_settle_doubt(struct weir_making *making)
{
	struct weir_call *call = making->call;

	if (!call->in_doubt)
		return;
	weir_lookup_prepare_more(call, NULL);
	(void)weir_cache_execute(call->cache, &call->job);
	weir_lookup_settle(call);
}

void weir_making_look(struct weir_making *making)
{
	struct weir_call *call = making->call;

	weir_lookup_prepare_read(call, NULL);
	(void)weir_cache_execute(call->cache, &call->job);
	weir_lookup_learn(call);
	weir_making_settle_doubt(making);
}

/* The tags of a value go to all that is made of it. */
static void hand_tags_up(const struct weir_call *call)
{
	struct weir_slice tags = call->entry.tags, tag;

	while (weir_tags_next(&tags, &tag))
		for (struct weir_call *around = call->parent; around; around = around->parent)
			weir_tags_add(&around->tags, around->pool, tag);
}

enum weir_status weir_making_take_hit(struct weir_making *making)
{
	enum weir_status status = making->call->hit ? weir_function_decode(making->call, making->value) : WEIR_ERR_STATE;

	if (status < 0)
		return status;
	making->call->state = WEIR_CALL_FOUND;
	weir_cache_count(making->call->cache, making->sent ? WEIR_COUNT_MISS : WEIR_COUNT_HIT);
	hand_tags_up(making->call);
	return status;
}

/* What is made of an old value is not good for long. */
static void shorten(struct weir_call *around)
{
	int64_t expire_s = weir_call_expire_s(around);

	if (expire_s < 0 || expire_s > MADE_OF_OLD_S)
		weir_call_set_expire_s(around, MADE_OF_OLD_S);
}

enum weir_status weir_making_take_old(struct weir_making *making, int64_t until_ms)
{
	struct weir_call *call = making->call;
	enum weir_status status;

	if (!call->old.is_there || until_ms <= weir_clock_wall_ms(call->cache->clock))
		return WEIR_ERR_STATE;
	call->entry = call->old.entry;
	memset(making->value, 0, weir_coder_size(weir_call_coder(call)));
	status = weir_function_decode(call, making->value);
	if (status < 0)
		return status;
	hand_tags_up(call);
	for (struct weir_call *around = call->parent; around; around = around->parent)
		shorten(around);
	return status;
}

enum weir_status weir_making_take_aside(struct weir_making *making, struct weir_blob *entry)
{
	struct weir_call *call = making->call;
	enum weir_status status = WEIR_ERR_MEMORY;

	if (!entry)
		return status;
	weir_pool_on_reset(call->pool, weir_blob_drop, weir_blob_take(entry));
	if (!weir_pool_overflowed(call->pool))
		status = weir_entry_decode(weir_slice(entry->data, entry->len), true, &call->entry);
	if (status == WEIR_OK)
		status = weir_function_decode(call, making->value);
	if (status >= 0)
		hand_tags_up(call);
	return status;
}

/* -- The lease ------------------------------------------------------------------------------------------------------------- */

static void prepare_lease(struct weir_making *making, enum weir_lease_verb verb)
{
	struct weir_backend_lease lease = making->lease.lease;

	lease.verb = verb;
	making->lease = (struct weir_job){ .kind = WEIR_JOB_LEASE, .lease = lease };
}

void weir_making_give_back(struct weir_making *making)
{
	if (!making->holds)
		return;
	making->holds = false;
	prepare_lease(making, WEIR_LEASE_RELEASE);
	weir_lease_report(making->call->cache, WEIR_REPORT_RELEASE, weir_cache_execute(making->call->cache, &making->lease));
}

enum weir_status weir_making_ask(struct weir_making *making, enum weir_lease_rank rank)
{
	struct weir_call *call = making->call;

	call->generation = weir_lookup_generation(call);
	if (!making->lease_name)
		making->lease_name = weir_pool_bytes(call->pool, weir_lease_name_size(call->key));
	if (!making->lease_name)
		return WEIR_ERR_MEMORY;
	making->lease.lease = (struct weir_backend_lease){
		.key = weir_lease_name(making->lease_name, call->key, call->generation, rank),
		.token = weir_token_draw(),
		.ttl_ms = weir_lease_long_ms(call->lock_timeout_ms),
	};
	prepare_lease(making, WEIR_LEASE_TAKE);
	weir_lookup_prepare_read(call, NULL);
	making->lease.next = &call->job;
	(void)weir_cache_execute(call->cache, &making->lease);
	making->holds = making->lease.status == WEIR_OK;
	weir_lookup_learn(call);
	weir_making_settle_doubt(making);
	if (making->lease.status < 0 && call->clock_known)
		weir_cache_report(call->cache, WEIR_REPORT_NO_LEASE, "cache backend gives no lease, function \"%s\" goes on without: %s",
				  call->function->name, weir_status_text(making->lease.status));
	return making->lease.status;
}

/* -- Making ---------------------------------------------------------------------------------------------------------------- */

void weir_making_share(struct weir_making *making)
{
	struct weir_slice bytes = making->call->get.value;
	bool is_wanted = making->behind || weir_value_is_awaited(&making->seat);
	struct weir_blob *blob = is_wanted ? weir_blob_create(bytes.len) : NULL;

	if (!blob)
		return;
	memcpy(blob->data, bytes.data, bytes.len);
	weir_value_land(&making->seat, blob, making->call->clock);
	weir_blob_drop(blob);
}

/* Stores the entry, if there is one, with the cells that it depends on, and gives the lease back, in this order and at one go. */
static void store(struct weir_making *making, struct weir_blob *entry, int64_t until_ms)
{
	struct weir_call *call = making->call;
	struct weir_slice bytes = entry ? weir_slice(entry->data, entry->len) : WEIR_SLICE_NONE;
	struct weir_job write = { .kind = WEIR_JOB_WRITE, .write = { call->key, bytes, until_ms, WEIR_OK } };
	struct weir_job cells, *last = &write;

	if (!entry || !weir_call_may_store(call)) {
		weir_making_give_back(making);
		return;
	}
	if (weir_cells_job(call, call->pool, bytes, &cells))
		last = last->next = &cells;
	if (making->holds) {
		prepare_lease(making, WEIR_LEASE_RELEASE);
		last->next = &making->lease;
	}
	weir_call_report_stored(call->cache, weir_cache_execute(call->cache, &write));
	if (making->holds)
		weir_lease_report(call->cache, WEIR_REPORT_RELEASE, making->lease.status);
	making->holds = false;
}

static void keep(struct weir_making *making, enum weir_status found)
{
	struct weir_call *call = making->call;
	int status = found == WEIR_MISS ? 404 : 200;
	bool is_kept = weir_call_expire_of_status_s(call, status) != 0;
	struct weir_blob *entry = NULL, *aside = NULL;
	struct weir_slice bytes;
	int64_t until_ms = 0;

	if (!is_kept)
		weir_value_remember(call, WEIR_REMEMBERED_UNCACHEABLE, weir_uncacheable_ms(call->rule));
	if ((is_kept || making->behind) && weir_function_encode(call, found, making->value, &bytes) == WEIR_OK) {
		entry = weir_call_value_entry(call, status, bytes, &until_ms);
		if (!entry && making->behind)
			aside = weir_call_value_aside(call, status, bytes);
	}
	store(making, entry && bytes.len <= call->cache->max_entry ? entry : NULL, until_ms);
	if (entry)
		weir_value_land(&making->seat, entry, call->clock); /* also what could not be stored */
	else
		weir_value_set_aside(&making->seat, WEIR_OK, aside);
	weir_blob_drop(entry);
	weir_blob_drop(aside);
}

enum weir_status weir_making_fall_back(struct weir_making *making, enum weir_status failure)
{
	struct weir_call *call = making->call;
	enum weir_status status = failure;

	if (making->behind || call->old.is_there)
		weir_value_remember(call, WEIR_REMEMBERED_FAILED, WEIR_STALE_PAUSE_MS);
	if (!making->behind)
		status = weir_making_take_old(making, call->old.entry.error_until_ms);
	if (status >= 0 || call->refreshes)
		weir_log_warn(call->cache->log, "function \"%s\" failed, its old value is used: %s", call->function->name,
			      weir_status_text(failure));
	return status < 0 ? failure : status;
}

enum weir_status weir_making_run(struct weir_making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status;

	call->state = WEIR_CALL_RUNNING;
	call->began_ms = weir_clock_monotonic_ms(call->cache->clock);
	if (!making->behind) /* else it is another's miss, or none */
		weir_cache_count(call->cache, WEIR_COUNT_MISS);
	status = weir_function_run(call, making->value);
	if (status < 0) {
		weir_value_set_aside(&making->seat, status, NULL);
		return weir_making_fall_back(making, status);
	}
	keep(making, status);
	return status;
}
