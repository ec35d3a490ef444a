/* SPDX-License-Identifier: Apache-2.0
 *
 * How a call gets another one behind it: copied, put into the flight, started.
 */
#include "cache/behind.h"

#include "cache/lookup.h"
#include "cache/remembered.h"
#include "cache/stale.h"
#include "exchange/background.h"

/* -- Making ---------------------------------------------------------------------------------------------------------------- */

static void leave_flight(void *call)
{
	weir_call_leave_flight(call);
}

/* A call in the background that knows what this one knows, not yet started. NULL when there cannot be one. It may be over before the cache
 * sees it again: then its memory is what gives its seat up. */
static struct weir_call *create(struct weir_call *call)
{
	struct weir_request *made;
	struct weir_call *copy;

	if (weir_background_create(call->req, &made) < 0)
		return NULL;
	copy = weir_request_call(made);
	if (copy) {
		weir_call_copy(copy, call);
		copy->state = WEIR_CALL_BEHIND;
		weir_pool_on_reset(copy->pool, leave_flight, copy);
	}
	if (copy && !weir_pool_overflowed(copy->pool))
		return copy;
	weir_background_drop(made);
	return NULL;
}

/* -- Refreshing ------------------------------------------------------------------------------------------------------------ */

static bool is_worth_trying(const struct weir_call *call)
{
	const struct weir_host *host = weir_call_host(call);

	return !weir_lookup_flight(call) && !weir_is_remembered(host, call->key, WEIR_REMEMBERED_FAILED) &&
	       !weir_is_remembered(host, call->key, WEIR_REMEMBERED_UNCACHEABLE) &&
	       !weir_is_remembered(host, call->key, WEIR_REMEMBERED_ELSEWHERE);
}

void weir_behind_refresh(struct weir_call *call)
{
	struct weir_call *copy = is_worth_trying(call) ? create(call) : NULL;

	if (!copy)
		return;
	copy->refreshes = true;
	copy->seen_ms = call->entry.created_ms;
	if (weir_flight_lead(weir_call_host(call), copy->key, copy->clock, copy->req, &copy->seat) < 0)
		weir_background_drop(copy->req);
	else
		weir_background_start(copy->req);
}

/* -- Sending --------------------------------------------------------------------------------------------------------------- */

bool weir_behind_is_wanted(const struct weir_call *call)
{
	const struct weir_cache_rule *rule = call->rule;

	if (weir_request_is_background(call->req) || weir_call_host(call)->calls_block)
		return false;
	return rule->hard_timeout_ms > 0 || (rule->soft_timeout_ms > 0 && weir_stale_is_servable(call));
}

/* What a HEAD makes is of no use to others: they do not wait for it. */
static enum weir_call_next lead_itself(struct weir_call *call, enum weir_lease_rank rank)
{
	if (call->req->method == WEIR_HEAD) {
		weir_call_leave_flight(call);
		return weir_lookup_run(call);
	}
	return rank == WEIR_LEASE_LEADER ? weir_lookup_lead(call) : weir_lookup_take_over(call);
}

enum weir_call_next weir_behind_lead(struct weir_call *call, enum weir_lease_rank rank)
{
	struct weir_call *copy = create(call);

	if (!copy)
		return lead_itself(call, rank);
	copy->rank = rank;
	weir_flight_send(&call->seat, copy->req, &copy->seat);
	weir_background_start(copy->req);
	call->sent = true;
	if (rank == WEIR_LEASE_SUCCESSOR) {
		call->waited_again = true;
		weir_lookup_begin_wait(call);
	}
	return weir_lookup_wait(call);
}

/* -- In the background ----------------------------------------------------------------------------------------------------- */

enum weir_call_next weir_behind_begin(struct weir_call *call)
{
	return call->rank == WEIR_LEASE_SUCCESSOR ? weir_lookup_take_over(call) : weir_lookup_lead(call);
}

enum weir_call_next weir_behind_nothing(struct weir_call *call)
{
	weir_flight_hand_over(&call->seat);
	weir_call_leave_flight(call);
	call->state = WEIR_CALL_PASSED;
	return WEIR_CALL_NOTHING;
}

enum weir_call_next weir_behind_elsewhere(struct weir_call *call)
{
	weir_remember(weir_call_host(call), call->key, WEIR_REMEMBERED_ELSEWHERE, WEIR_ELSEWHERE_MS);
	return weir_behind_nothing(call);
}
