/* SPDX-License-Identifier: Apache-2.0
 *
 * One FastCGI connection on the loop: bytes in, records to an exchange, its answer out, and a deadline for every phase of it.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "runtime/connection.h"

/* Calls kept for reuse; more are freed. */
#define SPARES_MAX 64

/* How long, and for how many bytes, a connection that will not be kept is read after its answer, so that the answer is not lost to a reset.
 */
#define LINGER_MS 2000
#define LINGER_BYTES ((size_t)1024 * 1024)

/* When the loop stops, a connection without a request has this long to bring one: the web server may be about to use it, and what it sends
 * on a connection that is closed under its hands may be lost. FastCGI has no way to say that a connection is about to close. */
#define LAST_REQUEST_MS 500

/* One second more for a body for every so many bytes. */
#define BODY_BYTES_A_SECOND 16384

/* -- Closing --------------------------------------------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct weir_connection *c = handle->data;

	weir_timer_remove(&c->loop->host.timers, &c->deadline);
	weir_list_remove(&c->link);
	if (!c->parted)
		c->loop->connection_count--;
	weir_buffer_finish(&c->replies);
	free(c);
}

void weir_connection_close(struct weir_connection *c)
{
	if (c->call && !c->call->started) { /* nobody knows of it yet */
		weir_fcgi_call_release(c->loop, c->call);
		c->call = NULL;
	}
	if (c->call && !c->lost) {
		c->lost = true;
		uv_read_stop(&c->handle.stream);
		weir_timer_clear(&c->deadline);
		weir_exchange_cancel(&c->call->exchange);
		return; /* the call may be over, and the connection closed */
	}
	if (c->call || c->closing)
		return;
	c->closing = true;
	weir_timer_clear(&c->deadline);
	uv_close(&c->handle.any, on_closed);
}

void weir_connection_set_deadline(struct weir_connection *c, enum weir_connection_phase phase, int64_t after_ms)
{
	c->phase = phase;
	if (after_ms < 0)
		weir_timer_clear(&c->deadline);
	else if (weir_timer_set(&c->loop->host.timers, &c->deadline, c->loop->host.now_ms + after_ms) != WEIR_OK)
		weir_connection_close(c);
}

void weir_connection_wait_to_send(struct weir_connection *c)
{
	c->unsent = uv_stream_get_write_queue_size(&c->handle.stream);
	weir_connection_set_deadline(c, PHASE_SEND, c->loop->options.deadlines.send_ms);
}

static void on_deadline(struct weir_timer *timer)
{
	struct weir_connection *c = timer->owner;

	switch (c->phase) {
	case PHASE_HEAD:
		weir_log_info(weir_connection_log(c), "a request was cut off: its head took too long");
		break;
	case PHASE_BODY:
		weir_log_info(weir_connection_log(c), "%s: the body took too long", weir_exchange_what(&c->call->exchange));
		weir_exchange_body_end(&c->call->exchange, WEIR_ERR_TIMEOUT);
		return;
	case PHASE_SEND:
		if (uv_stream_get_write_queue_size(&c->handle.stream) < c->unsent) {
			weir_connection_wait_to_send(c);
			return;
		}
		weir_log_info(weir_connection_log(c), "%s: the web server stopped taking the answer",
			      weir_exchange_what(&c->call->exchange));
		break;
	case PHASE_IDLE:
		if (!c->loop->host.stopping)
			weir_log_info(weir_connection_log(c), "an idle connection was closed");
		break;
	default:
		break;
	}
	weir_connection_close(c);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------- */

void weir_fcgi_call_release(struct weir_loop *loop, struct weir_fcgi_call *call)
{
	bool keep = loop->spare_count < SPARES_MAX;

	weir_exchange_finish(&call->exchange, !keep);
	if (!keep) {
		free(call);
		return;
	}
	call->next = loop->spare;
	loop->spare = call;
	loop->spare_count++;
}

void weir_connection_free_spares(struct weir_loop *loop)
{
	while (loop->spare) {
		struct weir_fcgi_call *call = loop->spare;

		loop->spare = call->next;
		weir_pool_finish(&call->exchange.pool);
		free(call);
	}
}

static const struct weir_transport_ops transport_ops;

static struct weir_fcgi_call *take_call(struct weir_connection *c)
{
	struct weir_loop *loop = c->loop;
	struct weir_fcgi_call *call = loop->spare;

	if (call) {
		loop->spare = call->next;
		loop->spare_count--;
	} else {
		call = calloc(1, sizeof(*call));
		if (!call)
			return NULL;
		weir_pool_init(&call->exchange.pool, 0);
	}
	weir_exchange_init(&call->exchange, loop->options.service, &loop->host, &transport_ops, c);
	call->connection = c;
	call->params = NULL;
	call->params_len = call->params_capacity = 0;
	call->started = call->answered = call->last = call->writing = call->over = false;
	call->parts[0] = call->parts[1] = WEIR_SLICE_NONE;
	call->frame.count = 0;
	return call;
}

/* -- Receiving ------------------------------------------------------------------------------------------------------------- */

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer);

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct weir_connection *c = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(c->loop->read_buffer, sizeof(c->loop->read_buffer));
}

static void start_reading(struct weir_connection *c)
{
	if (c->reading || c->lost || c->closing)
		return;
	c->reading = true;
	if (uv_read_start(&c->handle.stream, on_alloc, on_read) != 0)
		weir_connection_close(c);
}

static void stop_reading(struct weir_connection *c)
{
	c->reading = false;
	uv_read_stop(&c->handle.stream);
}

static void set_body_deadline(struct weir_connection *c)
{
	int64_t limit_ms = c->loop->options.deadlines.body_ms;
	int64_t extra_ms = (int64_t)(c->call->exchange.body_received / BODY_BYTES_A_SECOND) * 1000;
	int64_t passed_ms = c->loop->host.now_ms - c->body_since_ms;

	weir_connection_set_deadline(c, PHASE_BODY,
				     limit_ms < 0                          ? -1
				     : limit_ms + extra_ms - passed_ms > 0 ? limit_ms + extra_ms - passed_ms
									   : 0);
}

static void transport_read_on(struct weir_exchange *exchange)
{
	struct weir_fcgi_call *call = weir_fcgi_call_of(exchange);
	struct weir_connection *c = call->connection;

	if (c->reading || exchange->body_ended)
		return;
	c->body_since_ms = c->loop->host.now_ms - (int64_t)(exchange->body_received / BODY_BYTES_A_SECOND) * 1000;
	set_body_deadline(c);
	start_reading(c);
}

static void begin(struct weir_connection *c, const struct weir_fcgi_event *event)
{
	c->call = take_call(c);
	if (!c->call) {
		weir_log_error(weir_connection_log(c), "a request was dropped: out of memory");
		c->lost = true;
		return;
	}
	c->call->id = event->id;
	c->call->keep = event->keep;
	c->aborted = false;
	weir_connection_set_deadline(c, PHASE_HEAD, c->loop->options.deadlines.head_ms);
}

static void head_complete(struct weir_connection *c)
{
	struct weir_fcgi_call *call = c->call;

	c->body_since_ms = c->loop->host.now_ms;
	weir_connection_set_deadline(c, PHASE_BODY, c->loop->options.deadlines.body_ms);
	weir_fcgi_call_read_params(call);
	call->started = true;
	weir_exchange_start(&call->exchange);
}

static void body_complete(struct weir_connection *c)
{
	if (c->phase == PHASE_BODY) { /* else the answer is on its way already, and the deadline is that of its sending */
		weir_timer_clear(&c->deadline);
		c->phase = PHASE_ANSWER;
	}
	weir_exchange_body_end(&c->call->exchange, WEIR_END);
}

static void body_bytes(struct weir_connection *c, struct weir_slice bytes)
{
	enum weir_status status = weir_exchange_body(&c->call->exchange, bytes);

	if (!c->call || c->phase != PHASE_BODY)
		return;
	if (status == WEIR_BUSY) {
		stop_reading(c);
		weir_timer_clear(&c->deadline); /* the time is the handler's now */
	} else {
		set_body_deadline(c);
	}
}

static void reply(struct weir_connection *c, const struct weir_fcgi_event *event)
{
	weir_buffer_append_slice(&c->replies, event->data);
	if (c->replies.overflowed) {
		weir_log_warn(weir_connection_log(c), "a connection was closed: too many management records");
		weir_connection_close(c);
		return;
	}
	weir_connection_flush_replies(c);
	if (!event->keep && !c->call)
		weir_connection_close(c);
	else if (!c->call)
		weir_connection_set_deadline(c, PHASE_IDLE, c->loop->options.deadlines.idle_ms);
}

/* The web server took its request back: the client is gone, but the connection may live on. */
static void take_back(struct weir_connection *c)
{
	c->aborted = true;
	weir_timer_clear(&c->deadline);
	if (!c->call->started) {
		transport_ops.done(&c->call->exchange, true);
		return;
	}
	c->phase = PHASE_ANSWER;
	weir_exchange_cancel(&c->call->exchange);
}

static void on_event(struct weir_connection *c, const struct weir_fcgi_event *event)
{
	switch (event->type) {
	case WEIR_FCGI_BEGIN:
		begin(c, event);
		break;
	case WEIR_FCGI_PARAMS:
		weir_fcgi_call_add_params(c->call, event->data);
		break;
	case WEIR_FCGI_PARAMS_END:
		head_complete(c);
		break;
	case WEIR_FCGI_STDIN:
		body_bytes(c, event->data);
		break;
	case WEIR_FCGI_STDIN_END:
		body_complete(c);
		break;
	case WEIR_FCGI_ABORT:
		take_back(c);
		break;
	case WEIR_FCGI_REPLY:
		reply(c, event);
		break;
	case WEIR_FCGI_BROKEN:
		weir_log_warn(weir_connection_log(c), "a connection was closed: %s", event->why);
		weir_connection_close(c);
		break;
	case WEIR_FCGI_NEED_MORE:
		break;
	}
}

static void become_idle(struct weir_connection *c)
{
	if (c->loop->host.stopping)
		weir_connection_close(c);
	else
		weir_connection_set_deadline(c, PHASE_IDLE, c->loop->options.deadlines.idle_ms);
}

static void feed(struct weir_connection *c, struct weir_slice input)
{
	struct weir_fcgi_event event;

	if (c->phase == PHASE_IDLE)
		weir_connection_set_deadline(c, PHASE_HEAD, c->loop->options.deadlines.head_ms);
	do {
		weir_fcgi_decode(&c->decoder, &input, &event);
		on_event(c, &event);
	} while (event.type != WEIR_FCGI_NEED_MORE && event.type != WEIR_FCGI_BROKEN && !c->lost && !c->closing &&
		 c->phase != PHASE_LINGER);
	if (c->lost && !c->call)
		weir_connection_close(c);
	else if (c->phase == PHASE_HEAD && !c->call && weir_fcgi_decoder_is_between_records(&c->decoder))
		become_idle(c); /* that was the rest of a request which had been answered early */
}

/* Closing takes longer than noticing, and a herd that has been answered goes all at once. */
static void close_soon(struct weir_connection *c)
{
	c->lost = true;
	stop_reading(c);
	weir_timer_clear(&c->deadline);
	weir_list_remove(&c->link);
	weir_list_push_back(&c->loop->parting, &c->link);
	c->parted = true;
	c->loop->connection_count--;
}

void weir_connection_part(struct weir_list *link)
{
	weir_connection_close(WEIR_CONTAINER_OF(link, struct weir_connection, link));
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
	struct weir_connection *c = stream->data;

	weir_loop_update_time(c->loop);
	if (len < 0 && !c->call) {
		close_soon(c);
	} else if (len < 0) {
		weir_connection_close(c);
	} else if (len > 0 && c->phase != PHASE_LINGER) {
		feed(c, weir_slice(buffer->base, (size_t)len));
	}
}

/* -- The end of a call ----------------------------------------------------------------------------------------------------- */

/* Ends a request that was taken back with an answer of no bytes, so that the connection may be used again. */
static void acknowledge_abort(struct weir_connection *c, struct weir_fcgi_call *call)
{
	call->parts[0] = call->parts[1] = WEIR_SLICE_NONE;
	call->last = true;
	if (weir_fcgi_call_push(call) != WEIR_OK)
		c->lost = true; /* a peer that does not even take this */
}

/* The answer is out, but closing now with unread bytes would make the kernel reset the connection and lose it (RFC 9112 section 9.6 has the
 * same for HTTP). */
static void linger(struct weir_connection *c)
{
	uv_os_fd_t fd;

	if (uv_fileno(&c->handle.any, &fd) == 0)
		shutdown(fd, SHUT_WR);
	weir_connection_set_deadline(c, PHASE_LINGER, LINGER_MS);
	start_reading(c);
}

static void transport_done(struct weir_exchange *exchange, bool complete)
{
	struct weir_fcgi_call *call = weir_fcgi_call_of(exchange);
	struct weir_connection *c = call->connection;
	bool body_ended = exchange->body_ended && exchange->body_failed == WEIR_OK;
	bool keep = call->keep && !c->loop->host.stopping;

	if (c->aborted && !c->lost && !exchange->head_sent && !call->writing) {
		acknowledge_abort(c, call);
		complete = !c->lost;
	}
	c->call = NULL;
	weir_fcgi_decoder_finished(&c->decoder);
	if (call->writing) { /* libuv still holds the bytes, until the handle is closed */
		call->over = true;
		c->closing = true;
		weir_timer_clear(&c->deadline);
		uv_close(&c->handle.any, on_closed);
		return;
	}
	weir_fcgi_call_release(c->loop, call);
	if (!complete || c->lost) {
		weir_connection_close(c);
	} else if (keep) {
		weir_connection_set_deadline(c, PHASE_IDLE, c->loop->options.deadlines.idle_ms);
		start_reading(c);
	} else if (body_ended) {
		weir_connection_close(c);
	} else {
		linger(c);
	}
}

static const struct weir_transport_ops transport_ops = {
	.send = weir_fcgi_call_send,
	.read_on = transport_read_on,
	.done = transport_done,
};

/* -- The connection as a whole --------------------------------------------------------------------------------------------- */

/* Replies to management records that may wait for the end of a frame. */
#define REPLIES_MAX 4096

bool weir_connection_accept(struct weir_loop *loop, uv_stream_t *listener, bool is_tcp)
{
	struct weir_connection *c = calloc(1, sizeof(*c));
	int failed;

	if (!c)
		return false;
	failed = is_tcp ? uv_tcp_init(&loop->uv, &c->handle.tcp) : uv_pipe_init(&loop->uv, &c->handle.pipe, 0);
	if (failed) {
		free(c);
		return false;
	}
	c->loop = loop;
	c->handle.any.data = c;
	c->decoder.max_conns = (uint32_t)loop->options.connections;
	c->decoder.max_reqs = (uint32_t)loop->options.connections;
	weir_buffer_init(&c->replies, REPLIES_MAX);
	weir_list_init(&c->link);
	weir_timer_init(&c->deadline, on_deadline, c);
	weir_list_push_back(&loop->connections, &c->link);
	loop->connection_count++;
	failed = uv_accept(listener, &c->handle.stream);
	if (failed || loop->connection_count > loop->options.connections || loop->host.stopping) {
		if (loop->connection_count > loop->options.connections)
			weir_log_warn(weir_connection_log(c), "a connection was closed: %zu are open already", loop->options.connections);
		weir_connection_close(c);
		return true;
	}
	if (is_tcp)
		uv_tcp_nodelay(&c->handle.tcp, 1);
	weir_connection_set_deadline(c, PHASE_IDLE, loop->options.deadlines.idle_ms);
	start_reading(c);
	return true;
}

void weir_connection_stop(struct weir_list *link)
{
	struct weir_connection *c = WEIR_CONTAINER_OF(link, struct weir_connection, link);

	if (c->phase == PHASE_IDLE)
		weir_connection_set_deadline(c, PHASE_IDLE, LAST_REQUEST_MS);
}

void weir_connection_end(struct weir_list *link, bool hard)
{
	struct weir_connection *c = WEIR_CONTAINER_OF(link, struct weir_connection, link);

	if (hard || !c->call)
		weir_connection_close(c);
	else
		weir_exchange_stop(&c->call->exchange);
}
