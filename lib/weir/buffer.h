/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that grow, up to a hard limit.
 *
 * Lives in the caller's storage (`init`/`finish`), grows on the heap, one thread at a time. An append that fails or would pass the limit
 * changes nothing and marks the buffer *overflowed*; the mark is sticky until clear, later appends do nothing, and the user checks once.
 * `limit` 0 means none.
 */
#ifndef WEIR_BUFFER_H
#define WEIR_BUFFER_H

#include <stdarg.h>

#include <weir/pool.h>
#include <weir/slice.h>

struct weir_buffer {
	char *data;
	size_t len;
	size_t capacity;
	size_t limit;
	bool overflowed;
};

WEIR_API void weir_buffer_init(struct weir_buffer *buffer, size_t limit);

/* One that the pool frees; NULL when memory is out. */
WEIR_API struct weir_buffer *weir_pool_buffer(struct weir_pool *pool, size_t limit);

/* Frees the bytes; the buffer is as after init with the same limit. Takes a zeroed buffer. */
WEIR_API void weir_buffer_finish(struct weir_buffer *buffer);

/* Forgets the bytes and the overflow mark, keeps the memory. */
WEIR_API void weir_buffer_clear(struct weir_buffer *buffer);

WEIR_API void weir_buffer_append(struct weir_buffer *buffer, const void *data, size_t len);
WEIR_API void weir_buffer_append_slice(struct weir_buffer *buffer, struct weir_slice bytes);
WEIR_API void weir_buffer_append_text(struct weir_buffer *buffer, const char *text);
WEIR_API void weir_buffer_append_byte(struct weir_buffer *buffer, char byte);
WEIR_API void weir_buffer_printf(struct weir_buffer *buffer, const char *format, ...) WEIR_PRINTF(2, 3);
WEIR_API void weir_buffer_vprintf(struct weir_buffer *buffer, const char *format, va_list args) WEIR_PRINTF(2, 0);

/* Room for `len` more bytes, to be written directly and then announced with weir_buffer_advance; NULL on overflow. */
WEIR_API char *weir_buffer_reserve(struct weir_buffer *buffer, size_t len);
WEIR_API void weir_buffer_advance(struct weir_buffer *buffer, size_t len);

/* Drops `len` bytes from the front. */
WEIR_API void weir_buffer_consume(struct weir_buffer *buffer, size_t len);

/* The bytes so far; valid until the next append. */
static inline struct weir_slice weir_buffer_slice(const struct weir_buffer *buffer)
{
	return (struct weir_slice){ buffer->data, buffer->len };
}

#endif
