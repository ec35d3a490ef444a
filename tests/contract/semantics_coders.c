/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: what is kept comes back as it was, through the backend and on another host; and what another coder wrote is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };

/* The value that the function of a test gives, and a copy of which comes back. */
static struct {
	const void *value;
	size_t size;
} given;

static enum weir_status run_given(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	cache_app_runs++;
	memcpy(result, given.value, given.size);
	return WEIR_OK;
}

static struct weir_function function_of(const struct weir_coder *coder)
{
	return (struct weir_function){ .name = "value", .run = run_given, .coder = coder, .cache = { .expire_s = 60 } };
}

/* Made on one host, found on another and by routes, which show it as `shown`. What comes back goes to `back`. */
static void expect_kept(void **state, const struct weir_coder *coder, const void *value, const char *shown, void *back)
{
	struct weir_function *function = weir_pool_alloc(semantics_pool(state), sizeof(*function));
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	const struct weir_test_response *res;

	*function = function_of(coder);
	given.value = value;
	given.size = weir_coder_size(coder);
	semantics_add_function(one, "/value", function);
	semantics_add_function(other, "/value", function);
	res = weir_test_get(one, "/value");
	expect_answer(one, res, "MISS", shown);
	expect_field(one, res, "Content-Type", weir_coder_media_type(coder));
	expect_field(other, weir_test_get(other, "/value"), "ETag", weir_test_field(one, res, "ETag"));
	expect_answer(other, weir_test_get(other, "/value"), "HIT", shown);
	assert_int_equal(weir_cache_call(semantics_cache(other), semantics_pool(state), function, NULL, back), WEIR_OK);
	assert_int_equal(cache_app_runs, 1);
}

static void test_coder_json(void **state)
{
	const char *text = "{\"list\":[1,2.5,-9223372036854775808,true,null,\"\\u00e9\"],\"empty\":{}}";
	struct json_object *value = json_tokener_parse(text), *back = NULL;

	expect_kept(state, &weir_coder_json, &value, "{\"list\":[1,2.5,-9223372036854775808,true,null,\"\xc3\xa9\"],\"empty\":{}}",
		    (void *)&back);
	assert_true(json_object_equal(back, value));
	json_object_put(value);
}

static void test_coder_json_of_dates_and_decimals(void **state)
{
	struct json_object *value = json_object_new_object(), *back = NULL, *member = NULL;
	const struct weir_date day = { 2026, 11, 22 };
	const struct weir_decimal price = { "12.50" };
	struct weir_date day_back;

	json_object_object_add(value, "day", weir_json_date(&day));
	json_object_object_add(value, "price", weir_json_decimal(&price));
	expect_kept(state, &weir_coder_json, &value,
		    "{\"day\":{\"_spec_type\":\"date\",\"val\":\"2026-11-22\"},\"price\":{\"_spec_type\":\"decimal\",\"val\":\"12.50\"}}",
		    (void *)&back);
	assert_true(json_object_object_get_ex(back, "day", &member));
	assert_int_equal(weir_json_to_date(member, &day_back), WEIR_OK);
	assert_int_equal(day_back.day, 22);
	json_object_put(value);
}

/* -- Structs --------------------------------------------------------------------------------------------------------------- */

struct part {
	const char *name;
	double weight;
};

static const struct weir_field part_fields[] = { WEIR_TEXT(struct part, name), WEIR_DOUBLE(struct part, weight), { 0 } };

struct item {
	const char *name;
	const char *description;
	bool has_tax;
	double tax;
	int64_t size[2];
	struct part *parts;
	size_t part_count;
};

static const struct weir_field item_fields[] = {
	WEIR_TEXT(struct item, name),
	WEIR_TEXT(struct item, description, WEIR_OR_NULL),
	WEIR_DOUBLE(struct item, tax, WEIR_OPTIONAL(struct item, has_tax)),
	WEIR_INT_ARRAY(struct item, size),
	WEIR_STRUCT_LIST(struct item, parts, part_count, part_fields),
	{ 0 },
};

static struct part parts[] = { { "leg", 0.25 }, { "top", 7.5 } };
static const struct item table = { .name = "table", .has_tax = true, .tax = 0.19, .size = { -3, 4 }, .parts = parts, .part_count = 2 };
static const char table_json[] = "{\"name\":\"table\",\"description\":null,\"tax\":0.19,\"size\":[-3,4],"
				 "\"parts\":[{\"name\":\"leg\",\"weight\":0.25},{\"name\":\"top\",\"weight\":7.5}]}";

static void expect_table(const struct item *item)
{
	assert_string_equal(item->name, "table");
	assert_null(item->description);
	assert_true(item->has_tax);
	assert_true(item->tax == 0.19);
	assert_int_equal(item->size[0], -3);
	assert_int_equal(item->part_count, 2);
	assert_string_equal(item->parts[1].name, "top");
	assert_true(item->parts[1].weight == 7.5);
}

static void test_coder_struct_as_json(void **state)
{
	static const struct weir_coder coder = WEIR_CODER_STRUCT_JSON(struct item, item_fields);
	struct item back;

	expect_kept(state, &coder, &table, table_json, &back);
	expect_table(&back);
}

static void test_coder_struct_as_bytes(void **state)
{
	static const struct weir_coder coder = WEIR_CODER_STRUCT(struct item, item_fields);
	struct item back;

	expect_kept(state, &coder, &table, table_json, &back);
	expect_table(&back);
}

/* -- Single values --------------------------------------------------------------------------------------------------------- */

static void test_coder_text(void **state)
{
	const char *value = "tsch\xc3\xbcs\n", *back = NULL;

	expect_kept(state, &weir_coder_text, (const void *)&value, value, (void *)&back);
	assert_string_equal(back, value);
}

static void test_coder_bytes(void **state)
{
	const struct weir_slice value = WEIR_SLICE_LITERAL("\r\n raw \xff\x01");
	struct weir_slice back;

	expect_kept(state, &weir_coder_bytes, &value, value.data, &back);
	assert_true(weir_slice_equal(back, value));
}

static void test_coder_bool(void **state)
{
	const bool value = true;
	bool back = false;

	expect_kept(state, &weir_coder_bool, &value, "true", &back);
	assert_true(back);
}

static void test_coder_int(void **state)
{
	const int64_t value = INT64_MIN;
	int64_t back = 0;

	expect_kept(state, &weir_coder_int, &value, "-9223372036854775808", &back);
	assert_true(back == value);
}

static void test_coder_double(void **state)
{
	const double value = 0.1;
	double back = 0;

	expect_kept(state, &weir_coder_double, &value, "0.1", &back);
	assert_true(back == value);
}

static void test_coder_date(void **state)
{
	const struct weir_date value = { 2028, 2, 29 };
	struct weir_date back;

	expect_kept(state, &weir_coder_date, &value, "\"2028-02-29\"", &back);
	assert_true(back.year == 2028 && back.month == 2 && back.day == 29);
}

static void test_coder_datetime(void **state)
{
	const struct weir_datetime value = { INT64_C(1767225600), 120000000, 60 };
	struct weir_datetime back;

	expect_kept(state, &weir_coder_datetime, &value, "\"2026-01-01T01:00:00.120+01:00\"", &back);
	assert_true(back.time_s == value.time_s && back.nanoseconds == value.nanoseconds && back.offset_min == 60);
}

static void test_coder_decimal(void **state)
{
	const struct weir_decimal value = { "-12.50" };
	struct weir_decimal back;

	expect_kept(state, &weir_coder_decimal, &value, "\"-12.50\"", &back);
	assert_string_equal(back.text, "-12.50");
}

/* -- Wrapped, and of one's own --------------------------------------------------------------------------------------------- */

/* Where weir was made without libzstd, a rule that asks for it is refused at the start. */
static void test_coder_compressed(void **state)
{
	static const struct weir_coder compressed = WEIR_CODER_ZSTD(&weir_coder_text, 100);
	static const struct weir_function function = {
		.name = "value", .run = run_given, .coder = &compressed, .cache = { .expire_s = 60 }
	};
	struct weir_test *host = semantics_open(state, NULL, &minute);
	char *text = weir_pool_bytes(semantics_pool(state), 100001);
	const char *back = NULL;

	semantics_add_function(host, "/value", &function);
	if (weir_app_check(weir_test_app(host)) != WEIR_OK) {
		assert_non_null(strstr(weir_app_error(weir_test_app(host)), "libzstd"));
		return;
	}
	memset(text, 'z', 100000);
	text[100000] = '\0';
	given.value = (const void *)&text;
	given.size = sizeof(text);
	expect_answer(host, weir_test_get(host, "/value"), "MISS", text);
	expect_answer(host, weir_test_get(host, "/value"), "HIT", text);
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &function, NULL, (void *)&back), WEIR_OK);
	assert_string_equal(back, text);
	assert_int_equal(cache_app_runs, 1);
}

struct point {
	int x, y;
};

static enum weir_status encode_point(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	const struct point *point = value;

	(void)self;
	(void)pool;
	weir_buffer_printf(bytes, "%d;%d", point->x, point->y);
	return bytes->overflowed ? WEIR_ERR_LIMIT : WEIR_OK;
}

static enum weir_status decode_point(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	const char *text = weir_pool_printf(pool, "%.*s", (int)bytes.len, bytes.data);
	struct point *point = value;
	char *end;

	(void)self;
	if (!text)
		return WEIR_ERR_MEMORY;
	point->x = (int)strtol(text, &end, 10);
	if (*end != ';')
		return WEIR_ERR_CORRUPT;
	point->y = (int)strtol(end + 1, &end, 10);
	return *end ? WEIR_ERR_CORRUPT : WEIR_OK;
}

static const struct weir_coder_ops point_ops = { .name = "point", .encode = encode_point, .decode = decode_point };
static const struct weir_coder point_coder = { .ops = &point_ops, .size = sizeof(struct point), .media_type = "text/x-point" };

static void test_coder_custom(void **state)
{
	const struct point value = { -1, 2 };
	struct point back;

	expect_kept(state, &point_coder, &value, "-1;2", &back);
	assert_true(back.x == -1 && back.y == 2);
}

static enum weir_status answer_whole(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_status(res, 203);
	weir_response_add_field(res, "Link", "</a>; rel=next");
	weir_response_add_field(res, "Link", "</b>; rel=prev");
	weir_response_set_field(res, "X-Run", cache_app_runs == 1 ? "first" : "another");
	return weir_response_bytes(res, "image/x-none", weir_slice("a\0b\xff", 4));
}

/* Status, fields, those that occur twice, and the body. */
static void test_coder_whole_response(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	const struct weir_test_response *miss, *hit;
	const char *fields = "Link: </a>; rel=next\r\nLink: </b>; rel=prev\r\nX-Run: first\r\n";

	cache_app_handler = answer_whole;
	miss = weir_test_get(one, "/page");
	hit = weir_test_get(other, "/page");
	expect_field(one, miss, "X-Weir-Cache", "MISS");
	expect_field(other, hit, "X-Weir-Cache", "HIT");
	assert_int_equal(miss->status, 203);
	assert_int_equal(hit->status, 203);
	assert_non_null(memmem(miss->head.data, miss->head.len, fields, strlen(fields)));
	assert_non_null(memmem(hit->head.data, hit->head.len, fields, strlen(fields)));
	expect_field(other, hit, "Content-Type", "image/x-none");
	assert_int_equal(hit->body.len, 4);
	assert_memory_equal(hit->body.data, "a\0b\xff", 4);
}

/* -- Another coder --------------------------------------------------------------------------------------------------------- */

struct renamed {
	const char *title;
	double weight;
};

static const struct weir_field renamed_fields[] = { WEIR_TEXT(struct renamed, title), WEIR_DOUBLE(struct renamed, weight), { 0 } };

/* Two versions of an app on one store: what the other one wrote is a miss, and no error. */
static void expect_mismatch(void **state, const struct weir_coder *before, const struct weir_coder *after, const void *value, void *back)
{
	struct weir_function *old = weir_pool_alloc(semantics_pool(state), sizeof(*old));
	struct weir_function *new = weir_pool_alloc(semantics_pool(state), sizeof(*new));
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	*old = function_of(before);
	*new = function_of(after);
	given.value = value;
	given.size = weir_coder_size(before);
	assert_int_equal(weir_cache_call(semantics_cache(one), semantics_pool(state), old, NULL, back), WEIR_OK);
	assert_int_equal(weir_cache_call(semantics_cache(other), semantics_pool(state), new, NULL, back), WEIR_OK);
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(weir_cache_call(semantics_cache(other), semantics_pool(state), new, NULL, back), WEIR_OK);
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_app_lines(), 0);
}

static void test_coder_mismatch_is_a_miss(void **state)
{
	int64_t value = 42, back;

	expect_mismatch(state, &weir_coder_int, &weir_coder_double, &value, &back);
}

static void test_coder_mismatch_of_tables_is_a_miss(void **state)
{
	static const struct weir_coder before = WEIR_CODER_STRUCT(struct part, part_fields);
	static const struct weir_coder after = WEIR_CODER_STRUCT(struct renamed, renamed_fields);
	struct part back;

	expect_mismatch(state, &before, &after, &parts[0], &back);
	assert_string_equal(back.name, "leg");
}

const struct CMUnitTest semantics_coder_tests[] = {
	cmocka_unit_test(test_coder_json),
	cmocka_unit_test(test_coder_json_of_dates_and_decimals),
	cmocka_unit_test(test_coder_struct_as_json),
	cmocka_unit_test(test_coder_struct_as_bytes),
	cmocka_unit_test(test_coder_text),
	cmocka_unit_test(test_coder_bytes),
	cmocka_unit_test(test_coder_bool),
	cmocka_unit_test(test_coder_int),
	cmocka_unit_test(test_coder_double),
	cmocka_unit_test(test_coder_date),
	cmocka_unit_test(test_coder_datetime),
	cmocka_unit_test(test_coder_decimal),
	cmocka_unit_test(test_coder_compressed),
	cmocka_unit_test(test_coder_custom),
	cmocka_unit_test(test_coder_whole_response),
	cmocka_unit_test(test_coder_mismatch_is_a_miss),
	cmocka_unit_test(test_coder_mismatch_of_tables_is_a_miss),
};

const size_t semantics_coder_test_count = sizeof(semantics_coder_tests) / sizeof(semantics_coder_tests[0]);
