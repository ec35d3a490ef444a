/* SPDX-License-Identifier: Apache-2.0
 *
 * The way in: is this call cached, under which key, is there an entry, and if not, who makes it? Each question is a function here; those
 * that have to wait park the request, and weir_call_lookup() goes on where it was.
 */
#include <weir/cache_control.h>

#include "cache/key.h"
#include "cache/lookup.h"

static enum weir_call_next pass(struct weir_call *call)
{
	call->state = WEIR_CALL_PASSED;
	return WEIR_CALL_PASS;
}

enum weir_call_next weir_lookup_run(struct weir_call *call)
{
	call->state = WEIR_CALL_RUNNING;
	weir_cache_count(call->cache, WEIR_COUNT_MISS);
	return WEIR_CALL_RUN;
}

/* -- Is it cached? --------------------------------------------------------------------------------------------------------- */

static bool names(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (weir_slice_equal_nocase(weir_slice_text(*list), weir_slice_text(name)))
			return true;
	return false;
}

/* A request with credentials gets a shared answer only where the rule has said what that means. */
static bool may_share(const struct weir_call *call)
{
	const struct weir_cache_rule *rule = call->rule;
	const struct weir_fields *fields = &call->req->fields;
	bool authorization = weir_fields_get(fields, WEIR_SLICE_LITERAL("Authorization")).data;
	const char *user = weir_request_variable(call->req, "REMOTE_USER");

	if (!rule->ignore_authorization && authorization && !names(rule->key_fields, "Authorization"))
		return false;
	if (!rule->ignore_authorization && !authorization && user && user[0]) /* the web server keeps to itself what it has checked */
		return false;
	if (!rule->ignore_cookies && !rule->key_cookies && !names(rule->key_fields, "Cookie") &&
	    weir_fields_get(fields, WEIR_SLICE_LITERAL("Cookie")).data)
		return false;
	return true;
}

static bool is_cacheable(struct weir_call *call)
{
	unsigned methods = call->rule->methods ? call->rule->methods : WEIR_GET;
	struct weir_cache_control asked = { 0 };

	if (!call->req->route || !call->req->route->cache || weir_exchange_of(call->req)->refusal || !weir_cache_enabled(call->cache))
		return false;
	if (methods & WEIR_GET)
		methods |= WEIR_HEAD;
	if (!(methods & call->req->method) || call->req->pipe || !may_share(call))
		return false;
	if (call->rule->bypass_cache_control)
		return true;
	weir_cache_control_of_request(&call->req->fields, call->req->pool, &asked);
	call->reloads = weir_cache_control_has(&asked, WEIR_CC_NO_CACHE) ||
			(weir_cache_control_has(&asked, WEIR_CC_MAX_AGE) && asked.max_age_s == 0);
	return !weir_cache_control_has(&asked, WEIR_CC_NO_STORE);
}

/* -- Under which key? ------------------------------------------------------------------------------------------------------ */

static void add_variants(struct weir_key *key, const struct weir_call *call)
{
	/* Digests, whatever the field: X-Api-Key is a secret too. */
	for (const char *const *name = call->rule->key_fields; name && *name; name++)
		weir_key_add_secret(key, weir_slice_text(weir_request_field(call->req, *name)));
	for (const char *const *name = call->rule->key_cookies; name && *name; name++)
		weir_key_add_secret(key, weir_slice_text(weir_request_cookie(call->req, *name)));
}

static enum weir_status make_key(struct weir_call *call)
{
	weir_key_fn build = call->key_fn ? call->key_fn : call->cache->key;
	bool is_get = call->req->method & (WEIR_GET | WEIR_HEAD);
	struct weir_key key;
	enum weir_status status;

	call->key_begun = true;
	weir_key_begin(&key, call->req->pool, call->cache->prefix, call->ns);
	weir_key_add_text(&key, is_get ? "GET" : call->req->method_name);
	weir_key_add_text(&key, call->req->route->path);
	status = build(&key, call->req, call->key_fn ? call->key_user_data : NULL);
	if (status != WEIR_OK)
		return status < 0 ? status : WEIR_ERR_HANDLER;
	add_variants(&key, call);
	call->key = weir_key_finish(&key);
	if (!call->key.data)
		return WEIR_ERR_MEMORY;
	call->cells[0] = (struct weir_backend_cell){ .name = weir_slice(call->key.data, key.prefix_len), .create = true };
	call->cells[1] = (struct weir_backend_cell){ .name = weir_slice(call->key.data, key.namespace_len), .create = true };
	call->cells[2] = (struct weir_backend_cell){ .name = call->key };
	return WEIR_OK;
}

/* The handler is to answer whole: what makes a request conditional or partial is kept for weir_call_conditionals(). With other methods than
 * GET and HEAD it decides whether the handler acts at all (RFC 9110 section 13.1), which is not the cache's business. */
static void hide_conditionals(struct weir_call *call)
{
	struct weir_request *req = call->req;

	if (!(req->method & (WEIR_GET | WEIR_HEAD)))
		return;

	call->if_none_match = weir_request_field(req, "If-None-Match");
	call->if_match = weir_request_field(req, "If-Match");
	call->if_modified_since = weir_request_field(req, "If-Modified-Since");
	if (call->if_none_match)
		(void)weir_fields_remove(&req->fields, WEIR_SLICE_LITERAL("If-None-Match"));
	if (call->if_match)
		(void)weir_fields_remove(&req->fields, WEIR_SLICE_LITERAL("If-Match"));
	if (call->if_modified_since)
		(void)weir_fields_remove(&req->fields, WEIR_SLICE_LITERAL("If-Modified-Since"));
	(void)weir_fields_remove(&req->fields, WEIR_SLICE_LITERAL("If-Unmodified-Since"));
	(void)weir_fields_remove(&req->fields, WEIR_SLICE_LITERAL("If-Range"));
	(void)weir_fields_remove(&req->fields, WEIR_SLICE_LITERAL("Range"));
}

/* -- Who makes it? --------------------------------------------------------------------------------------------------------- */

static enum weir_call_next wait_for_flight(struct weir_call *call)
{
	if (call->wait_until_ms == 0)
		weir_lookup_begin_wait(call);
	weir_request_wait(call->req, call->wait_until_ms - weir_call_host(call)->now_ms);
	call->state = WEIR_CALL_WAITING;
	return WEIR_CALL_WAIT;
}

enum weir_call_next weir_lookup_found(struct weir_call *call)
{
	call->state = WEIR_CALL_FOUND;
	weir_cache_count(call->cache, WEIR_COUNT_HIT);
	return WEIR_CALL_HIT;
}

static enum weir_call_next board(struct weir_call *call, struct weir_blob *result)
{
	weir_pool_on_reset(call->req->pool, weir_blob_drop, weir_blob_take(result));
	weir_flight_leave(&call->seat);
	if (weir_pool_overflowed(call->req->pool) || !weir_lookup_take_entry(call, weir_slice(result->data, result->len), true))
		return weir_lookup_run(call);
	call->collapsed = true;
	weir_cache_count(call->cache, WEIR_COUNT_COALESCED);
	return weir_lookup_found(call);
}

static struct weir_flight *current_flight(const struct weir_call *call)
{
	struct weir_flight *flight = weir_flight_find(weir_call_host(call), call->key);

	return flight && weir_lookup_is_current(call, weir_flight_clock(flight)) ? flight : NULL;
}

/* Takes a seat in the flight, if there is one. A reload shares only what was begun after it came: it takes none. */
static void take_seat(struct weir_call *call)
{
	struct weir_flight *flight = call->with_lock && !call->reloads ? current_flight(call) : NULL;

	if (flight)
		weir_flight_wait(flight, call->req, &call->seat);
}

/* A place in the flight for this key: among those who wait, or as the leader of a new one. Without either the request is on its own. */
static void claim(struct weir_call *call)
{
	take_seat(call);
	if (call->seat.flight || call->req->method == WEIR_HEAD || current_flight(call))
		return;
	if (weir_flight_lead(weir_call_host(call), call->key, call->clock, call->req, &call->seat) < 0)
		weir_cache_count(call->cache, WEIR_COUNT_ERROR);
}

static enum weir_call_next join_flight(struct weir_call *call)
{
	if (call->seat.flight && !weir_flight_is_open(&call->seat) && !weir_flight_result(&call->seat)) {
		weir_flight_leave(&call->seat); /* it has ended without a result meanwhile */
		claim(call);
	}
	if (!call->seat.flight)
		return weir_lookup_run(call);
	if (call->seat.leads)
		return weir_lookup_lead(call);
	return weir_flight_result(&call->seat) ? board(call, weir_flight_result(&call->seat)) : wait_for_flight(call);
}

enum weir_call_next weir_lookup_landed(struct weir_call *call)
{
	if (weir_lookup_is_current(call, weir_flight_clock(call->seat.flight)))
		return board(call, weir_flight_result(&call->seat));
	weir_flight_leave(&call->seat);
	claim(call);
	return join_flight(call);
}

/* Takes in what the backend said. A place in a flight is claimed here, at once: when the request's turn comes, the flight whose entry this
 * read has just missed may be over. */
static void learn(struct weir_call *call)
{
	weir_lookup_learn(call);
	if (!call->hit && call->with_lock)
		claim(call);
}

static enum weir_call_next decide(struct weir_call *call)
{
	if (call->hit)
		return weir_lookup_found(call);
	return call->with_lock ? join_flight(call) : weir_lookup_run(call);
}

static void on_read(struct weir_job *job)
{
	struct weir_call *call = job->owner;

	learn(call);
	weir_request_resume(call->req);
}

static enum weir_call_next read_entry(struct weir_call *call)
{
	struct weir_host *host = weir_call_host(call);

	weir_lookup_prepare_read(call, on_read);
	if (call->cache->local) {
		weir_jobs_execute(call->cache->backend, &call->job);
	} else {
		enum weir_status status = host->ops->submit(host, call->cache->backend, &call->job);

		if (status == WEIR_OK) { /* from here on the job is the I/O thread's */
			call->state = WEIR_CALL_READING;
			return WEIR_CALL_WAIT;
		}
		call->job.status = status;
	}
	learn(call);
	return decide(call);
}

static enum weir_call_next begin(struct weir_call *call)
{
	enum weir_status status;

	if (!is_cacheable(call)) {
		if (call->req->route && call->req->route->cache)
			weir_cache_count(call->cache, WEIR_COUNT_BYPASSED);
		return pass(call);
	}
	status = call->rule->prepare ? call->rule->prepare(call, call->req) : WEIR_OK;
	if (status >= 0)
		status = make_key(call);
	if (status < 0) {
		weir_log_warn(call->cache->log, "%s is not cached: its key could not be made: %s",
			      weir_exchange_what(weir_exchange_of(call->req)), weir_status_text(status));
		return pass(call);
	}
	hide_conditionals(call);
	return read_entry(call);
}

enum weir_call_next weir_lookup_give_up(struct weir_call *call)
{
	weir_flight_hand_over(&call->seat);
	weir_call_leave_flight(call);
	(void)pass(call);
	return WEIR_CALL_TIMEOUT;
}

static enum weir_call_next timed_out(struct weir_call *call)
{
	if (call->req->method != WEIR_HEAD && weir_flight_take_over(&call->seat))
		return weir_lookup_take_over(call);
	if (call->waited_again)
		return weir_lookup_give_up(call);
	call->waited_again = true;
	weir_lookup_begin_wait(call);
	return wait_for_flight(call);
}

/* Woken in a flight, which may have ended in the same moment whatever the reason. */
static enum weir_call_next awake(struct weir_call *call)
{
	if (weir_request_wake(call->req) == WEIR_WAKE_CANCELLED)
		return weir_lookup_give_up(call);
	if (call->seat.leads) /* it was handed over */
		return weir_lookup_lead(call);
	if (weir_flight_result(&call->seat))
		return board(call, weir_flight_result(&call->seat));
	if (weir_flight_is_open(&call->seat))
		return timed_out(call);
	weir_flight_leave(&call->seat);
	return weir_lookup_run(call);
}

enum weir_call_next weir_call_lookup(struct weir_cache *cache, struct weir_request *req)
{
	struct weir_call *call = weir_request_call(req);

	if (!call)
		return WEIR_CALL_PASS;
	switch (call->state) {
	case WEIR_CALL_NEW:
		call->cache = cache;
		return begin(call);
	case WEIR_CALL_READING:
		return decide(call);
	case WEIR_CALL_WAITING:
		return awake(call);
	case WEIR_CALL_LEASING:
		return weir_lookup_leased(call);
	case WEIR_CALL_WATCHING:
		return weir_lookup_look_again(call);
	default:
		return pass(call);
	}
}
