/* SPDX-License-Identifier: Apache-2.0
 *
 * Parking: hooks, handlers and sources that wait, and everything that may end the wait: a resume, early or late and from any thread, the
 * time, the client's leaving.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include <weir/testing.h>

#include "support/probe.h"

static const struct probe plain = { .name = "b" };

static const char *const wake_names[] = {
	[WEIR_WAKE_NONE] = "first",
	[WEIR_WAKE_READY] = "ready",
	[WEIR_WAKE_TIMEOUT] = "timeout",
	[WEIR_WAKE_CANCELLED] = "cancelled",
};

static struct weir_request *parked; /* by the handlers and hooks below */
static int64_t wait_ms;             /* how long a hook asks to wait; negative: it does not ask */
static bool outlives;
static bool resume_first; /* resumes before it has returned */
static int pulls;         /* of the source */

static void reset(void)
{
	parked = NULL;
	wait_ms = -1;
	outlives = false;
	resume_first = false;
	pulls = 0;
}

/* Parks the first time, and says why it was called. */
static bool park(struct weir_request *req)
{
	probe_trace(wake_names[weir_request_wake(req)]);
	if (weir_request_wake(req) != WEIR_WAKE_NONE)
		return false;
	parked = req;
	if (outlives)
		weir_request_outlive_client(req);
	if (wait_ms >= 0)
		weir_request_wait(req, wait_ms);
	if (resume_first)
		weir_request_resume(req);
	return true;
}

static enum weir_flow park_enter(struct weir_request *req, struct weir_response *res)
{
	(void)res;
	return park(req) ? WEIR_FLOW_PARKED : WEIR_FLOW_NEXT;
}

static enum weir_status park_handler(struct weir_request *req, struct weir_response *res)
{
	return park(req) ? WEIR_PARKED : weir_response_text(res, "text/plain", "parked");
}

static enum weir_status handle(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	probe_trace("handle");
	return weir_response_text(res, "text/plain", "handled");
}

static void *resume_it(void *req)
{
	weir_request_resume(req);
	return NULL;
}

/* Has another thread resume it, at any time from now. */
static enum weir_status park_for_a_thread(struct weir_request *req, struct weir_response *res)
{
	pthread_t thread;

	if (!park(req))
		return weir_response_text(res, "text/plain", "parked");
	if (pthread_create(&thread, NULL, resume_it, req) != 0)
		return WEIR_ERR_MEMORY;
	pthread_detach(thread);
	return WEIR_PARKED;
}

/* Gives one piece, parks, gives another, ends. */
static enum weir_status park_source(void *state, struct weir_slice *chunk)
{
	struct weir_request *req = state;

	probe_trace(wake_names[weir_request_wake(req)]);
	switch (pulls++) {
	case 0:
		*chunk = WEIR_SLICE_LITERAL("one ");
		return WEIR_OK;
	case 1:
		parked = req;
		return WEIR_PARKED;
	case 2:
		*chunk = WEIR_SLICE_LITERAL("two");
		return WEIR_OK;
	default:
		return WEIR_END;
	}
}

static void close_source(void *state)
{
	(void)state;
	probe_trace("close");
}

static enum weir_status stream(struct weir_request *req, struct weir_response *res)
{
	const struct weir_source source = { .next = park_source, .close = close_source, .state = req, .nonblocking = true };

	return weir_response_stream(res, "text/plain", &source);
}

static const struct weir_route routes[] = {
	{ .path = "/", .handler = handle, .nonblocking = true },
	{ .path = "/pool", .handler = park_handler },
	{ .path = "/loop", .handler = park_handler, .nonblocking = true },
	{ .path = "/thread", .handler = park_for_a_thread },
	{ .path = "/thread/loop", .handler = park_for_a_thread, .nonblocking = true },
	{ .path = "/stream", .handler = stream, .nonblocking = true },
	{ 0 },
};

static const struct weir_app_options app = { .name = "parking", .routes = routes, .cache = { .disabled = true } };

static struct weir_test_exchange *start(struct weir_test *test, const char *target)
{
	struct weir_test_exchange *exchange = weir_test_start(test, &(struct weir_test_request){ .target = target });

	weir_test_run(test);
	return exchange;
}

static struct weir_test *parking_test(void)
{
	return probe_test(&app, &(struct probe){ .name = "a", .enter = park_enter }, &plain);
}

static struct weir_test *plain_test(void)
{
	return probe_test(&app, &(struct probe){ .name = "a" }, &plain);
}

static void expect_body(const struct weir_test_exchange *exchange, const char *body)
{
	const struct weir_test_response *res = weir_test_response(exchange);

	assert_non_null(res);
	assert_true(res->complete);
	assert_int_equal(res->status, 200);
	assert_int_equal(res->body.len, strlen(body));
	assert_memory_equal(res->body.data, body, strlen(body));
}

/* -- Hooks ----------------------------------------------------------------------------------------------------------------- */

static void test_parking_ends_with_the_time(void **state)
{
	struct weir_test *test = parking_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	wait_ms = 50;
	exchange = start(test, "/");
	assert_string_equal(probe_traced(), "a> first");
	weir_test_advance_ms(test, 49);
	assert_string_equal(probe_traced(), "");
	weir_test_advance_ms(test, 1);
	assert_string_equal(probe_traced(), "a> timeout b> handle <b <a b! a!");
	expect_body(exchange, "handled");
	weir_test_destroy(test);
}

static void test_parking_send_turns_the_clock(void **state)
{
	struct weir_test *test = parking_test();
	int64_t before = weir_clock_wall_ms(weir_test_clock(test));

	(void)state;
	reset();
	wait_ms = 60000;
	assert_int_equal(weir_test_get(test, "/")->status, 200);
	assert_int_equal(weir_clock_wall_ms(weir_test_clock(test)) - before, 60000);
	weir_test_destroy(test);
}

static void test_parking_ends_with_a_resume(void **state)
{
	struct weir_test *test = parking_test();
	struct weir_test_exchange *exchange;

	(void)state;
	for (int i = 0; i < 2; i++) {
		reset();
		wait_ms = i == 0 ? -1 : 50;
		exchange = start(test, "/");
		assert_null(weir_test_response(exchange));
		weir_request_resume(parked);
		weir_test_run(test);
		assert_string_equal(probe_traced(), "a> first a> ready b> handle <b <a b! a!");
		expect_body(exchange, "handled");
		weir_test_advance_ms(test, 100); /* the timeout has no effect any more */
		assert_string_equal(probe_traced(), "");
	}
	weir_test_destroy(test);
}

static void test_parking_takes_a_resume_before_the_return(void **state)
{
	struct weir_test *test = parking_test();

	(void)state;
	reset();
	resume_first = true;
	expect_body(start(test, "/"), "handled");
	assert_string_equal(probe_traced(), "a> first a> ready b> handle <b <a b! a!");
	wait_ms = 50;
	expect_body(start(test, "/"), "handled");
	assert_string_equal(probe_traced(), "a> first a> ready b> handle <b <a b! a!");
	weir_test_advance_ms(test, 100);
	assert_string_equal(probe_traced(), "");
	weir_test_destroy(test);
}

static void test_parking_ends_when_the_client_leaves(void **state)
{
	struct weir_test *test = parking_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	wait_ms = 50;
	exchange = start(test, "/");
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "a> first a> cancelled <a a!");
	assert_false(weir_test_response(exchange)->complete);
	assert_false(probe_outcome.complete);
	weir_test_destroy(test);
}

static void test_parking_for_a_resume_outlasts_the_client(void **state)
{
	struct weir_test *test = parking_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	exchange = start(test, "/");
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_null(weir_test_response(exchange));
	weir_request_resume(parked);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "a> first a> ready <a a!");
	assert_false(weir_test_response(exchange)->complete);
	weir_test_destroy(test);
}

static void test_parking_that_outlives_goes_on_without_the_client(void **state)
{
	struct weir_test *test = parking_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	outlives = true;
	wait_ms = 50;
	exchange = start(test, "/");
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_null(weir_test_response(exchange));
	weir_test_advance_ms(test, 50);
	assert_string_equal(probe_traced(), "a> first a> timeout b> handle <b <a b! a!");
	assert_false(weir_test_response(exchange)->complete);
	weir_test_destroy(test);
}

/* -- Handlers -------------------------------------------------------------------------------------------------------------- */

static void expect_handler_resumed(const char *target)
{
	struct weir_test *test = plain_test();
	struct weir_test_exchange *exchange;

	reset();
	exchange = start(test, target);
	assert_string_equal(probe_traced(), "a> b> first");
	weir_test_advance_ms(test, 3600 * 1000);
	assert_null(weir_test_response(exchange));
	weir_request_resume(parked);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "ready <b <a b! a!");
	expect_body(exchange, "parked");
	reset();
	resume_first = true;
	expect_body(start(test, target), "parked");
	assert_string_equal(probe_traced(), "a> b> first ready <b <a b! a!");
	weir_test_destroy(test);
}

static void test_parking_handler_is_called_again(void **state)
{
	(void)state;
	expect_handler_resumed("/pool");
	expect_handler_resumed("/loop");
}

static void test_parking_handler_on_the_loop_may_ask_for_time(void **state)
{
	struct weir_test *test = plain_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	wait_ms = 10;
	exchange = start(test, "/loop");
	weir_test_advance_ms(test, 10);
	expect_body(exchange, "parked");
	assert_string_equal(probe_traced(), "a> b> first timeout <b <a b! a!");
	weir_test_destroy(test);
}

static void test_parking_handler_keeps_the_exchange_of_a_lost_client(void **state)
{
	struct weir_test *test = plain_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	exchange = start(test, "/pool");
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_null(weir_test_response(exchange));
	assert_true(weir_request_cancelled(parked));
	weir_request_resume(parked);
	weir_test_run(test);
	assert_non_null(weir_test_response(exchange));
	assert_false(weir_test_response(exchange)->complete);
	weir_test_destroy(test);
}

static void test_parking_handler_is_resumed_by_a_thread(void **state)
{
	struct weir_test *test = plain_test();

	(void)state;
	for (int i = 0; i < 100; i++) {
		reset();
		assert_int_equal(weir_test_get(test, i % 2 ? "/thread" : "/thread/loop")->status, 200);
		assert_string_equal(probe_traced(), "a> b> first ready <b <a b! a!");
	}
	weir_test_destroy(test);
}

/* -- Sources --------------------------------------------------------------------------------------------------------------- */

static void test_parking_source_is_pulled_again(void **state)
{
	struct weir_test *test = plain_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	exchange = start(test, "/stream");
	assert_string_equal(probe_traced(), "a> b> <b <a first first");
	weir_request_resume(parked);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "ready first b! a! close");
	expect_body(exchange, "one two");
	weir_test_destroy(test);
}

static void test_parking_source_is_closed_when_the_client_leaves(void **state)
{
	struct weir_test *test = plain_test();
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	exchange = start(test, "/stream");
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_null(weir_test_response(exchange));
	weir_request_resume(parked);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "a> b> <b <a first first b! a! close");
	assert_false(weir_test_response(exchange)->complete);
	assert_int_equal(weir_test_response(exchange)->body.len, 4);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parking_ends_with_the_time),
		cmocka_unit_test(test_parking_send_turns_the_clock),
		cmocka_unit_test(test_parking_ends_with_a_resume),
		cmocka_unit_test(test_parking_takes_a_resume_before_the_return),
		cmocka_unit_test(test_parking_ends_when_the_client_leaves),
		cmocka_unit_test(test_parking_for_a_resume_outlasts_the_client),
		cmocka_unit_test(test_parking_that_outlives_goes_on_without_the_client),
		cmocka_unit_test(test_parking_handler_is_called_again),
		cmocka_unit_test(test_parking_handler_on_the_loop_may_ask_for_time),
		cmocka_unit_test(test_parking_handler_keeps_the_exchange_of_a_lost_client),
		cmocka_unit_test(test_parking_handler_is_resumed_by_a_thread),
		cmocka_unit_test(test_parking_source_is_pulled_again),
		cmocka_unit_test(test_parking_source_is_closed_when_the_client_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
