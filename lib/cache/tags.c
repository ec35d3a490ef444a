/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of tags. They are small, so a list will do.
 */
#include "cache/tags.h"

#include "base/endian.h"

#define FIRST_CAPACITY 8

static bool has(const struct weir_tags *tags, struct weir_slice tag)
{
	for (size_t i = 0; i < tags->count; i++)
		if (weir_slice_equal(tags->list[i], tag))
			return true;
	return false;
}

static bool grow(struct weir_tags *tags, struct weir_pool *pool)
{
	size_t capacity = tags->capacity ? tags->capacity * 2 : FIRST_CAPACITY;
	struct weir_slice *list = weir_pool_alloc(pool, capacity * sizeof(*list));

	if (!list)
		return false;
	if (tags->count > 0)
		memcpy(list, tags->list, tags->count * sizeof(*list));
	tags->list = list;
	tags->capacity = capacity;
	return true;
}

void weir_tags_add(struct weir_tags *tags, struct weir_pool *pool, struct weir_slice tag)
{
	struct weir_slice copy;

	if (has(tags, tag))
		return;
	if (tag.len == 0 || tag.len > WEIR_TAG_LENGTH_MAX || tags->count == WEIR_TAGS_MAX ||
	    (tags->count == tags->capacity && !grow(tags, pool))) {
		tags->overflowed = true;
		return;
	}
	copy = weir_pool_dup(pool, tag);
	if (copy.data)
		tags->list[tags->count++] = copy;
	else
		tags->overflowed = true;
}

size_t weir_tags_size(const struct weir_tags *tags)
{
	size_t size = 0;

	for (size_t i = 0; i < tags->count; i++)
		size += 2 + tags->list[i].len;
	return size;
}

char *weir_tags_put(const struct weir_tags *tags, char *at)
{
	for (size_t i = 0; i < tags->count; i++) {
		weir_store_le16(at, (uint16_t)tags->list[i].len);
		memcpy(at + 2, tags->list[i].data, tags->list[i].len);
		at += 2 + tags->list[i].len;
	}
	return at;
}

bool weir_tags_next(struct weir_slice *bytes, struct weir_slice *tag)
{
	size_t len;

	if (bytes->len < 2)
		return false;
	len = weir_load_le16(bytes->data);
	if (len == 0 || len > WEIR_TAG_LENGTH_MAX || len > bytes->len - 2)
		return false;
	*tag = weir_slice(bytes->data + 2, len);
	*bytes = weir_slice_from(*bytes, 2 + len);
	return true;
}
