/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers on their way out: framed as records, written at once as far as the socket takes them, the rest by libuv.
 */
#include "runtime/connection.h"

static void fill_frame(struct weir_fcgi_call *call)
{
	size_t covered = weir_fcgi_frame_fill(&call->frame, call->id, call->parts, 2);

	for (size_t i = 0; i < 2; i++) {
		size_t here = covered < call->parts[i].len ? covered : call->parts[i].len;

		call->parts[i] = weir_slice_from(call->parts[i], here);
		covered -= here;
	}
	if (call->last && call->parts[0].len == 0 && call->parts[1].len == 0) {
		weir_fcgi_frame_end(&call->frame, call->id, 0);
		call->answered = true;
	}
}

static unsigned frame_buffers(const struct weir_fcgi_frame *frame, uv_buf_t buffers[WEIR_FCGI_FRAME_IOVECS])
{
	for (unsigned i = 0; i < frame->count; i++)
		buffers[i] = uv_buf_init(frame->iov[frame->first + i].iov_base, (unsigned)frame->iov[frame->first + i].iov_len);
	return frame->count;
}

static void on_written(uv_write_t *write, int status);

enum weir_status weir_fcgi_call_push(struct weir_fcgi_call *call)
{
	struct weir_connection *c = call->connection;
	uv_buf_t buffers[WEIR_FCGI_FRAME_IOVECS];

	while (!c->lost && (call->frame.count > 0 || call->parts[0].len > 0 || call->parts[1].len > 0 || (call->last && !call->answered))) {
		int sent;

		if (call->frame.count == 0)
			fill_frame(call);
		sent = uv_try_write(&c->handle.stream, buffers, frame_buffers(&call->frame, buffers));
		if (sent >= 0) {
			weir_fcgi_frame_sent(&call->frame, (size_t)sent);
			continue;
		}
		if (sent != UV_EAGAIN || uv_write(&call->write, &c->handle.stream, buffers, call->frame.count, on_written) != 0)
			return WEIR_ERR_CANCELLED;
		call->writing = true;
		weir_connection_wait_to_send(c);
		return c->lost ? WEIR_ERR_CANCELLED : WEIR_PARKED;
	}
	return c->lost ? WEIR_ERR_CANCELLED : WEIR_OK;
}

void weir_connection_flush_replies(struct weir_connection *c)
{
	uv_buf_t buffer = uv_buf_init(c->replies.data, (unsigned)c->replies.len);

	if (c->replies.len == 0 || c->lost || (c->call && c->call->writing))
		return;
	/* A peer that asks and does not read the answers gets no patience. */
	if (uv_try_write(&c->handle.stream, &buffer, 1) != (int)c->replies.len)
		weir_connection_close(c);
	else
		weir_buffer_finish(&c->replies);
}

static void on_written(uv_write_t *write, int status)
{
	struct weir_fcgi_call *call = WEIR_CONTAINER_OF(write, struct weir_fcgi_call, write);
	struct weir_connection *c = call->connection;
	enum weir_status pushed = WEIR_ERR_CANCELLED;

	call->writing = false;
	if (call->over) { /* the exchange has ended meanwhile, and only waited for its bytes to be let go */
		weir_fcgi_call_release(c->loop, call);
		return;
	}
	weir_loop_update_time(c->loop);
	weir_timer_clear(&c->deadline);
	c->phase = PHASE_ANSWER;
	if (status == 0) {
		weir_fcgi_frame_sent(&call->frame, SIZE_MAX);
		pushed = weir_fcgi_call_push(call);
	}
	if (pushed == WEIR_PARKED)
		return;
	if (pushed < 0) {
		weir_connection_close(c);
		return;
	}
	weir_connection_flush_replies(c);
	weir_exchange_sent(&call->exchange);
}

enum weir_status weir_fcgi_call_send(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count, bool last)
{
	struct weir_fcgi_call *call = weir_fcgi_call_of(exchange);
	enum weir_status status;

	for (size_t i = 0; i < 2; i++)
		call->parts[i] = i < count ? parts[i] : WEIR_SLICE_NONE;
	call->last = last;
	status = weir_fcgi_call_push(call);
	if (status == WEIR_OK)
		weir_connection_flush_replies(call->connection);
	return status;
}
