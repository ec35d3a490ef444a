/* SPDX-License-Identifier: Apache-2.0
 *
 * A client that leaves while a piece of a streamed body is on its way to it: the source's bytes are in use, so the body ends there, and who
 * waits for it makes its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/loop_app.h"

#define PIECE ((size_t)256 * 1024)
#define PIECES 8 /* more than any socket holds */

struct reader {
	int run;
	int left;
	char *piece; /* the same room for each */
};

static atomic_int opened, closed;

static enum weir_status next(void *state, struct weir_slice *chunk)
{
	struct reader *reader = state;

	if (reader->left-- == 0)
		return WEIR_END;
	memset(reader->piece, '0' + reader->run, PIECE);
	*chunk = weir_slice(reader->piece, PIECE);
	return WEIR_OK;
}

static void close_reader(void *state)
{
	struct reader *reader = state;

	free(reader->piece);
	free(reader);
	atomic_fetch_add(&closed, 1);
}

static enum weir_status stream(struct weir_request *req, struct weir_response *res)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	(void)req;
	*reader = (struct reader){ .run = atomic_fetch_add(&opened, 1) + 1, .left = PIECES, .piece = malloc(PIECE) };
	return weir_response_stream(res, "text/plain", &(struct weir_source){ .next = next, .close = close_reader, .state = reader });
}

static const struct weir_cache_rule rule = { .expire_s = 60, .with_lock = true };
static const struct weir_route routes[] = { { .path = "/stream", .handler = stream, .cache = &rule }, { 0 } };

static void test_loop_stream_ends_with_its_client_while_a_piece_is_on_its_way(void **state)
{
	const struct weir_log_options log = { .level = WEIR_LOG_OFF };
	const struct weir_app_options options = { .name = "loop", .routes = routes, .locked = true, .log = &log };
	const struct weir_cache_options cache_options = { .locked = true, .prefix = "loop", .backend = "memory:" };
	struct weir_cache *cache;
	struct loop_app *server;
	struct weir_app *app;
	char why[200], *answer;
	int leaver, waiter;

	(void)state;
	assert_int_equal(weir_app_create(&options, why, sizeof(why), &app), WEIR_OK);
	assert_int_equal(weir_cache_create(&cache_options, why, sizeof(why), &cache), WEIR_OK);
	assert_int_equal(weir_app_use_cache(app, cache), WEIR_OK);
	server = loop_app_start(app);
	leaver = loop_app_ask(server, "/stream");
	while (!loop_app_is_answered(leaver)) /* it has begun, and cannot go on: nobody reads */
		sched_yield();
	waiter = loop_app_ask(server, "/stream");
	close(leaver);
	answer = loop_app_answer(waiter);
	assert_non_null(strstr(answer, "X-Weir-Cache: MISS"));
	assert_int_equal(strspn(strstr(answer, "\r\n\r\n") + 4, "2"), PIECE * PIECES);
	free(answer);
	loop_app_stop(server);
	assert_int_equal(atomic_load(&opened), 2);
	assert_int_equal(atomic_load(&closed), 2);
	weir_app_destroy(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_stream_ends_with_its_client_while_a_piece_is_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
