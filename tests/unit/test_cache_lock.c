/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of a rule: of those who miss at once one runs the handler, and the others are answered from its result, or set free when there
 * is none, or take over when it takes too long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/cache_app.h"

#define HERD 50

static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true, .lock_timeout_ms = 3000 };

static struct weir_test_exchange *herd[HERD];

/* So many requests for /page, one of which leads; handlers are held. */
static struct weir_test *start_herd(const struct weir_cache_options *options, int count)
{
	struct weir_test *test = cache_app_with(options, &locked);

	weir_test_hold_handlers(test, true);
	for (int i = 0; i < count; i++)
		herd[i] = cache_app_start(test, "/page", NULL);
	return test;
}

static void let_handlers_run(struct weir_test *test)
{
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
}

static void expect_all(struct weir_test *test, int from, int to, const char *status, const char *body)
{
	for (int i = from; i < to; i++)
		expect_answer(test, weir_test_response(herd[i]), status, body);
}

static void test_cache_lock_one_runs_for_all(void **state)
{
	struct weir_test *test = start_herd(NULL, HERD);

	(void)state;
	for (int i = 0; i < HERD; i++)
		assert_null(weir_test_response(herd[i]));
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_field(test, weir_test_response(herd[0]), "Cache-Status", "weir; fwd=uri-miss; stored");
	expect_all(test, 1, HERD, "HIT", "run 1");
	expect_field(test, weir_test_response(herd[1]), "Cache-Status", "weir; fwd=uri-miss; collapsed");
	expect_field(test, weir_test_response(herd[1]), "Cache-Control", "max-age=60");
	expect_field(test, weir_test_response(herd[1]), "ETag", weir_test_field(test, weir_test_response(herd[0]), "ETag"));
	assert_int_equal(cache_app_runs, 1);
	assert_int_equal(cache_app_stats(test).coalesced, HERD - 1);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_lock_without_it_everybody_runs(void **state)
{
	static const struct weir_cache_rule unlocked = { .expire_s = 60 };
	struct weir_test *test = cache_app(&unlocked);

	(void)state;
	weir_test_hold_handlers(test, true);
	herd[0] = cache_app_start(test, "/page", NULL);
	herd[1] = cache_app_start(test, "/page", NULL);
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[1]), "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_lock_is_on_one_key(void **state)
{
	struct weir_test *test = start_herd(NULL, 1);

	(void)state;
	herd[1] = cache_app_start(test, "/page?other", NULL);
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[1]), "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_lock_those_who_wait_have_conditions_too(void **state)
{
	struct weir_test *test = start_herd(NULL, 1);

	(void)state;
	herd[1] = cache_app_start(test, "/page", FIELDS("If-None-Match", "*"));
	let_handlers_run(test);
	assert_int_equal(weir_test_response(herd[0])->status, 200);
	assert_int_equal(weir_test_response(herd[1])->status, 304);
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static void test_cache_lock_who_waits_may_leave(void **state)
{
	struct weir_test *test = start_herd(NULL, 3);

	(void)state;
	weir_test_abort(test, herd[1]);
	weir_test_run(test);
	assert_non_null(weir_test_response(herd[1]));
	assert_false(weir_test_response(herd[1])->complete);
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[2]), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static void test_cache_lock_leader_goes_on_without_its_client(void **state)
{
	struct weir_test *test = start_herd(NULL, 3);

	(void)state;
	weir_test_abort(test, herd[0]);
	let_handlers_run(test);
	assert_false(weir_test_response(herd[0])->complete);
	expect_all(test, 1, 3, "HIT", "run 1");
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static struct weir_test *leaving_test;

/* The client of one who waits leaves in the very moment in which the result is there. */
static enum weir_status answer_while_one_leaves(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_test_abort(leaving_test, herd[1]);
	return cache_app_answer(res);
}

static void test_cache_lock_who_waits_may_leave_at_the_last_moment(void **state)
{
	struct weir_test *test = start_herd(NULL, 3);

	(void)state;
	leaving_test = test;
	cache_app_handler = answer_while_one_leaves;
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	assert_false(weir_test_response(herd[1])->complete);
	expect_answer(test, weir_test_response(herd[2]), "HIT", "run 1");
	weir_test_destroy(test);
}

static enum weir_status break_down(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_ERR_IO;
}

static void test_cache_lock_all_are_free_when_the_leader_fails(void **state)
{
	struct weir_test *test = start_herd(NULL, 4);

	(void)state;
	cache_app_handler = break_down;
	let_handlers_run(test);
	for (int i = 0; i < 4; i++)
		assert_int_equal(weir_test_response(herd[i])->status, 500);
	assert_int_equal(cache_app_runs, 4);
	weir_test_destroy(test);
}

static enum weir_status answer_privately(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_add_field(res, "Set-Cookie", "id=1");
	return cache_app_answer(res);
}

static void test_cache_lock_all_are_free_when_the_answer_may_not_be_shared(void **state)
{
	struct weir_test *test = start_herd(NULL, 3);
	char body[16];

	(void)state;
	cache_app_handler = answer_privately;
	let_handlers_run(test);
	for (int i = 0; i < 3; i++) {
		snprintf(body, sizeof(body), "run %d", i + 1);
		expect_answer(test, weir_test_response(herd[i]), "MISS", body);
		expect_field(test, weir_test_response(herd[i]), "Cache-Status", "weir; fwd=uri-miss");
	}
	weir_test_destroy(test);
}

/* What is too large to be kept may be shared all the same by those who are there. */
static void test_cache_lock_shares_what_is_not_stored(void **state)
{
	struct weir_test *test = start_herd(&(struct weir_cache_options){ .max_entry = 4 }, 3);

	(void)state;
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_field(test, weir_test_response(herd[0]), "Cache-Status", "weir; fwd=uri-miss");
	expect_all(test, 1, 3, "HIT", "run 1");
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

/* -- When it takes too long ------------------------------------------------------------------------------------------------ */

static void test_cache_lock_is_taken_over_by_one_at_the_timeout(void **state)
{
	struct weir_test *test = start_herd(NULL, 5);

	(void)state;
	weir_test_advance_ms(test, 2999);
	assert_int_equal(cache_app_lines(), 0);
	weir_test_advance_ms(test, 1);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "takes longer than the lock's timeout"));
	assert_int_equal(cache_app_stats(test).misses, 2);
	for (int i = 0; i < 5; i++)
		assert_null(weir_test_response(herd[i]));
	let_handlers_run(test);
	assert_int_equal(cache_app_runs, 2);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[1]), "MISS", "run 2");
	expect_all(test, 2, 5, "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_lock_is_given_up_at_the_second_timeout(void **state)
{
	struct weir_test *test = start_herd(NULL, 4);
	const struct weir_test_response *res;

	(void)state;
	weir_test_advance_ms(test, 5999);
	assert_null(weir_test_response(herd[2]));
	weir_test_advance_ms(test, 1);
	for (int i = 2; i < 4; i++) {
		res = weir_test_response(herd[i]);
		assert_non_null(res);
		assert_int_equal(res->status, 503);
		assert_true(res->complete);
		expect_field(test, res, "Retry-After", "1");
		expect_field(test, res, "X-Weir-Cache", NULL);
		expect_field(test, res, "Cache-Control", NULL);
	}
	assert_null(weir_test_response(herd[0]));
	assert_null(weir_test_response(herd[1]));
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[1]), "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_lock_waits_a_minute_unless_told(void **state)
{
	static const struct weir_cache_rule patient = { .expire_s = 60, .with_lock = true };
	struct weir_test *test = cache_app(&patient);

	(void)state;
	weir_test_hold_handlers(test, true);
	herd[0] = cache_app_start(test, "/page", NULL);
	herd[1] = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 59999);
	assert_int_equal(cache_app_stats(test).misses, 1);
	weir_test_advance_ms(test, 1);
	assert_int_equal(cache_app_stats(test).misses, 2);
	weir_test_destroy(test);
}

/* Who comes late waits its own time. */
static void test_cache_lock_timeout_is_each_ones_own(void **state)
{
	struct weir_test *test = start_herd(NULL, 2);

	(void)state;
	weir_test_advance_ms(test, 2000);
	herd[2] = cache_app_start(test, "/page", NULL);
	weir_test_advance_ms(test, 5999); /* the second has taken over at 3,000; the third gives up at 8,000 */
	assert_null(weir_test_response(herd[2]));
	weir_test_advance_ms(test, 1);
	assert_int_equal(weir_test_response(herd[2])->status, 503);
	weir_test_destroy(test);
}

/* -- Others than plain GETs ------------------------------------------------------------------------------------------------ */

static void test_cache_lock_reload_does_not_share_an_older_leader(void **state)
{
	struct weir_test *test = start_herd(NULL, 2);

	(void)state;
	herd[2] = cache_app_start(test, "/page", FIELDS("Cache-Control", "no-cache"));
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[1]), "HIT", "run 1");
	expect_answer(test, weir_test_response(herd[2]), "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_lock_reload_leads_when_nobody_does(void **state)
{
	struct weir_test *test = start_herd(NULL, 0);

	(void)state;
	herd[0] = cache_app_start(test, "/page", FIELDS("Cache-Control", "no-cache"));
	herd[1] = cache_app_start(test, "/page", NULL);
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(herd[1]), "HIT", "run 1");
	weir_test_destroy(test);
}

static struct weir_test_exchange *start_head(struct weir_test *test)
{
	struct weir_test_exchange *head = weir_test_start(test, &(const struct weir_test_request){ .method = "HEAD", .target = "/page" });

	weir_test_run(test);
	return head;
}

static void test_cache_lock_head_waits(void **state)
{
	struct weir_test *test = start_herd(NULL, 1);

	(void)state;
	herd[1] = start_head(test);
	assert_null(weir_test_response(herd[1]));
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[1]), "HIT", "");
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static void test_cache_lock_head_never_leads(void **state)
{
	struct weir_test *test = start_herd(NULL, 0);

	(void)state;
	herd[0] = start_head(test);
	herd[1] = cache_app_start(test, "/page", NULL);
	assert_int_equal(cache_app_stats(test).misses, 2); /* nobody waits */
	let_handlers_run(test);
	expect_answer(test, weir_test_response(herd[0]), "MISS", "");
	expect_answer(test, weir_test_response(herd[1]), "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_lock_head_never_takes_over(void **state)
{
	struct weir_test *test = start_herd(NULL, 1);

	(void)state;
	herd[1] = start_head(test);
	weir_test_advance_ms(test, 3000);
	assert_null(weir_test_response(herd[1]));
	assert_int_equal(cache_app_lines(), 0);
	weir_test_advance_ms(test, 3000);
	assert_int_equal(weir_test_response(herd[1])->status, 503);
	weir_test_destroy(test);
}

static void test_cache_lock_is_gone_with_its_leader(void **state)
{
	struct weir_test *test = start_herd(NULL, 1);

	(void)state;
	cache_app_handler = break_down;
	let_handlers_run(test);
	cache_app_handler = NULL;
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_advance_ms(test, 60000);
	expect_get(test, "/page", "MISS", "run 3");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_lock_one_runs_for_all),
		cmocka_unit_test(test_cache_lock_without_it_everybody_runs),
		cmocka_unit_test(test_cache_lock_is_on_one_key),
		cmocka_unit_test(test_cache_lock_those_who_wait_have_conditions_too),
		cmocka_unit_test(test_cache_lock_who_waits_may_leave),
		cmocka_unit_test(test_cache_lock_leader_goes_on_without_its_client),
		cmocka_unit_test(test_cache_lock_who_waits_may_leave_at_the_last_moment),
		cmocka_unit_test(test_cache_lock_all_are_free_when_the_leader_fails),
		cmocka_unit_test(test_cache_lock_all_are_free_when_the_answer_may_not_be_shared),
		cmocka_unit_test(test_cache_lock_shares_what_is_not_stored),
		cmocka_unit_test(test_cache_lock_is_taken_over_by_one_at_the_timeout),
		cmocka_unit_test(test_cache_lock_is_given_up_at_the_second_timeout),
		cmocka_unit_test(test_cache_lock_waits_a_minute_unless_told),
		cmocka_unit_test(test_cache_lock_timeout_is_each_ones_own),
		cmocka_unit_test(test_cache_lock_reload_does_not_share_an_older_leader),
		cmocka_unit_test(test_cache_lock_reload_leads_when_nobody_does),
		cmocka_unit_test(test_cache_lock_head_waits),
		cmocka_unit_test(test_cache_lock_head_never_leads),
		cmocka_unit_test(test_cache_lock_head_never_takes_over),
		cmocka_unit_test(test_cache_lock_is_gone_with_its_leader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
