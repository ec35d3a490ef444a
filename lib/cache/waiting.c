/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of those who miss under a lock: a place in a flight, and what ends the wait in it. That is what the leader brings; or that it
 * brings nothing; or that it takes longer than the lock, the rule's soft or its hard timeout allow.
 */
#include "cache/behind.h"
#include "cache/lookup.h"
#include "cache/remembered.h"
#include "cache/stale.h"
#include "exchange/background.h"

static enum weir_call_next join(struct weir_call *call);

/* -- A place in a flight --------------------------------------------------------------------------------------------------- */

struct weir_flight *weir_lookup_flight(const struct weir_call *call)
{
	struct weir_flight *flight = weir_flight_find(weir_call_host(call), call->key);

	return flight && weir_lookup_is_current(call, weir_flight_clock(flight)) ? flight : NULL;
}

/* Takes a seat in the flight, if there is one. A reload shares only what was begun after it came: it takes none. */
static void take_seat(struct weir_call *call)
{
	struct weir_flight *flight = call->reloads ? NULL : weir_lookup_flight(call);

	if (flight)
		weir_flight_wait(flight, call->req, &call->seat);
}

/* What a HEAD would make could not be kept, unless it has a GET sent. */
static bool can_lead(const struct weir_call *call)
{
	return call->req->method != WEIR_HEAD || weir_behind_is_wanted(call);
}

void weir_lookup_claim(struct weir_call *call)
{
	if (weir_is_remembered(weir_call_host(call), call->key, WEIR_REMEMBERED_UNCACHEABLE))
		return;
	take_seat(call);
	if (call->seat.flight || !can_lead(call) || weir_lookup_flight(call))
		return;
	if (weir_flight_lead(weir_call_host(call), call->key, call->clock, call->req, &call->seat) < 0)
		weir_cache_count(call->cache, WEIR_COUNT_ERROR);
}

static enum weir_call_next lead(struct weir_call *call)
{
	return weir_behind_is_wanted(call) ? weir_behind_lead(call, WEIR_LEASE_LEADER) : weir_lookup_lead(call);
}

static enum weir_call_next find_another_flight(struct weir_call *call)
{
	weir_flight_leave(&call->seat);
	weir_lookup_claim(call);
	return join(call);
}

/* -- What the flight has brought ------------------------------------------------------------------------------------------- */

static void on_resume(struct weir_job *job)
{
	struct weir_call *call = job->owner;

	weir_request_resume(call->req);
}

enum weir_call_next weir_lookup_boarded(struct weir_call *call)
{
	if (!call->hit) /* of what was cleared by a tag since the flight began another may be in the making */
		return call->more ? find_another_flight(call) : weir_lookup_run(call);
	if (!call->sent) {
		call->collapsed = true;
		weir_cache_count(call->cache, WEIR_COUNT_COALESCED);
	}
	return weir_lookup_found(call);
}

/* The result's bytes live as long as the call, whatever becomes of the flight. */
static void get_off(struct weir_call *call, struct weir_blob *result)
{
	weir_pool_on_reset(call->pool, weir_blob_drop, weir_blob_take(result));
	weir_flight_leave(&call->seat);
}

static enum weir_call_next board(struct weir_call *call, struct weir_blob *result)
{
	get_off(call, result);
	call->hit = false;
	if (!weir_pool_overflowed(call->pool))
		(void)weir_lookup_take_entry(call, weir_slice(result->data, result->len), true);
	if (call->in_doubt && weir_lookup_ask_more(call, on_resume)) {
		call->state = WEIR_CALL_BOARDING;
		return WEIR_CALL_WAIT;
	}
	return weir_lookup_boarded(call);
}

/* What the leader that this request has sent has brought for it alone: answered as if its own handler had. */
static enum weir_call_next board_aside(struct weir_call *call)
{
	struct weir_blob *result = call->seat.aside;

	get_off(call, result);
	weir_fields_init(&call->fields, call->pool);
	if (weir_pool_overflowed(call->pool) || weir_entry_decode(weir_slice(result->data, result->len), true, &call->entry) != WEIR_OK ||
	    weir_entry_fields(&call->entry, true, &call->fields) != WEIR_OK)
		return weir_lookup_run(call);
	call->aside = true;
	call->state = WEIR_CALL_FOUND;
	weir_cache_count(call->cache, WEIR_COUNT_MISS);
	return WEIR_CALL_HIT;
}

enum weir_call_next weir_lookup_landed(struct weir_call *call)
{
	return weir_lookup_is_current(call, weir_flight_clock(call->seat.flight)) ? board(call, weir_flight_result(&call->seat))
										  : find_another_flight(call);
}

/* The flight has ended without a result. */
static enum weir_call_next go_on_alone(struct weir_call *call)
{
	if (weir_stale_after_others_failure(call)) {
		weir_flight_leave(&call->seat);
		return weir_lookup_found(call);
	}
	if (call->seat.aside)
		return board_aside(call);
	weir_flight_leave(&call->seat);
	return weir_lookup_run(call);
}

/* -- How long it may take -------------------------------------------------------------------------------------------------- */

static int64_t earlier_of(int64_t at_ms, int64_t other_ms)
{
	return other_ms < at_ms ? other_ms : at_ms;
}

static int64_t soft_end_ms(const struct weir_call *call)
{
	int64_t timeout_ms = call->rule->soft_timeout_ms;

	return timeout_ms > 0 && weir_stale_is_servable(call) ? call->waits_since_ms + timeout_ms : INT64_MAX;
}

static int64_t hard_end_ms(const struct weir_call *call)
{
	int64_t timeout_ms = call->rule->hard_timeout_ms;

	return timeout_ms > 0 ? call->waits_since_ms + timeout_ms : INT64_MAX;
}

enum weir_call_next weir_lookup_wait(struct weir_call *call)
{
	int64_t now_ms = weir_call_host(call)->now_ms;
	int64_t end_ms;

	if (call->wait_until_ms == 0) {
		weir_lookup_begin_wait(call);
		call->waits_since_ms = now_ms;
	}
	end_ms = earlier_of(call->wait_until_ms, earlier_of(soft_end_ms(call), hard_end_ms(call)));
	weir_request_wait(call->req, end_ms - now_ms);
	call->state = WEIR_CALL_WAITING;
	return WEIR_CALL_WAIT;
}

static enum weir_call_next end_wait(struct weir_call *call, enum weir_call_next without_old)
{
	weir_flight_hand_over(&call->seat);
	weir_call_leave_flight(call);
	if (weir_stale_take(call, WEIR_STALE_TIMEOUT))
		return weir_lookup_found(call);
	call->state = WEIR_CALL_PASSED;
	return without_old;
}

enum weir_call_next weir_lookup_give_up(struct weir_call *call)
{
	return weir_request_is_background(call->req) ? weir_behind_nothing(call) : end_wait(call, WEIR_CALL_TIMEOUT);
}

static enum weir_call_next take_over(struct weir_call *call)
{
	return weir_behind_is_wanted(call) ? weir_behind_lead(call, WEIR_LEASE_SUCCESSOR) : weir_lookup_take_over(call);
}

/* The lock's timeout: one takes over, the others wait once more. */
static enum weir_call_next waited_for_lock(struct weir_call *call)
{
	if (can_lead(call) && weir_flight_take_over(&call->seat))
		return take_over(call);
	if (call->waited_again)
		return weir_lookup_give_up(call);
	call->waited_again = true;
	weir_lookup_begin_wait(call);
	return weir_lookup_wait(call);
}

static enum weir_call_next timed_out(struct weir_call *call)
{
	int64_t now_ms = weir_call_host(call)->now_ms;

	if (now_ms >= soft_end_ms(call) || now_ms >= hard_end_ms(call))
		return end_wait(call, WEIR_CALL_LATE);
	return now_ms >= call->wait_until_ms ? waited_for_lock(call) : weir_lookup_wait(call);
}

/* -- The two ways in ------------------------------------------------------------------------------------------------------- */

static enum weir_call_next join(struct weir_call *call)
{
	if (call->seat.flight && !weir_flight_is_open(&call->seat) && !weir_flight_result(&call->seat)) {
		weir_flight_leave(&call->seat); /* it has ended without a result meanwhile */
		weir_lookup_claim(call);
	}
	if (!call->seat.flight)
		return weir_lookup_run(call);
	if (call->seat.leads)
		return lead(call);
	return weir_flight_result(&call->seat) ? board(call, weir_flight_result(&call->seat)) : weir_lookup_wait(call);
}

enum weir_call_next weir_lookup_join(struct weir_call *call)
{
	return join(call);
}

enum weir_call_next weir_lookup_awake(struct weir_call *call)
{
	if (weir_request_wake(call->req) == WEIR_WAKE_CANCELLED)
		return weir_lookup_give_up(call);
	if (call->seat.leads) /* it was handed over */
		return lead(call);
	if (weir_flight_result(&call->seat)) /* the flight may have ended in the same moment, whatever the reason of waking */
		return board(call, weir_flight_result(&call->seat));
	return weir_flight_is_open(&call->seat) ? timed_out(call) : go_on_alone(call);
}
