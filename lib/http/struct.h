/* SPDX-License-Identifier: Apache-2.0
 *
 * What the operations on structs share: members of a value by their entry in the table, and faults with their path. Members are read
 * and written as bytes of the size the table says, so neither alignment nor a bool that is neither true nor false matters.
 */
#ifndef WEIR_HTTP_STRUCT_H
#define WEIR_HTTP_STRUCT_H

#include <weir/field.h>

/* Where an operation is: a chain from the member back to the value itself, which is { .depth = 0 }. */
struct weir_trail {
	const struct weir_trail *up;
	const char *name; /* NULL: an element of an array */
	size_t index;
	int depth; /* structs that are open around it */
};

/* Text of the form "items[3].price"; NULL when memory is out. */
const char *weir_trail_text(struct weir_pool *pool, const struct weir_trail *trail);

static inline struct weir_trail weir_trail_member(const struct weir_trail *up, const struct weir_field *field)
{
	return (struct weir_trail){ .up = up, .name = field->name, .depth = up->depth + 1 };
}

static inline struct weir_trail weir_trail_element(const struct weir_trail *up, size_t index)
{
	return (struct weir_trail){ .up = up, .index = index, .depth = up->depth };
}

/* A call on one value; `pool` NULL: nobody reads the faults' texts. */
struct weir_struct_walk {
	struct weir_pool *pool;
	struct weir_faults *faults;
};

/* `problem` is static. */
void weir_struct_fault(const struct weir_struct_walk *walk, const struct weir_trail *trail, const char *problem);

/* "expected …" and what the field takes: all of it, or one element. */
void weir_struct_unexpected(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field);
void weir_struct_unexpected_element(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field);

/* ERR_MEMORY when the pool overflowed, ERR_INVALID when there are faults. */
enum weir_status weir_struct_verdict(const struct weir_struct_walk *walk);

/* -- Single members, for those who collect a value from several places; `trail` is the member's (json_struct.c) --------------- */

/* From texts: none means that it is left out. False with a fault. Not for structs and what is made of them. */
bool weir_struct_read_texts(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			    const struct weir_texts *texts, void *value);

void weir_struct_read_json(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			   struct json_object *json, void *value);

bool weir_struct_is_json_object(struct json_object *json);

/* The object's member of that name. False also for what is no object. */
bool weir_struct_find_json(struct json_object *json, const char *name, struct json_object **member);

/* -- Elements: of kinds with numbers, TEXT, BYTES -------------------------------------------------------------------------- */

union weir_field_number weir_field_load(const struct weir_field *field, const void *element);
void weir_field_store(const struct weir_field *field, void *element, union weir_field_number number);
const char *weir_field_text(const void *element);
struct weir_slice weir_field_bytes(const void *element);

/* By width and range. */
void weir_field_int_limits(const struct weir_field *field, int64_t *min, int64_t *max);
void weir_field_uint_limits(const struct weir_field *field, uint64_t *min, uint64_t *max);
bool weir_field_number_fits(const struct weir_field *field, union weir_field_number number);
bool weir_field_text_fits(const struct weir_field *field, struct weir_slice text);
bool weir_field_bytes_fit(const struct weir_field *field, struct weir_slice bytes);

/* The value that has this name, in `number->i`. */
bool weir_field_enum_value(const struct weir_field *field, struct weir_slice name, union weir_field_number *number);

/* -- Elements: DATE, DATETIME, DECIMAL. (struct_temporal.c) ----------------------------------------------------------------- */

static inline bool weir_field_is_temporal(const struct weir_field *field)
{
	return field->kind == WEIR_FIELD_DATE || field->kind == WEIR_FIELD_DATETIME || field->kind == WEIR_FIELD_DECIMAL;
}

/* The text, in `room` or where it is anyway; absent for a value that has none. */
struct weir_slice weir_field_temporal_text(const struct weir_field *field, const void *element, char room[WEIR_DATETIME_TEXT_SIZE]);

/* False for a text that does not fit. True, and nothing set, when memory is out. */
bool weir_field_set_temporal(struct weir_pool *pool, const struct weir_field *field, struct weir_slice text, void *element);
bool weir_field_set_temporal_default(const struct weir_field *field, void *element);

/* -- Members of a value ---------------------------------------------------------------------------------------------------- */

static inline bool weir_field_is_nullable(const struct weir_field *field)
{
	return field->nullable && field->shape == WEIR_FIELD_SINGLE;
}

static inline bool weir_field_is_optional(const struct weir_field *field)
{
	return field->present > 0 || weir_field_is_nullable(field);
}

bool weir_field_is_present(const struct weir_field *field, const void *value);
void weir_field_set_present(const struct weir_field *field, void *value);

/* Zero, and not there. */
void weir_field_clear(const struct weir_field *field, void *value);

/* What a member becomes that was left out: its default, or nothing. False when it is required. */
bool weir_field_leave_out(const struct weir_field *field, void *value);

/* The elements and how many: one for a single member. */
const char *weir_field_elements(const struct weir_field *field, const void *value);
size_t weir_field_count(const struct weir_field *field, const void *value);
bool weir_field_count_fits(const struct weir_field *field, size_t count);

/* Room for elements that are to be read, which for a list is made, zeroed, in the pool; NULL when memory is out. */
char *weir_field_room(struct weir_pool *pool, const struct weir_field *field, void *value, size_t count);

#endif
