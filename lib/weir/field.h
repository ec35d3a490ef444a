/* SPDX-License-Identifier: Apache-2.0
 *
 * Field tables: what a C struct holds, said once, for JSON and a binary form in both directions, validation, comparison, and conversion of
 * single texts such as query parameters.
 *
 *	struct item { const char *name; double price; bool has_tax; double tax; int64_t *sizes; size_t size_count; };
 *
 *	static const struct weir_field item_fields[] = {
 *		WEIR_TEXT(struct item, name, WEIR_LENGTH(1, 80)),
 *		WEIR_DOUBLE_BETWEEN(struct item, price, 0, 1e6),
 *		WEIR_DOUBLE(struct item, tax, WEIR_OPTIONAL(struct item, has_tax)),
 *		WEIR_INT_LIST(struct item, sizes, size_count, WEIR_COUNT(0, 10)),
 *		{ 0 },
 *	};
 *
 * A table is an array that ends with `{ 0 }`, has at least one member, and lives as long as it is used; it is read only, so threads share
 * it. A macro that does not fit the type of its member does not compile; that the table of a WEIR_STRUCT belongs to its member's type, and
 * that a range is of its member's kind, nobody checks. Members of the struct that are not in the table are left as they are, in elements of
 * a list zero.
 *
 * A value that breaks its table is not written, and what is written reads back equal. What is read may be any bytes: text, bytes and lists
 * live in the pool that was given, and its limit bounds them (an element of a list may take far less room in JSON than in memory). When
 * reading fails, the value is not to be used.
 *
 * Tables may be nested in tables, also in themselves through a list, but a value at most WEIR_STRUCT_DEPTH structs deep.
 */
#ifndef WEIR_FIELD_H
#define WEIR_FIELD_H

#include <weir/buffer.h>
#include <weir/pool.h>
#include <weir/temporal.h>

struct json_object;

#define WEIR_STRUCT_DEPTH 32

enum weir_field_kind {
	WEIR_FIELD_BOOL = 1, /* bool */
	WEIR_FIELD_INT,      /* int8_t … int64_t: every value, exactly */
	WEIR_FIELD_UINT,     /* uint8_t … uint64_t */
	WEIR_FIELD_DOUBLE,   /* JSON has no NaN and no infinity, the binary form has */
	WEIR_FIELD_TEXT,     /* const char *, UTF-8; U+0000 cannot be in it */
	WEIR_FIELD_BYTES,    /* struct weir_slice; in JSON and texts base64 with padding (RFC 4648 section 4) */
	WEIR_FIELD_ENUM,     /* an enum or int; its values from 0 on have names */
	WEIR_FIELD_STRUCT,   /* a struct with a table of its own */
	WEIR_FIELD_DATE,     /* struct weir_date; these three as in temporal.h, in JSON a string with their text */
	WEIR_FIELD_DATETIME, /* struct weir_datetime */
	WEIR_FIELD_DECIMAL,  /* struct weir_decimal */
};

enum weir_field_shape {
	WEIR_FIELD_SINGLE,
	WEIR_FIELD_FIXED, /* an array: as many elements as it has */
	WEIR_FIELD_LIST,  /* a pointer to elements and a size_t that counts them */
};

union weir_field_number {
	int64_t i;  /* INT, ENUM */
	uint64_t u; /* BOOL, UINT */
	double d;   /* DOUBLE */
};

/* One member. Made by the macros below. */
struct weir_field {
	const char *name; /* the member's, also in JSON */
	enum weir_field_kind kind;
	enum weir_field_shape shape;
	size_t offset;
	size_t size;  /* of one element */
	size_t count; /* FIXED: of elements; LIST: offset of the member that counts */
	const struct weir_field *fields;
	const char *const *names; /* of an enum's values; ends with NULL */

	size_t present; /* 1 + the offset of the bool that tells whether the member is there; 0: it always is */
	bool nullable;  /* TEXT, BYTES: NULL means that it is not there */
	bool has_default;
	union weir_field_number default_number;
	const char *default_text;

	bool has_range;
	union weir_field_number min, max;
	size_t min_length, max_length; /* TEXT: characters, BYTES: bytes; max 0: any */
	size_t min_count, max_count;   /* LIST: elements; max 0: any */
};

/* -- Members: WEIR_KIND(type, member, modifiers…), WEIR_KIND_ARRAY(type, member, …), WEIR_KIND_LIST(type, member, counter, …) ------- */

#define WEIR_BOOL(...) WEIR_FIELD_ONE_(WEIR_FIELD_BOOL_, __VA_ARGS__, )
#define WEIR_INT(...) WEIR_FIELD_ONE_(WEIR_FIELD_INT_, __VA_ARGS__, )
#define WEIR_UINT(...) WEIR_FIELD_ONE_(WEIR_FIELD_UINT_, __VA_ARGS__, )
#define WEIR_DOUBLE(...) WEIR_FIELD_ONE_(WEIR_FIELD_DOUBLE_, __VA_ARGS__, )
#define WEIR_TEXT(...) WEIR_FIELD_ONE_(WEIR_FIELD_TEXT_, __VA_ARGS__, )
#define WEIR_BYTES(...) WEIR_FIELD_ONE_(WEIR_FIELD_BYTES_, __VA_ARGS__, )
#define WEIR_DATE(...) WEIR_FIELD_ONE_(WEIR_FIELD_DATE_, __VA_ARGS__, )
#define WEIR_DATETIME(...) WEIR_FIELD_ONE_(WEIR_FIELD_DATETIME_, __VA_ARGS__, )
#define WEIR_DECIMAL(...) WEIR_FIELD_ONE_(WEIR_FIELD_DECIMAL_, __VA_ARGS__, )

#define WEIR_BOOL_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_BOOL_, __VA_ARGS__, )
#define WEIR_INT_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_INT_, __VA_ARGS__, )
#define WEIR_UINT_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_UINT_, __VA_ARGS__, )
#define WEIR_DOUBLE_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_DOUBLE_, __VA_ARGS__, )
#define WEIR_TEXT_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_TEXT_, __VA_ARGS__, )
#define WEIR_BYTES_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_BYTES_, __VA_ARGS__, )
#define WEIR_DATE_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_DATE_, __VA_ARGS__, )
#define WEIR_DATETIME_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_DATETIME_, __VA_ARGS__, )
#define WEIR_DECIMAL_ARRAY(...) WEIR_FIELD_FIXED_(WEIR_FIELD_DECIMAL_, __VA_ARGS__, )

#define WEIR_BOOL_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_BOOL_, __VA_ARGS__, )
#define WEIR_INT_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_INT_, __VA_ARGS__, )
#define WEIR_UINT_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_UINT_, __VA_ARGS__, )
#define WEIR_DOUBLE_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_DOUBLE_, __VA_ARGS__, )
#define WEIR_TEXT_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_TEXT_, __VA_ARGS__, )
#define WEIR_BYTES_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_BYTES_, __VA_ARGS__, )
#define WEIR_DATE_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_DATE_, __VA_ARGS__, )
#define WEIR_DATETIME_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_DATETIME_, __VA_ARGS__, )
#define WEIR_DECIMAL_LIST(...) WEIR_FIELD_LIST_(WEIR_FIELD_DECIMAL_, __VA_ARGS__, )

/* With the names or the table before the modifiers: WEIR_ENUM(struct shirt, colour, colour_names),
 * WEIR_STRUCT_LIST(struct order, items, item_count, item_fields). */
#define WEIR_ENUM(...) WEIR_FIELD_ONE_OF_(WEIR_FIELD_ENUM_, names, __VA_ARGS__, )
#define WEIR_ENUM_ARRAY(...) WEIR_FIELD_FIXED_OF_(WEIR_FIELD_ENUM_, names, __VA_ARGS__, )
#define WEIR_ENUM_LIST(...) WEIR_FIELD_LIST_OF_(WEIR_FIELD_ENUM_, names, __VA_ARGS__, )
#define WEIR_STRUCT(...) WEIR_FIELD_ONE_OF_(WEIR_FIELD_STRUCT_, fields, __VA_ARGS__, )
#define WEIR_STRUCT_ARRAY(...) WEIR_FIELD_FIXED_OF_(WEIR_FIELD_STRUCT_, fields, __VA_ARGS__, )
#define WEIR_STRUCT_LIST(...) WEIR_FIELD_LIST_OF_(WEIR_FIELD_STRUCT_, fields, __VA_ARGS__, )

/* -- Modifiers ------------------------------------------------------------------------------------------------------------- */

/* May be left out or null. `flag`, a bool member, tells whether it is there; if not, the member is zero. Written as null. */
#define WEIR_OPTIONAL(type, flag) .present = 1 + WEIR_FIELD_OFFSET_(type, flag, bool)

/* The same for text and bytes without a flag: NULL when not there. Single members only. */
#define WEIR_OR_NULL .nullable = true

/* Both ends belong to it. */
#define WEIR_INT_RANGE(low, high) .has_range = true, .min.i = (low), .max.i = (high)
#define WEIR_UINT_RANGE(low, high) .has_range = true, .min.u = (low), .max.u = (high)
#define WEIR_DOUBLE_RANGE(low, high) .has_range = true, .min.d = (low), .max.d = (high)
#define WEIR_LENGTH(low, high) .min_length = (low), .max_length = (high)
#define WEIR_COUNT(low, high) .min_count = (low), .max_count = (high)

/* What the member is when it is left out; null is not left out. Not for arrays and structs; lists and bytes can only be empty. */
#define WEIR_BOOL_DEFAULT(value) .has_default = true, .default_number.u = (value)
#define WEIR_INT_DEFAULT(value) .has_default = true, .default_number.i = (value)
#define WEIR_UINT_DEFAULT(value) .has_default = true, .default_number.u = (value)
#define WEIR_DOUBLE_DEFAULT(value) .has_default = true, .default_number.d = (value)
#define WEIR_ENUM_DEFAULT(value) .has_default = true, .default_number.i = (value)
#define WEIR_TEXT_DEFAULT(text) .has_default = true, .default_text = (text) /* also of a DATE, DATETIME or DECIMAL */
#define WEIR_OR_EMPTY .has_default = true

/* The most frequent ones. */
#define WEIR_INT_BETWEEN(type, member, low, high) WEIR_INT(type, member, WEIR_INT_RANGE(low, high))
#define WEIR_UINT_BETWEEN(type, member, low, high) WEIR_UINT(type, member, WEIR_UINT_RANGE(low, high))
#define WEIR_DOUBLE_BETWEEN(type, member, low, high) WEIR_DOUBLE(type, member, WEIR_DOUBLE_RANGE(low, high))
#define WEIR_BOOL_OR(type, member, value) WEIR_BOOL(type, member, WEIR_BOOL_DEFAULT(value))
#define WEIR_INT_OR(type, member, value) WEIR_INT(type, member, WEIR_INT_DEFAULT(value))
#define WEIR_UINT_OR(type, member, value) WEIR_UINT(type, member, WEIR_UINT_DEFAULT(value))
#define WEIR_DOUBLE_OR(type, member, value) WEIR_DOUBLE(type, member, WEIR_DOUBLE_DEFAULT(value))
#define WEIR_TEXT_OR(type, member, text) WEIR_TEXT(type, member, WEIR_TEXT_DEFAULT(text))

/* -- Faults ---------------------------------------------------------------------------------------------------------------- */

#define WEIR_MAX_FAULTS 32

struct weir_fault {
	const char *path;    /* "items[3].price"; "" for the value itself */
	const char *problem; /* for people: "expected number" */
};

/* All faults of a value, in its order. The texts live in the pool of the call that found them, or are static. */
struct weir_faults {
	struct weir_fault list[WEIR_MAX_FAULTS];
	size_t count;
	bool more; /* there were more than fit */
};

/* Every range, length, count and name, that text is UTF-8 and not NULL: ERR_INVALID with the faults, ERR_MEMORY. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_validate(struct weir_pool *pool, const struct weir_field *table, const void *value,
							       struct weir_faults *faults);

/* -- JSON ------------------------------------------------------------------------------------------------------------------ */

/* Appends the value as an object, its members in the table's order. ERR_INVALID for a value that breaks its table or holds NaN or infinity,
 * ERR_LIMIT when the buffer overflows; the buffer then has its former length. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_append_json(struct weir_buffer *buffer, const struct weir_field *table,
								  const void *value);

/* Types are not converted (no "1" for 1, no 1.0 for an integer, but 1 for 1.0); members that are not in the table are ignored; a name that
 * occurs twice is refused by weir_json_parse(). ERR_INVALID with every fault, ERR_MEMORY. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_from_json(struct weir_pool *pool, const struct weir_field *table,
								struct json_object *json, void *value, struct weir_faults *faults);

/* The same from a JSON text; one that is none is a fault with the path "" (ERR_INVALID, ERR_LIMIT). */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_parse_json(struct weir_pool *pool, const struct weir_field *table,
								 struct weir_slice text, void *value, struct weir_faults *faults);

/* -- Binary ---------------------------------------------------------------------------------------------------------------- */

/* Of what decides how the binary form is read: names, kinds, sizes, shapes, the names of enums, nested tables. Not of offsets, ranges and
 * defaults. */
WEIR_API uint64_t weir_struct_fingerprint(const struct weir_field *table);

/* Appends the fingerprint and the members, little-endian, text, bytes and lists with a length of 32 bits before. ERR_INVALID and ERR_LIMIT
 * as weir_struct_append_json(); longer lengths are ERR_LIMIT. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_append_binary(struct weir_buffer *buffer, const struct weir_field *table,
								    const void *value);

/* WEIR_MISS for what another table wrote. ERR_CORRUPT for bytes that are missing or left over and for a value that breaks its table;
 * ERR_MEMORY. Copies what it keeps. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_from_binary(struct weir_pool *pool, const struct weir_field *table,
								  struct weir_slice bytes, void *value);

/* -- Single texts, comparison ---------------------------------------------------------------------------------------------- */

/* Sets the member of `value` from a path, query or form parameter; NULL when there is none. Numbers are written as in JSON; a bool is true,
 * t, 1, on, yes, y, false, f, 0, off, no or n, in any case. Faults are added to `faults`, which starts as { .count = 0 }, so that one call
 * for each member of a table finds all. ERR_INVALID, ERR_MEMORY; ERR_UNSUPPORTED for arrays, lists and structs. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_set_text(struct weir_pool *pool, const struct weir_field *field, const char *text,
							       void *value, struct weir_faults *faults);

/* Texts that were sent under one name. */
struct weir_texts {
	const char *const *list;
	size_t count;
};

/* The same from any number of texts, in order: an array or a list takes each as an element, any other member takes one; none at all means
 * that it is left out. Every wrong element is a fault of its own. ERR_UNSUPPORTED for structs and what is made of them. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_struct_set_texts(struct weir_pool *pool, const struct weir_field *field,
								const struct weir_texts *texts, void *value, struct weir_faults *faults);

/* True when both hold the same; else `*where`, unless NULL, is the path of the first difference ("out of memory" when the pool is full).
 * NaN equals NaN. For values that do not break their table. */
WEIR_API bool weir_struct_equal(struct weir_pool *pool, const struct weir_field *table, const void *a, const void *b, const char **where);

/* -- How the macros check types: not for use ------------------------------------------------------------------------------- */

#define WEIR_FIELD_BOOL_(x) _Generic((x), bool : WEIR_FIELD_BOOL)
#define WEIR_FIELD_INT_(x) \
	_Generic((x), signed char \
		 : WEIR_FIELD_INT, short \
		 : WEIR_FIELD_INT, int \
		 : WEIR_FIELD_INT, long \
		 : WEIR_FIELD_INT, long long \
		 : WEIR_FIELD_INT)
#define WEIR_FIELD_UINT_(x) \
	_Generic((x), unsigned char \
		 : WEIR_FIELD_UINT, unsigned short \
		 : WEIR_FIELD_UINT, unsigned \
		 : WEIR_FIELD_UINT, unsigned long \
		 : WEIR_FIELD_UINT, unsigned long long \
		 : WEIR_FIELD_UINT)
#define WEIR_FIELD_DOUBLE_(x) _Generic((x), double : WEIR_FIELD_DOUBLE)
#define WEIR_FIELD_TEXT_(x) _Generic((x), const char * : WEIR_FIELD_TEXT)
#define WEIR_FIELD_BYTES_(x) _Generic((x), struct weir_slice : WEIR_FIELD_BYTES)
#define WEIR_FIELD_ENUM_(x) _Generic((x), int : WEIR_FIELD_ENUM, unsigned : WEIR_FIELD_ENUM)
#define WEIR_FIELD_STRUCT_(x) WEIR_FIELD_STRUCT
#define WEIR_FIELD_DATE_(x) _Generic((x), struct weir_date : WEIR_FIELD_DATE)
#define WEIR_FIELD_DATETIME_(x) _Generic((x), struct weir_datetime : WEIR_FIELD_DATETIME)
#define WEIR_FIELD_DECIMAL_(x) _Generic((x), struct weir_decimal : WEIR_FIELD_DECIMAL)

#define WEIR_FIELD_OF_(type, member) (((type *)0)->member)
#define WEIR_FIELD_OFFSET_(type, member, wanted) _Generic(&WEIR_FIELD_OF_(type, member), wanted * : offsetof(type, member))

#define WEIR_FIELD_ONE_(kind_of, type, member, ...) \
	{ \
		.name = #member, .kind = kind_of(WEIR_FIELD_OF_(type, member)), .offset = offsetof(type, member), \
		.size = sizeof(WEIR_FIELD_OF_(type, member)), __VA_ARGS__ \
	}

/* offsetof(type, member[0]) compiles for arrays only. */
#define WEIR_FIELD_FIXED_(kind_of, type, member, ...) \
	{ \
		.name = #member, .kind = kind_of(WEIR_FIELD_OF_(type, member)[0]), .shape = WEIR_FIELD_FIXED, \
		.offset = offsetof(type, member[0]), .size = sizeof(WEIR_FIELD_OF_(type, member)[0]), \
		.count = sizeof(WEIR_FIELD_OF_(type, member)) / sizeof(WEIR_FIELD_OF_(type, member)[0]), __VA_ARGS__ \
	}

#define WEIR_FIELD_LIST_(kind_of, type, member, counter, ...) \
	{ \
		.name = #member, .kind = kind_of(*WEIR_FIELD_OF_(type, member)), .shape = WEIR_FIELD_LIST, \
		.offset = WEIR_FIELD_OFFSET_(type, member, __typeof__(*WEIR_FIELD_OF_(type, member)) *), \
		.size = sizeof(*WEIR_FIELD_OF_(type, member)), .count = WEIR_FIELD_OFFSET_(type, counter, size_t), __VA_ARGS__ \
	}

#define WEIR_FIELD_ONE_OF_(kind_of, what, type, member, table, ...) WEIR_FIELD_ONE_(kind_of, type, member, .what = (table), __VA_ARGS__)
#define WEIR_FIELD_FIXED_OF_(kind_of, what, type, member, table, ...) WEIR_FIELD_FIXED_(kind_of, type, member, .what = (table), __VA_ARGS__)
#define WEIR_FIELD_LIST_OF_(kind_of, what, type, member, counter, table, ...) \
	WEIR_FIELD_LIST_(kind_of, type, member, counter, .what = (table), __VA_ARGS__)

#endif
