/* SPDX-License-Identifier: Apache-2.0
 *
 * Values made anew behind the clients' backs: by one of all that share a backend, before their end or after it, and never for nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/field.h>
#include <weir/function.h>

#include "cache/chance.h"
#include "cache/stale.h"
#include "support/cache_sites.h"

static const struct weir_cache_rule revalidated = { .expire_s = 60, .ns = "pages", .stale_while_revalidate_s = 30 };
static const struct weir_cache_rule early = { .expire_s = 60, .ns = "pages", .early_refresh = 1e12 };

static bool was_refresh;

static enum weir_status answer_and_tell(struct weir_request *req, struct weir_response *res)
{
	was_refresh = weir_call_is_refresh(weir_request_call(req));
	return cache_app_answer(res);
}

static enum weir_status break_down(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_ERR_IO;
}

/* -- By one of all --------------------------------------------------------------------------------------------------------- */

static void open_with_old_page(void *const *state, const struct weir_cache_rule *rule)
{
	cache_sites_open_all(state, rule);
	expect_get(cache_sites[A], "/page", "MISS", "run 1");
	cache_sites_advance_ms(61000);
}

static void test_cache_refresh_is_made_by_one_of_all_sites(void **state)
{
	size_t leases;

	open_with_old_page(state, &revalidated);
	cache_sites_expect(A, cache_sites_start_held(A), "HIT", "run 1");
	leases = cache_sites_counts().calls[WEIR_SHARED_LEASE];
	for (int i = 0; i < 10; i++)
		cache_sites_expect(A, cache_sites_start(A), "HIT", "run 1");
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_LEASE], leases); /* who makes it is known here */
	for (int i = 0; i < 10; i++) {
		cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1");
		cache_sites_expect(C, cache_sites_start(C), "HIT", "run 1");
		cache_sites_advance_ms(20);
	}
	assert_int_equal(cache_app_runs, 1);
	cache_sites_finish(A);
	assert_int_equal(cache_app_runs, 2);
	for (int i = A; i <= C; i++)
		cache_sites_expect(i, cache_sites_start(i), "HIT", "run 2");
	assert_int_equal(cache_app_runs, 2);
	cache_sites_close();
}

/* While another site makes it, a site asks who does only now and then. */
static void test_cache_refresh_does_not_ask_for_the_lease_each_time(void **state)
{
	size_t before;

	open_with_old_page(state, &revalidated);
	(void)cache_sites_start_held(A);
	before = cache_sites_counts().calls[WEIR_SHARED_LEASE];
	for (int i = 0; i < 50; i++) {
		cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1");
		cache_sites_advance_ms(4);
	}
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_LEASE] - before, 2);
	cache_sites_finish(A);
	cache_sites_close();
}

static void refresh_at_c(void)
{
	expect_get(cache_sites[C], "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
}

/* Between the old value's being served and the lease another site has made it anew. */
static void test_cache_refresh_that_comes_late_does_nothing(void **state)
{
	open_with_old_page(state, &revalidated);
	weir_shared_backend_before_lease(cache_sites_backend, refresh_at_c);
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_sites_stats(B).hits, 1);
	assert_int_equal(cache_sites_stats(B).misses, 0);
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 2");
	cache_sites_close();
}

static void clear_at_c(void)
{
	cache_sites_clear(C);
}

static void test_cache_refresh_of_what_was_cleared_does_nothing(void **state)
{
	open_with_old_page(state, &revalidated);
	weir_shared_backend_before_lease(cache_sites_backend, clear_at_c);
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1"); /* asked before the clear */
	assert_int_equal(cache_app_runs, 1);
	cache_sites_expect(B, cache_sites_start(B), "MISS", "run 2");
	cache_sites_close();
}

/* It has learnt of the clear while it watched another site, whatever becomes of its own try. */
static void test_cache_refresh_leaves_no_old_value_that_was_cleared_meanwhile(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "pages", .stale_if_error_s = 30, .with_lock = true };
	struct weir_test_exchange *leader, *other;

	open_with_old_page(state, &rule);
	cache_app_handler = break_down;
	leader = cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_sites_advance_ms(10);
	assert_null(weir_test_response(other));
	cache_sites_clear(C);
	cache_sites_advance_ms(60);
	assert_int_equal(weir_test_response(other)->status, 500);
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "HIT", "run 1"); /* which began before the clear, and has not asked again */
	cache_sites_close();
}

/* The backend tells nothing: the old value serves on, and nothing is made that could not be kept. */
static void test_cache_refresh_needs_the_backend(void **state)
{
	open_with_old_page(state, &revalidated);
	weir_shared_backend_fail(cache_sites_backend, WEIR_SHARED_READ, 1, 1, WEIR_ERR_IO);
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	cache_sites_advance_ms(100);
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	cache_sites_close();
}

/* Where nobody can say who leads, each site makes its own. */
static void test_cache_refresh_goes_on_without_a_lease(void **state)
{
	open_with_old_page(state, &revalidated);
	weir_shared_backend_fail(cache_sites_backend, WEIR_SHARED_LEASE, 0, 1, WEIR_ERR_IO);
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 1");
	cache_sites_expect(B, cache_sites_start(B), "HIT", "run 2");
	cache_sites_close();
}

static void test_cache_refresh_that_fails_is_tried_again_after_a_pause(void **state)
{
	open_with_old_page(state, &revalidated);
	(void)cache_app_lines();
	cache_app_handler = break_down;
	for (int i = 0; i < 4; i++)
		cache_sites_expect(A, cache_sites_start(A), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_app_lines(), 2);
	cache_app_handler = NULL;
	cache_sites_advance_ms(WEIR_STALE_PAUSE_MS);
	cache_sites_expect(A, cache_sites_start(A), "HIT", "run 1");
	cache_sites_expect(A, cache_sites_start(A), "HIT", "run 3");
	cache_sites_close();
}

/* -- Who waits behind a refresh -------------------------------------------------------------------------------------------- */

/* The page was cleared while it was made anew: who comes then makes its own, and does not wait for what is out of date. */
static void test_cache_refresh_is_not_waited_for_after_a_clear(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "pages", .stale_while_revalidate_s = 30, .with_lock = true };
	struct weir_test_exchange *after;

	open_with_old_page(state, &rule);
	cache_sites_expect(A, cache_sites_start_held(A), "HIT", "run 1");
	cache_sites_clear(A);
	after = cache_sites_start(A);
	assert_null(weir_test_response(after));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(A, after, "MISS", "run 3");
	cache_sites_expect(A, cache_sites_start(A), "HIT", "run 3");
	cache_sites_close();
}

/* The old value's time has ended while it is made anew: who comes then waits for it. */
static void test_cache_refresh_is_waited_for_when_the_old_value_has_ended(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "pages", .stale_while_revalidate_s = 2, .with_lock = true };
	struct weir_test_exchange *waiting[2];

	open_with_old_page(state, &rule);
	cache_sites_expect(A, cache_sites_start_held(A), "HIT", "run 1");
	cache_sites_advance_ms(2000);
	waiting[0] = cache_sites_start(A);
	waiting[1] = cache_sites_start(B);
	assert_null(weir_test_response(waiting[0]));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(A, waiting[0], "HIT", "run 2");
	cache_sites_expect(B, waiting[1], "HIT", "run 2");
	assert_int_equal(cache_app_runs, 2);
	cache_sites_close();
}

/* -- Before the end -------------------------------------------------------------------------------------------------------- */

static struct weir_test *slow_test;

static enum weir_status answer_slowly(struct weir_request *req, struct weir_response *res)
{
	weir_test_advance_ms(slow_test, 100);
	return answer_and_tell(req, res);
}

static void test_cache_refresh_is_early_by_chance(void **state)
{
	struct weir_test *test = slow_test = cache_app(&early);

	(void)state;
	cache_app_handler = answer_slowly;
	expect_get(test, "/page", "MISS", "run 1");
	assert_false(was_refresh);
	cache_app_handler = answer_and_tell;
	expect_get(test, "/page", "HIT", "run 1"); /* with such a factor there is no chance left */
	assert_int_equal(cache_app_runs, 2);
	assert_true(was_refresh);
	expect_get(test, "/page", "HIT", "run 2"); /* which took no time to make: there is no hurry */
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_app_stats(test).misses, 1);
	weir_test_destroy(test);
}

static void test_cache_refresh_is_not_early_where_the_rule_does_not_say_so(void **state)
{
	static const struct weir_cache_rule plain = { .expire_s = 60 };
	struct weir_test *test = slow_test = cache_app(&plain);

	(void)state;
	cache_app_handler = answer_slowly;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 59800);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static void test_cache_refresh_that_fails_early_costs_nothing(void **state)
{
	struct weir_test *test = slow_test = cache_app(&early);

	(void)state;
	cache_app_handler = answer_slowly;
	expect_get(test, "/page", "MISS", "run 1");
	cache_app_handler = break_down;
	expect_get(test, "/page", "HIT", "run 1");
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

/* P(early) with t ms left is exp(-t / (made * factor)). */
static void test_cache_refresh_chance_is_that_of_xfetch(void **state)
{
	(void)state;
	assert_true(weir_stale_early_ms(100, 1, 1) == 0);
	assert_true(weir_stale_early_ms(0, 1, 0.1) == 0);
	assert_float_equal(weir_stale_early_ms(100, 1, 0.36787944), 100, 0.001);
	assert_float_equal(weir_stale_early_ms(100, 2, 0.36787944), 200, 0.001);
	assert_float_equal(weir_stale_early_ms(50, 1, 0.13533528), 100, 0.001);
}

/* Over many throws: of hits with 100 ms left, of what took 100 ms, one in e. */
static void test_cache_refresh_comes_as_often_as_it_should(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .early_refresh = 1 };
	struct weir_cache cache = { .clock = NULL };
	struct weir_test *test = cache_app(&rule);
	struct weir_call call = { .rule = &rule, .cache = &cache };
	int early_ones = 0;

	(void)state;
	weir_chance_seed(1);
	cache.clock = weir_test_clock(test);
	call.entry.made_ms = 100;
	call.entry.expires_ms = weir_clock_wall_ms(cache.clock) + 100;
	for (int i = 0; i < 100000; i++)
		early_ones += weir_stale_is_early(&call);
	assert_in_range(early_ones, 36788 - 1000, 36788 + 1000); /* more than six standard deviations */
	call.entry.expires_ms = INT64_MAX;
	assert_false(weir_stale_is_early(&call));
	weir_test_destroy(test);
}

/* -- Functions ------------------------------------------------------------------------------------------------------------- */

struct sum {
	int64_t a, b;
};

static const struct weir_field sum_params[] = { WEIR_INT(struct sum, a), WEIR_INT(struct sum, b), { 0 } };
static int sums;

static enum weir_status add_up(struct weir_call *call, const void *args, void *result)
{
	const struct sum *sum = args;

	sums++;
	*(struct weir_slice *)result = weir_slice_text(weir_pool_printf(weir_call_pool(call), "%d, run %d%s", (int)(sum->a + sum->b), sums,
									weir_call_is_refresh(call) ? " behind" : ""));
	return WEIR_OK;
}

/* The copy has its arguments from the copied request. */
static void test_cache_refresh_of_a_function_has_its_arguments(void **state)
{
	static const struct weir_function function = {
		.name = "sum",
		.params = sum_params,
		.params_size = sizeof(struct sum),
		.run = add_up,
		.coder = &weir_coder_bytes,
		.cache = { .expire_s = 60, .stale_while_revalidate_s = 30 },
	};
	static const struct weir_route routes[] = { { .path = "/sum/{a}", .function = &function, .media_type = "text/plain" }, { 0 } };
	const struct weir_app_options app = { .name = "functions", .routes = routes };
	struct weir_test *test = weir_test_create(&app);

	(void)state;
	sums = 0;
	expect_get(test, "/sum/3?b=4", "MISS", "7, run 1");
	weir_test_advance_ms(test, 61000);
	expect_get(test, "/sum/3?b=4", "HIT", "7, run 1");
	expect_get(test, "/sum/3?b=4", "HIT", "7, run 2 behind");
	assert_int_equal(sums, 2);
	weir_test_destroy(test);
}

/* -- The bound ------------------------------------------------------------------------------------------------------------- */

static enum weir_status answer_page(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "page");
}

static void test_cache_refresh_is_not_begun_beyond_the_bound(void **state)
{
	const struct weir_route routes[] = { { .path = "/{page}", .handler = answer_page, .cache = &revalidated }, { 0 } };
	const struct weir_app_options app = { .name = "bounded", .routes = routes, .limits = { .background = 2 } };
	static const char *const pages[] = { "/1", "/2", "/3" };
	struct weir_test *test = weir_test_create(&app);

	(void)state;
	for (int i = 0; i < 3; i++)
		expect_get(test, pages[i], "MISS", "page");
	weir_test_advance_ms(test, 61000);
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 3; i++)
		expect_get(test, pages[i], "HIT", "page");
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(cache_app_stats(test).stored, 3 + 2);
	expect_get(test, pages[2], "HIT", "page"); /* its turn has come */
	assert_int_equal(cache_app_stats(test).stored, 3 + 3);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CACHE_SITES_BOTH(test_cache_refresh_is_made_by_one_of_all_sites),
		CACHE_SITES_BOTH(test_cache_refresh_does_not_ask_for_the_lease_each_time),
		CACHE_SITES_BOTH(test_cache_refresh_that_comes_late_does_nothing),
		CACHE_SITES_BOTH(test_cache_refresh_of_what_was_cleared_does_nothing),
		CACHE_SITES_BOTH(test_cache_refresh_leaves_no_old_value_that_was_cleared_meanwhile),
		CACHE_SITES_BOTH(test_cache_refresh_needs_the_backend),
		CACHE_SITES_BOTH(test_cache_refresh_goes_on_without_a_lease),
		CACHE_SITES_BOTH(test_cache_refresh_that_fails_is_tried_again_after_a_pause),
		CACHE_SITES_BOTH(test_cache_refresh_is_not_waited_for_after_a_clear),
		CACHE_SITES_BOTH(test_cache_refresh_is_waited_for_when_the_old_value_has_ended),
		cmocka_unit_test(test_cache_refresh_is_early_by_chance),
		cmocka_unit_test(test_cache_refresh_is_not_early_where_the_rule_does_not_say_so),
		cmocka_unit_test(test_cache_refresh_that_fails_early_costs_nothing),
		cmocka_unit_test(test_cache_refresh_chance_is_that_of_xfetch),
		cmocka_unit_test(test_cache_refresh_comes_as_often_as_it_should),
		cmocka_unit_test(test_cache_refresh_of_a_function_has_its_arguments),
		cmocka_unit_test(test_cache_refresh_is_not_begun_beyond_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
