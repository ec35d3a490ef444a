/* SPDX-License-Identifier: Apache-2.0
 *
 * What is on its way to a remote backend when an app stops: others that share the backend find what was made, and no lease; and nobody
 * waits longer than is said, neither the stop for the backend nor a thread for an app that is no more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/loop_app.h"
#include "support/shared_backend.h"
#include "support/slow_backend.h"

static struct weir_shared_backend *shared;
static struct weir_slow_backend *door;
static void (*in_handler)(struct weir_slow_backend *slow);
static atomic_int runs;

/* From now on the backend is as slow as the test likes. */
static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	in_handler(door);
	return weir_response_text(res, "text/plain", "run %d", atomic_fetch_add(&runs, 1) + 1);
}

static enum weir_status clear(struct weir_request *req, struct weir_response *res)
{
	size_t removed = 0;
	enum weir_status status = weir_cache_clear_namespace(weir_request_cache(req), "n", &removed);

	return status < 0 ? status : weir_response_text(res, "text/plain", "%zu", removed);
}

/* Ends with the process. Says when the app has given it up: the client has been left, and half a second later the loop is. */
static enum weir_status stay(struct weir_request *req, struct weir_response *res)
{
	(void)res;
	atomic_fetch_add(&runs, 1);
	while (!weir_request_cancelled(req))
		sched_yield();
	(void)poll(NULL, 0, 700);
	weir_slow_backend_resume(door);
	(void)pause();
	return WEIR_ERR_CANCELLED;
}

static const struct weir_cache_rule rule = { .ns = "n", .with_lock = true };
static const struct weir_route routes[] = {
	{ .path = "/page", .handler = make, .cache = &rule },
	{ .path = "/clear", .handler = clear },
	{ .path = "/stay", .handler = stay },
	{ 0 },
};

/* Its view of the shared backend is behind the door. */
static struct weir_app *make_first(int64_t drain_ms)
{
	struct weir_backend *backend;

	atomic_store(&runs, 0);
	shared = weir_shared_backend_create(loop_app_memory());
	assert_non_null(shared);
	door = weir_slow_backend_create(weir_shared_backend_view(shared, true), &backend);
	assert_non_null(door);
	return loop_app_make(&(struct weir_app_options){ .routes = routes, .deadlines.drain_ms = drain_ms }, backend);
}

static struct weir_app *make_second(void)
{
	return loop_app_make(&(struct weir_app_options){ .routes = routes }, weir_shared_backend_view(shared, true));
}

static void *stop(void *state)
{
	loop_app_stop(state);
	return NULL;
}

/* Returns when the stop has come to what is queued: nobody tells, so that is a matter of time. */
static pthread_t begin_stop(struct loop_app *first)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stop, first), 0);
	(void)poll(NULL, 0, 200);
	return thread;
}

static void ignore(struct weir_slow_backend *slow)
{
	(void)slow;
}

/* -- What was made --------------------------------------------------------------------------------------------------------- */

/* The answer is out; the entry, and the lease behind it, are still to be taken to the backend. */
static pthread_t stop_after_answer(struct weir_app *first)
{
	struct loop_app *serving = loop_app_start(first);

	expect_loop_answer(loop_app_ask(serving, "/page"), "X-Weir-Cache: MISS", "run 1");
	weir_slow_backend_wait_held(door);
	return begin_stop(serving);
}

static void test_loop_stop_leaves_the_entry_and_no_lease(void **state)
{
	struct weir_app *first = make_first(0), *second = make_second();
	struct weir_shared_counts counts;
	struct loop_app *serving;
	pthread_t stopping;

	(void)state;
	in_handler = weir_slow_backend_hold;
	stopping = stop_after_answer(first);
	weir_slow_backend_resume(door);
	pthread_join(stopping, NULL);
	weir_shared_backend_counts(shared, &counts);
	assert_int_equal(counts.done[WEIR_SHARED_LEASE], 1);
	assert_int_equal(counts.done[WEIR_SHARED_RELEASE], 1);
	serving = loop_app_start(second);
	expect_loop_answer(loop_app_ask(serving, "/page"), "X-Weir-Cache: HIT", "run 1");
	loop_app_stop(serving);
	weir_app_destroy(first);
	weir_app_destroy(second);
}

/* One call runs into its time limit, and that is all that the stop waits for. */
static void test_loop_stop_is_not_held_up_by_a_frozen_backend(void **state)
{
	struct weir_app *first = make_first(WEIR_OFF);
	struct weir_slow_counts before, after;
	pthread_t stopping;

	(void)state;
	in_handler = weir_slow_backend_freeze;
	stopping = stop_after_answer(first);
	weir_slow_backend_counts(door, &before);
	weir_slow_backend_let(door, 1);
	pthread_join(stopping, NULL);
	weir_slow_backend_counts(door, &after);
	assert_int_equal(after.calls, before.calls);
	weir_app_destroy(first);
}

/* -- Who waits for the backend --------------------------------------------------------------------------------------------- */

static void test_loop_stop_lets_a_handler_have_its_answer(void **state)
{
	struct weir_app *first = make_first(0);
	struct loop_app *serving = loop_app_start(first);
	pthread_t stopping;
	int fd;

	(void)state;
	in_handler = ignore;
	expect_loop_answer(loop_app_ask(serving, "/page"), "X-Weir-Cache: MISS", "run 1");
	expect_loop_answer(loop_app_ask(serving, "/page"), "X-Weir-Cache: HIT", "run 1"); /* all that was to be stored is */
	weir_slow_backend_hold(door);
	fd = loop_app_ask(serving, "/clear");
	weir_slow_backend_wait_held(door);
	stopping = begin_stop(serving);
	assert_false(loop_app_is_answered(fd));
	weir_slow_backend_resume(door);
	expect_loop_answer(fd, "Status: 200", "1");
	pthread_join(stopping, NULL);
	weir_app_destroy(first);
}

static void *clear_all(void *cache)
{
	static enum weir_status status;

	status = weir_cache_clear_all(cache, NULL);
	return &status;
}

/* In a process of its own, which its handler never leaves: true when all is as it should be. */
static bool outlast_the_drain(void)
{
	struct weir_app *first = make_first(10);
	struct loop_app *serving = loop_app_start(first);
	enum weir_status ended;
	pthread_t thread;
	void *status;
	int fd;

	weir_slow_backend_hold(door);
	fd = loop_app_ask(serving, "/stay");
	while (atomic_load(&runs) == 0)
		sched_yield();
	if (pthread_create(&thread, NULL, clear_all, weir_app_cache(first)) != 0)
		return false;
	weir_slow_backend_wait_held(door);
	ended = loop_app_end(serving);
	pthread_join(thread, &status);
	close(fd);
	return ended == WEIR_ERR_TIMEOUT && *(enum weir_status *)status == WEIR_OK &&
	       weir_cache_clear_all(weir_app_cache(first), NULL) == WEIR_ERR_CANCELLED;
}

static void test_loop_stop_lets_threads_go_when_it_has_failed(void **state)
{
	pid_t child = fork();
	int how;

	(void)state;
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(30); /* for a thread that waits for ever */
		_exit(outlast_the_drain() ? 0 : 1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_int_equal(how, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_stop_leaves_the_entry_and_no_lease),
		cmocka_unit_test(test_loop_stop_is_not_held_up_by_a_frozen_backend),
		cmocka_unit_test(test_loop_stop_lets_a_handler_have_its_answer),
		cmocka_unit_test(test_loop_stop_lets_threads_go_when_it_has_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
