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
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weir/app.h>

#include "support/fcgi_client.h"
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

struct server {
	struct weir_app *app;
	struct weir_slow_backend *slow;
	pthread_t thread;
	enum weir_status ended;
	char folder[32];
	char path[64];
	char listen[80];
};

static void *serve(void *state)
{
	struct server *server = state;

	server->ended = weir_app_run(server->app, &(struct weir_run_options){ .listen = server->listen });
	return NULL;
}

static int connect_to(const struct server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", server->path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int setup(void **state)
{
	struct server *server = calloc(1, sizeof(*server));
	struct weir_app_options options = { .name = "loop", .routes = routes, .locked = true };
	struct weir_backend *memory;
	struct weir_backend *remote;
	struct weir_cache *cache;
	char why[200];
	int fd;

	atomic_store(&runs, 0);
	snprintf(server->folder, sizeof(server->folder), "/tmp/weir-loop-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	snprintf(server->path, sizeof(server->path), "%s/socket", server->folder);
	snprintf(server->listen, sizeof(server->listen), "unix:%s", server->path);
	options.log = &(struct weir_log_options){ .level = WEIR_LOG_OFF };
	assert_int_equal(weir_app_create(&options, why, sizeof(why), &server->app), WEIR_OK);
	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	server->slow = weir_slow_backend_create(memory, &remote);
	assert_int_equal(weir_cache_create(&(struct weir_cache_options){ .instance = remote, .locked = true }, why, sizeof(why), &cache),
			 WEIR_OK);
	assert_int_equal(weir_app_use_cache(server->app, cache), WEIR_OK);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	/* The app says nowhere that it listens: the first connection that is let in does. */
	while ((fd = connect_to(server)) < 0)
		sched_yield();
	close(fd);
	*state = server;
	return 0;
}

static int teardown(void **state)
{
	struct server *server = *state;

	weir_slow_backend_resume(server->slow);
	weir_app_stop(server->app);
	pthread_join(server->thread, NULL);
	assert_int_equal(server->ended, WEIR_OK);
	weir_app_destroy(server->app);
	rmdir(server->folder);
	free(server);
	return 0;
}

/* -- The web server's side ------------------------------------------------------------------------------------------------- */

static int ask(const struct server *server, const char *target)
{
	const struct fcgi_client_param params[] = {
		{ { "REQUEST_METHOD", 14 }, { "GET", 3 } },
		{ { "REQUEST_URI", 11 }, weir_slice_text(target) },
		{ { "HTTP_HOST", 9 }, { "localhost", 9 } },
	};
	struct fcgi_client_cut cut = { 0 };
	struct weir_buffer bytes;
	int fd = connect_to(server);

	weir_buffer_init(&bytes, 0);
	fcgi_client_request(&bytes, &(struct fcgi_client_request){ .id = 1, .params = params, .param_count = 3 }, &cut);
	assert_int_equal(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
	weir_buffer_finish(&bytes);
	return fd;
}

/* The whole answer, head and body; the caller frees it. */
static char *answer(int fd)
{
	struct fcgi_client_response response = { 0 };
	struct weir_buffer bytes;
	struct weir_slice input;
	char *text;
	ssize_t len;

	weir_buffer_init(&bytes, 0);
	while ((len = recv(fd, weir_buffer_reserve(&bytes, 4096), 4096, 0)) > 0)
		weir_buffer_advance(&bytes, (size_t)len);
	close(fd);
	input = weir_buffer_slice(&bytes);
	assert_int_equal(fcgi_client_response_read(&response, &input), WEIR_OK);
	text = strndup(response.out.data, response.out.len);
	fcgi_client_response_finish(&response);
	weir_buffer_finish(&bytes);
	return text;
}

static void assert_answer(int fd, const char *with, const char *body)
{
	char *text = answer(fd);
	const char *got = strstr(text, "\r\n\r\n");

	assert_non_null(strstr(text, with));
	assert_non_null(got);
	assert_string_equal(got + 4, body);
	free(text);
}

/* -- Tests ----------------------------------------------------------------------------------------------------------------- */

static void test_loop_remote_miss_then_hit(void **state)
{
	assert_answer(ask(*state, "/count"), "X-Weir-Cache: MISS", "1");
	assert_answer(ask(*state, "/count"), "X-Weir-Cache: HIT", "1");
}

static void test_loop_remote_backend_that_hangs_holds_up_nobody_else(void **state)
{
	struct server *server = *state;
	int waiting;

	weir_slow_backend_hold(server->slow);
	waiting = ask(server, "/count");
	weir_slow_backend_wait_held(server->slow);
	assert_answer(ask(server, "/plain"), "Status: 200", "here");
	weir_slow_backend_resume(server->slow);
	assert_answer(waiting, "X-Weir-Cache: MISS", "1");
}

static void test_loop_remote_reads_that_wait_become_one_batch(void **state)
{
	struct server *server = *state;
	struct weir_slow_counts counts;
	int waiting[20];

	weir_slow_backend_hold(server->slow);
	waiting[0] = ask(server, "/count");
	weir_slow_backend_wait_held(server->slow);
	for (int i = 1; i < 20; i++)
		waiting[i] = ask(server, "/count");
	assert_answer(ask(server, "/plain"), "Status: 200", "here"); /* asked last, so the loop has seen them all */
	weir_slow_backend_resume(server->slow);
	for (int i = 0; i < 20; i++)
		assert_answer(waiting[i], "Status: 200", "1");
	assert_int_equal(atomic_load(&runs), 1);
	weir_slow_backend_counts(server->slow, &counts);
	assert_int_equal(counts.overlapped, 0);
	assert_in_range(counts.most_reads, 10, 20);
}

static void test_loop_remote_backend_that_fails_is_survived(void **state)
{
	struct server *server = *state;

	weir_slow_backend_fail(server->slow, 1, WEIR_ERR_BACKEND);
	assert_answer(ask(server, "/count"), "X-Weir-Cache: MISS", "1");
	assert_answer(ask(server, "/count"), "X-Weir-Cache: MISS", "2");
	assert_answer(ask(server, "/count"), "X-Weir-Cache: HIT", "2");
}

static void test_loop_remote_clear_from_a_handler_waits_for_its_count(void **state)
{
	assert_answer(ask(*state, "/count"), "X-Weir-Cache: MISS", "1");
	assert_answer(ask(*state, "/clear"), "Status: 200", "1");
	assert_answer(ask(*state, "/count"), "X-Weir-Cache: MISS", "2");
}

static void test_loop_remote_stops_while_the_backend_hangs(void **state)
{
	struct server *server = *state;
	int waiting;

	weir_slow_backend_hold(server->slow);
	waiting = ask(server, "/count");
	weir_slow_backend_wait_held(server->slow);
	weir_app_stop(server->app);
	weir_slow_backend_resume(server->slow);
	assert_answer(waiting, "Status: 200", "1"); /* what runs is finished first */
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
