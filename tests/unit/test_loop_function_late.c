/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions that take longer than their rule lets a caller wait, on the real loop: another handler thread makes the value, and the caller
 * is free when its time is over, or when the value is there. A gate decides how long a function takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/function_app.h"
#include "support/loop_app.h"

static struct weir_function square;
static struct weir_app *app;
static struct weir_cache *cache;
static struct loop_app *loop_app;

static enum weir_status call(struct weir_request *req, struct weir_response *res)
{
	int64_t n = strtoll(weir_request_param(req, "n"), NULL, 10);
	int64_t result = 0;
	enum weir_status status = weir_call(req, &square, &(const struct square){ n }, &result);

	return status < 0 ? weir_response_text(res, "text/plain", "%s", weir_status_text(status))
			  : weir_response_text(res, "text/plain", "%d", (int)result);
}

static const struct weir_cache_rule page = { .expire_s = 600, .ns = "pages" };

static const struct weir_route routes[] = {
	{ .path = "/call/{n}", .handler = call },
	{ .path = "/page/{n}", .handler = call, .cache = &page },
	{ 0 },
};

/* Only of 7. */
static atomic_bool open_gate;

/* What the function says once the gate is open. */
static _Atomic(enum weir_status) verdict;
static atomic_bool keep;

static enum weir_status wait_at_gate(struct weir_call *call, int64_t n)
{
	while (n == 7 && !atomic_load(&open_gate))
		sched_yield();
	weir_call_add_tag(call, "squares");
	if (!keep)
		weir_call_do_not_store(call);
	return verdict;
}

/* `background` 0: as many as usual. */
static void begin_with(int threads, size_t background, const struct weir_cache_rule *rule)
{
	const struct weir_app_options options = { .routes = routes, .threads = threads, .limits = { .background = background } };

	app = loop_app_make(&options, loop_app_memory());
	cache = weir_app_cache(app);
	square = square_function(rule);
	square_hook = wait_at_gate;
	atomic_store(&square_runs, 0);
	atomic_store(&open_gate, true);
	verdict = WEIR_OK;
	keep = true;
	loop_app = loop_app_start(app);
}

static void begin(int threads, const struct weir_cache_rule *rule)
{
	begin_with(threads, 0, rule);
}

static void finish(void)
{
	atomic_store(&open_gate, true);
	loop_app_stop(loop_app);
	weir_app_destroy(app);
}

static void expect_call(const char *body)
{
	expect_loop_answer(loop_app_ask(loop_app, "/call/7"), "Status: 200", body);
}

static void expect_counts(uint64_t hits, uint64_t misses)
{
	struct weir_cache_stats stats;

	weir_cache_stats(cache, &stats);
	assert_int_equal(stats.hits, hits);
	assert_int_equal(stats.misses, misses);
}

/* The cache's, as the background has it. */
static void wait_until_stored(uint64_t count)
{
	struct weir_cache_stats stats;

	do {
		sched_yield();
		weir_cache_stats(cache, &stats);
	} while (stats.stored < count);
}

/* So that there is an old value of 49, which may be seen when a new one cannot be had. */
static void make_old(void)
{
	expect_call("49");
	assert_int_equal(weir_cache_expire_namespace(cache, "numbers"), WEIR_OK);
	atomic_store(&square_runs, 0);
}

#define HARD_MS 30
#define LONG_MS 600000

static void test_loop_function_late_ends_at_the_hard_timeout(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .hard_timeout_ms = HARD_MS };

	(void)state;
	begin(4, &rule);
	atomic_store(&open_gate, false);
	expect_call("timed out");
	expect_call("timed out"); /* another waits for the same run */
	assert_int_equal(square_runs, 1);
	atomic_store(&open_gate, true);
	wait_until_stored(1);
	expect_call("49");
	assert_int_equal(square_runs, 1);
	finish();
}

static void test_loop_function_late_shows_the_old_value_at_the_soft_timeout(void **state)
{
	static const struct weir_cache_rule rule = {
		.expire_s = 60, .ns = "numbers", .stale_if_error_s = 600, .soft_timeout_ms = HARD_MS, .hard_timeout_ms = LONG_MS
	};

	(void)state;
	begin(4, &rule);
	make_old();
	atomic_store(&open_gate, false);
	expect_call("49");
	assert_int_equal(square_runs, 1);
	atomic_store(&open_gate, true);
	wait_until_stored(2);
	expect_call("49");
	assert_int_equal(square_runs, 1);
	finish();
}

static void test_loop_function_late_beyond_the_limit_of_the_background_callers_make_it(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .hard_timeout_ms = HARD_MS };

	(void)state;
	begin_with(4, 1, &rule);
	atomic_store(&open_gate, false);
	expect_call("timed out");
	expect_loop_answer(loop_app_ask(loop_app, "/call/8"), "Status: 200", "64");
	assert_int_equal(square_runs, 2);
	finish();
}

/* The lock's timeout, which is shorter, has one more run it; nobody runs it a third time, and who waits is free at the hard one. */
static void test_loop_function_late_is_not_later_for_the_locks_timeout(void **state)
{
	static const struct weir_cache_rule rule = {
		.expire_s = 60, .ns = "numbers", .with_lock = true, .lock_timeout_ms = HARD_MS, .hard_timeout_ms = 5 * HARD_MS
	};

	(void)state;
	begin(8, &rule);
	atomic_store(&open_gate, false);
	expect_call("timed out");
	assert_int_equal(square_runs, 2);
	finish();
}

/* Its tags go to the page, though another thread has made it, and for this call alone. */
static void test_loop_function_late_tags_what_it_is_part_of(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .hard_timeout_ms = LONG_MS };

	(void)state;
	begin(4, &rule);
	keep = false;
	expect_loop_answer(loop_app_ask(loop_app, "/page/7"), "X-Weir-Cache: MISS", "49");
	expect_loop_answer(loop_app_ask(loop_app, "/page/7"), "X-Weir-Cache: HIT", "49");
	assert_int_equal(weir_cache_clear_tag(cache, "squares", NULL), WEIR_OK);
	expect_loop_answer(loop_app_ask(loop_app, "/page/7"), "X-Weir-Cache: MISS", "49");
	finish();
}

/* What another thread has made for it alone. */
static void test_loop_function_late_in_time_is_as_if_the_caller_had_made_it(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .hard_timeout_ms = LONG_MS };

	(void)state;
	begin(4, &rule);
	keep = false;
	expect_call("49");
	assert_int_equal(square_runs, 1);
	expect_call("49"); /* remembered: nobody is sent, nobody waits */
	assert_int_equal(square_runs, 2);
	expect_counts(0, 2);
	finish();
}

static void test_loop_function_late_failure_is_the_callers(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .hard_timeout_ms = LONG_MS };

	(void)state;
	begin(4, &rule);
	verdict = WEIR_ERR_IO;
	expect_call(weir_status_text(WEIR_ERR_IO));
	assert_int_equal(square_runs, 1);
	verdict = WEIR_OK;
	expect_call("49");
	finish();
}

static void test_loop_function_late_failure_shows_the_old_value(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .stale_if_error_s = 600, .hard_timeout_ms = LONG_MS };

	(void)state;
	begin(4, &rule);
	make_old();
	verdict = WEIR_ERR_IO;
	expect_call("49");
	expect_call("49");
	assert_int_equal(square_runs, 1);
	expect_counts(2, 1);
	finish();
}

/* There is nobody to send. */
static void test_loop_function_late_on_a_single_thread_runs_once(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .hard_timeout_ms = LONG_MS };

	(void)state;
	begin(1, &rule);
	expect_call("49");
	expect_call("49");
	assert_int_equal(square_runs, 1);
	finish();
}

/* -- Old values meanwhile ---------------------------------------------------------------------------------------------------- */

#define CLIENTS 20

static void test_loop_function_late_old_value_is_there_at_once_for_all(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .stale_while_revalidate_s = 600 };

	(void)state;
	begin(4, &rule);
	make_old();
	atomic_store(&open_gate, false);
	for (int i = 0; i < CLIENTS; i++)
		expect_call("49"); /* while the gate is closed: none of them is in the function */
	atomic_store(&open_gate, true);
	wait_until_stored(2);
	expect_call("49");
	assert_int_equal(square_runs, 1);
	finish();
}

/* A handler that ends its run late does not hold up the stop for ever, nor is anything left behind. */
static void test_loop_function_late_refresh_is_waited_for_at_the_end(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .ns = "numbers", .stale_while_revalidate_s = 600 };

	(void)state;
	begin(4, &rule);
	make_old();
	expect_call("49");
	finish();
	assert_in_range(atomic_load(&square_runs), 0, 1); /* begun in time, or not at all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_function_late_ends_at_the_hard_timeout),
		cmocka_unit_test(test_loop_function_late_shows_the_old_value_at_the_soft_timeout),
		cmocka_unit_test(test_loop_function_late_beyond_the_limit_of_the_background_callers_make_it),
		cmocka_unit_test(test_loop_function_late_is_not_later_for_the_locks_timeout),
		cmocka_unit_test(test_loop_function_late_tags_what_it_is_part_of),
		cmocka_unit_test(test_loop_function_late_in_time_is_as_if_the_caller_had_made_it),
		cmocka_unit_test(test_loop_function_late_failure_is_the_callers),
		cmocka_unit_test(test_loop_function_late_failure_shows_the_old_value),
		cmocka_unit_test(test_loop_function_late_on_a_single_thread_runs_once),
		cmocka_unit_test(test_loop_function_late_old_value_is_there_at_once_for_all),
		cmocka_unit_test(test_loop_function_late_refresh_is_waited_for_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
