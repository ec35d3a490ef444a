/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions as the targets of routes: a hit is answered as its miss was, whatever the coder; and what the start has to say about them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <stdio.h>

#include "support/function_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "numbers", .with_lock = true };

/* -- A hit is as its miss ---------------------------------------------------------------------------------------------------- */

struct place {
	int64_t height;
	const char *name;
};

static const struct weir_field place_fields[] = { WEIR_INT(struct place, height), WEIR_TEXT(struct place, name), { 0 } };
static const struct weir_coder place_binary = WEIR_CODER_STRUCT(struct place, place_fields);
static const struct weir_coder place_json = WEIR_CODER_STRUCT_JSON(struct place, place_fields);

static int runs;

static enum weir_status find_place(struct weir_call *call, const void *args, void *result)
{
	struct place *place = result;

	(void)call;
	assert_null(args);
	runs++;
	*place = (struct place){ 4478, "Matterhorn" };
	return WEIR_OK;
}

static enum weir_status give_bytes(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	runs++;
	*(struct weir_slice *)result = WEIR_SLICE_LITERAL("\x89PNG\0...");
	return WEIR_OK;
}

static enum weir_status give_text(struct weir_call *call, const void *args, void *result)
{
	(void)args;
	runs++;
	*(const char **)result = weir_pool_printf(weir_call_pool(call), "run %d", runs);
	return WEIR_OK;
}

static void put(void *value)
{
	json_object_put(value);
}

static enum weir_status give_json(struct weir_call *call, const void *args, void *result)
{
	struct json_object *value = json_object_new_object();

	(void)args;
	runs++;
	json_object_object_add(value, "ret", json_object_new_int(runs));
	weir_pool_on_reset(weir_call_pool(call), put, value);
	*(struct json_object **)result = value;
	return WEIR_OK;
}

static enum weir_status find_nothing(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	(void)result;
	runs++;
	return WEIR_MISS;
}

static const char *const head[] = { "Content-Type", "ETag", "Content-Length", "Cache-Control" };

static void expect_hit_as_miss(const struct weir_route *route, const struct weir_function *function, int status, const char *media_type)
{
	const struct weir_route routes[] = { *route, { 0 } };
	struct weir_test *test = function_app(function, NULL, routes);
	const struct weir_test_response *miss = weir_test_get(test, route->path), *hit = weir_test_get(test, route->path);

	expect_field(test, miss, "X-Weir-Cache", "MISS");
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss; stored");
	expect_field(test, hit, "X-Weir-Cache", "HIT");
	expect_field(test, miss, "Content-Type", media_type);
	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		expect_field(test, hit, head[i], weir_test_field(test, miss, head[i]));
	assert_non_null(weir_test_field(test, miss, "ETag"));
	assert_int_equal(miss->status, status);
	assert_int_equal(hit->status, status);
	assert_int_equal(miss->body.len, hit->body.len);
	assert_memory_equal(miss->body.data, hit->body.data, miss->body.len);
	weir_test_destroy(test);
}

struct shown {
	weir_run_fn run;
	const struct weir_coder *coder;
	const char *media_type; /* the route's */
	int status;
	const char *expected; /* media type */
};

static const struct shown shown[] = {
	{ find_place, &place_binary, NULL, 200, "application/json" },
	{ find_place, &place_json, NULL, 200, "application/json" },
	{ give_bytes, &weir_coder_bytes, NULL, 200, "application/octet-stream" },
	{ give_bytes, &weir_coder_bytes, "image/png", 200, "image/png" },
	{ give_text, &weir_coder_text, NULL, 200, "text/plain; charset=utf-8" },
	{ give_json, &weir_coder_json, NULL, 200, "application/json" },
	{ give_json, NULL, NULL, 200, "application/json" },
	{ find_nothing, &weir_coder_bytes, "image/png", 404, "application/problem+json" },
};

static void test_function_route_answers_a_hit_as_its_miss(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		const struct weir_function function = { .name = "shown", .run = shown[i].run, .coder = shown[i].coder, .cache = minute };
		const struct weir_function unused = square_function(&minute);
		struct weir_route route = { .path = "/shown", .function = &function, .media_type = shown[i].media_type };

		runs = 0;
		expect_hit_as_miss(&route, &unused, shown[i].status, shown[i].expected);
		assert_int_equal(runs, 1);
	}
}

static void test_function_route_shows_a_struct_as_json(void **state)
{
	const struct weir_function function = { .name = "place", .run = find_place, .coder = &place_binary, .cache = minute };
	const struct weir_function unused = square_function(&minute);
	const struct weir_route routes[] = { { .path = "/place", .function = &function }, { 0 } };
	struct weir_test *test = function_app(&unused, NULL, routes);

	(void)state;
	expect_get(test, "/place", "MISS", "{\"height\":4478,\"name\":\"Matterhorn\"}");
	expect_get(test, "/place", "HIT", "{\"height\":4478,\"name\":\"Matterhorn\"}");
	weir_test_destroy(test);
}

static struct weir_function square;

static struct weir_test *begin(const struct weir_cache_rule *rule)
{
	square = square_function(rule);
	return function_app(&square, NULL, NULL);
}

static void test_function_route_answers_conditional_requests(void **state)
{
	struct weir_test *test = begin(&minute);
	const char *etag = weir_test_field(test, weir_test_get(test, "/square/7"), "ETag");
	const struct weir_test_response *res = cache_app_get(test, "/square/7", FIELDS("If-None-Match", etag));

	(void)state;
	assert_int_equal(res->status, 304);
	expect_field(test, res, "ETag", etag);
	expect_body(res, "");
	weir_test_destroy(test);
}

static void test_function_route_obeys_what_the_request_says_of_caching(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	expect_get(test, "/square/7", "MISS", "49");
	expect_answer(test, cache_app_get(test, "/square/7", FIELDS("Cache-Control", "no-cache")), "MISS", "49");
	expect_answer(test, cache_app_get(test, "/square/7", FIELDS("Cache-Control", "no-store")), NULL, "49");
	assert_int_equal(square_runs, 3);
	expect_get(test, "/square/7", "HIT", "49");
	weir_test_destroy(test);
}

static void test_function_route_serves_head(void **state)
{
	struct weir_test *test = begin(&minute);
	const struct weir_test_response *res;

	(void)state;
	res = weir_test_send(test, &(const struct weir_test_request){ .method = "HEAD", .target = "/square/7" });
	expect_field(test, res, "X-Weir-Cache", "MISS");
	expect_field(test, res, "Content-Length", "2");
	expect_get(test, "/square/7", "MISS", "49");
	res = weir_test_send(test, &(const struct weir_test_request){ .method = "HEAD", .target = "/square/7" });
	expect_field(test, res, "X-Weir-Cache", "HIT");
	expect_body(res, "");
	weir_test_destroy(test);
}

static enum weir_status fail_to_square(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	return WEIR_ERR_IO;
}

static void test_function_route_fails_as_a_handler_does(void **state)
{
	struct weir_test *test = begin(&minute);
	const struct weir_test_response *res;

	(void)state;
	square_hook = fail_to_square;
	res = weir_test_get(test, "/square/7");
	assert_int_equal(res->status, 500);
	square_hook = NULL;
	expect_get(test, "/square/7", "MISS", "49");
	weir_test_destroy(test);
}

static void test_function_route_has_one_run_for_many_who_wait(void **state)
{
	struct weir_test *test = begin(&minute);
	struct weir_test_exchange *exchanges[10];

	(void)state;
	weir_test_hold_handlers(test, true);
	for (size_t i = 0; i < 10; i++)
		exchanges[i] = cache_app_start(test, i % 2 ? "/square/07" : "/square/7", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(weir_test_response(exchanges[i])->status, i % 2 ? 422 : 200); /* 07 is no number */
	assert_int_equal(square_runs, 1);
	assert_int_equal(cache_app_stats(test).coalesced, 4);
	weir_test_destroy(test);
}

static enum weir_status fail_later(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	return square_runs > 2 ? WEIR_ERR_IO : WEIR_OK;
}

static void test_function_route_shows_its_old_value_meanwhile(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 10, .stale_while_revalidate_s = 10, .stale_if_error_s = 50 };
	struct weir_test *test = begin(&rule);

	(void)state;
	square_hook = fail_later;
	expect_get(test, "/square/7", "MISS", "49");
	weir_test_advance_ms(test, 11000);
	expect_get(test, "/square/7", "HIT", "49");
	weir_test_run(test);
	assert_int_equal(square_runs, 2); /* in the background, with the same arguments */
	weir_test_advance_ms(test, 9000);
	expect_get(test, "/square/7", "HIT", "49");
	assert_int_equal(square_runs, 2);
	weir_test_advance_ms(test, 20000);
	expect_answer(test, weir_test_get(test, "/square/7"), "HIT", "49"); /* for making it fails */
	assert_int_equal(square_runs, 3);
	weir_test_destroy(test);
}

/* -- The start --------------------------------------------------------------------------------------------------------------- */

static const struct weir_field injected_params[] = { WEIR_TEXT(struct place, name), { .name = "__weir_cache_response" }, { 0 } };
static const struct weir_coder bare_coder = { .size = 4 };

static enum weir_status handle(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_empty(res, 204);
}

#define FUNCTION(...) \
	&(const struct weir_function) \
	{ \
		__VA_ARGS__ \
	}
#define GOOD .name = "f", .run = give_bytes, .coder = &weir_coder_bytes
#define NAMED(...) FUNCTION(GOOD, __VA_ARGS__)

static const struct refused {
	struct weir_route routes[2];
	const char *why; /* NULL: it is not refused */
} refused[] = {
	{ { { .path = "/a", .function = NAMED(.cache = { .ns = "n" }) }, { .path = "/b", .function = NAMED(.cache = { .ns = "n" }) } },
	  NULL },
	{ { { .path = "/a", .function = NAMED(.cache = { .ns = "n" }) }, { .path = "/b", .function = NAMED(.user_data = &runs) } }, NULL },
	{ { { .path = "/a", .function = FUNCTION(.name = "f") } }, "route \"/a\", function \"f\": it has no run" },
	{ { { .path = "/a", .function = FUNCTION(.run = give_bytes) } }, "route \"/a\", function \"\": it has no name" },
	{ { { .path = "/a", .function = FUNCTION(.name = "", .run = give_bytes) } }, "route \"/a\", function \"\": it has no name" },
	{ { { .path = "/a", .function = NAMED(.params = place_fields) } },
	  "route \"/a\", function \"f\": it has params, but no params_size" },
	{ { { .path = "/a", .function = NAMED(.params = injected_params, .params_size = 8) } },
	  "route \"/a\", function \"f\": a parameter bears the name of what is injected: pick another injected_ns for its rule" },
	{ { { .path = "/a", .function = NAMED(.params = injected_params, .params_size = 8, .cache = { .injected_ns = "ni" }) } }, NULL },
	{ { { .path = "/a", .function = FUNCTION(.name = "f", .run = give_bytes, .coder = &bare_coder) } },
	  "route \"/a\", function \"f\": its coder has no name of 1 to 63 characters" },
	{ { { .path = "/a", .function = NAMED(.cache = { .coder = &weir_coder_int }) } },
	  "route \"/a\", function \"f\": its rule's coder is for values of another size" },
	{ { { .path = "/a", .function = NAMED(.cache = { .expire_s = -2 }) } },
	  "route \"/a\", function \"f\": its rule's expire_s is negative and not WEIR_EXPIRE_NEVER" },
	{ { { .path = "/a", .function = FUNCTION(GOOD), .handler = handle } },
	  "route \"/a\", function \"f\": the route has a handler too" },
	{ { { .path = "/a", .function = FUNCTION(GOOD), .cache = &minute } },
	  "route \"/a\", function \"f\": the route has a cache rule too: the function's own is the route's" },
	{ { { .path = "/a", .function = FUNCTION(GOOD), .stream_body = true } },
	  "route \"/a\", function \"f\": the route has stream_body, but parameters are taken from the whole body" },
	{ { { .path = "/a", .function = FUNCTION(GOOD) }, { .path = "/b", .function = FUNCTION(.name = "f", .run = give_text) } },
	  "route \"/b\", function \"f\": another function has this name in the same namespace" },
	{ { { .path = "/a", .handler = handle, .cache = &(const struct weir_cache_rule){ .coder = &weir_coder_int } } },
	  "route \"/a\": its rule's coder is not one of bytes" },
	{ { { .path = "/a", .handler = handle, .cache = &(const struct weir_cache_rule){ .coder = &weir_coder_bytes } } }, NULL },
};

static enum weir_status start(const struct weir_route *routes, char *said, size_t size)
{
	const struct weir_app_options options = { .name = "wrong", .routes = routes };
	const struct weir_cache_options cache_options = { .locked = true };
	struct weir_cache *cache = NULL;
	struct weir_app *app = NULL;
	enum weir_status status = weir_app_create(&options, said, size, &app);

	if (status < 0)
		return status;
	assert_int_equal(weir_cache_create(&cache_options, said, size, &cache), WEIR_OK);
	assert_int_equal(weir_app_use_cache(app, cache), WEIR_OK);
	status = weir_app_check(app);
	(void)snprintf(said, size, "%s", weir_app_error(app));
	weir_app_destroy(app);
	return status;
}

static void test_function_route_mistakes_are_errors_at_the_start(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct weir_route routes[] = { refused[i].routes[0], refused[i].routes[1], { 0 } };
		char said[512] = "";

		assert_int_equal(start(routes, said, sizeof(said)), refused[i].why ? WEIR_ERR_CONFIG : WEIR_OK);
		if (refused[i].why)
			assert_string_equal(said, refused[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function_route_answers_a_hit_as_its_miss),
		cmocka_unit_test(test_function_route_shows_a_struct_as_json),
		cmocka_unit_test(test_function_route_answers_conditional_requests),
		cmocka_unit_test(test_function_route_obeys_what_the_request_says_of_caching),
		cmocka_unit_test(test_function_route_serves_head),
		cmocka_unit_test(test_function_route_fails_as_a_handler_does),
		cmocka_unit_test(test_function_route_has_one_run_for_many_who_wait),
		cmocka_unit_test(test_function_route_shows_its_old_value_meanwhile),
		cmocka_unit_test(test_function_route_mistakes_are_errors_at_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
