/* SPDX-License-Identifier: Apache-2.0
 *
 * Who runs exchanges: the interface between the steps, which know no threads, and the runtime, which does.
 *
 * A host is one loop. Everything here but `post` is called on that loop, and everything it calls back happens there, with the exception of
 * weir_exchange_call(). The runtime has two: the libuv loop, and one without threads for CGI and <weir/testing.h>.
 */
#ifndef WEIR_EXCHANGE_HOST_H
#define WEIR_EXCHANGE_HOST_H

#include <stdatomic.h>

#include <weir/clock.h>

#include "base/list.h"
#include "base/timer.h"

struct weir_backend;
struct weir_exchange;
struct weir_host;
struct weir_job;
struct weir_route;

/* Something to be done on the loop, embedded in whatever it is about. It may be posted again once `deliver` has been called. */
struct weir_message {
	struct weir_message *next;
	void (*deliver)(struct weir_message *message);
};

struct weir_host_ops {
	/* Any thread: `deliver` is called on the loop, in the order of posting, never before post returns. */
	void (*post)(struct weir_host *host, struct weir_message *message);
	/* Runs the exchange (weir_exchange_run) soon: a few in each round, so that a herd that wakes up starves nobody. */
	void (*ready)(struct weir_host *host, struct weir_exchange *exchange);
	/* Has weir_exchange_call() run on a handler thread and weir_exchange_returned() on the loop afterwards. ERR_LIMIT when too many
	 * wait, unless weir_exchange_has_begun(). */
	enum weir_status (*call)(struct weir_host *host, struct weir_exchange *exchange);
	/* Has the job done by the backend's I/O thread; job->done is called on the loop. ERR_LIMIT when too many wait. */
	enum weir_status (*submit)(struct weir_host *host, struct weir_backend *backend, struct weir_job *job);
};

struct weir_host {
	const struct weir_host_ops *ops;
	const struct weir_clock *clock;
	struct weir_timers timers;
	int64_t now_ms; /* monotonic, read once a round: good enough for deadlines */
	bool stopping;
	bool calls_block; /* handlers run on the loop's own thread, and no timer fires meanwhile: a CGI program */
	/* Where the route that the loop is busy with is noted, for who has to say what the process died of; NULL: nobody. */
	_Atomic(const struct weir_route *) *running;
	/* Exchanges without a client (background.h). */
	struct weir_list backgrounds;
	size_t background_count;
	/* The cache core's flights on this loop; made by its first user, freed by `flights_destroy` with the host. */
	void *flights;
	void (*flights_destroy)(void *flights);
	/* What it remembers of keys, the same way. */
	void *remembered;
	void (*remembered_destroy)(void *remembered);
};

void weir_host_init(struct weir_host *host, const struct weir_host_ops *ops, const struct weir_clock *clock);

/* When no exchange is left. */
void weir_host_finish(struct weir_host *host);

#endif
