/* SPDX-License-Identifier: Apache-2.0
 *
 * The rule's soft and hard timeouts: how long a client waits, what it gets then, and that making goes on without it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/cache_app.h"

static const struct weir_cache_rule hard = { .expire_s = 60, .hard_timeout_ms = 500 };
static const struct weir_cache_rule soft = { .expire_s = 60, .stale_if_error_s = 30, .soft_timeout_ms = 200 };
static const struct weir_cache_rule both = { .expire_s = 60, .stale_if_error_s = 30, .soft_timeout_ms = 200, .hard_timeout_ms = 500 };

/* -- Hard ------------------------------------------------------------------------------------------------------------------ */

static void test_cache_timeouts_make_no_difference_to_who_is_fast(void **state)
{
	struct weir_test *test = cache_app(&both);
	const struct weir_test_response *res = weir_test_get(test, "/page");

	(void)state;
	expect_answer(test, res, "MISS", "run 1");
	expect_field(test, res, "Cache-Status", "weir; fwd=uri-miss");
	expect_field(test, res, "Cache-Control", "max-age=60");
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_stats(test).misses, 1);
	assert_int_equal(cache_app_stats(test).hits, 1);
	assert_int_equal(cache_app_stats(test).stored, 1);
	weir_test_destroy(test);
}

static void expect_late(struct weir_test *test, const struct weir_test_response *res)
{
	assert_non_null(res);
	assert_int_equal(res->status, 504);
	expect_field(test, res, "Retry-After", "1");
	expect_field(test, res, "X-Weir-Cache", NULL);
}

static void expect_late_then_hit(struct weir_test *test)
{
	struct weir_test_exchange *first, *second;

	weir_test_hold_handlers(test, true);
	first = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 300);
	second = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 199);
	assert_null(weir_test_response(first));
	weir_test_advance_ms(test, 1);
	expect_late(test, weir_test_response(first));
	assert_null(weir_test_response(second)); /* each has its own time */
	weir_test_advance_ms(test, 299);
	assert_null(weir_test_response(second));
	weir_test_advance_ms(test, 1);
	expect_late(test, weir_test_response(second));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_get(test, "/page", "HIT", "run 1"); /* making went on */
	assert_int_equal(cache_app_runs, 1);
}

static void test_cache_timeouts_hard_is_a_504_and_making_goes_on(void **state)
{
	struct weir_test *test = cache_app(&hard);

	(void)state;
	expect_late_then_hit(test);
	weir_test_destroy(test);
	test = cache_app_remote(&hard);
	expect_late_then_hit(test);
	weir_test_destroy(test);
}

static void test_cache_timeouts_hard_has_the_old_value_where_it_may(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .stale_if_error_s = 30, .hard_timeout_ms = 500 };
	struct weir_test *test = cache_app(&rule);
	struct weir_test_exchange *exchange;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 70000);
	weir_test_hold_handlers(test, true);
	exchange = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 500);
	expect_answer(test, weir_test_response(exchange), "HIT", "run 1");
	expect_field(test, weir_test_response(exchange), "Cache-Status", "weir; fwd=stale; detail=timeout");
	expect_field(test, weir_test_response(exchange), "Cache-Control", "max-age=0");
	weir_test_destroy(test);
}

/* The old value's time ends while the client waits. */
static void test_cache_timeouts_hard_does_not_serve_what_has_become_too_old(void **state)
{
	static const struct weir_cache_rule rule = {
		.expire_s = 60, .stale_if_error_s = 30, .soft_timeout_ms = 400, .hard_timeout_ms = 500
	};
	struct weir_test *test = cache_app(&rule);
	struct weir_test_exchange *exchange;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 89700);
	weir_test_hold_handlers(test, true);
	exchange = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 499);
	assert_null(weir_test_response(exchange));
	weir_test_advance_ms(test, 1);
	expect_late(test, weir_test_response(exchange));
	weir_test_destroy(test);
}

static void test_cache_timeouts_hard_holds_for_head_too(void **state)
{
	struct weir_test *test = cache_app(&hard);
	struct weir_test_exchange *exchange;

	(void)state;
	weir_test_hold_handlers(test, true);
	exchange = weir_test_start(test, &(struct weir_test_request){ .method = "HEAD", .target = "/page" });
	weir_test_advance_ms(test, 500);
	expect_late(test, weir_test_response(exchange));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_get(test, "/page", "HIT", "run 1"); /* it was a GET that was made */
	weir_test_destroy(test);
}

static void test_cache_timeouts_making_goes_on_without_its_client(void **state)
{
	struct weir_test *test = cache_app(&hard);
	struct weir_test_exchange *leaver, *other;

	(void)state;
	weir_test_hold_handlers(test, true);
	leaver = cache_app_start(test, "/page", NULL);
	other = cache_app_start(test, "/page", NULL);
	weir_test_abort(test, leaver);
	weir_test_run(test);
	assert_non_null(weir_test_response(leaver));
	assert_null(weir_test_response(other));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(other), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static enum weir_status answer_with_body(struct weir_request *req, struct weir_response *res)
{
	struct weir_slice body = weir_request_body(req);

	return weir_response_text(res, "text/plain", "%s %.*s", weir_request_method_name(req), (int)body.len, body.data);
}

static void test_cache_timeouts_hand_the_body_on(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .methods = WEIR_POST, .hard_timeout_ms = 500 };
	const struct weir_test_request post = { .method = "POST", .target = "/page", .body = WEIR_SLICE_LITERAL("question") };
	const struct weir_test_request other = { .method = "POST", .target = "/page", .body = WEIR_SLICE_LITERAL("another") };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	cache_app_handler = answer_with_body;
	expect_answer(test, weir_test_send(test, &post), "MISS", "POST question");
	expect_answer(test, weir_test_send(test, &post), "HIT", "POST question");
	expect_answer(test, weir_test_send(test, &other), "MISS", "POST another");
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

/* -- Soft ------------------------------------------------------------------------------------------------------------------ */

static void test_cache_timeouts_soft_serves_the_old_value(void **state)
{
	struct weir_test *test = cache_app(&soft);
	struct weir_test_exchange *first, *second;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 70000);
	weir_test_hold_handlers(test, true);
	first = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 100);
	second = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 100);
	expect_answer(test, weir_test_response(first), "HIT", "run 1");
	expect_field(test, weir_test_response(first), "Cache-Status", "weir; fwd=stale; detail=timeout");
	assert_null(weir_test_response(second));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(second), "HIT", "run 2"); /* it has waited long enough for the new one */
	expect_field(test, weir_test_response(second), "Cache-Status", "weir; fwd=uri-miss; collapsed");
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

static void test_cache_timeouts_soft_is_nothing_without_an_old_value(void **state)
{
	struct weir_test *test = cache_app(&soft);
	struct weir_test_exchange *exchange;

	(void)state;
	weir_test_hold_handlers(test, true);
	exchange = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 5000);
	assert_null(weir_test_response(exchange));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(exchange), "MISS", "run 1");
	weir_test_destroy(test);
}

static void test_cache_timeouts_soft_comes_before_hard(void **state)
{
	struct weir_test *test = cache_app(&both);
	struct weir_test_exchange *exchange;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 70000);
	weir_test_hold_handlers(test, true);
	exchange = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 200);
	expect_answer(test, weir_test_response(exchange), "HIT", "run 1");
	weir_test_destroy(test);
}

/* -- What may not be shared is for the one who has asked ------------------------------------------------------------------- */

static enum weir_status answer_privately(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_add_field(res, "Set-Cookie", "id=1");
	weir_response_set_field(res, "Cache-Control", "private");
	return cache_app_answer(res);
}

static void test_cache_timeouts_answer_what_may_not_be_shared(void **state)
{
	struct weir_test *test = cache_app(&hard);
	const struct weir_test_response *res;

	(void)state;
	cache_app_handler = answer_privately;
	res = weir_test_get(test, "/page");
	expect_answer(test, res, "MISS", "run 1");
	expect_field(test, res, "Set-Cookie", "id=1");
	expect_field(test, res, "Cache-Control", "private");
	expect_field(test, res, "Cache-Status", "weir; fwd=uri-miss");
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static void test_cache_timeouts_give_what_may_not_be_shared_to_nobody_else(void **state)
{
	struct weir_test *test = cache_app(&hard);
	struct weir_test_exchange *first, *second;

	(void)state;
	cache_app_handler = answer_privately;
	weir_test_hold_handlers(test, true);
	first = cache_app_start(test, "/page", NULL);
	second = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(first), "MISS", "run 1");
	expect_answer(test, weir_test_response(second), "MISS", "run 2");
	weir_test_destroy(test);
}

/* The one who has asked has left. */
static void test_cache_timeouts_drop_what_nobody_may_have(void **state)
{
	struct weir_test *test = cache_app(&hard);
	struct weir_test_exchange *first, *second;

	(void)state;
	cache_app_handler = answer_privately;
	weir_test_hold_handlers(test, true);
	first = cache_app_start(test, "/page", NULL);
	second = cache_app_start(test, "/page", NULL);
	weir_test_abort(test, first);
	weir_test_run(test);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(second), "MISS", "run 2");
	weir_test_destroy(test);
}

static enum weir_status break_down(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_ERR_IO;
}

static void test_cache_timeouts_tell_a_failure_once(void **state)
{
	struct weir_test *test = cache_app(&hard);

	(void)state;
	cache_app_handler = break_down;
	(void)cache_app_lines();
	assert_int_equal(weir_test_get(test, "/page")->status, 500);
	assert_int_equal(cache_app_runs, 1);
	assert_int_equal(cache_app_lines(), 1);
	weir_test_destroy(test);
}

static void test_cache_timeouts_serve_the_old_value_for_a_failure(void **state)
{
	struct weir_test *test = cache_app(&both);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 70000);
	cache_app_handler = break_down;
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

/* -- Together with the lock's timeout -------------------------------------------------------------------------------------- */

static void test_cache_timeouts_hard_holds_for_who_takes_over(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .with_lock = true, .lock_timeout_ms = 300, .hard_timeout_ms = 500 };
	struct weir_test *test = cache_app(&rule);
	struct weir_test_exchange *exchange;

	(void)state;
	weir_test_hold_handlers(test, true);
	exchange = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 499); /* from 300 ms on a second one makes it */
	assert_null(weir_test_response(exchange));
	weir_test_advance_ms(test, 1);
	expect_late(test, weir_test_response(exchange));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(cache_app_runs, 2);
	weir_test_destroy(test);
}

/* Two lots of the lock's time, whoever sends another to make it. */
static void test_cache_timeouts_of_the_lock_come_first_when_they_are_shorter(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .lock_timeout_ms = 300, .hard_timeout_ms = 5000 };
	struct weir_test *test = cache_app(&rule);
	struct weir_test_exchange *exchange;

	(void)state;
	weir_test_hold_handlers(test, true);
	exchange = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 599);
	assert_null(weir_test_response(exchange));
	weir_test_advance_ms(test, 1);
	assert_int_equal(weir_test_response(exchange)->status, 503);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(cache_app_runs, 2);
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_timeouts_old_value_comes_before_a_503(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .stale_if_error_s = 90, .with_lock = true, .lock_timeout_ms = 300 };
	struct weir_test *test = cache_app(&rule);
	struct weir_test_exchange *herd[3];

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, 70000);
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 3; i++)
		herd[i] = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 600);
	assert_null(weir_test_response(herd[0]));
	assert_null(weir_test_response(herd[1])); /* has taken over */
	expect_answer(test, weir_test_response(herd[2]), "HIT", "run 1");
	weir_test_destroy(test);
}

/* Where nothing can be made in the background the client makes it, and waits. */
static void test_cache_timeouts_are_off_when_no_more_fit_in_the_background(void **state)
{
	static struct weir_test_exchange *many[65];
	struct weir_test *test = cache_app(&hard);
	struct weir_test_exchange *head;
	char target[16];

	(void)state;
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 65; i++) {
		snprintf(target, sizeof(target), "/page?%d", i);
		many[i] = cache_app_start(test, target, NULL);
	}
	head = weir_test_start(test, &(struct weir_test_request){ .method = "HEAD", .target = "/other" });
	weir_test_advance_ms(test, 1000);
	assert_null(weir_test_response(head));
	for (int i = 0; i < 64; i++)
		expect_late(test, weir_test_response(many[i]));
	assert_null(weir_test_response(many[64]));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(weir_test_response(many[64])->status, 200);
	assert_int_equal(weir_test_response(head)->status, 200);
	assert_int_equal(cache_app_runs, 66);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_timeouts_make_no_difference_to_who_is_fast),
		cmocka_unit_test(test_cache_timeouts_hard_is_a_504_and_making_goes_on),
		cmocka_unit_test(test_cache_timeouts_hard_has_the_old_value_where_it_may),
		cmocka_unit_test(test_cache_timeouts_hard_does_not_serve_what_has_become_too_old),
		cmocka_unit_test(test_cache_timeouts_hard_holds_for_head_too),
		cmocka_unit_test(test_cache_timeouts_making_goes_on_without_its_client),
		cmocka_unit_test(test_cache_timeouts_hand_the_body_on),
		cmocka_unit_test(test_cache_timeouts_soft_serves_the_old_value),
		cmocka_unit_test(test_cache_timeouts_soft_is_nothing_without_an_old_value),
		cmocka_unit_test(test_cache_timeouts_soft_comes_before_hard),
		cmocka_unit_test(test_cache_timeouts_answer_what_may_not_be_shared),
		cmocka_unit_test(test_cache_timeouts_give_what_may_not_be_shared_to_nobody_else),
		cmocka_unit_test(test_cache_timeouts_drop_what_nobody_may_have),
		cmocka_unit_test(test_cache_timeouts_tell_a_failure_once),
		cmocka_unit_test(test_cache_timeouts_serve_the_old_value_for_a_failure),
		cmocka_unit_test(test_cache_timeouts_hard_holds_for_who_takes_over),
		cmocka_unit_test(test_cache_timeouts_of_the_lock_come_first_when_they_are_shorter),
		cmocka_unit_test(test_cache_timeouts_old_value_comes_before_a_503),
		cmocka_unit_test(test_cache_timeouts_are_off_when_no_more_fit_in_the_background),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
