/* SPDX-License-Identifier: Apache-2.0
 *
 * The path of a request target in its one canonical form (RFC 3986 section 6.2.2): what routes match and cache keys are made of.
 */
#ifndef WEIR_HTTP_PATH_H
#define WEIR_HTTP_PATH_H

#include <weir/pool.h>
#include <weir/slice.h>

/* Two paths that mean the same give the same text, and the result is its own canonical form:
 *  - escapes of unreserved characters are decoded, other escapes stay, in upper case: `a%2Fb` remains one segment;
 *  - bytes that may not stand in a path are escaped: controls, spaces, those from 0x80 on, and "<>\^`{|}[]?#;
 *  - the segments `.` and `..`, however they were written, are resolved (section 5.2.4); empty segments stay.
 * ERR_INVALID when the path does not begin with '/', climbs above the root, or holds NUL or a broken escape; ERR_MEMORY when the pool is
 * full. A path that is canonical already is returned as it is, without a copy; any other result is in the pool, followed by a zero byte.
 * A segment, or the whole path for people, is decoded with weir_percent_decode(). */
WEIR_MUST_CHECK enum weir_status weir_path_canonical(struct weir_pool *pool, struct weir_slice raw, struct weir_slice *path);

#endif
