/* SPDX-License-Identifier: Apache-2.0
 *
 * A call by C code, from top to bottom: is it cached, does the backend have the value, does somebody in this process make it, does somebody
 * elsewhere; and if not, it is made, kept and shared.
 *
 * A thread waits where a lock is asked for and it may: not when that could never end, nor when no handler thread would be left, nor on a
 * loop. Then it makes the value all the same, and there are two of them for once.
 *
 * Of an old value that may be seen meanwhile the new one is made in the background. Where there is none, outside of requests, the first to
 * ask makes it and waits, and the others are given the old one.
 */
#include "cache/value.h"

#include "cache/execute.h"
#include "cache/function.h"
#include "cache/lookup.h"
#include "cache/stale.h"
#include "cache/value_behind.h"
#include "exchange/background.h"
#include "exchange/thread.h"

#define PAUSE_MAX_MS 50

static enum weir_status share(struct weir_making *making);
static enum weir_status follow(struct weir_making *making);

/* -- Old values ------------------------------------------------------------------------------------------------------------ */

static void count(struct weir_making *making, enum weir_cache_count what)
{
	weir_cache_count(making->call->cache, what);
}

/* What is made in the background had better be new: nobody waits for it. */
static bool may_be_old(const struct weir_call *call)
{
	return weir_stale_revalidates(call) && !(call->req && weir_request_is_background(call->req));
}

/* While another makes it anew. */
static enum weir_status take_old_meanwhile(struct weir_making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status = WEIR_ERR_STATE;

	if (may_be_old(call))
		status = weir_making_take_old(making, call->old.entry.revalidate_until_ms);
	if (status >= 0)
		count(making, WEIR_COUNT_HIT);
	return status;
}

/* So that not everybody tries what has just failed. */
static enum weir_status take_old_after_failure(struct weir_making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status = WEIR_ERR_STATE;

	if (weir_stale_is_servable(call) && weir_value_is_remembered(call, WEIR_REMEMBERED_FAILED))
		status = weir_making_take_old(making, call->old.entry.error_until_ms);
	if (status >= 0)
		count(making, WEIR_COUNT_HIT);
	return status;
}

/* Before anything is tried: it is made anew in the background, or that has just failed. */
static enum weir_status take_old_first(struct weir_making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status = WEIR_ERR_STATE;

	if (may_be_old(call) && weir_value_refresh(call))
		status = take_old_meanwhile(making);
	return status < 0 ? take_old_after_failure(making) : status;
}

/* -- Waiting --------------------------------------------------------------------------------------------------------------- */

static int64_t now_ms(const struct weir_call *call)
{
	return weir_clock_monotonic_ms(call->cache->clock);
}

/* For as long as the lock may make it wait. */
static void begin_wait(struct weir_call *call)
{
	call->wait_until_ms = now_ms(call) + call->lock_timeout_ms;
}

static int64_t left_of_lock_ms(const struct weir_call *call)
{
	return call->wait_until_ms - now_ms(call);
}

/* Of the rule's soft and hard timeouts, which a making in the background does not know. */
static int64_t left_of_patience_ms(const struct weir_making *making)
{
	const struct weir_call *call = making->call;
	const struct weir_cache_rule *rule = call->rule;
	int64_t patience_ms = INT64_MAX;

	if (!making->behind && rule->hard_timeout_ms > 0)
		patience_ms = rule->hard_timeout_ms;
	if (!making->behind && rule->soft_timeout_ms > 0 && rule->soft_timeout_ms < patience_ms && weir_stale_is_servable(call))
		patience_ms = rule->soft_timeout_ms;
	return patience_ms == INT64_MAX ? INT64_MAX : call->waits_since_ms + patience_ms - now_ms(call);
}

static bool is_late(const struct weir_making *making)
{
	return left_of_patience_ms(making) <= 0;
}

/* The lock's time over for good, a caller with a timeout of its own waits on until that. */
static int64_t left_ms(const struct weir_making *making)
{
	int64_t patience_ms = left_of_patience_ms(making);
	int64_t lock_ms = left_of_lock_ms(making->call);

	return patience_ms < lock_ms || (lock_ms <= 0 && patience_ms < INT64_MAX) ? patience_ms : lock_ms;
}

static void begin_to_wait(struct weir_call *call)
{
	if (call->wait_until_ms != 0)
		return;
	call->waits_since_ms = now_ms(call);
	begin_wait(call);
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

static enum weir_value_wake wait_aside(struct weir_making *making, int64_t timeout_ms)
{
	enum weir_value_wake wake;

	if (!weir_thread_step_aside())
		return WEIR_VALUE_CIRCLE;
	wake = weir_value_wait(&making->seat, timeout_ms);
	weir_thread_come_back();
	return wake;
}

/* Its patience is at an end: the old value, if there is one. Who makes the new one goes on. */
static enum weir_status give_up(struct weir_making *making)
{
	const struct weir_entry *old = &making->call->old.entry;
	int64_t until_ms = old->error_until_ms > old->revalidate_until_ms ? old->error_until_ms : old->revalidate_until_ms;
	enum weir_status status = weir_making_take_old(making, until_ms);

	weir_call_add_rules_tags(making->call);
	if (status < 0)
		return WEIR_ERR_TIMEOUT;
	count(making, WEIR_COUNT_HIT);
	return status;
}

/* -- What others have made ------------------------------------------------------------------------------------------------- */

/* What the flight has landed with is this call's too, unless it was cleared meanwhile: then another may be in the making. */
static enum weir_status board(struct weir_making *making)
{
	struct weir_call *call = making->call;
	struct weir_blob *result = weir_blob_take(weir_value_result(&making->seat));
	enum weir_status status;

	weir_pool_on_reset(call->pool, weir_blob_drop, result);
	weir_making_give_back(making);
	weir_value_leave(&making->seat);
	if (weir_pool_overflowed(call->pool))
		return weir_making_run(making);
	(void)weir_lookup_take_entry(call, weir_slice(result->data, result->len), true);
	weir_making_settle_doubt(making);
	if (!call->hit && (call->more || !weir_lookup_is_current(call, call->entry.clock))) {
		making->sent = false;
		return share(making);
	}
	status = weir_making_take_hit(making);
	if (status < 0)
		return weir_making_run(making);
	if (!making->sent)
		count(making, WEIR_COUNT_COALESCED);
	return status;
}

/* What has come of the making that it has sent, and of that alone. Negative where that is nothing that would do. */
static enum weir_status take_aside(struct weir_making *making, enum weir_status failure, struct weir_blob *entry)
{
	enum weir_status status;

	weir_call_add_rules_tags(making->call);
	if (failure >= 0) {
		status = weir_making_take_aside(making, entry);
		if (status >= 0)
			count(making, WEIR_COUNT_MISS);
		return status < 0 ? weir_making_run(making) : status;
	}
	status = weir_making_fall_back(making, failure);
	count(making, status < 0 ? WEIR_COUNT_MISS : WEIR_COUNT_HIT);
	return status;
}

/* The flight has ended without a result for all. */
static enum weir_status go_on_alone(struct weir_making *making)
{
	enum weir_status status = WEIR_OK;
	struct weir_blob *entry = NULL;

	if (making->sent && weir_value_get_aside(&making->seat, &status, &entry))
		return take_aside(making, status, entry);
	status = take_old_after_failure(making);
	return status < 0 ? weir_making_run(making) : status;
}

/* Nobody has made anything: the one that was to could not begin, or need not have. Among those who still wait one leads. */
static enum weir_status board_another(struct weir_making *making)
{
	if (making->sent && !weir_value_was_reached(&making->seat))
		making->stays = true;
	making->sent = false;
	weir_value_leave(&making->seat);
	return share(making);
}

/* -- Leading --------------------------------------------------------------------------------------------------------------- */

/* The entry has turned up. */
static enum weir_status found(struct weir_making *making)
{
	enum weir_status status;

	weir_making_share(making);
	if (making->behind)
		return WEIR_OK;
	status = weir_making_take_hit(making);
	if (status >= 0 && making->call->pause_ms > 0)
		count(making, WEIR_COUNT_COALESCED);
	return status < 0 ? weir_making_run(making) : status;
}

/* Sleeps before the next look: 1, 2, 4 … 50 ms. False when it must not, or not any longer. */
static bool pause_and_look_again(struct weir_making *making, enum weir_lease_rank *rank)
{
	struct weir_call *call = making->call;
	int64_t left = left_of_lock_ms(call);

	*rank = WEIR_LEASE_LEADER;
	if (left <= 0) {
		*rank = WEIR_LEASE_SUCCESSOR;
		return may_wait_again(call);
	}
	call->pause_ms = call->pause_ms == 0 ? 1 : call->pause_ms * 2;
	if (call->pause_ms > PAUSE_MAX_MS)
		call->pause_ms = PAUSE_MAX_MS;
	if (call->pause_ms < left)
		left = call->pause_ms;
	if (left_of_patience_ms(making) < left)
		left = left_of_patience_ms(making);
	return wait_aside(making, left) != WEIR_VALUE_CIRCLE;
}

static enum weir_status follow_another(struct weir_making *making)
{
	making->sent = false;
	return making->behind ? WEIR_OK : follow(making);
}

enum weir_status weir_making_lead(struct weir_making *making, enum weir_lease_rank rank)
{
	struct weir_call *call = making->call;
	enum weir_status status, lease;

	begin_to_wait(call);
	while (call->clock_known) {
		lease = weir_making_ask(making, rank);
		if (call->clock_known)
			weir_value_renew(&making->seat, call->clock);
		if (call->hit)
			return found(making);
		if (weir_value_result(&making->seat)) /* another leader of this flight was faster */
			return making->behind ? WEIR_OK : board(making);
		if (weir_lookup_generation(call) != call->generation) /* a clear came between: the lease is of no account */
			weir_making_give_back(making);
		else if (lease != WEIR_BUSY)
			break;
		else if (weir_value_move(call, &making->seat)) /* who has the lease may well be of this process */
			return follow_another(making);
		if (is_late(making))
			return give_up(making);
		status = take_old_meanwhile(making);
		if (status >= 0)
			return status;
		if (!pause_and_look_again(making, &rank))
			break;
	}
	if (rank == WEIR_LEASE_SUCCESSOR)
		weir_log_warn(call->cache->log, "function \"%s\" takes longer than the lock's timeout, another runs it too",
			      call->function->name);
	return weir_making_run(making);
}

/* -- Following ------------------------------------------------------------------------------------------------------------- */

/* By another thread, when this one is not to wait as long as the making takes. */
static enum weir_status lead(struct weir_making *making, enum weir_lease_rank rank)
{
	if (!making->stays && weir_value_may_send(making->call) && weir_value_send(making, rank))
		return follow(making);
	making->sent = false;
	return weir_making_lead(making, rank);
}

static enum weir_status take_over(struct weir_making *making)
{
	(void)may_wait_again(making->call);
	return lead(making, WEIR_LEASE_SUCCESSOR);
}

static enum weir_status follow(struct weir_making *making)
{
	struct weir_call *call = making->call;
	enum weir_status status = making->sent ? WEIR_ERR_STATE : take_old_meanwhile(making);
	enum weir_value_wake wake;

	if (status >= 0)
		return status;
	begin_to_wait(call);
	do {
		wake = wait_aside(making, left_ms(making));
		if (wake == WEIR_VALUE_LANDED)
			return board(making);
		if (wake == WEIR_VALUE_ENDED)
			return go_on_alone(making);
		if (wake == WEIR_VALUE_LEFT)
			return board_another(making);
		if (wake == WEIR_VALUE_TIMEOUT && is_late(making))
			return give_up(making);
		if (wake == WEIR_VALUE_TIMEOUT && left_of_lock_ms(call) <= 0 && weir_value_take_over(&making->seat))
			return take_over(making);
	} while (wake == WEIR_VALUE_TIMEOUT &&
		 (left_of_lock_ms(call) > 0 || may_wait_again(call) || left_of_patience_ms(making) < INT64_MAX));
	weir_value_leave(&making->seat);
	return weir_making_run(making);
}

static enum weir_status share(struct weir_making *making)
{
	if (weir_value_board(making->call, &making->seat) < 0) {
		count(making, WEIR_COUNT_ERROR);
		return weir_making_run(making);
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

/* Nobody waits for what was not to be shared a moment ago. */
static bool is_shared(const struct weir_call *call)
{
	return call->with_lock && !weir_value_is_remembered(call, WEIR_REMEMBERED_UNCACHEABLE);
}

static enum weir_status look(struct weir_making *making)
{
	enum weir_status status;

	weir_making_look(making);
	status = weir_making_take_hit(making);
	if (status < 0)
		return take_old_first(making);
	if (weir_stale_is_early(making->call))
		(void)weir_value_refresh(making->call);
	return status;
}

enum weir_status weir_value_obtain(struct weir_call *call, void *value)
{
	struct weir_making making = { .call = call, .value = value };
	enum weir_status status;

	if (!is_cached(call)) {
		call->state = WEIR_CALL_PASSED;
		return weir_function_run(call, value);
	}
	status = look(&making);
	if (status < 0)
		status = is_shared(call) ? share(&making) : weir_making_run(&making);
	weir_making_give_back(&making);
	weir_value_leave(&making.seat);
	return status;
}
