/* SPDX-License-Identifier: Apache-2.0
 *
 * The libuv loop as a host of exchanges: rounds, timers, messages, and the way to stop.
 */
#include "runtime/loop.h"

#include <signal.h>
#include <stdlib.h>

#include "exchange/background.h"
#include "exchange/thread.h"

/* Resumed exchanges in one round: a herd of 10,000 that is answered 4 a round leaves other requests their place. */
#define READY_PER_ROUND 4

/* New connections in one round: ten thousand that come at once are let in little by little, between the requests of others. */
#define ACCEPTS_PER_ROUND 16

/* After the drain deadline, what is left gets this long to send its 503. */
#define LAST_MS 500

struct listener {
	union {
		uv_stream_t stream;
		uv_pipe_t pipe;
		uv_tcp_t tcp;
	} handle;
	struct weir_list link;
	struct weir_loop *loop;
	bool is_tcp;
	bool waiting; /* libuv holds a connection that this round has no room for, and looks for no others meanwhile */
};

/* -- The host's side ------------------------------------------------------------------------------------------------------- */

static void host_post(struct weir_host *host, struct weir_message *message)
{
	struct weir_loop *loop = weir_loop_of(host);

	weir_mailbox_post(&loop->mailbox, message);
	uv_async_send(&loop->posted);
}

static void host_ready(struct weir_host *host, struct weir_exchange *exchange)
{
	weir_list_push_back(&weir_loop_of(host)->ready, &exchange->link);
}

static enum weir_status host_call(struct weir_host *host, struct weir_exchange *exchange)
{
	struct weir_loop *loop = weir_loop_of(host);
	enum weir_status status = weir_handler_pool_submit(loop->pool, exchange, weir_exchange_has_begun(exchange));

	if (status == WEIR_OK && loop->nudge.due_ms == WEIR_TIMER_NEVER && weir_handler_pool_wants_nudge(loop->pool) &&
	    weir_timer_set(&host->timers, &loop->nudge, host->now_ms + 1) != WEIR_OK)
		weir_handler_pool_nudge(loop->pool); /* the exchange is queued: not a failure of this call */
	return status;
}

static enum weir_status host_submit(struct weir_host *host, struct weir_backend *backend, struct weir_job *job)
{
	(void)backend; /* a loop has one */
	return weir_job_queue_submit(weir_loop_of(host)->jobs, job);
}

enum weir_status weir_loop_submit(void *loop, struct weir_job *job)
{
	return weir_job_queue_submit(((struct weir_loop *)loop)->jobs, job);
}

static const struct weir_host_ops host_ops = {
	.post = host_post,
	.ready = host_ready,
	.call = host_call,
	.submit = host_submit,
};

static void post_returned(struct weir_exchange *exchange)
{
	exchange->host->ops->post(exchange->host, &exchange->returned);
}

/* On a handler thread. */
static void run_handler(struct weir_exchange *exchange)
{
	weir_exchange_call(exchange);
	post_returned(exchange);
}

/* The same where somebody wants to know what a process died of. */
static void run_noted_handler(struct weir_exchange *exchange)
{
	struct weir_loop *loop = weir_loop_of(exchange->host);
	_Atomic(const struct weir_route *) *seat = weir_scoreboard_sit(loop->options.board);

	if (seat)
		atomic_store_explicit(seat, exchange->req.route, memory_order_relaxed);
	weir_exchange_call(exchange);
	if (seat)
		atomic_store_explicit(seat, NULL, memory_order_relaxed);
	post_returned(exchange);
}

static void on_nudge(struct weir_timer *timer)
{
	struct weir_loop *loop = timer->owner;

	weir_handler_pool_nudge(loop->pool);
}

/* -- Jobs that come back --------------------------------------------------------------------------------------------------- */

static void deliver_job(struct weir_message *message)
{
	struct weir_job *job = WEIR_CONTAINER_OF(message, struct weir_job, back);

	job->done(job);
}

/* On the I/O thread. */
static void post_job(void *state, struct weir_job *job)
{
	struct weir_loop *loop = state;

	job->back.deliver = deliver_job;
	host_post(&loop->host, &job->back);
}

/* -- Rounds ---------------------------------------------------------------------------------------------------------------- */

static void on_busy(uv_idle_t *idle)
{
	(void)idle;
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_loop *loop = timer->data;

	loop->timer_due_ms = WEIR_TIMER_NEVER;
	weir_loop_update_time(loop);
	weir_timers_run(&loop->host.timers, loop->host.now_ms);
}

static void close_all(uv_handle_t *handle, void *state)
{
	(void)state;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void begin_stop(struct weir_loop *loop);

/* Closing libuv's handles brings the default action back, which would kill a process that is about to end well. */
static void hold_back_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static bool is_over(struct weir_loop *loop)
{
	if (loop->drain_stage >= 3)
		return true;
	return loop->host.stopping && loop->holds == 0 && loop->host.background_count == 0 && weir_list_is_empty(&loop->connections) &&
	       weir_list_is_empty(&loop->listeners);
}

/* Before the loop sleeps: is there a reason not to, and until when? */
static void on_before_sleep(uv_prepare_t *prepare)
{
	struct weir_loop *loop = prepare->data;
	int64_t next_ms;

	if (is_over(loop)) {
		hold_back_signals();
		uv_walk(&loop->uv, close_all, NULL);
		return;
	}
	if (weir_list_is_empty(&loop->ready))
		uv_idle_stop(&loop->busy);
	else
		uv_idle_start(&loop->busy, on_busy);
	next_ms = weir_timers_next_ms(&loop->host.timers);
	if (next_ms == loop->timer_due_ms)
		return;
	loop->timer_due_ms = next_ms;
	if (next_ms == WEIR_TIMER_NEVER) {
		uv_timer_stop(&loop->timer);
		return;
	}
	uv_timer_start(&loop->timer, on_timer, next_ms > (int64_t)uv_now(&loop->uv) ? (uint64_t)next_ms - uv_now(&loop->uv) : 0, 0);
}

static void on_posted(uv_async_t *async)
{
	struct weir_loop *loop = async->data;

	weir_loop_update_time(loop);
	(void)weir_mailbox_deliver(&loop->mailbox);
	if (atomic_load(&loop->stop_asked) && !loop->host.stopping)
		begin_stop(loop);
}

static void accept_waiting(struct weir_loop *loop)
{
	loop->accepts_left = ACCEPTS_PER_ROUND;
	for (struct weir_list *at = loop->listeners.next; at != &loop->listeners; at = at->next) {
		struct listener *listener = WEIR_CONTAINER_OF(at, struct listener, link);

		if (!listener->waiting || uv_is_closing((uv_handle_t *)&listener->handle))
			continue;
		listener->waiting = false;
		loop->accepts_left--;
		listener->waiting = !weir_connection_accept(loop, &listener->handle.stream, listener->is_tcp);
	}
}

static void on_after_sleep(uv_check_t *check)
{
	struct weir_loop *loop = check->data;
	struct weir_list *link;

	weir_loop_update_time(loop);
	for (int i = 0; i < READY_PER_ROUND && (link = weir_list_pop_front(&loop->ready)); i++)
		weir_exchange_run(WEIR_CONTAINER_OF(link, struct weir_exchange, link));
	accept_waiting(loop);
}

/* -- Listening ------------------------------------------------------------------------------------------------------------- */

static void on_listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	weir_list_remove(&listener->link);
	free(listener);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *listener = stream->data;

	weir_loop_update_time(listener->loop);
	if (status < 0)
		weir_log_warn(listener->loop->options.service->log, "accepting a connection failed: %s", uv_strerror(status));
	else
		listener->waiting =
			listener->loop->accepts_left-- <= 0 || !weir_connection_accept(listener->loop, stream, listener->is_tcp);
}

enum weir_status weir_loop_listen(struct weir_loop *loop, int fd, bool is_tcp)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	int failed;

	if (!listener)
		return WEIR_ERR_MEMORY;
	listener->loop = loop;
	listener->is_tcp = is_tcp;
	if (is_tcp)
		failed = uv_tcp_init(&loop->uv, &listener->handle.tcp);
	else
		failed = uv_pipe_init(&loop->uv, &listener->handle.pipe, 0);
	if (failed) {
		free(listener);
		return WEIR_ERR_IO;
	}
	listener->handle.stream.data = listener;
	weir_list_init(&listener->link);
	weir_list_push_back(&loop->listeners, &listener->link);
	failed = is_tcp ? uv_tcp_open(&listener->handle.tcp, fd) : uv_pipe_open(&listener->handle.pipe, fd);
	if (!failed)
		failed = uv_listen(&listener->handle.stream, 4096, on_connection);
	if (!failed)
		return WEIR_OK;
	weir_log_error(loop->options.service->log, "listening failed: %s", uv_strerror(failed));
	uv_close((uv_handle_t *)&listener->handle, on_listener_closed);
	return WEIR_ERR_IO;
}

/* -- Stopping -------------------------------------------------------------------------------------------------------------- */

static void each_connection(struct weir_loop *loop, void (*visit)(struct weir_list *link, bool hard), bool hard)
{
	for (struct weir_list *at = loop->connections.next, *next; at != &loop->connections; at = next) {
		next = at->next;
		visit(at, hard);
	}
}

static void stop_connection(struct weir_list *link, bool hard)
{
	(void)hard;
	weir_connection_stop(link);
}

static void log_late(const struct weir_loop *loop)
{
	struct weir_log *log = loop->options.service->log;

	weir_log_warn(log, "stopping: %zu connections are still busy at the deadline", loop->connection_count);
	if (loop->host.background_count > 0)
		weir_log_warn(log, "stopping: %zu values are still being made in the background", loop->host.background_count);
}

/* Three times, LAST_MS apart: what waits is answered 503, then clients are left, then whatever still runs is given up. */
static void on_drain_deadline(struct weir_timer *timer)
{
	struct weir_loop *loop = timer->owner;

	loop->drain_stage++;
	if (loop->drain_stage == 1)
		log_late(loop);
	if (loop->drain_stage <= 2) {
		each_connection(loop, weir_connection_end, loop->drain_stage == 2);
		weir_background_end(&loop->host, loop->drain_stage == 2);
	}
	if (weir_timer_set(&loop->host.timers, &loop->drain, loop->host.now_ms + LAST_MS) != WEIR_OK)
		loop->drain_stage = 3;
}

static void begin_stop(struct weir_loop *loop)
{
	int64_t drain_ms = loop->options.deadlines.drain_ms;

	accept_waiting(loop);
	loop->host.stopping = true;
	weir_log_info(loop->options.service->log, "stopping: %zu connections are open", loop->connection_count);
	for (struct weir_list *at = loop->listeners.next; at != &loop->listeners; at = at->next)
		uv_close((uv_handle_t *)&WEIR_CONTAINER_OF(at, struct listener, link)->handle, on_listener_closed);
	each_connection(loop, stop_connection, false);
	if (loop->options.on_stop)
		loop->options.on_stop(loop->options.on_stop_state);
	if (drain_ms >= 0 && weir_timer_set(&loop->host.timers, &loop->drain, loop->host.now_ms + drain_ms) != WEIR_OK)
		loop->drain_stage = 3;
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct weir_loop *loop = handle->data;

	(void)number;
	loop->stopped_by_signal = true;
	weir_loop_stop(loop);
}

void weir_loop_stop(struct weir_loop *loop)
{
	atomic_store(&loop->stop_asked, true);
	uv_async_send(&loop->posted);
}

/* -- Lifecycle ------------------------------------------------------------------------------------------------------------- */

static enum weir_status init_handles(struct weir_loop *loop)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	int failed = uv_async_init(&loop->uv, &loop->posted, on_posted);

	/* The first is the one that needs descriptors; those of the rest are in memory alone. */
	if (failed)
		return WEIR_ERR_IO;
	uv_timer_init(&loop->uv, &loop->timer);
	uv_prepare_init(&loop->uv, &loop->before_sleep);
	uv_check_init(&loop->uv, &loop->after_sleep);
	uv_idle_init(&loop->uv, &loop->busy);
	loop->posted.data = loop->timer.data = loop->before_sleep.data = loop->after_sleep.data = loop->busy.data = loop;
	uv_prepare_start(&loop->before_sleep, on_before_sleep);
	uv_check_start(&loop->after_sleep, on_after_sleep);
	for (size_t i = 0; i < 2 && !failed; i++) {
		failed = uv_signal_init(&loop->uv, &loop->signals[i]);
		loop->signals[i].data = loop;
		if (!failed)
			failed = uv_signal_start(&loop->signals[i], on_signal, numbers[i]);
	}
	return failed ? WEIR_ERR_IO : WEIR_OK;
}

static enum weir_status start_threads(struct weir_loop *loop)
{
	struct weir_job_queue_options jobs = {
		.backend = loop->options.backend,
		.log = loop->options.service->log,
		.post = post_job,
		.state = loop,
	};

	loop->pool = weir_handler_pool_create(loop->options.threads, loop->options.service->limits.queue,
					      loop->options.board ? run_noted_handler : run_handler);
	if (!loop->pool)
		return WEIR_ERR_MEMORY;
	return jobs.backend ? weir_job_queue_create(&jobs, &loop->jobs) : WEIR_OK;
}

enum weir_status weir_loop_create(const struct weir_loop_options *options, const struct weir_clock *clock, struct weir_loop **loop)
{
	struct weir_loop *made = calloc(1, sizeof(*made));
	enum weir_status status;

	if (!made)
		return WEIR_ERR_MEMORY;
	if (uv_loop_init(&made->uv) != 0) {
		free(made);
		return WEIR_ERR_IO;
	}
	made->options = *options;
	weir_host_init(&made->host, &host_ops, clock);
	if (options->board)
		made->host.running = weir_scoreboard_sit(options->board);
	weir_loop_update_time(made);
	made->timer_due_ms = WEIR_TIMER_NEVER;
	weir_timer_init(&made->nudge, on_nudge, made);
	weir_timer_init(&made->drain, on_drain_deadline, made);
	weir_list_init(&made->ready);
	weir_list_init(&made->connections);
	weir_list_init(&made->listeners);
	made->accepts_left = ACCEPTS_PER_ROUND;
	status = init_handles(made);
	if (status == WEIR_OK)
		status = start_threads(made);
	if (status == WEIR_OK)
		*loop = made;
	else
		(void)weir_loop_destroy(made);
	return status;
}

void weir_loop_run(struct weir_loop *loop)
{
	const struct weir_thread_role *former = weir_thread_assume(&weir_thread_loop);

	uv_run(&loop->uv, UV_RUN_DEFAULT);
	(void)weir_thread_assume(former);
	if (loop->stopped_by_signal) { /* the process is on its way out: another changes nothing */
		signal(SIGTERM, SIG_IGN);
		signal(SIGINT, SIG_IGN);
	}
}

bool weir_loop_destroy(struct weir_loop *loop)
{
	if (loop->drain_stage >= 3 || (loop->pool && !weir_handler_pool_destroy(loop->pool, 100)))
		return false;
	weir_job_queue_destroy(loop->jobs);
	uv_walk(&loop->uv, close_all, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	(void)weir_mailbox_deliver(&loop->mailbox);
	weir_connection_free_spares(loop);
	weir_host_finish(&loop->host);
	free(loop);
	return true;
}
