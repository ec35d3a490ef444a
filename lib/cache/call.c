/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache context: a rule's parameters for one call, and what may still be changed when.
 */
#include "cache/call.h"

#include <weir/function.h>

#define DEFAULT_LOCK_TIMEOUT_MS 60000

void weir_call_init(struct weir_call *call, const struct weir_cache_rule *rule, struct weir_pool *pool)
{
	call->pool = pool;
	call->rule = rule;
	call->ns = rule->ns ? rule->ns : "";
	call->key_fn = rule->key;
	call->key_user_data = rule->key_user_data;
	call->with_lock = rule->with_lock || rule->soft_timeout_ms > 0 || rule->hard_timeout_ms > 0;
	call->lock_timeout_ms = rule->lock_timeout_ms > 0 ? rule->lock_timeout_ms : DEFAULT_LOCK_TIMEOUT_MS;
	call->expire_s = rule->expire_s;
	call->revalidate_s = rule->stale_while_revalidate_s;
	call->error_s = rule->stale_if_error_s;
	call->coder_id = rule->coder ? weir_coder_id(rule->coder) : 0;
}

struct weir_call *weir_request_call(struct weir_request *req)
{
	static const struct weir_cache_rule no_rule = { 0 };
	const struct weir_cache_rule *rule = req->route && req->route->cache ? req->route->cache : &no_rule;
	struct weir_call *call = req->call;

	if (call)
		return call;
	call = weir_pool_zalloc(req->pool, sizeof(*call));
	if (!call)
		return NULL;
	weir_call_init(call, rule, req->pool);
	call->req = req;
	call->function = req->route ? req->route->function : NULL;
	req->call = call;
	return call;
}

const char *weir_call_what(const struct weir_call *call)
{
	return weir_call_is_of_request(call) ? weir_exchange_what(weir_exchange_of(call->req)) : call->function->name;
}

/* -- Before the key exists ------------------------------------------------------------------------------------------------- */

static enum weir_status still_open(const struct weir_call *call)
{
	return !call || call->key_begun || call->state != WEIR_CALL_NEW ? WEIR_ERR_STATE : WEIR_OK;
}

enum weir_status weir_call_set_namespace(struct weir_call *call, const char *ns)
{
	enum weir_status status = still_open(call);
	const char *copy;

	if (status < 0)
		return status;
	copy = weir_pool_dup_text(call->pool, ns ? ns : "");
	if (!copy)
		return WEIR_ERR_MEMORY;
	call->ns = copy;
	return WEIR_OK;
}

enum weir_status weir_call_set_key(struct weir_call *call, weir_key_fn key, void *user_data)
{
	enum weir_status status = still_open(call);

	if (status < 0)
		return status;
	call->key_fn = key;
	call->key_user_data = user_data;
	return WEIR_OK;
}

enum weir_status weir_call_set_lock(struct weir_call *call, bool with_lock, int64_t timeout_ms)
{
	enum weir_status status = still_open(call);

	if (status < 0)
		return status;
	call->with_lock = with_lock;
	call->lock_timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_LOCK_TIMEOUT_MS;
	return WEIR_OK;
}

/* -- Until the call ends --------------------------------------------------------------------------------------------------- */

void weir_call_set_expire_s(struct weir_call *call, int64_t expire_s)
{
	if (!call)
		return;
	call->expires_at_once = expire_s == 0 || expire_s < WEIR_EXPIRE_NEVER;
	call->expire_was_set = true;
	call->expire_s = expire_s;
}

void weir_call_set_stale_s(struct weir_call *call, int64_t while_revalidate_s, int64_t if_error_s)
{
	if (!call)
		return;
	call->revalidate_s = while_revalidate_s > 0 ? while_revalidate_s : 0;
	call->error_s = if_error_s > 0 ? if_error_s : 0;
}

void weir_call_add_tag(struct weir_call *call, const char *tag)
{
	for (; call; call = call->parent)
		weir_tags_add(&call->tags, call->pool, weir_slice_text(tag));
}

void weir_call_do_not_store(struct weir_call *call)
{
	if (call)
		call->do_not_store = true;
}

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

const char *weir_call_namespace(const struct weir_call *call)
{
	return call ? call->ns : "";
}

int64_t weir_call_expire_s(const struct weir_call *call)
{
	if (!call || call->do_not_store || call->expires_at_once)
		return 0;
	if (call->expire_s)
		return call->expire_s;
	return call->cache ? call->cache->expire_s : WEIR_EXPIRE_NEVER;
}

int64_t weir_call_expire_of_status_s(const struct weir_call *call, int status)
{
	const struct weir_status_expiry *listed = call->expire_was_set ? NULL : call->rule->expire_by_status;

	if (call->do_not_store)
		return 0;
	for (; listed && listed->status; listed++)
		if (listed->status == status)
			return listed->expire_s;
	return weir_call_expire_s(call);
}

bool weir_call_with_lock(const struct weir_call *call)
{
	return call && call->with_lock;
}

int64_t weir_call_lock_timeout_ms(const struct weir_call *call)
{
	return call ? call->lock_timeout_ms : 0;
}

bool weir_call_is_cached(const struct weir_call *call)
{
	return call && call->cache && call->state != WEIR_CALL_PASSED;
}

const struct weir_cache_rule *weir_call_rule(const struct weir_call *call)
{
	return call ? call->rule : NULL;
}

bool weir_call_is_refresh(const struct weir_call *call)
{
	return call && call->refreshes;
}

size_t weir_call_tag_count(const struct weir_call *call)
{
	return call ? call->tags.count : 0;
}

const char *weir_call_tag(const struct weir_call *call, size_t i)
{
	return i < weir_call_tag_count(call) ? call->tags.list[i].data : NULL;
}

struct weir_pool *weir_call_pool(const struct weir_call *call)
{
	return call ? call->pool : NULL;
}

struct weir_log *weir_call_log(const struct weir_call *call)
{
	if (call && call->req)
		return weir_request_log(call->req);
	return call && call->cache ? call->cache->log : NULL;
}

struct weir_cache *weir_call_cache(const struct weir_call *call)
{
	return call ? call->cache : NULL;
}
