/* SPDX-License-Identifier: Apache-2.0
 *
 * CGI as a transport on the inline host: the environment is the request's variables, two descriptors are its bodies. There is one exchange,
 * so reading and writing may simply block. What is made in the background is made once the answer is out, and its client does not wait.
 */
#include "runtime/cgi.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/inline_host.h"

#define READ_SIZE ((size_t)64 * 1024)

struct cgi {
	struct weir_exchange exchange;
	struct weir_inline_host host;
	int in_fd;
	int out_fd;
	uint64_t body_left; /* bytes that are still to be read from in_fd */
	bool over;
	bool complete;
	char buffer[READ_SIZE];
};

static struct cgi *cgi_of(struct weir_exchange *exchange)
{
	return exchange->peer;
}

/* -- The request body ------------------------------------------------------------------------------------------------------ */

/* The next piece, of at least one byte; the absent slice at the end, early or not. */
static struct weir_slice read_piece(struct cgi *cgi)
{
	size_t wanted = cgi->body_left < READ_SIZE ? (size_t)cgi->body_left : READ_SIZE;
	ssize_t len = 0;

	if (wanted > 0) {
		do
			len = read(cgi->in_fd, cgi->buffer, wanted);
		while (len < 0 && errno == EINTR);
	}
	if (len <= 0) {
		cgi->body_left = 0;
		return WEIR_SLICE_NONE;
	}
	cgi->body_left -= (uint64_t)len;
	return weir_slice(cgi->buffer, (size_t)len);
}

static void transport_fetch(struct weir_exchange *exchange)
{
	struct weir_slice piece = read_piece(cgi_of(exchange));

	if (piece.len > 0)
		(void)weir_exchange_body(exchange, piece); /* it may be full now: nobody fetches before it is empty */
	else
		weir_exchange_body_end(exchange, WEIR_END);
}

/* Pulled, never pushed: nothing had stopped. */
static void transport_read_on(struct weir_exchange *exchange)
{
	(void)exchange;
}

/* -- The answer ------------------------------------------------------------------------------------------------------------ */

/* The part of `parts` that lies behind the first `sent` bytes. */
static int parts_from(const struct weir_slice *parts, size_t count, size_t sent, struct iovec *iov)
{
	int used = 0;

	for (size_t i = 0; i < count; i++) {
		size_t skipped = sent < parts[i].len ? sent : parts[i].len;

		sent -= skipped;
		if (parts[i].len > skipped)
			iov[used++] = (struct iovec){ (char *)(uintptr_t)parts[i].data + skipped, parts[i].len - skipped };
	}
	return used;
}

static enum weir_status transport_send(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count, bool last)
{
	struct cgi *cgi = cgi_of(exchange);
	struct iovec iov[2];
	size_t sent = 0;
	int used;

	(void)last;
	while (read_piece(cgi).len > 0)
		;
	while ((used = parts_from(parts, count, sent, iov)) > 0) {
		ssize_t written = writev(cgi->out_fd, iov, used);

		if (written >= 0)
			sent += (size_t)written;
		else if (errno != EINTR)
			return WEIR_ERR_IO;
	}
	return WEIR_OK;
}

/* The web server sees the end of the answer although the process goes on. */
static void close_answer(struct cgi *cgi)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nowhere < 0)
		return;
	(void)dup2(nowhere, cgi->out_fd); /* the number stays taken: what a handler prints goes nowhere */
	close(nowhere);
}

static void transport_done(struct weir_exchange *exchange, bool complete)
{
	struct cgi *cgi = cgi_of(exchange);

	if (cgi->host.host.background_count > 0)
		close_answer(cgi);
	cgi->over = true;
	cgi->complete = complete;
	weir_exchange_finish(exchange, true);
}

static const struct weir_transport_ops transport_ops = {
	.send = transport_send,
	.read_on = transport_read_on,
	.fetch = transport_fetch,
	.done = transport_done,
};

/* -- The request ----------------------------------------------------------------------------------------------------------- */

static void add_variable(struct cgi *cgi, const char *pair)
{
	struct weir_exchange *exchange = &cgi->exchange;
	struct weir_slice value = weir_slice_text(weir_pool_dup_text(&exchange->pool, pair));
	struct weir_slice name = weir_slice_cut(&value, '=');

	if (!name.data)
		weir_exchange_refuse(exchange, 431, "the request's head is too large");
	else if (value.data)
		weir_exchange_add_variable(exchange, name, value);
}

/* What may be read of the body: as much as CONTENT_LENGTH says. A body that came in chunks has no such variable (RFC 3875 does not know
 * them): the web server has put it together again and ends it with the end of the input. */
static uint64_t body_length(const struct weir_request *req)
{
	struct weir_slice length = req->known[WEIR_VARIABLE_CONTENT_LENGTH];
	uint64_t bytes = 0;

	if (length.len == 0)
		return weir_fields_get(&req->fields, WEIR_SLICE_LITERAL("Transfer-Encoding")).data ? UINT64_MAX : 0;
	return weir_slice_to_u64(length, UINT64_MAX, &bytes) == WEIR_OK ? bytes : 0; /* the exchange refuses what is no number */
}

static void add_variables(struct cgi *cgi, char **environment)
{
	for (; *environment; environment++)
		add_variable(cgi, *environment);
	cgi->body_left = body_length(&cgi->exchange.req);
}

/* True when the exchange can go on only with more of the body. */
static bool wants_body(const struct weir_exchange *exchange)
{
	if (exchange->body_ended)
		return false;
	return exchange->parked == WEIR_PARKED_BODY || (exchange->parked == WEIR_PARKED_RESUME && exchange->wants_body);
}

static void run(struct cgi *cgi)
{
	weir_inline_host_run(&cgi->host);
	while (!cgi->over || cgi->host.host.background_count > 0) {
		if (!cgi->over && wants_body(&cgi->exchange)) {
			transport_fetch(&cgi->exchange);
		} else {
			int64_t next_ms = weir_inline_host_next_ms(&cgi->host);

			if (next_ms != WEIR_TIMER_NEVER)
				next_ms -= weir_clock_monotonic_ms(cgi->host.host.clock);
			(void)weir_inline_host_wait(&cgi->host, next_ms);
		}
		weir_inline_host_run(&cgi->host);
	}
}

enum weir_status weir_cgi_serve(const struct weir_service *service, const struct weir_clock *clock, int in_fd, int out_fd,
				char **environment)
{
	struct cgi *cgi = calloc(1, sizeof(*cgi));
	bool complete;

	if (!cgi)
		return WEIR_ERR_MEMORY;
	signal(SIGPIPE, SIG_IGN);
	cgi->in_fd = in_fd;
	cgi->out_fd = out_fd;
	weir_inline_host_init(&cgi->host, clock);
	cgi->host.host.calls_block = true;
	weir_pool_init(&cgi->exchange.pool, 0);
	weir_exchange_init(&cgi->exchange, service, &cgi->host.host, &transport_ops, cgi);
	cgi->exchange.req.script_mount = true;
	add_variables(cgi, environment);
	weir_exchange_start(&cgi->exchange);
	run(cgi);
	complete = cgi->complete;
	weir_inline_host_finish(&cgi->host);
	weir_pool_finish(&cgi->exchange.pool);
	free(cgi);
	return complete ? WEIR_OK : WEIR_ERR_IO;
}
