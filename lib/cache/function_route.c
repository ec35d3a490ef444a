/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions as the targets of routes: arguments from the request, the value for the cache, and what a client sees of it.
 */
#include "cache/arguments.h"
#include "cache/function.h"
#include "cache/value_flight.h"

/* -- What a client sees ---------------------------------------------------------------------------------------------------- */

static enum weir_status represent(const struct weir_call *call, const void *value, struct weir_slice *shown)
{
	const struct weir_coder *coder = weir_call_coder(call);
	struct weir_buffer *buffer = weir_pool_buffer(call->pool, 0);
	enum weir_status status = buffer ? coder->ops->represent(coder, call->pool, value, buffer) : WEIR_ERR_MEMORY;

	if (status == WEIR_OK && buffer->overflowed)
		status = WEIR_ERR_MEMORY;
	if (status == WEIR_OK)
		*shown = buffer->data ? weir_buffer_slice(buffer) : WEIR_SLICE_LITERAL("");
	return status > 0 ? WEIR_ERR_HANDLER : status;
}

static enum weir_status respond(const struct weir_call *call, struct weir_response *res, enum weir_status found, struct weir_slice shown)
{
	const char *media_type = call->req->route->media_type;

	if (found == WEIR_MISS)
		return weir_response_error(res, 404, NULL);
	return weir_response_borrowed(res, media_type ? media_type : weir_coder_media_type(weir_call_coder(call)), shown, NULL, NULL);
}

bool weir_function_show_entry(struct weir_call *call)
{
	const struct weir_coder *coder = weir_call_coder(call);
	enum weir_status status = WEIR_OK;
	void *value;

	call->shown = call->entry.body;
	if (call->entry.status == 404 || !coder->ops->represent)
		return true;
	value = weir_pool_zalloc(call->pool, weir_coder_size(coder));
	status = value ? weir_function_decode(call, value) : WEIR_ERR_MEMORY;
	return status == WEIR_OK && represent(call, value, &call->shown) == WEIR_OK;
}

void weir_function_answer(const struct weir_call *call, struct weir_response *res)
{
	(void)respond(call, res, call->entry.status == 404 ? WEIR_MISS : WEIR_OK, call->shown); /* settled like any response */
	weir_call_set_etag(res);
}

/* -- The handler ----------------------------------------------------------------------------------------------------------- */

/* The value's bytes, for the entry, and what is shown of it. */
static enum weir_status answer(struct weir_call *call, struct weir_response *res, enum weir_status found, const void *value)
{
	struct weir_slice shown = WEIR_SLICE_NONE;
	enum weir_status status = weir_function_encode(call, found, value, &call->value);

	call->value_status = found == WEIR_MISS ? 404 : 200;
	if (status < 0)
		call->value = WEIR_SLICE_NONE;
	shown = call->value;
	if (found == WEIR_OK && weir_call_coder(call)->ops->represent)
		status = represent(call, value, &shown);
	return status < 0 ? status : respond(call, res, found, shown);
}

/* For calls by C code that wait. */
static void land(struct weir_call *call, struct weir_value_seat *seat)
{
	struct weir_blob *entry;
	int64_t until_ms;

	if (!seat->flight || !weir_value_is_awaited(seat))
		return;
	entry = call->value.data ? weir_call_value_entry(call, call->value_status, call->value, &until_ms) : NULL;
	if (entry)
		weir_value_land(seat, entry, call->clock);
	else
		weir_value_set_aside(seat, WEIR_OK, NULL);
	weir_blob_drop(entry);
}

/* Its flight on the loop is known to exchanges only. This one comes beside it, and never waits. */
static void lead(const struct weir_call *call, struct weir_value_seat *seat)
{
	if (call->state != WEIR_CALL_RUNNING || !call->with_lock)
		return;
	if (weir_value_lead(call, seat) < 0)
		weir_cache_count(call->cache, WEIR_COUNT_ERROR);
}

static enum weir_status run(struct weir_call *call, struct weir_response *res)
{
	struct weir_value_seat seat = { 0 };
	void *value = weir_pool_zalloc(call->pool, weir_coder_size(weir_call_coder(call)));
	enum weir_status status;

	if (!value)
		return WEIR_ERR_MEMORY;
	lead(call, &seat);
	status = weir_function_run(call, value);
	if (status < 0)
		weir_value_set_aside(&seat, status, NULL);
	if (status >= 0) {
		status = answer(call, res, status, value);
		land(call, &seat);
	}
	weir_value_leave(&seat);
	return status;
}

enum weir_status weir_function_handler(struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);
	enum weir_status status = call ? weir_call_take_arguments(call) : WEIR_ERR_MEMORY;

	if (status == WEIR_ERR_INVALID)
		return weir_response_faults(res, &call->taken->faults);
	return status < 0 ? status : run(call, res);
}
