/* SPDX-License-Identifier: Apache-2.0
 *
 * What the dynamodb driver makes of answers, whole, in part, and wrong; and of items that somebody else has put there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <stdio.h>

#include <weir/json.h>

#include "backends/dynamodb/base64.h"
#include "backends/dynamodb/item.h"
#include "backends/dynamodb/lookup.h"
#include "backends/dynamodb/names.h"
#include "backends/dynamodb/reply.h"
#include "backends/dynamodb/write.h"

static struct json_object *parse(const char *json)
{
	struct json_object *value = NULL;

	assert_int_equal(weir_json_parse(weir_slice_text(json), WEIR_JSON_DEPTH, &value, NULL), WEIR_OK);
	return value;
}

/* -- Base64 ---------------------------------------------------------------------------------------------------------------- */

static void test_dynamodb_base64_is_that_of_rfc_4648(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "\xfb\xff\xfe", "+//+" },
	};
	struct weir_buffer buffer;
	char bytes[16];
	size_t len;

	(void)state;
	weir_buffer_init(&buffer, 0);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		weir_buffer_clear(&buffer);
		weir_dynamodb_base64_append(&buffer, weir_slice_text(pairs[i][0]));
		assert_true(weir_slice_equal(weir_buffer_slice(&buffer), weir_slice_text(pairs[i][1])));
		assert_int_equal(weir_dynamodb_base64_decode(weir_slice_text(pairs[i][1]), bytes, &len), WEIR_OK);
		assert_true(weir_slice_equal(weir_slice(bytes, len), weir_slice_text(pairs[i][0])));
	}
	weir_buffer_finish(&buffer);
}

static void test_dynamodb_base64_is_strict(void **state)
{
	static const char *const wrong[] = { "Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zg==Zg==", "Zm 9", "Zm9-", "Zm9\n" };
	char bytes[16];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(weir_dynamodb_base64_decode(weir_slice_text(wrong[i]), bytes, &len), WEIR_ERR_INVALID);
}

/* -- Names ----------------------------------------------------------------------------------------------------------------- */

static void test_dynamodb_names_are_sorted_into_all_buckets(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	unsigned seen[WEIR_DYNAMODB_BUCKETS] = { 0 };
	char key[16];

	(void)state;
	for (int i = 0; i < 16000; i++) {
		struct weir_slice name;
		const char *bucket;

		(void)snprintf(key, sizeof(key), "key%d", i);
		name = weir_dynamodb_name(pool, WEIR_DYNAMODB_VALUE, weir_slice_text(key));
		bucket = strchr("0123456789abcdef", weir_dynamodb_bucket(name));
		assert_non_null(bucket);
		seen[strlen("0123456789abcdef") - strlen(bucket)]++;
	}
	for (size_t i = 0; i < WEIR_DYNAMODB_BUCKETS; i++)
		assert_in_range(seen[i], 800, 1200);
	weir_pool_destroy(pool);
}

static void test_dynamodb_names_tell_kinds_apart_and_fit(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	static char longest[WEIR_KEY_MAX];
	struct weir_slice key = WEIR_SLICE_LITERAL("a \"key\""), name;

	(void)state;
	assert_string_equal(weir_dynamodb_name(pool, WEIR_DYNAMODB_VALUE, key).data, "value:a%20%22key%22");
	assert_string_equal(weir_dynamodb_name(pool, WEIR_DYNAMODB_CELL, key).data, "cell:a%20%22key%22");
	assert_string_equal(weir_dynamodb_name(pool, WEIR_DYNAMODB_LEASE, key).data, "lease:a%20%22key%22");
	assert_string_equal(weir_dynamodb_name_prefix(pool, WEIR_SLICE_LITERAL("a ")).data, "value:a%20");
	memset(longest, 1, sizeof(longest));
	name = weir_dynamodb_name(pool, WEIR_DYNAMODB_VALUE, weir_slice(longest, sizeof(longest)));
	assert_in_range(name.len, 900, WEIR_DYNAMODB_NAME_MAX);
	weir_pool_destroy(pool);
}

/* -- Errors ---------------------------------------------------------------------------------------------------------------- */

static void assert_error(const char *json, const char *name, const char *message)
{
	struct json_object *reply = parse(json);
	char found[WEIR_DYNAMODB_ERROR_MAX];

	weir_dynamodb_error_name(reply, found);
	assert_string_equal(found, name);
	assert_true(weir_slice_equal(weir_dynamodb_error_message(reply), weir_slice_text(message)));
	json_object_put(reply);
}

static void test_dynamodb_errors_have_names_and_messages(void **state)
{
	(void)state;
	assert_error("{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"message\":\"slow down\"}",
		     "ThrottlingException", "slow down");
	assert_error("{\"__type\":\"ValidationException\",\"Message\":\"no\"}", "ValidationException", "no");
	assert_error("{\"__type\":\"a#Bad\\nName\"}", "Bad", NULL);
	assert_error("{\"__type\":7,\"message\":[]}", "", NULL);
	assert_error("[]", "", NULL);
	assert_error("null", "", NULL);
	assert_error("{\"__type\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NULL);
}

static void test_dynamodb_errors_are_judged(void **state)
{
	(void)state;
	assert_int_equal(weir_dynamodb_judge(400, "ConditionalCheckFailedException"), WEIR_DYNAMODB_REFUSED);
	assert_int_equal(weir_dynamodb_judge(400, "ProvisionedThroughputExceededException"), WEIR_DYNAMODB_AGAIN);
	assert_int_equal(weir_dynamodb_judge(400, "ThrottlingException"), WEIR_DYNAMODB_AGAIN);
	assert_int_equal(weir_dynamodb_judge(400, "ExpiredTokenException"), WEIR_DYNAMODB_EXPIRED);
	assert_int_equal(weir_dynamodb_judge(400, "ResourceNotFoundException"), WEIR_DYNAMODB_NO_TABLE);
	assert_int_equal(weir_dynamodb_judge(400, "AccessDeniedException"), WEIR_DYNAMODB_FAILED);
	assert_int_equal(weir_dynamodb_judge(400, "ValidationException"), WEIR_DYNAMODB_FAILED);
	assert_int_equal(weir_dynamodb_judge(403, ""), WEIR_DYNAMODB_FAILED);
	assert_int_equal(weir_dynamodb_judge(429, ""), WEIR_DYNAMODB_AGAIN);
	assert_int_equal(weir_dynamodb_judge(500, "InternalServerError"), WEIR_DYNAMODB_AGAIN);
	assert_int_equal(weir_dynamodb_judge(503, ""), WEIR_DYNAMODB_AGAIN);
}

/* -- BatchGetItem ---------------------------------------------------------------------------------------------------------- */

struct asked {
	struct weir_pool *pool;
	struct weir_dynamodb_lookup lookup;
	struct weir_dynamodb_wanted *list[3];
};

/* "value:a", "value:b" and "value:c", of which b is wanted twice. */
static void ask(struct asked *asked)
{
	const struct weir_slice names[] = { WEIR_SLICE_LITERAL("value:c"), WEIR_SLICE_LITERAL("value:b"), WEIR_SLICE_NONE,
					    WEIR_SLICE_LITERAL("value:a"), WEIR_SLICE_LITERAL("value:b") };

	asked->pool = weir_pool_create(0);
	assert_int_equal(weir_dynamodb_lookup_init(&asked->lookup, asked->pool, names, 5), WEIR_OK);
	assert_int_equal(asked->lookup.count, 3);
	for (size_t i = 0; i < 3; i++)
		asked->list[i] = &asked->lookup.wanted[i];
}

/* What becomes of a, b and c: 'i' an item, 'n' settled without one, '?' open. */
static void assert_taken(const char *json, const char *expected)
{
	struct json_object *reply = parse(json);
	struct asked asked;
	char found[4] = "";

	ask(&asked);
	weir_dynamodb_lookup_take(&asked.lookup, "t", asked.list, 3, reply);
	json_object_put(reply);
	for (size_t i = 0; i < 3; i++)
		found[i] = "?ni"[asked.list[i]->settled ? 1 + (asked.list[i]->item != NULL) : 0];
	assert_string_equal(found, expected);
	weir_dynamodb_lookup_finish(&asked.lookup);
	weir_pool_destroy(asked.pool);
}

static void test_dynamodb_lookup_takes_what_is_there(void **state)
{
	(void)state;
	assert_taken("{\"Responses\":{\"t\":[]},\"UnprocessedKeys\":{}}", "nnn");
	assert_taken("{\"Responses\":{\"t\":[{\"sk\":{\"S\":\"value:b\"}},{\"sk\":{\"S\":\"value:a\"}}]},\"UnprocessedKeys\":{}}", "iin");
	assert_taken("{\"Responses\":{}}", "nnn");
}

static void test_dynamodb_lookup_asks_again_for_what_was_left_out(void **state)
{
	(void)state;
	assert_taken("{\"Responses\":{\"t\":[{\"sk\":{\"S\":\"value:b\"}}]},"
		     "\"UnprocessedKeys\":{\"t\":{\"Keys\":[{\"pk\":{\"S\":\"0\"},\"sk\":{\"S\":\"value:c\"}}],\"ConsistentRead\":true}}}",
		     "ni?");
	assert_taken(
		"{\"Responses\":{\"t\":[]},\"UnprocessedKeys\":{\"t\":{\"Keys\":[{\"sk\":{\"S\":\"value:a\"}},{\"sk\":{\"S\":\"value:b\"}},"
		"{\"sk\":{\"S\":\"value:c\"}}]}}}",
		"???");
}

static void test_dynamodb_lookup_is_not_led_astray(void **state)
{
	(void)state;
	assert_taken("{}", "???");
	assert_taken("null", "???");
	assert_taken("{\"Responses\":[]}", "???");
	assert_taken("{\"Responses\":{\"t\":{\"sk\":1}},\"UnprocessedKeys\":7}", "nnn");
	assert_taken("{\"Responses\":{\"t\":[null,7,[],{},{\"sk\":\"value:a\"},{\"sk\":{\"N\":\"1\"}},{\"sk\":{\"S\":\"value:x\"}}]},"
		     "\"UnprocessedKeys\":{\"t\":{\"Keys\":[null,{\"sk\":{\"S\":\"value:x\"}}]}}}",
		     "nnn");
	assert_taken("{\"Responses\":{\"t\":[{\"sk\":{\"S\":\"value:a\"}},{\"sk\":{\"S\":\"value:a\"}}]}}", "inn");
}

/* -- BatchWriteItem -------------------------------------------------------------------------------------------------------- */

static void test_dynamodb_writes_of_one_name_are_one_the_last(void **state)
{
	struct weir_backend_set first, second;
	struct weir_dynamodb_write writes[] = {
		{ .name = WEIR_SLICE_LITERAL("value:b"), .put = &first, .order = 0 },
		{ .name = WEIR_SLICE_LITERAL("value:a"), .put = &first, .order = 1 },
		{ .name = WEIR_SLICE_LITERAL("value:b"), .put = NULL, .order = 2 },
		{ .name = WEIR_SLICE_LITERAL("value:a"), .put = &second, .order = 3 },
	};

	(void)state;
	assert_int_equal(weir_dynamodb_writes_sort(writes, 4), 2);
	assert_ptr_equal(weir_dynamodb_writes_find(writes, 2, WEIR_SLICE_LITERAL("value:a"))->put, &second);
	assert_null(weir_dynamodb_writes_find(writes, 2, WEIR_SLICE_LITERAL("value:b"))->put);
	assert_null(weir_dynamodb_writes_find(writes, 2, WEIR_SLICE_LITERAL("value:c")));
	assert_null(weir_dynamodb_writes_find(writes, 2, WEIR_SLICE_NONE));
}

static void assert_written(const char *json, const char *expected)
{
	struct weir_dynamodb_write writes[] = { { .name = WEIR_SLICE_LITERAL("value:a") },
						{ .name = WEIR_SLICE_LITERAL("value:b") },
						{ .name = WEIR_SLICE_LITERAL("value:c") } };
	struct json_object *reply = parse(json);
	char found[4] = "";
	size_t undone = weir_dynamodb_writes_take(writes, 3, "t", reply), open = 0;

	for (size_t i = 0; i < 3; i++) {
		found[i] = writes[i].done ? 'd' : '?';
		open += !writes[i].done;
	}
	assert_string_equal(found, expected);
	assert_int_equal(undone, open);
	json_object_put(reply);
}

static void test_dynamodb_writes_are_sent_again_when_they_were_left_out(void **state)
{
	(void)state;
	assert_written("{\"UnprocessedItems\":{}}", "ddd");
	assert_written("{\"UnprocessedItems\":{\"t\":[{\"PutRequest\":{\"Item\":{\"pk\":{\"S\":\"0\"},\"sk\":{\"S\":\"value:b\"}}}},"
		       "{\"DeleteRequest\":{\"Key\":{\"pk\":{\"S\":\"1\"},\"sk\":{\"S\":\"value:c\"}}}}]}}",
		       "d??");
	assert_written(
		"{\"UnprocessedItems\":{\"t\":[null,{},{\"PutRequest\":{}},{\"PutRequest\":{\"Item\":{\"sk\":{\"S\":\"value:x\"}}}}]}}",
		"ddd");
	assert_written("{}", "???");
	assert_written("{\"UnprocessedItems\":[]}", "???");
	assert_written("null", "???");
}

/* -- Items ----------------------------------------------------------------------------------------------------------------- */

/* Whether it is the value of the key "key" at 1000 ms, and which. */
static void assert_item(const char *json, const char *expected_base64)
{
	struct json_object *item = parse(json);
	struct weir_slice base64 = WEIR_SLICE_NONE;
	bool is = weir_dynamodb_item_is(item, WEIR_SLICE_LITERAL("key"), 1000, &base64);

	assert_int_equal(is, expected_base64 != NULL);
	if (expected_base64)
		assert_true(weir_slice_equal(base64, weir_slice_text(expected_base64)));
	json_object_put(item);
}

static void test_dynamodb_items_are_believed_when_they_repeat_the_key(void **state)
{
	(void)state;
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"v\":{\"B\":\"dmFsdWU=\"}}", "dmFsdWU=");
	assert_item("{\"k\":{\"B\":\"a2V5\"}}", "");
	assert_item("{\"k\":{\"B\":\"a2V6\"},\"v\":{\"B\":\"dmFsdWU=\"}}", NULL);
	assert_item("{\"v\":{\"B\":\"dmFsdWU=\"}}", NULL);
	assert_item("{\"k\":{\"S\":\"a2V5\"},\"v\":{\"B\":\"dmFsdWU=\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"v\":{\"S\":\"text\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"v\":null}", "");
	assert_item("7", NULL);
}

static void test_dynamodb_items_expire(void **state)
{
	(void)state;
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"N\":\"1001\"}}", "");
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"N\":\"1000\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"N\":\"18446744073709551615\"}}", "");
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"N\":\"18446744073709551616\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"N\":\"-5\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"S\":\"1001\"}}", NULL);
	assert_item("{\"k\":{\"B\":\"a2V5\"},\"e\":{\"N\":\"soon\"}}", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dynamodb_base64_is_that_of_rfc_4648),
		cmocka_unit_test(test_dynamodb_base64_is_strict),
		cmocka_unit_test(test_dynamodb_names_are_sorted_into_all_buckets),
		cmocka_unit_test(test_dynamodb_names_tell_kinds_apart_and_fit),
		cmocka_unit_test(test_dynamodb_errors_have_names_and_messages),
		cmocka_unit_test(test_dynamodb_errors_are_judged),
		cmocka_unit_test(test_dynamodb_lookup_takes_what_is_there),
		cmocka_unit_test(test_dynamodb_lookup_asks_again_for_what_was_left_out),
		cmocka_unit_test(test_dynamodb_lookup_is_not_led_astray),
		cmocka_unit_test(test_dynamodb_writes_of_one_name_are_one_the_last),
		cmocka_unit_test(test_dynamodb_writes_are_sent_again_when_they_were_left_out),
		cmocka_unit_test(test_dynamodb_items_are_believed_when_they_repeat_the_key),
		cmocka_unit_test(test_dynamodb_items_expire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
