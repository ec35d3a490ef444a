/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to structs, and single texts, whose numbers are read as JSON's.
 */
#include <strings.h>

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
	if (weir_field_is_temporal(field))
		return is_string && weir_field_set_temporal(pool, field, string_of(json), element);
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

void weir_struct_read_json(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			   struct json_object *json, void *value)
{
	weir_field_clear(field, value);
	if (!json && weir_field_is_optional(field))
		return;
	weir_field_set_present(field, value);
	if (field->shape == WEIR_FIELD_SINGLE)
		read_element(walk, trail, field, json, (char *)value + field->offset);
	else
		read_array(walk, trail, field, json, value);
}

bool weir_struct_is_json_object(struct json_object *json)
{
	return json_object_is_type(json, json_type_object);
}

bool weir_struct_find_json(struct json_object *json, const char *name, struct json_object **member)
{
	return json_object_is_type(json, json_type_object) && json_object_object_get_ex(json, name, member);
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
			weir_struct_read_json(walk, &at, field, member, value);
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
	static const char *const words[] = { "false", "true", "0", "1", "off", "on", "no", "yes", "f", "t", "n", "y", NULL };

	for (number->u = 0; words[number->u] && strcasecmp(text, words[number->u]) != 0;)
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
	if (weir_field_is_temporal(field))
		return weir_field_set_temporal(pool, field, weir_slice_text(text), element);
	if (!number_text(field, text, &number) || !weir_field_number_fits(field, number))
		return false;
	weir_field_store(field, element, number);
	return true;
}

/* At most as many as the field takes. */
static bool read_texts(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
		       const struct weir_texts *texts, char *value)
{
	char *elements;
	bool is_good = true;

	if (field->shape == WEIR_FIELD_SINGLE ? texts->count > 1 : !weir_field_count_fits(field, texts->count)) {
		if (field->shape == WEIR_FIELD_SINGLE)
			weir_struct_fault(walk, trail, "given more than once");
		else
			weir_struct_unexpected(walk, trail, field);
		return false;
	}
	weir_field_clear(field, value);
	weir_field_set_present(field, value);
	elements = weir_field_room(walk->pool, field, value, texts->count);
	for (size_t i = 0; elements && i < texts->count && !walk->faults->more; i++) {
		struct weir_trail at = field->shape == WEIR_FIELD_SINGLE ? *trail : weir_trail_element(trail, i);

		if (set_from_text(walk->pool, field, texts->list[i], elements + i * field->size))
			continue;
		weir_struct_unexpected_element(walk, &at, field);
		is_good = false;
	}
	return is_good;
}

bool weir_struct_read_texts(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			    const struct weir_texts *texts, void *value)
{
	if (texts->count > 0)
		return read_texts(walk, trail, field, texts, value);
	if (weir_field_leave_out(field, value))
		return true;
	weir_struct_fault(walk, trail, "missing");
	return false;
}

enum weir_status weir_struct_set_texts(struct weir_pool *pool, const struct weir_field *field, const struct weir_texts *texts, void *value,
				       struct weir_faults *faults)
{
	struct weir_struct_walk walk = { pool, faults };
	struct weir_trail root = { .depth = 0 };
	struct weir_trail at = weir_trail_member(&root, field);
	bool is_good;

	if (field->kind == WEIR_FIELD_STRUCT)
		return WEIR_ERR_UNSUPPORTED;
	is_good = weir_struct_read_texts(&walk, &at, field, texts, value);
	if (weir_pool_overflowed(pool))
		return WEIR_ERR_MEMORY;
	return is_good ? WEIR_OK : WEIR_ERR_INVALID;
}

enum weir_status weir_struct_set_text(struct weir_pool *pool, const struct weir_field *field, const char *text, void *value,
				      struct weir_faults *faults)
{
	if (field->shape != WEIR_FIELD_SINGLE)
		return WEIR_ERR_UNSUPPORTED;
	return weir_struct_set_texts(pool, field, &(struct weir_texts){ &text, text ? 1 : 0 }, value, faults);
}
