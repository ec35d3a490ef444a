/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries: what goes in comes out, and what a backend has damaged, cut, mixed up or kept since another version does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/endian.h"
#include "cache/entry.h"

static const struct weir_entry page = {
	.status = 404,
	.created_ms = INT64_C(1767225600000),
	.expires_ms = INT64_C(1767225660123),
	.revalidate_until_ms = INT64_C(1767225670123),
	.error_until_ms = INT64_C(1767225680123),
	.coder = UINT64_C(0xfedcba9876543210),
	.made_ms = 1234,
	.clock = UINT64_C(0x0123456789abcdef),
	.body = { "no such page", 12 },
};

static int setup(void **state)
{
	*state = weir_pool_create(0);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	weir_pool_destroy(*state);
	return 0;
}

/* `page` with three fields, two of the same name, and two tags, in memory that may be changed. */
static struct weir_slice encoded(struct weir_pool *pool)
{
	struct weir_tags tags = { 0 };
	struct weir_fields fields;
	struct weir_blob *blob;
	struct weir_slice bytes;

	weir_fields_init(&fields, pool);
	weir_fields_add(&fields, WEIR_SLICE_LITERAL("Content-Type"), WEIR_SLICE_LITERAL("text/plain"));
	weir_fields_add(&fields, WEIR_SLICE_LITERAL("Link"), WEIR_SLICE_LITERAL("</a>"));
	weir_fields_add(&fields, WEIR_SLICE_LITERAL("link"), WEIR_SLICE_LITERAL(""));
	weir_tags_add(&tags, pool, WEIR_SLICE_LITERAL("item 17"));
	weir_tags_add(&tags, pool, WEIR_SLICE_LITERAL("roads"));
	blob = weir_entry_encode(&page, &fields, &tags);
	assert_non_null(blob);
	bytes = weir_pool_dup(pool, weir_slice(blob->data, blob->len));
	weir_blob_drop(blob);
	return bytes;
}

static char *writable(struct weir_slice bytes)
{
	return (char *)(uintptr_t)bytes.data;
}

/* After a change to head, fields or tags: the checksum that they should have. */
static void seal(struct weir_slice bytes)
{
	size_t lists_len = weir_load_le32(bytes.data + 60) + weir_load_le32(bytes.data + 68);

	weir_store_le64(writable(bytes) + 96, XXH3_64bits(bytes.data, 96) ^ XXH3_64bits_withSeed(bytes.data + 104, lists_len, 1));
}

static void expect_corrupt(struct weir_slice bytes)
{
	struct weir_entry entry;

	assert_int_equal(weir_entry_decode(bytes, false, &entry), WEIR_ERR_CORRUPT);
}

static void expect_corrupt_fields(struct weir_pool *pool, struct weir_slice bytes)
{
	struct weir_fields fields;
	struct weir_entry entry;

	seal(bytes);
	weir_fields_init(&fields, pool);
	assert_int_equal(weir_entry_decode(bytes, false, &entry), WEIR_OK);
	assert_int_equal(weir_entry_fields(&entry, false, &fields), WEIR_ERR_CORRUPT);
}

static void test_entry_comes_back_as_it_was(void **state)
{
	struct weir_slice tag;
	struct weir_fields fields;
	struct weir_entry entry;

	weir_fields_init(&fields, *state);
	assert_int_equal(weir_entry_decode(encoded(*state), false, &entry), WEIR_OK);
	assert_int_equal(entry.status, 404);
	assert_true(entry.created_ms == page.created_ms);
	assert_true(entry.expires_ms == page.expires_ms);
	assert_true(entry.revalidate_until_ms == page.revalidate_until_ms);
	assert_true(entry.error_until_ms == page.error_until_ms);
	assert_true(entry.coder == page.coder);
	assert_int_equal(entry.made_ms, page.made_ms);
	assert_true(entry.clock == page.clock);
	assert_true(weir_slice_equal(entry.body, page.body));
	assert_int_equal(weir_entry_fields(&entry, false, &fields), WEIR_OK);
	assert_int_equal(fields.count, 3);
	assert_true(weir_slice_equal(fields.lines[0].name, WEIR_SLICE_LITERAL("Content-Type")));
	assert_true(weir_slice_equal(fields.lines[0].value, WEIR_SLICE_LITERAL("text/plain")));
	assert_true(weir_slice_equal(fields.lines[1].name, WEIR_SLICE_LITERAL("Link")));
	assert_true(weir_slice_equal(fields.lines[1].value, WEIR_SLICE_LITERAL("</a>")));
	assert_true(weir_slice_equal(fields.lines[2].name, WEIR_SLICE_LITERAL("link")));
	assert_int_equal(fields.lines[2].value.len, 0);
	assert_int_equal(entry.tag_count, 2);
	assert_true(weir_tags_next(&entry.tags, &tag));
	assert_true(weir_slice_equal(tag, WEIR_SLICE_LITERAL("item 17")));
	assert_true(weir_tags_next(&entry.tags, &tag));
	assert_true(weir_slice_equal(tag, WEIR_SLICE_LITERAL("roads")));
	assert_false(weir_tags_next(&entry.tags, &tag));
}

static void test_entry_may_be_forgotten_when_nothing_serves_it_any_more(void **state)
{
	struct weir_entry entry = { .expires_ms = 10, .revalidate_until_ms = 15, .error_until_ms = 12 };

	(void)state;
	assert_true(weir_entry_until_ms(&entry) == 15);
	entry.error_until_ms = 20;
	assert_true(weir_entry_until_ms(&entry) == 20);
	entry.expires_ms = INT64_MAX;
	assert_true(weir_entry_until_ms(&entry) == INT64_MAX);
}

static void test_entry_may_have_neither_fields_nor_body(void **state)
{
	struct weir_fields fields;
	struct weir_entry entry;
	struct weir_blob *blob;

	weir_fields_init(&fields, *state);
	blob = weir_entry_encode(&(struct weir_entry){ .status = 204, .expires_ms = INT64_MAX }, &fields, &(struct weir_tags){ 0 });
	assert_non_null(blob);
	assert_int_equal(blob->len, WEIR_ENTRY_HEAD);
	assert_int_equal(weir_entry_decode(weir_slice(blob->data, blob->len), false, &entry), WEIR_OK);
	assert_int_equal(entry.body.len, 0);
	assert_true(entry.expires_ms == INT64_MAX);
	assert_int_equal(weir_entry_fields(&entry, false, &fields), WEIR_OK);
	assert_int_equal(fields.count, 0);
	weir_blob_drop(blob);
}

/* Other hosts and later versions read this: the layout is what entry.h says, little-endian. */
static void test_entry_layout_is_as_documented(void **state)
{
	struct weir_slice bytes = encoded(*state);
	const size_t fields_len = (8 + 12 + 10) + (8 + 4 + 4) + (8 + 4);
	const size_t tags_len = (2 + 7) + (2 + 5);

	assert_int_equal(bytes.len, 104 + fields_len + tags_len + 12);
	assert_memory_equal(bytes.data, "weir\x02\x00\x94\x01", 8);
	assert_memory_equal(bytes.data + 40, "\xef\xcd\xab\x89\x67\x45\x23\x01\x10\x32\x54\x76\x98\xba\xdc\xfe", 16);
	assert_memory_equal(bytes.data + 56, "\xd2\x04\0\0\x3a\0\0\0\x03\0\0\0\x10\0\0\0\x02\0\0\0\0\0\0\0\x0c\0\0\0\0\0\0\0", 32);
	assert_true(weir_load_le64(bytes.data + 88) == XXH3_64bits("no such page", 12));
	assert_memory_equal(bytes.data + 104, "\x0c\0\0\0\x0a\0\0\0Content-Typetext/plain", 30);
	assert_memory_equal(bytes.data + 104 + fields_len, "\x07\0item 17\x05\0roads", 16);
	assert_memory_equal(bytes.data + 104 + fields_len + tags_len, "no such page", 12);
}

static void test_entry_with_any_bit_flipped_is_corrupt(void **state)
{
	struct weir_slice bytes = encoded(*state);

	for (size_t i = 0; i < bytes.len * 8; i++) {
		writable(bytes)[i / 8] ^= (char)(1 << i % 8);
		expect_corrupt(bytes);
		writable(bytes)[i / 8] ^= (char)(1 << i % 8);
	}
}

/* What never left this machine's memory is not read twice, but its head is what offsets come from. */
static void test_entry_that_is_trusted_is_checked_but_for_its_body(void **state)
{
	struct weir_slice bytes = encoded(*state);
	struct weir_entry entry;

	for (size_t i = 0; i < bytes.len; i++) {
		writable(bytes)[i] ^= 4;
		assert_int_equal(weir_entry_decode(bytes, true, &entry), i < bytes.len - 12 ? WEIR_ERR_CORRUPT : WEIR_OK);
		writable(bytes)[i] ^= 4;
	}
}

static void test_entry_of_another_length_is_corrupt(void **state)
{
	struct weir_slice bytes = encoded(*state);
	struct weir_slice longer = weir_slice(weir_pool_printf(*state, "%*s", (int)bytes.len + 1, ""), bytes.len + 1);

	for (size_t len = 0; len < bytes.len; len++) {
		char *cut = malloc(len ? len : 1); /* on the heap, where reading beyond it shows */

		assert_non_null(cut);
		memcpy(cut, bytes.data, len);
		expect_corrupt(weir_slice(cut, len));
		free(cut);
	}
	expect_corrupt(WEIR_SLICE_NONE);
	memcpy(writable(longer), bytes.data, bytes.len);
	expect_corrupt(longer);
}

static void test_entry_of_another_version_is_corrupt(void **state)
{
	struct weir_slice bytes = encoded(*state);

	weir_store_le16(writable(bytes) + 4, WEIR_ENTRY_VERSION + 1);
	seal(bytes);
	expect_corrupt(bytes);
	weir_store_le16(writable(bytes) + 4, 0);
	seal(bytes);
	expect_corrupt(bytes);
}

static void test_entry_of_another_magic_is_corrupt(void **state)
{
	struct weir_slice bytes = encoded(*state);

	writable(bytes)[0] = 'W';
	seal(bytes);
	expect_corrupt(bytes);
}

static void test_entry_with_an_impossible_status_is_corrupt(void **state)
{
	static const uint16_t impossible[] = { 0, 100, 199, 600, 65535 };
	struct weir_slice bytes = encoded(*state);
	struct weir_entry entry;

	for (size_t i = 0; i < sizeof(impossible) / sizeof(*impossible); i++) {
		weir_store_le16(writable(bytes) + 6, impossible[i]);
		seal(bytes);
		expect_corrupt(bytes);
	}
	weir_store_le16(writable(bytes) + 6, 599);
	seal(bytes);
	assert_int_equal(weir_entry_decode(bytes, false, &entry), WEIR_OK);
}

static void test_entry_with_a_wrong_number_of_fields_is_corrupt(void **state)
{
	static const uint32_t wrong[] = { 0, 2, 4, UINT32_MAX };
	struct weir_slice bytes = encoded(*state);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		weir_store_le32(writable(bytes) + 64, wrong[i]);
		expect_corrupt_fields(*state, bytes);
	}
}

static void test_entry_with_a_field_beyond_the_end_is_corrupt(void **state)
{
	static const size_t at[] = { 104, 108 }; /* the first field's lengths: of its name, of its value */

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		struct weir_slice bytes = encoded(*state);

		weir_store_le32(writable(bytes) + at[i], UINT32_MAX);
		expect_corrupt_fields(*state, bytes);
		weir_store_le32(writable(bytes) + at[i], 200);
		expect_corrupt_fields(*state, bytes);
	}
}

static void test_entry_with_wrong_tags_is_corrupt(void **state)
{
	static const uint32_t wrong[] = { 0, 1, 3, UINT32_MAX };
	const size_t tags_at = 104 + 58;
	struct weir_slice bytes = encoded(*state);

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		weir_store_le32(writable(bytes) + 72, wrong[i]);
		seal(bytes);
		expect_corrupt(bytes);
	}
	for (uint16_t length = 0; length < 300; length++) {
		bytes = encoded(*state);
		weir_store_le16(writable(bytes) + tags_at, length);
		seal(bytes);
		if (length != 7)
			expect_corrupt(bytes);
	}
}

/* Whatever a backend gives back, no field of a response can break out of its line. */
static void test_entry_with_a_line_break_in_a_field_is_corrupt(void **state)
{
	struct weir_slice bytes = encoded(*state);

	writable(bytes)[104 + 8 + 12 + 4] = '\n';
	expect_corrupt_fields(*state, bytes);
	bytes = encoded(*state);
	writable(bytes)[104 + 8] = ':';
	expect_corrupt_fields(*state, bytes);
}

static void test_entry_fields_need_memory(void **state)
{
	struct weir_pool *small = weir_pool_create(100);
	struct weir_fields fields;
	struct weir_entry entry;

	weir_fields_init(&fields, small);
	assert_int_equal(weir_entry_decode(encoded(*state), false, &entry), WEIR_OK);
	assert_int_equal(weir_entry_fields(&entry, false, &fields), WEIR_ERR_MEMORY);
	weir_pool_destroy(small);
}

static void test_entry_refuses_a_body_that_cannot_be(void **state)
{
	const struct weir_entry entry = { .status = 200, .body = { "x", SIZE_MAX - 8 } };
	struct weir_fields fields;

	weir_fields_init(&fields, *state);
	assert_null(weir_entry_encode(&entry, &fields, &(struct weir_tags){ 0 }));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_entry_comes_back_as_it_was),
		TEST(test_entry_may_be_forgotten_when_nothing_serves_it_any_more),
		TEST(test_entry_with_wrong_tags_is_corrupt),
		TEST(test_entry_may_have_neither_fields_nor_body),
		TEST(test_entry_layout_is_as_documented),
		TEST(test_entry_with_any_bit_flipped_is_corrupt),
		TEST(test_entry_that_is_trusted_is_checked_but_for_its_body),
		TEST(test_entry_of_another_length_is_corrupt),
		TEST(test_entry_of_another_version_is_corrupt),
		TEST(test_entry_of_another_magic_is_corrupt),
		TEST(test_entry_with_an_impossible_status_is_corrupt),
		TEST(test_entry_with_a_wrong_number_of_fields_is_corrupt),
		TEST(test_entry_with_a_field_beyond_the_end_is_corrupt),
		TEST(test_entry_with_a_line_break_in_a_field_is_corrupt),
		TEST(test_entry_fields_need_memory),
		TEST(test_entry_refuses_a_body_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
