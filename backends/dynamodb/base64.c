/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of hundreds of kilobytes pass through here in both directions, so digits come from a table and bytes go straight to their place.
 */
#include "base64.h"

#define NO_DIGIT 0xff

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void encode_three(char *four, uint32_t bits)
{
	four[0] = alphabet[bits >> 18];
	four[1] = alphabet[bits >> 12 & 63];
	four[2] = alphabet[bits >> 6 & 63];
	four[3] = alphabet[bits & 63];
}

void weir_dynamodb_base64_append(struct weir_buffer *buffer, struct weir_slice bytes)
{
	size_t size = weir_dynamodb_base64_size(bytes.len), at = 0;
	const unsigned char *in = (const unsigned char *)bytes.data;
	char *out = size > 0 ? weir_buffer_reserve(buffer, size) : NULL;

	if (!out)
		return;
	for (; bytes.len - at >= 3; at += 3, out += 4)
		encode_three(out, (uint32_t)in[at] << 16 | (uint32_t)in[at + 1] << 8 | in[at + 2]);
	if (bytes.len - at > 0) {
		encode_three(out, (uint32_t)in[at] << 16 | (bytes.len - at > 1 ? (uint32_t)in[at + 1] << 8 : 0));
		out[3] = '=';
		if (bytes.len - at == 1)
			out[2] = '=';
	}
	weir_buffer_advance(buffer, size);
}

static void fill_digits(unsigned char digits[256])
{
	memset(digits, NO_DIGIT, 256);
	for (unsigned char i = 0; i < 64; i++)
		digits[(unsigned char)alphabet[i]] = i;
}

/* The `4 - padding` digits as bits, the first one's highest; UINT32_MAX when one is none, or a bit behind the last byte is set. */
static uint32_t decode_four(const unsigned char digits[256], const char *four, size_t padding)
{
	static const uint32_t unused[] = { 0, 0xff, 0xffff };
	uint32_t bits = 0;

	for (size_t i = 0; i < 4 - padding; i++) {
		unsigned char digit = digits[(unsigned char)four[i]];

		if (digit == NO_DIGIT)
			return UINT32_MAX;
		bits |= (uint32_t)digit << (18 - 6 * i);
	}
	return bits & unused[padding] ? UINT32_MAX : bits;
}

static size_t padding_of(struct weir_slice text)
{
	if (text.len == 0 || text.data[text.len - 1] != '=')
		return 0;
	return text.data[text.len - 2] == '=' ? 2 : 1;
}

enum weir_status weir_dynamodb_base64_decode(struct weir_slice text, char *bytes, size_t *len)
{
	unsigned char digits[256];
	size_t padding, to = 0;

	if (text.len % 4 != 0)
		return WEIR_ERR_INVALID;
	fill_digits(digits);
	padding = padding_of(text);
	*len = text.len / 4 * 3 - padding;
	for (size_t at = 0; at < text.len; at += 4) {
		uint32_t bits = decode_four(digits, text.data + at, at + 4 == text.len ? padding : 0);

		if (bits == UINT32_MAX)
			return WEIR_ERR_INVALID;
		bytes[to++] = (char)(bits >> 16);
		if (to < *len)
			bytes[to++] = (char)(bits >> 8 & 0xff);
		if (to < *len)
			bytes[to++] = (char)(bits & 0xff);
	}
	return WEIR_OK;
}
