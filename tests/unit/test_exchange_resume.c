/* SPDX-License-Identifier: Apache-2.0
 *
 * Resumes and wakes that cross each other: one that comes after the wait has ended by itself, one that finds the queue of handlers full,
 * and a body that arrives when nobody waits for it any more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/testing.h>

#include "support/probe.h"

static const struct probe plain = { .name = "b" };

static const char *const wake_names[] = {
	[WEIR_WAKE_NONE] = "first",
	[WEIR_WAKE_READY] = "ready",
	[WEIR_WAKE_TIMEOUT] = "timeout",
	[WEIR_WAKE_CANCELLED] = "cancelled",
};

static struct weir_request *waiting[2];
static int calls; /* of whatever parks */

static void reset(void)
{
	waiting[0] = waiting[1] = NULL;
	calls = 0;
}

/* Two wait. The first to be called again has what the second waits for; the second waits once more. */
static enum weir_flow wait_together(struct weir_request *req, struct weir_response *res)
{
	(void)res;
	probe_trace(wake_names[weir_request_wake(req)]);
	if (calls < 2)
		waiting[calls] = req;
	if (calls == 2)
		weir_request_resume(waiting[1]);
	if (calls++ == 2 || calls > 4)
		return WEIR_FLOW_NEXT;
	weir_request_wait(req, 50);
	return WEIR_FLOW_PARKED;
}

static enum weir_status handle(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	probe_trace("handle");
	return weir_response_text(res, "text/plain", "handled");
}

static enum weir_status park_handler(struct weir_request *req, struct weir_response *res)
{
	probe_trace(wake_names[weir_request_wake(req)]);
	if (weir_request_wake(req) != WEIR_WAKE_NONE)
		return weir_response_text(res, "text/plain", "parked");
	waiting[0] = req;
	return WEIR_PARKED;
}

/* Parks, gives one piece, ends. */
static enum weir_status park_source(void *state, struct weir_slice *chunk)
{
	struct weir_request *req = state;

	probe_trace(wake_names[weir_request_wake(req)]);
	*chunk = WEIR_SLICE_LITERAL("piece");
	waiting[0] = req;
	switch (calls++) {
	case 0:
		return WEIR_PARKED;
	case 1:
		return WEIR_OK;
	default:
		return WEIR_END;
	}
}

/* Finds nothing of its body there yet, and answers all the same. */
static enum weir_status stream_unread(struct weir_request *req, struct weir_response *res)
{
	const struct weir_source source = { .next = park_source, .state = req, .nonblocking = true };
	char byte;
	size_t len;

	assert_int_equal(weir_request_read(req, &byte, 1, &len), WEIR_PARKED);
	return weir_response_stream(res, "text/plain", &source);
}

static const struct weir_route routes[] = {
	{ .path = "/", .handler = handle },
	{ .path = "/loop", .handler = handle, .nonblocking = true },
	{ .path = "/park", .handler = park_handler },
	{ .path = "/unread", .methods = WEIR_POST, .handler = stream_unread, .nonblocking = true, .stream_body = true },
	{ 0 },
};

static const struct weir_app_options app = { .name = "resume", .routes = routes, .cache = { .disabled = true }, .limits = { .queue = 1 } };

static struct weir_test_exchange *start(struct weir_test *test, const struct weir_test_request *request)
{
	struct weir_test_exchange *exchange = weir_test_start(test, request);

	weir_test_run(test);
	return exchange;
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

static void test_resume_after_the_time_does_nothing(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a", .enter = wait_together }, &plain);
	const struct weir_test_request request = { .target = "/loop" };

	(void)state;
	reset();
	start(test, &request);
	start(test, &request);
	assert_string_equal(probe_traced(), "a> first a> first");
	weir_test_advance_ms(test, 50);
	assert_string_equal(probe_traced(), "a> timeout b> handle <b <a b! a! a> timeout");
	weir_test_advance_ms(test, 49);
	assert_string_equal(probe_traced(), "");
	weir_test_advance_ms(test, 1);
	assert_string_equal(probe_traced(), "a> timeout b> handle <b <a b! a!");
	weir_test_destroy(test);
}

static void test_resume_calls_the_handler_when_the_queue_is_full(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &plain);
	struct weir_test_exchange *parked;
	struct weir_test_exchange *other;

	(void)state;
	reset();
	parked = start(test, &(struct weir_test_request){ .target = "/park" });
	weir_test_hold_handlers(test, true);
	other = start(test, &(struct weir_test_request){ .target = "/" });
	weir_request_resume(waiting[0]);
	weir_test_run(test);
	assert_null(weir_test_response(parked));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_body(parked, "parked");
	expect_body(other, "handled");
	weir_test_destroy(test);
}

static void test_resume_of_a_source_is_not_the_arrival_of_a_body(void **state)
{
	const struct weir_test_request request = { .method = "POST", .target = "/unread", .body = WEIR_SLICE_LITERAL("late") };
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &plain);
	struct weir_test_exchange *exchange;

	(void)state;
	reset();
	exchange = start(test, &request);
	assert_string_equal(probe_traced(), "a> b> <b <a first");
	weir_request_resume(waiting[0]);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "ready first b! a!");
	expect_body(exchange, "piece");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resume_after_the_time_does_nothing),
		cmocka_unit_test(test_resume_calls_the_handler_when_the_queue_is_full),
		cmocka_unit_test(test_resume_of_a_source_is_not_the_arrival_of_a_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
