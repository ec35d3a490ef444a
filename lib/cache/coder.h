/* SPDX-License-Identifier: Apache-2.0
 *
 * What the library asks of coders beyond what they do.
 */
#ifndef WEIR_CACHE_CODER_H
#define WEIR_CACHE_CODER_H

#include <weir/coder.h>

/* What is wrong with a coder that a rule, a function or a cache names, for the start: NULL, or a few words for people, which begin with
 * "its coder" and are static. Loads the library that it needs. */
const char *weir_coder_check(const struct weir_coder *coder);

/* Whether a value of it is a slice of bytes, as the body of a route is. Of a coder of the user's only the size is known. */
bool weir_coder_is_of_bytes(const struct weir_coder *coder);

/* Passes on what a reader of texts or tables says of bytes: all that is wrong with them is ERR_CORRUPT. */
static inline enum weir_status weir_coder_read_status(enum weir_status status)
{
	return status == WEIR_ERR_INVALID || status == WEIR_ERR_LIMIT ? WEIR_ERR_CORRUPT : status;
}

#endif
