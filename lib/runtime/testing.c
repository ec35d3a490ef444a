/* SPDX-License-Identifier: Apache-2.0
 *
 * <weir/testing.h>: an app on the inline host, a clock with hands, and a transport that is two buffers. A request becomes the CGI variables
 * that a web server would send, and the answer is read from the bytes that one would get.
 */
#include <weir/testing.h>

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/cache.h"
#include "exchange/background.h"
#include "runtime/app.h"
#include "runtime/inline_host.h"

/* 2026-01-01T00:00:00Z */
#define FIRST_WALL_MS INT64_C(1767225600000)
#define FIRST_MONOTONIC_MS INT64_C(1000)

/* The body comes in pieces of this size, as from a socket. */
#define PIECE_SIZE ((size_t)64 * 1024)

/* What is parked without a deadline may be resumed by a thread of the app. It gets this long, of real time. */
#define PATIENCE_MS 10000

/* A request that is not answered after so many turns of the clock never will be. */
#define TURNS_MAX 100000

struct weir_test {
	struct weir_clock clock;
	_Atomic int64_t wall_ms; /* the hands; the app's threads may read them */
	_Atomic int64_t monotonic_ms;
	struct weir_inline_host host;
	struct weir_app *app;
	const struct weir_service *service; /* NULL before the first request */
	struct weir_pool *pool;             /* requests, and what was asked about responses */
	struct weir_test_exchange *exchanges;
};

struct weir_test_exchange {
	struct weir_exchange exchange;
	struct weir_test *test;
	struct weir_test_exchange *next;
	struct weir_message begin;
	struct weir_slice body; /* what the app has not got yet */
	struct weir_buffer answer;
	struct weir_test_response response;
	bool over;
};

static _Noreturn void fail(const char *format, ...) WEIR_PRINTF(1, 2);

static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("weir_test: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

/* -- Time ------------------------------------------------------------------------------------------------------------------ */

static int64_t read_wall_ms(void *state)
{
	struct weir_test *test = state;

	return atomic_load(&test->wall_ms);
}

static int64_t read_monotonic_ms(void *state)
{
	struct weir_test *test = state;

	return atomic_load(&test->monotonic_ms);
}

static void turn_clock_to(struct weir_test *test, int64_t monotonic_ms)
{
	int64_t ms = monotonic_ms - atomic_load(&test->monotonic_ms);

	if (ms <= 0)
		return;
	atomic_fetch_add(&test->wall_ms, ms);
	atomic_fetch_add(&test->monotonic_ms, ms);
}

/* Turns the clock to the next deadline; without one waits for a message. False when none came. */
static bool let_time_pass(struct weir_test *test)
{
	int64_t next_ms = weir_inline_host_next_ms(&test->host);

	if (next_ms == WEIR_TIMER_NEVER)
		return weir_inline_host_wait(&test->host, PATIENCE_MS);
	turn_clock_to(test, next_ms);
	return true;
}

/* Turns the clock for what nobody waits for. */
static void run_backgrounds(struct weir_test *test)
{
	for (int turns = 0; test->host.host.background_count > 0; turns++) {
		if (turns == TURNS_MAX || !let_time_pass(test))
			fail("a value that is made in the background waits for something that does not happen");
		weir_inline_host_run(&test->host);
	}
}

static void run_until_over(struct weir_test *test, struct weir_test_exchange *t)
{
	weir_inline_host_run(&test->host);
	for (int turns = 0; !t->over; turns++) {
		if (turns == TURNS_MAX || !let_time_pass(test))
			fail("%s waits for something that does not happen", weir_exchange_what(&t->exchange));
		weir_inline_host_run(&test->host);
	}
}

/* -- The transport --------------------------------------------------------------------------------------------------------- */

/* Gives the app as much of the body as it takes. */
static void feed(struct weir_exchange *exchange)
{
	struct weir_test_exchange *t = exchange->peer;

	while (!t->over && t->body.len > 0) {
		struct weir_slice piece = { t->body.data, t->body.len < PIECE_SIZE ? t->body.len : PIECE_SIZE };

		t->body = weir_slice_from(t->body, piece.len);
		if (weir_exchange_body(exchange, piece) == WEIR_BUSY)
			return;
	}
	if (!t->over)
		weir_exchange_body_end(exchange, WEIR_END);
}

static enum weir_status transport_send(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count, bool last)
{
	struct weir_test_exchange *t = exchange->peer;

	(void)last;
	for (size_t i = 0; i < count; i++)
		weir_buffer_append_slice(&t->answer, parts[i]);
	if (t->answer.overflowed)
		fail("out of memory");
	return WEIR_OK;
}

/* Takes the answer apart as a web server does: "Status: 200 OK", fields, an empty line, the body. */
static void read_answer(struct weir_test_exchange *t)
{
	static const struct weir_slice status = { "Status: ", 8 };
	struct weir_slice answer = weir_buffer_slice(&t->answer);
	const char *end = answer.len > 0 ? memmem(answer.data, answer.len, "\r\n\r\n", 4) : NULL;
	size_t first_line;

	if (!end)
		return; /* the client left before there was an answer */
	if (!weir_slice_starts_with(answer, status))
		fail("%s: the answer does not begin with a status", weir_exchange_what(&t->exchange));
	t->response.status = (int)strtol(answer.data + status.len, NULL, 10);
	first_line = weir_slice_find(answer, '\n') + 1;
	t->response.head = weir_slice(answer.data + first_line, (size_t)(end + 2 - answer.data) - first_line);
	t->response.body = weir_slice(end + 4, answer.len - (size_t)(end + 4 - answer.data));
}

static void transport_done(struct weir_exchange *exchange, bool complete)
{
	struct weir_test_exchange *t = exchange->peer;

	read_answer(t);
	t->response.complete = complete;
	t->over = true;
	weir_exchange_finish(exchange, true);
}

static const struct weir_transport_ops transport_ops = {
	.send = transport_send,
	.read_on = feed,
	.fetch = feed,
	.done = transport_done,
};

/* -- Requests -------------------------------------------------------------------------------------------------------------- */

static void add(struct weir_test_exchange *t, const char *name, struct weir_slice value)
{
	struct weir_pool *pool = t->test->pool;

	weir_exchange_add_variable(&t->exchange, weir_slice_text(weir_pool_dup_text(pool, name)), weir_pool_dup(pool, value));
}

/* "Accept-Language" becomes HTTP_ACCEPT_LANGUAGE; Content-Type and Content-Length stand without HTTP_. */
static void add_field(struct weir_test_exchange *t, const struct weir_test_field *field)
{
	struct weir_slice name = weir_slice_text(field->name);
	bool plain = weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("Content-Type")) ||
		     weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("Content-Length"));
	char *variable = weir_pool_printf(t->test->pool, "%s%s", plain ? "" : "HTTP_", field->name);

	for (char *at = variable; at && *at; at++) {
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - ('a' - 'A'));
		else if (*at == '-')
			*at = '_';
	}
	add(t, variable, weir_slice_text(field->value));
}

static bool has_field(const struct weir_test_request *request, const char *name)
{
	for (const struct weir_test_field *field = request->fields; field && field->name; field++)
		if (weir_slice_equal_nocase(weir_slice_text(field->name), weir_slice_text(name)))
			return true;
	return false;
}

static void add_variables(struct weir_test_exchange *t, const struct weir_test_request *request)
{
	struct weir_slice target = weir_slice_text(request->target);
	struct weir_slice query = weir_slice_from(target, weir_slice_find(target, '?') + 1);
	char length[24];

	add(t, "GATEWAY_INTERFACE", WEIR_SLICE_LITERAL("CGI/1.1"));
	add(t, "REQUEST_METHOD", weir_slice_text(request->method ? request->method : "GET"));
	add(t, "REQUEST_URI", target);
	add(t, "QUERY_STRING", query);
	add(t, "SERVER_PROTOCOL", WEIR_SLICE_LITERAL("HTTP/1.1"));
	add(t, "SERVER_NAME", WEIR_SLICE_LITERAL("localhost"));
	add(t, "SERVER_PORT", WEIR_SLICE_LITERAL("80"));
	add(t, "REMOTE_ADDR", WEIR_SLICE_LITERAL("127.0.0.1"));
	if (!has_field(request, "Host"))
		add(t, "HTTP_HOST", WEIR_SLICE_LITERAL("localhost"));
	if (request->body.len > 0 && !has_field(request, "Content-Length")) {
		snprintf(length, sizeof(length), "%zu", request->body.len);
		add(t, "CONTENT_LENGTH", weir_slice_text(length));
	}
	for (const struct weir_test_field *field = request->fields; field && field->name; field++)
		add_field(t, field);
}

static void begin(struct weir_message *message)
{
	struct weir_test_exchange *t = WEIR_CONTAINER_OF(message, struct weir_test_exchange, begin);

	weir_exchange_start(&t->exchange);
	feed(&t->exchange);
}

/* What can only be done once the app has all its parts. */
static void complete_app(struct weir_test *test)
{
	struct weir_cache *cache;

	if (test->service)
		return;
	if (weir_app_check(test->app) < 0)
		fail("%s", weir_app_error(test->app));
	cache = weir_app_cache(test->app);
	if (cache && weir_cache_attach(cache) < 0)
		fail("the cache's backend does not start");
	test->service = weir_app_service(test->app);
}

struct weir_test_exchange *weir_test_start(struct weir_test *test, const struct weir_test_request *request)
{
	struct weir_test_exchange *t = calloc(1, sizeof(*t));

	if (!t)
		fail("out of memory");
	complete_app(test);
	t->test = test;
	t->next = test->exchanges;
	test->exchanges = t;
	t->begin.deliver = begin;
	t->body = weir_pool_dup(test->pool, request->body);
	weir_buffer_init(&t->answer, 0);
	weir_pool_init(&t->exchange.pool, 0);
	weir_exchange_init(&t->exchange, test->service, &test->host.host, &transport_ops, t);
	add_variables(t, request);
	if (weir_pool_overflowed(test->pool))
		fail("out of memory");
	test->host.host.ops->post(&test->host.host, &t->begin);
	return t;
}

const struct weir_test_response *weir_test_send(struct weir_test *test, const struct weir_test_request *request)
{
	struct weir_test_exchange *t = weir_test_start(test, request);

	run_until_over(test, t);
	return &t->response;
}

const struct weir_test_response *weir_test_get(struct weir_test *test, const char *target)
{
	return weir_test_send(test, &(struct weir_test_request){ .target = target });
}

/* -- Running --------------------------------------------------------------------------------------------------------------- */

void weir_test_run(struct weir_test *test)
{
	weir_inline_host_run(&test->host);
}

void weir_test_hold_handlers(struct weir_test *test, bool hold)
{
	test->host.hold_calls = hold;
}

void weir_test_advance_ms(struct weir_test *test, int64_t ms)
{
	int64_t end_ms = atomic_load(&test->monotonic_ms) + ms;
	int64_t next_ms;

	weir_inline_host_run(&test->host);
	while ((next_ms = weir_inline_host_next_ms(&test->host)) <= end_ms) {
		turn_clock_to(test, next_ms);
		weir_inline_host_run(&test->host);
	}
	turn_clock_to(test, end_ms);
	weir_inline_host_run(&test->host);
}

void weir_test_abort(struct weir_test *test, struct weir_test_exchange *exchange)
{
	(void)test;
	if (!exchange->over)
		weir_exchange_cancel(&exchange->exchange);
}

/* -- Responses ------------------------------------------------------------------------------------------------------------- */

const struct weir_test_response *weir_test_response(const struct weir_test_exchange *exchange)
{
	return exchange->over ? &exchange->response : NULL;
}

const char *weir_test_field(struct weir_test *test, const struct weir_test_response *response, const char *name)
{
	struct weir_slice rest = response->head;

	while (rest.len > 0) {
		struct weir_slice line = weir_slice_cut(&rest, '\r');
		struct weir_slice found = weir_slice_cut(&line, ':');

		rest = weir_slice_from(rest, 1); /* LF */
		if (weir_slice_equal_nocase(found, weir_slice_text(name)))
			return weir_pool_dup(test->pool, weir_slice_trim(line)).data;
	}
	return NULL;
}

/* -- Lifecycle ------------------------------------------------------------------------------------------------------------- */

struct weir_test *weir_test_create(const struct weir_app_options *options)
{
	struct weir_app_options own = *options;
	struct weir_test *test = calloc(1, sizeof(*test));
	char why[512] = "";

	if (!test || !(test->pool = weir_pool_create(0)))
		fail("out of memory");
	test->clock = (struct weir_clock){ read_wall_ms, read_monotonic_ms, test };
	atomic_init(&test->wall_ms, FIRST_WALL_MS);
	atomic_init(&test->monotonic_ms, FIRST_MONOTONIC_MS);
	own.locked = true;
	if (weir_app_create_with_cache(&own, &test->clock, why, sizeof(why), &test->app) < 0)
		fail("%s", why);
	if (own.setup && own.setup(test->app, own.user_data) < 0)
		fail("the app's setup failed: %s", weir_app_error(test->app));
	weir_inline_host_init(&test->host, &test->clock);
	return test;
}

void weir_test_destroy(struct weir_test *test)
{
	struct weir_test_exchange *t;

	if (!test)
		return;
	weir_test_hold_handlers(test, false);
	test->host.host.stopping = true;
	for (t = test->exchanges; t; t = t->next)
		weir_test_abort(test, t);
	for (t = test->exchanges; t; t = t->next)
		run_until_over(test, t);
	weir_background_end(&test->host.host, false);
	weir_inline_host_run(&test->host);
	run_backgrounds(test);
	while ((t = test->exchanges)) {
		test->exchanges = t->next;
		weir_pool_finish(&t->exchange.pool);
		weir_buffer_finish(&t->answer);
		free(t);
	}
	weir_inline_host_finish(&test->host);
	weir_app_destroy(test->app);
	weir_pool_destroy(test->pool);
	free(test);
}

struct weir_app *weir_test_app(struct weir_test *test)
{
	return test->app;
}

const struct weir_clock *weir_test_clock(struct weir_test *test)
{
	return &test->clock;
}
