/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 (RFC 4648 section 4), the way binary attributes travel in DynamoDB's JSON.
 */
#ifndef WEIR_DYNAMODB_BASE64_H
#define WEIR_DYNAMODB_BASE64_H

#include <weir/buffer.h>

/* Characters for `len` bytes. */
static inline size_t weir_dynamodb_base64_size(size_t len)
{
	return (len + 2) / 3 * 4;
}

void weir_dynamodb_base64_append(struct weir_buffer *buffer, struct weir_slice bytes);

/* Into `bytes`, which has room for `text.len / 4 * 3`; the length goes to `*len`. Strict: no white space, padding where it belongs, unused
 * bits zero. ERR_INVALID otherwise. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_base64_decode(struct weir_slice text, char *bytes, size_t *len);

#endif
