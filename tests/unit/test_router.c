/* SPDX-License-Identifier: Apache-2.0
 *
 * The router: which route a path and a method lead to, what its parameters are, and which patterns are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <weir/buffer.h>

#include "exchange/router.h"

static char why[200];

static enum weir_status answer(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_empty(res, 204);
}

static enum weir_status add(struct weir_router *router, const char *path, unsigned methods)
{
	return weir_router_add(router, &(struct weir_route){ .path = path, .methods = methods, .handler = answer }, why, sizeof(why));
}

static struct weir_router *make(const char *const *patterns)
{
	struct weir_router *router = weir_router_create();

	assert_non_null(router);
	for (; *patterns; patterns++)
		assert_int_equal(add(router, *patterns, WEIR_GET), WEIR_OK);
	return router;
}

#define ROUTER(...) make((const char *const[]){ __VA_ARGS__, NULL })

/* The pattern that answers GET, with its parameters: "/a/{x} x=1"; "" when there is none. */
static const char *found(const struct weir_router *router, const char *path)
{
	static char text[400];
	struct weir_router_match match;
	int at;

	weir_router_find(router, WEIR_GET, weir_slice_text(path), &match);
	if (!match.route)
		return "";
	at = snprintf(text, sizeof(text), "%s", match.route->path);
	for (size_t i = 0; i < match.count; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, " %s=%.*s", match.names[i], (int)match.values[i].len,
			       match.values[i].data);
	return text;
}

static const char *why_refused(const char *path)
{
	struct weir_router *router = weir_router_create();

	assert_non_null(router);
	assert_int_equal(add(router, path, WEIR_GET), WEIR_ERR_CONFIG);
	assert_string_equal(found(router, "/"), "");
	weir_router_destroy(router);
	return why;
}

static void test_router_finds_literals(void **state)
{
	struct weir_router *router = ROUTER("/", "/a", "/a/b", "/a/b/", "/b/a", "/aa");

	(void)state;
	assert_string_equal(found(router, "/"), "/");
	assert_string_equal(found(router, "/a"), "/a");
	assert_string_equal(found(router, "/a/b"), "/a/b");
	assert_string_equal(found(router, "/a/b/"), "/a/b/");
	assert_string_equal(found(router, "/aa"), "/aa");
	assert_string_equal(found(router, "/a/"), "");
	assert_string_equal(found(router, "/b"), "");
	assert_string_equal(found(router, "/A"), "");
	assert_string_equal(found(router, "/a/b/c"), "");
	assert_string_equal(found(router, "//a"), "");
	weir_router_destroy(router);
}

static void test_router_binds_parameters(void **state)
{
	struct weir_router *router = ROUTER("/items/{id}", "/{kind}/{id}/parts/{part_2}");

	(void)state;
	assert_string_equal(found(router, "/items/7"), "/items/{id} id=7");
	assert_string_equal(found(router, "/cars/7/parts/door"), "/{kind}/{id}/parts/{part_2} kind=cars id=7 part_2=door");
	assert_string_equal(found(router, "/items/a%2Fb"), "/items/{id} id=a%2Fb");
	assert_string_equal(found(router, "/items/"), "");
	assert_string_equal(found(router, "/items"), "");
	assert_string_equal(found(router, "/items/7/"), "");
	weir_router_destroy(router);
}

static void test_router_gives_the_rest(void **state)
{
	struct weir_router *router = ROUTER("/files/{user}/{path...}");

	(void)state;
	assert_string_equal(found(router, "/files/eva/a/b.txt"), "/files/{user}/{path...} user=eva path=a/b.txt");
	assert_string_equal(found(router, "/files/eva/"), "/files/{user}/{path...} user=eva path=");
	assert_string_equal(found(router, "/files/eva/a//b/"), "/files/{user}/{path...} user=eva path=a//b/");
	assert_string_equal(found(router, "/files/eva"), "");
	assert_string_equal(found(router, "/files//a"), "");
	weir_router_destroy(router);
}

static void test_router_prefers_literal_then_parameter_then_rest(void **state)
{
	struct weir_router *router = ROUTER("/{rest...}", "/a/{x}", "/a/b", "/{y}/b");

	(void)state;
	assert_string_equal(found(router, "/a/b"), "/a/b");
	assert_string_equal(found(router, "/a/c"), "/a/{x} x=c");
	assert_string_equal(found(router, "/c/b"), "/{y}/b y=c");
	assert_string_equal(found(router, "/c/d"), "/{rest...} rest=c/d");
	assert_string_equal(found(router, "/"), "/{rest...} rest=");
	weir_router_destroy(router);
}

static void test_router_comes_back_from_a_dead_end(void **state)
{
	struct weir_router *router = ROUTER("/a/b/d", "/a/{x}/c", "/{y}/b/e", "/{z...}");

	(void)state;
	assert_string_equal(found(router, "/a/b/d"), "/a/b/d");
	assert_string_equal(found(router, "/a/b/c"), "/a/{x}/c x=b");
	assert_string_equal(found(router, "/a/b/e"), "/{y}/b/e y=a");
	assert_string_equal(found(router, "/a/b/f"), "/{z...} z=a/b/f");
	weir_router_destroy(router);
}

static void test_router_tries_other_routes_for_the_method(void **state)
{
	struct weir_router *router = weir_router_create();
	struct weir_router_match match;

	(void)state;
	assert_non_null(router);
	assert_int_equal(add(router, "/a/b", WEIR_PUT), WEIR_OK);
	assert_int_equal(add(router, "/a/{x}", WEIR_POST), WEIR_OK);
	weir_router_find(router, WEIR_POST, weir_slice_text("/a/b"), &match);
	assert_non_null(match.route);
	assert_string_equal(match.route->path, "/a/{x}");
	weir_router_find(router, WEIR_GET, weir_slice_text("/a/b"), &match);
	assert_null(match.route);
	assert_int_equal(match.allowed, WEIR_PUT | WEIR_POST | WEIR_OPTIONS);
	weir_router_destroy(router);
}

static void test_router_serves_head_by_get(void **state)
{
	struct weir_router *router = weir_router_create();
	struct weir_router_match match;

	(void)state;
	assert_non_null(router);
	assert_int_equal(add(router, "/{id}", WEIR_GET), WEIR_OK);
	weir_router_find(router, WEIR_HEAD, weir_slice_text("/7"), &match);
	assert_non_null(match.route);
	assert_int_equal(match.count, 1);
	assert_int_equal(match.allowed, WEIR_GET | WEIR_HEAD | WEIR_OPTIONS);
	assert_int_equal(add(router, "/{id}", WEIR_HEAD), WEIR_OK);
	weir_router_find(router, WEIR_HEAD, weir_slice_text("/7"), &match);
	assert_non_null(match.route);
	assert_int_equal(match.route->methods, WEIR_HEAD);
	weir_router_destroy(router);
}

static void test_router_tells_what_is_allowed(void **state)
{
	struct weir_router *router = weir_router_create();
	struct weir_router_match match;

	(void)state;
	assert_non_null(router);
	assert_int_equal(add(router, "/", WEIR_DELETE), WEIR_OK);
	weir_router_find(router, WEIR_GET, weir_slice_text("/"), &match);
	assert_null(match.route);
	assert_int_equal(match.allowed, WEIR_DELETE | WEIR_OPTIONS);
	weir_router_find(router, WEIR_GET, weir_slice_text("/none"), &match);
	assert_null(match.route);
	assert_int_equal(match.allowed, 0);
	weir_router_destroy(router);
}

static void test_router_refuses_conflicts(void **state)
{
	struct weir_router *router = ROUTER("/a/{x}", "/f/{rest...}");

	(void)state;
	assert_int_equal(add(router, "/a/{y}", WEIR_GET), WEIR_ERR_CONFIG);
	assert_string_equal(why, "route \"/a/{y}\" takes the same requests as \"/a/{x}\"");
	assert_int_equal(add(router, "/a/{y}", WEIR_PUT | WEIR_GET), WEIR_ERR_CONFIG);
	assert_int_equal(add(router, "/f/{all...}", WEIR_GET), WEIR_ERR_CONFIG);
	assert_string_equal(found(router, "/a/1"), "/a/{x} x=1");
	assert_int_equal(add(router, "/a/{y}", WEIR_PUT), WEIR_OK);
	assert_int_equal(add(router, "/f/{one}", WEIR_GET), WEIR_OK);
	weir_router_destroy(router);
}

static void test_router_refuses_wrong_patterns(void **state)
{
	static const char *const wrong[] = {
		"",
		"a",
		"/a{x}",
		"/{x}b",
		"/{}",
		"/{1x}",
		"/{x-y}",
		"/{...}",
		"/{x...}/a",
		"/{x}/{x}",
		"/a?b",
		"/a#b",
		"/a/../b",
		"/.",
		"/{",
		"/}",
		"/{x",
		"/{x}/{x...}",
		"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_true(strlen(why_refused(wrong[i])) > 0);
	assert_string_equal(why_refused("/{x...}/a"), "route \"/{x...}/a\": {name...} stands for all the rest, so nothing may follow it");
}

static void test_router_refuses_unknown_methods(void **state)
{
	struct weir_router *router = weir_router_create();

	(void)state;
	assert_non_null(router);
	assert_int_equal(add(router, "/", 1024), WEIR_ERR_CONFIG);
	weir_router_destroy(router);
}

static void test_router_refuses_a_route_without_handler(void **state)
{
	struct weir_router *router = weir_router_create();

	(void)state;
	assert_non_null(router);
	assert_int_equal(weir_router_add(router, &(struct weir_route){ .path = "/a" }, why, sizeof(why)), WEIR_ERR_CONFIG);
	assert_string_equal(why, "route \"/a\": no handler");
	weir_router_destroy(router);
}

static void test_router_copies_routes(void **state)
{
	struct weir_router *router;
	char path[] = "/a/{x}";

	(void)state;
	router = ROUTER(path);
	memset(path, '!', sizeof(path) - 1);
	assert_string_equal(found(router, "/a/1"), "/a/{x} x=1");
	weir_router_destroy(router);
}

static void append_path(void *state, const struct weir_route *route)
{
	weir_buffer_append_text(state, route->path);
}

static void test_router_lists_routes_in_order(void **state)
{
	struct weir_router *router = ROUTER("/c", "/a", "/b");
	struct weir_buffer paths;

	(void)state;
	weir_buffer_init(&paths, 0);
	weir_router_each(router, append_path, &paths);
	assert_int_equal(paths.len, 6);
	assert_memory_equal(paths.data, "/c/a/b", 6);
	weir_buffer_finish(&paths);
	weir_router_destroy(router);
	weir_router_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_router_finds_literals),
		cmocka_unit_test(test_router_binds_parameters),
		cmocka_unit_test(test_router_gives_the_rest),
		cmocka_unit_test(test_router_prefers_literal_then_parameter_then_rest),
		cmocka_unit_test(test_router_comes_back_from_a_dead_end),
		cmocka_unit_test(test_router_tries_other_routes_for_the_method),
		cmocka_unit_test(test_router_serves_head_by_get),
		cmocka_unit_test(test_router_tells_what_is_allowed),
		cmocka_unit_test(test_router_refuses_conflicts),
		cmocka_unit_test(test_router_refuses_wrong_patterns),
		cmocka_unit_test(test_router_refuses_unknown_methods),
		cmocka_unit_test(test_router_refuses_a_route_without_handler),
		cmocka_unit_test(test_router_copies_routes),
		cmocka_unit_test(test_router_lists_routes_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
