/* SPDX-License-Identifier: Apache-2.0
 *
 * Coders: how values become the bytes that a cache keeps, and values again.
 *
 * A coder is a const table: two functions, the size of the value, and what the functions want to know. The one that wrote an entry is named
 * in it; another finds nothing there, which is a miss and no error. What is decoded may be any bytes.
 *
 *     coder                         value                      bytes, and where they differ what a client is shown
 *     weir_coder_json               struct json_object *       JSON; the pool lets go of what was decoded
 *     weir_coder_text               const char *               the text; UTF-8, not NULL
 *     weir_coder_bytes              struct weir_slice          the bytes; the absent slice becomes an empty one
 *     weir_coder_bool               bool                       true or false
 *     weir_coder_int                int64_t                    decimal digits
 *     weir_coder_double             double                     its 64 bits; JSON, which has no NaN and no infinity
 *     weir_coder_date               struct weir_date           JSON {"_spec_type": "date", "val": "2026-11-22"}; JSON "2026-11-22"
 *     weir_coder_datetime           struct weir_datetime       the same with "datetime"
 *     weir_coder_decimal            struct weir_decimal        the same with "decimal"
 *     WEIR_CODER_STRUCT_JSON(t, f)  struct t, field table f    JSON
 *     WEIR_CODER_STRUCT(t, f)       the same                   the binary form, smaller and quicker; JSON
 *     WEIR_CODER_ZSTD(inner, size)  that of `inner`            compressed when there are more than `size` of them; that of `inner`
 *
 * In a struct json_object dates and their like are objects as above (temporal.h), and a client sees them so.
 */
#ifndef WEIR_CODER_H
#define WEIR_CODER_H

#include <weir/field.h>
#include <weir/temporal.h>

struct weir_coder;

struct weir_coder_ops {
	const char *name; /* up to 63 characters, in the entries; change it when the bytes change their meaning */
	/* Appends the value's bytes. What it needs besides may come from `pool`. ERR_INVALID for a value that it has no bytes for,
	 * ERR_LIMIT when the buffer overflows, ERR_MEMORY; the buffer is then not to be used. */
	enum weir_status (*encode)(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes);
	/* `bytes` live as long as `pool`: the value may point into both. MISS for what another kind of coder wrote, ERR_CORRUPT,
	 * ERR_MEMORY. */
	enum weir_status (*decode)(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value);
	/* What a client is shown, where that is not the encoded bytes. May be NULL. */
	enum weir_status (*represent)(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes);
	/* Tells tables apart that the same functions work on; NULL: there is nothing to tell apart. */
	uint64_t (*fingerprint)(const struct weir_coder *self);
};

struct weir_coder {
	const struct weir_coder_ops *ops;
	size_t size;            /* of a value; 0: that of `inner` */
	const char *media_type; /* of what a client is shown; NULL: that of `inner`, or application/octet-stream */
	const struct weir_field *fields;
	const struct weir_coder *inner;
	size_t threshold; /* bytes */
	void *user_data;  /* for coders of your own */
};

/* Eight bytes for entries: the coder's name and fingerprint, with all that it wraps. Never 0. */
WEIR_API uint64_t weir_coder_id(const struct weir_coder *coder);

/* The coder's own, or those of what it wraps. */
WEIR_API size_t weir_coder_size(const struct weir_coder *coder);
WEIR_API const char *weir_coder_media_type(const struct weir_coder *coder);

extern WEIR_API const struct weir_coder weir_coder_json;
extern WEIR_API const struct weir_coder weir_coder_text;
extern WEIR_API const struct weir_coder weir_coder_bytes;
extern WEIR_API const struct weir_coder weir_coder_bool;
extern WEIR_API const struct weir_coder weir_coder_int;
extern WEIR_API const struct weir_coder weir_coder_double;
extern WEIR_API const struct weir_coder weir_coder_date;
extern WEIR_API const struct weir_coder weir_coder_datetime;
extern WEIR_API const struct weir_coder weir_coder_decimal;

extern WEIR_API const struct weir_coder_ops weir_coder_struct_json_ops;
extern WEIR_API const struct weir_coder_ops weir_coder_struct_ops;
extern WEIR_API const struct weir_coder_ops weir_coder_zstd_ops;

#define WEIR_CODER_STRUCT_JSON(type, table) \
	{ \
		.ops = &weir_coder_struct_json_ops, .size = sizeof(type), .media_type = "application/json", .fields = (table) \
	}
#define WEIR_CODER_STRUCT(type, table) \
	{ \
		.ops = &weir_coder_struct_ops, .size = sizeof(type), .media_type = "application/json", .fields = (table) \
	}

/* `wrapped` is the address of a coder that lives as long. Compressing needs libzstd: without it a rule that names such a coder is an error
 * at the start. Not compressed is what would not get smaller; over a gigabyte is ERR_LIMIT. */
#define WEIR_CODER_ZSTD(wrapped, size_over) \
	{ \
		.ops = &weir_coder_zstd_ops, .inner = (wrapped), .threshold = (size_over) \
	}

/* Wrapped in one another at most so deep. */
#define WEIR_CODER_DEPTH 4

#endif
