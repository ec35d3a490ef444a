/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of an exchange over the loopback transport: the order of the hooks, refusals, and requests that are built in. What parks is in
 * test_exchange_parking.c, what flows in test_exchange_bodies.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <weir/testing.h>

#include "support/probe.h"

static enum weir_status greet(struct weir_request *req, struct weir_response *res)
{
	probe_trace("handle");
	return weir_response_text(res, "text/plain", "%s %s", weir_request_method_name(req), weir_request_path(req));
}

static const struct weir_route routes[] = {
	{ .path = "/", .handler = greet },
	{ .path = "/quick", .handler = greet, .nonblocking = true },
	{ .path = "/form", .methods = WEIR_POST | WEIR_PUT, .handler = greet, .body_limit = 10 },
	{ 0 },
};

static const struct weir_app_options app = {
	.name = "steps",
	.routes = routes,
	.cache = { .disabled = true },
	.limits = { .fields = 20, .queries = 5, .queue = 2 },
};

static enum weir_flow answer(struct weir_request *req, struct weir_response *res)
{
	return weir_response_text(res, "text/plain", "answered %s", weir_request_path(req)) == WEIR_OK ? WEIR_FLOW_ANSWERED
												       : WEIR_FLOW_NEXT;
}

static void expect(const struct weir_test_response *res, int status, const char *body)
{
	assert_true(res->complete);
	assert_int_equal(res->status, status);
	if (body) {
		assert_int_equal(res->body.len, strlen(body));
		assert_memory_equal(res->body.data, body, res->body.len);
	}
}

static void expect_field(struct weir_test *test, const struct weir_test_response *res, const char *name, const char *value)
{
	const char *field = weir_test_field(test, res, name);

	assert_non_null(field);
	assert_string_equal(field, value);
}

static const struct weir_test_response *send_as(struct weir_test *test, const char *method, const char *target)
{
	return weir_test_send(test, &(struct weir_test_request){ .method = method, .target = target });
}

/* -- Order ----------------------------------------------------------------------------------------------------------------- */

static void test_exchange_takes_its_steps_in_order(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });

	(void)state;
	expect(weir_test_get(test, "/"), 200, "GET /");
	assert_string_equal(probe_traced(), "a> b> handle <b <a b! a!");
	expect(weir_test_get(test, "/quick"), 200, "GET /quick");
	assert_string_equal(probe_traced(), "a> b> handle <b <a b! a!");
	weir_test_destroy(test);
}

static void test_exchange_turns_round_where_it_is_answered(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b", .enter = answer });

	(void)state;
	expect(weir_test_get(test, "/"), 200, "answered /");
	assert_string_equal(probe_traced(), "a> b> <b <a b! a!");
	weir_test_destroy(test);
	test = probe_test(&app, &(struct probe){ .name = "a", .enter = answer }, &(struct probe){ .name = "b" });
	expect(weir_test_get(test, "/"), 200, "answered /");
	assert_string_equal(probe_traced(), "a> <a a!");
	weir_test_destroy(test);
}

static void add_two_fields(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_add_field(res, "X-Left", "a");
	weir_response_set_field(res, "Content-Type", "text/html");
}

static void test_exchange_lets_leave_edit_the_head(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a", .leave = add_two_fields }, &(struct probe){ .name = "b" });
	const struct weir_test_response *res = weir_test_get(test, "/");

	(void)state;
	expect_field(test, res, "X-Left", "a");
	expect_field(test, res, "Content-Type", "text/html");
	expect_field(test, res, "Content-Length", "5");
	assert_null(weir_test_field(test, res, "X-Right"));
	weir_test_destroy(test);
}

static enum weir_flow count_visit(struct weir_request *req, struct weir_response *res)
{
	char *bytes = probe_state(req);

	(void)res;
	for (size_t i = 0; i < PROBE_STATE; i++)
		assert_int_equal(bytes[i], 0);
	memset(bytes, 1, PROBE_STATE);
	return WEIR_FLOW_NEXT;
}

static void test_exchange_zeroes_the_states(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a", .enter = count_visit },
					    &(struct probe){ .name = "b", .enter = count_visit });

	(void)state;
	expect(weir_test_get(test, "/"), 200, NULL);
	expect(weir_test_get(test, "/"), 200, NULL);
	weir_test_destroy(test);
}

static void test_exchange_tells_done_how_it_ended(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	struct weir_test_exchange *slow;

	(void)state;
	weir_test_hold_handlers(test, true);
	slow = weir_test_start(test, &(struct weir_test_request){ .target = "/" });
	weir_test_run(test);
	weir_test_advance_ms(test, 70);
	assert_null(weir_test_response(slow));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_non_null(weir_test_response(slow));
	assert_true(probe_outcome.complete);
	assert_int_equal(probe_outcome.body_bytes, 5);
	assert_int_equal(probe_outcome.elapsed_ms, 70);
	expect(send_as(test, "HEAD", "/quick"), 200, "");
	assert_true(probe_outcome.complete);
	assert_int_equal(probe_outcome.body_bytes, strlen("HEAD /quick"));
	weir_test_destroy(test);
}

/* -- What no handler answers ----------------------------------------------------------------------------------------------- */

/* Sends it past two middlewares, which see it like any other. */
static void expect_refused(const struct weir_test_request *request, int status, const char *allow)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	const struct weir_test_response *res = weir_test_send(test, request);

	expect(res, status, NULL);
	assert_string_equal(probe_traced(), "a> b> <b <a b! a!");
	if (allow)
		expect_field(test, res, "Allow", allow);
	else
		assert_null(weir_test_field(test, res, "Allow"));
	if (status >= 400)
		expect_field(test, res, "Content-Type", "application/problem+json");
	weir_test_destroy(test);
}

static void test_exchange_refuses_what_has_no_route(void **state)
{
	(void)state;
	expect_refused(&(struct weir_test_request){ .target = "/none" }, 404, NULL);
	expect_refused(&(struct weir_test_request){ .target = "/form" }, 405, "POST, PUT, OPTIONS");
	expect_refused(&(struct weir_test_request){ .method = "DELETE", .target = "/" }, 405, "GET, HEAD, OPTIONS");
	expect_refused(&(struct weir_test_request){ .method = "BREW", .target = "/" }, 405, "GET, HEAD, OPTIONS");
	expect_refused(&(struct weir_test_request){ .method = "OPTIONS", .target = "/form" }, 204, "POST, PUT, OPTIONS");
	expect_refused(&(struct weir_test_request){ .method = "OPTIONS", .target = "/none" }, 404, NULL);
}

static void test_exchange_refuses_malformed_requests(void **state)
{
	(void)state;
	expect_refused(&(struct weir_test_request){ .target = "/%zz" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .target = "/a%00b" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .target = "/../etc/passwd" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .target = "relative" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .target = "/?a=%f" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .target = "/?1&2&3&4&5&6" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .method = "GE T", .target = "/" }, 400, NULL);
	expect_refused(&(struct weir_test_request){ .method = "", .target = "/" }, 400, NULL);
	expect_refused(
		&(struct weir_test_request){ .target = "/", .fields = (struct weir_test_field[]){ { "X-A", "a\nb" }, { NULL, NULL } } },
		400, NULL);
	expect_refused(&(struct weir_test_request){ .target = "/",
						    .fields = (struct weir_test_field[]){ { "Content-Length", "-1" }, { NULL, NULL } } },
		       400, NULL);
}

static void test_exchange_refuses_too_many_fields(void **state)
{
	struct weir_test_field fields[21] = { 0 };

	(void)state;
	for (size_t i = 0; i < 20; i++)
		fields[i] = (struct weir_test_field){ "X-Many", "x" };
	expect_refused(&(struct weir_test_request){ .target = "/", .fields = fields }, 431, NULL);
}

static void test_exchange_refuses_too_large_bodies(void **state)
{
	const struct weir_test_request declared = { .method = "POST", .target = "/form", .body = WEIR_SLICE_LITERAL("12345678901") };
	const struct weir_test_request shorter = {
		.method = "POST",
		.target = "/form",
		.body = WEIR_SLICE_LITERAL("12345678901"),
		.fields = (struct weir_test_field[]){ { "Content-Length", "10" }, { NULL, NULL } },
	};

	(void)state;
	expect_refused(&declared, 413, NULL);
	expect_refused(&shorter, 413, NULL);
}

static void test_exchange_refuses_bodies_of_another_length(void **state)
{
	const struct weir_test_request request = {
		.method = "POST",
		.target = "/form",
		.body = WEIR_SLICE_LITERAL("1234"),
		.fields = (struct weir_test_field[]){ { "Content-Length", "5" }, { NULL, NULL } },
	};

	(void)state;
	expect_refused(&request, 400, NULL);
}

static void test_exchange_answers_head_without_body(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	const struct weir_test_response *res = send_as(test, "HEAD", "/");

	(void)state;
	expect(res, 200, "");
	expect_field(test, res, "Content-Length", "6"); /* "HEAD /" */
	res = send_as(test, "HEAD", "/none");
	expect(res, 404, "");
	weir_test_destroy(test);
}

/* -- Too many -------------------------------------------------------------------------------------------------------------- */

static void test_exchange_is_refused_when_too_many_wait(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	const struct weir_test_request get = { .target = "/" };
	struct weir_test_exchange *waiting[2];
	const struct weir_test_response *res;

	(void)state;
	weir_test_hold_handlers(test, true);
	for (size_t i = 0; i < 2; i++)
		waiting[i] = weir_test_start(test, &get);
	weir_test_run(test);
	res = weir_test_send(test, &get);
	expect(res, 503, NULL);
	expect_field(test, res, "Retry-After", "1");
	expect(weir_test_get(test, "/quick"), 200, NULL); /* needs no thread */
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	for (size_t i = 0; i < 2; i++) {
		assert_non_null(weir_test_response(waiting[i]));
		expect(weir_test_response(waiting[i]), 200, NULL);
	}
	expect(weir_test_get(test, "/"), 200, NULL);
	weir_test_destroy(test);
}

/* -- What nothing was sent for --------------------------------------------------------------------------------------------- */

static void test_exchange_is_abandoned_when_the_client_left_early(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	struct weir_test_exchange *exchange = weir_test_start(test, &(struct weir_test_request){ .target = "/" });

	(void)state;
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_non_null(weir_test_response(exchange));
	assert_false(weir_test_response(exchange)->complete);
	assert_int_equal(weir_test_response(exchange)->status, 0);
	assert_string_equal(probe_traced(), ""); /* no middleware was entered, so none is told */
	weir_test_destroy(test);
}

static void test_exchange_of_a_lost_client_ends_when_the_handler_is_back(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b" });
	struct weir_test_exchange *exchange = weir_test_start(test, &(struct weir_test_request){ .target = "/" });

	(void)state;
	weir_test_hold_handlers(test, true);
	weir_test_run(test);
	weir_test_abort(test, exchange);
	weir_test_run(test);
	assert_null(weir_test_response(exchange));
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_non_null(weir_test_response(exchange));
	assert_false(weir_test_response(exchange)->complete);
	assert_string_equal(probe_traced(), "a> b> handle <b <a b! a!");
	assert_false(probe_outcome.complete);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange_takes_its_steps_in_order),
		cmocka_unit_test(test_exchange_turns_round_where_it_is_answered),
		cmocka_unit_test(test_exchange_lets_leave_edit_the_head),
		cmocka_unit_test(test_exchange_zeroes_the_states),
		cmocka_unit_test(test_exchange_tells_done_how_it_ended),
		cmocka_unit_test(test_exchange_refuses_what_has_no_route),
		cmocka_unit_test(test_exchange_refuses_malformed_requests),
		cmocka_unit_test(test_exchange_refuses_too_many_fields),
		cmocka_unit_test(test_exchange_refuses_too_large_bodies),
		cmocka_unit_test(test_exchange_refuses_bodies_of_another_length),
		cmocka_unit_test(test_exchange_answers_head_without_body),
		cmocka_unit_test(test_exchange_is_refused_when_too_many_wait),
		cmocka_unit_test(test_exchange_is_abandoned_when_the_client_left_early),
		cmocka_unit_test(test_exchange_of_a_lost_client_ends_when_the_handler_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
