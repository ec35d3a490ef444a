/* SPDX-License-Identifier: Apache-2.0
 *
 * weir's FastCGI codec against the reference implementation: the same bytes give the same parameters and the same body, and the same answer
 * arrives the same way. libfcgi runs for real, on one end of a socket pair; a thread is the web server on the other.
 *
 * The empty records that end a stream have no padding here: libfcgi 2.4.2 forgets such padding and reads it as the next header. test_fcgi
 * has them with padding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcgiapp.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/fcgi_frame.h"
#include "support/fcgi_client.h"

#define PARAMS_MAX 40
#define ROUNDS 300

/* One request, as somebody has understood it: `env` is name=value strings, each with its zero byte. */
struct exchange {
	struct weir_buffer env;
	struct weir_buffer body;
};

static void exchange_finish(struct exchange *exchange)
{
	weir_buffer_finish(&exchange->env);
	weir_buffer_finish(&exchange->body);
}

struct web_server {
	int fd;
	struct weir_slice request;
	struct weir_buffer answer;
};

/* Sends the request, then reads until the application closes. */
static void *run_web_server(void *arg)
{
	struct web_server *server = arg;
	char bytes[4096];
	ssize_t n = 0;

	while (server->request.len > 0 && (n = write(server->fd, server->request.data, server->request.len)) > 0)
		server->request = weir_slice_from(server->request, (size_t)n);
	while ((n = read(server->fd, bytes, sizeof(bytes))) > 0)
		weir_buffer_append(&server->answer, bytes, (size_t)n);
	return NULL;
}

/* An application on libfcgi: notes what it gets and sends the body back. */
static void serve_with_libfcgi(int fd, struct exchange *seen)
{
	FCGX_Request request;
	char bytes[1000];
	int n;

	assert_int_equal(FCGX_InitRequest(&request, -1, 0), 0);
	request.ipcFd = fd;
	request.keepConnection = 1; /* or FCGX_Accept_r begins by closing it */
	assert_int_equal(FCGX_Accept_r(&request), 0);
	assert_string_equal(request.envp[0], "FCGI_ROLE=RESPONDER"); /* its own addition */
	for (char **env = request.envp + 1; *env; env++)
		weir_buffer_append(&seen->env, *env, strlen(*env) + 1);
	while ((n = FCGX_GetStr(bytes, sizeof(bytes), request.in)) > 0)
		weir_buffer_append(&seen->body, bytes, (size_t)n);
	assert_int_equal(FCGX_PutStr(seen->body.data, (int)seen->body.len, request.out), (int)seen->body.len);
	request.keepConnection = 1;
	FCGX_Finish_r(&request);
	close(request.ipcFd);
}

static void ask_libfcgi(struct weir_slice request, struct exchange *seen, struct weir_buffer *answer)
{
	struct web_server server = { .request = request };
	pthread_t thread;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	server.fd = ends[0];
	assert_int_equal(pthread_create(&thread, NULL, run_web_server, &server), 0);
	serve_with_libfcgi(ends[1], seen);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(ends[0]);
	*answer = server.answer;
}

static void note_pairs(struct weir_slice pairs, struct weir_buffer *env)
{
	struct weir_slice name, value;
	enum weir_status st;

	while ((st = weir_fcgi_pairs_next(&pairs, &name, &value)) == WEIR_OK) {
		weir_buffer_append_slice(env, name);
		weir_buffer_append_byte(env, '=');
		weir_buffer_append_slice(env, value);
		weir_buffer_append_byte(env, '\0');
	}
	assert_int_equal(st, WEIR_END);
}

static void ask_weir(struct weir_slice request, struct exchange *seen, struct weir_buffer *answer)
{
	struct weir_fcgi_decoder decoder = { 0 };
	struct weir_fcgi_event event;
	struct weir_buffer pairs = { 0 };
	struct weir_fcgi_frame frame;
	struct weir_slice body;

	do {
		weir_fcgi_decode(&decoder, &request, &event);
		assert_true(event.type >= WEIR_FCGI_BEGIN && event.type <= WEIR_FCGI_STDIN_END);
		if (event.type == WEIR_FCGI_PARAMS)
			weir_buffer_append_slice(&pairs, event.data);
		else if (event.type == WEIR_FCGI_STDIN)
			weir_buffer_append_slice(&seen->body, event.data);
	} while (event.type != WEIR_FCGI_STDIN_END);
	note_pairs(weir_buffer_slice(&pairs), &seen->env);
	weir_buffer_finish(&pairs);

	body = weir_buffer_slice(&seen->body);
	assert_int_equal(weir_fcgi_frame_fill(&frame, event.id, &body, 1), body.len);
	weir_fcgi_frame_end(&frame, event.id, 0);
	for (unsigned i = 0; i < frame.count; i++)
		weir_buffer_append(answer, frame.iov[i].iov_base, frame.iov[i].iov_len);
}

static void expect_answer(const struct weir_buffer *answer, uint16_t id, struct weir_slice body)
{
	struct fcgi_client_response response = { 0 };
	struct weir_slice rest = weir_buffer_slice(answer);

	assert_int_equal(fcgi_client_response_read(&response, &rest), WEIR_OK);
	assert_int_equal(rest.len, 0);
	assert_int_equal(response.id, id);
	assert_int_equal(response.app_status, 0);
	assert_int_equal(response.protocol_status, 0);
	assert_int_equal(response.err.len, 0);
	assert_true(weir_slice_equal(weir_buffer_slice(&response.out), body));
	fcgi_client_response_finish(&response);
}

static void expect_same_exchange(const struct fcgi_client_request *request, struct fcgi_client_cut *cut)
{
	struct weir_buffer stream = { 0 }, answers[2] = { { 0 }, { 0 } };
	struct exchange libfcgi = { 0 }, weir = { 0 };

	fcgi_client_request(&stream, request, cut);
	assert_false(stream.overflowed);
	ask_libfcgi(weir_buffer_slice(&stream), &libfcgi, &answers[0]);
	ask_weir(weir_buffer_slice(&stream), &weir, &answers[1]);
	assert_true(weir_slice_equal(weir_buffer_slice(&weir.env), weir_buffer_slice(&libfcgi.env)));
	assert_true(weir_slice_equal(weir_buffer_slice(&weir.body), weir_buffer_slice(&libfcgi.body)));
	assert_true(weir_slice_equal(weir_buffer_slice(&weir.body), request->body));
	expect_answer(&answers[0], request->id, request->body);
	expect_answer(&answers[1], request->id, request->body);
	exchange_finish(&libfcgi);
	exchange_finish(&weir);
	weir_buffer_finish(&answers[0]);
	weir_buffer_finish(&answers[1]);
	weir_buffer_finish(&stream);
}

/* Bytes from 1 to 255: libfcgi ends strings at a zero byte. */
static char text[100000];

static struct weir_slice some_text(uint32_t *seed, uint32_t max)
{
	uint32_t len = fcgi_client_random(seed, max + 1) - 1;

	return weir_slice(text + fcgi_client_random(seed, (uint32_t)sizeof(text) - len) - 1, len);
}

static void test_fcgi_oracle_agrees_on_random_requests(void **state)
{
	static const uint16_t record_max[] = { 1, 7, 100, 8192, 0 };
	struct fcgi_client_param params[PARAMS_MAX];
	uint32_t seed = 20261122, long_value;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)fcgi_client_random(&seed, 255);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct fcgi_client_cut cut = { .record_max = record_max[round % 5], .seed = round % 3 ? seed : 0, .bare_end = true };
		struct fcgi_client_request request = { .id = (uint16_t)fcgi_client_random(&seed, 65535), .params = params };

		long_value = round % 5 > 2 ? 70000 : 200;
		cut.padding = (uint8_t)(fcgi_client_random(&seed, 256) - 1);
		request.keep = round % 2;
		request.param_count = fcgi_client_random(&seed, PARAMS_MAX + 1) - 1;
		for (size_t i = 0; i < request.param_count; i++)
			params[i] = (struct fcgi_client_param){ some_text(&seed, 200), some_text(&seed, i == 3 ? long_value : 200) };
		request.body = some_text(&seed, round % 5 > 2 ? 90000 : 2000);
		expect_same_exchange(&request, &cut);
	}
}

static int init_libfcgi(void **state)
{
	(void)state;
	return FCGX_Init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fcgi_oracle_agrees_on_random_requests),
	};

	return cmocka_run_group_tests(tests, init_libfcgi, NULL);
}
