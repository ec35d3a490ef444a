/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs to bytes and back, for caches. The form, all numbers little-endian:
 *
 *	fingerprint u64, then the members in the table's order, without padding
 *	optional member    u8 0: not there; 1: there, and it follows
 *	bool u8, enum u32, integers in their own size, double as its 64 bits
 *	text, bytes        u32 length, the bytes
 *	dates, decimals    their text
 *	list               u32 count, the elements; an array only its elements
 *	struct             its members
 *
 * What is read is not trusted: a length is believed only as far as there are bytes, and the value is validated when it is whole.
 */
#include "base/endian.h"
#include "http/struct.h"

/* -- Writing --------------------------------------------------------------------------------------------------------------- */

static enum weir_status put_struct(struct weir_buffer *buffer, const struct weir_field *table, const char *value);

static void put_number(struct weir_buffer *buffer, size_t size, uint64_t number)
{
	char bytes[8];

	weir_store_le64(bytes, number);
	weir_buffer_append(buffer, bytes, size);
}

static enum weir_status put_bytes(struct weir_buffer *buffer, struct weir_slice bytes)
{
	if (bytes.len > UINT32_MAX)
		return WEIR_ERR_LIMIT;
	put_number(buffer, 4, bytes.len);
	weir_buffer_append_slice(buffer, bytes);
	return WEIR_OK;
}

static enum weir_status put_element(struct weir_buffer *buffer, const struct weir_field *field, const char *element)
{
	char room[WEIR_DATETIME_TEXT_SIZE];

	switch (field->kind) {
	case WEIR_FIELD_STRUCT:
		return put_struct(buffer, field->fields, element);
	case WEIR_FIELD_TEXT:
		return put_bytes(buffer, weir_slice_text(weir_field_text(element)));
	case WEIR_FIELD_BYTES:
		return put_bytes(buffer, weir_field_bytes(element));
	case WEIR_FIELD_DATE:
	case WEIR_FIELD_DATETIME:
	case WEIR_FIELD_DECIMAL:
		return put_bytes(buffer, weir_field_temporal_text(field, element, room));
	default: /* the bits of a double are those of its `u` */
		put_number(buffer, field->size, weir_field_load(field, element).u);
		return WEIR_OK;
	}
}

static enum weir_status put_member(struct weir_buffer *buffer, const struct weir_field *field, const char *value)
{
	const char *elements = weir_field_elements(field, value);
	size_t count = weir_field_count(field, value);
	enum weir_status status = WEIR_OK;

	if (count > UINT32_MAX)
		return WEIR_ERR_LIMIT;
	if (field->shape == WEIR_FIELD_LIST)
		put_number(buffer, 4, count);
	for (size_t i = 0; i < count && status == WEIR_OK; i++)
		status = put_element(buffer, field, elements + i * field->size);
	return status;
}

static enum weir_status put_struct(struct weir_buffer *buffer, const struct weir_field *table, const char *value)
{
	enum weir_status status = WEIR_OK;

	for (const struct weir_field *field = table; field->name && status == WEIR_OK; field++) {
		bool present = weir_field_is_present(field, value);

		if (weir_field_is_optional(field))
			put_number(buffer, 1, present);
		if (present)
			status = put_member(buffer, field, value);
	}
	return status;
}

enum weir_status weir_struct_append_binary(struct weir_buffer *buffer, const struct weir_field *table, const void *value)
{
	size_t before = buffer->len;
	struct weir_faults faults;
	enum weir_status status = weir_struct_validate(NULL, table, value, &faults);

	if (status == WEIR_OK) {
		put_number(buffer, 8, weir_struct_fingerprint(table));
		status = put_struct(buffer, table, value);
	}
	if (status == WEIR_OK && buffer->overflowed)
		status = WEIR_ERR_LIMIT;
	if (status != WEIR_OK)
		buffer->len = before;
	return status;
}

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

struct reading {
	struct weir_pool *pool;
	struct weir_slice rest;
};

static enum weir_status take_struct(struct reading *in, const struct weir_field *table, char *value, int depth);

static enum weir_status take_number(struct reading *in, size_t size, uint64_t *number)
{
	char bytes[8] = { 0 };

	if (in->rest.len < size)
		return WEIR_ERR_CORRUPT;
	memcpy(bytes, in->rest.data, size);
	*number = weir_load_le64(bytes);
	in->rest = weir_slice_from(in->rest, size);
	return WEIR_OK;
}

/* A length, or a count of elements that have at least one byte each. */
static enum weir_status take_length(struct reading *in, size_t *len)
{
	uint64_t number;
	enum weir_status status = take_number(in, 4, &number);

	if (status == WEIR_OK && number > in->rest.len)
		status = WEIR_ERR_CORRUPT;
	if (status == WEIR_OK)
		*len = (size_t)number;
	return status;
}

static enum weir_status take_bytes(struct reading *in, const struct weir_field *field, char *element)
{
	struct weir_slice copy;
	size_t len;
	enum weir_status status = take_length(in, &len);

	if (status != WEIR_OK)
		return status;
	/* A text with a zero byte would be cut there. */
	if (field->kind == WEIR_FIELD_TEXT && weir_slice_find(weir_slice(in->rest.data, len), '\0') < len)
		return WEIR_ERR_CORRUPT;
	copy = weir_pool_dup(in->pool, weir_slice(in->rest.data, len));
	if (!copy.data)
		return WEIR_ERR_MEMORY;
	if (field->kind == WEIR_FIELD_TEXT)
		memcpy(element, &copy.data, sizeof(copy.data));
	else
		memcpy(element, &copy, sizeof(copy));
	in->rest = weir_slice_from(in->rest, len);
	return WEIR_OK;
}

static enum weir_status take_temporal(struct reading *in, const struct weir_field *field, char *element)
{
	size_t len;
	enum weir_status status = take_length(in, &len);

	if (status != WEIR_OK)
		return status;
	if (!weir_field_set_temporal(in->pool, field, weir_slice(in->rest.data, len), element))
		return WEIR_ERR_CORRUPT;
	in->rest = weir_slice_from(in->rest, len);
	return weir_pool_overflowed(in->pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}

static enum weir_status take_element(struct reading *in, const struct weir_field *field, char *element, int depth)
{
	union weir_field_number number;
	enum weir_status status;

	if (field->kind == WEIR_FIELD_STRUCT)
		return take_struct(in, field->fields, element, depth);
	if (field->kind == WEIR_FIELD_TEXT || field->kind == WEIR_FIELD_BYTES)
		return take_bytes(in, field, element);
	if (weir_field_is_temporal(field))
		return take_temporal(in, field, element);
	status = take_number(in, field->size, &number.u);
	if (status == WEIR_OK)
		weir_field_store(field, element, number);
	return status;
}

static enum weir_status take_member(struct reading *in, const struct weir_field *field, char *value, int depth)
{
	size_t count = weir_field_count(field, value);
	enum weir_status status = WEIR_OK;
	char *elements;

	if (field->shape == WEIR_FIELD_LIST)
		status = take_length(in, &count);
	if (status != WEIR_OK)
		return status;
	elements = weir_field_room(in->pool, field, value, count);
	if (!elements)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count && status == WEIR_OK; i++)
		status = take_element(in, field, elements + i * field->size, depth);
	return status;
}

static enum weir_status take_presence(struct reading *in, const struct weir_field *field, bool *present)
{
	uint64_t flag = 1;
	enum weir_status status = WEIR_OK;

	if (weir_field_is_optional(field))
		status = take_number(in, 1, &flag);
	*present = flag == 1;
	return status == WEIR_OK && flag > 1 ? WEIR_ERR_CORRUPT : status;
}

static enum weir_status take_struct(struct reading *in, const struct weir_field *table, char *value, int depth)
{
	enum weir_status status = depth < WEIR_STRUCT_DEPTH ? WEIR_OK : WEIR_ERR_CORRUPT;

	for (const struct weir_field *field = table; field->name && status == WEIR_OK; field++) {
		bool present;

		weir_field_clear(field, value);
		status = take_presence(in, field, &present);
		if (status != WEIR_OK || !present)
			continue;
		weir_field_set_present(field, value);
		status = take_member(in, field, value, depth + 1);
	}
	return status;
}

enum weir_status weir_struct_from_binary(struct weir_pool *pool, const struct weir_field *table, struct weir_slice bytes, void *value)
{
	struct reading in = { pool, bytes };
	struct weir_faults faults;
	uint64_t fingerprint;
	enum weir_status status = take_number(&in, 8, &fingerprint);

	if (status == WEIR_OK && fingerprint != weir_struct_fingerprint(table))
		return WEIR_MISS;
	if (status == WEIR_OK)
		status = take_struct(&in, table, value, 0);
	if (status == WEIR_OK && in.rest.len > 0)
		status = WEIR_ERR_CORRUPT;
	if (status == WEIR_OK && weir_struct_validate(NULL, table, value, &faults) != WEIR_OK)
		status = WEIR_ERR_CORRUPT;
	return status;
}
