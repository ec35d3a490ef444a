/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a request that leads a flight, until it runs the handler or finds that it need not.
 *
 * A flight is of one process; what stands above the processes and hosts that share a backend is the lease. Whoever leads asks for it, and
 * behind that, in the same breath, for the entry once more: a holder stores before it gives the lease back, so who gets the lease and finds
 * nothing makes the value. While another holds it the leader watches: it asks again after 1, 2, 4 … 50 ms, for as long as a rule's lock may
 * make one wait. Those behind it in the flight wait as they would if it made the value, and are answered from what it finds.
 *
 * Its time over, it asks for the successor's lease, of which there is one for everybody, and takes over; or somebody has already, and it
 * watches for that time once more and then gives up. When the lease is let go of and there is still no value (its holder has failed, has
 * died, or made something that may not be shared) the next to ask has it and makes the value.
 *
 * A backend that cannot say who holds what keeps nobody from running. Nor does it keep a reload, which shares only what was begun after it
 * came.
 */
#include "cache/behind.h"
#include "cache/lookup.h"
#include "exchange/background.h"

#define PAUSE_MAX_MS 50

/* Where handlers hold up the loop nothing is renewed while one runs. */
static int64_t lease_ms(const struct weir_call *call)
{
	return weir_call_host(call)->calls_block ? weir_lease_long_ms(call->lock_timeout_ms) : WEIR_LEASE_MS;
}

static void end_lease(struct weir_call *call)
{
	weir_lease_end(call->lease);
	call->lease = NULL;
}

void weir_call_leave_flight(struct weir_call *call)
{
	end_lease(call);
	weir_flight_leave(&call->seat);
}

/* -- How it ends ----------------------------------------------------------------------------------------------------------- */

static enum weir_call_next run(struct weir_call *call)
{
	if (call->rank == WEIR_LEASE_SUCCESSOR)
		weir_log_warn(call->cache->log, "%s: the handler takes longer than the lock's timeout, another runs it too",
			      weir_call_what(call));
	weir_request_outlive_client(call->req);
	return weir_lookup_run(call);
}

/* With the lease or without. That there is none to be had is told, unless the read has failed too and has been told. */
static enum weir_call_next run_with(struct weir_call *call, enum weir_status lease)
{
	if (lease < 0 && call->clock_known)
		weir_cache_report(call->cache, WEIR_REPORT_NO_LEASE, "cache backend gives no lease, %s goes on without: %s",
				  weir_call_what(call), weir_status_text(lease));
	return run(call);
}

/* The entry is there: for those who wait in this flight too. Without memory they look for themselves. */
static enum weir_call_next share(struct weir_call *call)
{
	struct weir_slice bytes = call->get.value;
	struct weir_blob *blob = weir_flight_is_awaited(&call->seat) ? weir_blob_create(bytes.len) : NULL;

	if (blob) {
		memcpy(blob->data, bytes.data, bytes.len);
		(void)weir_flight_land(&call->seat, blob, false);
		weir_blob_drop(blob);
	}
	if (weir_request_is_background(call->req))
		return weir_behind_nothing(call);
	weir_call_leave_flight(call);
	if (call->pause_ms > 0) {
		call->collapsed = true;
		weir_cache_count(call->cache, WEIR_COUNT_COALESCED);
	}
	return weir_lookup_found(call);
}

/* -- Watching -------------------------------------------------------------------------------------------------------------- */

static enum weir_call_next watch(struct weir_call *call)
{
	int64_t left_ms;

	if (call->wait_until_ms == 0)
		weir_lookup_begin_wait(call);
	left_ms = call->wait_until_ms - weir_call_host(call)->now_ms;
	if (left_ms <= 0)
		return call->waited_again ? weir_lookup_give_up(call) : weir_lookup_take_over(call);
	call->pause_ms = call->pause_ms == 0 ? 1 : call->pause_ms * 2;
	if (call->pause_ms > PAUSE_MAX_MS)
		call->pause_ms = PAUSE_MAX_MS;
	weir_request_wait(call->req, call->pause_ms < left_ms ? call->pause_ms : left_ms);
	call->state = WEIR_CALL_WATCHING;
	return WEIR_CALL_WAIT;
}

/* Of those that make a value anew one does, and only while there is something to replace. */
static enum weir_call_next decide_to_refresh(struct weir_call *call, enum weir_status lease)
{
	if (call->hit && call->entry.created_ms != call->seen_ms)
		return share(call);
	if (!call->clock_known || lease == WEIR_BUSY)
		return weir_behind_elsewhere(call);
	return weir_lookup_generation(call) == call->generation ? run_with(call, lease) : weir_behind_nothing(call);
}

/* Both jobs are back, and nothing is in doubt. */
static enum weir_call_next decide(struct weir_call *call)
{
	enum weir_status lease = weir_lease_answer(call->lease);

	if (call->refreshes)
		return decide_to_refresh(call, lease);
	if (call->hit)
		return share(call);
	if (weir_flight_result(&call->seat)) { /* another leader of this flight was faster */
		end_lease(call);
		return weir_request_is_background(call->req) ? weir_behind_nothing(call) : weir_lookup_landed(call);
	}
	if (!call->clock_known || call->reloads)
		return run_with(call, lease);
	if (weir_lookup_generation(call) != call->generation) { /* a clear came between: the lease is of no account */
		end_lease(call);
		return watch(call);
	}
	return lease == WEIR_BUSY ? watch(call) : run_with(call, lease);
}

/* -- Asking ---------------------------------------------------------------------------------------------------------------- */

static void on_back(struct weir_job *job)
{
	struct weir_call *call = job->owner;

	if (--call->jobs_out == 0)
		weir_request_resume(call->req);
}

static void submit(struct weir_call *call, struct weir_job *job)
{
	struct weir_host *host = weir_call_host(call);
	enum weir_status status;

	job->done = on_back;
	job->owner = call;
	status = host->ops->submit(host, call->cache->backend, job);
	if (status == WEIR_OK) /* from here on the job is the I/O thread's */
		call->jobs_out++;
	else
		weir_job_set_status(job, status);
}

enum weir_call_next weir_lookup_leased(struct weir_call *call)
{
	if (call->in_doubt) {
		weir_lookup_settle(call);
		return decide(call);
	}
	weir_lookup_learn(call);
	if (call->in_doubt && weir_lookup_ask_more(call, on_back)) {
		call->jobs_out++;
		call->state = WEIR_CALL_LEASING;
		return WEIR_CALL_WAIT;
	}
	return decide(call);
}

/* The lease first: if the entry is not there then, no earlier holder has stored it. */
static enum weir_call_next ask(struct weir_call *call, enum weir_lease_rank rank)
{
	struct weir_job *lease;

	call->rank = rank;
	if (!call->clock_known) /* the failed read has been told, and nothing will be stored */
		return run(call);
	if (!call->lease)
		call->lease = weir_lease_create(call->cache, weir_call_host(call), call->key, lease_ms(call));
	if (!call->lease)
		return run_with(call, WEIR_ERR_MEMORY);
	call->generation = weir_lookup_generation(call);
	lease = weir_lease_ask(call->lease, call->generation, rank);
	weir_lookup_prepare_read(call, NULL);
	if (call->cache->local) {
		lease->next = &call->job;
		weir_jobs_execute(call->cache->backend, lease);
		return weir_lookup_leased(call);
	}
	submit(call, lease);
	submit(call, &call->job);
	if (call->jobs_out == 0)
		return weir_lookup_leased(call);
	call->state = WEIR_CALL_LEASING;
	return WEIR_CALL_WAIT;
}

enum weir_call_next weir_lookup_lead(struct weir_call *call)
{
	return ask(call, WEIR_LEASE_LEADER);
}

enum weir_call_next weir_lookup_take_over(struct weir_call *call)
{
	if (!call->waited_again)
		weir_lookup_begin_wait(call);
	call->waited_again = true;
	return ask(call, WEIR_LEASE_SUCCESSOR);
}

enum weir_call_next weir_lookup_look_again(struct weir_call *call)
{
	if (weir_request_wake(call->req) == WEIR_WAKE_CANCELLED)
		return weir_lookup_give_up(call);
	return ask(call, WEIR_LEASE_LEADER);
}
