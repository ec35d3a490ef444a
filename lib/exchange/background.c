/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport of exchanges without a client, which takes all and sends nothing, and their lives.
 */
#include "exchange/background.h"

#include <stdlib.h>

struct background {
	struct weir_exchange exchange;
	struct weir_list link;       /* among the host's, as soon as it may begin */
	struct weir_message arrival; /* of an errand */
};

static struct background *background_of(struct weir_exchange *exchange)
{
	return WEIR_CONTAINER_OF(exchange, struct background, exchange);
}

/* -- The transport --------------------------------------------------------------------------------------------------------- */

static enum weir_status transport_send(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count, bool last)
{
	(void)exchange;
	(void)parts;
	(void)count;
	(void)last;
	return WEIR_OK;
}

/* The body was whole from the start. */
static void transport_read_on(struct weir_exchange *exchange)
{
	(void)exchange;
}

static void destroy(struct background *background)
{
	if (!weir_list_is_empty(&background->link))
		background->exchange.host->background_count--;
	weir_list_remove(&background->link);
	weir_exchange_finish(&background->exchange, false);
	weir_pool_finish(&background->exchange.pool);
	free(background);
}

static void transport_done(struct weir_exchange *exchange, bool complete)
{
	(void)complete;
	destroy(background_of(exchange));
}

static const struct weir_transport_ops transport_ops = {
	.send = transport_send,
	.read_on = transport_read_on,
	.done = transport_done,
};

bool weir_request_is_background(const struct weir_request *req)
{
	return weir_exchange_of(req)->transport == &transport_ops;
}

/* -- Making ---------------------------------------------------------------------------------------------------------------- */

static enum weir_status copy(struct weir_exchange *x, const struct weir_request *like)
{
	const struct weir_exchange *from = weir_exchange_of(like);
	enum weir_status status = weir_request_copy(&x->req, like);

	if (status < 0)
		return status;
	x->first = x->entered = from->entered;
	weir_buffer_append_slice(&x->req.body, weir_buffer_slice(&like->body));
	x->body_received = like->body.len;
	x->body_ended = true;
	return x->req.body.overflowed ? WEIR_ERR_MEMORY : WEIR_OK;
}

/* Not yet one of its host's. */
static struct background *create(const struct weir_exchange *from)
{
	struct background *background = calloc(1, sizeof(*background));

	if (!background)
		return NULL;
	weir_pool_init(&background->exchange.pool, 0);
	weir_exchange_init(&background->exchange, from->service, from->host, &transport_ops, NULL);
	weir_list_init(&background->link);
	return background;
}

static enum weir_status make(const struct weir_request *like, struct background **made)
{
	struct background *background = create(weir_exchange_of(like));
	enum weir_status status = background ? copy(&background->exchange, like) : WEIR_ERR_MEMORY;

	if (status == WEIR_OK)
		*made = background;
	else if (background)
		destroy(background);
	return status;
}

static enum weir_status may_begin(const struct weir_exchange *x)
{
	if (x->host->stopping)
		return WEIR_ERR_CANCELLED;
	return x->host->background_count < x->service->limits.background ? WEIR_OK : WEIR_ERR_LIMIT;
}

static void enter(struct background *background)
{
	struct weir_host *host = background->exchange.host;

	weir_list_push_back(&host->backgrounds, &background->link);
	host->background_count++;
}

enum weir_status weir_background_create(const struct weir_request *like, struct weir_request **made)
{
	struct background *background;
	enum weir_status status = may_begin(weir_exchange_of(like));

	if (status == WEIR_OK)
		status = make(like, &background);
	if (status < 0)
		return status;
	enter(background);
	*made = &background->exchange.req;
	return WEIR_OK;
}

void weir_background_start(struct weir_request *made)
{
	struct weir_exchange *x = weir_exchange_of(made);

	x->started_ms = x->host->now_ms;
	x->parked = WEIR_PARKED_READY;
	x->host->ops->ready(x->host, x);
}

void weir_background_drop(struct weir_request *made)
{
	destroy(background_of(weir_exchange_of(made)));
}

/* -- Errands --------------------------------------------------------------------------------------------------------------- */

static void on_arrival(struct weir_message *message)
{
	struct background *background = WEIR_CONTAINER_OF(message, struct background, arrival);

	if (may_begin(&background->exchange) < 0) {
		destroy(background);
		return;
	}
	enter(background);
	weir_background_start(&background->exchange.req);
}

enum weir_status weir_background_prepare(const struct weir_request *like, weir_handler_fn errand, struct weir_request **made)
{
	struct background *background;
	enum weir_status status = like->pipe ? WEIR_ERR_UNSUPPORTED : make(like, &background);

	if (status < 0)
		return status;
	background->exchange.errand = errand;
	background->exchange.first = background->exchange.entered = background->exchange.service->chain_len;
	background->arrival.deliver = on_arrival;
	*made = &background->exchange.req;
	return WEIR_OK;
}

void weir_background_send(struct weir_request *made, bool awaited)
{
	struct background *background = background_of(weir_exchange_of(made));
	struct weir_host *host = background->exchange.host;

	background->exchange.awaited = awaited;
	host->ops->post(host, &background->arrival);
}

/* -- Stopping -------------------------------------------------------------------------------------------------------------- */

void weir_background_end(struct weir_host *host, bool hard)
{
	/* Neither call runs an exchange, so the list stays as it is. */
	for (struct weir_list *at = host->backgrounds.next; at != &host->backgrounds; at = at->next) {
		struct background *background = WEIR_CONTAINER_OF(at, struct background, link);

		if (hard)
			weir_exchange_cancel(&background->exchange);
		else
			weir_exchange_stop(&background->exchange);
	}
}
