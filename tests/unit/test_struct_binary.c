/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs to bytes and back: the form to the byte, what fingerprints tell apart, and bytes that are damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "support/sample_struct.h"

static struct weir_pool *pool;
static struct weir_buffer out;

static int setup(void **state)
{
	(void)state;
	pool = weir_pool_create(0);
	weir_buffer_init(&out, 0);
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	weir_pool_destroy(pool);
	weir_buffer_finish(&out);
	return 0;
}

/* From a copy of exact size, so that a read beyond it is found. */
static enum weir_status read_back(const struct weir_field *table, struct weir_slice bytes, void *value)
{
	char *copy = malloc(bytes.len > 0 ? bytes.len : 1);
	enum weir_status status;

	assert_non_null(copy);
	memcpy(copy, bytes.data, bytes.len);
	status = weir_struct_from_binary(pool, table, weir_slice(copy, bytes.len), value);
	free(copy);
	return status;
}

static struct sample inner = { .text = "inner", .bytes = { "", 0 }, .limit = 1, .number = 5e-324, .i8 = -1 };

static struct sample full_value(void)
{
	static const char *words[] = { "a", "\xe2\x82\xac" };
	static struct weir_slice blobs[] = { { "\0", 1 }, { "", 0 } };

	return (struct sample){ .flag = true,
				.i8 = INT8_MIN,
				.i16 = INT16_MIN,
				.i32 = INT32_MIN,
				.i64 = INT64_MIN,
				.u8 = UINT8_MAX,
				.u16 = UINT16_MAX,
				.u32 = UINT32_MAX,
				.u64 = UINT64_MAX,
				.number = NAN,
				.text = "text",
				.bytes = { "\0\xff", 2 },
				.colour = SAMPLE_GREEN,
				.point = { -INFINITY, 1 },
				.fixed = { 1, -2, 3 },
				.words = words,
				.word_count = 2,
				.nested = &inner,
				.nested_count = 1,
				.has_tax = true,
				.tax = -0.5,
				.note = "n",
				.limit = 100,
				.blobs = blobs,
				.blob_count = 2 };
}

static void test_struct_binary_round_trip(void **state)
{
	struct sample value = full_value(), again;
	const char *where = NULL;

	(void)state;
	memset(&again, 0xa5, sizeof(again));
	assert_int_equal(weir_struct_append_binary(&out, sample_fields, &value), WEIR_OK);
	assert_int_equal(read_back(sample_fields, weir_buffer_slice(&out), &again), WEIR_OK);
	if (!weir_struct_equal(pool, sample_fields, &value, &again, &where))
		fail_msg("%s", where);
	assert_true(again.i8 == INT8_MIN && again.u64 == UINT64_MAX && isnan(again.number));
	assert_string_equal(again.words[1], "\xe2\x82\xac");
	assert_string_equal(again.nested[0].text, "inner");
	assert_true(again.nested[0].number == 5e-324 && !again.nested[0].has_tax && !again.nested[0].note);
}

struct small {
	uint16_t number;
	const char *name;
	bool has_x;
	int32_t x;
	uint8_t *list;
	size_t count;
	enum sample_colour colour;
};

static const struct weir_field small_fields[] = {
	WEIR_UINT(struct small, number),
	WEIR_TEXT(struct small, name, WEIR_OR_NULL),
	WEIR_INT(struct small, x, WEIR_OPTIONAL(struct small, has_x)),
	WEIR_UINT_LIST(struct small, list, count),
	WEIR_ENUM(struct small, colour, sample_colours),
	{ 0 },
};

static void test_struct_binary_form(void **state)
{
	uint8_t list[] = { 7, 8, 9 };
	struct small value = { 0x1234, "ab", true, -2, list, 3, SAMPLE_BLUE };

	(void)state;
	assert_int_equal(weir_struct_append_binary(&out, small_fields, &value), WEIR_OK);
	assert_int_equal(out.len, 8 + 2 + 7 + 5 + 7 + 4);
	assert_memory_equal(out.data + 8, "\x34\x12\1\2\0\0\0ab\1\xfe\xff\xff\xff\3\0\0\0\7\10\11\2\0\0\0", 25);
	weir_buffer_clear(&out);
	value = (struct small){ 1, NULL, false, 5, NULL, 0, SAMPLE_RED };
	assert_int_equal(weir_struct_append_binary(&out, small_fields, &value), WEIR_OK);
	assert_int_equal(out.len, 8 + 12);
	assert_memory_equal(out.data + 8, "\1\0\0\0\0\0\0\0\0\0\0\0", 12);
}

static void test_struct_binary_refuses_every_cut(void **state)
{
	struct sample value = full_value(), again;
	struct weir_slice whole;

	(void)state;
	assert_int_equal(weir_struct_append_binary(&out, sample_fields, &value), WEIR_OK);
	weir_buffer_append_byte(&out, '\0');
	assert_int_equal(read_back(sample_fields, weir_buffer_slice(&out), &again), WEIR_ERR_CORRUPT);
	whole = weir_buffer_slice(&out);
	for (size_t len = 0; len < whole.len - 1; len++)
		assert_int_equal(read_back(sample_fields, weir_slice(whole.data, len), &again), WEIR_ERR_CORRUPT);
}

/* A byte of the small value changed to what cannot be. */
static void test_struct_binary_refuses_damage(void **state)
{
	static const struct {
		size_t at;
		char byte;
		enum weir_status status;
	} damages[] = {
		{ 0, 0x55, WEIR_MISS },           /* fingerprint */
		{ 8, 0x55, WEIR_OK },             /* any number */
		{ 10, 2, WEIR_ERR_CORRUPT },      /* is it there? */
		{ 14, 1, WEIR_ERR_CORRUPT },      /* length of the name */
		{ 15, 0, WEIR_ERR_CORRUPT },      /* a zero in the name */
		{ 15, '\x80', WEIR_ERR_CORRUPT }, /* not UTF-8 */
		{ 17, 2, WEIR_ERR_CORRUPT },
		{ 25, 1, WEIR_ERR_CORRUPT },      /* count of the list */
		{ 29, 3, WEIR_ERR_CORRUPT },      /* no such colour */
		{ 32, '\x80', WEIR_ERR_CORRUPT }, /* a negative one */
	};
	uint8_t list[] = { 7, 8, 9 };
	struct small value = { 0x1234, "ab", true, -2, list, 3, SAMPLE_BLUE }, again;

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		weir_buffer_clear(&out);
		assert_int_equal(weir_struct_append_binary(&out, small_fields, &value), WEIR_OK);
		assert_true(out.data[damages[i].at] != damages[i].byte);
		out.data[damages[i].at] = damages[i].byte;
		if (read_back(small_fields, weir_buffer_slice(&out), &again) != damages[i].status)
			fail_msg("damage %zu", i);
	}
}

static void test_struct_binary_refuses_half_a_bool(void **state)
{
	static const struct weir_field table[] = { WEIR_BOOL(struct small, has_x), { 0 } };
	struct small value = { .has_x = true }, again;

	(void)state;
	assert_int_equal(weir_struct_append_binary(&out, table, &value), WEIR_OK);
	assert_int_equal(out.len, 9);
	assert_int_equal(read_back(table, weir_buffer_slice(&out), &again), WEIR_OK);
	assert_true(again.has_x);
	out.data[8] = 2;
	assert_int_equal(read_back(table, weir_buffer_slice(&out), &again), WEIR_ERR_CORRUPT);
}

static void test_struct_binary_validates(void **state)
{
	static const struct weir_field wide[] = { WEIR_INT(struct small, x), { 0 } };
	static const struct weir_field narrow[] = { WEIR_INT_BETWEEN(struct small, x, 0, 9), { 0 } };
	struct small value = { .x = 10 };

	(void)state;
	assert_int_equal(weir_struct_append_binary(&out, narrow, &value), WEIR_ERR_INVALID);
	assert_int_equal(out.len, 0);
	assert_int_equal(weir_struct_append_binary(&out, wide, &value), WEIR_OK);
	assert_int_equal(read_back(narrow, weir_buffer_slice(&out), &value), WEIR_ERR_CORRUPT);
	value.x = 9;
	weir_buffer_clear(&out);
	assert_int_equal(weir_struct_append_binary(&out, wide, &value), WEIR_OK);
	assert_int_equal(read_back(narrow, weir_buffer_slice(&out), &value), WEIR_OK);
}

static void test_struct_binary_stays_in_its_pool(void **state)
{
	struct sample value = full_value(), again;
	size_t misses = 0;

	(void)state;
	assert_int_equal(weir_struct_append_binary(&out, sample_fields, &value), WEIR_OK);
	for (size_t limit = 1; limit < 1500; limit += 3) {
		struct weir_pool *limited = weir_pool_create(limit);
		enum weir_status status = weir_struct_from_binary(limited, sample_fields, weir_buffer_slice(&out), &again);

		assert_int_equal(status, weir_pool_overflowed(limited) ? WEIR_ERR_MEMORY : WEIR_OK);
		misses += status != WEIR_OK;
		weir_pool_destroy(limited);
	}
	assert_in_range(misses, 1, 499);
}

/* -- Fingerprints ---------------------------------------------------------------------------------------------------------- */

struct moved {
	char other[5];
	const char *name;
	uint16_t number;
	int32_t x;
	bool has_x;
	enum sample_colour colour;
	size_t count;
	uint8_t *list;
};

static void test_struct_binary_fingerprint_knows_the_form_only(void **state)
{
	static const struct weir_field moved_fields[] = {
		WEIR_UINT(struct moved, number, WEIR_UINT_RANGE(0, 9), WEIR_UINT_DEFAULT(3)),
		WEIR_TEXT(struct moved, name, WEIR_OR_NULL, WEIR_LENGTH(1, 2)),
		WEIR_INT(struct moved, x, WEIR_OPTIONAL(struct moved, has_x)),
		WEIR_UINT_LIST(struct moved, list, count, WEIR_COUNT(0, 7)),
		WEIR_ENUM(struct moved, colour, sample_colours),
		{ 0 },
	};

	(void)state;
	assert_true(weir_struct_fingerprint(moved_fields) == weir_struct_fingerprint(small_fields));
}

/* Every pair of these differs in one thing only. */
static void test_struct_binary_fingerprint_tells_apart(void **state)
{
	static const char *const fewer[] = { "red", "green", NULL };
	static const struct weir_field xy[] = { WEIR_DOUBLE(struct sample_point, x), WEIR_DOUBLE(struct sample_point, y), { 0 } };
	static const struct weir_field yx[] = { WEIR_DOUBLE(struct sample_point, y), WEIR_DOUBLE(struct sample_point, x), { 0 } };
	const struct weir_field tables[][2] = {
		{ { .name = "a", .kind = WEIR_FIELD_INT, .size = 4 } },
		{ { .name = "b", .kind = WEIR_FIELD_INT, .size = 4 } },
		{ { .name = "a", .kind = WEIR_FIELD_UINT, .size = 4 } },
		{ { .name = "a", .kind = WEIR_FIELD_INT, .size = 8 } },
		{ { .name = "a", .kind = WEIR_FIELD_INT, .size = 4, .present = 9 } },
		{ { .name = "a", .kind = WEIR_FIELD_INT, .size = 4, .shape = WEIR_FIELD_LIST } },
		{ { .name = "a", .kind = WEIR_FIELD_INT, .size = 4, .shape = WEIR_FIELD_FIXED, .count = 2 } },
		{ { .name = "a", .kind = WEIR_FIELD_INT, .size = 4, .shape = WEIR_FIELD_FIXED, .count = 3 } },
		{ { .name = "a", .kind = WEIR_FIELD_TEXT } },
		{ { .name = "a", .kind = WEIR_FIELD_BYTES } },
		{ { .name = "a", .kind = WEIR_FIELD_TEXT, .nullable = true } },
		{ { .name = "a", .kind = WEIR_FIELD_ENUM, .size = 4, .names = sample_colours } },
		{ { .name = "a", .kind = WEIR_FIELD_ENUM, .size = 4, .names = fewer } },
		{ { .name = "a", .kind = WEIR_FIELD_STRUCT, .size = 16, .fields = xy } },
		{ { .name = "a", .kind = WEIR_FIELD_STRUCT, .size = 16, .fields = yx } },
		{ { .name = "a", .kind = WEIR_FIELD_STRUCT, .size = 16, .fields = yx + 1 } },
	};
	size_t count = sizeof(tables) / sizeof(*tables);

	(void)state;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (weir_struct_fingerprint(tables[i]) == weir_struct_fingerprint(tables[k]))
				fail_msg("tables %zu and %zu", i, k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_struct_binary_round_trip, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_form, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_refuses_every_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_refuses_damage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_refuses_half_a_bool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_validates, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_stays_in_its_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_fingerprint_knows_the_form_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_binary_fingerprint_tells_apart, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
