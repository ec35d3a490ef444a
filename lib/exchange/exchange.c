/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of an exchange, one function each, and the loop that takes them.
 */
#include "exchange/exchange.h"

/* What a step tells the loop below. */
enum step_flow {
	STEP_NEXT,   /* exchange->step says where to go on */
	STEP_PARKED, /* exchange->parked says what for */
	STEP_OVER,   /* the exchange belongs to the transport again */
};

/* Whose work the loop does from now on; NULL: nobody's. */
static void note_running(struct weir_host *host, const struct weir_route *route)
{
	if (host->running)
		atomic_store_explicit(host->running, route, memory_order_relaxed);
}

static bool is_abandoned(struct weir_exchange *x)
{
	return atomic_load_explicit(&x->gone, memory_order_relaxed) && !x->outlives;
}

static enum step_flow go_to(struct weir_exchange *x, enum weir_step step)
{
	x->step = step;
	return STEP_NEXT;
}

static enum step_flow park(struct weir_exchange *x, enum weir_parked why)
{
	x->parked = why;
	return STEP_PARKED;
}

/* A hook, a handler or a source on the loop has said PARKED: for a resume alone, or for a wait it has asked for. */
static enum step_flow park_as_asked(struct weir_exchange *x)
{
	int64_t wait_ms = x->wait_ms;

	x->wait_ms = -1;
	if (wait_ms < 0)
		return park(x, WEIR_PARKED_RESUME);
	if (weir_timer_set(&x->host->timers, &x->wait_timer, x->host->now_ms + wait_ms) != WEIR_OK || is_abandoned(x)) {
		weir_timer_clear(&x->wait_timer);
		x->wake = WEIR_WAKE_CANCELLED;
		x->host->ops->ready(x->host, x);
		return park(x, WEIR_PARKED_READY);
	}
	return park(x, WEIR_PARKED_WAIT);
}

/* The client has left before the handler ran: nobody will see this response, but the chain is told. */
static enum step_flow abandon(struct weir_exchange *x)
{
	weir_response_reset(&x->res);
	x->res.status = 499;
	x->res.failed = true;
	return go_to(x, WEIR_STEP_LEAVE);
}

/* What handler and hooks have left behind becomes a response that can be sent. */
static void settle(struct weir_exchange *x, enum weir_status handler)
{
	const char *why = weir_response_settle(&x->res, handler);

	if (why && !(handler == WEIR_ERR_CANCELLED && atomic_load_explicit(&x->gone, memory_order_relaxed)))
		weir_log_error(x->service->log, "%s answered 500: %s", weir_exchange_what(x), why);
}

/* -- ROUTE ----------------------------------------------------------------------------------------------------------------- */

static void match_route(struct weir_exchange *x)
{
	struct weir_router_match match;

	weir_router_find(x->service->router, x->req.method, weir_slice(x->req.path, x->req.path_len), &match);
	x->allowed = match.allowed;
	if (match.route && weir_request_matched(&x->req, &match) < 0)
		weir_exchange_refuse(x, 431, "the request is too large");
	else if (match.route)
		return;
	else if (!match.allowed)
		weir_exchange_refuse(x, 404, NULL);
	else
		weir_exchange_refuse(x, x->req.method == WEIR_OPTIONS ? 204 : 405, NULL);
}

static void bound_body(struct weir_exchange *x)
{
	const struct weir_route *route = x->req.route;

	x->body_limit = route->body_limit ? route->body_limit : x->service->limits.body;
	if (x->req.content_length != UINT64_MAX && x->req.content_length > x->body_limit) {
		weir_exchange_refuse(x, 413, NULL);
		return;
	}
	x->req.body.limit = x->body_limit;
	if (!route->stream_body)
		return;
	x->req.pipe = weir_body_pipe_create();
	if (!x->req.pipe)
		weir_exchange_refuse(x, 503, NULL);
}

static enum step_flow step_route(struct weir_exchange *x)
{
	const char *why = NULL;
	enum weir_status status = x->refusal ? WEIR_OK : weir_request_head(&x->req, x->service->limits.queries, &why);

	if (status == WEIR_ERR_LIMIT)
		weir_exchange_refuse(x, 431, why);
	else if (status < 0)
		weir_exchange_refuse(x, 400, why);
	if (!x->refusal)
		match_route(x);
	note_running(x->host, x->req.route);
	if (!x->refusal)
		bound_body(x);
	x->res.no_body = x->req.method == WEIR_HEAD;
	if (x->service->state_size > 0) {
		x->states = weir_pool_zalloc(&x->pool, x->service->state_size);
		if (!x->states) { /* without their state no hook can run: the one request that middleware does not see */
			weir_response_fail(&x->res);
			return go_to(x, WEIR_STEP_SEND);
		}
	}
	return go_to(x, WEIR_STEP_READ);
}

/* -- READ ------------------------------------------------------------------------------------------------------------------ */

static void refuse_body(struct weir_exchange *x)
{
	switch (x->body_failed) {
	case WEIR_ERR_LIMIT:
		weir_exchange_refuse(x, 413, NULL);
		break;
	case WEIR_ERR_TIMEOUT:
		weir_exchange_refuse(x, 408, NULL);
		break;
	case WEIR_ERR_INVALID:
		weir_exchange_refuse(x, 400, "the body is not as long as Content-Length says");
		break;
	default:
		weir_exchange_refuse(x, 503, NULL);
	}
}

static enum step_flow step_read(struct weir_exchange *x)
{
	if (!x->refusal && !x->req.pipe) {
		if (is_abandoned(x))
			return abandon(x);
		if (!x->body_ended)
			return park(x, WEIR_PARKED_BODY);
		if (x->body_failed)
			refuse_body(x);
	}
	return go_to(x, WEIR_STEP_ENTER);
}

/* -- ENTER ----------------------------------------------------------------------------------------------------------------- */

static enum step_flow step_enter(struct weir_exchange *x)
{
	while (x->entered < x->service->chain_len) {
		struct weir_middleware *middleware = x->service->chain[x->entered];
		enum weir_flow flow = WEIR_FLOW_NEXT;

		if (middleware->ops->enter)
			flow = middleware->ops->enter(middleware, &x->req, &x->res);
		if (flow == WEIR_FLOW_PARKED)
			return park_as_asked(x);
		x->wake = WEIR_WAKE_NONE;
		x->wait_ms = -1;
		x->entered++;
		if (flow == WEIR_FLOW_ANSWERED) {
			settle(x, WEIR_OK);
			return go_to(x, WEIR_STEP_LEAVE);
		}
		if (is_abandoned(x))
			return abandon(x);
	}
	return go_to(x, WEIR_STEP_HANDLE);
}

/* -- HANDLE ---------------------------------------------------------------------------------------------------------------- */

enum called {
	CALL_BACK,    /* it has run: the result is in call_status */
	CALL_OUT,     /* on its way: the exchange is parked */
	CALL_REFUSED, /* too many wait */
};

/* Has the handler or the source run on a handler thread, once. */
static enum called call_elsewhere(struct weir_exchange *x)
{
	if (x->came_back) {
		x->came_back = false;
		return CALL_BACK;
	}
	note_running(x->host, NULL); /* it is another thread's work now */
	if (x->host->ops->call(x->host, x) != WEIR_OK) {
		note_running(x->host, x->req.route);
		return CALL_REFUSED;
	}
	x->parked = WEIR_PARKED_OUT;
	return CALL_OUT;
}

/* PARKED, said on a handler thread: the resume may have been faster. */
static enum step_flow park_after_call(struct weir_exchange *x)
{
	if (!x->resumed_early)
		return park(x, WEIR_PARKED_RESUME);
	x->resumed_early = false;
	x->wake = WEIR_WAKE_READY;
	return STEP_NEXT;
}

/* One line for each request that was refused for what it is, not for a path that is not there. */
static void log_refusal(struct weir_exchange *x)
{
	const struct weir_log_field fields[] = {
		{ "method", weir_slice_text(x->req.method_name) },
		{ "target", weir_request_target(&x->req) },
		{ 0 },
	};

	if (x->refusal != 404 && x->refusal != 405 && x->refusal != 204)
		weir_log_event(x->service->log, WEIR_LOG_INFO, fields, "a request was refused with %d: %s", x->refusal,
			       x->refusal_detail ? x->refusal_detail : weir_reason_phrase(x->refusal));
}

static enum step_flow handled(struct weir_exchange *x, enum weir_status status)
{
	x->wake = WEIR_WAKE_NONE;
	x->wait_ms = -1;
	x->wants_body = false;
	if (status < 0 && x->req.pipe && x->body_failed < 0 && x->body_failed != WEIR_ERR_CANCELLED) {
		refuse_body(x); /* the handler passes on what weir_request_read() told it: not its failure */
		log_refusal(x);
		status = weir_refusal_answer(x);
	}
	settle(x, status);
	return go_to(x, WEIR_STEP_LEAVE);
}

static enum step_flow step_handle(struct weir_exchange *x)
{
	if (!x->refusal && !x->errand && x->req.route->nonblocking) {
		enum weir_status status = x->req.route->handler(&x->req, &x->res);

		return status == WEIR_PARKED ? park_as_asked(x) : handled(x, status);
	}
	if (!x->refusal) {
		switch (call_elsewhere(x)) {
		case CALL_OUT:
			return STEP_PARKED;
		case CALL_BACK:
			return x->call_status == WEIR_PARKED ? park_after_call(x) : handled(x, x->call_status);
		case CALL_REFUSED:
			weir_exchange_refuse(x, 503, "too many requests at once");
		}
	}
	log_refusal(x);
	return handled(x, weir_refusal_answer(x));
}

/* -- LEAVE ----------------------------------------------------------------------------------------------------------------- */

static enum step_flow step_leave(struct weir_exchange *x)
{
	if (x->req.pipe) {
		weir_body_pipe_discard(x->req.pipe);
		if (weir_body_pipe_has_drained(x->req.pipe))
			x->transport->read_on(x);
	}
	for (size_t i = x->entered; i-- > x->first;) {
		struct weir_middleware *middleware = x->service->chain[i];

		if (middleware->ops->leave)
			middleware->ops->leave(middleware, &x->req, &x->res);
	}
	settle(x, WEIR_OK);
	return go_to(x, WEIR_STEP_SEND);
}

/* -- SEND ------------------------------------------------------------------------------------------------------------------ */

static enum step_flow broken_off(struct weir_exchange *x, const char *why)
{
	if (why && !atomic_load_explicit(&x->gone, memory_order_relaxed))
		weir_log_error(x->service->log, "%s was broken off: %s", weir_exchange_what(x), why);
	return go_to(x, WEIR_STEP_DONE);
}

/* The client has left a body that others wait for: it is pulled to its end all the same. */
static bool streams_on(const struct weir_exchange *x)
{
	return x->outlives && x->res.is_stream && !x->res.no_body && !x->host->stopping;
}

/* Sends the head, if it has not been, and a piece of the body; nothing of what streams on without its client. */
static enum step_flow send_piece(struct weir_exchange *x, struct weir_slice piece, bool last)
{
	struct weir_slice parts[2] = { WEIR_SLICE_NONE, piece };
	enum weir_status status;

	x->last_sent = last;
	if (atomic_load_explicit(&x->gone, memory_order_relaxed))
		return STEP_NEXT;
	if (!x->head_sent) {
		parts[0] = weir_response_head(&x->res);
		if (!parts[0].data)
			return broken_off(x, "no memory for the head");
		x->head_sent = true;
	}
	status = x->transport->send(x, parts, 2, last);
	if (status < 0)
		return broken_off(x, NULL);
	x->sent_bytes += piece.len;
	return status == WEIR_PARKED ? park(x, WEIR_PARKED_SEND) : STEP_NEXT;
}

static enum step_flow source_gave(struct weir_exchange *x, enum weir_status status)
{
	const struct weir_source *source = &x->res.source;
	uint64_t after = x->pulled_bytes + (status == WEIR_OK ? x->chunk.len : 0);

	x->wake = WEIR_WAKE_NONE;
	x->pulled_bytes = after;
	if (status < 0)
		return broken_off(x, weir_status_text(status));
	if (status > 0 && status != WEIR_END)
		return broken_off(x, "the source said neither WEIR_OK, WEIR_END nor a failure");
	if (source->has_length && (after > source->length || (status == WEIR_END && after < source->length)))
		return broken_off(x, "the source gave another number of bytes than its length");
	/* The end goes out with the last byte: a client that closes there has had it all. */
	return send_piece(x, status == WEIR_OK ? x->chunk : WEIR_SLICE_NONE,
			  status == WEIR_END || (source->has_length && after == source->length));
}

/* A source on the loop whose client is fast lets others have their turn now and then. */
#define PULLS_AT_ONCE 16

static enum step_flow pull(struct weir_exchange *x)
{
	if (x->res.source.nonblocking) {
		enum weir_status status;

		if (++x->pulls % PULLS_AT_ONCE == 0) {
			x->host->ops->ready(x->host, x);
			return park(x, WEIR_PARKED_READY);
		}
		status = x->res.source.next(x->res.source.state, &x->chunk);
		return status == WEIR_PARKED ? park_as_asked(x) : source_gave(x, status);
	}
	switch (call_elsewhere(x)) {
	case CALL_OUT:
		return STEP_PARKED;
	case CALL_REFUSED:
		return broken_off(x, "too many requests at once");
	case CALL_BACK:
		break;
	}
	return source_gave(x, x->call_status);
}

static enum step_flow step_send(struct weir_exchange *x)
{
	struct weir_slice body;

	if (x->last_sent) {
		x->complete = !atomic_load_explicit(&x->gone, memory_order_relaxed);
		return go_to(x, WEIR_STEP_DONE);
	}
	if (atomic_load_explicit(&x->gone, memory_order_relaxed) && !streams_on(x))
		return broken_off(x, NULL);
	if (x->res.is_stream && !x->res.no_body && !weir_status_has_no_body(x->res.status))
		return pull(x);
	body = weir_response_body_bytes(&x->res);
	if (x->res.no_body || weir_status_has_no_body(x->res.status))
		body = WEIR_SLICE_NONE;
	return send_piece(x, body, true);
}

/* -- DONE ------------------------------------------------------------------------------------------------------------------ */

static enum step_flow finish(struct weir_exchange *x)
{
	uint64_t length;
	struct weir_outcome outcome = {
		.complete = x->complete,
		.body_bytes = x->res.no_body && x->complete && weir_response_length(&x->res, &length) ? length : x->sent_bytes,
		.elapsed_ms = x->host->now_ms - x->started_ms,
	};

	for (size_t i = x->entered; i-- > x->first;) {
		struct weir_middleware *middleware = x->service->chain[i];

		if (middleware->ops->done)
			middleware->ops->done(middleware, &x->req, &x->res, &outcome);
	}
	weir_timer_remove(&x->host->timers, &x->wait_timer);
	x->transport->done(x, x->complete);
	return STEP_OVER;
}

static enum step_flow step_done(struct weir_exchange *x)
{
	if (atomic_load_explicit(&x->resume_posted, memory_order_relaxed))
		return park(x, WEIR_PARKED_LAST);
	return finish(x);
}

/* -- The table ------------------------------------------------------------------------------------------------------------- */

static enum step_flow (*const steps[])(struct weir_exchange *x) = {
	[WEIR_STEP_ROUTE] = step_route, [WEIR_STEP_READ] = step_read, [WEIR_STEP_ENTER] = step_enter, [WEIR_STEP_HANDLE] = step_handle,
	[WEIR_STEP_LEAVE] = step_leave, [WEIR_STEP_SEND] = step_send, [WEIR_STEP_DONE] = step_done,
};

void weir_exchange_run(struct weir_exchange *exchange)
{
	struct weir_host *host = exchange->host;

	exchange->parked = WEIR_PARKED_NOT;
	note_running(host, exchange->req.route);
	while (steps[exchange->step](exchange) == STEP_NEXT)
		;
	note_running(host, NULL);
}

void weir_exchange_start(struct weir_exchange *exchange)
{
	exchange->started_ms = exchange->host->now_ms;
	weir_exchange_run(exchange);
}
