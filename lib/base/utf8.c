/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients send is not always text, and a byte that only looks like text must not reach a log or a JSON document. This is the one
 * place that decides what is a character.
 */
#include "base/utf8.h"

/* By the lead byte; 0 for a byte that can lead no character: a continuation, an overlong form (C0, C1), or beyond U+10FFFF (F5 to FF). */
static size_t length_by_lead(unsigned char lead)
{
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2)
		return 0;
	if (lead < 0xe0)
		return 2;
	if (lead < 0xf0)
		return 3;
	return lead < 0xf5 ? 4 : 0;
}

static bool in_range(uint32_t code, size_t len)
{
	if (len == 3)
		return code >= 0x800 && (code < 0xd800 || code > 0xdfff);
	return len < 4 || (code >= 0x10000 && code <= 0x10ffff);
}

size_t weir_utf8_decode(struct weir_slice text, uint32_t *code)
{
	const unsigned char *bytes = (const unsigned char *)text.data;
	size_t len = text.len > 0 ? length_by_lead(bytes[0]) : 0;
	uint32_t value;

	if (len == 0 || len > text.len)
		return 0;
	value = len == 1 ? bytes[0] : bytes[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3fU);
	}
	if (!in_range(value, len))
		return 0;
	*code = value;
	return len;
}
