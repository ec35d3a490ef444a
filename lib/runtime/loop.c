/* SPDX-License-Identifier: Apache-2.0
 *
 * The libuv loop as a host of exchanges: rounds, timers, messages, and the way to stop.
 */
#include "runtime/loop.h"

#include <signal.h>
#include <stdlib.h>

#include "exchange/background.h"
#include "exchange/thread.h"

/* Resumed exchanges in one round. A herd of 10,000 that is answered 4 a round leaves other requests their place; the few that a remote
 * backend has answered together go on together, so that what they ask next is asked together too. */
#define READY_PER_ROUND 4
#define READY_TOGETHER 32

/* After the drain deadline, what is left gets this long to send its 503. */
#define LAST_MS 500

/* In any case the I/O thread has this long to store what the last exchanges have made. */
#define LAST_JOBS_MS 1000

/* -- The host's side ------------------------------------------------------------------------------------------------------- */

static void host_post(struct weir_host *host, struct weir_message *message)
{
	struct weir_loop *loop = weir_loop_of(host);

	weir_mailbox_post(&loop->mailbox, message);
	uv_async_send(&loop->posted);
}

static void host_ready(struct weir_host *host, struct weir_exchange *exchange)
{
	struct weir_loop *loop = weir_loop_of(host);

	weir_list_push_back(&loop->ready, &exchange->link);
	loop->ready_count++;
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
	struct weir_loop *loop = weir_loop_of(host);

	(void)backend; /* a loop has one */
	loop->has_put = true;
	return weir_job_queue_put(loop->jobs, job);
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
	weir_mailbox_post(&loop->mailbox, &job->back);
}

static void wake_loop(void *state)
{
	struct weir_loop *loop = state;

	uv_async_send(&loop->posted);
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
	       weir_list_is_empty(&loop->parting) && weir_list_is_empty(&loop->listeners);
}

/* What the exchanges of a round have asked the backend for goes there together. */
static void send_jobs(struct weir_loop *loop)
{
	if (!loop->has_put)
		return;
	loop->has_put = false;
	weir_job_queue_wake(loop->jobs);
}

/* Before the loop sleeps: is there a reason not to, and until when? */
static void on_before_sleep(uv_prepare_t *prepare)
{
	struct weir_loop *loop = prepare->data;
	int64_t next_ms;

	send_jobs(loop);
	if (is_over(loop)) {
		hold_back_signals();
		uv_walk(&loop->uv, close_all, NULL);
		return;
	}
	if (weir_list_is_empty(&loop->ready) && weir_list_is_empty(&loop->parting))
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

static void run_ready(struct weir_loop *loop)
{
	size_t count = loop->ready_count <= READY_TOGETHER ? loop->ready_count : READY_PER_ROUND;

	loop->ready_count -= count;
	for (size_t i = 0; i < count; i++)
		weir_exchange_run(WEIR_CONTAINER_OF(weir_list_pop_front(&loop->ready), struct weir_exchange, link));
}

static void on_after_sleep(uv_check_t *check)
{
	struct weir_loop *loop = check->data;

	weir_loop_update_time(loop);
	run_ready(loop);
	weir_loop_come_and_go(loop);
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

	weir_loop_come_and_go(loop);
	loop->host.stopping = true;
	loop->stopped_ms = loop->host.now_ms;
	weir_log_info(loop->options.service->log, "stopping: %zu connections are open", loop->connection_count);
	weir_loop_close_listeners(loop);
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
		.posted = wake_loop,
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
	weir_list_init(&made->parting);
	weir_list_init(&made->listeners);
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

/* What is left until the drain deadline; negative: there is none. */
static int64_t time_for_jobs_ms(struct weir_loop *loop)
{
	int64_t left_ms;

	if (loop->options.deadlines.drain_ms < 0)
		return -1;
	uv_update_time(&loop->uv);
	left_ms = loop->stopped_ms + loop->options.deadlines.drain_ms - (int64_t)uv_now(&loop->uv);
	return left_ms < LAST_JOBS_MS ? LAST_JOBS_MS : left_ms;
}

static void finish_jobs(struct weir_loop *loop)
{
	if (!loop->jobs)
		return;
	weir_job_queue_stop(loop->jobs, time_for_jobs_ms(loop));
	weir_job_queue_destroy(loop->jobs);
	loop->jobs = NULL;
}

bool weir_loop_destroy(struct weir_loop *loop)
{
	bool drained = loop->drain_stage < 3;

	if (drained) /* no handler runs, or its connection would be there */
		weir_handler_pool_destroy(loop->pool);
	finish_jobs(loop);
	if (!drained)
		return false;
	uv_walk(&loop->uv, close_all, NULL);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	(void)weir_mailbox_deliver(&loop->mailbox);
	weir_connection_free_spares(loop);
	weir_host_finish(&loop->host);
	free(loop);
	return true;
}
