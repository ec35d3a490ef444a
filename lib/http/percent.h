/* SPDX-License-Identifier: Apache-2.0
 *
 * Percent-encoding (RFC 3986 section 2.1), strict: an escape that is broken and NUL, escaped or raw, are ERR_INVALID.
 */
#ifndef WEIR_HTTP_PERCENT_H
#define WEIR_HTTP_PERCENT_H

#include <weir/pool.h>
#include <weir/slice.h>

enum weir_percent_mode {
	WEIR_PERCENT_PLAIN, /* paths: '+' is itself */
	WEIR_PERCENT_FORM,  /* queries and forms: '+' is a space */
};

/* The byte that "%XX" at the start of `text` stands for; -1 when it stands for none, or for NUL. */
int weir_percent_byte(struct weir_slice text);

/* Decodes `len` bytes in place; the result, never longer, is ended with a zero byte, so text[len] must be writable. */
WEIR_MUST_CHECK enum weir_status weir_percent_decode_in_place(char *text, size_t len, enum weir_percent_mode mode, size_t *decoded_len);

/* A decoded copy in the pool, ended with a zero byte that the length does not count. ERR_MEMORY when the pool is full. */
WEIR_MUST_CHECK enum weir_status weir_percent_decode(struct weir_pool *pool, struct weir_slice text, enum weir_percent_mode mode,
						     struct weir_slice *decoded);

/* "%XX" for the byte, in upper case; returns the end of the three bytes. */
char *weir_percent_put(char *out, char byte);

/* Encodes all bytes but unreserved ones; returns the end of what was written, at most three bytes for one. */
char *weir_percent_encode(char *out, struct weir_slice bytes);

#endif
