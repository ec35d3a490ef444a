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

/* `page` with three fields, two of the same name, in memory that may be changed. */
static struct weir_slice encoded(struct weir_pool *pool)
{
	struct weir_fields fields;
	struct weir_blob *blob;
	struct weir_slice bytes;

	weir_fields_init(&fields, pool);
	weir_fields_add(&fields, WEIR_SLICE_LITERAL("Content-Type"), WEIR_SLICE_LITERAL("text/plain"));
	weir_fields_add(&fields, WEIR_SLICE_LITERAL("Link"), WEIR_SLICE_LITERAL("</a>"));
	weir_fields_add(&fields, WEIR_SLICE_LITERAL("link"), WEIR_SLICE_LITERAL(""));
	blob = weir_entry_encode(&page, &fields);
	assert_non_null(blob);
	bytes = weir_pool_dup(pool, weir_slice(blob->data, blob->len));
	weir_blob_drop(blob);
	return bytes;
}

static char *writable(struct weir_slice bytes)
{
	return (char *)(uintptr_t)bytes.data;
}

/* After a change to head or fields: the checksum that they should have. */
static void seal(struct weir_slice bytes)
{
	size_t fields_len = weir_load_le32(bytes.data + 32);

	weir_store_le64(writable(bytes) + 56, XXH3_64bits(bytes.data, 56) ^ XXH3_64bits_withSeed(bytes.data + 64, fields_len, 1));
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
	struct weir_fields fields;
	struct weir_entry entry;

	weir_fields_init(&fields, *state);
	assert_int_equal(weir_entry_decode(encoded(*state), false, &entry), WEIR_OK);
	assert_int_equal(entry.status, 404);
	assert_true(entry.created_ms == page.created_ms);
	assert_true(entry.expires_ms == page.expires_ms);
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
}

static void test_entry_may_have_neither_fields_nor_body(void **state)
{
	struct weir_fields fields;
	struct weir_entry entry;
	struct weir_blob *blob;

	weir_fields_init(&fields, *state);
	blob = weir_entry_encode(&(struct weir_entry){ .status = 204, .expires_ms = INT64_MAX }, &fields);
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

	assert_int_equal(bytes.len, 64 + fields_len + 12);
	assert_memory_equal(bytes.data, "weir\x01\x00\x94\x01", 8);
	assert_memory_equal(bytes.data + 24, "\xef\xcd\xab\x89\x67\x45\x23\x01", 8);
	assert_memory_equal(bytes.data + 32, "\x3a\0\0\0\x03\0\0\0\x0c\0\0\0\0\0\0\0", 16);
	assert_true(weir_load_le64(bytes.data + 48) == XXH3_64bits("no such page", 12));
	assert_memory_equal(bytes.data + 64, "\x0c\0\0\0\x0a\0\0\0Content-Typetext/plain", 30);
	assert_memory_equal(bytes.data + 64 + fields_len, "no such page", 12);
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
		weir_store_le32(writable(bytes) + 36, wrong[i]);
		expect_corrupt_fields(*state, bytes);
	}
}

static void test_entry_with_a_field_beyond_the_end_is_corrupt(void **state)
{
	static const size_t at[] = { 64, 68 }; /* the first field's lengths: of its name, of its value */

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++) {
		struct weir_slice bytes = encoded(*state);

		weir_store_le32(writable(bytes) + at[i], UINT32_MAX);
		expect_corrupt_fields(*state, bytes);
		weir_store_le32(writable(bytes) + at[i], 200);
		expect_corrupt_fields(*state, bytes);
	}
}

/* Whatever a backend gives back, no field of a response can break out of its line. */
static void test_entry_with_a_line_break_in_a_field_is_corrupt(void **state)
{
	struct weir_slice bytes = encoded(*state);

	writable(bytes)[64 + 8 + 12 + 4] = '\n';
	expect_corrupt_fields(*state, bytes);
	bytes = encoded(*state);
	writable(bytes)[64 + 8] = ':';
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
	assert_null(weir_entry_encode(&entry, &fields));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_entry_comes_back_as_it_was),
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
