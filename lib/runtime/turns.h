/* SPDX-License-Identifier: Apache-2.0
 *
 * An exchange on the loop whose client is served by a thread that blocks. The two take turns: the thread tells something and waits until
 * the loop has dealt with it, which also slows it down when the exchange takes no more of a body; the loop asks for bytes to be written and
 * never waits.
 *
 * A request: prepare, one weir_exchange_add_variable() for each variable, start, a piece for each piece of the body, body_end, then
 * write what wait_for_parts gives until it gives no more. One struct serves one request after the other, of one thread.
 */
#ifndef WEIR_RUNTIME_TURNS_H
#define WEIR_RUNTIME_TURNS_H

#include <pthread.h>

#include "exchange/exchange.h"

struct weir_turns {
	struct weir_exchange exchange; /* the loop's between start and the end; else the thread's */
	struct weir_message message;   /* to the loop, one at a time */
	struct weir_slice piece;       /* what it is about */
	enum weir_status how;

	/* The loop's. */
	bool active;  /* there is an exchange whose bytes are in use */
	bool paused;  /* the last piece filled it: acknowledged later */
	bool sending; /* the thread has the parts */
	bool done;    /* it is over, whether or not the thread knows */

	pthread_mutex_t lock; /* what follows */
	pthread_cond_t told;
	unsigned news;
	struct weir_slice parts[2];
	bool last;
	bool complete;
};

void weir_turns_init(struct weir_turns *turns);
void weir_turns_finish(struct weir_turns *turns);

/* -- The thread's side ----------------------------------------------------------------------------------------------------- */

void weir_turns_prepare(struct weir_turns *turns, const struct weir_service *service, struct weir_host *host);

/* These return false once the exchange is over: it wants nothing more. `piece` must not be empty and is not needed afterwards. */
bool weir_turns_start(struct weir_turns *turns);
bool weir_turns_piece(struct weir_turns *turns, struct weir_slice piece);

/* As weir_exchange_body_end(); WEIR_ERR_CANCELLED: the client has left. */
void weir_turns_body_end(struct weir_turns *turns, enum weir_status how);

/* True: `parts` are to be written, and with `last` the answer is complete then. False: the exchange is over, and `complete` says how. */
bool weir_turns_wait_for_parts(struct weir_turns *turns);

/* OK, or a failure: the client has left. */
void weir_turns_written(struct weir_turns *turns, enum weir_status how);

/* -- The loop's side ------------------------------------------------------------------------------------------------------- */

/* As weir_exchange_stop() and weir_exchange_cancel(), if there is an exchange. */
void weir_turns_stop(struct weir_turns *turns);
void weir_turns_cancel(struct weir_turns *turns);

#endif
