/* SPDX-License-Identifier: Apache-2.0
 *
 * A borrowed run of bytes: a pointer and a length, not terminated, may hold any byte.
 *
 * A slice never owns: whoever hands one out says how long the bytes live. `data` may be NULL only when `len` is 0; a slice with
 * `data == NULL` stands for "absent", one with `data != NULL, len == 0` for "empty".
 */
#ifndef WEIR_SLICE_H
#define WEIR_SLICE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <weir/status.h>

struct weir_slice {
	const char *data;
	size_t len;
};

#define WEIR_SLICE_NONE ((struct weir_slice){ NULL, 0 })
#define WEIR_SLICE_LITERAL(text) ((struct weir_slice){ "" text, sizeof(text) - 1 })

static inline struct weir_slice weir_slice(const void *data, size_t len)
{
	return (struct weir_slice){ (const char *)data, len };
}

/* NULL gives the absent slice. */
static inline struct weir_slice weir_slice_text(const char *text)
{
	return (struct weir_slice){ text, text ? strlen(text) : 0 };
}

static inline bool weir_slice_equal(struct weir_slice a, struct weir_slice b)
{
	return a.len == b.len && (b.len == 0 || memcmp(a.data, b.data, b.len) == 0);
}

/* The bytes from `from` on; the empty end when `from` is beyond it. */
static inline struct weir_slice weir_slice_from(struct weir_slice s, size_t from)
{
	if (from > s.len)
		from = s.len;
	return s.data ? (struct weir_slice){ s.data + from, s.len - from } : s;
}

static inline bool weir_slice_starts_with(struct weir_slice s, struct weir_slice prefix)
{
	return s.len >= prefix.len && weir_slice_equal((struct weir_slice){ s.data, prefix.len }, prefix);
}

/* ASCII letters without regard to case; other bytes as they are. */
WEIR_API bool weir_slice_equal_nocase(struct weir_slice a, struct weir_slice b);

/* Order by bytes, a prefix first. */
WEIR_API int weir_slice_compare(struct weir_slice a, struct weir_slice b);

/* Without the spaces and horizontal tabs at both ends (OWS, RFC 9110 section 5.6.3). */
WEIR_API struct weir_slice weir_slice_trim(struct weir_slice s);

/* Cuts the part before the first `separator` off `rest` and returns it; `rest` is left behind the separator, or absent when there was none.
 * Loop: `while (rest.data) { part = weir_slice_cut(&rest, ','); … }`. */
WEIR_API struct weir_slice weir_slice_cut(struct weir_slice *rest, char separator);

/* Offset of the first `byte`, or `s.len`. */
WEIR_API size_t weir_slice_find(struct weir_slice s, char byte);

/* Decimal digits only, the whole slice, no sign, no space. ERR_INVALID for anything else, ERR_LIMIT above `max`. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_slice_to_u64(struct weir_slice s, uint64_t max, uint64_t *value);

#endif
