/* SPDX-License-Identifier: Apache-2.0
 *
 * The members of a struct, found and changed by their entry in a field table.
 */
#include "base/utf8.h"
#include "http/struct.h"

/* -- Elements -------------------------------------------------------------------------------------------------------------- */

#define LOAD(type, bytes) ((type *)memcpy(&(type){ 0 }, bytes, sizeof(type)))[0]

static int64_t load_int(size_t size, const void *element)
{
	switch (size) {
	case 1:
		return LOAD(int8_t, element);
	case 2:
		return LOAD(int16_t, element);
	case 4:
		return LOAD(int32_t, element);
	default:
		return LOAD(int64_t, element);
	}
}

static uint64_t load_uint(size_t size, const void *element)
{
	switch (size) {
	case 1:
		return LOAD(uint8_t, element);
	case 2:
		return LOAD(uint16_t, element);
	case 4:
		return LOAD(uint32_t, element);
	default:
		return LOAD(uint64_t, element);
	}
}

union weir_field_number weir_field_load(const struct weir_field *field, const void *element)
{
	switch (field->kind) {
	case WEIR_FIELD_INT:
	case WEIR_FIELD_ENUM:
		return (union weir_field_number){ .i = load_int(field->size, element) };
	case WEIR_FIELD_DOUBLE:
		return (union weir_field_number){ .d = LOAD(double, element) };
	default:
		return (union weir_field_number){ .u = load_uint(field->size, element) };
	}
}

/* An integer is cut to the size of the element: the low bytes are the same for both signs. */
void weir_field_store(const struct weir_field *field, void *element, union weir_field_number number)
{
	switch (field->size) {
	case 1:
		memcpy(element, &(uint8_t){ (uint8_t)number.u }, 1);
		break;
	case 2:
		memcpy(element, &(uint16_t){ (uint16_t)number.u }, 2);
		break;
	case 4:
		memcpy(element, &(uint32_t){ (uint32_t)number.u }, 4);
		break;
	default:
		memcpy(element, &number, 8);
	}
}

const char *weir_field_text(const void *element)
{
	return LOAD(const char *, element);
}

struct weir_slice weir_field_bytes(const void *element)
{
	return LOAD(struct weir_slice, element);
}

/* -- What fits ------------------------------------------------------------------------------------------------------------- */

void weir_field_int_limits(const struct weir_field *field, int64_t *min, int64_t *max)
{
	*max = INT64_MAX >> (64 - 8 * field->size);
	*min = -*max - 1;
	if (!field->has_range)
		return;
	*min = field->min.i > *min ? field->min.i : *min;
	*max = field->max.i < *max ? field->max.i : *max;
}

void weir_field_uint_limits(const struct weir_field *field, uint64_t *min, uint64_t *max)
{
	*min = 0;
	*max = UINT64_MAX >> (64 - 8 * field->size);
	if (!field->has_range)
		return;
	*min = field->min.u;
	*max = field->max.u < *max ? field->max.u : *max;
}

static bool enum_fits(const struct weir_field *field, int64_t number)
{
	for (int64_t i = 0; i <= number; i++)
		if (!field->names[i])
			return false;
	return number >= 0;
}

bool weir_field_number_fits(const struct weir_field *field, union weir_field_number number)
{
	uint64_t umin, umax;
	int64_t min, max;

	switch (field->kind) {
	case WEIR_FIELD_INT:
		weir_field_int_limits(field, &min, &max);
		return number.i >= min && number.i <= max;
	case WEIR_FIELD_UINT:
		weir_field_uint_limits(field, &umin, &umax);
		return number.u >= umin && number.u <= umax;
	case WEIR_FIELD_DOUBLE:
		return !field->has_range || (number.d >= field->min.d && number.d <= field->max.d);
	case WEIR_FIELD_ENUM:
		return enum_fits(field, number.i);
	default:
		return number.u <= 1;
	}
}

static bool length_fits(const struct weir_field *field, size_t length)
{
	return length >= field->min_length && (field->max_length == 0 || length <= field->max_length);
}

bool weir_field_text_fits(const struct weir_field *field, struct weir_slice text)
{
	size_t characters = 0;

	while (text.len > 0) {
		uint32_t code;
		size_t len = weir_utf8_decode(text, &code);

		if (len == 0 || code == 0)
			return false;
		text = weir_slice_from(text, len);
		characters++;
	}
	return text.data && length_fits(field, characters);
}

bool weir_field_bytes_fit(const struct weir_field *field, struct weir_slice bytes)
{
	return bytes.data && length_fits(field, bytes.len);
}

bool weir_field_enum_value(const struct weir_field *field, struct weir_slice name, union weir_field_number *number)
{
	for (number->i = 0; field->names[number->i]; number->i++)
		if (weir_slice_equal(name, weir_slice_text(field->names[number->i])))
			return true;
	return false;
}

/* -- Members --------------------------------------------------------------------------------------------------------------- */

bool weir_field_is_present(const struct weir_field *field, const void *value)
{
	const char *base = value;

	if (field->present > 0)
		return LOAD(unsigned char, base + field->present - 1) != 0;
	if (!weir_field_is_nullable(field))
		return true;
	if (field->kind == WEIR_FIELD_TEXT)
		return weir_field_text(base + field->offset) != NULL;
	return weir_field_bytes(base + field->offset).data != NULL;
}

void weir_field_set_present(const struct weir_field *field, void *value)
{
	if (field->present > 0)
		memcpy((char *)value + field->present - 1, &(bool){ true }, sizeof(bool));
}

static void set_list(const struct weir_field *field, void *value, void *elements, size_t count)
{
	memcpy((char *)value + field->offset, &elements, sizeof(elements));
	memcpy((char *)value + field->count, &count, sizeof(count));
}

void weir_field_clear(const struct weir_field *field, void *value)
{
	if (field->present > 0)
		memcpy((char *)value + field->present - 1, &(bool){ false }, sizeof(bool));
	if (field->shape == WEIR_FIELD_LIST)
		set_list(field, value, NULL, 0);
	else
		memset((char *)value + field->offset, 0, field->size * (field->shape == WEIR_FIELD_FIXED ? field->count : 1));
}

bool weir_field_leave_out(const struct weir_field *field, void *value)
{
	char *element = (char *)value + field->offset;

	weir_field_clear(field, value);
	if (!field->has_default)
		return weir_field_is_optional(field);
	weir_field_set_present(field, value);
	if (field->shape != WEIR_FIELD_SINGLE)
		return true;
	if (weir_field_is_temporal(field))
		return weir_field_set_temporal_default(field, element);
	if (field->kind == WEIR_FIELD_TEXT)
		memcpy(element, &field->default_text, sizeof(field->default_text));
	else if (field->kind == WEIR_FIELD_BYTES)
		memcpy(element, &WEIR_SLICE_LITERAL(""), sizeof(struct weir_slice));
	else if (field->kind != WEIR_FIELD_STRUCT)
		weir_field_store(field, element, field->default_number);
	return true;
}

const char *weir_field_elements(const struct weir_field *field, const void *value)
{
	const char *at = (const char *)value + field->offset;

	return field->shape == WEIR_FIELD_LIST ? LOAD(const char *, at) : at;
}

size_t weir_field_count(const struct weir_field *field, const void *value)
{
	if (field->shape == WEIR_FIELD_SINGLE)
		return 1;
	return field->shape == WEIR_FIELD_FIXED ? field->count : LOAD(size_t, (const char *)value + field->count);
}

bool weir_field_count_fits(const struct weir_field *field, size_t count)
{
	if (field->shape != WEIR_FIELD_LIST)
		return count == (field->shape == WEIR_FIELD_FIXED ? field->count : 1);
	return count >= field->min_count && (field->max_count == 0 || count <= field->max_count);
}

char *weir_field_room(struct weir_pool *pool, const struct weir_field *field, void *value, size_t count)
{
	char *elements;

	if (field->shape != WEIR_FIELD_LIST)
		return (char *)value + field->offset;
	if (count > SIZE_MAX / 2 / field->size) {
		weir_pool_set_overflowed(pool);
		return NULL;
	}
	elements = weir_pool_zalloc(pool, count * field->size);
	set_list(field, value, elements, elements ? count : 0);
	return elements;
}
