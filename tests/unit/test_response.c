/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses by themselves: setters, writers, what becomes a 500, and the head as a web server gets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>

#include "base/pool.h"
#include "exchange/response.h"

static struct weir_pool pool;
static struct weir_response res;
static int closed;

static int setup(void **state)
{
	(void)state;
	closed = 0;
	weir_pool_init(&pool, 0);
	memset(&res, 0, sizeof(res));
	weir_response_begin(&res, &pool, NULL, 1000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	weir_response_finish(&res);
	weir_pool_finish(&pool);
	return 0;
}

static void expect_head(const char *head)
{
	struct weir_slice made = weir_response_head(&res);

	assert_int_equal(made.len, strlen(head));
	assert_memory_equal(made.data, head, made.len);
}

static void expect_body(const char *body)
{
	struct weir_slice bytes = weir_response_body_bytes(&res);

	assert_int_equal(bytes.len, strlen(body));
	assert_memory_equal(bytes.data, body, bytes.len);
}

static void count_close(void *state)
{
	assert_ptr_equal(state, &res);
	closed++;
}

static enum weir_status no_more(void *state, struct weir_slice *chunk)
{
	(void)state;
	(void)chunk;
	return WEIR_END;
}

static const struct weir_source source = { .next = no_more, .close = count_close, .state = &res, .length = 7, .has_length = true };

/* -- Heads ----------------------------------------------------------------------------------------------------------------- */

static void test_response_is_empty_at_first(void **state)
{
	(void)state;
	assert_int_equal(weir_response_status(&res), 200);
	expect_head("Status: 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void test_response_head_has_the_fields_in_order(void **state)
{
	(void)state;
	weir_response_set_status(&res, 418);
	weir_response_add_field(&res, "X-A", "1");
	weir_response_add_field(&res, "X-B", "2");
	weir_response_add_field(&res, "x-a", "3");
	assert_int_equal(weir_response_bytes(&res, "text/plain", WEIR_SLICE_LITERAL("12345")), WEIR_OK);
	expect_head("Status: 418 Unknown\r\nX-A: 1\r\nX-B: 2\r\nx-a: 3\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
	weir_response_set_field(&res, "X-A", NULL);
	weir_response_remove_field(&res, "X-B");
	assert_int_equal(weir_response_field(&res, "X-A").len, 0);
	assert_null(weir_response_field(&res, "X-B").data);
	expect_head("Status: 418 Unknown\r\nX-A: \r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
}

static void test_response_head_has_a_length_only_when_it_is_known(void **state)
{
	struct weir_source endless = source;

	(void)state;
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	expect_head("Status: 200 OK\r\nContent-Length: 7\r\n\r\n");
	endless.has_length = false;
	assert_int_equal(weir_response_stream(&res, NULL, &endless), WEIR_OK);
	expect_head("Status: 200 OK\r\n\r\n");
	assert_int_equal(weir_response_empty(&res, 204), WEIR_OK);
	expect_head("Status: 204 No Content\r\n\r\n");
	assert_int_equal(weir_response_text(&res, NULL, "gone"), WEIR_OK);
	weir_response_set_status(&res, 304);
	expect_head("Status: 304 Not Modified\r\n\r\n");
}

static void test_response_sets_cookies_apart(void **state)
{
	(void)state;
	weir_response_set_cookie(&res, &(struct weir_set_cookie){ .name = "a", .value = "1" });
	weir_response_set_cookie(&res, &(struct weir_set_cookie){ .name = "b", .value = "2" });
	expect_head("Status: 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n");
}

static void test_response_keeps_fields_of_the_server_to_itself(void **state)
{
	static const char *const names[] = { "Connection",        "content-length",   "Keep-Alive",      "Status",
					     "Transfer-Encoding", "X-Accel-Redirect", "x-accel-expires", "Trailer" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		weir_response_set_field(&res, names[i], "/etc/passwd");
		weir_response_add_field(&res, names[i], "/etc/passwd");
	}
	expect_head("Status: 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_null(weir_response_settle(&res, WEIR_OK));
}

/* -- Writers --------------------------------------------------------------------------------------------------------------- */

static void test_response_writers_replace_the_body(void **state)
{
	(void)state;
	assert_int_equal(weir_response_text(&res, "text/plain", "%d", 12), WEIR_OK);
	expect_body("12");
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	assert_true(weir_response_is_stream(&res));
	assert_int_equal(weir_response_borrowed(&res, NULL, WEIR_SLICE_LITERAL("borrowed"), NULL, NULL), WEIR_OK);
	assert_int_equal(closed, 1);
	expect_body("borrowed");
	weir_buffer_append_text(weir_response_body(&res), "appended");
	weir_buffer_append_text(weir_response_body(&res), " twice");
	expect_body("appended twice");
	assert_int_equal(weir_response_bytes(&res, NULL, WEIR_SLICE_NONE), WEIR_OK);
	expect_body("");
	assert_string_equal(weir_response_field(&res, "Content-Type").data, "text/plain");
}

static void test_response_writes_json(void **state)
{
	struct json_object *object = json_object_new_object();

	(void)state;
	json_object_object_add(object, "a", json_object_new_int(1));
	assert_int_equal(weir_response_json(&res, object), WEIR_OK);
	expect_body("{\"a\":1}");
	assert_int_equal(weir_response_json(&res, NULL), WEIR_ERR_MEMORY);
	assert_string_equal(weir_response_field(&res, "Content-Type").data, "application/json");
}

static void test_response_writes_problems(void **state)
{
	(void)state;
	assert_int_equal(weir_response_error(&res, 404, "no \"such\" item"), WEIR_OK);
	expect_body("{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"no \\\"such\\\" item\"}");
	assert_int_equal(weir_response_error(&res, 410, NULL), WEIR_OK);
	expect_body("{\"type\":\"about:blank\",\"title\":\"Gone\",\"status\":410}");
	assert_string_equal(weir_response_field(&res, "Content-Type").data, "application/problem+json");
	assert_int_equal(weir_response_status(&res), 410);
}

static void test_response_redirects(void **state)
{
	static const int wrong[] = { 200, 300, 304, 306, 309, 404 };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(weir_response_redirect(&res, wrong[i], "/a"), WEIR_ERR_INVALID);
	assert_int_equal(weir_response_redirect(&res, 308, "/a"), WEIR_OK);
	expect_head("Status: 308 Permanent Redirect\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n");
}

static void note_release(void *owner)
{
	*(bool *)owner = true;
}

static void test_response_releases_what_it_borrowed(void **state)
{
	bool released = false;

	(void)state;
	assert_int_equal(weir_response_borrowed(&res, NULL, WEIR_SLICE_LITERAL("x"), note_release, &released), WEIR_OK);
	assert_false(released);
	weir_pool_reset(&pool);
	assert_true(released);
	teardown(NULL);
	setup(NULL);
	released = false;
	pool.limit = 1;
	assert_int_equal(weir_response_borrowed(&res, NULL, WEIR_SLICE_LITERAL("x"), note_release, &released), WEIR_ERR_MEMORY);
	assert_true(released); /* at once, since nobody else would */
}

/* -- Sources --------------------------------------------------------------------------------------------------------------- */

static void test_response_closes_sources_once(void **state)
{
	(void)state;
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	assert_int_equal(closed, 1);
	weir_response_drop_body(&res);
	assert_int_equal(closed, 2);
	assert_false(weir_response_is_stream(&res));
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	weir_response_reset(&res);
	assert_int_equal(closed, 3);
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	weir_response_finish(&res);
	assert_int_equal(closed, 4);
}

static int inner_closed;

static void close_inner(void *state)
{
	struct weir_source *inner = state;

	inner_closed++;
	inner->close(inner->state);
}

static void test_response_wraps_sources(void **state)
{
	static struct weir_source inner;
	const struct weir_source outer = { .next = no_more, .close = close_inner, .state = &inner };

	(void)state;
	inner_closed = 0;
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	weir_response_wrap_source(&res, &outer, &inner);
	assert_ptr_equal(inner.close, count_close);
	assert_int_equal(closed, 0);
	weir_response_drop_body(&res);
	assert_int_equal(inner_closed, 1);
	assert_int_equal(closed, 1);
}

/* -- What cannot be sent --------------------------------------------------------------------------------------------------- */

static void expect_failed(enum weir_status handler)
{
	assert_non_null(weir_response_settle(&res, handler));
	assert_true(weir_response_failed(&res));
	assert_int_equal(weir_response_status(&res), 500);
	expect_body("{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500}");
	expect_head("Status: 500 Internal Server Error\r\nContent-Type: application/problem+json\r\nContent-Length: 67\r\n\r\n");
}

static void test_response_fails_with_the_handler(void **state)
{
	(void)state;
	assert_null(weir_response_settle(&res, WEIR_OK));
	assert_false(weir_response_failed(&res));
	weir_response_set_field(&res, "X-Secret", "1");
	assert_int_equal(weir_response_stream(&res, NULL, &source), WEIR_OK);
	expect_failed(WEIR_ERR_BACKEND);
	assert_int_equal(closed, 1);
}

static void test_response_fails_with_a_strange_result(void **state)
{
	(void)state;
	expect_failed(WEIR_END);
}

static void test_response_fails_with_a_strange_status(void **state)
{
	static const int statuses[] = { 0, 99, 100, 199, 600, -200 };

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		weir_response_reset(&res);
		weir_response_set_status(&res, statuses[i]);
		expect_failed(WEIR_OK);
	}
}

static void test_response_fails_over_its_limits(void **state)
{
	char bytes[1001] = { 0 };

	(void)state;
	assert_int_equal(weir_response_bytes(&res, NULL, weir_slice(bytes, 1000)), WEIR_OK);
	assert_int_equal(weir_response_bytes(&res, NULL, weir_slice(bytes, 1001)), WEIR_ERR_LIMIT);
	expect_failed(WEIR_OK);
	teardown(NULL);
	setup(NULL);
	pool.limit = 10;
	weir_response_set_field(&res, "X-A", "more than ten bytes");
	assert_int_equal(weir_response_text(&res, NULL, "x"), WEIR_ERR_MEMORY);
	expect_failed(WEIR_OK);
}

static void test_response_fails_with_a_field_that_splits(void **state)
{
	(void)state;
	weir_response_add_field(&res, "X-A", "1\r\nSet-Cookie: a=b");
	expect_failed(WEIR_OK);
	weir_response_reset(&res);
	weir_response_add_field(&res, "X-A:", "1");
	expect_failed(WEIR_OK);
	weir_response_reset(&res);
	weir_response_set_cookie(&res, &(struct weir_set_cookie){ .name = "a", .value = "1;2" });
	expect_failed(WEIR_OK);
	weir_response_reset(&res);
	assert_null(weir_response_settle(&res, WEIR_OK)); /* a reset starts over */
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_response_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(is_empty_at_first),
		TEST(head_has_the_fields_in_order),
		TEST(head_has_a_length_only_when_it_is_known),
		TEST(sets_cookies_apart),
		TEST(keeps_fields_of_the_server_to_itself),
		TEST(writers_replace_the_body),
		TEST(writes_json),
		TEST(writes_problems),
		TEST(redirects),
		TEST(releases_what_it_borrowed),
		TEST(closes_sources_once),
		TEST(wraps_sources),
		TEST(fails_with_the_handler),
		TEST(fails_with_a_strange_result),
		TEST(fails_with_a_strange_status),
		TEST(fails_over_its_limits),
		TEST(fails_with_a_field_that_splits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
