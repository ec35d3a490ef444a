/* SPDX-License-Identifier: Apache-2.0
 *
 * Several processes for an app that is run by hand. What becomes of requests, signals and crashes is tested from outside, with a web
 * server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/app.h>

static enum weir_status hello(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "hello\n");
}

struct server {
	struct weir_app *app;
	char folder[32];
	char listen[64];
	enum weir_status ended;
};

static int setup(void **state)
{
	static const struct weir_route routes[] = { { .path = "/hello", .handler = hello }, { 0 } };
	static const struct weir_log_options log = { .level = WEIR_LOG_OFF };
	const struct weir_app_options options = { .name = "test", .routes = routes, .threads = 2, .log = &log };
	struct server *server = test_calloc(1, sizeof(*server));
	char why[256];

	strcpy(server->folder, "/tmp/weir-test-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	snprintf(server->listen, sizeof(server->listen), "unix:%s/s", server->folder);
	assert_int_equal(weir_app_create(&options, why, sizeof(why), &server->app), WEIR_OK);
	*state = server;
	return 0;
}

/* The folder is empty: each test has left no socket behind. */
static int teardown(void **state)
{
	struct server *server = *state;
	int failed = rmdir(server->folder);

	weir_app_destroy(server->app);
	test_free(server);
	return failed;
}

static enum weir_status run(struct server *server, int processes)
{
	return weir_app_run(server->app, &(struct weir_run_options){ .listen = server->listen, .processes = processes });
}

static void test_master_number_of_processes_has_bounds(void **state)
{
	struct server *server = *state;

	for (int processes = -1; processes <= 65; processes += 66) {
		assert_int_equal(run(server, processes), WEIR_ERR_CONFIG);
		assert_non_null(strstr(weir_app_error(server->app), "1 to 64"));
	}
}

static void *run_elsewhere(void *state)
{
	struct server *server = state;

	server->ended = run(server, 2);
	return NULL;
}

static void test_master_is_the_main_thread(void **state)
{
	struct server *server = *state;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_elsewhere, server), 0);
	pthread_join(thread, NULL);
	assert_int_equal(server->ended, WEIR_ERR_CONFIG);
	assert_non_null(strstr(weir_app_error(server->app), "main thread"));
}

static struct weir_app *to_be_stopped;

static void stop(int number)
{
	(void)number;
	weir_app_stop(to_be_stopped); // NOLINT(bugprone-signal-handler): it is for signal handlers
}

/* In a process of its own: tells by the pipe, once in each process that returns, how weir_app_run() ended. */
static void serve_until_sigusr1(struct server *server, int pipe_fd)
{
	char status;

	to_be_stopped = server->app;
	signal(SIGUSR1, stop);
	if (write(pipe_fd, "r", 1) != 1)
		_exit(2);
	status = run(server, 3) == WEIR_OK ? '0' : '1';
	_exit(write(pipe_fd, &status, 1) == 1 ? 0 : 3);
}

/* Whether it comes before the first fork, between two or after the last. */
static void test_master_stop_ends_all_processes(void **state)
{
	struct server *server = *state;

	for (int round = 0; round < 8; round++) {
		char told[8] = "";
		size_t count = 0;
		int ends[2], how;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0)
			serve_until_sigusr1(server, ends[1]);
		close(ends[1]);
		assert_int_equal(read(ends[0], told, 1), 1);
		for (volatile int spins = 0; spins < round * 300000; spins++)
			; /* until another moment each time */
		kill(pid, SIGUSR1);
		while (count < sizeof(told) && read(ends[0], told + count, 1) == 1) /* ends when no process is left */
			count++;
		close(ends[0]);
		assert_int_equal(waitpid(pid, &how, 0), pid);
		assert_int_equal(how, 0);
		assert_in_range(count, 1, 4);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(told[i], '0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_master_number_of_processes_has_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_master_is_the_main_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_master_stop_ends_all_processes, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
