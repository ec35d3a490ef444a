/* SPDX-License-Identifier: Apache-2.0
 *
 * Exchanges without a client: what they are copied from, where in the chain they begin, how many there may be, and how they end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "exchange/background.h"
#include "support/probe.h"

static struct weir_request *parked;
static char told[200]; /* what the last handler saw */
static enum weir_status created;
static bool drops;

static enum weir_status handle(struct weir_request *req, struct weir_response *res)
{
	struct weir_slice body = weir_request_body(req);
	const char *color = weir_request_field(req, "X-Color");

	probe_trace(weir_request_is_background(req) ? "handle-alone" : "handle");
	snprintf(told, sizeof(told), "%s %s id=%s q=%s color=%s host=%s type=%s body=%.*s", weir_request_method_name(req),
		 weir_request_path(req), weir_request_param(req, "id"), weir_request_query(req, "q"), color ? color : "none",
		 weir_request_field(req, "Host"), weir_request_field(req, "Content-Type"), (int)body.len, body.data ? body.data : "");
	return weir_response_text(res, "text/plain", "handled");
}

static enum weir_status park(struct weir_request *req, struct weir_response *res)
{
	if (!weir_request_is_background(req))
		return weir_response_text(res, "text/plain", "at once");
	if (weir_request_wake(req) != WEIR_WAKE_NONE) {
		probe_trace(weir_request_wake(req) == WEIR_WAKE_CANCELLED ? "cancelled" : "ready");
		return weir_response_text(res, "text/plain", "late");
	}
	parked = req;
	weir_request_wait(req, 60000);
	return WEIR_PARKED;
}

static enum weir_status next_piece(void *state, struct weir_slice *chunk)
{
	int *left = state;

	*chunk = WEIR_SLICE_LITERAL("piece");
	return (*left)-- > 0 ? WEIR_OK : WEIR_END;
}

static enum weir_status stream(struct weir_request *req, struct weir_response *res)
{
	int *left = weir_pool_zalloc(weir_request_pool(req), sizeof(*left));

	*left = 40;
	return weir_response_stream(res, "text/plain", &(struct weir_source){ .next = next_piece, .state = left, .nonblocking = true });
}

static const struct weir_route routes[] = {
	{ .path = "/items/{id}", .methods = WEIR_GET | WEIR_POST, .handler = handle },
	{ .path = "/park", .handler = park, .nonblocking = true },
	{ .path = "/stream", .handler = stream },
	{ 0 },
};

static const struct weir_log_options silent = { .level = WEIR_LOG_OFF };
static const struct weir_app_options app = { .name = "background", .routes = routes, .limits = { .background = 3 }, .log = &silent };

static enum weir_flow change_field(struct weir_request *req, struct weir_response *res)
{
	(void)res;
	weir_fields_set(&req->fields, WEIR_SLICE_LITERAL("X-Color"), WEIR_SLICE_LITERAL("blue"));
	return WEIR_FLOW_NEXT;
}

static enum weir_flow send_another(struct weir_request *req, struct weir_response *res)
{
	struct weir_request *made;

	(void)res;
	if (weir_request_is_background(req))
		return WEIR_FLOW_NEXT;
	created = weir_background_create(req, &made);
	if (created == WEIR_OK && drops)
		weir_background_drop(made);
	else if (created == WEIR_OK)
		weir_background_start(made);
	return WEIR_FLOW_NEXT;
}

static void expect_body_of(struct weir_test *test, const char *target, const char *body)
{
	const struct weir_test_response *res = weir_test_get(test, target);

	assert_int_equal(res->body.len, strlen(body));
	assert_memory_equal(res->body.data, body, strlen(body));
}

static struct weir_test *start(void)
{
	static const struct probe outer = { .name = "a", .enter = change_field };
	static const struct probe inner = { .name = "b", .enter = send_another };

	parked = NULL;
	told[0] = '\0';
	created = WEIR_OK;
	drops = false;
	return probe_test(&app, &outer, &inner);
}

static void expect_told(const char *what)
{
	assert_string_equal(told, what);
	told[0] = '\0';
}

static void test_exchange_background_begins_where_it_was_asked_for(void **state)
{
	struct weir_test *test = start();

	(void)state;
	assert_int_equal(weir_test_get(test, "/items/7")->status, 200);
	assert_string_equal(probe_traced(), "a> b> b> handle <b <a b! a! handle-alone <b b!");
	assert_true(probe_outcome.complete);
	assert_int_equal(probe_outcome.body_bytes, strlen("handled"));
	weir_test_destroy(test);
}

static void test_exchange_background_is_a_copy_of_the_request_as_it_was(void **state)
{
	const struct weir_test_request post = { .method = "POST",
						.target = "/items/7?q=a%20b",
						.fields = (const struct weir_test_field[]){ { "X-Color", "red" },
											    { "Host", "example.com" },
											    { "Content-Type", "text/plain" },
											    { 0 } },
						.body = WEIR_SLICE_LITERAL("the body") };
	struct weir_test *test = start();

	(void)state;
	weir_test_hold_handlers(test, true);
	(void)weir_test_start(test, &post);
	weir_test_run(test);
	told[0] = '\0';
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "a> b> b> handle <b <a b! a! handle-alone <b b!");
	expect_told("POST /items/7 id=7 q=a b color=blue host=example.com type=text/plain body=the body");
	weir_test_destroy(test);
}

static void test_exchange_background_makes_a_get_of_a_head(void **state)
{
	struct weir_test *test = start();

	(void)state;
	(void)weir_test_send(test, &(struct weir_test_request){ .method = "HEAD", .target = "/items/7" });
	expect_told("GET /items/7 id=7 q=(null) color=blue host=localhost type=(null) body=");
	weir_test_destroy(test);
}

static void test_exchange_background_outlives_the_client(void **state)
{
	struct weir_test *test = start();
	struct weir_test_exchange *exchange;

	(void)state;
	weir_test_hold_handlers(test, true);
	exchange = weir_test_start(test, &(struct weir_test_request){ .target = "/items/7" });
	weir_test_run(test);
	weir_test_abort(test, exchange);
	(void)probe_traced();
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_string_equal(probe_traced(), "handle <b <a b! a! handle-alone <b b!");
	assert_false(weir_test_response(exchange)->complete);
	weir_test_destroy(test);
}

static void test_exchange_background_streams_to_nobody(void **state)
{
	struct weir_test *test = start();

	(void)state;
	assert_int_equal(weir_test_get(test, "/stream")->body.len, 40 * strlen("piece"));
	assert_true(probe_outcome.complete);
	assert_int_equal(probe_outcome.body_bytes, 40 * strlen("piece"));
	weir_test_destroy(test);
}

static void test_exchange_background_may_be_dropped(void **state)
{
	struct weir_test *test = start();

	(void)state;
	drops = true;
	assert_int_equal(weir_test_get(test, "/items/7")->status, 200);
	assert_int_equal(created, WEIR_OK);
	assert_string_equal(probe_traced(), "a> b> handle <b <a b! a!");
	weir_test_destroy(test);
}

static void test_exchange_background_has_a_bound(void **state)
{
	struct weir_test *test = start();

	(void)state;
	for (int i = 0; i < 3; i++) {
		expect_body_of(test, "/park", "at once");
		assert_int_equal(created, WEIR_OK);
	}
	expect_body_of(test, "/park", "at once");
	assert_int_equal(created, WEIR_ERR_LIMIT);
	weir_request_resume(parked);
	weir_test_run(test);
	expect_body_of(test, "/park", "at once");
	assert_int_equal(created, WEIR_OK);
	(void)probe_traced();
	weir_test_advance_ms(test, 60000);
	assert_string_equal(probe_traced(), "ready <b b! ready <b b! ready <b b!");
	weir_test_destroy(test);
}

static void test_exchange_background_is_ended_with_the_host(void **state)
{
	struct weir_test *test = start();

	(void)state;
	expect_body_of(test, "/park", "at once");
	(void)probe_traced();
	weir_test_destroy(test);
	assert_string_equal(probe_traced(), "cancelled <b b!");
}

static enum weir_flow stop_first(struct weir_request *req, struct weir_response *res)
{
	weir_exchange_of(req)->host->stopping = true;
	return send_another(req, res);
}

static void test_exchange_background_does_not_begin_while_stopping(void **state)
{
	struct weir_test *test = probe_test(&app, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b", .enter = stop_first });

	(void)state;
	assert_int_equal(weir_test_get(test, "/items/7")->status, 200);
	assert_int_equal(created, WEIR_ERR_CANCELLED);
	assert_string_equal(probe_traced(), "a> b> handle <b <a b! a!");
	weir_test_destroy(test);
}

static void test_exchange_background_needs_memory(void **state)
{
	struct weir_app_options small = app;
	struct weir_test *test;
	char target[3000];

	(void)state;
	memset(target, 'x', sizeof(target));
	memcpy(target, "/items/7?q=", 11);
	target[sizeof(target) - 1] = '\0';
	for (small.limits.memory = 64 * 1024, created = WEIR_OK; created == WEIR_OK && small.limits.memory > 1024;) {
		small.limits.memory -= 1024;
		test = probe_test(&small, &(struct probe){ .name = "a" }, &(struct probe){ .name = "b", .enter = send_another });
		(void)weir_test_get(test, target);
		weir_test_destroy(test);
	}
	assert_int_equal(created, WEIR_ERR_MEMORY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchange_background_begins_where_it_was_asked_for),
		cmocka_unit_test(test_exchange_background_is_a_copy_of_the_request_as_it_was),
		cmocka_unit_test(test_exchange_background_makes_a_get_of_a_head),
		cmocka_unit_test(test_exchange_background_outlives_the_client),
		cmocka_unit_test(test_exchange_background_streams_to_nobody),
		cmocka_unit_test(test_exchange_background_may_be_dropped),
		cmocka_unit_test(test_exchange_background_has_a_bound),
		cmocka_unit_test(test_exchange_background_is_ended_with_the_host),
		cmocka_unit_test(test_exchange_background_does_not_begin_while_stopping),
		cmocka_unit_test(test_exchange_background_needs_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
