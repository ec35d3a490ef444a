/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs to JSON and back by a field table: every kind, the ends of every range, defaults, and the path of everything that is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <math.h>

#include <weir/json.h>

#include "http/base64.h"
#include "support/sample_struct.h"

static struct weir_pool *pool;
static struct weir_buffer out;
static struct weir_faults faults;

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

static enum weir_status parse(const struct weir_field *table, const char *text, void *value)
{
	return weir_struct_parse_json(pool, table, weir_slice_text(text), value, &faults);
}

static void expect_json(const struct weir_field *table, const void *value, const char *json)
{
	weir_buffer_clear(&out);
	assert_int_equal(weir_struct_append_json(&out, table, value), WEIR_OK);
	weir_buffer_append_byte(&out, '\0');
	assert_string_equal(out.data, json);
}

static void expect_fault(size_t at, const char *path, const char *problem)
{
	assert_in_range(at, 0, faults.count - 1);
	assert_string_equal(faults.list[at].path, path);
	assert_string_equal(faults.list[at].problem, problem);
}

/* -- Whole values ---------------------------------------------------------------------------------------------------------- */

static const char full[] =
	"{\"flag\":true,\"i8\":-128,\"i16\":-32768,\"i32\":-2147483648,\"i64\":-9223372036854775808,\"u8\":255,\"u16\":65535,"
	"\"u32\":4294967295,\"u64\":18446744073709551615,\"number\":0.1,\"text\":\"\xc3\xa9\\n\",\"bytes\":\"AP8=\",\"colour\":\"blue\","
	"\"point\":{\"x\":1.0,\"y\":-90.0},\"fixed\":[1,-2,3],\"words\":[\"a\",\"\"],\"nested\":[],\"tax\":7.5,\"note\":\"n\","
	"\"limit\":100,\"blobs\":[\"\",\"AA==\"]}";

static void test_struct_json_is_read_and_written(void **state)
{
	struct sample value;

	(void)state;
	memset(&value, 0xa5, sizeof(value));
	assert_int_equal(parse(sample_fields, full, &value), WEIR_OK);
	assert_true(value.flag && value.has_tax);
	assert_int_equal(value.i8, INT8_MIN);
	assert_int_equal(value.i32, INT32_MIN);
	assert_true(value.i64 == INT64_MIN && value.u64 == UINT64_MAX);
	assert_int_equal(value.u32, UINT32_MAX);
	assert_true(value.number == 0.1 && value.tax == 7.5 && value.point.y == -90);
	assert_string_equal(value.text, "\xc3\xa9\n");
	assert_true(weir_slice_equal(value.bytes, weir_slice("\0\xff", 2)));
	assert_int_equal(value.colour, SAMPLE_BLUE);
	assert_int_equal(value.fixed[1], -2);
	assert_int_equal(value.word_count, 2);
	assert_string_equal(value.words[0], "a");
	assert_int_equal(value.nested_count, 0);
	assert_int_equal(value.blob_count, 2);
	expect_json(sample_fields, &value, full);
}

struct item {
	double price;
	bool has_tax;
	double tax;
	const char *note;
	int stock;
	const char *unit;
	bool is_new;
};

static const struct weir_field item_fields[] = {
	WEIR_DOUBLE_BETWEEN(struct item, price, 0, 1e6),
	WEIR_DOUBLE(struct item, tax, WEIR_OPTIONAL(struct item, has_tax)),
	WEIR_TEXT(struct item, note, WEIR_OR_NULL),
	WEIR_INT_OR(struct item, stock, 3),
	WEIR_TEXT_OR(struct item, unit, "piece"),
	WEIR_BOOL_OR(struct item, is_new, true),
	{ 0 },
};

struct order {
	struct item *items;
	size_t item_count;
	uint8_t code[2];
};

static const struct weir_field order_fields[] = {
	WEIR_STRUCT_LIST(struct order, items, item_count, item_fields, WEIR_COUNT(1, 5)),
	WEIR_UINT_ARRAY(struct order, code),
	{ 0 },
};

static void test_struct_json_leaves_out(void **state)
{
	struct item value;

	(void)state;
	memset(&value, 0xa5, sizeof(value));
	assert_int_equal(parse(item_fields, "{\"price\":1,\"other\":[{}]}", &value), WEIR_OK);
	assert_true(!value.has_tax && value.tax == 0 && !value.note && value.is_new);
	expect_json(item_fields, &value, "{\"price\":1.0,\"tax\":null,\"note\":null,\"stock\":3,\"unit\":\"piece\",\"is_new\":true}");
	assert_int_equal(parse(item_fields, "{\"price\":1,\"tax\":null,\"note\":null,\"is_new\":false}", &value), WEIR_OK);
	assert_true(!value.has_tax && !value.note && !value.is_new);
	assert_int_equal(parse(item_fields, "{\"price\":1,\"stock\":null}", &value), WEIR_ERR_INVALID);
	expect_fault(0, "stock", "expected integer from -2147483648 to 2147483647");
}

/* -- Faults ---------------------------------------------------------------------------------------------------------------- */

static void test_struct_json_names_every_fault(void **state)
{
	struct order value;

	(void)state;
	assert_int_equal(parse(order_fields,
			       "{\"items\":[{\"price\":1},{\"price\":\"1\"},7,{\"price\":-1,\"note\":4,\"unit\":\"\\u0000\"},{}],"
			       "\"code\":[256,1.0]}",
			       &value),
			 WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 8);
	assert_false(faults.more);
	expect_fault(0, "items[1].price", "expected number from 0.0 to 1000000.0");
	expect_fault(1, "items[2]", "expected object");
	expect_fault(2, "items[3].price", "expected number from 0.0 to 1000000.0");
	expect_fault(3, "items[3].note", "expected text");
	expect_fault(4, "items[3].unit", "expected text");
	expect_fault(5, "items[4].price", "missing");
	expect_fault(6, "code[0]", "expected integer from 0 to 255");
	expect_fault(7, "code[1]", "expected integer from 0 to 255");
}

static void test_struct_json_names_faults_of_the_whole(void **state)
{
	struct order value;

	(void)state;
	assert_int_equal(parse(order_fields, "[]", &value), WEIR_ERR_INVALID);
	expect_fault(0, "", "expected object");
	assert_int_equal(parse(order_fields, "null", &value), WEIR_ERR_INVALID);
	expect_fault(0, "", "expected object");
	assert_int_equal(parse(order_fields, "{\"items\":[],\"code\":[1]}", &value), WEIR_ERR_INVALID);
	expect_fault(0, "items", "expected array of 1 to 5 elements");
	expect_fault(1, "code", "expected array of 2 elements");
	assert_int_equal(parse(order_fields, "{\"items\":{},\"items\":1}", &value), WEIR_ERR_INVALID);
	expect_fault(0, "", "JSON at byte 12: name that occurs twice in an object");
	assert_int_equal(parse(order_fields, "", &value), WEIR_ERR_INVALID);
	assert_int_equal(faults.count, 1);
}

static void test_struct_json_bounds_the_faults(void **state)
{
	struct weir_buffer text;
	struct sample value;

	(void)state;
	weir_buffer_init(&text, 0);
	weir_buffer_append_text(&text, "{\"nested\":[");
	for (int i = 0; i < 100; i++)
		weir_buffer_append_text(&text, i == 0 ? "1" : ",1");
	weir_buffer_append_text(&text, "]}");
	assert_int_equal(weir_struct_parse_json(pool, sample_fields, weir_buffer_slice(&text), &value, &faults), WEIR_ERR_INVALID);
	assert_int_equal(faults.count, WEIR_MAX_FAULTS);
	assert_true(faults.more);
	expect_fault(0, "flag", "missing");
	weir_buffer_finish(&text);
}

/* Text for a member, and whether it is taken. */
static const struct {
	const char *member;
	const char *json;
	bool good;
} member_cases[] = {
	{ "flag", "false", true },
	{ "flag", "0", false },
	{ "flag", "\"true\"", false },
	{ "i8", "127", true },
	{ "i8", "128", false },
	{ "i8", "-129", false },
	{ "i8", "1.0", false },
	{ "i8", "\"1\"", false },
	{ "i64", "9223372036854775807", true },
	{ "i64", "9223372036854775808", false },
	{ "i64", "18446744073709551615", false },
	{ "u64", "9223372036854775807", true },
	{ "u64", "9223372036854775808", true },
	{ "u64", "-1", false },
	{ "u64", "1e3", false },
	{ "u8", "256", false },
	{ "u8", "-0", true },
	{ "u32", "4294967296", false },
	{ "number", "1", true },
	{ "number", "-1.5e300", true },
	{ "number", "null", false },
	{ "number", "\"NaN\"", false },
	{ "text", "\"\"", true },
	{ "text", "\"12345678901234567890\"", true },
	{ "text", "\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"", true },
	{ "text", "\"123456789012345678901\"", false },
	{ "text", "null", false },
	{ "text", "1", false },
	{ "bytes", "\"\"", true },
	{ "bytes", "\"AP8=\"", true },
	{ "bytes", "\"AP8\"", false },
	{ "bytes", "\"AP9=\"", false },
	{ "bytes", "\"A===\"", false },
	{ "bytes", "\"====\"", false },
	{ "bytes", "\"AA==AA==\"", false },
	{ "bytes", "\"A P=\"", false },
	{ "bytes", "\"AP8\\u0000\"", false },
	{ "bytes", "\"__-_\"", false },
	{ "colour", "\"red\"", true },
	{ "colour", "\"Red\"", false },
	{ "colour", "\"\"", false },
	{ "colour", "0", false },
	{ "point", "{\"x\":1,\"y\":91}", false },
	{ "point", "{\"x\":1}", false },
	{ "point", "null", false },
	{ "fixed", "[1,2,3,4]", false },
	{ "fixed", "[1,2,32768]", false },
	{ "fixed", "{}", false },
	{ "words", "[\"1\",\"2\",\"3\",\"4\"]", true },
	{ "words", "[\"1\",\"2\",\"3\",\"4\",\"5\"]", false },
	{ "words", "[null]", false },
	{ "words", "null", false },
	{ "tax", "null", true },
	{ "tax", "\"\"", false },
	{ "note", "null", true },
	{ "limit", "1", true },
	{ "limit", "0", false },
	{ "limit", "101", false },
	{ "blobs", "[\"AA==\",\"A\"]", false },
};

static void test_struct_json_checks_members(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(member_cases) / sizeof(*member_cases); i++) {
		const struct weir_field *field = sample_fields;
		struct weir_field table[2] = { 0 };
		struct sample value;
		char *json = weir_pool_printf(pool, "{\"%s\":%s}", member_cases[i].member, member_cases[i].json);
		enum weir_status status;

		while (strcmp(field->name, member_cases[i].member) != 0)
			field++;
		table[0] = *field;
		status = parse(table, json, &value);
		if (status != (member_cases[i].good ? WEIR_OK : WEIR_ERR_INVALID))
			fail_msg("%s: %s", json, weir_status_name(status));
		assert_true(member_cases[i].good || faults.count == 1);
	}
}

static void test_struct_json_keeps_large_integers(void **state)
{
	static const struct weir_field table[] = { WEIR_UINT(struct sample, u64), WEIR_INT(struct sample, i64), { 0 } };
	static const char *const numbers[][2] = {
		{ "9223372036854775807", "9223372036854775807" },
		{ "9223372036854775808", "-9223372036854775808" },
		{ "18446744073709551615", "-1" },
		{ "9007199254740993", "9007199254740993" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char *json = weir_pool_printf(pool, "{\"u64\":%s,\"i64\":%s}", numbers[i][0], numbers[i][1]);
		struct sample value;

		assert_int_equal(parse(table, json, &value), WEIR_OK);
		expect_json(table, &value, json);
	}
}

/* -- Limits ---------------------------------------------------------------------------------------------------------------- */

struct tree {
	struct tree *children;
	size_t child_count;
};

static const struct weir_field tree_fields[] = { WEIR_STRUCT_LIST(struct tree, children, child_count, tree_fields), { 0 } };

static char *tree_json(int depth)
{
	char *json = weir_pool_dup_text(pool, "{\"children\":[]}");

	while (depth-- > 1)
		json = weir_pool_printf(pool, "{\"children\":[%s]}", json);
	return json;
}

static void test_struct_json_is_bounded_in_depth(void **state)
{
	struct tree value, loop = { .children = &loop, .child_count = 1 };
	char *deepest = tree_json(WEIR_STRUCT_DEPTH);

	(void)state;
	assert_int_equal(parse(tree_fields, deepest, &value), WEIR_OK);
	expect_json(tree_fields, &value, deepest);
	assert_int_equal(parse(tree_fields, tree_json(WEIR_STRUCT_DEPTH + 1), &value), WEIR_ERR_LIMIT);
	assert_int_equal(weir_struct_append_json(&out, tree_fields, &loop), WEIR_ERR_INVALID);
}

static void test_struct_json_is_bounded_in_depth_whoever_parsed(void **state)
{
	(void)state;
	for (int depth = WEIR_STRUCT_DEPTH; depth <= WEIR_STRUCT_DEPTH + 1; depth++) {
		enum weir_status expected = depth > WEIR_STRUCT_DEPTH ? WEIR_ERR_INVALID : WEIR_OK;
		struct json_object *json;
		struct tree value;

		assert_int_equal(weir_json_parse(weir_slice_text(tree_json(depth)), WEIR_JSON_MAX_DEPTH, &json, NULL), WEIR_OK);
		assert_int_equal(weir_struct_from_json(pool, tree_fields, json, &value, &faults), expected);
		json_object_put(json);
	}
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.list[0].problem, "nested too deep");
}

/* Left out is the default, null is nothing. */
static void test_struct_json_optional_with_default(void **state)
{
	static const struct weir_field table[] = {
		WEIR_DOUBLE(struct item, tax, WEIR_OPTIONAL(struct item, has_tax), WEIR_DOUBLE_DEFAULT(0.25)), { 0 }
	};
	struct item value;

	(void)state;
	assert_int_equal(parse(table, "{}", &value), WEIR_OK);
	assert_true(value.has_tax && value.tax == 0.25);
	assert_int_equal(parse(table, "{\"tax\":null}", &value), WEIR_OK);
	assert_true(!value.has_tax && value.tax == 0);
}

static void test_struct_json_stays_in_its_pool(void **state)
{
	/* A cap on memory is met somewhere in the middle, wherever it is. */
	(void)state;
	for (size_t limit = 1; limit < 3000; limit += 7) {
		struct weir_pool *small = weir_pool_create(limit);
		struct sample value;
		enum weir_status status = weir_struct_parse_json(small, sample_fields, weir_slice_text(full), &value, &faults);

		assert_int_equal(status, weir_pool_overflowed(small) ? WEIR_ERR_MEMORY : WEIR_OK);
		weir_pool_destroy(small);
	}
}

static void test_struct_json_refuses_to_write(void **state)
{
	static const struct weir_field table[] = { WEIR_TEXT(struct sample, text), WEIR_DOUBLE(struct sample, number), { 0 } };
	struct sample value = { .text = "abc", .number = NAN };
	struct weir_buffer small;

	(void)state;
	weir_buffer_append_text(&out, "before");
	assert_int_equal(weir_struct_append_json(&out, table, &value), WEIR_ERR_INVALID);
	value.number = -INFINITY;
	assert_int_equal(weir_struct_append_json(&out, table, &value), WEIR_ERR_INVALID);
	value = (struct sample){ .text = "\xff" };
	assert_int_equal(weir_struct_append_json(&out, table, &value), WEIR_ERR_INVALID);
	value.text = NULL;
	assert_int_equal(weir_struct_append_json(&out, table, &value), WEIR_ERR_INVALID);
	assert_true(weir_slice_equal(weir_buffer_slice(&out), WEIR_SLICE_LITERAL("before")));
	value.text = "abc";
	weir_buffer_init(&small, 10);
	assert_int_equal(weir_struct_append_json(&small, table, &value), WEIR_ERR_LIMIT);
	assert_int_equal(small.len, 0);
	weir_buffer_finish(&small);
}

static void test_struct_json_base64(void **state)
{
	/* RFC 4648 section 10, and the digits that are no letters */
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xef\xbf", "+++/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct weir_slice bytes;

		weir_buffer_clear(&out);
		weir_base64_append(&out, weir_slice_text(pairs[i][0]));
		assert_true(weir_slice_equal(weir_buffer_slice(&out), weir_slice_text(pairs[i][1])));
		assert_int_equal(weir_base64_decode(pool, weir_slice_text(pairs[i][1]), &bytes), WEIR_OK);
		assert_true(weir_slice_equal(bytes, weir_slice_text(pairs[i][0])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_struct_json_is_read_and_written, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_leaves_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_names_every_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_names_faults_of_the_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_bounds_the_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_checks_members, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_keeps_large_integers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_is_bounded_in_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_is_bounded_in_depth_whoever_parsed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_optional_with_default, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_stays_in_its_pool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_refuses_to_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_json_base64, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
