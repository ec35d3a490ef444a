/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls that complete a response: text, JSON, errors, redirects, bytes that are not copied, streams.
 */
#include <json-c/json.h>
#include <stdio.h>

#include <weir/json.h>

#include "exchange/response.h"

static enum weir_status written(struct weir_response *res)
{
	if (res->body.overflowed)
		return WEIR_ERR_LIMIT;
	return weir_pool_overflowed(res->pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}

static struct weir_buffer *start(struct weir_response *res, const char *media_type)
{
	weir_response_drop_body(res);
	if (media_type)
		weir_response_set_field(res, "Content-Type", media_type);
	return &res->body;
}

enum weir_status weir_response_bytes(struct weir_response *res, const char *media_type, struct weir_slice bytes)
{
	weir_buffer_append_slice(start(res, media_type), bytes);
	return written(res);
}

enum weir_status weir_response_text(struct weir_response *res, const char *media_type, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	weir_buffer_vprintf(start(res, media_type), format, args);
	va_end(args);
	return written(res);
}

enum weir_status weir_response_json(struct weir_response *res, struct json_object *value)
{
	enum weir_status status;

	if (!value)
		return WEIR_ERR_MEMORY;
	status = weir_json_append(start(res, "application/json"), value);
	json_object_put(value);
	return status < 0 ? status : written(res);
}

enum weir_status weir_response_error(struct weir_response *res, int status, const char *detail)
{
	struct weir_buffer *body = start(res, "application/problem+json");
	struct json_object *problem = json_object_new_object();
	enum weir_status written_as = WEIR_ERR_MEMORY;

	weir_response_set_status(res, status);
	if (problem) {
		json_object_object_add(problem, "type", json_object_new_string("about:blank"));
		json_object_object_add(problem, "title", json_object_new_string(weir_reason_phrase(status)));
		json_object_object_add(problem, "status", json_object_new_int(status));
		if (detail)
			json_object_object_add(problem, "detail", json_object_new_string(detail));
		written_as = weir_json_append(body, problem);
		json_object_put(problem);
	}
	return written_as < 0 ? written_as : written(res);
}

enum weir_status weir_response_redirect(struct weir_response *res, int status, const char *location)
{
	if (status != 301 && status != 302 && status != 303 && status != 307 && status != 308)
		return WEIR_ERR_INVALID;
	start(res, NULL);
	weir_response_set_status(res, status);
	weir_response_set_field(res, "Location", location);
	return written(res);
}

enum weir_status weir_response_empty(struct weir_response *res, int status)
{
	start(res, NULL);
	weir_response_set_status(res, status);
	return written(res);
}

enum weir_status weir_response_borrowed(struct weir_response *res, const char *media_type, struct weir_slice bytes,
					void (*release)(void *owner), void *owner)
{
	start(res, media_type);
	if (release)
		weir_pool_on_reset(res->pool, release, owner);
	if (weir_pool_overflowed(res->pool))
		return WEIR_ERR_MEMORY;
	res->is_borrowed = true;
	res->borrowed = bytes.data ? bytes : WEIR_SLICE_LITERAL("");
	return WEIR_OK;
}

enum weir_status weir_response_stream(struct weir_response *res, const char *media_type, const struct weir_source *source)
{
	start(res, media_type);
	res->is_stream = true;
	res->source = *source;
	return written(res);
}
