/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies in both directions over the loopback transport: request bodies as a whole and as a stream, responses from buffers and sources, and
 * what becomes of a response that cannot be sent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <weir/testing.h>

#include "support/probe.h"

#define LARGE ((size_t)3 << 20) /* many times what a body's pipe holds */

static char large[LARGE];

/* -- Request bodies -------------------------------------------------------------------------------------------------------- */

static enum weir_status mirror(struct weir_request *req, struct weir_response *res)
{
	return weir_response_bytes(res, "application/octet-stream", weir_request_body(req));
}

static struct weir_buffer received;

static enum weir_status receive(struct weir_request *req, struct weir_response *res)
{
	enum weir_status status;
	char piece[10000];
	size_t len;

	if (weir_request_wake(req) == WEIR_WAKE_NONE)
		weir_buffer_clear(&received);
	while ((status = weir_request_read(req, piece, sizeof(piece), &len)) == WEIR_OK) {
		assert_in_range(len, 1, sizeof(piece));
		weir_buffer_append(&received, piece, len);
	}
	assert_int_equal(len, 0);
	return status == WEIR_END ? weir_response_text(res, "text/plain", "%zu", received.len) : status;
}

/* Reads a little of what may be much. */
static enum weir_status sip(struct weir_request *req, struct weir_response *res)
{
	char piece[200000];
	size_t len;
	enum weir_status status = weir_request_read(req, piece, sizeof(piece), &len);

	return status == WEIR_PARKED ? status : weir_response_text(res, "text/plain", "%s", weir_status_name(status));
}

/* There is nothing to be read where nothing is streamed. */
static enum weir_status read_wrongly(struct weir_request *req, struct weir_response *res)
{
	char piece[10];
	size_t len;

	return weir_response_text(res, "text/plain", "%s", weir_status_name(weir_request_read(req, piece, sizeof(piece), &len)));
}

/* -- Response bodies ------------------------------------------------------------------------------------------------------- */

static struct {
	size_t pieces; /* given before the end */
	enum weir_status end;
	uint64_t length; /* announced; UINT64_MAX: not */
	size_t given;
	int closed;
} plan;

static enum weir_status next_piece(void *state, struct weir_slice *chunk)
{
	(void)state;
	assert_int_equal(plan.closed, 0);
	if (plan.given == plan.pieces)
		return plan.end;
	plan.given++;
	*chunk = WEIR_SLICE_LITERAL("piece");
	return WEIR_OK;
}

static void close_source(void *state)
{
	(void)state;
	plan.closed++;
}

static enum weir_status stream(struct weir_request *req, struct weir_response *res)
{
	const struct weir_source source = {
		.next = next_piece,
		.close = close_source,
		.length = plan.length,
		.has_length = plan.length != UINT64_MAX,
		.nonblocking = weir_request_user_data(req) != NULL,
	};

	return weir_response_stream(res, "text/plain", &source);
}

static bool released;

static void release(void *owner)
{
	assert_ptr_equal(owner, large);
	released = true;
}

static enum weir_status borrow(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_borrowed(res, "text/plain", weir_slice(large, LARGE), release, large);
}

/* -- Mistakes -------------------------------------------------------------------------------------------------------------- */

static enum weir_status blunder(struct weir_request *req, struct weir_response *res)
{
	const char *what = weir_request_param(req, "what");
	enum weir_status status = weir_response_text(res, "text/plain", "secret");

	if (strcmp(what, "failure") == 0)
		status = WEIR_ERR_IO;
	else if (strcmp(what, "return") == 0)
		status = WEIR_MISS;
	else if (strcmp(what, "status") == 0)
		weir_response_set_status(res, 600);
	else if (strcmp(what, "field") == 0)
		weir_response_set_field(res, "X-A", "a\r\nSet-Cookie: b=c");
	else if (strcmp(what, "name") == 0)
		weir_response_set_field(res, "X A", "a");
	else if (strcmp(what, "cookie") == 0)
		weir_response_set_cookie(res, &(struct weir_set_cookie){ .name = "a;b", .value = "c" });
	else if (strcmp(what, "body") == 0)
		weir_buffer_append(weir_response_body(res), large, sizeof(large));
	else if (strcmp(what, "memory") == 0)
		while (weir_pool_alloc(weir_request_pool(req), 4096))
			;
	return status;
}

static const struct weir_route routes[] = {
	{ .path = "/mirror", .methods = WEIR_POST, .handler = mirror, .body_limit = LARGE },
	{ .path = "/receive", .methods = WEIR_POST, .handler = receive, .stream_body = true, .body_limit = LARGE },
	{ .path = "/receive/loop",
	  .methods = WEIR_POST,
	  .handler = receive,
	  .stream_body = true,
	  .body_limit = LARGE,
	  .nonblocking = true },
	{ .path = "/small", .methods = WEIR_POST, .handler = receive, .stream_body = true, .body_limit = 1000 },
	{ .path = "/small/loop", .methods = WEIR_POST, .handler = receive, .stream_body = true, .body_limit = 1000, .nonblocking = true },
	{ .path = "/sip", .methods = WEIR_POST, .handler = sip, .stream_body = true, .body_limit = LARGE },
	{ .path = "/sip/loop", .methods = WEIR_POST, .handler = sip, .stream_body = true, .body_limit = LARGE, .nonblocking = true },
	{ .path = "/wrong", .methods = WEIR_POST, .handler = read_wrongly },
	{ .path = "/stream", .handler = stream },
	{ .path = "/stream/loop", .handler = stream, .user_data = &plan, .nonblocking = true },
	{ .path = "/borrow", .handler = borrow },
	{ .path = "/blunder/{what}", .handler = blunder },
	{ 0 },
};

static const struct weir_app_options app = {
	.name = "bodies",
	.routes = routes,
	.cache = { .disabled = true },
	.log = &(const struct weir_log_options){ .level = WEIR_LOG_OFF },
	.limits = { .response = LARGE, .memory = 64 * 1024 },
};

static int setup(void **state)
{
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i % 251);
	weir_buffer_init(&received, 0);
	*state = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	return 0;
}

static int teardown(void **state)
{
	weir_test_destroy(*state);
	weir_buffer_finish(&received);
	return 0;
}

static const struct weir_test_response *post(struct weir_test *test, const char *target, struct weir_slice body)
{
	return weir_test_send(test, &(struct weir_test_request){ .method = "POST", .target = target, .body = body });
}

static void expect(const struct weir_test_response *res, int status, struct weir_slice body)
{
	assert_true(res->complete);
	assert_int_equal(res->status, status);
	assert_int_equal(res->body.len, body.len);
	assert_memory_equal(res->body.data, body.data, body.len);
}

static void test_bodies_arrive_whole(void **state)
{
	expect(post(*state, "/mirror", weir_slice(large, LARGE)), 200, weir_slice(large, LARGE));
	expect(post(*state, "/mirror", WEIR_SLICE_LITERAL("x")), 200, WEIR_SLICE_LITERAL("x"));
	expect(post(*state, "/mirror", WEIR_SLICE_NONE), 200, WEIR_SLICE_LITERAL(""));
}

static void test_bodies_stream_to_handlers(void **state)
{
	static const char *const targets[] = { "/receive", "/receive/loop" };

	for (size_t i = 0; i < 2; i++) {
		expect(post(*state, targets[i], weir_slice(large, LARGE)), 200, WEIR_SLICE_LITERAL("3145728"));
		assert_memory_equal(received.data, large, LARGE);
		expect(post(*state, targets[i], WEIR_SLICE_NONE), 200, WEIR_SLICE_LITERAL("0"));
	}
}

static void test_bodies_need_not_be_read(void **state)
{
	expect(post(*state, "/sip", weir_slice(large, LARGE)), 200, WEIR_SLICE_LITERAL("WEIR_OK"));
	expect(post(*state, "/sip/loop", weir_slice(large, LARGE)), 200, WEIR_SLICE_LITERAL("WEIR_OK"));
	expect(post(*state, "/sip", WEIR_SLICE_NONE), 200, WEIR_SLICE_LITERAL("WEIR_END"));
}

static void test_bodies_that_are_not_streamed_cannot_be_read(void **state)
{
	expect(post(*state, "/wrong", WEIR_SLICE_LITERAL("x")), 200, WEIR_SLICE_LITERAL("WEIR_ERR_STATE"));
}

/* The handler only passes on what it was told: the answer says whose fault it is. */
static void test_bodies_that_fail_while_streaming_are_refused(void **state)
{
	static const char *const targets[] = { "/receive", "/receive/loop" };

	for (size_t i = 0; i < 2; i++) {
		const struct weir_test_request shorter = {
			.method = "POST",
			.target = targets[i],
			.body = WEIR_SLICE_LITERAL("1234"),
			.fields = (struct weir_test_field[]){ { "Content-Length", "5" }, { NULL, NULL } },
		};

		assert_int_equal(weir_test_send(*state, &shorter)->status, 400);
		assert_int_equal(received.len, 4);
	}
}

/* Not announced, so the handler already runs when it shows. */
static void test_bodies_that_grow_too_large_are_refused(void **state)
{
	static const char *const targets[] = { "/small", "/small/loop" };

	for (size_t i = 0; i < 2; i++) {
		const struct weir_test_request request = {
			.method = "POST",
			.target = targets[i],
			.body = weir_slice(large, LARGE),
			.fields = (struct weir_test_field[]){ { "Content-Length", "" }, { NULL, NULL } },
		};

		assert_int_equal(weir_test_send(*state, &request)->status, 413);
	}
}

static const struct weir_test_response *streamed(struct weir_test *test, const char *target, size_t pieces, enum weir_status end,
						 uint64_t length)
{
	const struct weir_test_response *res;

	plan.pieces = pieces;
	plan.end = end;
	plan.length = length;
	plan.given = 0;
	plan.closed = 0;
	res = weir_test_get(test, target);
	assert_int_equal(plan.closed, 1);
	assert_int_equal(res->status, pieces == 0 && end < 0 ? 0 : 200); /* what broke before the head was sent leaves nothing */
	return res;
}

static void expect_streams(struct weir_test *test, const char *target)
{
	const struct weir_test_response *res = streamed(test, target, 2, WEIR_END, 10);

	expect(res, 200, WEIR_SLICE_LITERAL("piecepiece"));
	assert_string_equal(weir_test_field(test, res, "Content-Length"), "10");
	/* Not asked again after the last byte that it has announced: it would fail. */
	expect(streamed(test, target, 2, WEIR_ERR_IO, 10), 200, WEIR_SLICE_LITERAL("piecepiece"));
	res = streamed(test, target, 3, WEIR_END, UINT64_MAX);
	expect(res, 200, WEIR_SLICE_LITERAL("piecepiecepiece"));
	assert_null(weir_test_field(test, res, "Content-Length"));
	expect(streamed(test, target, 0, WEIR_END, UINT64_MAX), 200, WEIR_SLICE_LITERAL(""));
	assert_true(probe_outcome.complete);
}

static void test_bodies_come_from_sources(void **state)
{
	expect_streams(*state, "/stream");
	expect_streams(*state, "/stream/loop");
}

static void expect_broken(struct weir_test *test, const char *target)
{
	const struct weir_test_response *res = streamed(test, target, 2, WEIR_END, 11);

	assert_false(res->complete);
	assert_int_equal(res->body.len, 10);
	assert_false(streamed(test, target, 2, WEIR_END, 9)->complete);
	assert_false(streamed(test, target, 1, WEIR_ERR_IO, UINT64_MAX)->complete);
	assert_false(streamed(test, target, 0, WEIR_ERR_IO, UINT64_MAX)->complete);
	assert_false(streamed(test, target, 1, WEIR_MISS, UINT64_MAX)->complete);
	assert_false(probe_outcome.complete);
}

static void test_bodies_break_off_with_their_source(void **state)
{
	expect_broken(*state, "/stream");
	expect_broken(*state, "/stream/loop");
}

static void test_bodies_of_head_are_not_pulled(void **state)
{
	plan.pieces = 2;
	plan.length = 10;
	plan.given = 0;
	plan.closed = 0;
	expect(weir_test_send(*state, &(struct weir_test_request){ .method = "HEAD", .target = "/stream" }), 200, WEIR_SLICE_LITERAL(""));
	assert_int_equal(plan.given, 0);
	assert_int_equal(plan.closed, 1);
	assert_int_equal(probe_outcome.body_bytes, 10);
}

static void test_bodies_are_borrowed_and_released(void **state)
{
	released = false;
	expect(weir_test_get(*state, "/borrow"), 200, weir_slice(large, LARGE));
	assert_true(released);
}

static void test_bodies_of_mistakes_are_not_shown(void **state)
{
	static const char *const mistakes[] = { "failure", "return", "status", "field", "name", "cookie", "body", "memory" };
	char target[32];

	for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
		const struct weir_test_response *res;

		snprintf(target, sizeof(target), "/blunder/%s", mistakes[i]);
		res = weir_test_get(*state, target);
		expect(res, 500, WEIR_SLICE_LITERAL("{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500}"));
		assert_string_equal(weir_test_field(*state, res, "Content-Type"), "application/problem+json");
		assert_null(weir_test_field(*state, res, "Set-Cookie"));
		assert_string_equal(probe_traced(), "a> b> <b <a b! a!");
	}
	expect(weir_test_get(*state, "/blunder/none"), 200, WEIR_SLICE_LITERAL("secret"));
}

static enum weir_flow answer_wrongly(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "X-A", "a\nb");
	return WEIR_FLOW_ANSWERED;
}

static void note_status(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	probe_trace(weir_response_failed(res) ? "failed" : "fine");
}

static void leave_wrongly(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "X-A", "a\nb");
}

static void test_bodies_of_wrong_middleware_are_not_shown(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a", .leave = note_status },
					    &(struct probe){ .name = "b", .enter = answer_wrongly });

	(void)state;
	assert_int_equal(weir_test_get(test, "/borrow")->status, 500);
	assert_string_equal(probe_traced(), "a> b> <b <a failed b! a!");
	weir_test_destroy(test);
	test = probe_test(&app, &(struct probe){ .name = "a", .leave = leave_wrongly }, &(struct probe){ .name = "b" });
	released = false;
	assert_int_equal(weir_test_get(test, "/borrow")->status, 500);
	assert_true(released);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_bodies_arrive_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_stream_to_handlers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_need_not_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_that_are_not_streamed_cannot_be_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_that_fail_while_streaming_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_that_grow_too_large_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_come_from_sources, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_break_off_with_their_source, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_of_head_are_not_pulled, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_are_borrowed_and_released, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_of_mistakes_are_not_shown, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies_of_wrong_middleware_are_not_shown, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
