/* SPDX-License-Identifier: Apache-2.0
 *
 * What tells whether a value in the binary form was written by the table that is to read it.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/endian.h"
#include "http/struct.h"

/* Changes with the binary form. */
#define FORMAT 1

/* The tables that are open around one; `up` NULL: none. */
struct enclosing {
	const struct enclosing *up;
	const struct weir_field *table;
};

static uint64_t add_number(uint64_t sum, uint64_t number)
{
	char bytes[8];

	weir_store_le64(bytes, number);
	return XXH3_64bits_withSeed(bytes, sizeof(bytes), sum);
}

static uint64_t add_text(uint64_t sum, const char *text)
{
	return XXH3_64bits_withSeed(text, strlen(text) + 1, sum);
}

static uint64_t add_table(uint64_t sum, const struct enclosing *up, const struct weir_field *table);

/* A table that is open already is told by how far up it is. */
static uint64_t add_nested(uint64_t sum, const struct enclosing *up, const struct weir_field *table)
{
	uint64_t distance = 1;

	for (const struct enclosing *at = up; at; at = at->up, distance++)
		if (at->table == table)
			return add_number(sum, distance);
	return add_table(add_number(sum, 0), up, table);
}

static uint64_t add_field(uint64_t sum, const struct enclosing *up, const struct weir_field *field)
{
	sum = add_text(sum, field->name);
	sum = add_number(sum, (uint64_t)field->kind << 16 | (uint64_t)field->shape << 8 | weir_field_is_optional(field));
	if (field->shape == WEIR_FIELD_FIXED)
		sum = add_number(sum, field->count);
	if (field->kind == WEIR_FIELD_STRUCT)
		return add_nested(sum, up, field->fields);
	if (field->kind == WEIR_FIELD_ENUM)
		for (size_t i = 0; field->names[i]; i++)
			sum = add_text(sum, field->names[i]);
	/* What has pointers in it has another size elsewhere, but the same form. */
	if (field->kind == WEIR_FIELD_INT || field->kind == WEIR_FIELD_UINT)
		sum = add_number(sum, field->size);
	return sum;
}

static uint64_t add_table(uint64_t sum, const struct enclosing *up, const struct weir_field *table)
{
	struct enclosing here = { up, table };
	size_t count = 0;

	for (; table[count].name; count++)
		sum = add_field(sum, &here, &table[count]);
	return add_number(sum, count);
}

uint64_t weir_struct_fingerprint(const struct weir_field *table)
{
	return add_table(FORMAT, NULL, table);
}
