/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a FastCGI connection on the loop, for the files it is made of: connection.c (life, deadlines, what arrives),
 * connection_params.c (params to a request), connection_send.c (answers to records).
 *
 * An idle connection holds `struct weir_connection` and nothing else. What a request needs, the call, is taken from the loop's spares when
 * it begins and given back when it is over. While a call is there, the connection stays, even when its client has gone. A peer that closes
 * its side, or half of it, is taken to be gone: web servers do that when their client is.
 */
#ifndef WEIR_RUNTIME_CONNECTION_H
#define WEIR_RUNTIME_CONNECTION_H

#include "runtime/fcgi.h"
#include "runtime/fcgi_frame.h"
#include "runtime/loop.h"

enum weir_connection_phase {
	PHASE_IDLE,
	PHASE_HEAD, /* the params are coming */
	PHASE_BODY,
	PHASE_ANSWER, /* the body is there: the time is the handler's */
	PHASE_SEND,   /* the web server does not take what is there for it */
	PHASE_LINGER,
};

struct weir_connection {
	union {
		uv_handle_t any;
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} handle;
	struct weir_loop *loop;
	struct weir_list link;
	struct weir_fcgi_call *call; /* the request that is being answered; NULL: none */
	struct weir_timer deadline;
	struct weir_buffer replies; /* to management records, waiting for the end of a frame */
	int64_t body_since_ms;
	size_t unsent; /* what libuv still had to write when the deadline for sending was set */
	enum weir_connection_phase phase;
	bool reading;
	bool lost; /* nothing more comes and nothing can be sent */
	bool closing;
	bool parted;  /* its peer has gone, and it counts no more */
	bool aborted; /* the web server took its request back */
	struct weir_fcgi_decoder decoder;
};

struct weir_fcgi_call {
	struct weir_exchange exchange;
	struct weir_connection *connection;
	struct weir_fcgi_call *next;
	char *params; /* in the exchange's pool */
	size_t params_len;
	size_t params_capacity;
	uint16_t id;
	bool keep;
	bool started;               /* the exchange runs, and says itself when it is over */
	bool answered;              /* END_REQUEST is in the frame or out */
	bool last;                  /* the parts are the end of the answer */
	bool writing;               /* libuv has the frame */
	bool over;                  /* the exchange is done; on_written gives the call back */
	struct weir_slice parts[2]; /* what is not in the frame yet */
	uv_write_t write;
	struct weir_fcgi_frame frame;
};

static inline struct weir_log *weir_connection_log(const struct weir_connection *connection)
{
	return connection->loop->options.service->log;
}

static inline struct weir_fcgi_call *weir_fcgi_call_of(struct weir_exchange *exchange)
{
	return WEIR_CONTAINER_OF(exchange, struct weir_fcgi_call, exchange);
}

/* Closes now, or when the call is over. */
void weir_connection_close(struct weir_connection *connection);

/* The connection is in this phase from now on, and has so long for it; negative: as long as it likes. */
void weir_connection_set_deadline(struct weir_connection *connection, enum weir_connection_phase phase, int64_t after_ms);

/* The deadline for sending starts now. Bytes that are taken until then start it again. */
void weir_connection_wait_to_send(struct weir_connection *connection);

void weir_fcgi_call_release(struct weir_loop *loop, struct weir_fcgi_call *call);

/* -- connection_params.c */

/* The next bytes of the params; what is over the limit makes the request a 431. */
void weir_fcgi_call_add_params(struct weir_fcgi_call *call, struct weir_slice bytes);

/* All params are there: they become the request's variables, or a refusal. */
void weir_fcgi_call_read_params(struct weir_fcgi_call *call);

/* -- connection_send.c */

/* Writes as much of the call's parts as the socket takes. OK: all. PARKED: the rest follows by itself, and weir_exchange_sent() then.
 * Negative: the connection is lost. */
WEIR_MUST_CHECK enum weir_status weir_fcgi_call_push(struct weir_fcgi_call *call);

/* Sends the replies to management records, unless a frame is half out. */
void weir_connection_flush_replies(struct weir_connection *connection);

/* The transport's `send`. */
WEIR_MUST_CHECK enum weir_status weir_fcgi_call_send(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count,
						     bool last);

#endif
