/* SPDX-License-Identifier: Apache-2.0
 *
 * A host without threads: what the libuv loop spreads over loop, handler threads and I/O thread happens on the thread that calls
 * weir_inline_host_run(), in a fixed order. CGI and <weir/testing.h> run on it.
 *
 * Everything here belongs to that thread, but for the host's `post`, which is for any: handlers may have threads of their own that resume
 * what they had parked.
 *
 * A handler that blocks in weir_request_read() has nobody beside it who could receive the body, so a transport on this host must have the
 * `fetch` of struct weir_transport_ops.
 */
#ifndef WEIR_RUNTIME_INLINE_HOST_H
#define WEIR_RUNTIME_INLINE_HOST_H

#include <pthread.h>

#include "exchange/exchange.h"
#include "runtime/mailbox.h"

struct weir_inline_host {
	struct weir_host host;
	struct weir_mailbox mailbox;
	pthread_mutex_t lock; /* with `posted`: for weir_inline_host_wait() */
	pthread_cond_t posted;
	struct weir_list ready;      /* exchanges whose turn it is */
	struct weir_exchange *calls; /* handlers and sources that wait to be called, in order */
	struct weir_exchange **calls_end;
	size_t call_count;
	bool hold_calls;              /* read and set by the owner: no call is made while it is true */
	struct weir_backend *backend; /* of `jobs`: a process has one that needs them */
	struct weir_job *jobs;
	struct weir_job **jobs_end;
};

void weir_inline_host_init(struct weir_inline_host *inline_host, const struct weir_clock *clock);

/* When no exchange and no job is left. */
void weir_inline_host_finish(struct weir_inline_host *inline_host);

/* Reads the clock and does all that can be done, due timers included, until nothing is left. */
void weir_inline_host_run(struct weir_inline_host *inline_host);

/* When to run again at the latest, monotonic; WEIR_TIMER_NEVER when there is nothing to wait for but a message. */
int64_t weir_inline_host_next_ms(const struct weir_inline_host *inline_host);

/* Sleeps until a message is there, true, or for so many milliseconds of the machine's clock; WEIR_TIMER_NEVER is for ever. */
bool weir_inline_host_wait(struct weir_inline_host *inline_host, int64_t timeout_ms);

#endif
