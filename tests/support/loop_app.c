/* SPDX-License-Identifier: Apache-2.0
 *
 * An app on a thread, and FastCGI to its socket.
 */
#include "support/loop_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/fcgi_client.h"

struct loop_app {
	struct weir_app *app;
	pthread_t thread;
	enum weir_status ended;
	char folder[32];
	char path[64];
	char listen[80];
};

struct weir_app *loop_app_make(const struct weir_app_options *options, struct weir_backend *backend)
{
	static const struct weir_log_options silent = { .level = WEIR_LOG_OFF };
	struct weir_app_options complete = *options;
	struct weir_cache_options cache_options = { .locked = true, .prefix = "loop", .instance = backend };
	struct weir_cache *cache;
	struct weir_app *app;
	char why[200];

	complete.name = "loop";
	complete.locked = true;
	if (!complete.log)
		complete.log = &silent;
	assert_int_equal(weir_app_create(&complete, why, sizeof(why), &app), WEIR_OK);
	cache_options.log = weir_app_log(app);
	assert_int_equal(weir_cache_create(&cache_options, why, sizeof(why), &cache), WEIR_OK);
	assert_int_equal(weir_app_use_cache(app, cache), WEIR_OK);
	return app;
}

struct weir_backend *loop_app_memory(void)
{
	struct weir_backend *memory;
	char why[200];

	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	return memory;
}

static void *serve(void *state)
{
	struct loop_app *self = state;

	self->ended = weir_app_run(self->app, &(struct weir_run_options){ .listen = self->listen });
	return NULL;
}

static int connect_to(const struct loop_app *self)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", self->path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

bool loop_app_listens(const struct loop_app *self)
{
	int fd = connect_to(self);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

struct loop_app *loop_app_start(struct weir_app *app)
{
	struct loop_app *self = calloc(1, sizeof(*self));

	assert_non_null(self);
	self->app = app;
	(void)snprintf(self->folder, sizeof(self->folder), "/tmp/weir-loop-XXXXXX");
	assert_non_null(mkdtemp(self->folder));
	(void)snprintf(self->path, sizeof(self->path), "%s/socket", self->folder);
	(void)snprintf(self->listen, sizeof(self->listen), "unix:%s", self->path);
	assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
	/* The app says nowhere that it listens: the first connection that is let in does. */
	while (!loop_app_listens(self))
		sched_yield();
	return self;
}

enum weir_status loop_app_end(struct loop_app *self)
{
	enum weir_status ended;

	weir_app_stop(self->app);
	pthread_join(self->thread, NULL);
	ended = self->ended;
	rmdir(self->folder);
	free(self);
	return ended;
}

void loop_app_stop(struct loop_app *self)
{
	assert_int_equal(loop_app_end(self), WEIR_OK);
}

int loop_app_ask(const struct loop_app *self, const char *target)
{
	const struct fcgi_client_param params[] = {
		{ { "REQUEST_METHOD", 14 }, { "GET", 3 } },
		{ { "REQUEST_URI", 11 }, weir_slice_text(target) },
		{ { "HTTP_HOST", 9 }, { "localhost", 9 } },
	};
	struct fcgi_client_cut cut = { 0 };
	struct weir_buffer bytes;
	int fd = connect_to(self);

	weir_buffer_init(&bytes, 0);
	fcgi_client_request(&bytes, &(struct fcgi_client_request){ .id = 1, .params = params, .param_count = 3 }, &cut);
	assert_int_equal(send(fd, bytes.data, bytes.len, MSG_NOSIGNAL), (ssize_t)bytes.len);
	weir_buffer_finish(&bytes);
	return fd;
}

char *loop_app_answer(int fd)
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

bool loop_app_is_answered(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1;
}

void expect_loop_answer(int fd, const char *with, const char *body)
{
	char *text = loop_app_answer(fd);
	const char *got = strstr(text, "\r\n\r\n");

	assert_non_null(strstr(text, with));
	assert_non_null(got);
	assert_string_equal(got + 4, body);
	free(text);
}
