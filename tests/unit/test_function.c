/* SPDX-License-Identifier: Apache-2.0
 *
 * Cached functions, called by handlers and outside of requests: what is kept, for how long, and who shares it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/coder.h"
#include <stdio.h>

#include "support/function_app.h"
#include "support/scratch.h"

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

/* -- Who shares what --------------------------------------------------------------------------------------------------------- */

static void test_function_runs_once_for_the_same_arguments(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	function_app_call(test, call_seven);
	function_app_call(test, call_seven);
	assert_int_equal(square_runs, 1);
	assert_int_equal(cache_app_stats(test).hits, 1);
	assert_int_equal(cache_app_stats(test).stored, 1);
	weir_test_destroy(test);
}

static enum weir_status call_seven_and_eight(struct weir_request *req)
{
	expect_square(req, &square, 7);
	expect_square(req, &square, 8);
	expect_square(req, &square, 7);
	return WEIR_OK;
}

static void test_function_runs_for_each_arguments(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	function_app_call(test, call_seven_and_eight);
	assert_int_equal(square_runs, 2);
	weir_test_destroy(test);
}

static void test_function_route_finds_what_c_code_has_made(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	function_app_call(test, call_seven);
	expect_get(test, "/square/7", "HIT", "49");
	assert_int_equal(square_runs, 1);
	weir_test_destroy(test);
}

static void test_function_c_code_finds_what_a_route_has_made(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	expect_get(test, "/square/7", "MISS", "49");
	function_app_call(test, call_seven);
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 1);
	weir_test_destroy(test);
}

static void test_function_is_told_apart_by_name_and_namespace(void **state)
{
	struct weir_test *test = begin(&minute);
	struct weir_function other = square;

	(void)state;
	expect_square_outside(cache_of(test), &square, 7);
	other.name = "another";
	expect_square_outside(cache_of(test), &other, 7);
	assert_int_equal(square_runs, 2);
	other.name = "square";
	other.cache.ns = "others";
	expect_square_outside(cache_of(test), &other, 7);
	assert_int_equal(square_runs, 3);
	weir_test_destroy(test);
}

static void test_function_of_another_coder_finds_nothing(void **state)
{
	static const struct weir_coder_ops *ops;
	static struct weir_coder_ops renamed;
	static struct weir_coder coder;
	struct weir_test *test = begin(&minute);
	struct weir_function other = square;

	(void)state;
	ops = weir_coder_int.ops;
	renamed = *ops;
	renamed.name = "numbers in another form";
	coder = weir_coder_int;
	coder.ops = &renamed;
	expect_square_outside(cache_of(test), &square, 7);
	other.coder = &coder;
	expect_square_outside(cache_of(test), &other, 7);
	assert_int_equal(square_runs, 2);
	assert_int_equal(cache_app_stats(test).errors, 0);
	weir_test_destroy(test);
}

static enum weir_status call_without_rights(struct weir_request *req)
{
	assert_non_null(weir_request_field(req, "Cache-Control"));
	return call_seven(req);
}

static void test_function_ignores_what_the_request_says_of_caching(void **state)
{
	struct weir_test *test = begin(&minute);
	const struct weir_test_response *res;

	(void)state;
	function_app_caller = call_without_rights;
	(void)cache_app_get(test, "/call", FIELDS("Cache-Control", "no-store"));
	res = cache_app_get(test, "/call", FIELDS("Cache-Control", "no-cache", "Authorization", "Basic eDp5"));
	assert_int_equal(res->status, 200);
	expect_field(test, res, "X-Weir-Cache", NULL);
	expect_field(test, res, "Cache-Status", NULL);
	expect_field(test, res, "Cache-Control", NULL);
	assert_int_equal(square_runs, 1);
	weir_test_destroy(test);
}

/* -- How long ---------------------------------------------------------------------------------------------------------------- */

static void test_function_runs_again_when_its_value_has_expired(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	expect_square_outside(cache_of(test), &square, 7);
	weir_test_advance_ms(test, 59999);
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 1);
	weir_test_advance_ms(test, 1);
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 2);
	weir_test_destroy(test);
}

static enum weir_status short_for_seven(struct weir_call *call, int64_t n)
{
	assert_int_equal(weir_call_expire_s(call), 60);
	if (n == 7)
		weir_call_set_expire_s(call, 5);
	if (n == 8)
		weir_call_do_not_store(call);
	return WEIR_OK;
}

static void test_function_decides_on_its_storing_for_one_call(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	square_hook = short_for_seven;
	for (int64_t n = 7; n <= 9; n++)
		expect_square_outside(cache_of(test), &square, n);
	weir_test_advance_ms(test, 5000);
	for (int64_t n = 7; n <= 9; n++)
		expect_square_outside(cache_of(test), &square, n);
	assert_int_equal(square_runs, 5); /* 9 is still there */
	weir_test_destroy(test);
}

static enum weir_status nothing_outside(struct weir_cache *cache, int64_t n)
{
	struct weir_pool *pool = weir_pool_create(0);
	int64_t result = -1;
	enum weir_status status = weir_cache_call(cache, pool, &square, &(const struct square){ n }, &result);

	weir_pool_destroy(pool);
	return status;
}

static void test_function_that_finds_nothing_is_kept_too(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	assert_int_equal(nothing_outside(cache_of(test), -1), WEIR_MISS);
	assert_int_equal(nothing_outside(cache_of(test), -1), WEIR_MISS);
	assert_int_equal(square_runs, 1);
	weir_test_destroy(test);
}

static void test_function_that_finds_nothing_has_a_lifetime_of_its_own(void **state)
{
	static const struct weir_status_expiry five[] = { { 404, 5 }, { 0 } }, none[] = { { 404, 0 }, { 0 } };
	static const struct weir_cache_rule brief = { .expire_s = 60, .expire_by_status = five };
	static const struct weir_cache_rule never = { .expire_s = 60, .expire_by_status = none };
	struct weir_test *test = begin(&brief);

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(nothing_outside(cache_of(test), -1), WEIR_MISS);
		expect_square_outside(cache_of(test), &square, 3);
	}
	assert_int_equal(square_runs, 2);
	weir_test_advance_ms(test, 5000);
	assert_int_equal(nothing_outside(cache_of(test), -1), WEIR_MISS);
	expect_square_outside(cache_of(test), &square, 3);
	assert_int_equal(square_runs, 3);
	weir_test_destroy(test);
	test = begin(&never);
	assert_int_equal(nothing_outside(cache_of(test), -1), WEIR_MISS);
	assert_int_equal(nothing_outside(cache_of(test), -1), WEIR_MISS);
	assert_int_equal(square_runs, 2);
	weir_test_destroy(test);
}

static enum weir_status fail_once(struct weir_call *call, int64_t n)
{
	(void)n;
	weir_call_set_expire_s(call, 5); /* of a call that fails: of no account for others */
	return square_runs == 1 ? WEIR_ERR_IO : WEIR_OK;
}

static void test_function_that_fails_leaves_nothing(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	square_hook = fail_once;
	assert_int_equal(nothing_outside(cache_of(test), 7), WEIR_ERR_IO);
	assert_int_equal(cache_app_stats(test).stored, 0);
	expect_square_outside(cache_of(test), &square, 7);
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 2);
	weir_test_destroy(test);
}

static void test_function_old_value_stands_in_for_a_failure(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 1, .stale_if_error_s = 10 };
	struct weir_test *test = begin(&rule);

	(void)state;
	expect_square_outside(cache_of(test), &square, 7);
	weir_test_advance_ms(test, 5000);
	atomic_store(&square_runs, 0);
	square_hook = fail_once;
	(void)cache_app_lines();
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "its old value is used"));
	weir_test_advance_ms(test, 6001);
	atomic_store(&square_runs, 0);
	assert_int_equal(nothing_outside(cache_of(test), 7), WEIR_ERR_IO); /* too old by now */
	weir_test_destroy(test);
}

static enum weir_status say_parked(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	return WEIR_PARKED;
}

static void test_function_must_say_something_that_makes_sense(void **state)
{
	struct weir_test *test = begin(&minute);

	(void)state;
	square_hook = say_parked;
	(void)cache_app_lines();
	assert_int_equal(nothing_outside(cache_of(test), 7), WEIR_ERR_HANDLER);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "said neither WEIR_OK"));
	weir_test_destroy(test);
}

/* -- Without an app ---------------------------------------------------------------------------------------------------------- */

static void use_without_app(const char *url)
{
	const struct weir_cache_options options = { .backend = url, .prefix = "alone", .locked = true };
	struct weir_cache *cache;
	char why[200] = "";

	square = square_function(&(const struct weir_cache_rule){ .expire_s = 60, .with_lock = true });
	atomic_store(&square_runs, 0);
	square_hook = NULL;
	assert_int_equal(weir_cache_create(&options, why, sizeof(why), &cache), WEIR_OK);
	for (int i = 0; i < 3; i++)
		expect_square_outside(cache, &square, 12);
	assert_int_equal(square_runs, 1);
	weir_cache_destroy(cache);
}

static void test_function_needs_no_app(void **state)
{
	(void)state;
	use_without_app("memory:");
}

/* Two caches on one file, as two programs have it: one an app with a route, the other without. */
static void test_function_is_shared_by_programs(void **state)
{
	struct weir_scratch scratch;
	struct weir_cache_options options = { .prefix = "shared", .locked = true };
	struct weir_cache *alone;
	struct weir_test *test;
	char why[200], url[200];

	(void)state;
	weir_scratch_init(&scratch);
	(void)snprintf(url, sizeof(url), "shm:%s?size=1m", weir_scratch_file(&scratch, "store"));
	options.backend = url;
	square = square_function(&(const struct weir_cache_rule){ .expire_s = 60, .ns = "numbers", .with_lock = true });
	test = function_app(&square, &options, NULL);
	options.clock = weir_test_clock(test);
	assert_int_equal(weir_cache_create(&options, why, sizeof(why), &alone), WEIR_OK);
	expect_square_outside(alone, &square, 7);
	expect_get(test, "/square/7", "HIT", "49");
	expect_get(test, "/square/8", "MISS", "64");
	expect_square_outside(alone, &square, 8);
	assert_int_equal(square_runs, 2);
	weir_cache_destroy(alone);
	weir_test_destroy(test);
	weir_scratch_finish(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function_runs_once_for_the_same_arguments),
		cmocka_unit_test(test_function_runs_for_each_arguments),
		cmocka_unit_test(test_function_route_finds_what_c_code_has_made),
		cmocka_unit_test(test_function_c_code_finds_what_a_route_has_made),
		cmocka_unit_test(test_function_is_told_apart_by_name_and_namespace),
		cmocka_unit_test(test_function_of_another_coder_finds_nothing),
		cmocka_unit_test(test_function_ignores_what_the_request_says_of_caching),
		cmocka_unit_test(test_function_runs_again_when_its_value_has_expired),
		cmocka_unit_test(test_function_decides_on_its_storing_for_one_call),
		cmocka_unit_test(test_function_that_finds_nothing_is_kept_too),
		cmocka_unit_test(test_function_that_finds_nothing_has_a_lifetime_of_its_own),
		cmocka_unit_test(test_function_that_fails_leaves_nothing),
		cmocka_unit_test(test_function_old_value_stands_in_for_a_failure),
		cmocka_unit_test(test_function_must_say_something_that_makes_sense),
		cmocka_unit_test(test_function_needs_no_app),
		cmocka_unit_test(test_function_is_shared_by_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
