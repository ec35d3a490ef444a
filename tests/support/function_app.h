/* SPDX-License-Identifier: Apache-2.0
 *
 * An app for the tests of cached functions: a function that squares a number, as the target of a route, and a handler in which a test
 * calls what it likes.
 *
 *     GET /square/{n}     the function; its value is an integer
 *     GET /call           function_app_caller(), or 200 "called" when that says OK and has made no response
 */
#ifndef WEIR_TESTS_FUNCTION_APP_H
#define WEIR_TESTS_FUNCTION_APP_H

#include <stdatomic.h>

#include <weir/function.h>
#include <weir/testing.h>

#include "support/cache_app.h"

struct square {
	int64_t n;
};

extern const struct weir_field square_params[];

/* How often it has run since the app was made; 404 for a negative number. */
extern atomic_int square_runs;

/* Called in the function before it gives its value; a failure is the function's. NULL with each new app. */
extern enum weir_status (*square_hook)(struct weir_call *call, int64_t n);

enum weir_status square_run(struct weir_call *call, const void *args, void *result);

/* `rule` is the function's. */
struct weir_function square_function(const struct weir_cache_rule *rule);

extern enum weir_status (*function_app_caller)(struct weir_request *req);

/* An app with that function and further routes, NULL for none; `function` must outlive it. `options` NULL: defaults. */
struct weir_test *function_app(const struct weir_function *function, const struct weir_cache_options *options,
			       const struct weir_route *more);

/* Has /call call `caller`. It is to succeed. */
void function_app_call(struct weir_test *test, enum weir_status (*caller)(struct weir_request *req));

/* weir_call() of that function, and weir_cache_call(): OK, and the result is n * n. */
void expect_square(struct weir_request *req, const struct weir_function *function, int64_t n);
void expect_square_outside(struct weir_cache *cache, const struct weir_function *function, int64_t n);

#endif
