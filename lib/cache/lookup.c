/* SPDX-License-Identifier: Apache-2.0
 *
 * The way in: is this call cached, under which key, is there an entry, and if not, who makes it? Each question is a function here; those
 * that have to wait park the request, and weir_call_lookup() goes on where it was.
 */
#include <weir/cache_control.h>
#include <weir/coder.h>

#include "cache/arguments.h"
#include "cache/behind.h"
#include "cache/function.h"
#include "cache/lookup.h"
#include "cache/stale.h"
#include "exchange/background.h"

static enum weir_call_next pass(struct weir_call *call)
{
	call->state = WEIR_CALL_PASSED;
	return WEIR_CALL_PASS;
}

enum weir_call_next weir_lookup_run(struct weir_call *call)
{
	call->state = WEIR_CALL_RUNNING;
	call->began_ms = weir_clock_monotonic_ms(call->cache->clock);
	if (!weir_request_is_background(call->req)) /* else it is another's miss, or none */
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

/* -- Is there an entry? ----------------------------------------------------------------------------------------------------- */

/* The body as it was before the rule's coder kept it. */
static bool decode_body(struct weir_call *call)
{
	const struct weir_coder *coder = call->rule->coder;

	if (call->function)
		return weir_function_show_entry(call);
	if (!coder || coder->ops->decode(coder, call->pool, call->entry.body, &call->entry.body) == WEIR_OK)
		return true;
	weir_cache_report(call->cache, WEIR_REPORT_DAMAGE, "an entry could not be decoded by %s: %s", coder->ops->name,
			  weir_call_what(call));
	return false;
}

enum weir_call_next weir_lookup_found(struct weir_call *call)
{
	if (!decode_body(call))
		return weir_lookup_run(call);
	call->state = WEIR_CALL_FOUND;
	weir_cache_count(call->cache, call->sent && !call->stale ? WEIR_COUNT_MISS : WEIR_COUNT_HIT);
	return WEIR_CALL_HIT;
}

/* At once, when the backend has spoken: when the request's turn comes, the flight whose entry this read has just missed may be over. */
static void claim_if_missed(struct weir_call *call)
{
	call->answers_old = !call->hit && weir_stale_comes_first(call);
	if (!call->hit && !call->answers_old && call->with_lock)
		weir_lookup_claim(call);
}

/* True when an old value is the answer; one that is good for a while yet has another made behind it. */
static bool take_old(struct weir_call *call)
{
	if (!call->answers_old || !weir_stale_take(call, WEIR_STALE_AT_ONCE))
		return false;
	if (weir_stale_revalidates(call))
		weir_behind_refresh(call);
	return true;
}

static enum weir_call_next decide(struct weir_call *call)
{
	if (call->hit && weir_stale_is_early(call))
		weir_behind_refresh(call);
	if (call->hit || take_old(call))
		return weir_lookup_found(call);
	if (call->answers_old && call->with_lock) /* its time has passed since the read */
		weir_lookup_claim(call);
	call->answers_old = false;
	return call->with_lock ? weir_lookup_join(call) : weir_lookup_run(call);
}

static void on_more(struct weir_job *job)
{
	struct weir_call *call = job->owner;

	weir_lookup_settle(call);
	claim_if_missed(call);
	weir_request_resume(call->req);
}

static void on_read(struct weir_job *job)
{
	struct weir_call *call = job->owner;

	weir_lookup_learn(call);
	if (call->in_doubt && weir_lookup_ask_more(call, on_more))
		return;
	claim_if_missed(call);
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
		weir_job_set_status(&call->job, status);
	}
	weir_lookup_learn(call);
	claim_if_missed(call);
	return decide(call);
}

static enum weir_call_next begin(struct weir_call *call)
{
	if (!is_cacheable(call)) {
		if (call->req->route && call->req->route->cache)
			weir_cache_count(call->cache, WEIR_COUNT_BYPASSED);
		return pass(call);
	}
	if (call->function && weir_call_take_arguments(call) < 0)
		return pass(call); /* its handler says what is wrong with them */
	if (!weir_call_decide_key(call))
		return pass(call);
	hide_conditionals(call);
	return read_entry(call);
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
	case WEIR_CALL_BEHIND:
		return weir_behind_begin(call);
	case WEIR_CALL_WAITING:
		return weir_lookup_awake(call);
	case WEIR_CALL_BOARDING:
		weir_lookup_settle(call);
		return weir_lookup_boarded(call);
	case WEIR_CALL_LEASING:
		return weir_lookup_leased(call);
	case WEIR_CALL_WATCHING:
		return weir_lookup_look_again(call);
	default:
		return pass(call);
	}
}
