/* SPDX-License-Identifier: Apache-2.0
 *
 * Coders, seen from the start and from entries: who each is, how large its values are, and what can be wrong with one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/coder.h"
#include "cache/libzstd.h"
#include "support/sample_struct.h"

static enum weir_status encode(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)self;
	(void)pool;
	weir_buffer_append(bytes, value, 1);
	return WEIR_OK;
}

static enum weir_status decode(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	(void)self;
	(void)pool;
	if (bytes.len != 1)
		return WEIR_ERR_CORRUPT;
	*(char *)value = bytes.data[0];
	return WEIR_OK;
}

static const struct weir_coder_ops own_ops = { .name = "own", .encode = encode, .decode = decode };
static const struct weir_coder own = { .ops = &own_ops, .size = 1 };
static const struct weir_coder point_json = WEIR_CODER_STRUCT_JSON(struct sample_point, sample_point_fields);
static const struct weir_coder point_binary = WEIR_CODER_STRUCT(struct sample_point, sample_point_fields);
static const struct weir_coder sample_binary = WEIR_CODER_STRUCT(struct sample, sample_fields);

static void test_coder_id_tells_coders_apart(void **state)
{
	const struct weir_coder binary_again = WEIR_CODER_STRUCT(struct sample_point, sample_point_fields);
	const struct weir_coder small = WEIR_CODER_ZSTD(&point_binary, 100), large = WEIR_CODER_ZSTD(&point_binary, 5000);
	const struct weir_coder twice = WEIR_CODER_ZSTD(&small, 100), other = WEIR_CODER_ZSTD(&point_json, 100);
	const struct weir_coder *const different[] = {
		&weir_coder_json,
		&weir_coder_text,
		&weir_coder_bytes,
		&weir_coder_bool,
		&weir_coder_int,
		&weir_coder_double,
		&weir_coder_date,
		&weir_coder_datetime,
		&weir_coder_decimal,
		&point_json,
		&point_binary,
		&sample_binary,
		&own,
		&small,
		&twice,
		&other,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
		assert_true(weir_coder_id(different[i]) != 0);
		for (size_t k = 0; k < i; k++)
			assert_true(weir_coder_id(different[i]) != weir_coder_id(different[k]));
	}
	assert_true(weir_coder_id(&binary_again) == weir_coder_id(&point_binary));
	assert_true(weir_coder_id(&large) == weir_coder_id(&small)); /* either reads what the other wrote */
}

/* It stands in entries: a change of it empties every cache. */
static void test_coder_id_does_not_change(void **state)
{
	(void)state;
	assert_int_equal(weir_coder_id(&weir_coder_bytes), UINT64_C(0x36c84a4eab946770));
}

static void test_coder_id_and_size_and_type_of_what_wraps(void **state)
{
	const struct weir_coder once = WEIR_CODER_ZSTD(&point_binary, 100), twice = WEIR_CODER_ZSTD(&once, 100);

	(void)state;
	assert_int_equal(weir_coder_size(&twice), sizeof(struct sample_point));
	assert_string_equal(weir_coder_media_type(&twice), "application/json");
	assert_string_equal(weir_coder_media_type(&weir_coder_bytes), "application/octet-stream");
	assert_string_equal(weir_coder_media_type(&weir_coder_text), "text/plain; charset=utf-8");
}

/* For the bodies of routes: an instant and a point are as large as a slice, and are none. */
static void test_coder_id_of_bytes(void **state)
{
	const struct weir_coder once = WEIR_CODER_ZSTD(&weir_coder_bytes, 1), twice = WEIR_CODER_ZSTD(&once, 1);
	const struct weir_coder of_slices = { .ops = &own_ops, .size = sizeof(struct weir_slice) };
	const struct weir_coder point_compressed = WEIR_CODER_ZSTD(&point_binary, 1);

	(void)state;
	assert_int_equal(weir_coder_size(&weir_coder_datetime), sizeof(struct weir_slice));
	assert_int_equal(weir_coder_size(&point_binary), sizeof(struct weir_slice));
	assert_true(weir_coder_is_of_bytes(&weir_coder_bytes));
	assert_true(weir_coder_is_of_bytes(&twice));
	assert_true(weir_coder_is_of_bytes(&of_slices));
	assert_false(weir_coder_is_of_bytes(&weir_coder_datetime));
	assert_false(weir_coder_is_of_bytes(&point_binary));
	assert_false(weir_coder_is_of_bytes(&point_json));
	assert_false(weir_coder_is_of_bytes(&point_compressed));
	assert_false(weir_coder_is_of_bytes(&weir_coder_text));
	assert_false(weir_coder_is_of_bytes(&own));
}

static void assert_wrong(const struct weir_coder *coder, const char *part)
{
	const char *wrong = weir_coder_check(coder);

	assert_non_null(wrong);
	assert_non_null(strstr(wrong, "its coder"));
	assert_non_null(strstr(wrong, part));
}

static void test_coder_id_needs_a_coder_that_is_whole(void **state)
{
	struct weir_coder_ops ops = own_ops;
	struct weir_coder coder = { .ops = &ops, .size = 4 };
	struct weir_coder loop = { .ops = &ops, .size = 4, .inner = &loop };

	(void)state;
	assert_null(weir_coder_check(&coder));
	ops.name = "";
	assert_wrong(&coder, "name");
	ops.name = "0123456789012345678901234567890123456789012345678901234567890123";
	assert_wrong(&coder, "name");
	ops.name = NULL;
	assert_wrong(&coder, "name");
	ops = own_ops;
	ops.decode = NULL;
	assert_wrong(&coder, "decode");
	ops = own_ops;
	ops.encode = NULL;
	assert_wrong(&coder, "encode");
	assert_wrong(&(struct weir_coder){ .ops = &own_ops }, "large");
	assert_wrong(&(struct weir_coder){ .size = 4 }, "name");
	assert_wrong(&(struct weir_coder)WEIR_CODER_STRUCT(struct sample, NULL), "field table");
	assert_wrong(&(struct weir_coder)WEIR_CODER_STRUCT_JSON(struct sample, NULL), "field table");
	assert_wrong(&(struct weir_coder)WEIR_CODER_ZSTD(NULL, 1), "no other");
	ops = own_ops;
	assert_wrong(&loop, "itself");
}

/* Whether this is a build with the library or one without. */
static void test_coder_id_of_compression_needs_the_library(void **state)
{
	const struct weir_coder compressed = WEIR_CODER_ZSTD(&point_binary, 1);
	const char *why;

	(void)state;
	if (weir_libzstd(&why))
		assert_null(weir_coder_check(&compressed));
	else
		assert_wrong(&compressed, "zstd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_coder_id_tells_coders_apart),
		cmocka_unit_test(test_coder_id_does_not_change),
		cmocka_unit_test(test_coder_id_and_size_and_type_of_what_wraps),
		cmocka_unit_test(test_coder_id_of_bytes),
		cmocka_unit_test(test_coder_id_of_compression_needs_the_library),
		cmocka_unit_test(test_coder_id_needs_a_coder_that_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
