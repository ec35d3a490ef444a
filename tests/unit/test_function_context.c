/* SPDX-License-Identifier: Apache-2.0
 *
 * What surrounds a cached function: its arguments, request and response, its rule's hooks, a cache that is off, and clearing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/coder.h"
#include "support/function_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "numbers" };
static struct weir_function square;

static struct weir_test *begin(const struct weir_cache_rule *rule)
{
	square = square_function(rule);
	return function_app(&square, NULL, NULL);
}

static struct weir_cache *cache_of(struct weir_test *test)
{
	return weir_app_cache(weir_test_app(test));
}

static enum weir_status call_seven(struct weir_request *req)
{
	expect_square(req, &square, 7);
	return WEIR_OK;
}

/* -- What it is given -------------------------------------------------------------------------------------------------------- */

static const struct weir_field narrow_params[] = { WEIR_INT_BETWEEN(struct square, n, 0, 10), { 0 } };

static void test_function_refuses_arguments_that_break_its_table(void **state)
{
	struct weir_test *test = begin(&minute);
	struct weir_pool *pool = weir_pool_create(0);
	int64_t result = 5;

	(void)state;
	square.params = narrow_params;
	assert_int_equal(weir_cache_call(cache_of(test), pool, &square, &(const struct square){ 11 }, &result), WEIR_ERR_INVALID);
	assert_int_equal(weir_cache_call(cache_of(test), pool, &square, NULL, &result), WEIR_ERR_INVALID);
	assert_int_equal(square_runs, 0);
	weir_pool_destroy(pool);
	weir_test_destroy(test);
}

static const struct weir_function *running;
static struct weir_request *caller;

static enum weir_status look_round(struct weir_call *call, int64_t n)
{
	const struct square *args = weir_call_arguments(call);

	assert_int_equal(n, args->n);
	assert_ptr_equal(weir_call_function(call), running);
	assert_ptr_equal(weir_call_user_data(call), &caller);
	assert_ptr_equal(weir_call_rule(call), &running->cache);
	assert_string_equal(weir_call_namespace(call), "numbers");
	assert_non_null(weir_call_pool(call));
	assert_true(weir_call_is_cached(call));
	assert_ptr_equal(weir_call_injected(call, "__weir_cache_request"), caller);
	assert_int_equal(weir_call_injected(call, "__weir_cache_response") != NULL, caller != NULL);
	assert_null(weir_call_injected(call, "__weir_cache_"));
	assert_null(weir_call_injected(call, "__weir_cache_requests"));
	assert_null(weir_call_injected(call, "request"));
	assert_int_equal(weir_call_set_namespace(call, "x"), WEIR_ERR_STATE);
	return WEIR_OK;
}

static enum weir_status call_and_look(struct weir_request *req)
{
	assert_null(weir_call_function(weir_request_call(req)));
	assert_null(weir_call_injected(weir_request_call(req), "__weir_cache_request"));
	caller = req;
	expect_square(req, &square, 1);
	caller = NULL;
	return WEIR_OK;
}

static void test_function_knows_what_surrounds_it(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	square.user_data = &caller;
	running = &square;
	square_hook = look_round;
	caller = NULL;
	function_app_call(test, call_and_look);
	expect_square_outside(cache_of(test), &square, 2);
	assert_int_equal(square_runs, 2);
	weir_test_destroy(test);
}

static enum weir_status look_for_python(struct weir_call *call, int64_t n)
{
	struct weir_response *res = weir_call_injected(call, "monty_python_response");

	(void)n;
	assert_null(weir_call_injected(call, "__weir_cache_request"));
	assert_string_equal(weir_request_path(weir_call_injected(call, "monty_python_request")), "/square/3");
	weir_response_set_field(res, "Spam", "eggs");
	return WEIR_OK;
}

static void test_function_of_a_route_is_given_its_request(void **state)
{
	static const struct weir_cache_rule rule = { .injected_ns = "monty_python" };
	struct weir_test *test = begin(&rule);
	const struct weir_test_response *res;

	(void)state;
	square_hook = look_for_python;
	res = weir_test_get(test, "/square/3");
	expect_answer(test, res, "MISS", "9");
	expect_field(test, res, "Spam", "eggs");
	weir_test_destroy(test);
}

/* -- Without a cache --------------------------------------------------------------------------------------------------------- */

static void test_function_runs_each_time_when_the_cache_is_off(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	weir_cache_set_enabled(cache_of(test), false);
	function_app_call(test, call_seven);
	function_app_call(test, call_seven);
	assert_int_equal(square_runs, 2);
	weir_cache_set_enabled(cache_of(test), true);
	function_app_call(test, call_seven);
	function_app_call(test, call_seven);
	assert_int_equal(square_runs, 3);
	weir_test_destroy(test);
}

static enum weir_status move_evens(struct weir_call *call, struct weir_request *req)
{
	const struct square *args = weir_call_arguments(call);

	(void)req;
	if (args->n == 13)
		return WEIR_ERR_INVALID;
	return weir_call_set_namespace(call, args->n % 2 ? "odd" : "even");
}

static void test_function_key_is_prepared_by_the_rule(void **state)
{
	static const struct weir_cache_rule rule = { .prepare = move_evens };
	struct weir_test *test = begin(&rule);

	(void)state;
	for (int64_t n = 1; n <= 4; n++)
		expect_square_outside(cache_of(test), &square, n);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "even", NULL), WEIR_OK);
	for (int64_t n = 1; n <= 4; n++)
		expect_get(test, (const char *const[]){ "/square/1", "/square/2", "/square/3", "/square/4" }[n - 1], n % 2 ? "HIT" : "MISS",
			   (const char *const[]){ "1", "4", "9", "16" }[n - 1]);
	(void)cache_app_lines();
	expect_square_outside(cache_of(test), &square, 13);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "square is not cached"));
	expect_square_outside(cache_of(test), &square, 13);
	assert_int_equal(square_runs, 8);
	weir_test_destroy(test);
}

/* -- Clearing ---------------------------------------------------------------------------------------------------------------- */

static enum weir_status prepare_nothing(struct weir_call *call, struct weir_request *req)
{
	(void)call;
	(void)req;
	return WEIR_OK;
}

static void test_function_one_call_can_be_cleared(void **state)
{
	struct weir_test *test = begin(&minute);
	size_t removed = 5;

	(void)state;
	expect_square_outside(cache_of(test), &square, 7);
	expect_square_outside(cache_of(test), &square, 8);
	assert_int_equal(weir_cache_clear_call(cache_of(test), &square, &(const struct square){ 7 }, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(weir_cache_clear_call(cache_of(test), &square, &(const struct square){ 7 }, &removed), WEIR_OK);
	assert_int_equal(removed, 0);
	expect_get(test, "/square/7", "MISS", "49");
	expect_get(test, "/square/8", "HIT", "64");
	assert_int_equal(weir_cache_clear_call(cache_of(test), &square, NULL, NULL), WEIR_ERR_INVALID);
	square.cache.key = weir_key_path;
	assert_int_equal(weir_cache_clear_call(cache_of(test), &square, &(const struct square){ 7 }, NULL), WEIR_ERR_UNSUPPORTED);
	square.cache.key = NULL;
	square.cache.prepare = prepare_nothing;
	assert_int_equal(weir_cache_clear_call(cache_of(test), &square, &(const struct square){ 7 }, NULL), WEIR_ERR_UNSUPPORTED);
	weir_test_destroy(test);
}

static enum weir_status tag_by_parity(struct weir_call *call, int64_t n)
{
	weir_call_add_tag(call, n % 2 ? "odd" : "even");
	return WEIR_OK;
}

static void test_function_values_are_cleared_by_tag(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	square_hook = tag_by_parity;
	for (int64_t n = 1; n <= 4; n++)
		expect_square_outside(cache_of(test), &square, n);
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "odd", NULL), WEIR_OK);
	for (int64_t n = 1; n <= 4; n++)
		expect_square_outside(cache_of(test), &square, n);
	assert_int_equal(square_runs, 6);
	expect_get(test, "/square/1", "HIT", "1");
	weir_test_destroy(test);
}

static struct weir_cache *cleared_meanwhile;

static enum weir_status clear_meanwhile(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	if (cleared_meanwhile)
		assert_int_equal(weir_cache_clear_namespace(cleared_meanwhile, "numbers", NULL), WEIR_OK);
	cleared_meanwhile = NULL;
	return WEIR_OK;
}

static void test_function_value_begun_before_a_clear_is_not_served_after_it(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	square_hook = clear_meanwhile;
	cleared_meanwhile = cache_of(test);
	expect_square_outside(cache_of(test), &square, 7);
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 2);
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 2);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function_refuses_arguments_that_break_its_table),
		cmocka_unit_test(test_function_knows_what_surrounds_it),
		cmocka_unit_test(test_function_of_a_route_is_given_its_request),
		cmocka_unit_test(test_function_runs_each_time_when_the_cache_is_off),
		cmocka_unit_test(test_function_key_is_prepared_by_the_rule),
		cmocka_unit_test(test_function_one_call_can_be_cleared),
		cmocka_unit_test(test_function_values_are_cleared_by_tag),
		cmocka_unit_test(test_function_value_begun_before_a_clear_is_not_served_after_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
