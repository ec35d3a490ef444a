/* SPDX-License-Identifier: Apache-2.0
 *
 * The app of the tests of cached functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/function_app.h"

#define ROUTES_MAX 16

const struct weir_field square_params[] = { WEIR_INT(struct square, n), { 0 } };

atomic_int square_runs;
enum weir_status (*square_hook)(struct weir_call *call, int64_t n);
enum weir_status (*function_app_caller)(struct weir_request *req);

enum weir_status square_run(struct weir_call *call, const void *args, void *result)
{
	int64_t n = ((const struct square *)args)->n;
	enum weir_status status = WEIR_OK;

	atomic_fetch_add(&square_runs, 1);
	if (square_hook)
		status = square_hook(call, n);
	*(int64_t *)result = n * n;
	return status == WEIR_OK && n < 0 ? WEIR_MISS : status;
}

struct weir_function square_function(const struct weir_cache_rule *rule)
{
	return (struct weir_function){
		.name = "square",
		.params = square_params,
		.params_size = sizeof(struct square),
		.run = square_run,
		.coder = &weir_coder_int,
		.cache = *rule,
	};
}

static enum weir_status call(struct weir_request *req, struct weir_response *res)
{
	enum weir_status status = function_app_caller(req);

	return status < 0 ? status : weir_response_text(res, "text/plain", "called");
}

struct weir_test *function_app(const struct weir_function *function, const struct weir_cache_options *options,
			       const struct weir_route *more)
{
	struct weir_route routes[ROUTES_MAX] = {
		{ .path = "/square/{n}", .function = function },
		{ .path = "/call", .handler = call },
	};
	size_t count = 2;

	for (; more && more->path; more++) {
		assert_true(count < ROUTES_MAX - 1);
		routes[count++] = *more;
	}
	atomic_store(&square_runs, 0);
	square_hook = NULL;
	return cache_app_routes(options, routes);
}

void function_app_call(struct weir_test *test, enum weir_status (*caller)(struct weir_request *req))
{
	function_app_caller = caller;
	assert_int_equal(weir_test_get(test, "/call")->status, 200);
}

void expect_square(struct weir_request *req, const struct weir_function *function, int64_t n)
{
	int64_t result = -1;

	assert_int_equal(weir_call(req, function, &(const struct square){ n }, &result), WEIR_OK);
	assert_int_equal(result, n * n);
}

void expect_square_outside(struct weir_cache *cache, const struct weir_function *function, int64_t n)
{
	struct weir_pool *pool = weir_pool_create(0);
	int64_t result = -1;

	assert_non_null(pool);
	assert_int_equal(weir_cache_call(cache, pool, function, &(const struct square){ n }, &result), WEIR_OK);
	assert_int_equal(result, n * n);
	weir_pool_destroy(pool);
}
