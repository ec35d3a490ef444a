/* SPDX-License-Identifier: Apache-2.0
 *
 * Field lists. A list is short, so it is an array that is searched from the front: names of another length are passed over without
 * looking at their bytes. Checking what comes in here, once, makes response splitting impossible for everything above.
 */
#include "http/fields.h"

#include "http/chars.h"

enum {
	FIRST_CAPACITY = 16,
};

static bool same_name(struct weir_slice a, struct weir_slice b)
{
	return a.len == b.len && weir_slice_equal_nocase(a, b);
}

/* The first line of that name at or behind `from`; `count` when there is none. */
static size_t find(const struct weir_fields *fields, struct weir_slice name, size_t from)
{
	while (from < fields->count && !same_name(fields->lines[from].name, name))
		from++;
	return from;
}

static bool accept(struct weir_fields *fields, struct weir_slice name, struct weir_slice *value)
{
	if (!weir_field_name_valid(name) || !weir_field_value_valid(*value)) {
		fields->invalid = true;
		return false;
	}
	*value = value->data ? weir_slice_trim(*value) : WEIR_SLICE_LITERAL("");
	return true;
}

/* Room for one line more. */
static bool make_room(struct weir_fields *fields)
{
	size_t capacity = fields->capacity > 0 ? fields->capacity * 2 : FIRST_CAPACITY;
	struct weir_field_line *lines;

	if (fields->count < fields->capacity)
		return true;
	lines = weir_pool_alloc(fields->pool, capacity * sizeof(*lines));
	if (!lines)
		return false;
	if (fields->count > 0)
		memcpy(lines, fields->lines, fields->count * sizeof(*lines));
	fields->lines = lines;
	fields->capacity = capacity;
	return true;
}

static bool copy(struct weir_fields *fields, struct weir_slice name, struct weir_slice value, struct weir_field_line *line)
{
	line->name = weir_pool_dup(fields->pool, name);
	line->value = weir_pool_dup(fields->pool, value);
	return line->name.data && line->value.data;
}

void weir_fields_init(struct weir_fields *fields, struct weir_pool *pool)
{
	*fields = (struct weir_fields){ .pool = pool };
}

struct weir_slice weir_fields_get(const struct weir_fields *fields, struct weir_slice name)
{
	size_t at = find(fields, name, 0);

	return at < fields->count ? fields->lines[at].value : WEIR_SLICE_NONE;
}

const struct weir_field_line *weir_fields_next(const struct weir_fields *fields, struct weir_slice name, size_t *position)
{
	size_t at = name.data ? find(fields, name, *position) : *position;

	if (at >= fields->count)
		return NULL;
	*position = at + 1;
	return &fields->lines[at];
}

size_t weir_fields_count(const struct weir_fields *fields, struct weir_slice name)
{
	size_t count = 0;

	for (size_t at = find(fields, name, 0); at < fields->count; at = find(fields, name, at + 1))
		count++;
	return count;
}

struct weir_slice weir_fields_join(const struct weir_fields *fields, struct weir_slice name, struct weir_pool *pool)
{
	size_t first = find(fields, name, 0);
	size_t len = 0, lines = 0;
	char *out, *end;

	for (size_t at = first; at < fields->count; at = find(fields, name, at + 1), lines++)
		len += fields->lines[at].value.len + 2;
	if (lines < 2)
		return lines == 1 ? fields->lines[first].value : WEIR_SLICE_NONE;
	out = end = weir_pool_bytes(pool, len);
	if (!out)
		return WEIR_SLICE_NONE;
	for (size_t at = first; at < fields->count; at = find(fields, name, at + 1)) {
		struct weir_slice value = fields->lines[at].value;

		memcpy(end, value.data, value.len);
		memcpy(end + value.len, ", ", 2);
		end += value.len + 2;
	}
	return weir_slice(out, len - 2);
}

void weir_fields_add(struct weir_fields *fields, struct weir_slice name, struct weir_slice value)
{
	struct weir_field_line line;

	if (accept(fields, name, &value) && make_room(fields) && copy(fields, name, value, &line))
		fields->lines[fields->count++] = line;
}

void weir_fields_push(struct weir_fields *fields, struct weir_slice name, struct weir_slice value)
{
	if (make_room(fields))
		fields->lines[fields->count++] = (struct weir_field_line){ name, value };
}

void weir_fields_add_borrowed(struct weir_fields *fields, struct weir_slice name, struct weir_slice value)
{
	if (accept(fields, name, &value))
		weir_fields_push(fields, name, value);
}

/* Removes the lines of that name at or behind `from`. */
static size_t remove_from(struct weir_fields *fields, struct weir_slice name, size_t from)
{
	size_t kept = from;

	for (size_t at = from; at < fields->count; at++)
		if (!same_name(fields->lines[at].name, name))
			fields->lines[kept++] = fields->lines[at];
	from = fields->count - kept;
	fields->count = kept;
	return from;
}

void weir_fields_set(struct weir_fields *fields, struct weir_slice name, struct weir_slice value)
{
	struct weir_field_line line;
	size_t at;

	if (!accept(fields, name, &value) || !make_room(fields) || !copy(fields, name, value, &line))
		return;
	at = find(fields, name, 0);
	fields->lines[at] = line;
	if (at == fields->count)
		fields->count++;
	else
		(void)remove_from(fields, line.name, at + 1);
}

size_t weir_fields_remove(struct weir_fields *fields, struct weir_slice name)
{
	return remove_from(fields, name, 0);
}

bool weir_field_name_valid(struct weir_slice name)
{
	return name.len > 0 && weir_chars_all_in(name, WEIR_CHAR_TOKEN);
}

bool weir_field_value_valid(struct weir_slice value)
{
	return weir_slice_find(value, '\n') == value.len && weir_slice_find(value, '\r') == value.len &&
	       weir_slice_find(value, '\0') == value.len;
}
