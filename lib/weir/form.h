/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies of HTML forms, and what a Content-Type says.
 */
#ifndef WEIR_FORM_H
#define WEIR_FORM_H

#include <weir/query.h>

#define WEIR_FORM_MEDIA_TYPE "application/x-www-form-urlencoded"

/* A body of that type, which is written like a query: results and errors are those of weir_query_parse(). */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_form_parse(struct weir_pool *pool, struct weir_slice body, size_t max_pairs,
							  struct weir_query *form);

/* True when a Content-Type's value is this media type, whatever its parameters, without regard to case (RFC 9110 section 8.3.1):
 * `Application/JSON; charset=utf-8` is "application/json". False for the absent slice. */
WEIR_API bool weir_media_type_is(struct weir_slice content_type, const char *media_type);

#endif
