/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to structs, and single texts, whose numbers are read as JSON's.
 */
#include <json-c/json.h>

#include <weir/json.h>

#include "http/base64.h"
#include "http/struct.h"

static void read_struct(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *table,
			struct json_object *json, char *value);

/* json-c keeps integers above INT64_MAX apart and clamps when asked for the wrong one; below, both ways agree. */
static bool read_integer(const struct weir_field *field, struct json_object *json, union weir_field_number *number)
{
	int64_t signed_one;

	if (!json_object_is_type(json, json_type_int))
		return false;
	signed_one = json_object_get_int64(json);
	number->u = json_object_get_uint64(json);
	if (field->kind == WEIR_FIELD_UINT)
		return signed_one >= 0;
	if (number->u > INT64_MAX)
		return false;
	number->i = signed_one;
	return true;
}

static struct weir_slice string_of(struct json_object *json)
{
	return weir_slice(json_object_get_string(json), (size_t)json_object_get_string_len(json));
}

/* False when the JSON is not of the field's kind. */
static bool read_number(const struct weir_field *field, struct json_object *json, union weir_field_number *number)
{
	switch (field->kind) {
	case WEIR_FIELD_BOOL:
		number->u = json_object_get_boolean(json) ? 1 : 0;
		return json_object_is_type(json, json_type_boolean);
	case WEIR_FIELD_DOUBLE:
		number->d = json_object_get_double(json);
		return json_object_is_type(json, json_type_double) || json_object_is_type(json, json_type_int);
	case WEIR_FIELD_ENUM:
		return json_object_is_type(json, json_type_string) && weir_field_enum_value(field, string_of(json), number);
	default:
		return read_integer(field, json, number);
	}
}

/* False for what does not fit. */
static bool set_text(struct weir_pool *pool, const struct weir_field *field, struct weir_slice text, char *element)
{
	const char *copy;

	if (!weir_field_text_fits(field, text))
		return false;
	copy = weir_pool_dup(pool, text).data;
	memcpy(element, &copy, sizeof(copy));
	return true;
}

static bool set_bytes(struct weir_pool *pool, const struct weir_field *field, struct weir_slice text, char *element)
{
	struct weir_slice bytes;
	enum weir_status status = weir_base64_decode(pool, text, &bytes);

	if (status == WEIR_ERR_MEMORY)
		return true;
	if (status < 0 || !weir_field_bytes_fit(field, bytes))
		return false;
	memcpy(element, &bytes, sizeof(bytes));
	return true;
}

static bool set_scalar(struct weir_pool *pool, const struct weir_field *field, struct json_object *json, char *element)
{
	bool is_string = json_object_is_type(json, json_type_string);
	union weir_field_number number;

	if (field->kind == WEIR_FIELD_TEXT)
		return is_string && set_text(pool, field, string_of(json), element);
	if (field->kind == WEIR_FIELD_BYTES)
		return is_string && set_bytes(pool, field, string_of(json), element);
	if (!read_number(field, json, &number) || !weir_field_number_fits(field, number))
		return false;
	weir_field_store(field, element, number);
	return true;
}

static void read_element(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			 struct json_object *json, char *element)
{
	if (field->kind == WEIR_FIELD_STRUCT)
		read_struct(walk, trail, field->fields, json, element);
	else if (!set_scalar(walk->pool, field, json, element))
		weir_struct_unexpected_element(walk, trail, field);
}

static void read_array(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
		       struct json_object *json, char *value)
{
	size_t count = json_object_is_type(json, json_type_array) ? json_object_array_length(json) : SIZE_MAX;
	char *elements;

	if (count == SIZE_MAX || !weir_field_count_fits(field, count)) {
		weir_struct_unexpected(walk, trail, field);
		return;
	}
	elements = weir_field_room(walk->pool, field, value, count);
	for (size_t i = 0; elements && i < count && !walk->faults->more; i++) {
		struct weir_trail at = weir_trail_element(trail, i);

		read_element(walk, &at, field, json_object_array_get_idx(json, i), elements + i * field->size);
	}
}

static void read_member(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			struct json_object *json, char *value)
{
	weir_field_clear(field, value);
	if (!json && weir_field_is_optional(field))
		return;
	weir_field_set_present(field, value);
	if (field->shape == WEIR_FIELD_SINGLE)
		read_element(walk, trail, field, json, value + field->offset);
	else
		read_array(walk, trail, field, json, value);
}

static void read_struct(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *table,
			struct json_object *json, char *value)
{
	struct json_object *member;

	if (!json_object_is_type(json, json_type_object) || trail->depth >= WEIR_STRUCT_DEPTH) {
		weir_struct_fault(walk, trail, trail->depth >= WEIR_STRUCT_DEPTH ? "nested too deep" : "expected object");
		return;
	}
	for (const struct weir_field *field = table; field->name; field++) {
		struct weir_trail at = weir_trail_member(trail, field);

		if (json_object_object_get_ex(json, field->name, &member))
			read_member(walk, &at, field, member, value);
		else if (!weir_field_leave_out(field, value))
			weir_struct_fault(walk, &at, "missing");
	}
}

enum weir_status weir_struct_from_json(struct weir_pool *pool, const struct weir_field *table, struct json_object *json, void *value,
				       struct weir_faults *faults)
{
	struct weir_struct_walk walk = { pool, faults };

	faults->count = 0;
	faults->more = false;
	read_struct(&walk, &(struct weir_trail){ .depth = 0 }, table, json, value);
	return weir_struct_verdict(&walk);
}

enum weir_status weir_struct_parse_json(struct weir_pool *pool, const struct weir_field *table, struct weir_slice text, void *value,
					struct weir_faults *faults)
{
	struct weir_json_error where = { 0, NULL };
	struct json_object *json;
	/* A struct in a list takes two levels. */
	enum weir_status status = weir_json_parse(text, 2 * WEIR_STRUCT_DEPTH, &json, &where);

	*faults = (struct weir_faults){ .count = 0 };
	if (status == WEIR_OK) {
		status = weir_struct_from_json(pool, table, json, value, faults);
		json_object_put(json);
	} else if (status != WEIR_ERR_MEMORY) {
		const char *problem = weir_pool_printf(pool, "JSON at byte %zu: %s", where.offset, where.reason);

		weir_struct_fault(&(struct weir_struct_walk){ pool, faults }, &(struct weir_trail){ .depth = 0 }, problem);
		status = problem ? status : WEIR_ERR_MEMORY;
	}
	return status;
}

/* -- Single texts ---------------------------------------------------------------------------------------------------------- */

static bool bool_text(const char *text, union weir_field_number *number)
{
	static const char *const words[] = { "false", "true", "0", "1", "off", "on", NULL };

	for (number->u = 0; words[number->u] && strcmp(text, words[number->u]) != 0;)
		number->u++;
	if (!words[number->u])
		return false;
	number->u %= 2;
	return true;
}

static bool number_text(const struct weir_field *field, const char *text, union weir_field_number *number)
{
	struct json_object *json;
	bool is_good;

	if (field->kind == WEIR_FIELD_BOOL)
		return bool_text(text, number);
	if (field->kind == WEIR_FIELD_ENUM)
		return weir_field_enum_value(field, weir_slice_text(text), number);
	if (weir_json_parse(weir_slice_text(text), 0, &json, NULL) < 0)
		return false;
	is_good = read_number(field, json, number);
	json_object_put(json);
	return is_good;
}

static bool set_from_text(struct weir_pool *pool, const struct weir_field *field, const char *text, char *element)
{
	union weir_field_number number;

	if (field->kind == WEIR_FIELD_TEXT)
		return set_text(pool, field, weir_slice_text(text), element);
	if (field->kind == WEIR_FIELD_BYTES)
		return set_bytes(pool, field, weir_slice_text(text), element);
	if (!number_text(field, text, &number) || !weir_field_number_fits(field, number))
		return false;
	weir_field_store(field, element, number);
	return true;
}

static bool set_or_leave_out(const struct weir_struct_walk *walk, const struct weir_field *field, const char *text, char *value)
{
	struct weir_trail root = { .depth = 0 };
	struct weir_trail at = weir_trail_member(&root, field);

	if (!text && weir_field_leave_out(field, value))
		return true;
	if (!text) {
		weir_struct_fault(walk, &at, "missing");
		return false;
	}
	weir_field_clear(field, value);
	weir_field_set_present(field, value);
	if (set_from_text(walk->pool, field, text, value + field->offset))
		return true;
	weir_struct_unexpected(walk, &at, field);
	return false;
}

enum weir_status weir_struct_set_text(struct weir_pool *pool, const struct weir_field *field, const char *text, void *value,
				      struct weir_faults *faults)
{
	struct weir_struct_walk walk = { pool, faults };
	bool is_good;

	if (field->shape != WEIR_FIELD_SINGLE || field->kind == WEIR_FIELD_STRUCT)
		return WEIR_ERR_UNSUPPORTED;
	is_good = set_or_leave_out(&walk, field, text, value);
	if (weir_pool_overflowed(pool))
		return WEIR_ERR_MEMORY;
	return is_good ? WEIR_OK : WEIR_ERR_INVALID;
}
