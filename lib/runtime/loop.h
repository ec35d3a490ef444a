/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop of a process: it owns every connection and every exchange, keeps the timers, and hands handlers to the pool.
 *
 * A round takes new events first, then what other threads have posted, then a few of the exchanges that were resumed. The loop
 * sleeps when there is nothing to do, for as long as there is not.
 *
 * Everything here is for the loop's own thread, but weir_loop_stop().
 */
#ifndef WEIR_RUNTIME_LOOP_H
#define WEIR_RUNTIME_LOOP_H

#include <uv.h>

#include <weir/app.h>

#include "exchange/exchange.h"
#include "runtime/handler_pool.h"
#include "runtime/job_queue.h"
#include "runtime/mailbox.h"
#include "runtime/scoreboard.h"

/* What the loop reads into, shared by all connections: nothing stays in it. */
#define WEIR_LOOP_READ_SIZE ((size_t)64 * 1024)

struct weir_loop_options {
	const struct weir_service *service;
	struct weir_app_deadlines deadlines; /* with the defaults filled in */
	size_t threads;
	size_t connections;            /* the most at a time */
	struct weir_backend *backend;  /* remote: gets a job queue; else NULL */
	struct weir_scoreboard *board; /* where loop and handler threads note the routes they are with; may be NULL */
	void (*on_stop)(void *state);  /* when stopping begins, on the loop: for another transport; may be NULL */
	void *on_stop_state;
};

struct weir_loop {
	struct weir_host host;
	struct weir_loop_options options;
	uv_loop_t uv;
	bool has_put; /* jobs, in this round: the I/O thread is woken at its end, for all of them */
	uv_async_t posted;
	uv_timer_t timer;
	uv_prepare_t before_sleep;
	uv_check_t after_sleep;
	uv_idle_t busy; /* active: do not sleep, something is ready */
	uv_signal_t signals[2];
	int64_t timer_due_ms;
	struct weir_timer nudge;
	struct weir_timer drain;
	struct weir_mailbox mailbox;
	atomic_bool stop_asked;
	bool stopped_by_signal;
	struct weir_list ready; /* exchanges */
	size_t ready_count;
	struct weir_list connections;
	struct weir_list parting; /* connections whose peer has gone, until they are closed */
	struct weir_list listeners;
	size_t connection_count;
	int accepts_left; /* in this round; negative: a connection waits for the next */
	size_t spare_count;
	struct weir_fcgi_call *spare; /* for connections that get a request */
	struct weir_handler_pool *pool;
	struct weir_job_queue *jobs;
	size_t holds;       /* other transports' threads that still use the loop: it goes on until there are none */
	int64_t stopped_ms; /* when stopping began */
	int drain_stage;    /* 0 before the deadline; from 3 on the loop ends whatever still runs */
	char read_buffer[WEIR_LOOP_READ_SIZE];
};

/* ERR_MEMORY, ERR_IO. `*loop` is on the heap. */
WEIR_MUST_CHECK enum weir_status weir_loop_create(const struct weir_loop_options *options, const struct weir_clock *clock,
						  struct weir_loop **loop);

/* Runs until stopped and drained. SIGTERM and SIGINT stop it; if they did, they are ignored afterwards. In any case they are blocked then:
 * the caller lets them through when it has tidied up. */
void weir_loop_run(struct weir_loop *loop);

/* What is on its way to a remote backend for others' sake is done first, for what is left until the drain deadline and at least a second; a
 * call that has begun then ends as it does. False when something still runs that could not be ended: then all but the job queue stays, and
 * the process should exit soon. */
bool weir_loop_destroy(struct weir_loop *loop);

/* Any thread, and signal handlers: takes no more connections and ends when what runs has ended, at the latest at the drain deadline. */
void weir_loop_stop(struct weir_loop *loop);

/* Any thread: a job for the remote backend; its `done` is called on the loop, unless it is `anywhere`. Fits weir_cache_let_jobs(). */
WEIR_MUST_CHECK enum weir_status weir_loop_submit(void *loop, struct weir_job *job);

/* Serves FastCGI on a listening socket; the loop closes it. */
WEIR_MUST_CHECK enum weir_status weir_loop_listen(struct weir_loop *loop, int fd, bool is_tcp);

/* -- How connections come and go (loop_listen.c) ----------------------------------------------------------------------------- */

/* Once a round: lets in those that wait, and closes those whose peer has gone, a few of either. */
void weir_loop_come_and_go(struct weir_loop *loop);

void weir_loop_close_listeners(struct weir_loop *loop);

/* -- For connections (connection.c) ------------------------------------------------------------------------------------------ */

static inline struct weir_loop *weir_loop_of(struct weir_host *host)
{
	return WEIR_CONTAINER_OF(host, struct weir_loop, host);
}

static inline void weir_loop_update_time(struct weir_loop *loop)
{
	loop->host.now_ms = (int64_t)uv_now(&loop->uv);
}

/* Takes the next connection off a listener; false when memory is out and it is still there. */
bool weir_connection_accept(struct weir_loop *loop, uv_stream_t *listener, bool is_tcp);

/* Closes one of those whose peer has gone. */
void weir_connection_part(struct weir_list *link);

/* The loop stops: connections are closed after their answer, and idle ones when they bring no request soon. */
void weir_connection_stop(struct weir_list *link);

/* Past the drain deadline: `hard` leaves the client at once, else waiting exchanges are answered 503. */
void weir_connection_end(struct weir_list *link, bool hard);

void weir_connection_free_spares(struct weir_loop *loop);

#endif
