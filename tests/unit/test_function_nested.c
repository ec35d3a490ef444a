/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that are called while something else is made: what goes up to it, what does not, and functions that call themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/function_app.h"

static const struct weir_cache_rule locked = { .expire_s = 60, .ns = "numbers", .with_lock = true };
static const struct weir_cache_rule pages = { .expire_s = 600, .ns = "pages", .with_lock = true };
static struct weir_function square;

/* Has what it is made of from the function. */
static enum weir_status make_page(struct weir_request *req, struct weir_response *res)
{
	int64_t result;
	enum weir_status status = weir_call(req, &square, &(const struct square){ 7 }, &result);

	cache_app_runs++;
	return status < 0 ? status : weir_response_text(res, "text/plain", "page %d", cache_app_runs);
}

static const struct weir_route with_page[] = { { .path = "/page", .handler = make_page, .cache = &pages }, { 0 } };

static struct weir_test *begin(const struct weir_cache_rule *rule)
{
	square = square_function(rule);
	return function_app(&square, NULL, with_page);
}

static struct weir_cache *cache_of(struct weir_test *test)
{
	return weir_app_cache(weir_test_app(test));
}

/* -- What goes up ------------------------------------------------------------------------------------------------------------ */

static enum weir_status tag_item(struct weir_call *call, int64_t n)
{
	(void)n;
	weir_call_add_tag(call, "item 7");
	return WEIR_OK;
}

static void expect_page_is_cleared_by(struct weir_test *test, const char *tag)
{
	expect_get(test, "/page", "HIT", "page 1");
	assert_int_equal(weir_cache_clear_tag(cache_of(test), tag, NULL), WEIR_OK);
	expect_get(test, "/page", "MISS", "page 2");
	assert_int_equal(square_runs, 2);
}

static void test_function_nested_tags_go_up_when_it_runs(void **state)
{
	struct weir_test *test = begin(&locked);

	(void)state;
	square_hook = tag_item;
	expect_get(test, "/page", "MISS", "page 1");
	expect_page_is_cleared_by(test, "item 7");
	weir_test_destroy(test);
}

static void test_function_nested_tags_go_up_when_it_is_found(void **state)
{
	struct weir_test *test = begin(&locked);

	(void)state;
	square_hook = tag_item;
	expect_square_outside(cache_of(test), &square, 7);
	expect_get(test, "/page", "MISS", "page 1");
	assert_int_equal(square_runs, 1);
	expect_page_is_cleared_by(test, "item 7");
	weir_test_destroy(test);
}

static void test_function_nested_tags_of_its_rule_go_up(void **state)
{
	static const char *const tags[] = { "squares", NULL };
	static const struct weir_cache_rule tagged = { .expire_s = 60, .tags = tags };
	struct weir_test *test = begin(&tagged);

	(void)state;
	expect_get(test, "/page", "MISS", "page 1");
	expect_page_is_cleared_by(test, "squares");
	weir_test_destroy(test);
}

static enum weir_status never_keep(struct weir_call *call, int64_t n)
{
	(void)n;
	weir_call_set_expire_s(call, 1);
	weir_call_do_not_store(call);
	return WEIR_OK;
}

/* The page shows what it was made of, whether that is kept by itself or not. */
static void test_function_nested_tags_of_its_rule_go_up_though_it_is_not_kept(void **state)
{
	static const char *const tags[] = { "squares", NULL };
	static const struct weir_cache_rule tagged = { .expire_s = 60, .tags = tags };
	struct weir_test *test = begin(&tagged);

	(void)state;
	square_hook = never_keep;
	expect_get(test, "/page", "MISS", "page 1");
	expect_page_is_cleared_by(test, "squares");
	weir_test_destroy(test);
}

static enum weir_status be_down(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	return WEIR_ERR_IO;
}

/* Else one failure would stand in the page for as long as the page is good. */
static void test_function_nested_old_value_makes_a_page_for_a_moment(void **state)
{
	static const struct weir_cache_rule forgiving = { .expire_s = 60, .stale_if_error_s = 600 };
	struct weir_test *test = begin(&forgiving);

	(void)state;
	expect_square_outside(cache_of(test), &square, 7);
	weir_test_advance_ms(test, 60001);
	square_hook = be_down;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=2");
	expect_get(test, "/page", "HIT", "page 1");
	square_hook = NULL;
	weir_test_advance_ms(test, 2001);
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=600");
	weir_test_destroy(test);
}

static void test_function_nested_lifetimes_stay_below(void **state)
{
	struct weir_test *test = begin(&locked);

	(void)state;
	square_hook = never_keep;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=600");
	weir_test_advance_ms(test, 500000);
	expect_get(test, "/page", "HIT", "page 1");
	weir_test_destroy(test);
}

static enum weir_status find_nothing(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	return WEIR_ERR_IO;
}

static void test_function_nested_failure_is_the_callers_to_handle(void **state)
{
	struct weir_test *test = begin(&locked);

	(void)state;
	square_hook = find_nothing;
	assert_int_equal(weir_test_get(test, "/page")->status, 500);
	square_hook = NULL;
	expect_get(test, "/page", "MISS", "page 2");
	weir_test_destroy(test);
}

/* -- Several deep ------------------------------------------------------------------------------------------------------------ */

static struct weir_function sum; /* of the squares up to n */
static int sum_runs;
static struct weir_request *around;

static enum weir_status add_squares(struct weir_call *call, const void *args, void *result)
{
	const struct square *to = args;
	int64_t before = 0, here = 0;
	enum weir_status status = WEIR_OK;

	sum_runs++;
	assert_ptr_equal(weir_call_injected(call, "__weir_cache_request"), around);
	if (to->n > 1)
		status = weir_call_within(call, &sum, &(const struct square){ to->n - 1 }, &before);
	if (status == WEIR_OK)
		status = weir_call_within(call, &square, &(const struct square){ to->n }, &here);
	*(int64_t *)result = before + here;
	return status;
}

static enum weir_status sum_to_ten(struct weir_request *req)
{
	int64_t result = 0;

	around = req;
	assert_int_equal(weir_call(req, &sum, &(const struct square){ 10 }, &result), WEIR_OK);
	assert_int_equal(result, 385);
	around = NULL;
	return WEIR_OK;
}

static void test_function_nested_calls_itself_and_others(void **state)
{
	struct weir_test *test = begin(&locked);

	(void)state;
	sum = square;
	sum.name = "sum";
	sum.run = add_squares;
	sum_runs = 0;
	square_hook = tag_item;
	function_app_call(test, sum_to_ten);
	function_app_call(test, sum_to_ten);
	assert_int_equal(sum_runs, 10);
	assert_int_equal(square_runs, 10);
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "item 7", NULL), WEIR_OK); /* on all of them */
	function_app_call(test, sum_to_ten);
	assert_int_equal(sum_runs, 20);
	assert_int_equal(square_runs, 20);
	weir_test_destroy(test);
}

static int depth;

/* Calls itself with the same arguments, once. */
static enum weir_status call_same(struct weir_call *call, int64_t n)
{
	int64_t result = 0;
	enum weir_status status = WEIR_OK;

	if (depth++ == 0) {
		status = weir_call_within(call, &square, &(const struct square){ n }, &result);
		assert_int_equal(result, n * n);
	}
	return status;
}

static void test_function_nested_in_itself_does_not_wait_for_itself(void **state)
{
	struct weir_test *test = begin(&locked);

	(void)state;
	square_hook = call_same;
	depth = 0;
	expect_square_outside(cache_of(test), &square, 7);
	assert_int_equal(square_runs, 2);
	depth = 0;
	expect_get(test, "/square/8", "MISS", "64");
	assert_int_equal(square_runs, 4);
	expect_get(test, "/square/8", "HIT", "64");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function_nested_tags_go_up_when_it_runs),
		cmocka_unit_test(test_function_nested_tags_go_up_when_it_is_found),
		cmocka_unit_test(test_function_nested_tags_of_its_rule_go_up),
		cmocka_unit_test(test_function_nested_tags_of_its_rule_go_up_though_it_is_not_kept),
		cmocka_unit_test(test_function_nested_old_value_makes_a_page_for_a_moment),
		cmocka_unit_test(test_function_nested_lifetimes_stay_below),
		cmocka_unit_test(test_function_nested_failure_is_the_callers_to_handle),
		cmocka_unit_test(test_function_nested_calls_itself_and_others),
		cmocka_unit_test(test_function_nested_in_itself_does_not_wait_for_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
