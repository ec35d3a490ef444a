/* SPDX-License-Identifier: Apache-2.0
 *
 * Random tables, laid out as a compiler would, and random values of them: what is written reads back equal in both forms, a value that is
 * changed is found to be so, and damaged bytes are refused or read as a value that keeps to its table. The seeds are fixed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "support/sample_struct.h"

#define MAX_MEMBERS 12

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_u64(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static size_t random_below(size_t limit)
{
	return (size_t)(random_u64() % limit);
}

/* -- Tables ---------------------------------------------------------------------------------------------------------------- */

struct layout {
	size_t size;
	size_t alignment;
};

static size_t place(struct layout *layout, size_t size, size_t alignment)
{
	size_t offset = (layout->size + alignment - 1) / alignment * alignment;

	layout->size = offset + size;
	layout->alignment = alignment > layout->alignment ? alignment : layout->alignment;
	return offset;
}

static const struct weir_field *random_table(struct weir_pool *pool, int depth, struct layout *layout);

/* The kind, the size of an element, and its alignment. */
static size_t random_kind(struct weir_pool *pool, int depth, struct weir_field *field)
{
	struct layout nested = { 0, 1 };

	field->kind = (enum weir_field_kind)(1 + random_below(depth > 0 ? 8 : 7));
	switch (field->kind) {
	case WEIR_FIELD_INT:
	case WEIR_FIELD_UINT:
		field->size = (size_t)1 << random_below(4);
		return field->size;
	case WEIR_FIELD_BOOL:
		field->size = sizeof(bool);
		return _Alignof(bool);
	case WEIR_FIELD_DOUBLE:
		field->size = sizeof(double);
		return _Alignof(double);
	case WEIR_FIELD_TEXT:
		field->size = sizeof(char *);
		return _Alignof(char *);
	case WEIR_FIELD_BYTES:
		field->size = sizeof(struct weir_slice);
		return _Alignof(struct weir_slice);
	case WEIR_FIELD_ENUM:
		field->names = sample_colours;
		field->size = sizeof(int);
		return _Alignof(int);
	default:
		field->fields = random_table(pool, depth - 1, &nested);
		field->size = (nested.size + nested.alignment - 1) / nested.alignment * nested.alignment;
		return nested.alignment;
	}
}

static void random_member(struct weir_pool *pool, int depth, struct weir_field *field, struct layout *layout)
{
	size_t alignment = random_kind(pool, depth, field);

	field->shape = (enum weir_field_shape)random_below(3);
	if (field->shape == WEIR_FIELD_SINGLE) {
		field->offset = place(layout, field->size, alignment);
	} else if (field->shape == WEIR_FIELD_FIXED) {
		field->count = 1 + random_below(4);
		field->offset = place(layout, field->size * field->count, alignment);
	} else {
		field->offset = place(layout, sizeof(void *), _Alignof(void *));
		field->count = place(layout, sizeof(size_t), _Alignof(size_t));
	}
	if (random_below(3) == 0)
		field->present = 1 + place(layout, sizeof(bool), _Alignof(bool));
}

static const struct weir_field *random_table(struct weir_pool *pool, int depth, struct layout *layout)
{
	size_t count = 1 + random_below(MAX_MEMBERS);
	struct weir_field *table = weir_pool_zalloc(pool, (count + 1) * sizeof(*table));

	assert_non_null(table);
	for (size_t i = 0; i < count; i++) {
		table[i].name = weir_pool_printf(pool, "m%zu", i);
		random_member(pool, depth, &table[i], layout);
	}
	return table;
}

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

static void random_value(struct weir_pool *pool, const struct weir_field *table, char *value);

static void random_text(struct weir_pool *pool, char *element)
{
	static const char *const pieces[] = { "a", "\"", "\\", "\n", "\x7f", "\xc3\xa9", "\xf0\x9f\x98\x80", "/" };
	const char *text = "";

	for (size_t i = random_below(6); i > 0; i--)
		text = weir_pool_printf(pool, "%s%s", text, pieces[random_below(8)]);
	memcpy(element, &text, sizeof(void *));
}

static void random_bytes(struct weir_pool *pool, char *element)
{
	size_t len = random_below(9);
	char *data = weir_pool_bytes(pool, 9);
	struct weir_slice bytes = weir_slice(data, len);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)random_u64();
	memcpy(element, &bytes, sizeof(bytes));
}

static double random_double(void)
{
	static const double ends[] = { 0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1e22, 1e21 };
	double sign = random_below(2) ? 1 : -1;

	if (random_below(3) == 0)
		return ends[random_below(8)] * sign;
	return sign * (double)random_u64() / (double)(random_u64() | 1);
}

static void random_element(struct weir_pool *pool, const struct weir_field *field, char *element)
{
	uint64_t bits = random_below(3) ? random_u64() : random_u64() >> random_below(64);
	double number = random_double();
	int colour = (int)random_below(3);
	bool flag = random_below(2);

	switch (field->kind) {
	case WEIR_FIELD_BOOL:
		memcpy(element, &flag, sizeof(flag));
		break;
	case WEIR_FIELD_INT:
	case WEIR_FIELD_UINT:
		memcpy(element, &bits, field->size);
		break;
	case WEIR_FIELD_DOUBLE:
		memcpy(element, &number, sizeof(number));
		break;
	case WEIR_FIELD_TEXT:
		random_text(pool, element);
		break;
	case WEIR_FIELD_BYTES:
		random_bytes(pool, element);
		break;
	case WEIR_FIELD_ENUM:
		memcpy(element, &colour, sizeof(colour));
		break;
	default:
		random_value(pool, field->fields, element);
	}
}

static void random_value(struct weir_pool *pool, const struct weir_field *table, char *value)
{
	for (const struct weir_field *field = table; field->name; field++) {
		size_t count = field->shape == WEIR_FIELD_FIXED ? field->count : 1;
		char *elements = value + field->offset;

		if (field->present > 0)
			value[field->present - 1] = (char)random_below(2);
		if (field->shape == WEIR_FIELD_LIST) {
			count = random_below(4);
			elements = weir_pool_zalloc(pool, count * field->size);
			memcpy(value + field->offset, &elements, sizeof(elements));
			memcpy(value + field->count, &count, sizeof(count));
		}
		for (size_t i = 0; i < count; i++)
			random_element(pool, field, elements + i * field->size);
	}
}

/* -- Properties ------------------------------------------------------------------------------------------------------------ */

struct subject {
	struct weir_pool *pool;
	const struct weir_field *table;
	size_t size;
	char *value;
	struct weir_buffer bytes;
};

static void make(struct subject *subject, uint64_t seed)
{
	struct layout layout = { 0, 1 };

	random_state = seed;
	subject->pool = weir_pool_create(0);
	subject->table = random_table(subject->pool, 3, &layout);
	subject->size = layout.size;
	subject->value = weir_pool_zalloc(subject->pool, layout.size);
	random_value(subject->pool, subject->table, subject->value);
	weir_buffer_init(&subject->bytes, 0);
}

static void finish(struct subject *subject)
{
	weir_pool_destroy(subject->pool);
	weir_buffer_finish(&subject->bytes);
}

/* Of exactly the struct's size, so that a write beyond it is found, and full of rubbish. */
static char *blank(const struct subject *subject)
{
	char *value = malloc(subject->size);

	assert_non_null(value);
	memset(value, 0xa5, subject->size);
	return value;
}

static void expect_equal(const struct subject *subject, const char *again)
{
	const char *where = NULL;

	if (!weir_struct_equal(subject->pool, subject->table, subject->value, again, &where))
		fail_msg("%s", where);
}

static void test_struct_random_json(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct weir_faults faults;
		struct subject subject;
		char *again;

		make(&subject, seed);
		again = blank(&subject);
		assert_int_equal(weir_struct_append_json(&subject.bytes, subject.table, subject.value), WEIR_OK);
		assert_int_equal(weir_struct_parse_json(subject.pool, subject.table, weir_buffer_slice(&subject.bytes), again, &faults),
				 WEIR_OK);
		expect_equal(&subject, again);
		free(again);
		finish(&subject);
	}
}

static void test_struct_random_binary(void **state)
{
	(void)state;
	for (uint64_t seed = 1000; seed < 1300; seed++) {
		struct subject subject;
		char *again;

		make(&subject, seed);
		again = blank(&subject);
		assert_int_equal(weir_struct_append_binary(&subject.bytes, subject.table, subject.value), WEIR_OK);
		assert_int_equal(weir_struct_from_binary(subject.pool, subject.table, weir_buffer_slice(&subject.bytes), again), WEIR_OK);
		expect_equal(&subject, again);
		free(again);
		finish(&subject);
	}
}

/* What is read from changed bytes has exactly those bytes, so nothing is passed over. */
static void test_struct_random_damage(void **state)
{
	size_t taken = 0, refused = 0;

	(void)state;
	for (uint64_t seed = 2000; seed < 2300; seed++) {
		struct weir_buffer rewritten;
		struct subject subject;
		char *again;

		make(&subject, seed);
		again = blank(&subject);
		weir_buffer_init(&rewritten, 0);
		assert_int_equal(weir_struct_append_binary(&subject.bytes, subject.table, subject.value), WEIR_OK);
		subject.bytes.data[8 + random_below(subject.bytes.len - 8)] ^= (char)(1 << random_below(8));
		if (weir_struct_from_binary(subject.pool, subject.table, weir_buffer_slice(&subject.bytes), again) == WEIR_OK) {
			assert_int_equal(weir_struct_append_binary(&rewritten, subject.table, again), WEIR_OK);
			assert_true(weir_slice_equal(weir_buffer_slice(&rewritten), weir_buffer_slice(&subject.bytes)));
			assert_false(weir_struct_equal(subject.pool, subject.table, subject.value, again, NULL));
			taken++;
		} else {
			refused++;
		}
		weir_buffer_finish(&rewritten);
		free(again);
		finish(&subject);
	}
	assert_true(taken > 30 && refused > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_struct_random_json),
		cmocka_unit_test(test_struct_random_binary),
		cmocka_unit_test(test_struct_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
