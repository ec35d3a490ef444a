/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cached call says in its response's head: Cache-Control, HIT or MISS, Cache-Status; and the conditional requests it answers.
 */
#include <weir/date.h>
#include <weir/etag.h>

#include "base/digits.h"
#include "cache/call.h"
#include "cache/function.h"
#include "http/fields.h"

/* "Never" as a number of seconds: a year. */
#define NEVER_S 31536000

static uint64_t seconds(int64_t lifetime_s)
{
	return lifetime_s < 0 ? NEVER_S : (uint64_t)lifetime_s;
}

static char *append(char *at, struct weir_slice bytes)
{
	if (bytes.len > 0)
		memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

void weir_call_set_cache_control(struct weir_response *res, int64_t max_age_s)
{
	static const struct weir_slice name = { "Cache-Control", 13 };
	struct weir_slice besides = weir_fields_get(&res->fields, name);
	char *value = weir_pool_bytes(res->pool, 16 + WEIR_DIGITS_MAX + besides.len);
	char *at;

	if (!value)
		return;
	at = weir_put_u64(append(value, WEIR_SLICE_LITERAL("max-age=")), seconds(max_age_s));
	if (besides.len > 0) {
		at = append(append(at, WEIR_SLICE_LITERAL(", ")), besides);
		(void)weir_fields_remove(&res->fields, name);
	}
	weir_fields_push(&res->fields, name, weir_slice(value, (size_t)(at - value)));
}

/* -- HIT or MISS, and why -------------------------------------------------------------------------------------------------- */

static char *put_ttl(char *at, int64_t ttl_s)
{
	if (ttl_s >= 0)
		return weir_put_u64(at, (uint64_t)ttl_s);
	*at = '-';
	return weir_put_u64(at + 1, (uint64_t)-ttl_s);
}

/* Why the request was passed on to the handler. */
static struct weir_slice forwarded(const struct weir_call *call)
{
	if (call->reloads)
		return WEIR_SLICE_LITERAL("; fwd=request");
	return call->old.is_there ? WEIR_SLICE_LITERAL("; fwd=stale") : WEIR_SLICE_LITERAL("; fwd=uri-miss");
}

/* What became of a request that was passed on and answered from the cache all the same. */
static char *put_detour(char *at, const struct weir_call *call)
{
	at = append(at, forwarded(call));
	if (call->failed_status)
		return weir_put_u64(append(at, WEIR_SLICE_LITERAL("; fwd-status=")), (uint64_t)call->failed_status);
	if (call->stale == WEIR_STALE_TIMEOUT)
		return append(at, WEIR_SLICE_LITERAL("; detail=timeout"));
	return append(at, WEIR_SLICE_LITERAL("; collapsed"));
}

void weir_call_set_status_fields(const struct weir_call *call, struct weir_response *res, bool hit, bool stored, int64_t ttl_s)
{
	bool at_once = !call->collapsed && (call->stale == WEIR_STALE_NOT || call->stale == WEIR_STALE_AT_ONCE);
	char *value = weir_pool_bytes(res->pool, 64);
	char *at;

	if (!value)
		return;
	at = append(value, WEIR_SLICE_LITERAL("weir"));
	if (hit && at_once)
		at = put_ttl(append(at, WEIR_SLICE_LITERAL("; hit; ttl=")), ttl_s);
	else if (hit)
		at = put_detour(at, call);
	else
		at = append(append(at, forwarded(call)), stored ? WEIR_SLICE_LITERAL("; stored") : WEIR_SLICE_NONE);
	(void)weir_fields_remove(&res->fields, weir_slice_text(weir_call_status_header(call)));
	weir_fields_push(&res->fields, weir_slice_text(weir_call_status_header(call)),
			 hit ? WEIR_SLICE_LITERAL("HIT") : WEIR_SLICE_LITERAL("MISS"));
	weir_fields_push(&res->fields, WEIR_SLICE_LITERAL("Cache-Status"), weir_slice(value, (size_t)(at - value)));
}

/* Rounded down, so that what has just ended has -1. */
static int64_t left_s(const struct weir_call *call)
{
	int64_t left_ms;

	if (call->entry.expires_ms == WEIR_EXPIRES_NEVER)
		return NEVER_S;
	left_ms = call->entry.expires_ms - weir_clock_wall_ms(call->cache->clock);
	if (call->stale && left_ms >= 0) /* softly purged: it has ended before its time; or in this very moment */
		return left_ms > 0 ? 0 : -1;
	return left_ms >= 0 ? left_ms / 1000 : (left_ms - 999) / 1000;
}

static void answer_with_entry(const struct weir_call *call, struct weir_response *res)
{
	res->fields = call->fields;
	res->status = call->entry.status;
	res->is_borrowed = true;
	res->borrowed = call->entry.body.data ? call->entry.body : WEIR_SLICE_LITERAL("");
}

void weir_call_answer(struct weir_call *call, struct weir_response *res)
{
	int64_t ttl_s = left_s(call);

	weir_response_reset(res);
	if (call->function && !call->aside)
		weir_function_answer(call, res);
	else
		answer_with_entry(call, res);
	if (!call->aside)
		weir_call_set_cache_control(res, call->stale || ttl_s < 0 ? 0 : ttl_s); /* what is old promises nothing */
	weir_call_set_status_fields(call, res, !call->aside && (!call->sent || call->stale), false, ttl_s);
}

/* -- Conditional requests (RFC 9110 section 13.2.2) -------------------------------------------------------------------------- */

static bool is_unmodified(const struct weir_call *call, const struct weir_response *res)
{
	struct weir_slice modified = weir_fields_get(&res->fields, WEIR_SLICE_LITERAL("Last-Modified"));
	int64_t now_s = weir_clock_wall_ms(call->cache->clock) / 1000;
	int64_t since;
	int64_t when;

	if (weir_date_parse(weir_slice_text(call->if_modified_since), now_s, &since) != WEIR_OK)
		return false;
	return modified.data && weir_date_parse(modified, now_s, &when) == WEIR_OK && when <= since;
}

static void turn_into(struct weir_response *res, int status)
{
	weir_response_drop_body(res);
	res->status = status;
	(void)weir_fields_remove(&res->fields, WEIR_SLICE_LITERAL("Content-Type"));
}

void weir_call_conditionals(struct weir_call *call, struct weir_response *res)
{
	struct weir_slice etag = weir_fields_get(&res->fields, WEIR_SLICE_LITERAL("ETag"));

	if (!weir_call_is_cached(call) || res->status != 200 || (call->state != WEIR_CALL_FOUND && call->state != WEIR_CALL_RUNNING))
		return;
	if (call->if_match && !weir_etag_list_matches(weir_slice_text(call->if_match), etag, WEIR_ETAG_STRONG)) {
		turn_into(res, 412);
		(void)weir_fields_remove(&res->fields, WEIR_SLICE_LITERAL("Cache-Control")); /* that was the representation's */
		return;
	}
	if (call->if_none_match) {
		if (weir_etag_list_matches(weir_slice_text(call->if_none_match), etag, WEIR_ETAG_WEAK))
			turn_into(res, 304);
	} else if (call->if_modified_since && is_unmodified(call, res)) {
		turn_into(res, 304);
	}
}
