/* SPDX-License-Identifier: Apache-2.0
 *
 * The way in: is this call cached, under which key, is there an entry, and if not, who makes it? Each question is a function here; those
 * that have to wait park the request, and weir_call_lookup() goes on where it was.
 */
#include <weir/cache_control.h>

#include "cache/call.h"
#include "cache/key.h"

static enum weir_call_next pass(struct weir_call *call)
{
	call->state = WEIR_CALL_PASSED;
	return WEIR_CALL_PASS;
}

static enum weir_call_next run(struct weir_call *call)
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

/* -- Is there an entry? ---------------------------------------------------------------------------------------------------- */

/* What began at this clear clock began after all clears that this call knows of; without the backend it knows of none. */
static bool is_current(const struct weir_call *call, uint64_t clock)
{
	for (size_t i = 0; call->clock_known && i < 3; i++)
		if (!weir_clear_clock_valid(clock, call->clock, call->cells[i].stamp))
			return false;
	return true;
}

static bool is_valid(const struct weir_call *call)
{
	return is_current(call, call->entry.clock) && call->entry.expires_ms > weir_clock_wall_ms(call->cache->clock);
}

static bool decode(struct weir_call *call, struct weir_slice bytes, bool trusted)
{
	weir_fields_init(&call->fields, call->req->pool);
	if (weir_entry_decode(bytes, trusted, &call->entry) == WEIR_OK &&
	    weir_entry_fields(&call->entry, trusted, &call->fields) == WEIR_OK)
		return true;
	weir_cache_count(call->cache, WEIR_COUNT_ERROR);
	weir_log_warn(call->cache->log, "a damaged entry was dropped: %s", weir_exchange_what(weir_exchange_of(call->req)));
	return false;
}

/* -- Who makes it? --------------------------------------------------------------------------------------------------------- */

static enum weir_call_next wait_for_flight(struct weir_call *call)
{
	weir_request_wait(call->req, call->lock_timeout_ms);
	call->state = WEIR_CALL_WAITING;
	return WEIR_CALL_WAIT;
}

static enum weir_call_next found(struct weir_call *call)
{
	call->state = WEIR_CALL_FOUND;
	weir_cache_count(call->cache, WEIR_COUNT_HIT);
	return WEIR_CALL_HIT;
}

/* The flight has landed: its result answers this request too. */
static enum weir_call_next board(struct weir_call *call, struct weir_blob *result)
{
	weir_pool_on_reset(call->req->pool, weir_blob_drop, weir_blob_take(result));
	weir_flight_leave(&call->seat);
	if (weir_pool_overflowed(call->req->pool) || !decode(call, weir_slice(result->data, result->len), true) || !is_valid(call))
		return run(call);
	call->collapsed = true;
	weir_cache_count(call->cache, WEIR_COUNT_COALESCED);
	return found(call);
}

static struct weir_flight *current_flight(const struct weir_call *call)
{
	struct weir_flight *flight = weir_flight_find(weir_call_host(call), call->key);

	return flight && is_current(call, weir_flight_clock(flight)) ? flight : NULL;
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
	if (weir_flight_lead(weir_call_host(call), call->key, call->clock, call->req, &call->seat) == WEIR_OK)
		weir_request_outlive_client(call->req);
}

static enum weir_call_next join_flight(struct weir_call *call)
{
	if (call->seat.flight && !weir_flight_is_open(&call->seat) && !weir_flight_result(&call->seat)) {
		weir_flight_leave(&call->seat); /* it has ended without a result meanwhile */
		claim(call);
	}
	if (!call->seat.flight || call->seat.leads)
		return run(call);
	return weir_flight_result(&call->seat) ? board(call, weir_flight_result(&call->seat)) : wait_for_flight(call);
}

static bool is_hit(struct weir_call *call)
{
	if (call->reloads || call->get.status != WEIR_OK)
		return false;
	if (call->get.release)
		weir_pool_on_reset(call->req->pool, call->get.release, call->get.owner);
	return !weir_pool_overflowed(call->req->pool) && decode(call, call->get.value, call->cache->local) && is_valid(call);
}

/* Takes in what the backend said. A place in a flight is claimed here, at once: when the request's turn comes, the flight whose entry this
 * read has just missed may be over. */
static void learn(struct weir_call *call)
{
	call->clock_known = call->job.status == WEIR_OK;
	if (call->clock_known) {
		call->clock = call->job.read.clock;
		call->hit = is_hit(call);
	} else {
		weir_cache_count(call->cache, WEIR_COUNT_ERROR);
		weir_log_warn(call->cache->log, "cache backend failed, %s goes on without: %s",
			      weir_exchange_what(weir_exchange_of(call->req)), weir_status_text(call->job.status));
	}
	if (!call->hit && call->with_lock)
		claim(call);
}

static enum weir_call_next decide(struct weir_call *call)
{
	if (call->hit)
		return found(call);
	return call->with_lock ? join_flight(call) : run(call);
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

	call->get.key = call->key;
	call->job = (struct weir_job){ .kind = WEIR_JOB_READ, .done = on_read, .owner = call };
	call->job.read.gets = &call->get;
	call->job.read.get_count = call->reloads ? 0 : 1; /* the clock is needed in any case */
	call->job.read.cells = call->cells;
	call->job.read.cell_count = 3;
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

static enum weir_call_next give_up(struct weir_call *call)
{
	weir_flight_leave(&call->seat);
	(void)pass(call);
	return WEIR_CALL_TIMEOUT;
}

static enum weir_call_next timed_out(struct weir_call *call)
{
	if (call->req->method != WEIR_HEAD && weir_flight_take_over(&call->seat)) {
		weir_log_warn(call->cache->log, "%s: the handler takes longer than the lock's timeout, another runs it too",
			      weir_exchange_what(weir_exchange_of(call->req)));
		weir_request_outlive_client(call->req);
		return run(call);
	}
	if (call->waited_again)
		return give_up(call);
	call->waited_again = true;
	return wait_for_flight(call);
}

/* Woken in a flight, which may have ended in the same moment whatever the reason. */
static enum weir_call_next awake(struct weir_call *call)
{
	if (weir_request_wake(call->req) == WEIR_WAKE_CANCELLED)
		return give_up(call);
	if (weir_flight_result(&call->seat))
		return board(call, weir_flight_result(&call->seat));
	if (weir_flight_is_open(&call->seat))
		return timed_out(call);
	weir_flight_leave(&call->seat);
	return run(call);
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
	default:
		return pass(call);
	}
}
