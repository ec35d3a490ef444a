/* SPDX-License-Identifier: Apache-2.0
 *
 * Entity tags: made from bytes, and looked up in If-None-Match and If-Match (RFC 9110 sections 8.8.3 and 13.1).
 *
 * A tag is the XXH3-128 digest of the bytes in quotes: the same bytes give the same tag in every process, on every host and version.
 * It tells versions of a representation apart; it is no proof against somebody who makes two bodies collide on purpose.
 */
#ifndef WEIR_ETAG_H
#define WEIR_ETAG_H

#include <weir/pool.h>
#include <weir/slice.h>

/* Two quotes, 32 hexadecimal digits, a terminating zero. */
#define WEIR_ETAG_SIZE 35

/* The strong tag of the bytes. */
WEIR_API void weir_etag_make(struct weir_slice bytes, char out[WEIR_ETAG_SIZE]);

/* The same tag for bytes that come in pieces, however they are cut. The state lives in the pool; NULL when that is full. */
struct weir_etag_state;
WEIR_API struct weir_etag_state *weir_etag_begin(struct weir_pool *pool);
WEIR_API void weir_etag_update(struct weir_etag_state *state, struct weir_slice bytes);

/* The tag of the bytes so far; more may follow. */
WEIR_API void weir_etag_digest(const struct weir_etag_state *state, char out[WEIR_ETAG_SIZE]);

/* True for a well-formed tag: quotes round bytes that may stand there, after "W/" or not. */
WEIR_API bool weir_etag_valid(struct weir_slice etag);

enum weir_etag_comparison {
	WEIR_ETAG_WEAK,   /* If-None-Match: "W/" makes no difference */
	WEIR_ETAG_STRONG, /* If-Match, If-Range: two tags without "W/" */
};

/* True when the value of If-None-Match or If-Match names this tag, or is "*", which means any: ask only when there is a representation.
 * Members that are no tags are ignored, and an `etag` that is none, the absent one too, is matched by "*" alone. */
WEIR_API bool weir_etag_list_matches(struct weir_slice list, struct weir_slice etag, enum weir_etag_comparison how);

#endif
