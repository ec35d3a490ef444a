/* SPDX-License-Identifier: Apache-2.0
 *
 * The way out: may this response be kept, for how long, and how it gets to the backend and to those who wait for it.
 */
#include <stdlib.h>

#include <weir/cache_control.h>
#include <weir/etag.h>

#include "cache/call.h"
#include "http/fields.h"

/* -- May it be kept? ------------------------------------------------------------------------------------------------------- */

static bool is_kept_status(int status)
{
	static const int kept[] = { 200, 203, 204, 300, 301, 308, 404, 410 };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (status == kept[i])
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
	if (res->failed || res->mistake || !is_kept_status(res->status) || weir_call_expire_s(call) == 0)
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

/* The rule's lifetime, or the handler's own if that is shorter. Clients are told the same one, so s-maxage does not go before max-age. */
static int64_t lifetime(const struct weir_call *call, const struct weir_cache_control *said)
{
	int64_t lifetime_s = weir_call_expire_s(call);

	if (weir_cache_control_has(said, WEIR_CC_S_MAXAGE))
		lifetime_s = shorter(lifetime_s, said->s_maxage_s);
	if (weir_cache_control_has(said, WEIR_CC_MAX_AGE))
		lifetime_s = shorter(lifetime_s, said->max_age_s);
	return lifetime_s;
}

static int64_t expires_ms(int64_t now_ms, int64_t lifetime_s)
{
	return lifetime_s < 0 || lifetime_s > (INT64_MAX - now_ms) / 1000 ? WEIR_EXPIRES_NEVER : now_ms + lifetime_s * 1000;
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

static void set_etag(struct weir_response *res)
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

/* -- To the backend -------------------------------------------------------------------------------------------------------- */

/* An entry on its way to a remote backend. It outlives its exchange. */
struct departure {
	struct weir_job job;
	struct weir_cache *cache;
	struct weir_blob *blob;
	struct weir_flight *held;
	char key[];
};

static void report(struct weir_cache *cache, enum weir_status status)
{
	if (status == WEIR_OK) {
		weir_cache_count(cache, WEIR_COUNT_STORED);
		return;
	}
	weir_cache_count(cache, WEIR_COUNT_ERROR);
	weir_log_warn(cache->log, "an entry was not stored: %s", weir_status_text(status));
}

static void on_written(struct weir_job *job)
{
	struct departure *departure = job->owner;

	report(departure->cache, job->status);
	weir_flight_release(departure->held);
	weir_blob_drop(departure->blob);
	free(departure);
}

/* True when it is on its way; the flight has landed then. */
static bool send_away(struct weir_call *call, struct weir_blob *blob, const struct weir_backend_set *set)
{
	struct weir_host *host = weir_call_host(call);
	struct departure *departure = malloc(sizeof(*departure) + call->key.len);
	enum weir_status status;

	if (!departure) {
		report(call->cache, WEIR_ERR_MEMORY);
		return false;
	}
	*departure = (struct departure){ .cache = call->cache, .blob = weir_blob_take(blob) };
	departure->job = (struct weir_job){ .kind = WEIR_JOB_WRITE, .done = on_written, .owner = departure, .write = *set };
	memcpy(departure->key, call->key.data, call->key.len);
	departure->job.write.key.data = departure->key;
	departure->held = weir_flight_land(&call->seat, blob, true);
	status = host->ops->submit(host, call->cache->backend, &departure->job);
	if (status == WEIR_OK) /* from here on the job is the I/O thread's */
		return true;
	departure->job.status = status;
	on_written(&departure->job);
	return false;
}

static bool write_entry(struct weir_call *call, struct weir_blob *blob, int64_t until_ms)
{
	struct weir_backend_set set = { .key = call->key, .value = weir_slice(blob->data, blob->len), .expires_ms = until_ms };
	struct weir_job write = { .kind = WEIR_JOB_WRITE, .write = set };

	if (!call->cache->local)
		return send_away(call, blob, &set);
	weir_jobs_execute(call->cache->backend, &write);
	report(call->cache, write.status);
	return write.status == WEIR_OK;
}

bool weir_call_keep(struct weir_call *call, int status, struct weir_slice body)
{
	int64_t now_ms = weir_clock_wall_ms(call->cache->clock);
	struct weir_entry entry = {
		.status = status,
		.created_ms = now_ms,
		.expires_ms = expires_ms(now_ms, call->lifetime_s),
		.clock = call->clock,
		.body = body,
	};
	bool fits = body.len <= call->cache->max_entry;
	struct weir_blob *blob = fits || call->seat.flight ? weir_entry_encode(&entry, &call->fields) : NULL;
	bool stored;

	if (!blob)
		return false;
	stored = fits && call->clock_known && write_entry(call, blob, entry.expires_ms);
	(void)weir_flight_land(&call->seat, blob, false); /* what waits here is served all the same */
	weir_blob_drop(blob);
	return stored;
}

/* -- Bodies that stream past ----------------------------------------------------------------------------------------------- */

static enum weir_status tee_next(void *state, struct weir_slice *chunk)
{
	struct weir_tee *tee = state;
	enum weir_status status = tee->inner.next(tee->inner.state, chunk);

	if (status == WEIR_OK) {
		if (!tee->too_large)
			weir_buffer_append_slice(&tee->copy, *chunk);
		if (tee->copy.overflowed) {
			tee->too_large = true;
			weir_buffer_finish(&tee->copy);
		}
		if (tee->digest && !tee->too_large)
			weir_etag_update(tee->digest, *chunk);
		tee->passed += chunk->len;
	}
	/* A source that has said how long it is is not asked again after its last byte. */
	tee->complete = status == WEIR_END || (status == WEIR_OK && tee->inner.has_length && tee->passed == tee->inner.length);
	return status;
}

static void tee_close(void *state)
{
	struct weir_tee *tee = state;

	if (tee->inner.close)
		tee->inner.close(tee->inner.state);
	weir_buffer_finish(&tee->copy);
}

static void tee(struct weir_call *call, struct weir_response *res)
{
	struct weir_source source = res->source;

	call->tee = weir_pool_zalloc(res->pool, sizeof(*call->tee));
	if (!call->tee)
		return;
	call->entry.status = res->status; /* as it is now: who comes later in the chain may change it */
	weir_buffer_init(&call->tee->copy, call->cache->max_entry);
	if (!weir_fields_get(&res->fields, WEIR_SLICE_LITERAL("ETag")).data)
		call->tee->digest = weir_etag_begin(res->pool);
	source.next = tee_next;
	source.close = tee_close;
	source.state = call->tee;
	weir_response_wrap_source(res, &source, &call->tee->inner);
}

/* -- The two hooks --------------------------------------------------------------------------------------------------------- */

/* True when it is stored by now. */
static bool keep_response(struct weir_call *call, struct weir_response *res, const struct weir_cache_control *said)
{
	reduce_cache_control(res, said);
	set_etag(res);
	remember_fields(call, res);
	if (call->req->method == WEIR_HEAD || !is_whole(res))
		return false;
	if (!res->is_stream)
		return weir_call_keep(call, res->status, weir_response_body_bytes(res));
	tee(call, res);
	return false;
}

void weir_call_store(struct weir_call *call, struct weir_response *res)
{
	struct weir_cache_control said;
	bool stored = false;

	if (!call || call->state != WEIR_CALL_RUNNING)
		return;
	weir_cache_control_parse(weir_fields_join(&res->fields, WEIR_SLICE_LITERAL("Cache-Control"), res->pool), &said);
	call->lifetime_s = lifetime(call, &said);
	if (may_keep(call, res, &said) && call->lifetime_s != 0) {
		stored = keep_response(call, res, &said);
		weir_call_set_cache_control(res, call->lifetime_s);
	}
	weir_call_set_status_fields(call, res, false, stored, call->lifetime_s);
	if (!call->tee)
		weir_call_leave_flight(call);
}

void weir_call_end(struct weir_call *call, const struct weir_outcome *outcome)
{
	char etag[WEIR_ETAG_SIZE];

	if (!call || !call->cache)
		return;
	if (call->tee && call->tee->complete && outcome->complete && !call->tee->too_large) {
		if (call->tee->digest) {
			weir_etag_digest(call->tee->digest, etag);
			weir_fields_set(&call->fields, WEIR_SLICE_LITERAL("ETag"), weir_slice_text(etag));
		}
		(void)weir_call_keep(call, call->entry.status, weir_buffer_slice(&call->tee->copy));
	}
	weir_call_leave_flight(call);
}
