/* SPDX-License-Identifier: Apache-2.0
 *
 * One request with its response, its memory and its place in the chain, and the steps it moves through:
 *
 *     ROUTE -> READ -> ENTER[0..n) -> HANDLE -> LEAVE(n..0] -> SEND -> DONE
 *
 * ROUTE comes before READ because the route says how large a body may be and whether it is read at all before the handler runs. What is
 * refused (404, 405, 413, a malformed request …) takes all later steps with a built-in handler, so middleware sees every request.
 *
 * Every step runs on the host's loop, but handlers and sources that may block, which run in weir_exchange_call() on a handler thread while
 * the exchange is *out*: nobody else touches it then, but for the body's pipe and the `gone` mark. READ, ENTER, HANDLE and SEND may *park*:
 * the exchange then waits for exactly one of the events below.
 *
 * A transport makes exchanges, fills in the request, tells what arrives and sends what the exchange gives it. It learns by `done` that an
 * exchange is over, and only then finishes or reuses it.
 */
#ifndef WEIR_EXCHANGE_EXCHANGE_H
#define WEIR_EXCHANGE_EXCHANGE_H

#include <stdatomic.h>

#include <weir/limits.h>
#include <weir/middleware.h>

#include "base/list.h"
#include "base/pool.h"
#include "exchange/host.h"
#include "exchange/request.h"
#include "exchange/response.h"

struct weir_cache;
struct weir_exchange;

/* What all exchanges of an app share. It does not change while there is one. */
struct weir_service {
	struct weir_app *app;
	struct weir_cache *cache; /* NULL: there is none */
	struct weir_router *router;
	struct weir_middleware *const *chain;
	size_t chain_len;
	size_t state_size; /* of all middlewares together */
	struct weir_limits limits;
	struct weir_log *log;
};

struct weir_transport_ops {
	/* Sends head and body, or the next piece; with `last` the response ends here. OK: taken. PARKED: the bytes are still needed,
	 * weir_exchange_sent() will be called. Negative: the client is gone. */
	enum weir_status (*send)(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count, bool last);
	/* weir_exchange_body() said BUSY; now there is room again. */
	void (*read_on)(struct weir_exchange *exchange);
	/* Only for hosts without threads, else NULL: a handler waits for the body in weir_request_read(), so nobody else can receive it.
	 * Receives more of it, waiting if need be, and tells by weir_exchange_body() or weir_exchange_body_end(). */
	void (*fetch)(struct weir_exchange *exchange);
	/* It is over. When not complete, the client must be able to see that. The exchange belongs to the transport again. */
	void (*done)(struct weir_exchange *exchange, bool complete);
};

enum weir_step {
	WEIR_STEP_ROUTE,
	WEIR_STEP_READ,
	WEIR_STEP_ENTER,
	WEIR_STEP_HANDLE,
	WEIR_STEP_LEAVE,
	WEIR_STEP_SEND,
	WEIR_STEP_DONE,
};

/* What a parked exchange waits for. */
enum weir_parked {
	WEIR_PARKED_NOT,
	WEIR_PARKED_BODY,   /* READ: weir_exchange_body_end */
	WEIR_PARKED_WAIT,   /* weir_request_resume, the timeout or the client's leaving: whatever comes first */
	WEIR_PARKED_RESUME, /* weir_request_resume and nothing else */
	WEIR_PARKED_OUT,    /* weir_exchange_returned */
	WEIR_PARKED_SEND,   /* weir_exchange_sent */
	WEIR_PARKED_LAST,   /* DONE: a resume that is on its way, and must not find the exchange gone */
	WEIR_PARKED_READY,  /* its turn: the event has happened */
};

struct weir_exchange {
	struct weir_request req;
	struct weir_response res;
	struct weir_pool pool;
	const struct weir_service *service;
	struct weir_host *host;
	const struct weir_transport_ops *transport;
	void *peer;                 /* the transport's */
	struct weir_list link;      /* the host's ready list */
	struct weir_exchange *next; /* the host's queue of calls */

	enum weir_step step;
	_Atomic(enum weir_parked) parked; /* atomic, for weir_request_resume may look from any thread */
	size_t first;                     /* the middleware it begins at: those before it are left out */
	size_t entered;                   /* the first whose enter() has not said NEXT or ANSWERED yet */
	char *states;
	int refusal;            /* a built-in handler answers with this status; 0: the route's does */
	weir_handler_fn errand; /* runs on a handler thread in place of the route's handler (background.h); NULL: none */
	bool awaited;           /* by a handler thread, which can do nothing else meanwhile: it comes first */
	const char *refusal_detail;
	unsigned allowed; /* for 405 and OPTIONS */

	struct weir_message resumed;
	struct weir_message returned;
	struct weir_message drained;
	struct weir_timer wait_timer;
	int64_t wait_ms; /* asked for by weir_request_wait; negative: not */
	enum weir_wake wake;
	atomic_bool resume_posted; /* the message `resumed` is on its way */
	bool resumed_early;        /* resumed before the handler had returned PARKED */
	bool came_back;            /* from weir_exchange_call */
	enum weir_status call_status;
	struct weir_slice chunk; /* what the source gave */

	atomic_bool gone; /* the client has left */
	bool outlives;
	bool wants_body; /* a handler on the loop waits for the pipe */
	bool body_ended;
	enum weir_status body_failed;
	uint64_t body_received;
	size_t body_limit;

	unsigned pulls; /* of a source on the loop */
	bool head_sent;
	bool last_sent; /* the last byte of the body was sent, or would have been if the client were there */
	bool complete;
	uint64_t sent_bytes;   /* of the body */
	uint64_t pulled_bytes; /* from its source */
	int64_t started_ms;
};

static inline struct weir_exchange *weir_exchange_of(const struct weir_request *req)
{
	return req->exchange;
}

/* For a zeroed exchange, or one that was finished: ready for weir_exchange_add_variable(). */
void weir_exchange_init(struct weir_exchange *exchange, const struct weir_service *service, struct weir_host *host,
			const struct weir_transport_ops *transport, void *peer);

/* Lets go of everything but the pool's first blocks, so that init may follow; for good when `idle`. */
void weir_exchange_finish(struct weir_exchange *exchange, bool idle);

/* One CGI variable, as weir_request_add_variable() takes it; one that cannot be taken makes the request one to be refused. */
void weir_exchange_add_variable(struct weir_exchange *exchange, struct weir_slice name, struct weir_slice value);

/* A request that will be answered with this status, whatever it is. Before start. `detail` is static or NULL. */
void weir_exchange_refuse(struct weir_exchange *exchange, int status, const char *detail);

/* All variables are there: interprets them and goes on until the exchange parks or is over. */
void weir_exchange_start(struct weir_exchange *exchange);

/* Goes on. Only for hosts, with an exchange that they were given by `ready`. */
void weir_exchange_run(struct weir_exchange *exchange);

/* -- What arrives, from the transport. The body's end lets an exchange that waited for it go on at once, so it may be over afterwards; all
 * else only tells the host that it is ready. */

/* The next bytes of the body. BUSY: taken, but no more until `read_on`. */
enum weir_status weir_exchange_body(struct weir_exchange *exchange, struct weir_slice bytes);

/* The end of the body: WEIR_END, or why it will not be complete (TIMEOUT …). The first call counts. */
void weir_exchange_body_end(struct weir_exchange *exchange, enum weir_status how);

/* What `send` had parked for is out. */
void weir_exchange_sent(struct weir_exchange *exchange);

/* The client has left, or will be left. */
void weir_exchange_cancel(struct weir_exchange *exchange);

/* The server stops: an exchange that waits is answered 503 instead. */
void weir_exchange_stop(struct weir_exchange *exchange);

/* -- From the host */

/* True for a call that must not be refused: of a source, of a handler that had parked, or that another waits for. */
static inline bool weir_exchange_has_begun(const struct weir_exchange *exchange)
{
	return exchange->step == WEIR_STEP_SEND || exchange->wake != WEIR_WAKE_NONE || exchange->awaited;
}

/* On a handler thread: runs the handler or the source. */
void weir_exchange_call(struct weir_exchange *exchange);

/* On the loop, when that call has returned. */
void weir_exchange_returned(struct weir_exchange *exchange);

/* For logs, on the loop: "GET /items/{id}", or only the pattern while a handler thread has the exchange. Lives in the exchange's pool. */
const char *weir_exchange_what(struct weir_exchange *exchange);

/* -- Built-in handlers (refusal.c) */

/* The answer for exchange->refusal. */
enum weir_status weir_refusal_answer(struct weir_exchange *exchange);

#endif
