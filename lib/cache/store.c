/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out: may this response be kept, for how long, and how it gets to the backend and to those who wait for it.
 */
#include <weir/cache_control.h>
#include <weir/coder.h>
#include <weir/etag.h>

#include "cache/call.h"
#include "cache/chance.h"
#include "cache/clear.h"
#include "cache/departure.h"
#include "cache/remembered.h"
#include "cache/stale.h"
#include "http/fields.h"

/* -- May it be kept? ------------------------------------------------------------------------------------------------------- */

static bool is_kept_status(const struct weir_call *call, int status)
{
	static const int kept[] = { 200, 203, 204, 300, 301, 308, 404, 410 };
	const struct weir_status_expiry *listed = call->rule->expire_by_status;

	if (status == 206 || status == 304) /* a part, and an answer to a condition */
		return false;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (status == kept[i])
			return true;
	for (; listed && listed->status; listed++)
		if (listed->status == status)
			return true;
	return false;
}

/* Every field that the response varies on is part of the key. */
static bool is_keyed(const struct weir_call *call, struct weir_slice vary)
{
	struct weir_slice member;

	while (weir_field_list_next(&vary, &member)) {
		bool keyed = call->rule->key_cookies && weir_slice_equal_nocase(member, WEIR_SLICE_LITERAL("Cookie"));

		for (const char *const *name = call->rule->key_fields; !keyed && name && *name; name++)
			keyed = weir_slice_equal_nocase(weir_slice_text(*name), member);
		if (!keyed)
			return false;
	}
	return true;
}

static bool may_keep(struct weir_call *call, const struct weir_response *res, const struct weir_cache_control *said)
{
	if (res->failed || res->mistake || !is_kept_status(call, res->status) || call->tags.overflowed)
		return false;
	if (said->present & (WEIR_CC_NO_STORE | WEIR_CC_PRIVATE | WEIR_CC_NO_CACHE))
		return false;
	if (weir_fields_get(&res->fields, WEIR_SLICE_LITERAL("Set-Cookie")).data)
		return false;
	return is_keyed(call, weir_fields_join(&res->fields, WEIR_SLICE_LITERAL("Vary"), res->pool));
}

/* Memory that is out has cost fields, so what stands there may not be what was said. */
static bool is_whole(const struct weir_response *res)
{
	return !weir_pool_overflowed(res->pool) && !res->fields.invalid && !res->body.overflowed;
}

static int64_t shorter(int64_t lifetime_s, int64_t other_s)
{
	return lifetime_s < 0 || other_s < lifetime_s ? other_s : lifetime_s;
}

/* Up to so many percent less, by chance. */
static int64_t jittered(int64_t lifetime_ms, unsigned percent)
{
	return lifetime_ms - (int64_t)((double)lifetime_ms * weir_chance_draw() * percent / 100);
}

/* The rule's lifetime, or the handler's own if that is shorter; 0: none, negative: for ever. Clients are told the same one, so s-maxage
 * does not go before max-age. */
static int64_t lifetime_ms(const struct weir_call *call, int status, const struct weir_cache_control *said)
{
	int64_t lifetime_s = weir_call_expire_of_status_s(call, status);

	if (weir_cache_control_has(said, WEIR_CC_S_MAXAGE))
		lifetime_s = shorter(lifetime_s, said->s_maxage_s);
	if (weir_cache_control_has(said, WEIR_CC_MAX_AGE))
		lifetime_s = shorter(lifetime_s, said->max_age_s);
	if (lifetime_s < 0 || lifetime_s > INT64_MAX / 2000)
		return -1;
	return call->rule->jitter_percent > 0 ? jittered(lifetime_s * 1000, call->rule->jitter_percent) : lifetime_s * 1000;
}

/* What goes past the end of time is for ever. */
static int64_t later_ms(int64_t at_ms, int64_t by_ms)
{
	return by_ms < 0 || at_ms > INT64_MAX - by_ms ? WEIR_EXPIRES_NEVER : at_ms + by_ms;
}

static int64_t later_s(int64_t at_ms, int64_t by_s)
{
	return later_ms(at_ms, by_s > INT64_MAX / 1000 ? -1 : by_s * 1000);
}

/* 0: what has ended is of no use any more, also when it is made to end before its time. */
static int64_t stale_until_ms(int64_t expires_ms, int64_t stale_s)
{
	return stale_s > 0 ? later_s(expires_ms, stale_s) : 0;
}

/* -- What is kept of the head ---------------------------------------------------------------------------------------------- */

/* Cache-Control becomes what the handler said besides lifetimes; those are weir's to say. */
static void reduce_cache_control(struct weir_response *res, const struct weir_cache_control *said)
{
	static const struct {
		enum weir_cache_directive directive;
		const char *name;
	} kept[] = {
		{ WEIR_CC_PUBLIC, "public" },
		{ WEIR_CC_MUST_REVALIDATE, "must-revalidate" },
		{ WEIR_CC_PROXY_REVALIDATE, "proxy-revalidate" },
		{ WEIR_CC_NO_TRANSFORM, "no-transform" },
		{ WEIR_CC_IMMUTABLE, "immutable" },
	};
	const char *besides = "";

	if (!said->present)
		return;
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]) && besides; i++)
		if (weir_cache_control_has(said, kept[i].directive))
			besides = weir_pool_printf(res->pool, "%s%s%s", besides, besides[0] ? ", " : "", kept[i].name);
	(void)weir_fields_remove(&res->fields, WEIR_SLICE_LITERAL("Cache-Control"));
	if (besides && besides[0])
		weir_fields_set(&res->fields, WEIR_SLICE_LITERAL("Cache-Control"), weir_slice_text(besides));
}

void weir_call_set_etag(struct weir_response *res)
{
	char etag[WEIR_ETAG_SIZE];

	if (res->is_stream || weir_fields_get(&res->fields, WEIR_SLICE_LITERAL("ETag")).data)
		return;
	weir_etag_make(weir_response_body_bytes(res), etag);
	weir_fields_set(&res->fields, WEIR_SLICE_LITERAL("ETag"), weir_slice_text(etag));
}

/* The fields as they are now, without those of one connection: borrowed, for the same pool. */
static void remember_fields(struct weir_call *call, const struct weir_response *res)
{
	const struct weir_field_line *line;
	size_t position = 0;

	weir_fields_init(&call->fields, res->pool);
	while ((line = weir_fields_next(&res->fields, WEIR_SLICE_NONE, &position)))
		if (!weir_field_is_hop_by_hop(line->name, &res->fields))
			weir_fields_push(&call->fields, line->name, line->value);
}

static uint32_t took_ms(const struct weir_call *call)
{
	int64_t took_ms = weir_clock_monotonic_ms(call->cache->clock) - call->began_ms;

	if (took_ms < 0)
		return 0;
	return took_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ms;
}

bool weir_call_may_store(const struct weir_call *call)
{
	return call->clock_known && took_ms(call) < WEIR_KEY_CELL_MS / 2;
}

static struct weir_blob *make_entry(struct weir_call *call, int status, struct weir_slice body, int64_t *until_ms)
{
	int64_t now_ms = weir_clock_wall_ms(call->cache->clock);
	int64_t expires_ms = later_ms(now_ms, call->lifetime_ms);
	struct weir_entry entry = {
		.status = status,
		.created_ms = now_ms,
		.expires_ms = expires_ms,
		.revalidate_until_ms = stale_until_ms(expires_ms, call->revalidate_s),
		.error_until_ms = stale_until_ms(expires_ms, call->error_s),
		.clock = call->clock,
		.coder = call->coder_id,
		.made_ms = took_ms(call),
		.body = body,
	};

	*until_ms = weir_entry_until_ms(&entry);
	return weir_entry_encode(&entry, &call->fields, &call->tags);
}

bool weir_call_keep(struct weir_call *call, int status, struct weir_slice body)
{
	bool fits = body.len <= call->cache->max_entry;
	int64_t until_ms = 0;
	struct weir_blob *blob = fits || call->seat.flight ? make_entry(call, status, body, &until_ms) : NULL;
	bool stored;

	if (!blob)
		return false;
	stored = fits && weir_call_may_store(call) && weir_call_send_entry(call, blob, until_ms);
	(void)weir_flight_land(&call->seat, blob, false); /* what waits here is served all the same */
	weir_blob_drop(blob);
	return stored;
}

/* The body as the rule's coder keeps it; false when it cannot. */
static bool encode_body(struct weir_call *call, struct weir_slice *body)
{
	const struct weir_coder *coder = call->rule->coder;
	struct weir_buffer *bytes;
	enum weir_status status;

	if (!coder)
		return true;
	bytes = weir_pool_buffer(call->pool, SIZE_MAX);
	status = bytes ? coder->ops->encode(coder, call->pool, body, bytes) : WEIR_ERR_MEMORY;
	if (status == WEIR_OK && !bytes->overflowed) {
		*body = weir_buffer_slice(bytes);
		return true;
	}
	weir_call_report_stored(call->cache, status < 0 ? status : WEIR_ERR_MEMORY);
	return false;
}

static bool keep_body(struct weir_call *call, int status, struct weir_slice body)
{
	return encode_body(call, &body) && weir_call_keep(call, status, body);
}

/* -- Values of functions --------------------------------------------------------------------------------------------------- */

void weir_call_add_rules_tags(struct weir_call *call)
{
	for (const char *const *tag = call->rule->tags; tag && *tag; tag++)
		weir_call_add_tag(call, *tag);
}

struct weir_blob *weir_call_value_entry(struct weir_call *call, int status, struct weir_slice bytes, int64_t *until_ms)
{
	const struct weir_cache_control nothing_said = { 0 };

	weir_call_add_rules_tags(call);
	call->lifetime_ms = lifetime_ms(call, status, &nothing_said);
	if (call->lifetime_ms == 0 || call->tags.overflowed)
		return NULL;
	weir_fields_init(&call->fields, call->pool);
	return make_entry(call, status, bytes, until_ms);
}

struct weir_blob *weir_call_value_aside(struct weir_call *call, int status, struct weir_slice bytes)
{
	int64_t until_ms;

	weir_call_add_rules_tags(call);
	weir_fields_init(&call->fields, call->pool);
	return make_entry(call, status, bytes, &until_ms);
}

/* What the function gave, not what the client is shown of it. */
static bool keep_value(struct weir_call *call)
{
	if (!call->value.data)
		return false;
	weir_fields_init(&call->fields, call->pool);
	return weir_call_keep(call, call->value_status, call->value);
}

/* -- What may not be shared ------------------------------------------------------------------------------------------------ */

/* As it is, for the request that has sent this one. */
static void set_aside(struct weir_call *call, const struct weir_response *res)
{
	const struct weir_entry entry = { .status = res->status, .body = weir_response_body_bytes(res) };
	const struct weir_tags no_tags = { 0 };
	struct weir_blob *blob;

	if (!call->seat.sender || res->is_stream || !is_whole(res))
		return;
	remember_fields(call, res);
	blob = weir_entry_encode(&entry, &call->fields, &no_tags);
	if (!blob)
		return;
	weir_flight_set_aside(&call->seat, blob);
	weir_blob_drop(blob);
}

/* The next requests do not wait for each other, unless it was a failure, which may be over. */
static void do_not_share(struct weir_call *call, const struct weir_response *res)
{
	if (!res->failed && res->status < 500)
		weir_remember(weir_call_host(call), call->key, WEIR_REMEMBERED_UNCACHEABLE, weir_uncacheable_ms(call->rule));
	set_aside(call, res);
}

/* Such a response is not served when it is old, whatever the rule says (RFC 9111 section 5.2.2.2). */
static void obey_revalidation(struct weir_call *call, const struct weir_cache_control *said)
{
	if (said->present & (WEIR_CC_MUST_REVALIDATE | WEIR_CC_PROXY_REVALIDATE))
		call->revalidate_s = call->error_s = 0;
}

/* -- The two hooks --------------------------------------------------------------------------------------------------------- */

/* True when it is stored by now. */
static bool keep_response(struct weir_call *call, struct weir_response *res, const struct weir_cache_control *said)
{
	reduce_cache_control(res, said);
	weir_call_set_etag(res);
	if (!call->function)
		remember_fields(call, res);
	if (call->req->method == WEIR_HEAD || !is_whole(res))
		return false;
	if (call->function)
		return keep_value(call);
	if (!res->is_stream)
		return keep_body(call, res->status, weir_response_body_bytes(res));
	weir_call_tee(call, res);
	return false;
}

void weir_call_store(struct weir_call *call, struct weir_response *res)
{
	struct weir_cache_control said;
	int64_t lifetime_s;
	bool stored = false;

	if (!call || call->state != WEIR_CALL_RUNNING)
		return;
	if (res->status >= 500 && weir_stale_after_failure(call, res)) {
		weir_call_leave_flight(call);
		return;
	}
	weir_call_add_rules_tags(call);
	weir_cache_control_parse(weir_fields_join(&res->fields, WEIR_SLICE_LITERAL("Cache-Control"), res->pool), &said);
	call->lifetime_ms = lifetime_ms(call, res->status, &said);
	lifetime_s = call->lifetime_ms < 0 ? -1 : call->lifetime_ms / 1000;
	obey_revalidation(call, &said);
	if (may_keep(call, res, &said) && call->lifetime_ms != 0) {
		stored = keep_response(call, res, &said);
		weir_call_set_cache_control(res, lifetime_s);
	} else {
		do_not_share(call, res);
	}
	weir_call_set_status_fields(call, res, false, stored, lifetime_s);
	if (call->tee)
		return;
	weir_call_leave_flight(call);
	weir_exchange_of(call->req)->outlives = false; /* nobody waits for the rest of it but its client */
}

/* The body has streamed past to its end, whether or not its client was there to the end. */
static bool has_streamed_past(const struct weir_call *call)
{
	return call->tee && call->tee->complete && !call->tee->too_large && weir_exchange_of(call->req)->last_sent;
}

void weir_call_end(struct weir_call *call)
{
	char etag[WEIR_ETAG_SIZE];

	if (!call || !call->cache)
		return;
	if (has_streamed_past(call)) {
		if (call->tee->digest) {
			weir_etag_digest(call->tee->digest, etag);
			weir_fields_set(&call->fields, WEIR_SLICE_LITERAL("ETag"), weir_slice_text(etag));
		}
		(void)keep_body(call, call->entry.status, weir_buffer_slice(&call->tee->copy));
	}
	weir_call_leave_flight(call);
}
