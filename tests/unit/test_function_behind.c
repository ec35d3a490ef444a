/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of functions that handlers call, made anew in the background: who sees what, how often the function runs, and what it is given
 * there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "support/function_app.h"

struct order {
	int64_t n;
	const char *name;
};

static const struct weir_field order_params[] = { WEIR_INT(struct order, n), WEIR_TEXT(struct order, name), { 0 } };

static int runs;
static char seen[200];     /* what the last run was given */
static char next_name[20]; /* what the handler calls it with */
static enum weir_status (*hook)(struct weir_call *call);

/* Its value is the number of the run. */
static enum weir_status count(struct weir_call *call, const void *args, void *result)
{
	const struct order *order = args;
	struct weir_request *req = weir_call_injected(call, "__weir_cache_request");
	enum weir_status status = hook ? hook(call) : WEIR_OK;

	runs++;
	snprintf(seen, sizeof(seen), "%s %s %d %s %s", weir_call_is_refresh(call) ? "refresh" : "call", order->name, (int)order->n,
		 req ? weir_request_path(req) : "outside", req && weir_request_query(req, "q") ? weir_request_query(req, "q") : "");
	*(int64_t *)result = runs;
	return status;
}

static struct weir_function counted;

static enum weir_status call_it(struct weir_request *req, struct weir_response *res)
{
	char name[sizeof(next_name)];
	int64_t result = 0;
	enum weir_status status;

	memcpy(name, next_name, sizeof(name));
	status = weir_call(req, &counted, &(const struct order){ 7, name }, &result);
	memset(name, 'x', sizeof(name) - 1); /* the errand has its own */
	return status < 0 ? status : weir_response_text(res, "text/plain", "run %d", (int)result);
}

static const struct weir_cache_rule revalidated = { .expire_s = 60, .ns = "numbers", .stale_while_revalidate_s = 600 };

static const struct weir_route routes[] = {
	{ .path = "/page", .handler = call_it, .cache = &revalidated },
	{ .path = "/count", .methods = WEIR_GET | WEIR_POST, .handler = call_it },
	{ .path = "/stream", .methods = WEIR_POST, .handler = call_it, .stream_body = true },
	{ 0 },
};

static struct weir_test *begin(const struct weir_cache_rule *rule)
{
	counted = (struct weir_function){
		.name = "count",
		.params = order_params,
		.params_size = sizeof(struct order),
		.run = count,
		.coder = &weir_coder_int,
		.cache = *rule,
	};
	runs = 0;
	hook = NULL;
	seen[0] = '\0';
	strcpy(next_name, "ann");
	return cache_app_routes(NULL, routes);
}

static struct weir_cache *cache_of(struct weir_test *test)
{
	return weir_app_cache(weir_test_app(test));
}

static void expect_run(struct weir_test *test, const char *target, const char *body)
{
	expect_get(test, target, NULL, body);
}

/* -- Stale while revalidate -------------------------------------------------------------------------------------------------- */

static void test_function_behind_an_old_value_is_seen_while_the_new_one_is_made(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 60001);
	expect_run(test, "/count?q=red", "run 1");
	assert_int_equal(runs, 2);
	assert_string_equal(seen, "refresh ann 7 /count red");
	expect_run(test, "/count", "run 2");
	weir_test_advance_ms(test, 59999); /* a life of its own */
	expect_run(test, "/count", "run 2");
	assert_int_equal(runs, 2);
	assert_int_equal(cache_app_stats(test).misses, 1);
	assert_int_equal(cache_app_stats(test).hits, 3);
	assert_int_equal(cache_app_stats(test).stored, 2);
	weir_test_destroy(test);
}

static void test_function_behind_its_window_has_an_end(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 660001);
	expect_run(test, "/count", "run 2");
	assert_string_equal(seen, "call ann 7 /count ");
	weir_test_destroy(test);
}

static void test_function_behind_arguments_make_different_values(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	expect_run(test, "/count", "run 1");
	strcpy(next_name, "bob");
	expect_run(test, "/count", "run 2");
	weir_test_advance_ms(test, 60001);
	expect_run(test, "/count", "run 2");
	assert_string_equal(seen, "refresh bob 7 /count ");
	strcpy(next_name, "ann");
	expect_run(test, "/count", "run 1");
	assert_string_equal(seen, "refresh ann 7 /count ");
	expect_run(test, "/count", "run 4");
	weir_test_destroy(test);
}

static enum weir_status tag_it(struct weir_call *call)
{
	weir_call_add_tag(call, "counts");
	weir_call_set_expire_s(call, 5);
	return WEIR_OK;
}

static void test_function_behind_context_is_that_of_the_call(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	hook = tag_it;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 5001);
	expect_run(test, "/count", "run 1");
	expect_run(test, "/count", "run 2");
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "counts", NULL), WEIR_OK);
	expect_run(test, "/count", "run 3");
	weir_test_destroy(test);
}

static struct weir_cache *to_clear;

static enum weir_status clear_it(struct weir_call *call)
{
	(void)call;
	return to_clear ? weir_cache_clear_namespace(to_clear, "numbers", NULL) : WEIR_OK;
}

static void test_function_behind_what_began_before_a_clear_is_not_kept(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	to_clear = NULL;
	hook = clear_it;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 60001);
	to_clear = cache_of(test);
	expect_run(test, "/count", "run 1");
	to_clear = NULL;
	expect_run(test, "/count", "run 3");
	weir_test_destroy(test);
}

/* A body that streams cannot be had twice. */
static void test_function_behind_without_a_background_the_caller_makes_it(void **state)
{
	struct weir_test *test = begin(&revalidated);
	const struct weir_test_request post = { .method = "POST", .target = "/stream", .body = WEIR_SLICE_LITERAL("bytes") };

	(void)state;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 60001);
	expect_answer(test, weir_test_send(test, &post), NULL, "run 2");
	assert_string_equal(seen, "call ann 7 /stream ");
	weir_test_destroy(test);
}

/* Else the page would be as short-lived as what is made of old values. */
static void test_function_behind_what_is_made_in_the_background_is_made_of_new_values(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 60001);
	expect_get(test, "/page", "HIT", "run 1");
	assert_string_equal(seen, "call ann 7 /page ");
	assert_int_equal(runs, 2);
	weir_test_advance_ms(test, 59000);
	expect_get(test, "/page", "HIT", "run 2");
	assert_int_equal(runs, 2);
	weir_test_destroy(test);
}

/* -- What does not work is not tried all the time ---------------------------------------------------------------------------- */

static enum weir_status be_down(struct weir_call *call)
{
	(void)call;
	return WEIR_ERR_IO;
}

static void test_function_behind_a_failure_is_not_repeated_at_once(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 60001);
	hook = be_down;
	(void)cache_app_lines();
	for (int i = 0; i < 3; i++)
		expect_run(test, "/count", "run 1");
	assert_int_equal(runs, 2);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "function \"count\" failed, its old value is used"));
	weir_test_advance_ms(test, 2001);
	hook = NULL;
	expect_run(test, "/count", "run 1");
	expect_run(test, "/count", "run 3");
	weir_test_destroy(test);
}

static void test_function_behind_a_failure_with_stale_if_error_is_not_repeated_at_once(void **state)
{
	static const struct weir_cache_rule forgiving = { .expire_s = 60, .stale_if_error_s = 600 };
	struct weir_test *test = begin(&forgiving);

	(void)state;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 60001);
	hook = be_down;
	for (int i = 0; i < 3; i++)
		expect_run(test, "/count", "run 1");
	assert_int_equal(runs, 2);
	assert_string_equal(seen, "call ann 7 /count ");
	weir_test_advance_ms(test, 2001);
	hook = NULL;
	expect_run(test, "/count", "run 3");
	weir_test_destroy(test);
}

static enum weir_status never_keep(struct weir_call *call)
{
	weir_call_do_not_store(call);
	return WEIR_OK;
}

static void test_function_behind_what_may_not_be_kept_is_not_repeated_at_once(void **state)
{
	struct weir_test *test = begin(&revalidated);

	(void)state;
	expect_run(test, "/count", "run 1");
	weir_test_advance_ms(test, 60001);
	hook = never_keep;
	for (int i = 0; i < 3; i++)
		expect_run(test, "/count", "run 1");
	assert_int_equal(runs, 2);
	weir_test_advance_ms(test, 2001);
	expect_run(test, "/count", "run 1");
	assert_int_equal(runs, 3);
	weir_test_destroy(test);
}

/* -- Early refresh ----------------------------------------------------------------------------------------------------------- */

static enum weir_status take_time(struct weir_call *call)
{
	weir_test_advance_ms(weir_call_user_data(call), 100);
	return WEIR_OK;
}

static void test_function_behind_early_refresh_comes_before_the_end(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .early_refresh = 1e9 };
	struct weir_test *test = begin(&rule);

	(void)state;
	counted.user_data = test;
	hook = take_time;
	expect_run(test, "/count", "run 1");
	expect_run(test, "/count", "run 1"); /* and as likely as not to be made anew as the dice fall with such a factor: always */
	assert_int_equal(runs, 2);
	assert_string_equal(seen, "refresh ann 7 /count ");
	expect_run(test, "/count", "run 2");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_function_behind_an_old_value_is_seen_while_the_new_one_is_made),
		cmocka_unit_test(test_function_behind_its_window_has_an_end),
		cmocka_unit_test(test_function_behind_arguments_make_different_values),
		cmocka_unit_test(test_function_behind_context_is_that_of_the_call),
		cmocka_unit_test(test_function_behind_what_began_before_a_clear_is_not_kept),
		cmocka_unit_test(test_function_behind_without_a_background_the_caller_makes_it),
		cmocka_unit_test(test_function_behind_what_is_made_in_the_background_is_made_of_new_values),
		cmocka_unit_test(test_function_behind_a_failure_is_not_repeated_at_once),
		cmocka_unit_test(test_function_behind_a_failure_with_stale_if_error_is_not_repeated_at_once),
		cmocka_unit_test(test_function_behind_what_may_not_be_kept_is_not_repeated_at_once),
		cmocka_unit_test(test_function_behind_early_refresh_comes_before_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
