/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong with a value, and where.
 */
#include <inttypes.h>

#include "http/json_number.h"
#include "http/struct.h"

const char *weir_trail_text(struct weir_pool *pool, const struct weir_trail *trail)
{
	const char *before;

	if (!trail->up)
		return "";
	before = weir_trail_text(pool, trail->up);
	if (!before)
		return NULL;
	if (!trail->name)
		return weir_pool_printf(pool, "%s[%zu]", before, trail->index);
	return weir_pool_printf(pool, "%s%s%s", before, *before ? "." : "", trail->name);
}

void weir_struct_fault(const struct weir_struct_walk *walk, const struct weir_trail *trail, const char *problem)
{
	struct weir_faults *faults = walk->faults;

	if (faults->count == WEIR_MAX_FAULTS) {
		faults->more = true;
		return;
	}
	faults->list[faults->count++] = (struct weir_fault){
		.path = walk->pool ? weir_trail_text(walk->pool, trail) : "",
		.problem = problem,
	};
}

enum weir_status weir_struct_verdict(const struct weir_struct_walk *walk)
{
	if (walk->pool && weir_pool_overflowed(walk->pool))
		return WEIR_ERR_MEMORY;
	return walk->faults->count > 0 ? WEIR_ERR_INVALID : WEIR_OK;
}

/* -- What is expected ------------------------------------------------------------------------------------------------------ */

static const char *int_expected(struct weir_pool *pool, const struct weir_field *field)
{
	int64_t min, max;

	weir_field_int_limits(field, &min, &max);
	if (min == INT64_MIN && max == INT64_MAX)
		return "expected integer";
	return weir_pool_printf(pool, "expected integer from %" PRId64 " to %" PRId64, min, max);
}

static const char *uint_expected(struct weir_pool *pool, const struct weir_field *field)
{
	uint64_t min, max;

	weir_field_uint_limits(field, &min, &max);
	return weir_pool_printf(pool, "expected integer from %" PRIu64 " to %" PRIu64, min, max);
}

/* Not by "%g", which follows the program's locale. */
static const char *double_expected(struct weir_pool *pool, const struct weir_field *field)
{
	struct weir_buffer text;
	const char *copy;

	if (!field->has_range)
		return "expected number";
	weir_buffer_init(&text, 200);
	weir_buffer_append_text(&text, "expected number from ");
	if (weir_json_append_double(&text, field->min.d) < 0)
		weir_buffer_append_text(&text, "-Infinity");
	weir_buffer_append_text(&text, " to ");
	if (weir_json_append_double(&text, field->max.d) < 0)
		weir_buffer_append_text(&text, "Infinity");
	copy = weir_pool_dup(pool, weir_buffer_slice(&text)).data;
	weir_buffer_finish(&text);
	return copy;
}

static const char *enum_expected(struct weir_pool *pool, const struct weir_field *field)
{
	struct weir_buffer text;
	const char *copy;

	weir_buffer_init(&text, 1000);
	for (size_t i = 0; field->names[i]; i++)
		weir_buffer_printf(&text, "%s%s", i == 0 ? "expected one of " : ", ", field->names[i]);
	copy = text.overflowed ? "expected one of the names" : weir_pool_dup(pool, weir_buffer_slice(&text)).data;
	weir_buffer_finish(&text);
	return copy;
}

static const char *amount_expected(struct weir_pool *pool, const char *what, const char *of, size_t min, size_t max)
{
	if (min == 0 && max == 0)
		return weir_pool_printf(pool, "expected %s", what);
	if (min == max)
		return weir_pool_printf(pool, "expected %s of %zu %s", what, min, of);
	if (min == 0)
		return weir_pool_printf(pool, "expected %s of at most %zu %s", what, max, of);
	if (max == 0)
		return weir_pool_printf(pool, "expected %s of at least %zu %s", what, min, of);
	return weir_pool_printf(pool, "expected %s of %zu to %zu %s", what, min, max, of);
}

static const char *element_expected(struct weir_pool *pool, const struct weir_field *field)
{
	switch (field->kind) {
	case WEIR_FIELD_BOOL:
		return "expected true or false";
	case WEIR_FIELD_INT:
		return int_expected(pool, field);
	case WEIR_FIELD_UINT:
		return uint_expected(pool, field);
	case WEIR_FIELD_DOUBLE:
		return double_expected(pool, field);
	case WEIR_FIELD_TEXT:
		return amount_expected(pool, "text", "characters", field->min_length, field->max_length);
	case WEIR_FIELD_BYTES:
		return amount_expected(pool, "base64", "bytes", field->min_length, field->max_length);
	case WEIR_FIELD_ENUM:
		return enum_expected(pool, field);
	case WEIR_FIELD_DATE:
		return "expected date such as 2026-11-22";
	case WEIR_FIELD_DATETIME:
		return "expected date and time such as 2026-11-22T19:36:34Z";
	case WEIR_FIELD_DECIMAL:
		return "expected decimal number as text";
	case WEIR_FIELD_STRUCT:
	default:
		return "expected object";
	}
}

/* False when the text would not be kept: the list is full, or nobody reads it. */
static bool is_heard(const struct weir_struct_walk *walk)
{
	return walk->pool && walk->faults->count < WEIR_MAX_FAULTS;
}

void weir_struct_unexpected_element(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field)
{
	weir_struct_fault(walk, trail, is_heard(walk) ? element_expected(walk->pool, field) : "unexpected");
}

void weir_struct_unexpected(const struct weir_struct_walk *walk, const struct weir_trail *trail, const struct weir_field *field)
{
	size_t min = field->shape == WEIR_FIELD_FIXED ? field->count : field->min_count;
	size_t max = field->shape == WEIR_FIELD_FIXED ? field->count : field->max_count;

	if (field->shape == WEIR_FIELD_SINGLE)
		weir_struct_unexpected_element(walk, trail, field);
	else
		weir_struct_fault(walk, trail, is_heard(walk) ? amount_expected(walk->pool, "array", "elements", min, max) : "unexpected");
}
