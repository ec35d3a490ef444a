/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments of functions from requests: where they come from, what they become, and what is wrong with them, all at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/function_app.h"

struct line {
	const char *name;
	double price;
};

struct order {
	int64_t id;
	int64_t page;
	const char *style;
	bool has_weight;
	double weight;
	bool express;
	int64_t *ids;
	size_t id_count;
	int32_t corner[2];
	bool has_corner;
	struct line *items;
	size_t item_count;
};

static const struct weir_field line_fields[] = { WEIR_TEXT(struct line, name), WEIR_DOUBLE(struct line, price), { 0 } };

static const struct weir_field order_params[] = {
	WEIR_INT_BETWEEN(struct order, id, 1, 99),
	WEIR_INT_OR(struct order, page, 1),
	WEIR_TEXT_OR(struct order, style, "day"),
	WEIR_DOUBLE(struct order, weight, WEIR_OPTIONAL(struct order, has_weight)),
	WEIR_BOOL_OR(struct order, express, false),
	WEIR_INT_LIST(struct order, ids, id_count, WEIR_COUNT(0, 4), WEIR_OR_EMPTY),
	WEIR_INT_ARRAY(struct order, corner, WEIR_OPTIONAL(struct order, has_corner)),
	WEIR_STRUCT_LIST(struct order, items, item_count, line_fields, WEIR_OR_EMPTY),
	{ 0 },
};

static int runs;

/* The arguments, as text. */
static enum weir_status describe(struct weir_call *call, const void *args, void *result)
{
	const struct order *order = args;
	struct weir_buffer *text = weir_pool_buffer(weir_call_pool(call), 0);

	runs++;
	if (!text || weir_struct_append_json(text, order_params, order) != WEIR_OK)
		return WEIR_ERR_MEMORY;
	*(struct weir_slice *)result = weir_buffer_slice(text);
	return WEIR_OK;
}

static const struct weir_function describe_order = {
	.name = "describe",
	.params = order_params,
	.params_size = sizeof(struct order),
	.run = describe,
	.coder = &weir_coder_bytes,
	.cache = { .ns = "orders", .methods = WEIR_GET | WEIR_POST },
};

static const struct weir_route routes[] = {
	{ .path = "/orders/{id}", .methods = WEIR_GET | WEIR_POST, .function = &describe_order },
	{ .path = "/orders", .methods = WEIR_GET | WEIR_POST, .function = &describe_order },
	{ 0 },
};

static int setup(void **state)
{
	static struct weir_function square;

	runs = 0;
	square = square_function(&(const struct weir_cache_rule){ .ns = "numbers" });
	*state = function_app(&square, NULL, routes);
	return 0;
}

static int teardown(void **state)
{
	weir_test_destroy(*state);
	return 0;
}

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

struct sent {
	const char *target;
	const char *type;
	const char *body;
	const char *expected; /* the arguments, or of what is refused the faults */
};

static const struct weir_test_response *send(struct weir_test *test, const struct sent *sent)
{
	return weir_test_send(test, &(const struct weir_test_request){ .method = sent->body ? "POST" : "GET",
								       .target = sent->target,
								       .fields = sent->type ? FIELDS("Content-Type", sent->type) : NULL,
								       .body = weir_slice_text(sent->body) });
}

/* -- Where they come from ---------------------------------------------------------------------------------------------------- */

#define DEFAULTS "\"page\":1,\"style\":\"day\",\"weight\":null,\"express\":false,\"ids\":[],\"corner\":null,\"items\":[]}"
#define ITEMS "[{\"name\":\"a\",\"price\":1.5},{\"name\":\"b\",\"price\":2.0}]"

static const struct sent taken[] = {
	{ "/orders/7", NULL, NULL, "{\"id\":7," DEFAULTS },
	{ "/orders?id=8", NULL, NULL, "{\"id\":8," DEFAULTS },
	{ "/orders", FORM, "id=9", "{\"id\":9," DEFAULTS },
	{ "/orders", JSON, "{\"id\":10}", "{\"id\":10," DEFAULTS },
	{ "/orders", "Application/JSON; charset=utf-8", "{\"id\":11}", "{\"id\":11," DEFAULTS },
	{ "/orders/12?unknown=1", JSON, "{\"other\":2}", "{\"id\":12," DEFAULTS },
	{ "/orders/13", "text/plain", "{\"id\":10}", "{\"id\":13," DEFAULTS }, /* no JSON, whatever it looks like */
	{ "/orders/14", JSON, NULL, "{\"id\":14," DEFAULTS },                  /* some clients always say so */
	{ "/orders/15?page=-3&style=a%20b+c&weight=1.5&express=on&ids=4&ids=5&corner=1&corner=-1", NULL, NULL,
	  "{\"id\":15,\"page\":-3,\"style\":\"a b c\",\"weight\":1.5,\"express\":true,\"ids\":[4,5],\"corner\":[1,-1],\"items\":[]}" },
	{ "/orders/16", FORM, "ids=3&page=2&ids=1&ids=2&style=%C3%A9",
	  "{\"id\":16,\"page\":2,\"style\":\"\xC3\xA9\",\"weight\":null,\"express\":false,\"ids\":[3,1,2],\"corner\":null,\"items\":[]}" },
	{ "/orders/17?page=4", JSON, "{\"ids\":[1],\"weight\":2,\"corner\":[5,6],\"items\":" ITEMS "}",
	  "{\"id\":17,\"page\":4,\"style\":\"day\",\"weight\":2.0,\"express\":false,\"ids\":[1],\"corner\":[5,6],\"items\":" ITEMS "}" },
};

static void test_function_arguments_come_from_every_part_of_a_request(void **state)
{
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		expect_answer(*state, send(*state, &taken[i]), "MISS", taken[i].expected);
}

/* -- What is wrong with them ------------------------------------------------------------------------------------------------- */

#define FAULT(path, problem) "{\"path\":\"" path "\",\"problem\":\"" problem "\"}"
#define RANGE "expected integer from 1 to 99"

static const struct sent refused[] = {
	{ "/orders/0", NULL, NULL, FAULT("path.id", RANGE) },
	{ "/orders", NULL, NULL, FAULT("id", "missing") },
	{ "/orders/x?page=y&express=maybe&weight=NaN&ids=1&ids=z", NULL, NULL,
	  FAULT("path.id", RANGE) "," FAULT("query.page", "expected integer") "," FAULT("query.weight", "expected number") "," FAULT(
		  "query.express", "expected true or false") "," FAULT("query.ids[1]", "expected integer") },
	{ "/orders/7?style=%FF", NULL, NULL, FAULT("query.style", "expected text") },
	{ "/orders/7?style=", FORM, "page=", FAULT("form.page", "expected integer") },
	/* Twice. */
	{ "/orders/7?page=1&page=1", NULL, NULL, FAULT("query.page", "given more than once") },
	{ "/orders/7?id=x", NULL, NULL, FAULT("query.id", "given in the path too") }, /* whatever it is */
	{ "/orders/7?id=7", NULL, NULL, FAULT("query.id", "given in the path too") },
	{ "/orders/7?page=1", FORM, "page=1&id=1",
	  FAULT("form.id", "given in the path too") "," FAULT("form.page", "given in the query too") },
	{ "/orders/7?ids=1", JSON, "{\"ids\":[2]}", FAULT("body.ids", "given in the query too") },
	/* Lists and arrays. */
	{ "/orders/7?ids=1&ids=2&ids=3&ids=4&ids=5", NULL, NULL, FAULT("query.ids", "expected array of at most 4 elements") },
	{ "/orders/7?corner=1", NULL, NULL, FAULT("query.corner", "expected array of 2 elements") },
	/* JSON. */
	{ "/orders/7", JSON, "{\"items\":[{\"name\":\"a\",\"price\":1},{\"price\":\"1\"}],\"page\":\"2\"}",
	  FAULT("body.page", "expected integer") "," FAULT("body.items[1].name", "missing") "," FAULT("body.items[1].price",
												      "expected number") },
	{ "/orders?id=5&items=1", JSON, "{\"items\":1}", FAULT("body.items", "expected array") },
	{ "/orders/7", JSON, "[]", FAULT("body", "expected object") },
	{ "/orders/7", JSON, "null", FAULT("body", "expected object") },
	{ "/orders/7?page=x", JSON, "{\"a\":}",
	  FAULT("body", "JSON at byte 5: unexpected character") "," FAULT("query.page", "expected integer") },
	{ "/orders/7", FORM, "page=%zz", FAULT("form", "malformed") },
};

static void test_function_arguments_that_are_wrong_are_all_told(void **state)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct weir_test_response *res = send(*state, &refused[i]);
		char expected[600];

		(void)snprintf(expected, sizeof(expected), "\"errors\":[%s]}", refused[i].expected);
		assert_int_equal(res->status, 422);
		expect_field(*state, res, "Content-Type", "application/problem+json");
		expect_field(*state, res, "X-Weir-Cache", NULL);
		if (!memmem(res->body.data, res->body.len, expected, strlen(expected)))
			fail_msg("%s %s: %.*s", refused[i].target, refused[i].body ? refused[i].body : "", (int)res->body.len,
				 res->body.data);
	}
	assert_int_equal(runs, 0);
}

static void test_function_arguments_faults_have_an_end(void **state)
{
	struct weir_buffer body = { 0 };
	struct sent sent = { "/orders/7", JSON, NULL, NULL };
	const struct weir_test_response *res;

	weir_buffer_append_text(&body, "{\"items\":[0");
	for (int i = 0; i < 100; i++)
		weir_buffer_append_text(&body, ",0");
	weir_buffer_append(&body, "],\"page\":[]}", 13);
	sent.body = body.data;
	res = send(*state, &sent);
	assert_int_equal(res->status, 422);
	assert_null(memmem(res->body.data, res->body.len, "items[40]", 9));
	weir_buffer_finish(&body);
}

/* -- Keys -------------------------------------------------------------------------------------------------------------------- */

static const struct sent same[] = {
	{ "/orders/7?page=1", NULL, NULL, NULL },
	{ "/orders/7?style=day&page=1&express=off", NULL, NULL, NULL },
	{ "/orders/7?express=0&utm_source=x", NULL, NULL, NULL },
	{ "/orders?id=7", NULL, NULL, NULL },
	{ "/orders", FORM, "id=7", NULL },
	{ "/orders", JSON, "{\"id\":7,\"weight\":null}", NULL },
};

static void test_function_arguments_that_are_equal_share_an_entry(void **state)
{
	expect_get(*state, "/orders/7", "MISS", "{\"id\":7," DEFAULTS);
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		expect_answer(*state, send(*state, &same[i]), "HIT", "{\"id\":7," DEFAULTS);
	assert_int_equal(runs, 1);
	assert_int_equal(send(*state, &(const struct sent){ "/orders/7?ids=0", NULL, NULL, NULL })->status, 200);
	assert_int_equal(runs, 2);
}

static void test_function_arguments_of_c_code_are_the_same(void **state)
{
	struct weir_cache *cache = weir_app_cache(weir_test_app(*state));
	struct weir_pool *pool = weir_pool_create(0);
	struct order order = { .id = 7, .page = 1, .style = "day" };
	struct weir_slice text = { 0 };

	expect_get(*state, "/orders/7", "MISS", "{\"id\":7," DEFAULTS);
	assert_int_equal(weir_cache_call(cache, pool, &describe_order, &order, &text), WEIR_OK);
	assert_int_equal(runs, 1);
	order.weight = 5; /* not there, so of no account */
	assert_int_equal(weir_cache_call(cache, pool, &describe_order, &order, &text), WEIR_OK);
	assert_int_equal(runs, 1);
	order.style = NULL; /* only from requests is it left out */
	assert_int_equal(weir_cache_call(cache, pool, &describe_order, &order, &text), WEIR_ERR_INVALID);
	weir_pool_destroy(pool);
}

static void test_function_arguments_are_taken_without_a_cache_too(void **state)
{
	weir_cache_set_enabled(weir_app_cache(weir_test_app(*state)), false);
	expect_get(*state, "/orders/7", NULL, "{\"id\":7," DEFAULTS);
	assert_int_equal(weir_test_get(*state, "/orders/0")->status, 422);
	assert_int_equal(runs, 1);
}

/* -- Without memory ---------------------------------------------------------------------------------------------------------- */

static struct weir_test *small_app(const struct weir_function *function, size_t memory)
{
	const struct weir_route one[] = { { .path = "/orders", .methods = WEIR_GET | WEIR_POST, .function = function }, { 0 } };

	return weir_test_create(&(const struct weir_app_options){ .name = "small",
								  .routes = one,
								  .limits.memory = memory,
								  .log = &(const struct weir_log_options){ .level = WEIR_LOG_OFF } });
}

static void test_function_arguments_that_do_not_fit_are_a_500(void **state)
{
	struct weir_function large = describe_order;
	struct weir_test *test;

	(void)state;
	large.params_size = (size_t)64 * 1024;
	test = small_app(&large, (size_t)32 * 1024);
	assert_int_equal(weir_test_get(test, "/orders?id=7")->status, 500);
	assert_int_equal(runs, 0);
	weir_test_destroy(test);
}

/* Wherever it comes to its end: the function never sees half of them, and the client is never told that it was at fault. */
static void test_function_arguments_without_memory_are_nobodys_fault(void **state)
{
	static const struct sent order = {
		"/orders?id=7&ids=1&ids=2",
		JSON,
		"{\"style\":\"a style\",\"items\":" ITEMS "}",
		"{\"id\":7,\"page\":1,\"style\":\"a style\",\"weight\":null,\"express\":false,\"ids\":[1,2],\"corner\":null,"
		"\"items\":" ITEMS "}",
	};
	size_t fine = 0, failed = 0;
	bool is_fine;

	(void)state;
	for (size_t memory = (size_t)8 * 1024; memory > 1024; memory -= 16) {
		struct weir_test *test = small_app(&describe_order, memory);
		const struct weir_test_response *res = send(test, &order);

		is_fine = res->complete && res->status == 200;
		fine += is_fine;
		failed += !is_fine;
		if (is_fine)
			expect_body(res, order.expected);
		else if (res->complete) /* else there was not even memory for the head */
			assert_int_equal(res->status, 500);
		weir_test_destroy(test);
	}
	assert_true(fine > 0);
	assert_true(failed > 0);
}

#define IN_APP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_APP(test_function_arguments_come_from_every_part_of_a_request),
		IN_APP(test_function_arguments_that_are_wrong_are_all_told),
		IN_APP(test_function_arguments_faults_have_an_end),
		IN_APP(test_function_arguments_that_are_equal_share_an_entry),
		IN_APP(test_function_arguments_of_c_code_are_the_same),
		IN_APP(test_function_arguments_are_taken_without_a_cache_too),
		IN_APP(test_function_arguments_that_do_not_fit_are_a_500),
		IN_APP(test_function_arguments_without_memory_are_nobodys_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
