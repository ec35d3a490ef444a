/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether two structs hold the same, and where they first do not: for tests.
 */
#include <math.h>

#include "http/struct.h"

struct comparison {
	struct weir_pool *pool;
	const char **where;
};

static bool same_struct(const struct comparison *cmp, const struct weir_trail *trail, const struct weir_field *table, const char *a,
			const char *b);

/* False, always, so that it can be returned. */
static bool differ(const struct comparison *cmp, const struct weir_trail *trail)
{
	if (cmp->where) {
		*cmp->where = weir_trail_text(cmp->pool, trail);
		if (!*cmp->where)
			*cmp->where = "out of memory";
	}
	return false;
}

static bool same_scalar(const struct weir_field *field, const char *a, const char *b)
{
	char left[WEIR_DATETIME_TEXT_SIZE], right[WEIR_DATETIME_TEXT_SIZE];
	union weir_field_number x, y;

	if (field->kind == WEIR_FIELD_TEXT)
		return weir_slice_equal(weir_slice_text(weir_field_text(a)), weir_slice_text(weir_field_text(b)));
	if (field->kind == WEIR_FIELD_BYTES)
		return weir_slice_equal(weir_field_bytes(a), weir_field_bytes(b));
	if (weir_field_is_temporal(field))
		return weir_slice_equal(weir_field_temporal_text(field, a, left), weir_field_temporal_text(field, b, right));
	x = weir_field_load(field, a);
	y = weir_field_load(field, b);
	if (field->kind == WEIR_FIELD_DOUBLE)
		return x.d == y.d || (isnan(x.d) && isnan(y.d));
	return x.u == y.u;
}

static bool same_element(const struct comparison *cmp, const struct weir_trail *trail, const struct weir_field *field, const char *a,
			 const char *b)
{
	if (field->kind == WEIR_FIELD_STRUCT)
		return same_struct(cmp, trail, field->fields, a, b);
	return same_scalar(field, a, b) || differ(cmp, trail);
}

/* Lists of different lengths differ as a whole. */
static bool same_member(const struct comparison *cmp, const struct weir_trail *trail, const struct weir_field *field, const char *a,
			const char *b)
{
	const char *left = weir_field_elements(field, a), *right = weir_field_elements(field, b);
	size_t count = weir_field_count(field, a);

	if (count != weir_field_count(field, b))
		return differ(cmp, trail);
	if (field->shape == WEIR_FIELD_SINGLE)
		return same_element(cmp, trail, field, left, right);
	for (size_t i = 0; i < count; i++) {
		struct weir_trail at = weir_trail_element(trail, i);

		if (!same_element(cmp, &at, field, left + i * field->size, right + i * field->size))
			return false;
	}
	return true;
}

static bool same_struct(const struct comparison *cmp, const struct weir_trail *trail, const struct weir_field *table, const char *a,
			const char *b)
{
	if (trail->depth >= WEIR_STRUCT_DEPTH)
		return differ(cmp, trail);
	for (const struct weir_field *field = table; field->name; field++) {
		struct weir_trail at = weir_trail_member(trail, field);
		bool present = weir_field_is_present(field, a);

		if (present != weir_field_is_present(field, b))
			return differ(cmp, &at);
		if (present && !same_member(cmp, &at, field, a, b))
			return false;
	}
	return true;
}

bool weir_struct_equal(struct weir_pool *pool, const struct weir_field *table, const void *a, const void *b, const char **where)
{
	struct comparison cmp = { pool, where };

	return same_struct(&cmp, &(struct weir_trail){ .depth = 0 }, table, a, b);
}
