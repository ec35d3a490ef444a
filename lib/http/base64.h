/* SPDX-License-Identifier: Apache-2.0
 *
 * Base64 with the standard alphabet and padding (RFC 4648 section 4).
 */
#ifndef WEIR_HTTP_BASE64_H
#define WEIR_HTTP_BASE64_H

#include <weir/buffer.h>
#include <weir/pool.h>

void weir_base64_append(struct weir_buffer *buffer, struct weir_slice bytes);

/* Strict: no white space, padding where it belongs, unused bits zero, so that one value has one text. ERR_INVALID, ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_base64_decode(struct weir_pool *pool, struct weir_slice text, struct weir_slice *bytes);

#endif
