/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes as text, for JSON.
 */
#include "http/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static uint32_t byte_at(struct weir_slice bytes, size_t at)
{
	return at < bytes.len ? (unsigned char)bytes.data[at] : 0;
}

void weir_base64_append(struct weir_buffer *buffer, struct weir_slice bytes)
{
	for (size_t at = 0; at < bytes.len && !buffer->overflowed; at += 3) {
		uint32_t bits = byte_at(bytes, at) << 16 | byte_at(bytes, at + 1) << 8 | byte_at(bytes, at + 2);
		char four[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63], '=', '=' };

		if (bytes.len - at > 1)
			four[2] = alphabet[bits >> 6 & 63];
		if (bytes.len - at > 2)
			four[3] = alphabet[bits & 63];
		weir_buffer_append(buffer, four, sizeof(four));
	}
}

/* 64 for what is no digit. */
static uint32_t digit(char c)
{
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (uint32_t)(at - alphabet) : 64;
}

/* False when one of the four is no digit, or bits that `padding` leaves unused are set. */
static bool decode_four(const char *four, size_t padding, uint32_t *bits)
{
	*bits = 0;
	for (size_t i = 0; i < 4 - padding; i++) {
		uint32_t value = digit(four[i]);

		if (value == 64)
			return false;
		*bits |= value << (18 - 6 * i);
	}
	return padding == 0 || (*bits & (padding == 1 ? 0xffU : 0xffffU)) == 0;
}

static size_t padding_of(struct weir_slice text)
{
	if (text.len == 0 || text.data[text.len - 1] != '=')
		return 0;
	return text.data[text.len - 2] == '=' ? 2 : 1;
}

enum weir_status weir_base64_decode(struct weir_pool *pool, struct weir_slice text, struct weir_slice *bytes)
{
	size_t padding, len;
	char *out;

	if (text.len % 4 != 0)
		return WEIR_ERR_INVALID;
	padding = padding_of(text);
	len = text.len / 4 * 3 - padding;
	out = weir_pool_bytes(pool, len + 1);
	if (!out)
		return WEIR_ERR_MEMORY;
	*bytes = weir_slice(out, len);
	out[len] = '\0';
	for (size_t at = 0, to = 0; at < text.len; at += 4, to += 3) {
		uint32_t bits;

		if (!decode_four(text.data + at, at + 4 == text.len ? padding : 0, &bits))
			return WEIR_ERR_INVALID;
		for (size_t i = 0; i < 3 && to + i < len; i++)
			out[to + i] = (char)(bits >> (16 - 8 * i) & 0xff);
	}
	return WEIR_OK;
}
