/* SPDX-License-Identifier: Apache-2.0
 *
 * The sets of characters that HTTP's and the URI's grammars are made of, as one table: one load and one test a byte, no locale.
 */
#ifndef WEIR_HTTP_CHARS_H
#define WEIR_HTTP_CHARS_H

#include <weir/slice.h>

enum weir_char_set {
	WEIR_CHAR_TOKEN = 1,      /* tchar, RFC 9110 section 5.6.2 */
	WEIR_CHAR_UNRESERVED = 2, /* RFC 3986 section 2.3 */
	WEIR_CHAR_PCHAR = 4,      /* RFC 3986 section 3.3, without escapes */
	WEIR_CHAR_COOKIE = 8,     /* cookie-octet, RFC 6265bis section 4.1.1 */
};

extern const unsigned char weir_char_sets[256];

static inline bool weir_char_in(char byte, enum weir_char_set set)
{
	return (weir_char_sets[(unsigned char)byte] & (unsigned)set) != 0;
}

/* True when every byte is in the set; true for no bytes. */
static inline bool weir_chars_all_in(struct weir_slice text, enum weir_char_set set)
{
	for (size_t i = 0; i < text.len; i++)
		if (!weir_char_in(text.data[i], set))
			return false;
	return true;
}

/* The value of a hexadecimal digit, else -1. */
static inline int weir_char_hex(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if (byte >= 'A' && byte <= 'F')
		return byte - 'A' + 10;
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

#endif
