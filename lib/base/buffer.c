/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer. It doubles, so appending byte by byte stays linear, and stops at its limit. One byte more than the capacity is always
 * allocated: vsnprintf ends with a zero byte, and text that fills the limit to the last byte has to fit.
 */
#include <weir/buffer.h>

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	SMALLEST = 128,
};

static size_t ceiling(const struct weir_buffer *buffer)
{
	size_t most = PTRDIFF_MAX - 1;

	return buffer->limit > 0 && buffer->limit < most ? buffer->limit : most;
}

/* `needed` is at most the ceiling. */
static bool grow(struct weir_buffer *buffer, size_t needed)
{
	size_t most = ceiling(buffer);
	size_t capacity = buffer->capacity < most / 2 ? buffer->capacity * 2 : most;
	char *data;

	if (capacity < SMALLEST)
		capacity = SMALLEST < most ? SMALLEST : most;
	if (capacity < needed)
		capacity = needed;
	data = realloc(buffer->data, capacity + 1);
	if (!data)
		return false;
	buffer->data = data;
	buffer->capacity = capacity;
	return true;
}

static bool make_room(struct weir_buffer *buffer, size_t len)
{
	if (len > ceiling(buffer) - buffer->len)
		return false;
	return (buffer->data && len <= buffer->capacity - buffer->len) || grow(buffer, buffer->len + len);
}

void weir_buffer_init(struct weir_buffer *buffer, size_t limit)
{
	*buffer = (struct weir_buffer){ .limit = limit };
}

static void finish(void *buffer)
{
	weir_buffer_finish(buffer);
}

struct weir_buffer *weir_pool_buffer(struct weir_pool *pool, size_t limit)
{
	struct weir_buffer *buffer = weir_pool_alloc(pool, sizeof(*buffer));

	if (!buffer)
		return NULL;
	weir_buffer_init(buffer, limit);
	weir_pool_on_reset(pool, finish, buffer);
	return weir_pool_overflowed(pool) ? NULL : buffer;
}

void weir_buffer_finish(struct weir_buffer *buffer)
{
	free(buffer->data);
	weir_buffer_init(buffer, buffer->limit);
}

void weir_buffer_clear(struct weir_buffer *buffer)
{
	buffer->len = 0;
	buffer->overflowed = false;
}

void weir_buffer_append(struct weir_buffer *buffer, const void *data, size_t len)
{
	char *room;

	if (len == 0)
		return;
	room = weir_buffer_reserve(buffer, len);
	if (!room)
		return;
	memcpy(room, data, len);
	buffer->len += len;
}

void weir_buffer_append_slice(struct weir_buffer *buffer, struct weir_slice bytes)
{
	weir_buffer_append(buffer, bytes.data, bytes.len);
}

void weir_buffer_append_text(struct weir_buffer *buffer, const char *text)
{
	weir_buffer_append(buffer, text, strlen(text));
}

void weir_buffer_append_byte(struct weir_buffer *buffer, char byte)
{
	weir_buffer_append(buffer, &byte, 1);
}

void weir_buffer_printf(struct weir_buffer *buffer, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	weir_buffer_vprintf(buffer, format, args);
	va_end(args);
}

void weir_buffer_vprintf(struct weir_buffer *buffer, const char *format, va_list args)
{
	char *room = weir_buffer_reserve(buffer, 0);
	size_t left = buffer->capacity - buffer->len;
	va_list again;
	int len;

	if (!room)
		return;
	va_copy(again, args);
	len = vsnprintf(room, left + 1, format, args);
	if (len < 0)
		buffer->overflowed = true;
	else if ((size_t)len <= left)
		buffer->len += (size_t)len;
	else if ((room = weir_buffer_reserve(buffer, (size_t)len))) {
		(void)vsnprintf(room, (size_t)len + 1, format, again);
		buffer->len += (size_t)len;
	}
	va_end(again);
}

char *weir_buffer_reserve(struct weir_buffer *buffer, size_t len)
{
	if (buffer->overflowed)
		return NULL;
	if (!make_room(buffer, len)) {
		buffer->overflowed = true;
		return NULL;
	}
	return buffer->data + buffer->len;
}

void weir_buffer_advance(struct weir_buffer *buffer, size_t len)
{
	assert(len <= buffer->capacity - buffer->len);
	buffer->len += len;
}

void weir_buffer_consume(struct weir_buffer *buffer, size_t len)
{
	assert(len <= buffer->len);
	buffer->len -= len;
	if (len > 0 && buffer->len > 0)
		memmove(buffer->data, buffer->data + len, buffer->len);
}
