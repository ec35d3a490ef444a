/* SPDX-License-Identifier: Apache-2.0
 *
 * The real loop with a remote backend: an app on a socket, its cache behind an I/O thread, and a web server's side that talks to it. The
 * backend is memory: behind a door, so that the test decides when it answers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>

#include "support/loop_app.h"
#include "support/slow_backend.h"

static atomic_int runs;

static enum weir_status count(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "%d", atomic_fetch_add(&runs, 1) + 1);
}

static enum weir_status plain(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "here");
}

static enum weir_status clear(struct weir_request *req, struct weir_response *res)
{
	size_t removed = 0;
	enum weir_status status = weir_cache_clear_namespace(weir_request_cache(req), "n", &removed);

	return status < 0 ? status : weir_response_text(res, "text/plain", "%zu", removed);
}

static const struct weir_cache_rule locked = { .ns = "n", .with_lock = true };

static const struct weir_route routes[] = {
	{ .path = "/count", .handler = count, .cache = &locked },
	{ .path = "/plain", .handler = plain, .nonblocking = true },
	{ .path = "/clear", .handler = clear },
	{ 0 },
};

static struct weir_app *app;
static struct weir_slow_backend *door;
static struct loop_app *server;

static int setup(void **state)
{
	struct weir_backend *remote;

	(void)state;
	atomic_store(&runs, 0);
	door = weir_slow_backend_create(loop_app_memory(), &remote);
	assert_non_null(door);
	app = loop_app_make(&(struct weir_app_options){ .routes = routes }, remote);
	server = loop_app_start(app);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	weir_slow_backend_resume(door);
	loop_app_stop(server);
	weir_app_destroy(app);
	return 0;
}

static int ask(const char *target)
{
	return loop_app_ask(server, target);
}

/* -- Tests ----------------------------------------------------------------------------------------------------------------- */

static void test_loop_remote_miss_then_hit(void **state)
{
	(void)state;
	expect_loop_answer(ask("/count"), "X-Weir-Cache: MISS", "1");
	expect_loop_answer(ask("/count"), "X-Weir-Cache: HIT", "1");
}

static void test_loop_remote_backend_that_hangs_holds_up_nobody_else(void **state)
{
	int waiting;

	(void)state;
	weir_slow_backend_hold(door);
	waiting = ask("/count");
	weir_slow_backend_wait_held(door);
	expect_loop_answer(ask("/plain"), "Status: 200", "here");
	weir_slow_backend_resume(door);
	expect_loop_answer(waiting, "X-Weir-Cache: MISS", "1");
}

static void test_loop_remote_reads_that_wait_become_one_batch(void **state)
{
	struct weir_slow_counts counts;
	int waiting[20];

	(void)state;
	weir_slow_backend_hold(door);
	waiting[0] = ask("/count");
	weir_slow_backend_wait_held(door);
	for (int i = 1; i < 20; i++)
		waiting[i] = ask("/count");
	expect_loop_answer(ask("/plain"), "Status: 200", "here"); /* asked last, so the loop has seen them all */
	weir_slow_backend_resume(door);
	for (int i = 0; i < 20; i++)
		expect_loop_answer(waiting[i], "Status: 200", "1");
	assert_int_equal(atomic_load(&runs), 1);
	weir_slow_backend_counts(door, &counts);
	assert_int_equal(counts.overlapped, 0);
	assert_in_range(counts.most_reads, 10, 20);
}

static void test_loop_remote_backend_that_fails_is_survived(void **state)
{
	(void)state;
	weir_slow_backend_fail(door, 1, WEIR_ERR_BACKEND);
	expect_loop_answer(ask("/count"), "X-Weir-Cache: MISS", "1");
	expect_loop_answer(ask("/count"), "X-Weir-Cache: MISS", "2");
	expect_loop_answer(ask("/count"), "X-Weir-Cache: HIT", "2");
}

static void test_loop_remote_clear_from_a_handler_waits_for_its_count(void **state)
{
	(void)state;
	expect_loop_answer(ask("/count"), "X-Weir-Cache: MISS", "1");
	expect_loop_answer(ask("/clear"), "Status: 200", "1");
	expect_loop_answer(ask("/count"), "X-Weir-Cache: MISS", "2");
}

static void test_loop_remote_stops_while_the_backend_hangs(void **state)
{
	int waiting;

	(void)state;
	weir_slow_backend_hold(door);
	waiting = ask("/count");
	weir_slow_backend_wait_held(door);
	weir_app_stop(app);
	weir_slow_backend_resume(door);
	expect_loop_answer(waiting, "Status: 200", "1"); /* what runs is finished first */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_loop_remote_miss_then_hit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_remote_backend_that_hangs_holds_up_nobody_else, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_remote_reads_that_wait_become_one_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_remote_backend_that_fails_is_survived, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_remote_clear_from_a_handler_waits_for_its_count, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loop_remote_stops_while_the_backend_hangs, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
