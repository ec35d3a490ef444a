/* SPDX-License-Identifier: Apache-2.0
 *
 * A CGI program that makes a value in the background: its client sees the end of its answer before that begins, and the program its end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/function.h>

#include "runtime/app.h"
#include "runtime/cgi.h"

static struct weir_app *app;
static atomic_int begun;
static atomic_bool may_end;
static enum weir_status served;

/* Takes as long as the test wants. */
static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	int run = atomic_fetch_add(&begun, 1) + 1;

	(void)req;
	while (!atomic_load(&may_end))
		sched_yield();
	return weir_response_text(res, "text/plain", "run %d", run);
}

/* The second run waits for a while, and the program with it. */
static enum weir_status park(struct weir_request *req, struct weir_response *res)
{
	if (weir_call_is_refresh(weir_request_call(req)) && weir_request_wake(req) == WEIR_WAKE_NONE) {
		weir_request_wait(req, 5);
		return WEIR_PARKED;
	}
	return weir_response_text(res, "text/plain", "run %d", atomic_fetch_add(&begun, 1) + 1);
}

/* The same as the value of a function. */
static enum weir_status count(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	*(int64_t *)result = atomic_fetch_add(&begun, 1) + 1;
	while (!atomic_load(&may_end))
		sched_yield();
	return WEIR_OK;
}

static const struct weir_function counted = {
	.name = "count", .run = count, .coder = &weir_coder_int, .cache = { .expire_s = 60, .stale_while_revalidate_s = 60 }
};

static enum weir_status call_it(struct weir_request *req, struct weir_response *res)
{
	int64_t value = 0;
	enum weir_status status = weir_call(req, &counted, NULL, &value);

	return status < 0 ? status : weir_response_text(res, "text/plain", "run %d", (int)value);
}

static void open_app(weir_handler_fn handler, const struct weir_cache_rule *rule)
{
	const struct weir_route routes[] = { { .path = "/page", .handler = handler, .cache = rule, .nonblocking = handler == park },
					     { 0 } };
	struct weir_app_options options = { .name = "cgi", .routes = routes, .locked = true, .cache.backend = "memory:" };
	char why[200];

	options.log = &(const struct weir_log_options){ .level = WEIR_LOG_OFF };
	atomic_store(&begun, 0);
	atomic_store(&may_end, true);
	assert_int_equal(weir_app_create_with_cache(&options, NULL, why, sizeof(why), &app), WEIR_OK);
	assert_int_equal(weir_app_check(app), WEIR_OK);
}

static void *serve(void *state)
{
	char *environment[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/page", "HTTP_HOST=localhost", NULL };
	int out = *(int *)state;
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);

	served = weir_cgi_serve(weir_app_service(app), weir_clock_system(), in, out, environment);
	close(in);
	close(out);
	return NULL;
}

/* Runs the program until its client has seen the end of the answer; the program itself may go on. */
static void ask(pthread_t *program, const char *field, const char *body)
{
	static int ends[2];
	char answer[1024] = "";
	size_t used = 0;
	const char *end;
	ssize_t len;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(program, NULL, serve, &ends[1]), 0);
	while ((len = read(ends[0], answer + used, sizeof(answer) - 1 - used)) > 0)
		used += (size_t)len;
	close(ends[0]);
	assert_non_null(strstr(answer, field));
	end = strstr(answer, "\r\n\r\n");
	assert_non_null(end);
	assert_string_equal(end + 4, body);
}

static void wait_for_end(pthread_t program)
{
	pthread_join(program, NULL);
	assert_int_equal(served, WEIR_OK);
}

static void expect_refresh_after_the_answer(const char *miss, const char *hit)
{
	pthread_t program;

	ask(&program, miss, "run 1");
	wait_for_end(program);
	assert_int_equal(weir_cache_expire_all(weir_app_cache(app)), WEIR_OK);
	atomic_store(&may_end, false);
	ask(&program, hit, "run 1"); /* the end of the answer was there although what makes the new value does not return */
	while (atomic_load(&begun) < 2)
		sched_yield();
	atomic_store(&may_end, true);
	wait_for_end(program);
	ask(&program, hit, "run 2");
	wait_for_end(program);
	assert_int_equal(atomic_load(&begun), 2);
	weir_app_destroy(app);
}

static void test_cgi_refresh_begins_after_the_answer(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .stale_while_revalidate_s = 60 };

	(void)state;
	open_app(make, &rule);
	expect_refresh_after_the_answer("X-Weir-Cache: MISS", "X-Weir-Cache: HIT");
}

static void test_cgi_refresh_of_a_function_begins_after_the_answer(void **state)
{
	(void)state;
	open_app(call_it, NULL);
	expect_refresh_after_the_answer("Status: 200", "Status: 200");
}

static void test_cgi_refresh_may_wait(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .stale_while_revalidate_s = 60 };
	pthread_t program;

	(void)state;
	open_app(park, &rule);
	ask(&program, "X-Weir-Cache: MISS", "run 1");
	wait_for_end(program);
	assert_int_equal(weir_cache_expire_all(weir_app_cache(app)), WEIR_OK);
	ask(&program, "X-Weir-Cache: HIT", "run 1");
	wait_for_end(program);
	assert_int_equal(atomic_load(&begun), 2);
	weir_app_destroy(app);
}

/* The client's own process makes the value: nobody else could. */
static void test_cgi_refresh_has_no_timeouts(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .hard_timeout_ms = 1 };
	pthread_t program;

	(void)state;
	open_app(make, &rule);
	ask(&program, "X-Weir-Cache: MISS", "run 1");
	wait_for_end(program);
	ask(&program, "X-Weir-Cache: HIT", "run 1");
	wait_for_end(program);
	weir_app_destroy(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgi_refresh_begins_after_the_answer),
		cmocka_unit_test(test_cgi_refresh_of_a_function_begins_after_the_answer),
		cmocka_unit_test(test_cgi_refresh_may_wait),
		cmocka_unit_test(test_cgi_refresh_has_no_timeouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
