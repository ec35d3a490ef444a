/* SPDX-License-Identifier: Apache-2.0
 *
 * Tags: names that entries carry, so that all that showed one thing can be cleared together. A set of texts, each at most once, and its
 * bytes in an entry: for each tag its length in 16 bits, little-endian, and the text.
 */
#ifndef WEIR_CACHE_TAGS_H
#define WEIR_CACHE_TAGS_H

#include <weir/pool.h>
#include <weir/slice.h>

/* An entry that would have more, or a longer one, is not stored. */
#define WEIR_TAGS_MAX ((size_t)128)
#define WEIR_TAG_LENGTH_MAX ((size_t)255)

struct weir_tags {
	struct weir_slice *list; /* in the pool; each text is terminated */
	size_t count;
	size_t capacity;
	bool overflowed; /* a tag is missing */
};

/* Copies the tag, unless it is there already. Memory that is out, an empty tag and what passes a limit marks the set overflowed. */
void weir_tags_add(struct weir_tags *tags, struct weir_pool *pool, struct weir_slice tag);

size_t weir_tags_size(const struct weir_tags *tags);

/* Writes weir_tags_size() bytes; returns their end. */
char *weir_tags_put(const struct weir_tags *tags, char *at);

/* The first tag of `bytes`, which goes on behind it. False at the end, and where the bytes are no tags. */
bool weir_tags_next(struct weir_slice *bytes, struct weir_slice *tag);

#endif
