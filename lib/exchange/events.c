/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens to an exchange from outside its steps: it is made, told of its body, resumed, cancelled, called, and finished.
 */
#include "exchange/exchange.h"

#include <string.h>

static void ready(struct weir_exchange *x, enum weir_wake wake)
{
	x->wake = wake;
	x->parked = WEIR_PARKED_READY;
	x->host->ops->ready(x->host, x);
}

static void on_wait_timeout(struct weir_timer *timer)
{
	struct weir_exchange *x = timer->owner;

	if (x->parked == WEIR_PARKED_WAIT)
		ready(x, WEIR_WAKE_TIMEOUT);
}

static void on_resumed(struct weir_message *message)
{
	struct weir_exchange *x = WEIR_CONTAINER_OF(message, struct weir_exchange, resumed);

	atomic_store_explicit(&x->resume_posted, false, memory_order_relaxed);
	if (x->parked == WEIR_PARKED_LAST) {
		weir_exchange_run(x);
		return;
	}
	if (x->parked == WEIR_PARKED_WAIT)
		weir_timer_clear(&x->wait_timer);
	if (x->parked == WEIR_PARKED_WAIT || x->parked == WEIR_PARKED_RESUME)
		ready(x, WEIR_WAKE_READY);
	else
		x->resumed_early = true;
}

static void on_returned(struct weir_message *message)
{
	weir_exchange_returned(WEIR_CONTAINER_OF(message, struct weir_exchange, returned));
}

static void on_drained(struct weir_message *message)
{
	struct weir_exchange *x = WEIR_CONTAINER_OF(message, struct weir_exchange, drained);

	x->transport->read_on(x);
}

/* -- Making and finishing -------------------------------------------------------------------------------------------------- */

void weir_exchange_init(struct weir_exchange *exchange, const struct weir_service *service, struct weir_host *host,
			const struct weir_transport_ops *transport, void *peer)
{
	struct weir_pool pool = exchange->pool;

	memset(exchange, 0, sizeof(*exchange));
	exchange->pool = pool;
	exchange->pool.limit = service->limits.memory;
	exchange->service = service;
	exchange->host = host;
	exchange->transport = transport;
	exchange->peer = peer;
	exchange->wait_ms = -1;
	exchange->resumed.deliver = on_resumed;
	exchange->returned.deliver = on_returned;
	exchange->drained.deliver = on_drained;
	atomic_init(&exchange->gone, false);
	atomic_init(&exchange->resume_posted, false);
	weir_list_init(&exchange->link);
	weir_timer_init(&exchange->wait_timer, on_wait_timeout, exchange);
	weir_request_begin(&exchange->req, exchange, &exchange->pool);
	weir_response_begin(&exchange->res, &exchange->pool, service->log, service->limits.response);
}

void weir_exchange_finish(struct weir_exchange *exchange, bool idle)
{
	weir_response_finish(&exchange->res);
	weir_request_finish(&exchange->req);
	if (idle)
		weir_pool_trim(&exchange->pool);
	else
		weir_pool_reset(&exchange->pool);
}

void weir_exchange_refuse(struct weir_exchange *exchange, int status, const char *detail)
{
	exchange->refusal = status;
	exchange->refusal_detail = detail;
}

void weir_exchange_add_variable(struct weir_exchange *exchange, struct weir_slice name, struct weir_slice value)
{
	enum weir_status status;

	if (exchange->refusal)
		return;
	status = weir_request_add_variable(&exchange->req, name, value, exchange->service->limits.fields);
	if (status == WEIR_ERR_INVALID)
		weir_exchange_refuse(exchange, 400, "a request field is malformed");
	else if (status < 0)
		weir_exchange_refuse(exchange, 431, "too many request fields");
}

/* -- The body -------------------------------------------------------------------------------------------------------------- */

/* Wakes whoever waits for the body on the loop. */
static void body_moved(struct weir_exchange *x)
{
	if (x->parked == WEIR_PARKED_BODY && x->body_ended) {
		weir_exchange_run(x);
	} else if ((x->parked == WEIR_PARKED_RESUME || x->parked == WEIR_PARKED_WAIT) && x->wants_body) {
		x->wants_body = false;
		weir_timer_clear(&x->wait_timer);
		ready(x, WEIR_WAKE_READY);
	}
}

static enum weir_status take_body(struct weir_exchange *x, struct weir_slice bytes)
{
	if (x->req.pipe)
		return weir_body_pipe_write(x->req.pipe, bytes);
	if (x->step <= WEIR_STEP_READ)
		weir_buffer_append_slice(&x->req.body, bytes);
	return x->req.body.overflowed ? WEIR_ERR_MEMORY : WEIR_OK;
}

enum weir_status weir_exchange_body(struct weir_exchange *exchange, struct weir_slice bytes)
{
	enum weir_status status;

	if (exchange->refusal || exchange->body_ended || exchange->step == WEIR_STEP_DONE)
		return WEIR_OK;
	exchange->body_received += bytes.len;
	if (exchange->body_received > exchange->body_limit) {
		weir_exchange_body_end(exchange, WEIR_ERR_LIMIT);
		return WEIR_OK;
	}
	status = take_body(exchange, bytes);
	if (status < 0) {
		weir_exchange_body_end(exchange, status);
		return WEIR_OK;
	}
	body_moved(exchange);
	return status;
}

void weir_exchange_body_end(struct weir_exchange *exchange, enum weir_status how)
{
	if (exchange->body_ended)
		return;
	if (how == WEIR_END && exchange->req.content_length != UINT64_MAX && exchange->body_received != exchange->req.content_length)
		how = WEIR_ERR_INVALID;
	exchange->body_ended = true;
	exchange->body_failed = how < 0 ? how : WEIR_OK;
	if (exchange->req.pipe)
		weir_body_pipe_end(exchange->req.pipe, how);
	body_moved(exchange);
}

enum weir_status weir_request_read(struct weir_request *req, void *out, size_t capacity, size_t *len)
{
	struct weir_exchange *x = weir_exchange_of(req);
	bool may_wait = req->route && !req->route->nonblocking;
	bool on_loop = !may_wait || x->transport->fetch;
	enum weir_status status;

	*len = 0;
	if (!req->pipe || capacity == 0 || x->step != WEIR_STEP_HANDLE)
		return WEIR_ERR_STATE;
	status = weir_body_pipe_read(req->pipe, !on_loop, out, capacity, len);
	while (status == WEIR_PARKED && may_wait && x->transport->fetch) {
		x->transport->fetch(x);
		status = weir_body_pipe_read(req->pipe, false, out, capacity, len);
	}
	if (weir_body_pipe_has_drained(req->pipe)) {
		if (on_loop)
			x->transport->read_on(x); /* a message could come after the end */
		else
			x->host->ops->post(x->host, &x->drained);
	}
	x->wants_body = status == WEIR_PARKED;
	return status;
}

/* -- Parking and resuming -------------------------------------------------------------------------------------------------- */

enum weir_wake weir_request_wake(const struct weir_request *req)
{
	return weir_exchange_of(req)->wake;
}

void weir_request_wait(struct weir_request *req, int64_t timeout_ms)
{
	weir_exchange_of(req)->wait_ms = timeout_ms < 0 ? 0 : timeout_ms;
}

void weir_request_resume(struct weir_request *req)
{
	struct weir_exchange *x = weir_exchange_of(req);
	enum weir_parked parked = x->parked;

	if (parked == WEIR_PARKED_READY && (x->wake == WEIR_WAKE_TIMEOUT || x->wake == WEIR_WAKE_CANCELLED))
		return; /* the wait has ended by itself, and the exchange may be over before a message arrives */
	if (parked != WEIR_PARKED_WAIT) {
		atomic_store_explicit(&x->resume_posted, true, memory_order_relaxed);
		x->host->ops->post(x->host, &x->resumed);
		return;
	}
	weir_timer_clear(&x->wait_timer);
	ready(x, WEIR_WAKE_READY);
}

void weir_request_outlive_client(struct weir_request *req)
{
	weir_exchange_of(req)->outlives = true;
}

bool weir_request_cancelled(const struct weir_request *req)
{
	return atomic_load_explicit(&weir_exchange_of(req)->gone, memory_order_relaxed);
}

void weir_exchange_sent(struct weir_exchange *exchange)
{
	if (exchange->parked == WEIR_PARKED_SEND)
		ready(exchange, WEIR_WAKE_NONE);
}

void weir_exchange_cancel(struct weir_exchange *exchange)
{
	atomic_store_explicit(&exchange->gone, true, memory_order_relaxed);
	if (exchange->parked == WEIR_PARKED_SEND) {
		exchange->outlives = false; /* the bytes that the source gave are still in use: it cannot be pulled on */
		ready(exchange, WEIR_WAKE_NONE);
	} else if (exchange->parked == WEIR_PARKED_WAIT && !exchange->outlives) {
		weir_timer_clear(&exchange->wait_timer);
		ready(exchange, WEIR_WAKE_CANCELLED);
	}
	weir_exchange_body_end(exchange, WEIR_ERR_CANCELLED); /* last: it may be over then */
}

void weir_exchange_stop(struct weir_exchange *exchange)
{
	if (exchange->parked == WEIR_PARKED_WAIT) {
		weir_timer_clear(&exchange->wait_timer);
		ready(exchange, WEIR_WAKE_CANCELLED);
	} else if (exchange->parked == WEIR_PARKED_BODY) {
		weir_exchange_body_end(exchange, WEIR_ERR_CANCELLED);
	}
}

/* -- Calls on handler threads ---------------------------------------------------------------------------------------------- */

void weir_exchange_call(struct weir_exchange *exchange)
{
	weir_handler_fn handler = exchange->errand ? exchange->errand : exchange->req.route->handler;

	if (exchange->step == WEIR_STEP_SEND)
		exchange->call_status = exchange->res.source.next(exchange->res.source.state, &exchange->chunk);
	else
		exchange->call_status = handler(&exchange->req, &exchange->res);
}

void weir_exchange_returned(struct weir_exchange *exchange)
{
	exchange->came_back = true;
	weir_exchange_run(exchange);
}

const char *weir_exchange_what(struct weir_exchange *exchange)
{
	const char *method = exchange->req.method_name ? exchange->req.method_name : "?";
	const char *path = exchange->req.route ? exchange->req.route->path : "(no route)";
	const char *what = NULL;

	if (exchange->parked != WEIR_PARKED_OUT) /* else the pool is the handler thread's */
		what = weir_pool_printf(&exchange->pool, "%s %s", method, path);
	return what ? what : path;
}
