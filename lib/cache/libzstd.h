/* SPDX-License-Identifier: Apache-2.0
 *
 * libzstd, found when the first coder asks for it: who does not compress does not load the library, which a CGI program would feel at
 * every start.
 */
#ifndef WEIR_CACHE_LIBZSTD_H
#define WEIR_CACHE_LIBZSTD_H

#include <stddef.h>

/* As in <zstd.h>: sizes that `is_error` says yes to are errors. */
struct weir_libzstd {
	size_t (*compress)(void *out, size_t room, const void *bytes, size_t len, int level);
	size_t (*decompress)(void *out, size_t room, const void *bytes, size_t len);
	unsigned (*is_error)(size_t result);
};

/* From any thread. NULL when there is none, with a few words for people in `*why`, which are static and go on after "its coder". */
const struct weir_libzstd *weir_libzstd(const char **why);

#endif
