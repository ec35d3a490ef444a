/* SPDX-License-Identifier: Apache-2.0
 *
 * Two real loops, each with its handler threads and the I/O thread of its view of one backend: who waits on one is answered by who leads on
 * the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <weir/app.h>

#include "support/fcgi_client.h"
#include "support/shared_backend.h"

#define WAITING 5

struct server {
	struct weir_app *app;
	pthread_t thread;
	enum weir_status ended;
	char path[64];
	char listen[80];
};

static char folder[32];
static struct server servers[2];
static struct weir_shared_backend *shared;
static atomic_int runs;
static atomic_bool may_end;

/* Takes as long as the test wants. */
static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	int run = atomic_fetch_add(&runs, 1) + 1;

	(void)req;
	while (!atomic_load(&may_end))
		sched_yield();
	return weir_response_text(res, "text/plain", "run %d", run);
}

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

static void open_server(int number, bool local)
{
	static const struct weir_cache_rule rule = { .with_lock = true };
	static const struct weir_route routes[] = { { .path = "/page", .handler = make, .cache = &rule }, { 0 } };
	struct weir_app_options options = { .name = "loop", .routes = routes, .locked = true };
	struct server *server = &servers[number];
	struct weir_cache_options cache_options = { .locked = true, .prefix = "loop" };
	struct weir_cache *cache;
	char why[200];
	int fd;

	snprintf(server->path, sizeof(server->path), "%s/%d", folder, number);
	snprintf(server->listen, sizeof(server->listen), "unix:%s/%d", folder, number);
	options.log = &(struct weir_log_options){ .level = WEIR_LOG_OFF };
	cache_options.instance = weir_shared_backend_view(shared, local);
	assert_int_equal(weir_app_create(&options, why, sizeof(why), &server->app), WEIR_OK);
	assert_int_equal(weir_cache_create(&cache_options, why, sizeof(why), &cache), WEIR_OK);
	assert_int_equal(weir_app_use_cache(server->app, cache), WEIR_OK);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	/* The app says nowhere that it listens: the first connection that is let in does. */
	while ((fd = connect_to(server)) < 0)
		sched_yield();
	close(fd);
}

static void open_servers(bool local)
{
	struct weir_backend *memory;
	char why[200];

	atomic_store(&runs, 0);
	atomic_store(&may_end, false);
	snprintf(folder, sizeof(folder), "/tmp/weir-lease-XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	shared = weir_shared_backend_create(memory);
	assert_non_null(shared);
	open_server(0, local);
	open_server(1, local);
}

static void close_servers(void)
{
	for (int i = 0; i < 2; i++) {
		weir_app_stop(servers[i].app);
		pthread_join(servers[i].thread, NULL);
		assert_int_equal(servers[i].ended, WEIR_OK);
	}
	for (int i = 0; i < 2; i++)
		weir_app_destroy(servers[i].app);
	rmdir(folder);
}

/* -- The web server's side ------------------------------------------------------------------------------------------------- */

static int ask(int server)
{
	const struct fcgi_client_param params[] = {
		{ { "REQUEST_METHOD", 14 }, { "GET", 3 } },
		{ { "REQUEST_URI", 11 }, { "/page", 5 } },
		{ { "HTTP_HOST", 9 }, { "localhost", 9 } },
	};
	struct fcgi_client_cut cut = { 0 };
	struct weir_buffer bytes;
	int fd = connect_to(&servers[server]);

	weir_buffer_init(&bytes, 0);
	fcgi_client_request(&bytes, &(struct fcgi_client_request){ .id = 1, .params = params, .param_count = 3 }, &cut);
	assert_int_equal(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
	weir_buffer_finish(&bytes);
	return fd;
}

static void expect(int fd, const char *field, const char *body)
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
	assert_non_null(strstr(text, field));
	assert_non_null(strstr(text, "\r\n\r\n"));
	assert_string_equal(strstr(text, "\r\n\r\n") + 4, body);
	free(text);
	fcgi_client_response_finish(&response);
	weir_buffer_finish(&bytes);
}

/* -- Tests ----------------------------------------------------------------------------------------------------------------- */

static struct weir_shared_counts counts(void)
{
	struct weir_shared_counts counted;

	weir_shared_backend_counts(shared, &counted);
	return counted;
}

static void wait_for_leases(size_t calls)
{
	while (counts().calls[WEIR_SHARED_LEASE] < calls)
		sched_yield();
}

static void share(bool local)
{
	int leader, waiting[WAITING];

	open_servers(local);
	leader = ask(0);
	wait_for_leases(1);
	for (int i = 0; i < WAITING; i++)
		waiting[i] = ask(1);
	wait_for_leases(6);
	atomic_store(&may_end, true);
	expect(leader, "X-Weir-Cache: MISS", "run 1");
	for (int i = 0; i < WAITING; i++)
		expect(waiting[i], "X-Weir-Cache: HIT", "run 1");
	assert_int_equal(atomic_load(&runs), 1);
	while (counts().done[WEIR_SHARED_RELEASE] < counts().done[WEIR_SHARED_LEASE])
		sched_yield();
	close_servers();
}

static void test_loop_lease_is_waited_for(void **state)
{
	(void)state;
	share(true);
}

static void test_loop_lease_of_a_remote_backend_is_waited_for(void **state)
{
	(void)state;
	share(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_lease_is_waited_for),
		cmocka_unit_test(test_loop_lease_of_a_remote_backend_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
