/* SPDX-License-Identifier: Apache-2.0
 *
 * Old values: served at once while a new one is made, or when making it fails; and what is never served old.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cache/cache.h"
#include "support/cache_app.h"
#include "support/fake_clock.h"

static const struct weir_cache_rule revalidated = { .expire_s = 60, .stale_while_revalidate_s = 30 };
static const struct weir_cache_rule fail_safe = { .expire_s = 60, .stale_if_error_s = 30 };

/* -- While it is made anew ------------------------------------------------------------------------------------------------- */

static struct weir_test *with_page(const struct weir_cache_rule *rule, bool remote)
{
	struct weir_test *test = remote ? cache_app_remote(rule) : cache_app(rule);

	expect_get(test, "/page", "MISS", "run 1");
	return test;
}

static void expect_old_once_then_new(struct weir_test *test)
{
	const struct weir_test_response *old;

	old = weir_test_get(test, "/page");
	expect_answer(test, old, "HIT", "run 1");
	expect_field(test, old, "Cache-Status", "weir; hit; ttl=-1");
	expect_field(test, old, "Cache-Control", "max-age=0");
	assert_int_equal(cache_app_runs, 2);
	old = weir_test_get(test, "/page");
	expect_answer(test, old, "HIT", "run 2");
	expect_field(test, old, "Cache-Status", "weir; hit; ttl=60");
	expect_field(test, old, "Cache-Control", "max-age=60");
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_app_stats(test).misses, 1);
	assert_int_equal(cache_app_stats(test).hits, 2);
	assert_int_equal(cache_app_stats(test).stored, 2);
}

static void test_cache_stale_is_served_at_once_while_it_is_made_anew(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 60001);
	expect_old_once_then_new(test);
	weir_test_destroy(test);
}

static void test_cache_stale_begins_in_the_moment_of_its_end(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 60000);
	expect_old_once_then_new(test);
	weir_test_destroy(test);
}

static void test_cache_stale_is_served_at_once_from_a_remote_backend(void **state)
{
	struct weir_test *test = with_page(&revalidated, true);

	(void)state;
	cache_app_advance_ms(test, 60001);
	expect_old_once_then_new(test);
	weir_test_destroy(test);
}

static void test_cache_stale_has_an_end(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 89999);
	expect_get(test, "/page", "HIT", "run 1");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_advance_ms(test, 90000);
	expect_get(test, "/page", "MISS", "run 3");
	weir_test_destroy(test);
}

/* Whoever comes while the new one is made has the old one too. */
static struct weir_fake_clock hands;

static enum weir_status let_time_pass(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_fake_clock_advance_ms(&hands, 25000);
	return weir_response_text(res, "text/plain", "later");
}

/* The three are read at once: two old values that may be seen, and when the first has had its turn they may not any more. */
static void test_cache_stale_that_has_just_ended_is_made_anew_by_one(void **state)
{
	static const struct weir_cache_rule locked = { .expire_s = 60, .stale_while_revalidate_s = 30, .with_lock = true };
	static const struct weir_cache_rule plain = { .expire_s = 60 };
	static const struct weir_route routes[] = {
		{ .path = "/page", .handler = cache_app_handle, .cache = &locked },
		{ .path = "/later", .handler = let_time_pass, .cache = &plain, .nonblocking = true },
		{ 0 },
	};
	struct weir_test *test = cache_app_remote_routes(routes);
	struct weir_test_exchange *later, *first, *second;

	(void)state;
	weir_fake_clock_init(&hands);
	weir_app_cache(weir_test_app(test))->clock = &hands.clock;
	expect_get(test, "/page", "MISS", "run 1");
	weir_fake_clock_advance_ms(&hands, 70000);
	later = weir_test_start(test, &(const struct weir_test_request){ .target = "/later" });
	first = weir_test_start(test, &(const struct weir_test_request){ .target = "/page" });
	second = weir_test_start(test, &(const struct weir_test_request){ .target = "/page" });
	weir_test_run(test);
	expect_answer(test, weir_test_response(later), "MISS", "later");
	expect_answer(test, weir_test_response(first), "MISS", "run 2");
	expect_answer(test, weir_test_response(second), "HIT", "run 2");
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

static void test_cache_stale_is_made_anew_by_one(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 70000);
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 20; i++)
		expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(cache_app_runs, 2);
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_stale_answers_head_and_makes_a_get(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);
	const struct weir_test_response *head;

	(void)state;
	weir_test_advance_ms(test, 70000);
	head = weir_test_send(test, &(struct weir_test_request){ .method = "HEAD", .target = "/page" });
	assert_int_equal(head->status, 200);
	expect_field(test, head, "X-Weir-Cache", "HIT");
	expect_field(test, head, "Content-Length", "5");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_stale_keeps_to_conditions(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 70000);
	assert_int_equal(cache_app_get(test, "/page", FIELDS("If-None-Match", "*"))->status, 304);
	expect_get(test, "/page", "HIT", "run 2"); /* the copy had no condition */
	weir_test_destroy(test);
}

static void test_cache_stale_is_not_for_reloads(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);
	const struct weir_test_response *res;

	(void)state;
	weir_test_advance_ms(test, 70000);
	res = cache_app_get(test, "/page", FIELDS("Cache-Control", "no-cache"));
	expect_answer(test, res, "MISS", "run 2");
	expect_field(test, res, "Cache-Status", "weir; fwd=request; stored");
	weir_test_destroy(test);
}

static void test_cache_stale_is_not_served_after_a_clear(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 70000);
	assert_int_equal(weir_cache_clear_all(weir_app_cache(weir_test_app(test)), NULL), WEIR_OK);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

/* The clear comes while it is made: what was begun before is not stored for those after. */
static void test_cache_stale_is_not_made_anew_from_before_a_clear(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);

	(void)state;
	weir_test_advance_ms(test, 70000);
	weir_test_hold_handlers(test, true);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(weir_cache_clear_all(weir_app_cache(weir_test_app(test)), NULL), WEIR_OK);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(cache_app_runs, 2);
	expect_get(test, "/page", "MISS", "run 3");
	expect_get(test, "/page", "HIT", "run 3");
	weir_test_destroy(test);
}

static void test_cache_stale_after_a_soft_purge(void **state)
{
	struct weir_test *test = with_page(&revalidated, false);
	const struct weir_test_response *old;

	(void)state;
	assert_int_equal(weir_cache_expire_all(weir_app_cache(weir_test_app(test))), WEIR_OK);
	old = weir_test_get(test, "/page");
	expect_answer(test, old, "HIT", "run 1");
	expect_field(test, old, "Cache-Control", "max-age=0");
	expect_field(test, old, "Cache-Status", "weir; hit; ttl=0");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static enum weir_status answer_must_revalidate(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "Cache-Control", "must-revalidate");
	return cache_app_answer(res);
}

static void test_cache_stale_is_nothing_that_must_be_revalidated(void **state)
{
	struct weir_test *test = cache_app(&revalidated);

	(void)state;
	cache_app_handler = answer_must_revalidate;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 60001);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

static enum weir_status answer_with_own_times(struct weir_request *req, struct weir_response *res)
{
	weir_call_set_stale_s(weir_request_call(req), 5, 0);
	return cache_app_answer(res);
}

static void test_cache_stale_is_as_long_as_the_handler_says(void **state)
{
	struct weir_test *test = cache_app(&revalidated);

	(void)state;
	cache_app_handler = answer_with_own_times;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 65001);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_advance_ms(test, 64999);
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

/* -- When making it fails -------------------------------------------------------------------------------------------------- */

static int answered; /* with this status, or, negative, failed with it */

static enum weir_status answer_as_told(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	if (answered < 0)
		return (enum weir_status)answered;
	return answered ? weir_response_error(res, answered, "broken") : cache_app_answer(res);
}

/* The page is 70 s old and its handler broken. */
static struct weir_test *with_broken_handler(const struct weir_cache_rule *rule, int how)
{
	struct weir_test *test = with_page(rule, false);

	cache_app_handler = answer_as_told;
	answered = how;
	weir_test_advance_ms(test, 70000);
	(void)cache_app_lines();
	return test;
}

static void expect_old_after_failure(int how, const char *cache_status, size_t lines)
{
	struct weir_test *test = with_broken_handler(&fail_safe, how);
	const struct weir_test_response *old = weir_test_get(test, "/page");

	expect_answer(test, old, "HIT", "run 1");
	expect_field(test, old, "Cache-Status", cache_status);
	expect_field(test, old, "Cache-Control", "max-age=0");
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_app_lines(), lines);
	weir_test_destroy(test);
}

static void test_cache_stale_is_served_when_the_handler_fails(void **state)
{
	(void)state;
	expect_old_after_failure(WEIR_ERR_IO, "weir; fwd=stale; fwd-status=500", 2); /* the failure, and what was done about it */
	expect_old_after_failure(503, "weir; fwd=stale; fwd-status=503", 1);
}

static void test_cache_stale_failure_is_not_asked_for_again_at_once(void **state)
{
	struct weir_test *test = with_broken_handler(&fail_safe, 503);
	const struct weir_test_response *old;

	(void)state;
	expect_get(test, "/page", "HIT", "run 1");
	old = weir_test_get(test, "/page");
	expect_answer(test, old, "HIT", "run 1");
	expect_field(test, old, "Cache-Status", "weir; hit; ttl=-10");
	assert_int_equal(cache_app_runs, 2);
	assert_int_equal(cache_app_lines(), 1);
	weir_test_advance_ms(test, 2000);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 3);
	answered = 0;
	weir_test_advance_ms(test, 2000);
	expect_get(test, "/page", "MISS", "run 4");
	expect_get(test, "/page", "HIT", "run 4");
	weir_test_destroy(test);
}

static void test_cache_stale_failure_is_told_when_there_is_nothing_old(void **state)
{
	struct weir_test *test = with_broken_handler(&fail_safe, 503);

	(void)state;
	weir_test_advance_ms(test, 20000);
	assert_int_equal(weir_test_get(test, "/page")->status, 503);
	assert_int_equal(weir_test_get(test, "/other")->status, 503);
	weir_test_destroy(test);
}

static void test_cache_stale_is_not_served_for_a_client_error(void **state)
{
	struct weir_test *test = with_broken_handler(&fail_safe, 403);

	(void)state;
	assert_int_equal(weir_test_get(test, "/page")->status, 403);
	weir_test_destroy(test);
}

static void test_cache_stale_failure_reaches_who_reloads(void **state)
{
	struct weir_test *test = with_broken_handler(&fail_safe, 503);

	(void)state;
	assert_int_equal(cache_app_get(test, "/page", FIELDS("Cache-Control", "no-cache"))->status, 503);
	weir_test_destroy(test);
}

static void test_cache_stale_is_served_to_all_who_wait_for_what_fails(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .stale_if_error_s = 30, .with_lock = true };
	struct weir_test *test = with_broken_handler(&rule, WEIR_ERR_IO);
	struct weir_test_exchange *herd[5];

	(void)state;
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 5; i++)
		herd[i] = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	for (int i = 0; i < 5; i++)
		expect_answer(test, weir_test_response(herd[i]), "HIT", "run 1");
	expect_field(test, weir_test_response(herd[0]), "Cache-Status", "weir; fwd=stale; fwd-status=500");
	expect_field(test, weir_test_response(herd[4]), "Cache-Status", "weir; fwd=stale; collapsed");
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

/* A listed 503 is kept like anything else, but not in place of a good value that may still be served. */
static void test_cache_stale_is_not_replaced_by_a_failure(void **state)
{
	static const struct weir_status_expiry kept[] = { { 503, 60 }, { 0 } };
	static const struct weir_cache_rule rule = {
		.expire_s = 60, .stale_while_revalidate_s = 30, .stale_if_error_s = 30, .expire_by_status = kept
	};
	struct weir_test *test = with_broken_handler(&rule, 503);

	(void)state;
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(weir_test_get(test, "/other")->status, 503);
	expect_field(test, weir_test_get(test, "/other"), "X-Weir-Cache", "HIT");
	weir_test_destroy(test);
}

static void test_cache_stale_needs_no_backend_any_more(void **state)
{
	struct weir_test *test = with_page(&fail_safe, true);

	(void)state;
	cache_app_handler = answer_as_told;
	answered = 503;
	cache_app_advance_ms(test, 70000);
	weir_slow_backend_fail(cache_app_door, 1, WEIR_ERR_IO);
	assert_int_equal(weir_test_get(test, "/page")->status, 503); /* nobody knows what there was */
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_stale_is_served_at_once_while_it_is_made_anew),
		cmocka_unit_test(test_cache_stale_is_served_at_once_from_a_remote_backend),
		cmocka_unit_test(test_cache_stale_begins_in_the_moment_of_its_end),
		cmocka_unit_test(test_cache_stale_has_an_end),
		cmocka_unit_test(test_cache_stale_that_has_just_ended_is_made_anew_by_one),
		cmocka_unit_test(test_cache_stale_is_made_anew_by_one),
		cmocka_unit_test(test_cache_stale_answers_head_and_makes_a_get),
		cmocka_unit_test(test_cache_stale_keeps_to_conditions),
		cmocka_unit_test(test_cache_stale_is_not_for_reloads),
		cmocka_unit_test(test_cache_stale_is_not_served_after_a_clear),
		cmocka_unit_test(test_cache_stale_is_not_made_anew_from_before_a_clear),
		cmocka_unit_test(test_cache_stale_after_a_soft_purge),
		cmocka_unit_test(test_cache_stale_is_nothing_that_must_be_revalidated),
		cmocka_unit_test(test_cache_stale_is_as_long_as_the_handler_says),
		cmocka_unit_test(test_cache_stale_is_served_when_the_handler_fails),
		cmocka_unit_test(test_cache_stale_failure_is_not_asked_for_again_at_once),
		cmocka_unit_test(test_cache_stale_failure_is_told_when_there_is_nothing_old),
		cmocka_unit_test(test_cache_stale_is_not_served_for_a_client_error),
		cmocka_unit_test(test_cache_stale_failure_reaches_who_reloads),
		cmocka_unit_test(test_cache_stale_is_served_to_all_who_wait_for_what_fails),
		cmocka_unit_test(test_cache_stale_is_not_replaced_by_a_failure),
		cmocka_unit_test(test_cache_stale_needs_no_backend_any_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
