/* SPDX-License-Identifier: Apache-2.0
 *
 * The key of a call: what it is of, what tells it apart from others of the same, and the names of the cells that clear it.
 *
 * A route's handler is known by method and pattern, a function by its name alone, behind an absent part, which is no method: whether a
 * route or C code calls it, the key is the same.
 */
#include <weir/coder.h>
#include <weir/function.h>

#include "cache/call.h"
#include "cache/function.h"
#include "cache/key.h"

static void add_identity(struct weir_key *key, const struct weir_call *call)
{
	const struct weir_request *req = call->req;

	if (call->function) {
		weir_key_add(key, WEIR_SLICE_NONE);
		weir_key_add_text(key, call->function->name);
		return;
	}
	weir_key_add_text(key, req->method & (WEIR_GET | WEIR_HEAD) ? "GET" : req->method_name);
	weir_key_add_text(key, req->route->path);
}

static weir_key_fn builder(const struct weir_call *call)
{
	if (call->key_fn)
		return call->key_fn;
	return call->function ? weir_key_arguments : call->cache->key;
}

/* Digests, whatever the field: X-Api-Key is a secret too. Outside of requests there are none. */
static void add_variants(struct weir_key *key, const struct weir_call *call)
{
	struct weir_request *req = call->req;

	for (const char *const *name = call->rule->key_fields; name && *name; name++)
		weir_key_add_secret(key, weir_slice_text(req ? weir_request_field(req, *name) : NULL));
	for (const char *const *name = call->rule->key_cookies; name && *name; name++)
		weir_key_add_secret(key, weir_slice_text(req ? weir_request_cookie(req, *name) : NULL));
}

static void name_cells(struct weir_call *call, const struct weir_key *key)
{
	struct weir_backend_cell *cells = call->cells;

	cells[WEIR_CALL_CELL_ALL] = (struct weir_backend_cell){ weir_slice(call->key.data, key->prefix_len), true, 0 };
	cells[WEIR_CALL_CELL_NAMESPACE] = (struct weir_backend_cell){ weir_slice(call->key.data, key->namespace_len), true, 0 };
	cells[WEIR_CALL_CELL_KEY] = (struct weir_backend_cell){ .name = call->key };
	cells[WEIR_CALL_CELL_SOFT] = (struct weir_backend_cell){ call->cache->soft_cell, true, 0 };
}

bool weir_call_decide_key(struct weir_call *call)
{
	enum weir_status status = call->rule->prepare ? call->rule->prepare(call, call->req) : WEIR_OK;

	if (status >= 0)
		status = weir_call_make_key(call);
	if (status < 0)
		weir_log_warn(call->cache->log, "%s is not cached: its key could not be made: %s", weir_call_what(call),
			      weir_status_text(status));
	return status >= 0;
}

enum weir_status weir_call_make_key(struct weir_call *call)
{
	struct weir_key key;
	enum weir_status status;

	call->key_begun = true;
	if (call->function)
		call->coder_id = weir_coder_id(weir_call_coder(call));
	weir_key_begin(&key, call->pool, call->cache->prefix, call->ns);
	key.call = call;
	add_identity(&key, call);
	status = builder(call)(&key, call->req, call->key_fn ? call->key_user_data : NULL);
	if (status != WEIR_OK)
		return status < 0 ? status : WEIR_ERR_HANDLER;
	add_variants(&key, call);
	call->key = weir_key_finish(&key);
	if (!call->key.data)
		return WEIR_ERR_MEMORY;
	name_cells(call, &key);
	return WEIR_OK;
}
