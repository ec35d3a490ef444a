/* SPDX-License-Identifier: Apache-2.0
 *
 * Errands that make values, and what calls by C code remember of them.
 */
#include "cache/value_behind.h"

#include "cache/function.h"
#include "cache/lookup.h"
#include "cache/stale.h"
#include "exchange/background.h"
#include "exchange/thread.h"

/* -- Remembering ----------------------------------------------------------------------------------------------------------- */

void weir_value_remember(const struct weir_call *call, enum weir_remembered what, int64_t for_ms)
{
	struct weir_cache *cache = call->cache;

	if (for_ms <= 0)
		return;
	pthread_mutex_lock(&cache->notes_lock);
	weir_notes_add(&cache->notes, call->key, what, weir_clock_monotonic_ms(cache->clock) + for_ms);
	pthread_mutex_unlock(&cache->notes_lock);
}

bool weir_value_is_remembered(const struct weir_call *call, enum weir_remembered what)
{
	struct weir_cache *cache = call->cache;
	bool is;

	pthread_mutex_lock(&cache->notes_lock);
	is = weir_notes_have(cache->notes, call->key, what, weir_clock_monotonic_ms(cache->clock));
	pthread_mutex_unlock(&cache->notes_lock);
	return is;
}

/* -- Errands --------------------------------------------------------------------------------------------------------------- */

struct errand {
	struct weir_call call;
	struct weir_making making;
};

static void leave(void *seat)
{
	weir_value_leave(seat);
}

/* One leader among all that share the backend, and only while there is something to replace. */
static void refresh(struct weir_making *making)
{
	struct weir_call *call = making->call;
	enum weir_status lease = weir_making_ask(making, WEIR_LEASE_LEADER);

	if (call->hit && call->entry.created_ms != call->seen_ms)
		weir_making_share(making);
	else if (!call->clock_known || lease == WEIR_BUSY)
		weir_value_remember(call, WEIR_REMEMBERED_ELSEWHERE, WEIR_ELSEWHERE_MS);
	else if (weir_lookup_generation(call) == call->generation)
		(void)weir_making_run(making); /* a failure has been told */
}

static enum weir_status run(struct weir_request *req, struct weir_response *res)
{
	struct errand *errand = WEIR_CONTAINER_OF(req->call, struct errand, call);
	struct weir_making *making = &errand->making;

	weir_value_arrive(&making->seat);
	if (errand->call.refreshes)
		refresh(making);
	else
		(void)weir_making_lead(making, errand->call.rank); /* who waits for it learns of a failure */
	weir_making_give_back(making);
	weir_value_leave(&making->seat);
	return weir_response_empty(res, 204);
}

/* Arguments that live as long as the errand. */
static bool copy_arguments(struct weir_call *copy, const struct weir_call *call)
{
	const struct weir_function *function = call->function;
	struct weir_buffer bytes;
	void *arguments;
	bool copied;

	if (!call->arguments)
		return true;
	arguments = weir_pool_zalloc(copy->pool, function->params_size);
	weir_buffer_init(&bytes, 0);
	copied = arguments && weir_struct_append_binary(&bytes, function->params, call->arguments) == WEIR_OK && !bytes.overflowed &&
		 weir_struct_from_binary(copy->pool, function->params, weir_buffer_slice(&bytes), arguments) == WEIR_OK;
	weir_buffer_finish(&bytes);
	copy->arguments = arguments;
	return copied;
}

/* Not yet sent. NULL when there cannot be one. */
static struct errand *create(const struct weir_call *call)
{
	struct weir_request *made;
	struct errand *errand;

	if (!call->req || weir_background_prepare(call->req, run, &made) < 0)
		return NULL;
	errand = weir_pool_zalloc(made->pool, sizeof(*errand));
	if (errand) {
		weir_call_init(&errand->call, call->rule, made->pool);
		errand->call.req = made;
		made->call = &errand->call;
		weir_call_copy(&errand->call, call);
		errand->making.call = &errand->call;
		errand->making.behind = true;
		errand->making.value = weir_pool_zalloc(made->pool, weir_coder_size(weir_call_coder(call)));
		weir_pool_on_reset(made->pool, leave, &errand->making.seat);
	}
	if (errand && copy_arguments(&errand->call, call) && !weir_pool_overflowed(made->pool))
		return errand;
	weir_background_drop(made);
	return NULL;
}

static void send(struct errand *errand, struct weir_value_seat *seat)
{
	weir_value_hand_on(seat, &errand->making.seat);
	weir_background_send(errand->call.req, !errand->call.refreshes);
}

/* -- For calls ------------------------------------------------------------------------------------------------------------- */

static bool is_worth_trying(const struct weir_call *call)
{
	return !weir_value_is_remembered(call, WEIR_REMEMBERED_FAILED) && !weir_value_is_remembered(call, WEIR_REMEMBERED_UNCACHEABLE) &&
	       !weir_value_is_remembered(call, WEIR_REMEMBERED_ELSEWHERE);
}

bool weir_value_refresh(struct weir_call *call)
{
	struct weir_value_seat seat;
	struct errand *errand = NULL;
	bool is_made = true;

	if (!is_worth_trying(call))
		return true;
	if (weir_value_board(call, &seat) < 0)
		return false;
	if (seat.leads) {
		errand = create(call);
		is_made = errand;
	}
	if (errand) {
		errand->call.refreshes = true;
		errand->call.seen_ms = call->hit ? call->entry.created_ms : call->old.entry.created_ms;
		send(errand, &seat);
	}
	weir_value_leave(&seat);
	return is_made;
}

/* False when the thread is needed, or is the loop's. */
static bool may_wait(void)
{
	if (!weir_thread_step_aside())
		return false;
	weir_thread_come_back();
	return true;
}

bool weir_value_may_send(const struct weir_call *call)
{
	const struct weir_cache_rule *rule = call->rule;

	if (!call->req || weir_request_is_background(call->req) || weir_call_host(call)->calls_block)
		return false;
	return (rule->hard_timeout_ms > 0 || (rule->soft_timeout_ms > 0 && weir_stale_is_servable(call))) && may_wait();
}

bool weir_value_send(struct weir_making *making, enum weir_lease_rank rank)
{
	struct errand *errand = create(making->call);

	if (!errand)
		return false;
	errand->call.rank = rank;
	making->sent = true;
	send(errand, &making->seat);
	return true;
}
