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

/* -- One client, and handlers that do not end ------------------------------------------------------------------------------- */

struct wait {
	const char *name; /* of the test */
	struct weir_cache_rule rule;
	const char *method; /* NULL: GET */
	int64_t age_ms;     /* of the value that is there; 0: there is none */
	int64_t ends_ms;    /* when the client is answered, and not before */
	int status;         /* of the answer; 200: the old value */
	int runs;           /* of the handler, in the end; the last of them is kept */
};

static void expect_late(struct weir_test *test, const struct weir_test_response *res)
{
	assert_non_null(res);
	assert_int_equal(res->status, 504);
	expect_field(test, res, "Retry-After", "1");
	expect_field(test, res, "X-Weir-Cache", NULL);
}

static void expect_old(struct weir_test *test, const struct weir_test_response *res)
{
	expect_answer(test, res, "HIT", "run 1");
	expect_field(test, res, "Cache-Status", "weir; fwd=stale; detail=timeout");
	expect_field(test, res, "Cache-Control", "max-age=0");
}

static void expect_end(struct weir_test *test, const struct weir_test_response *res, int status)
{
	if (status == 504)
		expect_late(test, res);
	else if (status == 200)
		expect_old(test, res);
	else
		assert_int_equal(res->status, status);
}

static void test_wait(void **state)
{
	const struct wait *wait = *state;
	const struct weir_test_request request = { .method = wait->method, .target = "/page" };
	struct weir_test *test = cache_app(&wait->rule);
	struct weir_test_exchange *exchange;
	char kept[16];

	if (wait->age_ms > 0)
		expect_get(test, "/page", "MISS", "run 1");
	weir_test_advance_ms(test, wait->age_ms);
	weir_test_hold_handlers(test, true);
	exchange = weir_test_start(test, &request);
	weir_test_advance_ms(test, wait->ends_ms - 1);
	assert_null(weir_test_response(exchange));
	weir_test_advance_ms(test, 1);
	expect_end(test, weir_test_response(exchange), wait->status);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_int_equal(cache_app_runs, wait->runs);
	(void)snprintf(kept, sizeof(kept), "run %d", wait->runs);
	expect_get(test, "/page", "HIT", kept); /* making went on */
	weir_test_destroy(test);
}

static struct wait waits[] = {
	{ "test_cache_timeouts_hard_has_the_old_value_where_it_may",
	  .rule = { .expire_s = 60, .stale_if_error_s = 30, .hard_timeout_ms = 500 }, .age_ms = 70000, .ends_ms = 500, .status = 200,
	  .runs = 2 },
	{ "test_cache_timeouts_hard_does_not_serve_what_has_become_too_old", /* while the client waits */
	  .rule = { .expire_s = 60, .stale_if_error_s = 30, .soft_timeout_ms = 400, .hard_timeout_ms = 500 }, .age_ms = 89700,
	  .ends_ms = 500, .status = 504, .runs = 2 },
	{ "test_cache_timeouts_hard_holds_for_head_too", /* it is a GET that is made */
	  .rule = { .expire_s = 60, .hard_timeout_ms = 500 }, .method = "HEAD", .ends_ms = 500, .status = 504, .runs = 1 },
	{ "test_cache_timeouts_soft_comes_before_hard",
	  .rule = { .expire_s = 60, .stale_if_error_s = 30, .soft_timeout_ms = 200, .hard_timeout_ms = 500 }, .age_ms = 70000,
	  .ends_ms = 200, .status = 200, .runs = 2 },
	{ "test_cache_timeouts_hard_holds_for_who_takes_over", /* from 300 ms on */
	  .rule = { .expire_s = 60, .with_lock = true, .lock_timeout_ms = 300, .hard_timeout_ms = 500 }, .ends_ms = 500, .status = 504,
	  .runs = 2 },
	{ "test_cache_timeouts_of_the_lock_come_first_when_they_are_shorter", /* two lots of it, whoever sends another to make it */
	  .rule = { .expire_s = 60, .lock_timeout_ms = 300, .hard_timeout_ms = 5000 }, .ends_ms = 600, .status = 503, .runs = 2 },
};

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
	expect_old(test, weir_test_response(first));
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

#define WAIT(at) \
	{ \
		waits[at].name, test_wait, NULL, NULL, &waits[at] \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAIT(0),
		WAIT(1),
		WAIT(2),
		WAIT(3),
		WAIT(4),
		WAIT(5),
		cmocka_unit_test(test_cache_timeouts_make_no_difference_to_who_is_fast),
		cmocka_unit_test(test_cache_timeouts_hard_is_a_504_and_making_goes_on),
		cmocka_unit_test(test_cache_timeouts_making_goes_on_without_its_client),
		cmocka_unit_test(test_cache_timeouts_hand_the_body_on),
		cmocka_unit_test(test_cache_timeouts_soft_serves_the_old_value),
		cmocka_unit_test(test_cache_timeouts_soft_is_nothing_without_an_old_value),
		cmocka_unit_test(test_cache_timeouts_answer_what_may_not_be_shared),
		cmocka_unit_test(test_cache_timeouts_give_what_may_not_be_shared_to_nobody_else),
		cmocka_unit_test(test_cache_timeouts_drop_what_nobody_may_have),
		cmocka_unit_test(test_cache_timeouts_tell_a_failure_once),
		cmocka_unit_test(test_cache_timeouts_serve_the_old_value_for_a_failure),
		cmocka_unit_test(test_cache_timeouts_old_value_comes_before_a_503),
		cmocka_unit_test(test_cache_timeouts_are_off_when_no_more_fit_in_the_background),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
