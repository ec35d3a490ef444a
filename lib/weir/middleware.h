/* SPDX-License-Identifier: Apache-2.0
 *
 * Middleware: three hooks and their own state, on the way of every request.
 *
 *     request ──> enter ──> enter ──> handler
 *                   │ answered: turn round here
 *     response <── leave <── leave <──┘          then done, done
 *
 * All hooks run on the loop of the process and never block. `leave` and `done` are called, in reverse order, for exactly those
 * middlewares whose enter() said NEXT or ANSWERED. A middleware is made by a function of its own that returns `struct weir_middleware *`,
 * is given to weir_app_use(), and from then on belongs to the app.
 */
#ifndef WEIR_MIDDLEWARE_H
#define WEIR_MIDDLEWARE_H

#include <weir/request.h>
#include <weir/response.h>

enum weir_flow {
	WEIR_FLOW_NEXT,     /* go on */
	WEIR_FLOW_ANSWERED, /* the response is complete: turn round here */
	WEIR_FLOW_PARKED,   /* somebody will resume this request (see request.h, Parking); enter() is then called again */
};

struct weir_outcome;
struct weir_middleware;

struct weir_middleware_ops {
	const char *name;
	/* Zeroed bytes for each exchange: what enter() wants to find again. weir_middleware_state() gives them. */
	size_t state_size;
	/* The request on its way in. */
	enum weir_flow (*enter)(struct weir_middleware *self, struct weir_request *req, struct weir_response *res);
	/* The head of the response on its way out, once. May edit fields and wrap the body's source; never waits. May be NULL. */
	void (*leave)(struct weir_middleware *self, struct weir_request *req, struct weir_response *res);
	/* After the last byte or the abort: logs, counters, storing what was streamed. May be NULL. */
	void (*done)(struct weir_middleware *self, struct weir_request *req, struct weir_response *res, const struct weir_outcome *outcome);
	/* Frees the middleware; may be NULL. */
	void (*destroy)(struct weir_middleware *self);
};

/* Begins every middleware: embed it as the first member of your own struct, with `ops` set. */
struct weir_middleware {
	const struct weir_middleware_ops *ops;
	size_t state_offset; /* weir's */
};

/* How an exchange ended. */
struct weir_outcome {
	bool complete;       /* the whole response was handed to the web server */
	uint64_t body_bytes; /* sent, or of the complete body on HEAD */
	int64_t elapsed_ms;  /* since the head of the request was there */
};

/* This middleware's bytes for this exchange. */
WEIR_API void *weir_middleware_state(const struct weir_middleware *self, struct weir_request *req);

#endif
