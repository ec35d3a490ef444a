/* SPDX-License-Identifier: Apache-2.0
 *
 * A call by C code, from top to bottom: is it cached, does the backend have the value, does somebody in this process make it, does somebody
 * elsewhere; and if not, it is made, kept and shared.
 *
 * A thread waits where a lock is asked for and it may: not when that could never end, nor when no handler thread would be left, nor on a
 * loop. Then it makes the value all the same, and there are two of them for once.
 *
 * There is nothing in the background here: of an old value that may be seen meanwhile (stale_while_revalidate_s) the first to ask makes the
 * new one and waits for it, the others are given the old one. The rule's soft and hard timeouts are for clients, and early_refresh is for
 * exchanges.
 *
 * The lease is that of lease.h, and holds against those of exchanges too, only that no timer renews it: it is taken for as long as others
 * wait at the most.
 */
#include "cache/value.h"

#include "cache/cells.h"
#include "cache/departure.h"
#include "cache/execute.h"
#include "cache/function.h"
#include "cache/lookup.h"
#include "cache/token.h"
#include "cache/value_flight.h"
#include "exchange/thread.h"

#define PAUSE_MAX_MS 50

/* How long a page is kept that an old value is part of. */
#define MADE_OF_OLD_S 2

struct making {
	struct weir_call *call;
	void *value;
	struct weir_value_seat seat;
	struct weir_job lease; /* the last one that was asked for */
	char *lease_name;
	bool holds; /* that lease */
};

static enum weir_status share(struct making *making);

/* -- What the backend has -------------------------------------------------------------------------------------------------- */

static void settle_doubt(struct weir_call *call)
{
	if (!call->in_doubt)
		return;
	weir_lookup_prepare_more(call, NULL);
	(void)weir_cache_execute(call->cache, &call->job);
	weir_lookup_settle(call);
}

static void look(struct weir_call *call)
{
	weir_lookup_prepare_read(call, NULL);
	(void)weir_cache_execute(call->cache, &call->job);
	weir_lookup_learn(call);
	settle_doubt(call);
}

/* The tags of a value go to all that is made of it. */
static void hand_tags_up(const struct weir_call *call)
{
	struct weir_slice tags = call->entry.tags, tag;

	while (weir_tags_next(&tags, &tag))
		for (struct weir_call *around = call->parent; around; around = around->parent)
			weir_tags_add(&around->tags, around->pool, tag);
}

/* OK or MISS from the entry that was found; negative when there is none that can be decoded. */
static enum weir_status take_hit(struct making *making)
{
	enum weir_status status = making->call->hit ? weir_function_decode(making->call, making->value) : WEIR_ERR_STATE;

	if (status < 0)
		return status;
	making->call->state = WEIR_CALL_FOUND;
	weir_cache_count(making->call->cache, WEIR_COUNT_HIT);
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

/* What there was before, if it may be seen until then. Negative: there is nothing, or it may not. */
static enum weir_status take_old(struct making *making, int64_t until_ms)
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

/* While another makes it anew. */
static enum weir_status take_old_meanwhile(struct making *making)
{
	enum weir_status status = take_old(making, making->call->old.entry.revalidate_until_ms);

	if (status >= 0)
		weir_cache_count(making->call->cache, WEIR_COUNT_HIT);
	return status;
}

/* -- The lease ------------------------------------------------------------------------------------------------------------- */

static void prepare_lease(struct making *making, enum weir_lease_verb verb)
{
	struct weir_backend_lease lease = making->lease.lease;

	lease.verb = verb;
	making->lease = (struct weir_job){ .kind = WEIR_JOB_LEASE, .lease = lease };
}

static void give_back(struct making *making)
{
	if (!making->holds)
		return;
	making->holds = false;
	prepare_lease(making, WEIR_LEASE_RELEASE);
	weir_lease_report(making->call->cache, WEIR_REPORT_RELEASE, weir_cache_execute(making->call->cache, &making->lease));
}

/* Asks for it, and behind that for the entry once more: a holder stores before it gives the lease back. */
static enum weir_status ask(struct making *making, enum weir_lease_rank rank)
{
	struct weir_call *call = making->call;

	if (!making->lease_name)
		making->lease_name = weir_pool_bytes(call->pool, weir_lease_name_size(call->key));
	if (!making->lease_name)
		return WEIR_ERR_MEMORY;
	call->generation = weir_lookup_generation(call);
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
	settle_doubt(call);
	return making->lease.status;
}

/* -- Making ---------------------------------------------------------------------------------------------------------------- */

/* Stores the entry, if there is one, with the cells that it depends on, and gives the lease back, in this order and at one go. */
static void store(struct making *making, struct weir_blob *entry, int64_t until_ms)
{
	struct weir_call *call = making->call;
	struct weir_slice bytes = entry ? weir_slice(entry->data, entry->len) : WEIR_SLICE_NONE;
	struct weir_job write = { .kind = WEIR_JOB_WRITE, .write = { call->key, bytes, until_ms, WEIR_OK } };
	struct weir_job cells, *last = &write;

	if (!entry || !call->clock_known) {
		give_back(making);
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

static void keep(struct making *making, enum weir_status found)
{
	struct weir_call *call = making->call;
	int status = found == WEIR_MISS ? 404 : 200;
	struct weir_blob *entry = NULL;
	struct weir_slice bytes;
	int64_t until_ms = 0;

	if (weir_call_expire_of_status_s(call, status) != 0 && weir_function_encode(call, found, making->value, &bytes) == WEIR_OK)
		entry = weir_call_value_entry(call, status, bytes, &until_ms);
	store(making, entry && bytes.len <= call->cache->max_entry ? entry : NULL, until_ms);
	if (entry)
		weir_value_land(&making->seat, entry); /* also what could not be stored */
	weir_blob_drop(entry);
}

/* If the rule lets it be seen when making it anew fails. */
static enum weir_status fall_back(struct making *making, enum weir_status failure)
{
	struct weir_call *call = making->call;
	enum weir_status status = take_old(making, call->old.entry.error_until_ms);

	if (status < 0)
		return failure;
	weir_log_warn(call->cache->log, "function \"%s\" failed, its old value is used: %s", call->function->name,
		      weir_status_text(failure));
	return status;
}

static enum weir_status make(struct making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status;

	call->state = WEIR_CALL_RUNNING;
	call->began_ms = weir_clock_monotonic_ms(call->cache->clock);
	weir_cache_count(call->cache, WEIR_COUNT_MISS);
	status = weir_function_run(call, making->value);
	if (status < 0)
		return fall_back(making, status);
	keep(making, status);
	return status;
}

/* -- Waiting --------------------------------------------------------------------------------------------------------------- */

static void begin_wait(struct weir_call *call)
{
	call->wait_until_ms = weir_clock_monotonic_ms(call->cache->clock) + call->lock_timeout_ms;
}

static int64_t left_ms(struct weir_call *call)
{
	if (call->wait_until_ms == 0)
		begin_wait(call);
	return call->wait_until_ms - weir_clock_monotonic_ms(call->cache->clock);
}

/* False when the time is over for good. The first time another period begins, in which who takes over makes the value. */
static bool may_wait_again(struct weir_call *call)
{
	if (call->waited_again)
		return false;
	call->waited_again = true;
	begin_wait(call);
	return true;
}

static enum weir_value_wake wait_aside(struct making *making, int64_t timeout_ms)
{
	enum weir_value_wake wake;

	if (!weir_thread_step_aside())
		return WEIR_VALUE_CIRCLE;
	wake = weir_value_wait(&making->seat, timeout_ms);
	weir_thread_come_back();
	return wake;
}

/* -- Leading --------------------------------------------------------------------------------------------------------------- */

/* What the flight has landed with is this call's too, unless it was cleared by a tag meanwhile: then another may be in the making. */
static enum weir_status board(struct making *making)
{
	struct weir_call *call = making->call;
	struct weir_blob *result = weir_blob_take(weir_value_result(&making->seat));
	enum weir_status status;

	weir_pool_on_reset(call->pool, weir_blob_drop, result);
	give_back(making);
	weir_value_leave(&making->seat);
	if (weir_pool_overflowed(call->pool))
		return make(making);
	(void)weir_lookup_take_entry(call, weir_slice(result->data, result->len), true);
	settle_doubt(call);
	if (!call->hit && call->more)
		return share(making);
	status = take_hit(making);
	if (status < 0)
		return make(making);
	weir_cache_count(call->cache, WEIR_COUNT_COALESCED);
	return status;
}

/* The entry has turned up: for those who wait in this flight too. Without memory they look for themselves. */
static enum weir_status found(struct making *making)
{
	struct weir_slice bytes = making->call->get.value;
	struct weir_blob *blob = weir_value_is_awaited(&making->seat) ? weir_blob_create(bytes.len) : NULL;
	enum weir_status status;

	if (blob) {
		memcpy(blob->data, bytes.data, bytes.len);
		weir_value_land(&making->seat, blob);
		weir_blob_drop(blob);
	}
	status = take_hit(making);
	if (status >= 0 && making->call->pause_ms > 0)
		weir_cache_count(making->call->cache, WEIR_COUNT_COALESCED);
	return status < 0 ? make(making) : status;
}

/* Sleeps before the next look: 1, 2, 4 … 50 ms. False when it must not, or not any longer. */
static bool pause_and_look_again(struct making *making, enum weir_lease_rank *rank)
{
	struct weir_call *call = making->call;
	int64_t left = left_ms(call);

	*rank = WEIR_LEASE_LEADER;
	if (left <= 0) {
		*rank = WEIR_LEASE_SUCCESSOR;
		return may_wait_again(call);
	}
	call->pause_ms = call->pause_ms == 0 ? 1 : call->pause_ms * 2;
	if (call->pause_ms > PAUSE_MAX_MS)
		call->pause_ms = PAUSE_MAX_MS;
	return wait_aside(making, call->pause_ms < left ? call->pause_ms : left) != WEIR_VALUE_CIRCLE;
}

/* Makes the value as soon as nobody else does in any process, as leader.c has it. */
static enum weir_status lead(struct making *making, enum weir_lease_rank rank)
{
	struct weir_call *call = making->call;
	enum weir_status lease = WEIR_OK;
	enum weir_status status;

	while (call->clock_known) {
		lease = ask(making, rank);
		if (call->hit)
			return found(making);
		if (weir_value_result(&making->seat)) /* another leader of this flight was faster */
			return board(making);
		if (weir_lookup_generation(call) != call->generation) /* a clear came between: the lease is of no account */
			give_back(making);
		else if (lease != WEIR_BUSY)
			break;
		status = take_old_meanwhile(making);
		if (status >= 0)
			return status;
		if (!pause_and_look_again(making, &rank))
			break;
	}
	if (lease < 0 && call->clock_known)
		weir_cache_report(call->cache, WEIR_REPORT_NO_LEASE, "cache backend gives no lease, function \"%s\" goes on without: %s",
				  call->function->name, weir_status_text(lease));
	if (rank == WEIR_LEASE_SUCCESSOR)
		weir_log_warn(call->cache->log, "function \"%s\" takes longer than the lock's timeout, another runs it too",
			      call->function->name);
	return make(making);
}

/* -- Following ------------------------------------------------------------------------------------------------------------- */

static enum weir_status follow(struct making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status = take_old_meanwhile(making);
	enum weir_value_wake wake;

	if (status >= 0)
		return status;
	do {
		wake = wait_aside(making, left_ms(call));
		if (wake == WEIR_VALUE_LANDED)
			return board(making);
		if (wake == WEIR_VALUE_TIMEOUT && weir_value_take_over(&making->seat)) {
			call->waited_again = true;
			begin_wait(call);
			return lead(making, WEIR_LEASE_SUCCESSOR);
		}
	} while (wake == WEIR_VALUE_TIMEOUT && may_wait_again(call));
	weir_value_leave(&making->seat);
	return make(making);
}

static enum weir_status share(struct making *making)
{
	if (weir_value_board(making->call, &making->seat) < 0) {
		weir_cache_count(making->call->cache, WEIR_COUNT_ERROR);
		return make(making);
	}
	return making->seat.leads ? lead(making, WEIR_LEASE_LEADER) : follow(making);
}

/* -- The way of all -------------------------------------------------------------------------------------------------------- */

/* On a loop that runs nobody can wait for a remote backend: said once. */
static bool can_ask(struct weir_call *call)
{
	if (weir_cache_can_execute(call->cache))
		return true;
	if (!atomic_exchange(&call->cache->loop_told, true))
		weir_log_warn(call->cache->log,
			      "function \"%s\" was called on the loop, where a remote cache backend cannot be asked: not cached",
			      call->function->name);
	return false;
}

static bool is_cached(struct weir_call *call)
{
	return call->cache && weir_cache_enabled(call->cache) && can_ask(call) && weir_call_decide_key(call);
}

enum weir_status weir_value_obtain(struct weir_call *call, void *value)
{
	struct making making = { .call = call, .value = value };
	enum weir_status status;

	if (!is_cached(call)) {
		call->state = WEIR_CALL_PASSED;
		return weir_function_run(call, value);
	}
	look(call);
	status = take_hit(&making);
	if (status < 0)
		status = call->with_lock ? share(&making) : make(&making);
	give_back(&making);
	weir_value_leave(&making.seat);
	return status;
}
