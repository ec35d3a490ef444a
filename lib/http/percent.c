/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent-encoding for paths, queries and forms. All of them refuse the same bad input in this one place, so that no two parts of a request
 * can disagree about what a client has sent.
 */
#include "http/percent.h"

#include "http/chars.h"

int weir_percent_byte(struct weir_slice text)
{
	int high, low;

	if (text.len < 3 || text.data[0] != '%')
		return -1;
	high = weir_char_hex(text.data[1]);
	low = weir_char_hex(text.data[2]);
	if (high < 0 || low < 0 || (high == 0 && low == 0))
		return -1;
	return high << 4 | low;
}

enum weir_status weir_percent_decode_in_place(char *text, size_t len, enum weir_percent_mode mode, size_t *decoded_len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		char byte = text[i];

		if (byte == '\0')
			return WEIR_ERR_INVALID;
		if (byte == '%') {
			int decoded = weir_percent_byte(weir_slice(text + i, len - i));

			if (decoded < 0)
				return WEIR_ERR_INVALID;
			byte = (char)decoded;
			i += 2;
		} else if (byte == '+' && mode == WEIR_PERCENT_FORM) {
			byte = ' ';
		}
		text[out++] = byte;
	}
	text[out] = '\0';
	*decoded_len = out;
	return WEIR_OK;
}

enum weir_status weir_percent_decode(struct weir_pool *pool, struct weir_slice text, enum weir_percent_mode mode,
				     struct weir_slice *decoded)
{
	char *copy = weir_pool_bytes(pool, text.len + 1);
	enum weir_status st;
	size_t len;

	if (!copy)
		return WEIR_ERR_MEMORY;
	if (text.len > 0)
		memcpy(copy, text.data, text.len);
	st = weir_percent_decode_in_place(copy, text.len, mode, &len);
	if (st == WEIR_OK)
		*decoded = weir_slice(copy, len);
	return st;
}

char *weir_percent_put(char *out, char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	*out++ = '%';
	*out++ = digits[(unsigned char)byte >> 4];
	*out++ = digits[(unsigned char)byte & 15];
	return out;
}

char *weir_percent_encode(char *out, struct weir_slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (weir_char_in(bytes.data[i], WEIR_CHAR_UNRESERVED))
			*out++ = bytes.data[i];
		else
			out = weir_percent_put(out, bytes.data[i]);
	}
	return out;
}
