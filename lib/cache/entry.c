/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries to bytes and back.
 */
#include "cache/entry.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/endian.h"
#include "http/fields.h"

#define MAGIC UINT32_C(0x72696577) /* "weir" */

enum {
	AT_MAGIC = 0,
	AT_VERSION = 4,
	AT_STATUS = 6,
	AT_CREATED = 8,
	AT_EXPIRES = 16,
	AT_REVALIDATE = 24,
	AT_ERROR = 32,
	AT_CLOCK = 40,
	AT_CODER = 48,
	AT_MADE = 56,
	AT_FIELDS_LEN = 60,
	AT_FIELD_COUNT = 64,
	AT_TAGS_LEN = 68,
	AT_TAG_COUNT = 72,
	AT_ZERO = 76,
	AT_BODY_LEN = 80,
	AT_BODY_SUM = 88,
	AT_HEAD_SUM = 96,
};

/* Over the head up to its own place, the fields and the tags. */
static uint64_t head_sum(const char *bytes, size_t lists_len)
{
	return XXH3_64bits(bytes, AT_HEAD_SUM) ^ XXH3_64bits_withSeed(bytes + WEIR_ENTRY_HEAD, lists_len, 1);
}

static size_t fields_size(const struct weir_fields *fields, size_t *count)
{
	const struct weir_field_line *line;
	size_t position = 0;
	size_t size = 0;

	*count = 0;
	while ((line = weir_fields_next(fields, WEIR_SLICE_NONE, &position))) {
		size += 8 + line->name.len + line->value.len;
		(*count)++;
	}
	return size;
}

static char *put(char *at, struct weir_slice bytes)
{
	if (bytes.len > 0)
		memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

static char *put_fields(char *at, const struct weir_fields *fields)
{
	const struct weir_field_line *line;
	size_t position = 0;

	while ((line = weir_fields_next(fields, WEIR_SLICE_NONE, &position))) {
		weir_store_le32(at, (uint32_t)line->name.len);
		weir_store_le32(at + 4, (uint32_t)line->value.len);
		at = put(put(at + 8, line->name), line->value);
	}
	return at;
}

static void put_head(char *head, const struct weir_entry *entry)
{
	weir_store_le32(head + AT_MAGIC, MAGIC);
	weir_store_le16(head + AT_VERSION, WEIR_ENTRY_VERSION);
	weir_store_le16(head + AT_STATUS, (uint16_t)entry->status);
	weir_store_le64(head + AT_CREATED, (uint64_t)entry->created_ms);
	weir_store_le64(head + AT_EXPIRES, (uint64_t)entry->expires_ms);
	weir_store_le64(head + AT_REVALIDATE, (uint64_t)entry->revalidate_until_ms);
	weir_store_le64(head + AT_ERROR, (uint64_t)entry->error_until_ms);
	weir_store_le64(head + AT_CLOCK, entry->clock);
	weir_store_le64(head + AT_CODER, entry->coder);
	weir_store_le32(head + AT_MADE, entry->made_ms);
	weir_store_le32(head + AT_ZERO, 0);
	weir_store_le64(head + AT_BODY_LEN, entry->body.len);
	weir_store_le64(head + AT_BODY_SUM, XXH3_64bits(entry->body.data, entry->body.len));
}

struct weir_blob *weir_entry_encode(const struct weir_entry *entry, const struct weir_fields *fields, const struct weir_tags *tags)
{
	size_t count;
	size_t fields_len = fields_size(fields, &count);
	size_t tags_len = weir_tags_size(tags);
	struct weir_blob *blob;
	char *head;

	if (fields_len > UINT32_MAX || entry->body.len > SIZE_MAX / 2)
		return NULL;
	blob = weir_blob_create(WEIR_ENTRY_HEAD + fields_len + tags_len + entry->body.len);
	if (!blob)
		return NULL;
	head = blob->data;
	put_head(head, entry);
	weir_store_le32(head + AT_FIELDS_LEN, (uint32_t)fields_len);
	weir_store_le32(head + AT_FIELD_COUNT, (uint32_t)count);
	weir_store_le32(head + AT_TAGS_LEN, (uint32_t)tags_len);
	weir_store_le32(head + AT_TAG_COUNT, (uint32_t)tags->count);
	(void)put(weir_tags_put(tags, put_fields(head + WEIR_ENTRY_HEAD, fields)), entry->body);
	weir_store_le64(head + AT_HEAD_SUM, head_sum(head, fields_len + tags_len));
	return blob;
}

int64_t weir_entry_until_ms(const struct weir_entry *entry)
{
	int64_t until_ms = entry->expires_ms;

	if (until_ms < entry->revalidate_until_ms)
		until_ms = entry->revalidate_until_ms;
	return until_ms < entry->error_until_ms ? entry->error_until_ms : until_ms;
}

static void load_head(const char *head, struct weir_entry *entry)
{
	entry->status = weir_load_le16(head + AT_STATUS);
	entry->created_ms = (int64_t)weir_load_le64(head + AT_CREATED);
	entry->expires_ms = (int64_t)weir_load_le64(head + AT_EXPIRES);
	entry->revalidate_until_ms = (int64_t)weir_load_le64(head + AT_REVALIDATE);
	entry->error_until_ms = (int64_t)weir_load_le64(head + AT_ERROR);
	entry->clock = weir_load_le64(head + AT_CLOCK);
	entry->coder = weir_load_le64(head + AT_CODER);
	entry->made_ms = weir_load_le32(head + AT_MADE);
	entry->field_count = weir_load_le32(head + AT_FIELD_COUNT);
	entry->tag_count = weir_load_le32(head + AT_TAG_COUNT);
}

/* As many as are announced, and nothing else. */
static bool are_tags(struct weir_slice bytes, size_t count)
{
	struct weir_slice tag;
	size_t found = 0;

	while (weir_tags_next(&bytes, &tag))
		found++;
	return bytes.len == 0 && found == count && count <= WEIR_TAGS_MAX;
}

enum weir_status weir_entry_decode(struct weir_slice bytes, bool trusted, struct weir_entry *entry)
{
	const char *head = bytes.data;
	size_t fields_len, tags_len, rest = bytes.len - WEIR_ENTRY_HEAD;

	if (bytes.len < WEIR_ENTRY_HEAD || weir_load_le32(head + AT_MAGIC) != MAGIC ||
	    weir_load_le16(head + AT_VERSION) != WEIR_ENTRY_VERSION)
		return WEIR_ERR_CORRUPT;
	fields_len = weir_load_le32(head + AT_FIELDS_LEN);
	tags_len = weir_load_le32(head + AT_TAGS_LEN);
	if (fields_len > rest || tags_len > rest - fields_len || weir_load_le64(head + AT_BODY_LEN) != rest - fields_len - tags_len)
		return WEIR_ERR_CORRUPT;
	if (weir_load_le64(head + AT_HEAD_SUM) != head_sum(head, fields_len + tags_len))
		return WEIR_ERR_CORRUPT;
	load_head(head, entry);
	entry->fields = weir_slice(head + WEIR_ENTRY_HEAD, fields_len);
	entry->tags = weir_slice(head + WEIR_ENTRY_HEAD + fields_len, tags_len);
	entry->body = weir_slice_from(bytes, WEIR_ENTRY_HEAD + fields_len + tags_len);
	if (entry->status < 200 || entry->status > 599 || !are_tags(entry->tags, entry->tag_count))
		return WEIR_ERR_CORRUPT;
	if (!trusted && weir_load_le64(head + AT_BODY_SUM) != XXH3_64bits(entry->body.data, entry->body.len))
		return WEIR_ERR_CORRUPT;
	return WEIR_OK;
}

enum weir_status weir_entry_fields(const struct weir_entry *entry, bool trusted, struct weir_fields *fields)
{
	void (*add)(struct weir_fields *, struct weir_slice, struct weir_slice) = trusted ? weir_fields_push : weir_fields_add_borrowed;
	struct weir_slice rest = entry->fields;

	for (size_t i = 0; i < entry->field_count; i++) {
		size_t name_len;
		size_t value_len;

		if (rest.len < 8)
			return WEIR_ERR_CORRUPT;
		name_len = weir_load_le32(rest.data);
		value_len = weir_load_le32(rest.data + 4);
		rest = weir_slice_from(rest, 8);
		if (name_len > rest.len || value_len > rest.len - name_len)
			return WEIR_ERR_CORRUPT;
		add(fields, weir_slice(rest.data, name_len), weir_slice(rest.data + name_len, value_len));
		rest = weir_slice_from(rest, name_len + value_len);
	}
	if (fields->invalid || rest.len > 0)
		return WEIR_ERR_CORRUPT;
	return weir_pool_overflowed(fields->pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}
