/* SPDX-License-Identifier: Apache-2.0
 *
 * What handlers and middleware ask a request.
 */
#include <json-c/json.h>

#include <weir/cookie.h>
#include <weir/form.h>
#include <weir/json.h>

#include "exchange/exchange.h"

const char *weir_request_text(const struct weir_request *req, struct weir_slice value)
{
	if (!value.data || value.data[value.len] == '\0')
		return value.data;
	return weir_pool_dup(req->pool, value).data;
}

enum weir_method weir_request_method(const struct weir_request *req)
{
	return req->method;
}

const char *weir_request_method_name(const struct weir_request *req)
{
	return req->method_name;
}

const char *weir_request_path(const struct weir_request *req)
{
	return req->path;
}

const char *weir_request_mount(const struct weir_request *req)
{
	return req->mount;
}

const char *weir_request_query_string(const struct weir_request *req)
{
	return req->query_string;
}

const char *weir_request_query(const struct weir_request *req, const char *name)
{
	return weir_query_get(&req->queries, weir_slice_text(name)).data;
}

const struct weir_query *weir_request_queries(const struct weir_request *req)
{
	return &req->queries;
}

const char *weir_request_param(const struct weir_request *req, const char *name)
{
	for (size_t i = 0; i < req->param_count; i++)
		if (strcmp(req->param_names[i], name) == 0)
			return req->params[i];
	return NULL;
}

/* -- Fields ---------------------------------------------------------------------------------------------------------------- */

static struct weir_slice join_cookies(const struct weir_request *req)
{
	static const struct weir_slice name = { "Cookie", 6 };
	const struct weir_field_line *line;
	size_t position = 0;
	char *joined = NULL;

	while ((line = weir_fields_next(&req->fields, name, &position)))
		joined = weir_pool_printf(req->pool, "%s%s%.*s", joined ? joined : "", joined ? "; " : "", (int)line->value.len,
					  line->value.data);
	return weir_slice_text(joined);
}

const char *weir_request_field(const struct weir_request *req, const char *name)
{
	struct weir_slice wanted = weir_slice_text(name);
	struct weir_slice value = weir_fields_get(&req->fields, wanted);

	if (value.data && weir_fields_count(&req->fields, wanted) > 1) {
		bool cookie = weir_slice_equal_nocase(wanted, WEIR_SLICE_LITERAL("Cookie"));

		value = cookie ? join_cookies(req) : weir_fields_join(&req->fields, wanted, req->pool);
	}
	return weir_request_text(req, value);
}

void weir_request_each_field(const struct weir_request *req, const char *name,
			     void (*visit)(void *state, struct weir_slice name, struct weir_slice value), void *state)
{
	const struct weir_field_line *line;
	size_t position = 0;

	while ((line = weir_fields_next(&req->fields, weir_slice_text(name), &position)))
		visit(state, line->name, line->value);
}

const char *weir_request_cookie(const struct weir_request *req, const char *name)
{
	struct weir_slice value = weir_slice_text(weir_request_field(req, "Cookie"));
	struct weir_cookies cookies;

	if (!value.data || weir_cookies_parse(req->pool, value, 0, &cookies) < 0)
		return NULL;
	return weir_cookies_get(&cookies, weir_slice_text(name)).data;
}

const char *weir_request_host(const struct weir_request *req)
{
	const char *host = weir_request_field(req, "Host");
	char *lower;

	if (!host || !host[0])
		host = weir_request_variable(req, "SERVER_NAME");
	lower = host ? weir_pool_dup_text(req->pool, host) : NULL;
	for (char *at = lower; at && *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + ('a' - 'A'));
	return lower ? lower : "";
}

/* -- The body -------------------------------------------------------------------------------------------------------------- */

struct weir_slice weir_request_body(const struct weir_request *req)
{
	struct weir_slice body = weir_buffer_slice(&req->body);

	if (req->pipe)
		return WEIR_SLICE_NONE;
	return body.data ? body : WEIR_SLICE_LITERAL("");
}

uint64_t weir_request_content_length(const struct weir_request *req)
{
	return req->content_length;
}

enum weir_status weir_request_json(struct weir_request *req, struct json_object **value, const char **why)
{
	struct weir_slice type = weir_fields_get(&req->fields, WEIR_SLICE_LITERAL("Content-Type"));
	struct weir_json_error where = { 0, weir_status_text(WEIR_ERR_MEMORY) };
	enum weir_status status = WEIR_OK;

	if (type.data && !weir_media_type_is(type, "application/json")) {
		*why = "Content-Type is not application/json";
		return WEIR_ERR_INVALID;
	}
	if (!req->json_parsed) {
		status = weir_json_parse(weir_request_body(req), WEIR_JSON_DEPTH, &req->json, &where);
		req->json_parsed = status == WEIR_OK;
	}
	if (status < 0) {
		*why = weir_pool_printf(req->pool, "JSON at byte %zu: %s", where.offset, where.reason);
		return status;
	}
	*value = req->json;
	return WEIR_OK;
}

enum weir_status weir_request_struct(struct weir_request *req, const struct weir_field *table, void *value, struct weir_faults *faults)
{
	struct json_object *json;
	const char *why = NULL;
	enum weir_status status = weir_request_json(req, &json, &why);

	if (status == WEIR_OK)
		return weir_struct_from_json(req->pool, table, json, value, faults);
	faults->list[0] = (struct weir_fault){ .path = "", .problem = why };
	faults->count = 1;
	faults->more = false;
	return why ? status : WEIR_ERR_MEMORY;
}

static bool has_media_type(const struct weir_request *req, const char *media_type)
{
	return weir_media_type_is(weir_fields_get(&req->fields, WEIR_SLICE_LITERAL("Content-Type")), media_type);
}

bool weir_request_has_json(const struct weir_request *req)
{
	return has_media_type(req, "application/json") && weir_request_body(req).len > 0;
}

enum weir_status weir_request_form_fields(struct weir_request *req, const struct weir_query **form)
{
	size_t max_pairs = weir_exchange_of(req)->service->limits.queries;

	*form = req->form;
	if (req->form || !has_media_type(req, WEIR_FORM_MEDIA_TYPE))
		return WEIR_OK;
	req->form = weir_pool_zalloc(req->pool, sizeof(*req->form));
	if (!req->form)
		return WEIR_ERR_MEMORY;
	*form = req->form;
	return weir_form_parse(req->pool, weir_request_body(req), max_pairs, req->form);
}

const char *weir_request_form(struct weir_request *req, const char *name)
{
	const struct weir_query *form;

	if (weir_request_form_fields(req, &form) < 0 || !form)
		return NULL;
	return weir_query_get(form, weir_slice_text(name)).data;
}

/* -- What surrounds it ----------------------------------------------------------------------------------------------------- */

struct weir_pool *weir_request_pool(const struct weir_request *req)
{
	return req->pool;
}

struct weir_log *weir_request_log(const struct weir_request *req)
{
	return weir_exchange_of(req)->service->log;
}

const struct weir_clock *weir_request_clock(const struct weir_request *req)
{
	return weir_exchange_of(req)->host->clock;
}

const struct weir_route *weir_request_route(const struct weir_request *req)
{
	return req->route;
}

void *weir_request_user_data(const struct weir_request *req)
{
	return req->route ? req->route->user_data : NULL;
}

void *weir_middleware_state(const struct weir_middleware *self, struct weir_request *req)
{
	return weir_exchange_of(req)->states + self->state_offset;
}
