/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs that are there already: validation, comparison, and single texts that become members.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "support/sample_struct.h"

static struct weir_pool *pool;
static struct weir_faults faults;

static int setup(void **state)
{
	(void)state;
	pool = weir_pool_create(0);
	faults = (struct weir_faults){ .count = 0 };
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	weir_pool_destroy(pool);
	return 0;
}

static struct sample good_value(void)
{
	return (struct sample){ .text = "t", .bytes = { "", 0 }, .limit = 1 };
}

/* -- Validation ------------------------------------------------------------------------------------------------------------ */

static void expect_one_fault(const struct sample *value, const char *path, const char *problem)
{
	assert_int_equal(weir_struct_validate(pool, sample_fields, value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].path, path);
	assert_string_equal(faults.list[0].problem, problem);
}

static void test_struct_validate_finds_each_fault(void **state)
{
	static const char *words[] = { "a", NULL, "b", "c", "d" };
	struct sample value = good_value(), outer = good_value();

	(void)state;
	assert_int_equal(weir_struct_validate(pool, sample_fields, &value, &faults), WEIR_OK);
	assert_int_equal(faults.count, 0);
	value.limit = 101;
	expect_one_fault(&value, "limit", "expected integer from 1 to 100");
	outer.nested = &value;
	outer.nested_count = 1;
	expect_one_fault(&outer, "nested[0].limit", "expected integer from 1 to 100");
	outer.nested = NULL;
	expect_one_fault(&outer, "nested", "expected array");
	value = good_value();
	value.colour = (enum sample_colour)3;
	expect_one_fault(&value, "colour", "expected one of red, green, blue");
	value = good_value();
	value.point.y = NAN;
	expect_one_fault(&value, "point.y", "expected number from -90.0 to 90.0");
	value = good_value();
	value.text = "\xc3";
	expect_one_fault(&value, "text", "expected text of at most 20 characters");
	value = good_value();
	value.bytes = WEIR_SLICE_NONE;
	expect_one_fault(&value, "bytes", "expected base64");
	value = good_value();
	value.words = words;
	value.word_count = 2;
	expect_one_fault(&value, "words[1]", "expected text");
	value.word_count = 5;
	expect_one_fault(&value, "words", "expected array of at most 4 elements");
}

static void test_struct_validate_does_not_look_at_what_is_not_there(void **state)
{
	static const struct weir_field table[] = {
		WEIR_DOUBLE(struct sample, tax, WEIR_OPTIONAL(struct sample, has_tax), WEIR_DOUBLE_RANGE(1, 2)), { 0 }
	};
	struct sample value = { .has_tax = false, .tax = 9 };

	(void)state;
	assert_int_equal(weir_struct_validate(pool, table, &value, &faults), WEIR_OK);
	value.has_tax = true;
	assert_int_equal(weir_struct_validate(pool, table, &value, &faults), WEIR_ERR_INVALID);
}

static void test_struct_validate_lengths(void **state)
{
	static const struct weir_field table[] = { WEIR_TEXT(struct sample, text, WEIR_LENGTH(2, 0)),
						   WEIR_BYTES(struct sample, bytes, WEIR_LENGTH(1, 2)),
						   { 0 } };
	struct sample value = { .text = "\xc3\xa9", .bytes = { "abc", 3 } };

	(void)state;
	assert_int_equal(weir_struct_validate(pool, table, &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 2);
	assert_string_equal(faults.list[0].problem, "expected text of at least 2 characters");
	assert_string_equal(faults.list[1].problem, "expected base64 of 1 to 2 bytes");
	value.text = "\xc3\xa9\xc3\xa9";
	value.bytes.len = 2;
	assert_int_equal(weir_struct_validate(pool, table, &value, &faults), WEIR_OK);
}

/* Structs in structs, each the one element of the one above; the innermost still has a point in it. */
static void test_struct_validate_bounds_the_depth(void **state)
{
	struct sample values[WEIR_STRUCT_DEPTH];

	(void)state;
	for (size_t i = 0; i < WEIR_STRUCT_DEPTH; i++) {
		values[i] = good_value();
		values[i].nested = values + i + 1;
		values[i].nested_count = i + 1 < WEIR_STRUCT_DEPTH;
	}
	assert_int_equal(weir_struct_validate(pool, sample_fields, &values[1], &faults), WEIR_OK);
	assert_int_equal(weir_struct_validate(pool, sample_fields, &values[0], &faults), WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].problem, "nested too deep");
}

/* -- Comparison ------------------------------------------------------------------------------------------------------------ */

static void expect_difference(const struct sample *a, const struct sample *b, const char *path)
{
	const char *where = NULL;

	assert_false(weir_struct_equal(pool, sample_fields, a, b, &where));
	assert_string_equal(where, path);
	assert_false(weir_struct_equal(pool, sample_fields, b, a, NULL));
}

static void test_struct_equal_finds_the_first_difference(void **state)
{
	struct sample in_a[] = { good_value(), good_value() }, in_b[] = { good_value(), good_value() };
	struct sample a = good_value(), b = good_value();
	const char *where = "unchanged";

	(void)state;
	a.nested = in_a, b.nested = in_b;
	a.nested_count = b.nested_count = 2;
	a.text = (const char[]){ 't', '\0' };
	a.number = NAN, b.number = -NAN;
	a.tax = 7; /* not there */
	assert_true(weir_struct_equal(pool, sample_fields, &a, &b, &where));
	assert_string_equal(where, "unchanged");
	in_b[1].fixed[2] = 1;
	expect_difference(&a, &b, "nested[1].fixed[2]");
	in_b[0].bytes = WEIR_SLICE_LITERAL("x");
	expect_difference(&a, &b, "nested[0].bytes");
	b.nested_count = 1;
	expect_difference(&a, &b, "nested");
	b.point.x = 1e-300;
	expect_difference(&a, &b, "point.x");
	b.text = "u";
	expect_difference(&a, &b, "text");
	b.flag = true;
	expect_difference(&a, &b, "flag");
}

static void test_struct_equal_knows_what_is_there(void **state)
{
	struct sample a = good_value(), b = good_value();

	(void)state;
	a.note = "";
	expect_difference(&a, &b, "note");
	b.has_tax = true;
	expect_difference(&a, &b, "tax");
}

/* -- Single texts ---------------------------------------------------------------------------------------------------------- */

static const struct weir_field *field_of(const char *name)
{
	const struct weir_field *field = sample_fields;

	while (strcmp(field->name, name) != 0)
		field++;
	return field;
}

static const struct {
	const char *member;
	const char *text;
	enum weir_status status;
} text_cases[] = {
	{ "flag", "true", WEIR_OK },
	{ "flag", "on", WEIR_OK },
	{ "flag", "1", WEIR_OK },
	{ "flag", "yes", WEIR_OK },
	{ "flag", "N", WEIR_OK },
	{ "flag", "oFf", WEIR_OK },
	{ "flag", "maybe", WEIR_ERR_INVALID },
	{ "flag", "", WEIR_ERR_INVALID },
	{ "flag", NULL, WEIR_ERR_INVALID },
	{ "i8", "-128", WEIR_OK },
	{ "i8", "128", WEIR_ERR_INVALID },
	{ "i8", "1x", WEIR_ERR_INVALID },
	{ "i8", "0x1", WEIR_ERR_INVALID },
	{ "i8", "1.5", WEIR_ERR_INVALID },
	{ "i8", "", WEIR_ERR_INVALID },
	{ "i8", "null", WEIR_ERR_INVALID },
	{ "i8", "[1]", WEIR_ERR_INVALID },
	{ "u64", "18446744073709551615", WEIR_OK },
	{ "u64", "18446744073709551616", WEIR_ERR_INVALID },
	{ "number", "1e-3", WEIR_OK },
	{ "number", "1", WEIR_OK },
	{ "number", "1e999", WEIR_ERR_INVALID },
	{ "number", "nan", WEIR_ERR_INVALID },
	{ "text", "", WEIR_OK },
	{ "text", "\xff", WEIR_ERR_INVALID },
	{ "text", NULL, WEIR_ERR_INVALID },
	{ "bytes", "AA==", WEIR_OK },
	{ "bytes", "AA=", WEIR_ERR_INVALID },
	{ "colour", "green", WEIR_OK },
	{ "colour", "1", WEIR_ERR_INVALID },
	{ "tax", NULL, WEIR_OK },
	{ "note", NULL, WEIR_OK },
	{ "limit", NULL, WEIR_OK },
	{ "limit", "0", WEIR_ERR_INVALID },
	{ "fixed", "1", WEIR_ERR_UNSUPPORTED },
	{ "words", "a", WEIR_ERR_UNSUPPORTED },
	{ "point", "{}", WEIR_ERR_UNSUPPORTED },
};

static void test_struct_set_text_checks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(text_cases) / sizeof(*text_cases); i++) {
		struct sample value = good_value();

		faults.count = 0;
		if (weir_struct_set_text(pool, field_of(text_cases[i].member), text_cases[i].text, &value, &faults) != text_cases[i].status)
			fail_msg("case %zu", i);
		assert_int_equal(faults.count, text_cases[i].status == WEIR_ERR_INVALID);
	}
}

static void test_struct_set_text_sets(void **state)
{
	struct sample value;

	(void)state;
	memset(&value, 0xa5, sizeof(value));
	assert_int_equal(weir_struct_set_text(pool, field_of("flag"), "off", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("i16"), "-7", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("u32"), "4294967295", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("number"), "-2", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("text"), "abc", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("colour"), "blue", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("tax"), "0.5", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("note"), NULL, &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("limit"), NULL, &value, &faults), WEIR_OK);
	assert_true(!value.flag && value.i16 == -7 && value.u32 == UINT32_MAX && value.number == -2);
	assert_string_equal(value.text, "abc");
	assert_true(value.colour == SAMPLE_BLUE && value.has_tax && value.tax == 0.5 && !value.note && value.limit == 10);
	assert_int_equal(weir_struct_set_text(pool, field_of("flag"), "1", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("tax"), NULL, &value, &faults), WEIR_OK);
	assert_true(value.flag && !value.has_tax);
}

#define TEXTS(...) \
	&(const struct weir_texts) \
	{ \
		(const char *const[]){ __VA_ARGS__ }, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *) \
	}

static void test_struct_set_texts_takes_lists(void **state)
{
	struct sample value;

	(void)state;
	memset(&value, 0xa5, sizeof(value));
	faults.count = 0;
	assert_int_equal(weir_struct_set_texts(pool, field_of("words"), TEXTS("a", "", "c"), &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_texts(pool, field_of("fixed"), TEXTS("1", "-2", "3"), &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_texts(pool, field_of("i8"), TEXTS("5"), &value, &faults), WEIR_OK);
	assert_int_equal(value.word_count, 3);
	assert_string_equal(value.words[0], "a");
	assert_string_equal(value.words[1], "");
	assert_string_equal(value.words[2], "c");
	assert_true(value.fixed[0] == 1 && value.fixed[1] == -2 && value.fixed[2] == 3 && value.i8 == 5);
	assert_int_equal(weir_struct_set_texts(pool, field_of("words"), &(const struct weir_texts){ 0 }, &value, &faults), WEIR_OK);
	assert_int_equal(value.word_count, 0);
	assert_int_equal(faults.count, 0);
}

static void test_struct_set_texts_tells_what_is_wrong_with_each(void **state)
{
	struct sample value = good_value();

	(void)state;
	faults.count = 0;
	assert_int_equal(weir_struct_set_texts(pool, field_of("fixed"), TEXTS("1", "x", "99999"), &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_set_texts(pool, field_of("fixed"), TEXTS("1"), &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_set_texts(pool, field_of("words"), TEXTS("1", "2", "3", "4", "5"), &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_set_texts(pool, field_of("i8"), TEXTS("1", "1"), &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_set_texts(pool, field_of("i8"), &(const struct weir_texts){ 0 }, &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_set_texts(pool, field_of("point"), TEXTS("1"), &value, &faults), WEIR_ERR_UNSUPPORTED);
	assert_int_equal(faults.count, 6);
	assert_string_equal(faults.list[0].path, "fixed[1]");
	assert_string_equal(faults.list[1].path, "fixed[2]");
	assert_string_equal(faults.list[2].path, "fixed");
	assert_string_equal(faults.list[3].path, "words");
	assert_string_equal(faults.list[4].problem, "given more than once");
	assert_string_equal(faults.list[5].problem, "missing");
}

static void test_struct_set_text_gathers_faults(void **state)
{
	struct sample value;

	(void)state;
	assert_int_equal(weir_struct_set_text(pool, field_of("i8"), "x", &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(weir_struct_set_text(pool, field_of("i16"), "1", &value, &faults), WEIR_OK);
	assert_int_equal(weir_struct_set_text(pool, field_of("text"), NULL, &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 2);
	assert_string_equal(faults.list[0].path, "i8");
	assert_string_equal(faults.list[0].problem, "expected integer from -128 to 127");
	assert_string_equal(faults.list[1].path, "text");
	assert_string_equal(faults.list[1].problem, "missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_struct_validate_finds_each_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_validate_does_not_look_at_what_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_validate_lengths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_validate_bounds_the_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_equal_finds_the_first_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_equal_knows_what_is_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_set_text_checks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_set_text_sets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_set_texts_takes_lists, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_set_texts_tells_what_is_wrong_with_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_set_text_gathers_faults, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
