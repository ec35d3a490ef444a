/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache on a backend that is asked by jobs, as Redis and the like are: what it does there, what comes back damaged, and what happens
 * when it fails. The backend is the memory driver behind a door.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "pages" };
static const struct weir_cache_rule locked = { .expire_s = 60, .ns = "pages", .with_lock = true };

static struct weir_slow_counts counts(void)
{
	struct weir_slow_counts counted;

	weir_slow_backend_counts(cache_app_door, &counted);
	return counted;
}

static struct weir_cache *cache_of(struct weir_test *test)
{
	return weir_app_cache(weir_test_app(test));
}

static void test_cache_remote_answers_the_second_request_from_the_first(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	const struct weir_test_response *miss, *hit;

	(void)state;
	miss = weir_test_get(test, "/page");
	expect_answer(test, miss, "MISS", "run 1");
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss; stored");
	cache_app_advance_ms(test, 20000);
	hit = weir_test_get(test, "/page");
	expect_answer(test, hit, "HIT", "run 1");
	expect_field(test, hit, "Cache-Status", "weir; hit; ttl=40");
	expect_field(test, hit, "ETag", weir_test_field(test, miss, "ETag"));
	assert_int_equal(counts().get_calls, 2 + 1); /* and one for cells beside the write */
	assert_int_equal(counts().set_calls, 1);
	assert_int_equal(counts().overlapped, 0);
	cache_app_advance_ms(test, 40000);
	expect_get(test, "/page", "MISS", "run 2");
	assert_int_equal(cache_app_stats(test).stored, 2);
	weir_test_destroy(test);
}

static void test_cache_remote_asks_for_many_at_once(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	struct weir_test_exchange *exchanges[10];
	char target[16];

	(void)state;
	for (int i = 0; i < 10; i++) {
		snprintf(target, sizeof(target), "/page/%d", i);
		exchanges[i] = weir_test_start(test, &(const struct weir_test_request){ .target = target });
	}
	weir_test_run(test);
	for (int i = 0; i < 10; i++)
		assert_int_equal(weir_test_response(exchanges[i])->status, 200);
	assert_int_equal(counts().get_calls, 1 + 10); /* one for the ten, and one for cells beside each write */
	assert_int_equal(counts().most_reads, 10);
	weir_test_destroy(test);
}

static void test_cache_remote_client_may_leave_while_it_is_asked(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	struct weir_test_exchange *exchange = weir_test_start(test, &(const struct weir_test_request){ .target = "/page" });

	(void)state;
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_false(weir_test_response(exchange)->complete);
	assert_int_equal(cache_app_runs, 0);
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_destroy(test);
}

static enum weir_status clear_in_the_middle(struct weir_request *req, struct weir_response *res)
{
	assert_int_equal(weir_cache_clear_namespace(weir_request_cache(req), "pages", NULL), WEIR_OK);
	return cache_app_answer(res);
}

static void test_cache_remote_is_cleared(void **state)
{
	const struct weir_cache_entry_name name = { .ns = "pages", .route = "/page", .host = "localhost", .target = "/page" };
	struct weir_test *test = cache_app_remote(&minute);
	size_t removed;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	expect_get(test, "/other", "MISS", "run 2");
	assert_int_equal(weir_cache_clear_entry(cache_of(test), &name, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_get(test, "/page", "MISS", "run 3");
	expect_get(test, "/other", "HIT", "run 2");
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "pages", &removed), WEIR_OK);
	assert_int_equal(removed, 2);
	expect_get(test, "/other", "MISS", "run 4");
	assert_int_equal(weir_cache_clear_all(cache_of(test), NULL), WEIR_OK);
	expect_get(test, "/other", "MISS", "run 5");
	cache_app_handler = clear_in_the_middle;
	expect_get(test, "/page", "MISS", "run 6");
	cache_app_handler = NULL;
	expect_get(test, "/page", "MISS", "run 7");
	weir_test_destroy(test);
}

static void test_cache_remote_clear_tells_that_it_failed(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	size_t removed;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_slow_backend_fail(cache_app_door, 2, WEIR_ERR_IO);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "pages", &removed), WEIR_ERR_IO);
	assert_int_equal(weir_cache_clear_all(cache_of(test), NULL), WEIR_ERR_IO);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_remote_reload_reads_no_value(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	struct weir_backend_stats stats;

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	expect_answer(test, cache_app_get(test, "/page", FIELDS("Cache-Control", "no-cache")), "MISS", "run 2");
	weir_backend_ops(cache_app_store)->stats(weir_backend_self(cache_app_store), &stats);
	assert_int_equal(stats.hits, 0);
	assert_int_equal(stats.misses, 1);
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

/* -- What fails ------------------------------------------------------------------------------------------------------------ */

static void test_cache_remote_read_that_fails_is_logged_and_answered(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	const struct weir_test_response *res;

	(void)state;
	weir_slow_backend_fail(cache_app_door, 1, WEIR_ERR_IO);
	res = weir_test_get(test, "/page");
	expect_answer(test, res, "MISS", "run 1");
	expect_field(test, res, "Cache-Status", "weir; fwd=uri-miss");
	expect_field(test, res, "Cache-Control", "max-age=60");
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "input/output error"));
	assert_int_equal(cache_app_stats(test).errors, 1);
	assert_int_equal(counts().set_calls, 0); /* without the clear clock nothing may be stored */
	expect_get(test, "/page", "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	assert_int_equal(cache_app_lines(), 0);
	weir_test_destroy(test);
}

static enum weir_status fail_to_store(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_slow_backend_fail(cache_app_door, 1, WEIR_ERR_IO);
	return cache_app_answer(res);
}

static void test_cache_remote_write_that_fails_is_logged_and_answered(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);

	(void)state;
	cache_app_handler = fail_to_store;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_run(test);
	assert_int_equal(cache_app_lines(), 1);
	assert_int_equal(cache_app_stats(test).errors, 1);
	assert_int_equal(cache_app_stats(test).stored, 0);
	cache_app_handler = NULL;
	expect_get(test, "/page", "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_remote_lock_holds_while_the_backend_is_down(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);
	struct weir_test_exchange *exchanges[3];

	(void)state;
	weir_slow_backend_fail(cache_app_door, 100, WEIR_ERR_IO);
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 3; i++)
		exchanges[i] = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(exchanges[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(exchanges[1]), "HIT", "run 1");
	expect_answer(test, weir_test_response(exchanges[2]), "HIT", "run 1");
	assert_int_equal(cache_app_lines(), 1); /* for three failed reads: they came in the same second */
	assert_int_equal(cache_app_stats(test).errors, 3);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

/* Who still knows the clear clock does not share with a leader who did not. */
static void test_cache_remote_lock_does_not_share_what_knows_no_clock(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);
	struct weir_test_exchange *exchanges[2];

	(void)state;
	weir_test_hold_handlers(test, true);
	weir_slow_backend_fail(cache_app_door, 1, WEIR_ERR_IO);
	exchanges[0] = cache_app_start(test, "/page", NULL);
	exchanges[1] = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(exchanges[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(exchanges[1]), "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

/* Who has lost the backend meanwhile may share: what it does not know of cannot have been cleared. */
static void test_cache_remote_lock_is_shared_by_those_who_lost_the_backend(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);
	struct weir_test_exchange *exchanges[2];

	(void)state;
	weir_test_hold_handlers(test, true);
	exchanges[0] = cache_app_start(test, "/page", NULL);
	weir_slow_backend_fail(cache_app_door, 1, WEIR_ERR_IO);
	exchanges[1] = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(exchanges[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(exchanges[1]), "HIT", "run 1");
	weir_test_destroy(test);
}

/* -- Locks ----------------------------------------------------------------------------------------------------------------- */

static struct weir_test *running;
static struct weir_test_exchange *late;

/* Another request comes while the value is being made. */
static enum weir_status start_another(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	if (!late)
		late = weir_test_start(running, &(const struct weir_test_request){ .target = "/page" });
	return cache_app_answer(res);
}

/* Its read goes out before the leader's write, and comes back, a miss, with it. */
static void test_cache_remote_lock_holds_until_the_value_is_stored(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);

	(void)state;
	running = test;
	late = NULL;
	cache_app_handler = start_another;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_run(test);
	expect_answer(test, weir_test_response(late), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_remote_lock_one_runs_for_all(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);
	struct weir_test_exchange *exchanges[20];

	(void)state;
	for (int i = 0; i < 20; i++)
		exchanges[i] = weir_test_start(test, &(const struct weir_test_request){ .target = "/page" });
	weir_test_run(test);
	for (int i = 0; i < 20; i++)
		expect_answer(test, weir_test_response(exchanges[i]), i ? "HIT" : "MISS", "run 1");
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static enum weir_status start_another_and_keep_it_private(struct weir_request *req, struct weir_response *res)
{
	weir_response_set_field(res, "Cache-Control", "private");
	return start_another(req, res);
}

/* What that other then waits for ends before it can, and without a result. */
static void test_cache_remote_lock_may_end_in_vain_meanwhile(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);

	(void)state;
	running = test;
	late = NULL;
	cache_app_handler = start_another_and_keep_it_private;
	expect_get(test, "/page", "MISS", "run 1");
	weir_test_run(test);
	expect_answer(test, weir_test_response(late), "MISS", "run 2");
	weir_test_destroy(test);
}

static struct weir_test_exchange *herd[3];

/* Three requests for /page come while a first page is made; while a second is, and the backend is asked about the three, the first of them
 * loses its client. */
static enum weir_status start_a_herd(struct weir_request *req, struct weir_response *res)
{
	if (weir_request_query(req, "start"))
		for (int i = 0; i < 3; i++)
			herd[i] = weir_test_start(running, &(const struct weir_test_request){ .target = "/page" });
	if (weir_request_query(req, "leave"))
		weir_test_abort(running, herd[0]);
	return cache_app_answer(res);
}

static void test_cache_remote_lock_leader_may_have_lost_its_client(void **state)
{
	struct weir_test *test = cache_app_remote(&locked);

	(void)state;
	running = test;
	cache_app_handler = start_a_herd;
	weir_test_hold_handlers(test, true);
	(void)cache_app_start(test, "/other?start", NULL);
	(void)cache_app_start(test, "/other?leave", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_false(weir_test_response(herd[0])->complete);
	expect_answer(test, weir_test_response(herd[1]), "HIT", "run 3");
	expect_answer(test, weir_test_response(herd[2]), "HIT", "run 3");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_remote_answers_the_second_request_from_the_first),
		cmocka_unit_test(test_cache_remote_asks_for_many_at_once),
		cmocka_unit_test(test_cache_remote_client_may_leave_while_it_is_asked),
		cmocka_unit_test(test_cache_remote_is_cleared),
		cmocka_unit_test(test_cache_remote_clear_tells_that_it_failed),
		cmocka_unit_test(test_cache_remote_reload_reads_no_value),
		cmocka_unit_test(test_cache_remote_read_that_fails_is_logged_and_answered),
		cmocka_unit_test(test_cache_remote_write_that_fails_is_logged_and_answered),
		cmocka_unit_test(test_cache_remote_lock_holds_while_the_backend_is_down),
		cmocka_unit_test(test_cache_remote_lock_does_not_share_what_knows_no_clock),
		cmocka_unit_test(test_cache_remote_lock_is_shared_by_those_who_lost_the_backend),
		cmocka_unit_test(test_cache_remote_lock_holds_until_the_value_is_stored),
		cmocka_unit_test(test_cache_remote_lock_one_runs_for_all),
		cmocka_unit_test(test_cache_remote_lock_may_end_in_vain_meanwhile),
		cmocka_unit_test(test_cache_remote_lock_leader_may_have_lost_its_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
