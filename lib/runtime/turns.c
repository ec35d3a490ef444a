/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport between a blocking thread and the loop. Every message is acknowledged exactly once, as the last thing that is done about
 * it, so the loop never touches what the thread has gone on to use for its next request.
 */
#include "runtime/turns.h"

enum news {
	NEWS_ACK = 1,  /* the message was dealt with, and if it brought a piece of the body there is room for the next */
	NEWS_SEND = 2, /* the parts are to be written */
	NEWS_OVER = 4, /* the exchange is over; this stays until the next request */
};

/* -- The loop's side ------------------------------------------------------------------------------------------------------- */

static void give_news(struct weir_turns *turns, unsigned news)
{
	pthread_mutex_lock(&turns->lock);
	turns->news |= news;
	pthread_cond_signal(&turns->told);
	pthread_mutex_unlock(&turns->lock);
}

/* The exchange is over and nobody uses its bytes. */
static void conclude(struct weir_turns *turns)
{
	turns->active = false;
	weir_exchange_finish(&turns->exchange, true);
	give_news(turns, NEWS_OVER);
}

static void on_start(struct weir_message *message)
{
	struct weir_turns *turns = WEIR_CONTAINER_OF(message, struct weir_turns, message);

	turns->active = true;
	turns->paused = turns->sending = turns->done = false;
	weir_exchange_start(&turns->exchange);
	give_news(turns, NEWS_ACK);
}

static void on_piece(struct weir_message *message)
{
	struct weir_turns *turns = WEIR_CONTAINER_OF(message, struct weir_turns, message);
	enum weir_status status = WEIR_OK;

	if (!turns->done)
		status = weir_exchange_body(&turns->exchange, turns->piece);
	turns->paused = status == WEIR_BUSY && !turns->done;
	if (!turns->paused)
		give_news(turns, NEWS_ACK);
}

static void on_body_end(struct weir_message *message)
{
	struct weir_turns *turns = WEIR_CONTAINER_OF(message, struct weir_turns, message);

	if (!turns->done && turns->how == WEIR_ERR_CANCELLED)
		weir_exchange_cancel(&turns->exchange);
	else if (!turns->done)
		weir_exchange_body_end(&turns->exchange, turns->how);
	give_news(turns, NEWS_ACK);
}

static void on_written(struct weir_message *message)
{
	struct weir_turns *turns = WEIR_CONTAINER_OF(message, struct weir_turns, message);

	turns->sending = false;
	if (turns->done)
		conclude(turns);
	else if (turns->how < 0)
		weir_exchange_cancel(&turns->exchange);
	else
		weir_exchange_sent(&turns->exchange);
	give_news(turns, NEWS_ACK);
}

static enum weir_status transport_send(struct weir_exchange *exchange, const struct weir_slice *parts, size_t count, bool last)
{
	struct weir_turns *turns = exchange->peer;

	for (size_t i = 0; i < 2; i++)
		turns->parts[i] = i < count ? parts[i] : WEIR_SLICE_NONE;
	turns->last = last;
	turns->sending = true;
	give_news(turns, NEWS_SEND);
	return WEIR_PARKED;
}

static void transport_read_on(struct weir_exchange *exchange)
{
	struct weir_turns *turns = exchange->peer;

	if (!turns->paused)
		return;
	turns->paused = false;
	give_news(turns, NEWS_ACK);
}

/* While the thread writes, the bytes stay: on_written() concludes. */
static void transport_done(struct weir_exchange *exchange, bool complete)
{
	struct weir_turns *turns = exchange->peer;

	transport_read_on(exchange);
	turns->done = true;
	turns->complete = complete;
	if (!turns->sending)
		conclude(turns);
}

static const struct weir_transport_ops transport_ops = {
	.send = transport_send,
	.read_on = transport_read_on,
	.done = transport_done,
};

void weir_turns_stop(struct weir_turns *turns)
{
	if (turns->active && !turns->done)
		weir_exchange_stop(&turns->exchange);
}

void weir_turns_cancel(struct weir_turns *turns)
{
	if (turns->active && !turns->done)
		weir_exchange_cancel(&turns->exchange);
}

/* -- The thread's side ----------------------------------------------------------------------------------------------------- */

/* Waits for any of `wanted`, takes it, and returns it together with NEWS_OVER. */
static unsigned wait_for(struct weir_turns *turns, unsigned wanted)
{
	unsigned news;

	pthread_mutex_lock(&turns->lock);
	while (!(turns->news & wanted))
		pthread_cond_wait(&turns->told, &turns->lock);
	news = turns->news & (wanted | NEWS_OVER);
	turns->news &= ~wanted | NEWS_OVER;
	pthread_mutex_unlock(&turns->lock);
	return news;
}

/* False when the exchange is over. */
static bool tell(struct weir_turns *turns, void (*deliver)(struct weir_message *message))
{
	struct weir_host *host = turns->exchange.host;

	turns->message.deliver = deliver;
	host->ops->post(host, &turns->message);
	return !(wait_for(turns, NEWS_ACK) & NEWS_OVER);
}

void weir_turns_prepare(struct weir_turns *turns, const struct weir_service *service, struct weir_host *host)
{
	weir_exchange_init(&turns->exchange, service, host, &transport_ops, turns);
	pthread_mutex_lock(&turns->lock);
	turns->news = 0;
	pthread_mutex_unlock(&turns->lock);
}

bool weir_turns_start(struct weir_turns *turns)
{
	return tell(turns, on_start);
}

bool weir_turns_piece(struct weir_turns *turns, struct weir_slice piece)
{
	turns->piece = piece;
	return tell(turns, on_piece);
}

void weir_turns_body_end(struct weir_turns *turns, enum weir_status how)
{
	turns->how = how;
	(void)tell(turns, on_body_end);
}

bool weir_turns_wait_for_parts(struct weir_turns *turns)
{
	return wait_for(turns, NEWS_SEND | NEWS_OVER) & NEWS_SEND;
}

void weir_turns_written(struct weir_turns *turns, enum weir_status how)
{
	turns->how = how;
	(void)tell(turns, on_written);
}

void weir_turns_init(struct weir_turns *turns)
{
	*turns = (struct weir_turns){ 0 };
	pthread_mutex_init(&turns->lock, NULL);
	pthread_cond_init(&turns->told, NULL);
	weir_pool_init(&turns->exchange.pool, 0);
}

void weir_turns_finish(struct weir_turns *turns)
{
	pthread_cond_destroy(&turns->told);
	pthread_mutex_destroy(&turns->lock);
	weir_pool_finish(&turns->exchange.pool);
}
