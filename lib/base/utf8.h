/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8, one character at a time and strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 */
#ifndef WEIR_BASE_UTF8_H
#define WEIR_BASE_UTF8_H

#include <weir/slice.h>

/* How many bytes the character at the start of `text` has, 1 to 4, and its code point in `code`. 0 when `text` is empty, does not start
 * with a valid character, or ends in the middle of one; `code` is then as it was. */
size_t weir_utf8_decode(struct weir_slice text, uint32_t *code);

#endif
