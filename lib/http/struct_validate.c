/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a value keeps to its table. Also what stands before every writing, and behind the reading of the binary form.
 */
#include "http/struct.h"

static void check_struct(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *table,
			 const void *value);

static bool element_fits(const struct weir_field *field, const void *element)
{
	char room[WEIR_DATETIME_TEXT_SIZE];

	if (field->kind == WEIR_FIELD_TEXT)
		return weir_field_text_fits(field, weir_slice_text(weir_field_text(element)));
	if (field->kind == WEIR_FIELD_BYTES)
		return weir_field_bytes_fit(field, weir_field_bytes(element));
	if (weir_field_is_temporal(field))
		return weir_field_temporal_text(field, element, room).data != NULL;
	return weir_field_number_fits(field, weir_field_load(field, element));
}

static void check_element(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			  const void *element)
{
	if (field->kind == WEIR_FIELD_STRUCT)
		check_struct(walk, trail, field->fields, element);
	else if (!element_fits(field, element))
		weir_struct_unexpected_element(walk, trail, field);
}

static void check_member(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field,
			 const void *value)
{
	const char *elements = weir_field_elements(field, value);
	size_t count = weir_field_count(field, value);

	if (field->shape == WEIR_FIELD_SINGLE) {
		check_element(walk, trail, field, elements);
		return;
	}
	if (!weir_field_count_fits(field, count) || (count > 0 && !elements)) {
		weir_struct_unexpected(walk, trail, field);
		return;
	}
	for (size_t i = 0; i < count && !walk->faults->more; i++) {
		struct weir_trail at = weir_trail_element(trail, i);

		check_element(walk, &at, field, elements + i * field->size);
	}
}

static void check_struct(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *table,
			 const void *value)
{
	if (trail->depth >= WEIR_STRUCT_DEPTH) {
		weir_struct_fault(walk, trail, "nested too deep");
		return;
	}
	for (const struct weir_field *field = table; field->name; field++) {
		struct weir_trail at = weir_trail_member(trail, field);

		if (weir_field_is_present(field, value))
			check_member(walk, &at, field, value);
	}
}

enum weir_status weir_struct_validate(struct weir_pool *pool, const struct weir_field *table, const void *value, struct weir_faults *faults)
{
	struct weir_struct_walk walk = { pool, faults };

	faults->count = 0;
	faults->more = false;
	check_struct(&walk, &(struct weir_trail){ .depth = 0 }, table, value);
	return weir_struct_verdict(&walk);
}
