/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP fields: an ordered list of lines, each a name and a value (RFC 9110 section 5).
 *
 * A list lives in its owner's storage and grows in a pool; nothing is freed before the pool is. Names are compared without regard to case
 * and stand as they were given. A line whose name is not a token, or whose value holds CR, LF or NUL, is never taken: it would let a
 * value end its line and begin another one. Such an attempt sets `invalid`, which stays until init; whoever writes the fields out checks
 * it once and answers 500. A pool that is full drops the line and is marked overflowed (pool.h), to be checked in the same way. One
 * thread at a time.
 */
#ifndef WEIR_FIELDS_H
#define WEIR_FIELDS_H

#include <weir/pool.h>
#include <weir/slice.h>

struct weir_field_line {
	struct weir_slice name;
	struct weir_slice value; /* without spaces and tabs at its ends; may be empty, never absent */
};

struct weir_fields {
	struct weir_pool *pool;
	struct weir_field_line *lines;
	size_t count;
	size_t capacity;
	bool invalid;
};

/* An empty list. The pool must outlive it. */
WEIR_API void weir_fields_init(struct weir_fields *fields, struct weir_pool *pool);

/* The value of the first line of that name; the absent slice when there is none. */
WEIR_API struct weir_slice weir_fields_get(const struct weir_fields *fields, struct weir_slice name);

/* The next line of that name, or of any name when `name` is the absent slice; NULL after the last. `*position` is 0 at the start. Valid
 * until the list changes.
 * Loop: `size_t at = 0; while ((line = weir_fields_next(fields, name, &at))) …`. */
WEIR_API const struct weir_field_line *weir_fields_next(const struct weir_fields *fields, struct weir_slice name, size_t *position);

/* Lines of that name. */
WEIR_API size_t weir_fields_count(const struct weir_fields *fields, struct weir_slice name);

/* The values of all lines of that name in order, joined by ", ": what a list-based field means as a whole (RFC 9110 section 5.3). The
 * absent slice when there is no line, or the pool is full; the line's own value when there is one; else a copy in `pool`. Not for
 * Set-Cookie, which is no list. */
WEIR_API struct weir_slice weir_fields_join(const struct weir_fields *fields, struct weir_slice name, struct weir_pool *pool);

/* Appends a line, also when the name is there already. Name and value are copied. */
WEIR_API void weir_fields_add(struct weir_fields *fields, struct weir_slice name, struct weir_slice value);

/* As add, but keeps the slices: their bytes must live as long as the pool. */
WEIR_API void weir_fields_add_borrowed(struct weir_fields *fields, struct weir_slice name, struct weir_slice value);

/* Makes this the only line of that name, in the place of the first one or at the end. Name and value are copied. An invalid line changes
 * nothing. */
WEIR_API void weir_fields_set(struct weir_fields *fields, struct weir_slice name, struct weir_slice value);

/* Removes all lines of that name; how many there were. */
WEIR_API size_t weir_fields_remove(struct weir_fields *fields, struct weir_slice name);

/* True for a token (RFC 9110 section 5.6.2): field names, methods, parameter names. */
WEIR_API bool weir_field_name_valid(struct weir_slice name);

/* True when the value holds no CR, LF or NUL (RFC 9110 section 5.5). */
WEIR_API bool weir_field_value_valid(struct weir_slice value);

/* Cuts the next member off a comma-separated list and trims it; false at the end. Commas in quoted strings do not separate, empty members
 * are skipped (RFC 9110 section 5.6.1), and a quoted string that is never closed reaches to the end.
 * Loop: `while (weir_field_list_next(&rest, &member)) …`. */
WEIR_API bool weir_field_list_next(struct weir_slice *rest, struct weir_slice *member);

/* True when a member of the list is this token, without regard to case. */
WEIR_API bool weir_field_list_has(struct weir_slice list, struct weir_slice token);

/* True for a field that belongs to one connection, so is neither stored nor passed on: the known ones (RFC 9110 section 7.6.1, RFC 9111
 * section 3.1) and those that the Connection field of `fields` names. `fields` NULL asks for the known ones only. */
WEIR_API bool weir_field_is_hop_by_hop(struct weir_slice name, const struct weir_fields *fields);

#endif
