/* SPDX-License-Identifier: Apache-2.0
 *
 * A call that knows what another one knows, so that it can go on in the background without anything being asked twice.
 */
#include "cache/call.h"

static void copy_cells(struct weir_call *copy, const struct weir_call *call)
{
	for (size_t i = 0; i < WEIR_CALL_CELLS; i++)
		copy->cells[i] = call->cells[i];
	for (size_t i = 0; i < WEIR_CALL_CELL_SOFT; i++) /* their names are beginnings of the key; the last is the cache's own */
		copy->cells[i].name.data = copy->key.data;
}

static void copy_context(struct weir_call *copy, const struct weir_call *call)
{
	copy->ns = weir_pool_dup_text(copy->pool, call->ns);
	copy->key_fn = call->key_fn;
	copy->key_user_data = call->key_user_data;
	copy->with_lock = call->with_lock;
	copy->lock_timeout_ms = call->lock_timeout_ms;
	copy->expire_s = call->expire_s;
	copy->expire_was_set = call->expire_was_set;
	copy->expires_at_once = call->expires_at_once;
	copy->do_not_store = call->do_not_store;
	copy->revalidate_s = call->revalidate_s;
	copy->error_s = call->error_s;
	for (size_t i = 0; i < call->tags.count; i++)
		weir_tags_add(&copy->tags, copy->pool, call->tags.list[i]);
}

void weir_call_copy(struct weir_call *copy, const struct weir_call *call)
{
	copy->cache = call->cache;
	copy->function = call->function;
	copy_context(copy, call);
	copy->key_begun = true;
	copy->key = weir_pool_dup(copy->pool, call->key);
	copy->coder_id = call->coder_id;
	copy_cells(copy, call);
	copy->clock = call->clock;
	copy->clock_known = call->clock_known;
	copy->reloads = call->reloads;
}
