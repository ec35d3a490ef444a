/* SPDX-License-Identifier: Apache-2.0
 *
 * libfcgi as a transport. Its calls block, so each connection has a thread for as long as its request takes; the exchange is run by the
 * loop like any other (runtime/turns.h).
 *
 * What libfcgi 2.4 does not do well is kept from it: a connection begins with BEGIN_REQUEST or is closed, since management records overrun
 * the library's stack; bodies are read to their end and connections never kept, since it takes what is left of one for the next request.
 * But deadlines hold for each read and write alone, the size of a head is checked when it is in memory, and a record for management inside
 * a request still reaches the library: this transport is for sockets that only a web server can reach.
 */
#include "runtime/libfcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/fcgx.h"
#include "runtime/loop.h"
#include "runtime/turns.h"

/* Bytes of a body for one turn of thread and loop. */
#define PIECE_SIZE 32768

/* FCGX_PutStr counts in int. */
#define PUT_MAX ((size_t)1 << 20)

/* When there are no descriptors left, there may be later. */
#define RETRY_MS 100

/* After the drain deadline, what still runs gets this long to send its 503. */
#define LAST_MS 400

const bool weir_has_libfcgi = true;

struct worker {
	struct weir_libfcgi *libfcgi;
	pthread_t thread;
	struct weir_turns turns;
	struct weir_message ended;
	FCGX_Request request;
	char piece[PIECE_SIZE];
};

struct weir_libfcgi {
	struct weir_fcgx fcgx;
	struct weir_loop *loop;
	int listen_fd;
	int stop_read; /* ends when the loop stops: every thread polls it */
	int stop_write;
	struct weir_timer drain;
	bool left; /* the second time the drain timer fires */
	size_t count;
	struct worker *workers;
};

/* -- The loop's side ------------------------------------------------------------------------------------------------------- */

static void on_ended(struct weir_message *message)
{
	struct worker *w = WEIR_CONTAINER_OF(message, struct worker, ended);

	w->libfcgi->loop->holds--;
}

/* Twice: what waits is answered 503, then clients are left. */
static void on_drain_deadline(struct weir_timer *timer)
{
	struct weir_libfcgi *libfcgi = timer->owner;
	struct weir_host *host = &libfcgi->loop->host;

	for (size_t i = 0; i < libfcgi->count; i++) {
		struct worker *w = &libfcgi->workers[i];

		if (!libfcgi->left) {
			weir_turns_stop(&w->turns);
		} else if (w->turns.active) {
			shutdown(w->request.ipcFd, SHUT_RDWR); /* wakes a thread that reads or writes */
			weir_turns_cancel(&w->turns);
		}
	}
	if (!libfcgi->left && weir_timer_set(&host->timers, timer, host->now_ms + LAST_MS) != WEIR_OK)
		return; /* the loop ends without waiting for the rest */
	libfcgi->left = true;
}

static void on_stop(void *state)
{
	struct weir_libfcgi *libfcgi = state;
	struct weir_host *host = &libfcgi->loop->host;
	int64_t drain_ms = libfcgi->loop->options.deadlines.drain_ms;

	close(libfcgi->stop_write);
	libfcgi->stop_write = -1;
	if (drain_ms >= 0 && weir_timer_set(&host->timers, &libfcgi->drain, host->now_ms + drain_ms) != WEIR_OK)
		on_drain_deadline(&libfcgi->drain);
}

/* -- The thread's side ----------------------------------------------------------------------------------------------------- */

static enum weir_status input_status(const struct worker *w)
{
	int error = w->libfcgi->fcgx.error(w->request.in);

	if (error == 0)
		return WEIR_END;
	return error == EAGAIN || error == EWOULDBLOCK ? WEIR_ERR_TIMEOUT : WEIR_ERR_CANCELLED;
}

/* Reads the body to its end, also when the exchange wants no more of it. */
static void read_body(struct worker *w, bool wanted)
{
	int len;

	while ((len = w->libfcgi->fcgx.get(w->piece, PIECE_SIZE, w->request.in)) > 0)
		if (wanted)
			wanted = weir_turns_piece(&w->turns, weir_slice(w->piece, (size_t)len));
	if (wanted)
		weir_turns_body_end(&w->turns, input_status(w));
}

static bool write_parts(struct worker *w)
{
	for (size_t i = 0; i < 2; i++) {
		struct weir_slice rest = w->turns.parts[i];

		while (rest.len > 0) {
			int len = (int)(rest.len < PUT_MAX ? rest.len : PUT_MAX);

			if (w->libfcgi->fcgx.put(rest.data, len, w->request.out) != len)
				return false;
			rest = weir_slice_from(rest, (size_t)len);
		}
	}
	return w->turns.last || w->libfcgi->fcgx.flush(w->request.out) == 0;
}

static void add_variables(struct worker *w)
{
	struct weir_exchange *exchange = &w->turns.exchange;
	size_t size = 0;

	for (char **pair = w->request.envp; *pair; pair++) {
		struct weir_slice value = weir_slice_text(*pair);
		struct weir_slice name = weir_slice_cut(&value, '=');

		size += name.len + value.len;
		if (size > exchange->service->limits.params)
			weir_exchange_refuse(exchange, 431, "the request's head is too large");
		else if (value.data)
			weir_exchange_add_variable(exchange, name, value);
	}
}

/* One request; true when it was answered. */
static bool serve(struct worker *w)
{
	struct weir_loop *loop = w->libfcgi->loop;

	weir_turns_prepare(&w->turns, loop->options.service, &loop->host);
	add_variables(w);
	read_body(w, weir_turns_start(&w->turns));
	while (weir_turns_wait_for_parts(&w->turns))
		weir_turns_written(&w->turns, write_parts(w) ? WEIR_OK : WEIR_ERR_CANCELLED);
	return w->turns.complete;
}

/* -- Connections ----------------------------------------------------------------------------------------------------------- */

static void set_timeout(int fd, int option, int64_t ms)
{
	struct timeval time = { 0 };

	if (ms > 0)
		time = (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000 };
	(void)setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

/* Waits until `fd` is readable; false at the timeout and when the loop stops before. */
static bool wait_readable(const struct weir_libfcgi *libfcgi, int fd, int64_t timeout_ms)
{
	struct pollfd fds[2] = { { .fd = fd, .events = POLLIN }, { .fd = libfcgi->stop_read, .events = POLLIN } };
	int timeout = timeout_ms < 0 ? -1 : timeout_ms > INT32_MAX ? INT32_MAX : (int)timeout_ms;

	return poll(fds, 2, timeout) > 0 && fds[0].revents;
}

static bool is_stopping(const struct weir_libfcgi *libfcgi)
{
	struct pollfd fds = { .fd = libfcgi->stop_read, .events = POLLIN };

	return poll(&fds, 1, 0) > 0;
}

/* Ends a request for another role than a responder's (FastCGI specification 1.0, section 5.5), which the library cannot say. */
static void refuse_role(int fd, const FCGI_Header *request)
{
	FCGI_EndRequestRecord end = {
		.header = {
			.version = FCGI_VERSION_1,
			.type = FCGI_END_REQUEST,
			.requestIdB1 = request->requestIdB1,
			.requestIdB0 = request->requestIdB0,
			.contentLengthB0 = sizeof(end.body),
		},
		.body = { .protocolStatus = FCGI_UNKNOWN_ROLE },
	};

	(void)send(fd, &end, sizeof(end), MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* What may be shown to the library: a connection that begins with a request. A first record that comes in pieces is no web server's. */
static bool begins_request(const struct weir_libfcgi *libfcgi, int fd)
{
	FCGI_BeginRequestRecord begin;
	const FCGI_Header *header = &begin.header;

	if (!wait_readable(libfcgi, fd, libfcgi->loop->options.deadlines.head_ms))
		return false;
	if (recv(fd, &begin, sizeof(begin), MSG_PEEK | MSG_DONTWAIT) != (ssize_t)sizeof(begin))
		return false;
	if (header->version != FCGI_VERSION_1 || header->type != FCGI_BEGIN_REQUEST || (!header->requestIdB1 && !header->requestIdB0))
		return false;
	if (begin.body.roleB1 == 0 && begin.body.roleB0 == FCGI_RESPONDER)
		return true;
	refuse_role(fd, header);
	return false;
}

static void serve_connection(struct worker *w, int fd)
{
	const struct weir_app_deadlines *deadlines = &w->libfcgi->loop->options.deadlines;
	FCGX_Request *request = &w->request;

	set_timeout(fd, SO_RCVTIMEO, deadlines->head_ms);
	set_timeout(fd, SO_SNDTIMEO, deadlines->send_ms);
	request->ipcFd = fd;
	request->keepConnection = 1; /* else accept begins with closing it */
	request->appStatus = 0;
	if (w->libfcgi->fcgx.accept(request) < 0)
		return; /* closed by the library */
	set_timeout(fd, SO_RCVTIMEO, deadlines->body_ms);
	if (!serve(w))
		shutdown(fd, SHUT_RDWR); /* before END_REQUEST, so that the web server sees a broken answer */
	request->keepConnection = 1;     /* else finish waits for the web server to close */
	w->libfcgi->fcgx.finish(request);
	if (request->ipcFd >= 0)
		close(fd);
	request->ipcFd = -1;
}

static void *work(void *argument)
{
	struct worker *w = argument;
	struct weir_libfcgi *libfcgi = w->libfcgi;
	int on = 1;

	while (wait_readable(libfcgi, libfcgi->listen_fd, -1) && !is_stopping(libfcgi)) {
		int fd = accept4(libfcgi->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0 && errno != EAGAIN) /* else another thread was faster */
			(void)wait_readable(libfcgi, -1, RETRY_MS);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (begins_request(libfcgi, fd))
			serve_connection(w, fd);
		else
			close(fd);
	}
	libfcgi->loop->host.ops->post(&libfcgi->loop->host, &w->ended);
	return NULL;
}

/* -- Lifecycle ------------------------------------------------------------------------------------------------------------- */

/* FCGX_Init takes signals over that are the loop's. */
static bool init_library(const struct weir_fcgx *fcgx)
{
	static const int signals[] = { SIGPIPE, SIGUSR1, SIGTERM };
	struct sigaction before[3];
	int failed;

	for (size_t i = 0; i < 3; i++)
		sigaction(signals[i], NULL, &before[i]);
	failed = fcgx->init();
	for (size_t i = 0; i < 3; i++)
		sigaction(signals[i], &before[i], NULL);
	return failed == 0;
}

static bool start_worker(struct worker *w)
{
	weir_turns_init(&w->turns);
	w->ended.deliver = on_ended;
	w->libfcgi->fcgx.init_request(&w->request, -1, 0); /* -1: a request that is broken does not make it accept another by itself */
	w->request.ipcFd = -1;
	return pthread_create(&w->thread, NULL, work, w) == 0;
}

static void start_workers(struct weir_libfcgi *libfcgi, size_t threads)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; libfcgi->count < threads; libfcgi->count++) {
		libfcgi->workers[libfcgi->count].libfcgi = libfcgi;
		if (!start_worker(&libfcgi->workers[libfcgi->count]))
			break;
		libfcgi->loop->holds++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void destroy(struct weir_libfcgi *libfcgi)
{
	close(libfcgi->listen_fd);
	if (libfcgi->stop_read >= 0)
		close(libfcgi->stop_read);
	if (libfcgi->stop_write >= 0)
		close(libfcgi->stop_write);
	free(libfcgi->workers);
	free(libfcgi);
}

enum weir_status weir_libfcgi_start(struct weir_loop *loop, int fd, size_t threads, struct weir_libfcgi **libfcgi)
{
	struct weir_libfcgi *made = calloc(1, sizeof(*made));
	const char *missing = made ? weir_fcgx_load(&made->fcgx) : NULL;
	int stop[2] = { -1, -1 };

	*libfcgi = NULL;
	if (!made || missing) {
		if (missing)
			weir_log_error(loop->options.service->log, "libfcgi cannot be loaded: %s", missing);
		free(made);
		close(fd);
		return missing ? WEIR_ERR_UNSUPPORTED : WEIR_ERR_MEMORY;
	}
	made->workers = calloc(threads, sizeof(*made->workers));
	made->loop = loop;
	made->listen_fd = fd;
	made->stop_read = made->stop_write = -1;
	weir_timer_init(&made->drain, on_drain_deadline, made);
	if (made->workers && pipe2(stop, O_CLOEXEC) == 0) {
		made->stop_read = stop[0];
		made->stop_write = stop[1];
		if (init_library(&made->fcgx) && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0)
			start_workers(made, threads);
	}
	if (made->count == 0) {
		destroy(made);
		return WEIR_ERR_MEMORY;
	}
	if (made->count < threads)
		weir_log_warn(loop->options.service->log, "only %zu of %zu threads could be started", made->count, threads);
	loop->options.on_stop = on_stop;
	loop->options.on_stop_state = made;
	*libfcgi = made;
	return WEIR_OK;
}

void weir_libfcgi_finish(struct weir_libfcgi *libfcgi)
{
	if (!libfcgi || libfcgi->loop->holds > 0)
		return; /* the loop gave up on threads that still use all this */
	for (size_t i = 0; i < libfcgi->count; i++) {
		pthread_join(libfcgi->workers[i].thread, NULL);
		weir_turns_finish(&libfcgi->workers[i].turns);
	}
	weir_timer_remove(&libfcgi->loop->host.timers, &libfcgi->drain);
	destroy(libfcgi);
}
