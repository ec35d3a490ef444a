/* SPDX-License-Identifier: Apache-2.0
 *
 * CGI mode, with a web server made of files or pipes: what becomes of the environment, of a body and of an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "runtime/app.h"
#include "runtime/cgi.h"

#define LARGE ((size_t)2 << 20) /* more than pipes hold */

static char large[LARGE];
static char answer[LARGE + 1024];

/* -- The app --------------------------------------------------------------------------------------------------------------- */

static enum weir_status show(struct weir_request *req, struct weir_response *res)
{
	const char *accept = weir_request_field(req, "Accept-Language");
	const char *address = weir_request_variable(req, "REMOTE_ADDR");

	return weir_response_text(res, "text/plain", "%s mount=%s path=%s name=%s accept=%s address=%s length=%zu",
				  weir_request_method_name(req), weir_request_mount(req), weir_request_path(req),
				  weir_request_query(req, "name"), accept ? accept : "-", address ? address : "-",
				  weir_request_body(req).len);
}

static enum weir_status receive(struct weir_request *req, struct weir_response *res)
{
	static size_t total;
	enum weir_status status;
	char piece[100000];
	size_t len;

	if (weir_request_wake(req) == WEIR_WAKE_NONE)
		total = 0;
	while ((status = weir_request_read(req, piece, sizeof(piece), &len)) == WEIR_OK) {
		assert_memory_equal(piece, large + total, len);
		total += len;
	}
	return status == WEIR_END ? weir_response_text(res, "text/plain", "%zu", total) : status;
}

static enum weir_status ignore(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_borrowed(res, "application/octet-stream", weir_slice(large, LARGE), NULL, NULL);
}

/* On the loop, after five milliseconds of real time: that CGI mode sleeps until a timer is due can only be seen with the machine's clock.
 */
static enum weir_status later(struct weir_request *req, struct weir_response *res)
{
	if (weir_request_wake(req) == WEIR_WAKE_TIMEOUT)
		return weir_response_text(res, "text/plain", "later");
	weir_request_wait(req, 5);
	return WEIR_PARKED;
}

static void *resume(void *req)
{
	weir_request_resume(req);
	return NULL;
}

static enum weir_status resumed(struct weir_request *req, struct weir_response *res)
{
	pthread_t thread;

	if (weir_request_wake(req) == WEIR_WAKE_READY)
		return weir_response_text(res, "text/plain", "resumed");
	if (pthread_create(&thread, NULL, resume, req) != 0)
		return WEIR_ERR_MEMORY;
	pthread_detach(thread);
	return WEIR_PARKED;
}

static enum weir_status break_off(void *state, struct weir_slice *chunk)
{
	(void)state;
	(void)chunk;
	return WEIR_ERR_IO;
}

static enum weir_status broken(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_stream(res, "text/plain", &(const struct weir_source){ .next = break_off });
}

static const struct weir_route routes[] = {
	{ .path = "/show", .methods = WEIR_GET | WEIR_POST, .handler = show },
	{ .path = "/receive", .methods = WEIR_POST, .handler = receive, .stream_body = true, .body_limit = LARGE },
	{ .path = "/receive/loop",
	  .methods = WEIR_POST,
	  .handler = receive,
	  .stream_body = true,
	  .body_limit = LARGE,
	  .nonblocking = true },
	{ .path = "/ignore", .methods = WEIR_POST, .handler = ignore, .stream_body = true, .body_limit = LARGE },
	{ .path = "/later", .handler = later, .nonblocking = true },
	{ .path = "/resumed", .handler = resumed },
	{ .path = "/broken", .handler = broken },
	{ 0 },
};

static const struct weir_app_options options = {
	.name = "cgi",
	.routes = routes,
	.log = &(const struct weir_log_options){ .level = WEIR_LOG_OFF },
	.locked = true,
};

static struct weir_app *app;

static int setup(void **state)
{
	char why[200];

	(void)state;
	for (size_t i = 0; i < LARGE; i++)
		large[i] = (char)(i % 251);
	return weir_app_create(&options, why, sizeof(why), &app) == WEIR_OK && weir_app_check(app) == WEIR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	weir_app_destroy(app);
	return 0;
}

static enum weir_status serve(int in_fd, int out_fd, char **environment)
{
	return weir_cgi_serve(weir_app_service(app), weir_clock_system(), in_fd, out_fd, environment);
}

/* -- A web server made of files -------------------------------------------------------------------------------------------- */

/* An unlinked file that holds `bytes`, at its beginning. */
static int file_with(struct weir_slice bytes)
{
	FILE *file = tmpfile();
	int fd;

	assert_non_null(file);
	assert_int_equal(fwrite(bytes.data, 1, bytes.len, file), bytes.len);
	assert_int_equal(fflush(file), 0);
	fd = dup(fileno(file));
	assert_true(fd >= 0);
	fclose(file);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Sends the request and leaves the answer in `answer`, terminated. What is left of the file behind the body goes to `*unread`. */
static enum weir_status send(char **environment, struct weir_slice body, size_t *unread)
{
	int in_fd = file_with(body);
	int out_fd = file_with(WEIR_SLICE_LITERAL(""));
	enum weir_status status = serve(in_fd, out_fd, environment);
	ssize_t len = pread(out_fd, answer, sizeof(answer) - 1, 0);

	assert_true(len >= 0);
	answer[len] = '\0';
	if (unread)
		*unread = body.len - (size_t)lseek(in_fd, 0, SEEK_CUR);
	close(in_fd);
	close(out_fd);
	return status;
}

#define ENVIRONMENT(...) ((char *[]){ __VA_ARGS__, NULL })

static void expect_answer(const char *status, const char *body)
{
	const char *end = strstr(answer, "\r\n\r\n");

	assert_memory_equal(answer, "Status: ", 8);
	assert_memory_equal(answer + 8, status, strlen(status));
	assert_non_null(end);
	if (body)
		assert_string_equal(end + 4, body);
}

static void test_cgi_reads_the_environment(void **state)
{
	(void)state;
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=GET", "SCRIPT_NAME=/cgi-bin/app", "PATH_INFO=/show", "QUERY_STRING=name=J%C3%BC",
					  "HTTP_ACCEPT_LANGUAGE=de", "REMOTE_ADDR=192.0.2.1", "PATH=/bin", "no equals sign", "EMPTY="),
			      WEIR_SLICE_LITERAL(""), NULL),
			 WEIR_OK);
	expect_answer("200 OK\r\n", "GET mount=/cgi-bin/app path=/show name=J\xc3\xbc accept=de address=192.0.2.1 length=0");
}

static void test_cgi_leaves_the_environment_alone(void **state)
{
	char method[] = "REQUEST_METHOD=GET";
	char uri[] = "REQUEST_URI=/a%2fb/../show?name=1";
	char accept[] = "HTTP_ACCEPT_LANGUAGE=de";

	(void)state;
	assert_int_equal(send(ENVIRONMENT(method, uri, accept), WEIR_SLICE_LITERAL(""), NULL), WEIR_OK);
	expect_answer("200 OK\r\n", "GET mount= path=/show name=1 accept=de address=- length=0");
	assert_string_equal(method, "REQUEST_METHOD=GET");
	assert_string_equal(uri, "REQUEST_URI=/a%2fb/../show?name=1");
	assert_string_equal(accept, "HTTP_ACCEPT_LANGUAGE=de");
}

static void test_cgi_is_mounted_without_path_info(void **state)
{
	(void)state;
	assert_int_equal(
		send(ENVIRONMENT("REQUEST_METHOD=GET", "SCRIPT_NAME=/app", "REQUEST_URI=/app/show?name="), WEIR_SLICE_LITERAL(""), NULL),
		WEIR_OK);
	expect_answer("200 OK\r\n", "GET mount=/app path=/show name= accept=- address=- length=0");
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=GET", "SCRIPT_NAME=/app", "REQUEST_URI=/app"), WEIR_SLICE_LITERAL(""), NULL),
			 WEIR_OK);
	expect_answer("404 Not Found\r\n", NULL);
}

static void test_cgi_reads_no_more_than_the_body(void **state)
{
	size_t unread;

	(void)state;
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=POST", "REQUEST_URI=/show?name=", "CONTENT_LENGTH=3"),
			      WEIR_SLICE_LITERAL("12345"), &unread),
			 WEIR_OK);
	expect_answer("200 OK\r\n", "POST mount= path=/show name= accept=- address=- length=3");
	assert_int_equal(unread, 2);
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=POST", "REQUEST_URI=/show?name=", "CONTENT_LENGTH="), WEIR_SLICE_LITERAL("12345"),
			      &unread),
			 WEIR_OK);
	expect_answer("200 OK\r\n", "POST mount= path=/show name= accept=- address=- length=0");
	assert_int_equal(unread, 5);
}

static void test_cgi_refuses_a_body_that_ends_early(void **state)
{
	(void)state;
	assert_int_equal(
		send(ENVIRONMENT("REQUEST_METHOD=POST", "REQUEST_URI=/show", "CONTENT_LENGTH=6"), WEIR_SLICE_LITERAL("12345"), NULL),
		WEIR_OK);
	expect_answer("400 Bad Request\r\n", NULL);
}

static void test_cgi_refuses_what_is_malformed(void **state)
{
	(void)state;
	assert_int_equal(send(ENVIRONMENT("REQUEST_URI=/show"), WEIR_SLICE_LITERAL(""), NULL), WEIR_OK);
	expect_answer("400 Bad Request\r\n", NULL);
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=POST", "REQUEST_URI=/show", "CONTENT_LENGTH=1e3"), WEIR_SLICE_LITERAL("1"), NULL),
			 WEIR_OK);
	expect_answer("400 Bad Request\r\n", NULL);
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=GET", "REQUEST_URI=/show", "HTTP_X_A=a\nb"), WEIR_SLICE_LITERAL(""), NULL),
			 WEIR_OK);
	expect_answer("400 Bad Request\r\n", NULL);
}

static void test_cgi_streams_bodies(void **state)
{
	(void)state;
	assert_int_equal(
		send(ENVIRONMENT("REQUEST_METHOD=POST", "REQUEST_URI=/receive", "CONTENT_LENGTH=2097152"), weir_slice(large, LARGE), NULL),
		WEIR_OK);
	expect_answer("200 OK\r\n", "2097152");
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=POST", "REQUEST_URI=/receive/loop", "CONTENT_LENGTH=2097152"),
			      weir_slice(large, LARGE), NULL),
			 WEIR_OK);
	expect_answer("200 OK\r\n", "2097152");
}

static void test_cgi_waits_for_time_and_threads(void **state)
{
	(void)state;
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=GET", "REQUEST_URI=/later"), WEIR_SLICE_LITERAL(""), NULL), WEIR_OK);
	expect_answer("200 OK\r\n", "later");
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=GET", "REQUEST_URI=/resumed"), WEIR_SLICE_LITERAL(""), NULL), WEIR_OK);
	expect_answer("200 OK\r\n", "resumed");
}

static void test_cgi_says_when_it_broke_off(void **state)
{
	int out[2];
	int in_fd = file_with(WEIR_SLICE_LITERAL(""));

	(void)state;
	assert_int_equal(send(ENVIRONMENT("REQUEST_METHOD=GET", "REQUEST_URI=/broken"), WEIR_SLICE_LITERAL(""), NULL), WEIR_ERR_IO);
	assert_int_equal(pipe(out), 0);
	close(out[0]);
	assert_int_equal(serve(in_fd, out[1], ENVIRONMENT("REQUEST_METHOD=GET", "REQUEST_URI=/show?name=")), WEIR_ERR_IO);
	close(out[1]);
	close(in_fd);
}

/* -- A web server made of pipes -------------------------------------------------------------------------------------------- */

struct pipes {
	int to_app[2];
	int from_app[2];
	size_t len;
};

/* Writes the whole body before it reads anything, as mod_cgi does. */
static void *write_then_read(void *argument)
{
	struct pipes *pipes = argument;
	ssize_t len;

	for (size_t at = 0; at < LARGE; at += (size_t)len) {
		len = write(pipes->to_app[1], large + at, LARGE - at);
		if (len <= 0)
			return NULL;
	}
	while ((len = read(pipes->from_app[0], answer + pipes->len, sizeof(answer) - pipes->len)) > 0)
		pipes->len += (size_t)len;
	return NULL;
}

static void expect_through_pipes(const char *uri, const char *status, size_t least)
{
	struct pipes pipes = { .len = 0 };
	pthread_t thread;

	assert_int_equal(pipe2(pipes.to_app, O_CLOEXEC), 0);
	assert_int_equal(pipe2(pipes.from_app, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&thread, NULL, write_then_read, &pipes), 0);
	assert_int_equal(serve(pipes.to_app[0], pipes.from_app[1],
			       ENVIRONMENT("REQUEST_METHOD=POST", (char *)(uintptr_t)uri, "CONTENT_LENGTH=2097152")),
			 WEIR_OK);
	close(pipes.to_app[0]);
	close(pipes.from_app[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(pipes.to_app[1]);
	close(pipes.from_app[0]);
	assert_memory_equal(answer + 8, status, 3);
	assert_true(pipes.len >= least);
}

static void test_cgi_takes_the_body_before_it_answers(void **state)
{
	(void)state;
	expect_through_pipes("REQUEST_URI=/ignore", "200", LARGE);
	expect_through_pipes("REQUEST_URI=/receive", "200", 7);
	expect_through_pipes("REQUEST_URI=/none", "404", 100);
	expect_through_pipes("REQUEST_URI=/show", "413", 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgi_reads_the_environment),
		cmocka_unit_test(test_cgi_leaves_the_environment_alone),
		cmocka_unit_test(test_cgi_is_mounted_without_path_info),
		cmocka_unit_test(test_cgi_reads_no_more_than_the_body),
		cmocka_unit_test(test_cgi_refuses_a_body_that_ends_early),
		cmocka_unit_test(test_cgi_refuses_what_is_malformed),
		cmocka_unit_test(test_cgi_streams_bodies),
		cmocka_unit_test(test_cgi_waits_for_time_and_threads),
		cmocka_unit_test(test_cgi_says_when_it_broke_off),
		cmocka_unit_test(test_cgi_takes_the_body_before_it_answers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
