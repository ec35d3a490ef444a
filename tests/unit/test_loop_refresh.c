/* SPDX-License-Identifier: Apache-2.0
 *
 * Values made in the background on a real loop, with handler threads and, for a remote backend, an I/O thread: clients are not kept
 * waiting, and a server that stops waits for what is being made.
 *
 * A soft purge makes values old: no test waits for time to pass, but those whose subject is a deadline of a few milliseconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support/loop_app.h"
#include "support/shared_backend.h"

#define CLIENTS 5

static struct weir_app *app;
static struct loop_app *server;
static atomic_int begun, runs;
static atomic_bool may_end;

/* Takes as long as the test wants. */
static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	int run = atomic_fetch_add(&begun, 1) + 1;

	(void)req;
	while (!atomic_load(&may_end))
		sched_yield();
	atomic_fetch_add(&runs, 1);
	return weir_response_text(res, "text/plain", "run %d", run);
}

/* The second run, on the loop, would take an hour. */
static enum weir_status park(struct weir_request *req, struct weir_response *res)
{
	if (weir_request_wake(req) == WEIR_WAKE_NONE && atomic_fetch_add(&begun, 1) > 0) {
		weir_request_wait(req, 3600 * 1000);
		return WEIR_PARKED;
	}
	atomic_fetch_add(&runs, 1);
	return weir_response_text(res, "text/plain", "parked");
}

static const struct weir_cache_rule revalidated = { .expire_s = 60, .stale_while_revalidate_s = 60 };
static const struct weir_cache_rule hurried = { .expire_s = 60, .hard_timeout_ms = 20 };

static const struct weir_route routes[] = {
	{ .path = "/page", .handler = make, .cache = &revalidated },
	{ .path = "/park", .handler = park, .cache = &revalidated, .nonblocking = true },
	{ .path = "/late", .handler = make, .cache = &hurried },
	{ 0 },
};

/* -- The server ------------------------------------------------------------------------------------------------------------ */

static void open_server(bool local, int64_t drain_ms)
{
	const struct weir_app_options options = { .routes = routes, .deadlines.drain_ms = drain_ms };
	struct weir_shared_backend *shared = weir_shared_backend_create(loop_app_memory());

	assert_non_null(shared);
	atomic_store(&begun, 0);
	atomic_store(&runs, 0);
	atomic_store(&may_end, true);
	app = loop_app_make(&options, weir_shared_backend_view(shared, local));
	server = loop_app_start(app);
}

static void close_server(void)
{
	loop_app_stop(server);
	weir_app_destroy(app);
}

static bool get_has(const char *target, const char *part, const char *other_part)
{
	char *text = loop_app_answer(loop_app_ask(server, target));
	bool has = strstr(text, part) && strstr(text, other_part);

	free(text);
	return has;
}

/* -- Tests ----------------------------------------------------------------------------------------------------------------- */

static void open_with_old_page(bool local, int64_t drain_ms, const char *target)
{
	open_server(local, drain_ms);
	assert_true(get_has(target, "Status: 200", "X-Weir-Cache: MISS"));
	assert_int_equal(weir_cache_expire_all(weir_app_cache(app)), WEIR_OK);
	atomic_store(&may_end, false);
}

static void wait_for_begun(int count)
{
	while (atomic_load(&begun) < count)
		sched_yield();
}

static void refresh(bool local)
{
	open_with_old_page(local, 0, "/page");
	for (int i = 0; i < CLIENTS; i++) /* the handler does not return, and nobody waits for it */
		assert_true(get_has("/page", "X-Weir-Cache: HIT", "\r\n\r\nrun 1"));
	wait_for_begun(2);
	assert_true(get_has("/page", "X-Weir-Cache: HIT", "\r\n\r\nrun 1"));
	atomic_store(&may_end, true);
	while (!get_has("/page", "X-Weir-Cache: HIT", "\r\n\r\nrun 2"))
		sched_yield();
	assert_int_equal(atomic_load(&begun), 2);
	close_server();
}

static void test_loop_refresh_keeps_nobody_waiting(void **state)
{
	(void)state;
	refresh(true);
}

static void test_loop_refresh_on_a_remote_backend_keeps_nobody_waiting(void **state)
{
	(void)state;
	refresh(false);
}

static void *let_end(void *state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) /* as good a chance as any for the loop to go away under it */
		sched_yield();
	atomic_store(&may_end, true);
	return NULL;
}

static void stop(bool local)
{
	struct weir_cache_stats stats;
	pthread_t other;

	open_with_old_page(local, 0, "/page");
	assert_true(get_has("/page", "X-Weir-Cache: HIT", "\r\n\r\nrun 1"));
	wait_for_begun(2);
	weir_app_stop(app);
	assert_int_equal(pthread_create(&other, NULL, let_end, NULL), 0);
	loop_app_stop(server);
	pthread_join(other, NULL);
	assert_int_equal(atomic_load(&runs), 2);
	weir_cache_stats(weir_app_cache(app), &stats);
	assert_int_equal(stats.stored, 2);
	weir_app_destroy(app);
}

static void test_loop_refresh_is_waited_for_at_the_stop(void **state)
{
	(void)state;
	stop(true);
}

static void test_loop_refresh_on_a_remote_backend_is_waited_for_at_the_stop(void **state)
{
	(void)state;
	stop(false);
}

static void test_loop_refresh_ends_at_the_drain_deadline(void **state)
{
	(void)state;
	open_with_old_page(true, 10, "/park");
	assert_true(get_has("/park", "X-Weir-Cache: HIT", "\r\n\r\nparked"));
	wait_for_begun(2);
	close_server();
	assert_int_equal(atomic_load(&runs), 2); /* it was woken, and not left */
}

static void late(bool local)
{
	open_server(local, 0);
	atomic_store(&may_end, false);
	assert_true(get_has("/late", "Status: 504", "Retry-After: 1"));
	assert_true(get_has("/late", "Status: 504", "Retry-After: 1"));
	atomic_store(&may_end, true);
	while (!get_has("/late", "X-Weir-Cache: HIT", "\r\n\r\nrun 1"))
		sched_yield();
	assert_int_equal(atomic_load(&begun), 1);
	close_server();
}

static void test_loop_refresh_goes_on_after_a_hard_timeout(void **state)
{
	(void)state;
	late(true);
	late(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_refresh_keeps_nobody_waiting),
		cmocka_unit_test(test_loop_refresh_on_a_remote_backend_keeps_nobody_waiting),
		cmocka_unit_test(test_loop_refresh_is_waited_for_at_the_stop),
		cmocka_unit_test(test_loop_refresh_on_a_remote_backend_is_waited_for_at_the_stop),
		cmocka_unit_test(test_loop_refresh_ends_at_the_drain_deadline),
		cmocka_unit_test(test_loop_refresh_goes_on_after_a_hard_timeout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
