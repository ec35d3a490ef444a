/* SPDX-License-Identifier: Apache-2.0
 *
 * Exchanges without a client: work that a request has found to do and does not wait for, such as making a value anew that is still good
 * enough to be served.
 *
 * Such an exchange is a copy of the request that asked for it, as far as the chain had come: it begins at the middleware whose enter()
 * asked, and those before it are left out altogether. From there on it is an exchange like any other, with memory, a handler thread and a
 * scoreboard entry of its own; what it would send is dropped. It frees itself when it is over.
 *
 * A handler asks for an *errand* instead, which runs in place of the route's handler and behind no middleware at all.
 *
 * As many run at a time on a host as limits.background allows, and none begins once the host is stopping. A host that stops waits for those
 * that run, as it does for connections.
 *
 * On the loop only, but for what is said to be for any thread.
 */
#ifndef WEIR_EXCHANGE_BACKGROUND_H
#define WEIR_EXCHANGE_BACKGROUND_H

#include "exchange/exchange.h"

/* Made from `like`, which is in some enter(): its variables, its fields as they are now, its route and its body, all copied. A HEAD becomes
 * a GET. It does not run before it is started, and is to be either started or dropped. ERR_LIMIT: as many as may are there; ERR_CANCELLED:
 * the host is stopping; ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_background_create(const struct weir_request *like, struct weir_request **made);

/* It runs when its turn comes, never before this returns. */
void weir_background_start(struct weir_request *made);
void weir_background_drop(struct weir_request *made);

bool weir_request_is_background(const struct weir_request *req); /* any thread */

/* -- Errands, from the thread that has `like`: in its handler ---------------------------------------------------------------- */

/* A copy as above, that is to be either sent or dropped. ERR_UNSUPPORTED for a request whose body streams; ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_background_prepare(const struct weir_request *like, weir_handler_fn errand,
							 struct weir_request **made);

/* It runs when the loop comes to it, before all that wait for a handler thread if the one that sends it waits for it. Where no other may
 * begin it is dropped there, which what is in its pool learns by weir_pool_on_reset(). */
void weir_background_send(struct weir_request *made, bool awaited);

/* -- For hosts ------------------------------------------------------------------------------------------------------------- */

/* The drain deadline: what waits goes on as if its wait had been cancelled; with `hard` nothing more is begun. */
void weir_background_end(struct weir_host *host, bool hard);

#endif
