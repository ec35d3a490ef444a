/* SPDX-License-Identifier: Apache-2.0
 *
 * Testing an app without a web server: requests in memory, a clock that the test turns.
 *
 *     struct weir_test *test = weir_test_create(&app_options);
 *     const struct weir_test_response *res = weir_test_get(test, "/items/7");
 *     assert(res->status == 200);
 *     weir_test_advance_ms(test, 61000);          // the entry has expired
 *     weir_test_destroy(test);
 *
 * Everything happens on the calling thread, in a fixed order, inside these functions: the loop, the handlers, remote backends. Failures
 * of the test itself (no memory, wrong options) print a line and abort. Responses live until the test is destroyed.
 */
#ifndef WEIR_TESTING_H
#define WEIR_TESTING_H

#include <weir/app.h>

struct weir_test;
struct weir_test_exchange;

struct weir_test_field {
	const char *name;
	const char *value;
};

struct weir_test_request {
	const char *method;                   /* NULL: "GET" */
	const char *target;                   /* path and query */
	const struct weir_test_field *fields; /* ends with a name of NULL; Host is "localhost" unless given */
	struct weir_slice body;
};

struct weir_test_response {
	int status;
	struct weir_slice head; /* the fields as sent, "Name: value\r\n" each */
	struct weir_slice body;
	bool complete; /* false: broken off */
};

/* An app with its cache, from options, after its `.setup`, with a fake clock that stands at 2026-01-01T00:00:00Z; the environment has no
 * say. */
WEIR_API struct weir_test *weir_test_create(const struct weir_app_options *options);
WEIR_API void weir_test_destroy(struct weir_test *test);

/* For routes, middleware or a cache added by hand; before the first request. */
WEIR_API struct weir_app *weir_test_app(struct weir_test *test);
WEIR_API const struct weir_clock *weir_test_clock(struct weir_test *test);

/* Sends a request and runs until it is answered. A request that waits for a time to come gets it: the clock is turned to the next deadline.
 * One that is parked for a thread of the app's own gets ten seconds of real time. */
WEIR_API const struct weir_test_response *weir_test_send(struct weir_test *test, const struct weir_test_request *request);
WEIR_API const struct weir_test_response *weir_test_get(struct weir_test *test, const char *target);

/* A response field, the first of its name; NULL when absent. Valid until the test is destroyed. */
WEIR_API const char *weir_test_field(struct weir_test *test, const struct weir_test_response *response, const char *name);

/* -- Several requests at once ---------------------------------------------------------------------------------------------- */

/* Sends a request; nothing of it runs yet. */
WEIR_API struct weir_test_exchange *weir_test_start(struct weir_test *test, const struct weir_test_request *request);

/* Runs all that can run now, without turning the clock. With `hold_handlers`, handlers that are not `.nonblocking` are left waiting for a
 * thread. */
WEIR_API void weir_test_run(struct weir_test *test);
WEIR_API void weir_test_hold_handlers(struct weir_test *test, bool hold);

/* Turns both clocks on and runs what has become due, timer by timer. */
WEIR_API void weir_test_advance_ms(struct weir_test *test, int64_t ms);

/* The client leaves. */
WEIR_API void weir_test_abort(struct weir_test *test, struct weir_test_exchange *exchange);

/* NULL while it is not answered. */
WEIR_API const struct weir_test_response *weir_test_response(const struct weir_test_exchange *exchange);

#endif
