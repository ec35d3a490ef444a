/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parser of multipart forms and that of their parts' fields share.
 */
#ifndef WEIR_HTTP_MULTIPART_H
#define WEIR_HTTP_MULTIPART_H

#include <weir/multipart.h>

/* RFC 2046 section 5.1.1. */
#define WEIR_MULTIPART_BOUNDARY_MAX 70

/* The boundary that a Content-Type names. ERR_UNSUPPORTED, ERR_INVALID with `*why` (static). */
WEIR_MUST_CHECK enum weir_status weir_multipart_boundary(struct weir_slice content_type, struct weir_slice *boundary, const char **why);

/* Fills in the part from its fields: lines that each end with CRLF, without the empty one. They are kept, and changed in place where the
 * names are unescaped. NULL, or what is wrong in a few words (static). */
WEIR_MUST_CHECK const char *weir_multipart_read_head(char *head, size_t len, struct weir_multipart_part *part);

#endif
