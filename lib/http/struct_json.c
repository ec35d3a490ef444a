/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs to JSON, straight into the buffer.
 */
#include <inttypes.h>

#include "http/base64.h"
#include "http/json_number.h"
#include "http/struct.h"

static enum weir_status append_struct(struct weir_buffer *buffer, const struct weir_field *table, const char *value);

static enum weir_status append_element(struct weir_buffer *buffer, const struct weir_field *field, const char *element)
{
	union weir_field_number number = { .u = 0 };
	char room[WEIR_DATETIME_TEXT_SIZE];

	if (field->kind == WEIR_FIELD_STRUCT)
		return append_struct(buffer, field->fields, element);
	if (weir_field_is_temporal(field)) {
		weir_json_append_string(buffer, weir_field_temporal_text(field, element, room));
		return WEIR_OK;
	}
	if (field->kind != WEIR_FIELD_TEXT && field->kind != WEIR_FIELD_BYTES)
		number = weir_field_load(field, element);
	switch (field->kind) {
	case WEIR_FIELD_BOOL:
		weir_buffer_append_text(buffer, number.u ? "true" : "false");
		break;
	case WEIR_FIELD_INT:
		weir_buffer_printf(buffer, "%" PRId64, number.i);
		break;
	case WEIR_FIELD_UINT:
		weir_buffer_printf(buffer, "%" PRIu64, number.u);
		break;
	case WEIR_FIELD_DOUBLE:
		return weir_json_append_double(buffer, number.d);
	case WEIR_FIELD_BYTES:
		weir_buffer_append_byte(buffer, '"');
		weir_base64_append(buffer, weir_field_bytes(element));
		weir_buffer_append_byte(buffer, '"');
		break;
	case WEIR_FIELD_ENUM:
		weir_json_append_string(buffer, weir_slice_text(field->names[number.i]));
		break;
	default:
		weir_json_append_string(buffer, weir_slice_text(weir_field_text(element)));
	}
	return WEIR_OK;
}

static enum weir_status append_member(struct weir_buffer *buffer, const struct weir_field *field, const char *value)
{
	const char *elements = weir_field_elements(field, value);
	size_t count = weir_field_count(field, value);
	enum weir_status status = WEIR_OK;

	if (field->shape == WEIR_FIELD_SINGLE)
		return append_element(buffer, field, elements);
	weir_buffer_append_byte(buffer, '[');
	for (size_t i = 0; i < count && status == WEIR_OK; i++) {
		if (i > 0)
			weir_buffer_append_byte(buffer, ',');
		status = append_element(buffer, field, elements + i * field->size);
	}
	weir_buffer_append_byte(buffer, ']');
	return status;
}

static enum weir_status append_struct(struct weir_buffer *buffer, const struct weir_field *table, const char *value)
{
	enum weir_status status = WEIR_OK;

	weir_buffer_append_byte(buffer, '{');
	for (const struct weir_field *field = table; field->name && status == WEIR_OK; field++) {
		if (field != table)
			weir_buffer_append_byte(buffer, ',');
		weir_json_append_string(buffer, weir_slice_text(field->name));
		weir_buffer_append_byte(buffer, ':');
		if (weir_field_is_present(field, value))
			status = append_member(buffer, field, value);
		else
			weir_buffer_append_text(buffer, "null");
	}
	weir_buffer_append_byte(buffer, '}');
	return status;
}

enum weir_status weir_struct_append_json(struct weir_buffer *buffer, const struct weir_field *table, const void *value)
{
	size_t before = buffer->len;
	struct weir_faults faults;
	enum weir_status status = weir_struct_validate(NULL, table, value, &faults);

	if (status == WEIR_OK)
		status = append_struct(buffer, table, value);
	if (status == WEIR_OK && buffer->overflowed)
		status = WEIR_ERR_LIMIT;
	if (status != WEIR_OK)
		buffer->len = before;
	return status;
}
