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

struct loop_app *loop_app_start(struct weir_app *app)
{
	struct loop_app *self = calloc(1, sizeof(*self));
	int fd;

	assert_non_null(self);
	self->app = app;
	(void)snprintf(self->folder, sizeof(self->folder), "/tmp/weir-loop-XXXXXX");
	assert_non_null(mkdtemp(self->folder));
	(void)snprintf(self->path, sizeof(self->path), "%s/socket", self->folder);
	(void)snprintf(self->listen, sizeof(self->listen), "unix:%s", self->path);
	assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
	/* The app says nowhere that it listens: the first connection that is let in does. */
	while ((fd = connect_to(self)) < 0)
		sched_yield();
	close(fd);
	return self;
}

void loop_app_stop(struct loop_app *self)
{
	weir_app_stop(self->app);
	pthread_join(self->thread, NULL);
	assert_int_equal(self->ended, WEIR_OK);
	rmdir(self->folder);
	free(self);
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
