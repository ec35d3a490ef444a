/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an entry that a backend gave back: as they are, and with head and sums set right, which is the only way to reach what lies
 * behind them. And as a response that is to be kept: fields, one a piece between 0x1e bytes, name and value parted by 0x1f, the last piece
 * the body. What is taken in must come out again as it was.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/endian.h"
#include "cache/entry.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same_fields(const struct weir_fields *a, const struct weir_fields *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!weir_slice_equal(a->lines[i].name, b->lines[i].name) || !weir_slice_equal(a->lines[i].value, b->lines[i].value))
			return false;
	return true;
}

static bool same_entry(const struct weir_entry *a, const struct weir_entry *b)
{
	return a->status == b->status && a->created_ms == b->created_ms && a->expires_ms == b->expires_ms &&
	       a->revalidate_until_ms == b->revalidate_until_ms && a->error_until_ms == b->error_until_ms && a->clock == b->clock &&
	       a->coder == b->coder && a->made_ms == b->made_ms && a->tag_count == b->tag_count && weir_slice_equal(a->body, b->body);
}

static void check_round_trip(struct weir_pool *pool, const struct weir_entry *entry, const struct weir_fields *fields)
{
	struct weir_slice bytes = entry->tags, tag;
	struct weir_tags tags = { 0 };
	struct weir_blob *blob;
	struct weir_entry again;
	struct weir_fields fields_again;

	while (weir_tags_next(&bytes, &tag))
		weir_tags_add(&tags, pool, tag);
	if (tags.count < entry->tag_count) /* the same one twice */
		return;
	blob = weir_entry_encode(entry, fields, &tags);
	INSIST(blob);
	weir_fields_init(&fields_again, pool);
	INSIST(weir_entry_decode(weir_slice(blob->data, blob->len), false, &again) == WEIR_OK);
	INSIST(weir_entry_fields(&again, false, &fields_again) == WEIR_OK);
	INSIST(same_entry(entry, &again) && same_fields(fields, &fields_again));
	weir_blob_drop(blob);
}

static void check_lines(const struct weir_fields *fields, struct weir_slice bytes)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct weir_field_line *line = &fields->lines[i];

		INSIST(weir_field_name_valid(line->name) && weir_field_value_valid(line->value));
		INSIST(line->name.data >= bytes.data && line->name.data + line->name.len <= bytes.data + bytes.len);
	}
}

static void check_decode(struct weir_pool *pool, struct weir_slice bytes)
{
	struct weir_entry entry, trusted;
	struct weir_fields fields;

	if (weir_entry_decode(bytes, true, &trusted) != WEIR_OK) {
		INSIST(weir_entry_decode(bytes, false, &entry) == WEIR_ERR_CORRUPT);
		return;
	}
	INSIST(trusted.body.data + trusted.body.len == bytes.data + bytes.len);
	INSIST(WEIR_ENTRY_HEAD + trusted.fields.len + trusted.tags.len + trusted.body.len == bytes.len);
	weir_fields_init(&fields, pool);
	if (weir_entry_fields(&trusted, false, &fields) != WEIR_OK)
		return;
	INSIST(fields.count == trusted.field_count);
	check_lines(&fields, bytes);
	check_round_trip(pool, &trusted, &fields);
	if (weir_entry_decode(bytes, false, &entry) == WEIR_OK)
		INSIST(same_entry(&entry, &trusted));
}

/* A copy of the bytes as a sound entry, whatever its fields are; the body begins where the head says, if it can. */
static struct weir_slice repaired(struct weir_pool *pool, struct weir_slice bytes)
{
	char *head = weir_pool_bytes(pool, bytes.len);
	size_t fields_len, tags_len, rest = bytes.len - WEIR_ENTRY_HEAD;

	memcpy(head, bytes.data, bytes.len);
	fields_len = weir_load_le32(head + 60) % (rest + 1);
	tags_len = weir_load_le32(head + 68) % (rest - fields_len + 1);
	memcpy(head, "weir\2\0", 6);
	weir_store_le16(head + 6, (uint16_t)(200 + weir_load_le16(head + 6) % 400));
	weir_store_le32(head + 60, (uint32_t)fields_len);
	weir_store_le32(head + 68, (uint32_t)tags_len);
	weir_store_le64(head + 80, rest - fields_len - tags_len);
	weir_store_le64(head + 96, XXH3_64bits(head, 96) ^ XXH3_64bits_withSeed(head + WEIR_ENTRY_HEAD, fields_len + tags_len, 1));
	return weir_slice(head, bytes.len);
}

static void check_response(struct weir_pool *pool, struct weir_slice rest)
{
	struct weir_entry entry = { .status = 200 + (int)(rest.len % 400), .expires_ms = INT64_MAX, .clock = rest.len };
	struct weir_fields fields;

	weir_fields_init(&fields, pool);
	while (rest.data) {
		struct weir_slice piece = weir_slice_cut(&rest, 0x1e);
		struct weir_slice name;

		if (!rest.data) {
			entry.body = piece;
			break;
		}
		name = weir_slice_cut(&piece, 0x1f);
		weir_fields_add(&fields, name, piece.data ? piece : WEIR_SLICE_LITERAL(""));
	}
	check_round_trip(pool, &entry, &fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice bytes = weir_slice(data, size);
	struct weir_pool *pool = weir_pool_create(0);

	check_decode(pool, bytes);
	if (size >= WEIR_ENTRY_HEAD)
		check_decode(pool, repaired(pool, bytes));
	check_response(pool, bytes);
	weir_pool_destroy(pool);
	return 0;
}
