/* SPDX-License-Identifier: Apache-2.0
 *
 * Parameters out of requests, and into keys.
 */
#include "cache/arguments.h"

#include <weir/function.h>

#include "cache/key.h"
#include "http/struct.h"

/* -- Out of a request ------------------------------------------------------------------------------------------------------ */

struct taking {
	struct weir_request *req;
	struct weir_struct_walk walk;
	const struct weir_query *form; /* NULL: there is none */
	struct json_object *json;
	bool has_json;
	void *value;
};

static const struct weir_trail root = { .depth = 0 };

static struct weir_trail place_trail(const char *place)
{
	return (struct weir_trail){ .up = &root, .name = place };
}

static void fault_of_place(const struct taking *taking, const char *place, const char *problem)
{
	struct weir_trail at = place_trail(place);

	weir_struct_fault(&taking->walk, &at, problem);
}

/* False when the parameter was found elsewhere before, which is a fault here. */
static bool is_first(const struct taking *taking, const struct weir_trail *at, const char *found)
{
	if (found)
		weir_struct_fault(&taking->walk, at, weir_pool_printf(taking->walk.pool, "given in the %s too", found));
	return !found;
}

static bool take_param(struct taking *taking, const struct weir_field *field)
{
	struct weir_trail place = place_trail("path");
	struct weir_trail at = weir_trail_member(&place, field);
	const char *text = weir_request_param(taking->req, field->name);

	if (!text)
		return false;
	(void)weir_struct_read_texts(&taking->walk, &at, field, &(struct weir_texts){ &text, 1 }, taking->value);
	return true;
}

/* From query or form, whose pairs of that name are put into a list. */
static bool take_pairs(struct taking *taking, const struct weir_field *field, const struct weir_query *query, const char *name,
		       const char *found)
{
	struct weir_trail place = place_trail(name);
	struct weir_trail at = weir_trail_member(&place, field);
	struct weir_slice wanted = weir_slice_text(field->name);
	size_t count = query ? weir_query_count(query, wanted) : 0;
	const char **list;
	size_t taken = 0;

	if (count == 0 || !is_first(taking, &at, found))
		return false;
	list = weir_pool_alloc(taking->walk.pool, count * sizeof(*list));
	for (size_t i = 0; list && i < query->count; i++)
		if (weir_slice_equal(query->pairs[i].name, wanted))
			list[taken++] = query->pairs[i].value.data;
	if (list)
		(void)weir_struct_read_texts(&taking->walk, &at, field, &(struct weir_texts){ list, count }, taking->value);
	return true;
}

static bool take_json(struct taking *taking, const struct weir_field *field, const char *found)
{
	struct weir_trail place = place_trail("body");
	struct weir_trail at = weir_trail_member(&place, field);
	struct json_object *member;

	if (!taking->has_json || !weir_struct_find_json(taking->json, field->name, &member) || !is_first(taking, &at, found))
		return false;
	weir_struct_read_json(&taking->walk, &at, field, member, taking->value);
	return true;
}

static void take_parameter(struct taking *taking, const struct weir_field *field)
{
	const char *found = NULL;
	struct weir_trail at = weir_trail_member(&root, field);

	if (field->kind != WEIR_FIELD_STRUCT) {
		if (take_param(taking, field))
			found = "path";
		if (take_pairs(taking, field, &taking->req->queries, "query", found))
			found = "query";
		if (take_pairs(taking, field, taking->form, "form", found))
			found = "form";
	}
	if (take_json(taking, field, found))
		found = "body";
	if (!found && !weir_field_leave_out(field, taking->value))
		weir_struct_fault(&taking->walk, &at, "missing");
}

static void read_body(struct taking *taking)
{
	enum weir_status status = weir_request_form_fields(taking->req, &taking->form);
	const char *why = NULL;

	if (status < 0)
		fault_of_place(taking, "form", status == WEIR_ERR_LIMIT ? "too many fields" : "malformed");
	if (!weir_request_has_json(taking->req))
		return;
	taking->has_json = weir_request_json(taking->req, &taking->json, &why) == WEIR_OK;
	if (!taking->has_json)
		fault_of_place(taking, "body", why);
	else if (!weir_struct_is_json_object(taking->json))
		fault_of_place(taking, "body", "expected object");
}

static void take(struct weir_call *call, void *value)
{
	struct taking taking = { .req = call->req, .walk = { call->pool, &call->taken->faults }, .value = value };

	read_body(&taking);
	for (const struct weir_field *field = call->function->params; field->name && !call->taken->faults.more; field++)
		take_parameter(&taking, field);
	call->taken->status = weir_struct_verdict(&taking.walk);
}

enum weir_status weir_call_take_arguments(struct weir_call *call)
{
	void *value;

	if (!call->function->params)
		return WEIR_OK;
	if (call->taken)
		return call->taken->status;
	value = weir_pool_zalloc(call->pool, call->function->params_size);
	call->taken = weir_pool_zalloc(call->pool, sizeof(*call->taken));
	if (call->taken && !value)
		call->taken->status = WEIR_ERR_MEMORY;
	if (!value || !call->taken)
		return WEIR_ERR_MEMORY;
	take(call, value);
	if (call->taken->status == WEIR_OK)
		call->arguments = value;
	return call->taken->status;
}

/* -- Into a key ------------------------------------------------------------------------------------------------------------ */

enum weir_status weir_key_arguments(struct weir_key *key, struct weir_request *req, void *user_data)
{
	const struct weir_call *call = weir_key_call(key);
	const struct weir_field *params = call && call->function ? call->function->params : NULL;
	struct weir_buffer bytes;
	enum weir_status status = WEIR_OK;

	(void)req;
	(void)user_data;
	if (!params)
		return WEIR_OK;
	weir_buffer_init(&bytes, 0);
	status = weir_struct_append_binary(&bytes, params, call->arguments);
	if (status == WEIR_OK)
		weir_key_add(key, weir_buffer_slice(&bytes));
	weir_buffer_finish(&bytes);
	return status;
}
