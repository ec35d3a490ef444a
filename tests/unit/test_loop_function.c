/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions on the real loop: called on handler threads, on the loop itself and by threads of the app's own, at the same time, with a
 * backend that only the I/O thread may call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "support/function_app.h"
#include "support/loop_app.h"

static struct weir_function square;
static struct weir_app *app;
static struct weir_cache *cache;
static struct weir_slow_backend *door;
static struct loop_app *loop_app;
static atomic_int warnings;

static void count_warning(void *state, const char *line, size_t len)
{
	(void)state;
	(void)line;
	(void)len;
	atomic_fetch_add(&warnings, 1);
}

static enum weir_status call_seven(struct weir_request *req, struct weir_response *res)
{
	int64_t result = 0;
	enum weir_status status = weir_call(req, &square, &(const struct square){ 7 }, &result);

	return status < 0 ? status : weir_response_text(res, "text/plain", "%d", (int)result);
}

static enum weir_status plain(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "here");
}

static void make_app(int threads)
{
	const struct weir_route routes[] = {
		{ .path = "/square/{n}", .function = &square },
		{ .path = "/call", .handler = call_seven },
		{ .path = "/loop", .handler = call_seven, .nonblocking = true },
		{ .path = "/plain", .handler = plain },
		{ 0 },
	};
	const struct weir_log_options log = { .level = WEIR_LOG_WARN, .write = count_warning };
	const struct weir_app_options options = { .name = "loop", .routes = routes, .locked = true, .threads = threads, .log = &log };
	struct weir_cache_options cache_options = { .locked = true };
	struct weir_backend *memory;
	char why[200];

	square = square_function(&(const struct weir_cache_rule){ .expire_s = 60, .ns = "numbers", .with_lock = true });
	square_hook = NULL;
	atomic_store(&square_runs, 0);
	atomic_store(&warnings, 0);
	assert_int_equal(weir_app_create(&options, why, sizeof(why), &app), WEIR_OK);
	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	door = weir_slow_backend_create(memory, &cache_options.instance);
	cache_options.log = weir_app_log(app);
	assert_int_equal(weir_cache_create(&cache_options, why, sizeof(why), &cache), WEIR_OK);
	assert_int_equal(weir_app_use_cache(app, cache), WEIR_OK);
}

static void begin(int threads)
{
	make_app(threads);
	loop_app = loop_app_start(app);
}

static void finish(void)
{
	struct weir_slow_counts counts;

	loop_app_stop(loop_app);
	weir_slow_backend_counts(door, &counts);
	assert_int_equal(counts.overlapped, 0);
	weir_app_destroy(app);
}

static void expect_plain(void)
{
	expect_loop_answer(loop_app_ask(loop_app, "/plain"), "Status: 200", "here");
}

/* -- A function that takes as long as the test likes -------------------------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool inside, open_gate;

static enum weir_status wait_at_gate(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	if (square_runs > 1)
		return WEIR_OK;
	pthread_mutex_lock(&lock);
	inside = true;
	pthread_cond_broadcast(&moved);
	while (!open_gate)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
	return WEIR_OK;
}

static void *call_outside(void *state)
{
	(void)state;
	expect_square_outside(cache, &square, 7);
	return NULL;
}

static void close_gate(void)
{
	inside = open_gate = false;
	square_hook = wait_at_gate;
}

static void wait_until_inside(void)
{
	pthread_mutex_lock(&lock);
	while (!inside)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

static void let_go_on(void)
{
	pthread_mutex_lock(&lock);
	open_gate = true;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

/* -- Tests ------------------------------------------------------------------------------------------------------------------- */

static void test_loop_function_is_shared_by_routes_handlers_and_threads(void **state)
{
	(void)state;
	begin(4);
	expect_loop_answer(loop_app_ask(loop_app, "/call"), "Status: 200", "49");
	expect_loop_answer(loop_app_ask(loop_app, "/call"), "Status: 200", "49");
	expect_loop_answer(loop_app_ask(loop_app, "/square/7"), "X-Weir-Cache: HIT", "49");
	expect_square_outside(cache, &square, 7);
	expect_square_outside(cache, &square, 8);
	expect_loop_answer(loop_app_ask(loop_app, "/square/8"), "X-Weir-Cache: HIT", "64");
	assert_int_equal(square_runs, 2);
	assert_int_equal(warnings, 0);
	finish();
}

static void test_loop_function_called_on_the_loop_does_not_wait_for_the_backend(void **state)
{
	(void)state;
	begin(4);
	expect_square_outside(cache, &square, 7);
	expect_loop_answer(loop_app_ask(loop_app, "/loop"), "Status: 200", "49");
	expect_loop_answer(loop_app_ask(loop_app, "/loop"), "Status: 200", "49");
	assert_int_equal(square_runs, 3);
	assert_int_equal(warnings, 1); /* once */
	finish();
}

static void test_loop_function_made_for_a_route_is_waited_for_by_threads(void **state)
{
	pthread_t thread;
	int fd;

	(void)state;
	begin(4);
	close_gate();
	fd = loop_app_ask(loop_app, "/square/7");
	wait_until_inside();
	assert_int_equal(pthread_create(&thread, NULL, call_outside, NULL), 0);
	expect_plain();
	let_go_on();
	expect_loop_answer(fd, "X-Weir-Cache: MISS", "49");
	pthread_join(thread, NULL);
	assert_int_equal(square_runs, 1);
	finish();
}

static void test_loop_function_never_takes_the_last_handler_thread(void **state)
{
	pthread_t thread;
	int fds[2];

	(void)state;
	begin(2);
	close_gate();
	assert_int_equal(pthread_create(&thread, NULL, call_outside, NULL), 0);
	wait_until_inside();
	for (int i = 0; i < 2; i++)
		fds[i] = loop_app_ask(loop_app, "/call");
	while (!loop_app_is_answered(fds[0]) && !loop_app_is_answered(fds[1]))
		sched_yield();
	expect_plain(); /* one waits, the other has made the value for itself */
	let_go_on();
	for (int i = 0; i < 2; i++)
		expect_loop_answer(fds[i], "Status: 200", "49");
	pthread_join(thread, NULL);
	assert_int_equal(square_runs, 2);
	finish();
}

static void test_loop_function_on_a_single_handler_thread_waits_for_nobody(void **state)
{
	pthread_t thread;

	(void)state;
	begin(1);
	close_gate();
	assert_int_equal(pthread_create(&thread, NULL, call_outside, NULL), 0);
	wait_until_inside();
	expect_loop_answer(loop_app_ask(loop_app, "/call"), "Status: 200", "49");
	assert_int_equal(square_runs, 2);
	let_go_on();
	pthread_join(thread, NULL);
	finish();
}

/* Calls itself with the same arguments, once. */
static enum weir_status call_same(struct weir_call *call, int64_t n)
{
	int64_t result = 0;

	return square_runs > 1 ? WEIR_OK : weir_call_within(call, &square, &(const struct square){ n }, &result);
}

static void test_loop_function_of_a_route_does_not_wait_for_itself(void **state)
{
	(void)state;
	begin(4);
	square_hook = call_same;
	expect_loop_answer(loop_app_ask(loop_app, "/square/7"), "X-Weir-Cache: MISS", "49");
	assert_int_equal(square_runs, 2);
	finish();
}

static atomic_bool enough;

static void *call_all_the_time(void *state)
{
	struct weir_pool *pool = weir_pool_create(0);
	int64_t result = 0, n = 0;

	(void)state;
	while (!atomic_load(&enough)) {
		n = (n + 1) % 50;
		if (weir_cache_call(cache, pool, &square, &(const struct square){ n }, &result) != WEIR_OK || result != n * n)
			abort();
		weir_pool_reset(pool);
		sched_yield();
	}
	weir_pool_destroy(pool);
	return NULL;
}

static void test_loop_function_is_called_before_while_and_after_the_app_runs(void **state)
{
	pthread_t threads[3];

	(void)state;
	make_app(2);
	atomic_store(&enough, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_all_the_time, NULL), 0);
	loop_app = loop_app_start(app);
	for (int i = 0; i < 20; i++)
		expect_loop_answer(loop_app_ask(loop_app, "/call"), "Status: 200", "49");
	loop_app_stop(loop_app);
	expect_square_outside(cache, &square, 7);
	atomic_store(&enough, true);
	for (size_t i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	{
		struct weir_slow_counts counts;

		weir_slow_backend_counts(door, &counts);
		assert_int_equal(counts.overlapped, 0);
	}
	weir_app_destroy(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_function_is_shared_by_routes_handlers_and_threads),
		cmocka_unit_test(test_loop_function_called_on_the_loop_does_not_wait_for_the_backend),
		cmocka_unit_test(test_loop_function_made_for_a_route_is_waited_for_by_threads),
		cmocka_unit_test(test_loop_function_never_takes_the_last_handler_thread),
		cmocka_unit_test(test_loop_function_on_a_single_handler_thread_waits_for_nobody),
		cmocka_unit_test(test_loop_function_of_a_route_does_not_wait_for_itself),
		cmocka_unit_test(test_loop_function_is_called_before_while_and_after_the_app_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
