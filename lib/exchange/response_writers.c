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

enum weir_status weir_response_struct(struct weir_response *res, const struct weir_field *table, const void *value)
{
	enum weir_status status = weir_struct_append_json(start(res, "application/json"), table, value);

	return status < 0 ? status : written(res);
}

struct faults_problem {
	const char *type, *title;
	int status;
	const struct weir_fault *errors;
	size_t error_count;
};

static const struct weir_field fault_fields[] = {
	WEIR_TEXT(struct weir_fault, path),
	WEIR_TEXT(struct weir_fault, problem),
	{ 0 },
};

static const struct weir_field faults_problem_fields[] = {
	WEIR_TEXT(struct faults_problem, type),
	WEIR_TEXT(struct faults_problem, title),
	WEIR_INT(struct faults_problem, status),
	WEIR_STRUCT_LIST(struct faults_problem, errors, error_count, fault_fields),
	{ 0 },
};

enum weir_status weir_response_faults(struct weir_response *res, const struct weir_faults *faults)
{
	struct faults_problem problem = {
		.type = "about:blank",
		.title = weir_reason_phrase(422),
		.status = 422,
		.errors = faults->list,
		.error_count = faults->count,
	};
	enum weir_status status = weir_struct_append_json(start(res, "application/problem+json"), faults_problem_fields, &problem);

	weir_response_set_status(res, 422);
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
