/* SPDX-License-Identifier: Apache-2.0
 *
 * How connections come and go: a few in each round, between the requests of others.
 */
#include <stdlib.h>

#include "runtime/loop.h"

/* Ten thousand that come at once are let in little by little. They are let go of in the same way, and no slower than they come. */
#define ACCEPTS_PER_ROUND 16
#define PARTINGS_PER_ROUND ACCEPTS_PER_ROUND

struct listener {
	union {
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} handle;
	struct weir_list link;
	struct weir_loop *loop;
	bool is_tcp;
	bool waiting; /* libuv holds a connection that this round has no room for, and looks for no others meanwhile */
};

/* -- Each round ------------------------------------------------------------------------------------------------------------ */

static void accept_waiting(struct weir_loop *loop)
{
	loop->accepts_left = ACCEPTS_PER_ROUND;
	for (struct weir_list *at = loop->listeners.next; at != &loop->listeners; at = at->next) {
		struct listener *listener = WEIR_CONTAINER_OF(at, struct listener, link);

		if (!listener->waiting || uv_is_closing((uv_handle_t *)&listener->handle))
			continue;
		listener->waiting = false;
		loop->accepts_left--;
		listener->waiting = !weir_connection_accept(loop, &listener->handle.stream, listener->is_tcp);
	}
}

void weir_loop_come_and_go(struct weir_loop *loop)
{
	struct weir_list *link;

	for (int i = 0; i < PARTINGS_PER_ROUND && (link = weir_list_pop_front(&loop->parting)); i++)
		weir_connection_part(link);
	accept_waiting(loop);
}

/* -- Listening ------------------------------------------------------------------------------------------------------------- */

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	weir_list_remove(&listener->link);
	free(listener);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *listener = stream->data;

	weir_loop_update_time(listener->loop);
	if (status < 0)
		weir_log_warn(listener->loop->options.service->log, "accepting a connection failed: %s", uv_strerror(status));
	else
		listener->waiting =
			listener->loop->accepts_left-- <= 0 || !weir_connection_accept(listener->loop, stream, listener->is_tcp);
}

enum weir_status weir_loop_listen(struct weir_loop *loop, int fd, bool is_tcp)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int failed;

	if (!listener)
		return WEIR_ERR_MEMORY;
	listener->loop = loop;
	listener->is_tcp = is_tcp;
	if (is_tcp)
		failed = uv_tcp_init(&loop->uv, &listener->handle.tcp);
	else
		failed = uv_pipe_init(&loop->uv, &listener->handle.pipe, 0);
	if (failed) {
		free(listener);
		return WEIR_ERR_IO;
	}
	listener->handle.stream.data = listener;
	weir_list_init(&listener->link);
	weir_list_push_back(&loop->listeners, &listener->link);
	failed = is_tcp ? uv_tcp_open(&listener->handle.tcp, fd) : uv_pipe_open(&listener->handle.pipe, fd);
	if (!failed)
		failed = uv_listen(&listener->handle.stream, 4096, on_connection);
	if (!failed)
		return WEIR_OK;
	weir_log_error(loop->options.service->log, "listening failed: %s", uv_strerror(failed));
	uv_close((uv_handle_t *)&listener->handle, on_listener_closed);
	return WEIR_ERR_IO;
}

void weir_loop_close_listeners(struct weir_loop *loop)
{
	for (struct weir_list *at = loop->listeners.next; at != &loop->listeners; at = at->next)
		uv_close((uv_handle_t *)&WEIR_CONTAINER_OF(at, struct listener, link)->handle, on_listener_closed);
}
