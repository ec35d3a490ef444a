/* SPDX-License-Identifier: Apache-2.0
 *
 * The host of a single thread: queues that are emptied in turn. The order within a round is that of the loop: timers, messages, resumed
 * exchanges; jobs and handlers, which run beside the loop there, come last.
 */
#include "runtime/inline_host.h"

#include <time.h>

#include "cache/backend.h"
#include "cache/job.h"
#include "exchange/thread.h"

static struct weir_inline_host *inline_host_of(struct weir_host *host)
{
	return WEIR_CONTAINER_OF(host, struct weir_inline_host, host);
}

/* -- The host's side ------------------------------------------------------------------------------------------------------- */

static void host_post(struct weir_host *host, struct weir_message *message)
{
	struct weir_inline_host *self = inline_host_of(host);

	/* The mailbox needs no lock, but the sleeper must not miss the signal. */
	pthread_mutex_lock(&self->lock);
	weir_mailbox_post(&self->mailbox, message);
	pthread_cond_signal(&self->posted);
	pthread_mutex_unlock(&self->lock);
}

static void host_ready(struct weir_host *host, struct weir_exchange *exchange)
{
	weir_list_push_back(&inline_host_of(host)->ready, &exchange->link);
}

static enum weir_status host_call(struct weir_host *host, struct weir_exchange *exchange)
{
	struct weir_inline_host *self = inline_host_of(host);

	if (self->call_count >= exchange->service->limits.queue && !weir_exchange_has_begun(exchange))
		return WEIR_ERR_LIMIT;
	exchange->next = NULL;
	*self->calls_end = exchange;
	self->calls_end = &exchange->next;
	self->call_count++;
	return WEIR_OK;
}

static enum weir_status host_submit(struct weir_host *host, struct weir_backend *backend, struct weir_job *job)
{
	struct weir_inline_host *self = inline_host_of(host);

	self->backend = backend;
	backend->clock = host->clock;
	job->next = NULL;
	*self->jobs_end = job;
	self->jobs_end = &job->next;
	return WEIR_OK;
}

static const struct weir_host_ops host_ops = {
	.post = host_post,
	.ready = host_ready,
	.call = host_call,
	.submit = host_submit,
};

/* -- Rounds ---------------------------------------------------------------------------------------------------------------- */

static bool run_timers(struct weir_inline_host *self)
{
	if (weir_timers_next_ms(&self->host.timers) > self->host.now_ms)
		return false;
	weir_timers_run(&self->host.timers, self->host.now_ms);
	return true;
}

static bool run_ready(struct weir_inline_host *self)
{
	struct weir_list *link = weir_list_pop_front(&self->ready);

	if (!link)
		return false;
	do
		weir_exchange_run(WEIR_CONTAINER_OF(link, struct weir_exchange, link));
	while ((link = weir_list_pop_front(&self->ready)));
	return true;
}

/* All that were submitted so far: one batch, as an I/O thread would have found them. */
static bool run_jobs(struct weir_inline_host *self)
{
	struct weir_job *job = weir_jobs_arrange(self->jobs);

	if (!job)
		return false;
	self->jobs = NULL;
	self->jobs_end = &self->jobs;
	weir_jobs_execute(self->backend, job);
	while (job) {
		struct weir_job *next = job->next;

		job->done(job);
		job = next;
	}
	return true;
}

static bool run_call(struct weir_inline_host *self)
{
	struct weir_exchange *exchange = self->calls;

	if (!exchange || self->hold_calls)
		return false;
	self->calls = exchange->next;
	if (!self->calls)
		self->calls_end = &self->calls;
	self->call_count--;
	weir_exchange_call(exchange);
	host_post(&self->host, &exchange->returned); /* behind what the handler itself has posted */
	return true;
}

void weir_inline_host_run(struct weir_inline_host *inline_host)
{
	const struct weir_thread_role *former = weir_thread_assume(&weir_thread_loop);
	bool busy = true;

	while (busy) {
		inline_host->host.now_ms = weir_clock_monotonic_ms(inline_host->host.clock);
		busy = run_timers(inline_host);
		busy |= weir_mailbox_deliver(&inline_host->mailbox);
		busy |= run_ready(inline_host);
		busy |= run_jobs(inline_host);
		busy |= run_call(inline_host);
	}
	(void)weir_thread_assume(former);
}

int64_t weir_inline_host_next_ms(const struct weir_inline_host *inline_host)
{
	return weir_timers_next_ms(&inline_host->host.timers);
}

/* -- Waiting --------------------------------------------------------------------------------------------------------------- */

static struct timespec after_ms(int64_t ms)
{
	struct timespec time;
	int64_t longest_ms = INT64_C(24) * 3600 * 1000; /* the caller looks again, and sums stay small */

	if (ms > longest_ms)
		ms = longest_ms;
	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += (time_t)(ms / 1000);
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

static bool has_mail(struct weir_inline_host *self)
{
	return atomic_load_explicit(&self->mailbox.newest, memory_order_relaxed) != NULL;
}

bool weir_inline_host_wait(struct weir_inline_host *inline_host, int64_t timeout_ms)
{
	struct timespec until = after_ms(timeout_ms < 0 ? 0 : timeout_ms);
	bool in_time = true;
	bool any;

	pthread_mutex_lock(&inline_host->lock);
	while (in_time && !has_mail(inline_host)) {
		if (timeout_ms == WEIR_TIMER_NEVER)
			pthread_cond_wait(&inline_host->posted, &inline_host->lock);
		else
			in_time = pthread_cond_timedwait(&inline_host->posted, &inline_host->lock, &until) == 0;
	}
	any = has_mail(inline_host);
	pthread_mutex_unlock(&inline_host->lock);
	return any;
}

/* -- Lifecycle ------------------------------------------------------------------------------------------------------------- */

void weir_inline_host_init(struct weir_inline_host *inline_host, const struct weir_clock *clock)
{
	pthread_condattr_t monotonic;

	*inline_host = (struct weir_inline_host){ .calls_end = &inline_host->calls, .jobs_end = &inline_host->jobs };
	weir_host_init(&inline_host->host, &host_ops, clock);
	weir_list_init(&inline_host->ready);
	pthread_mutex_init(&inline_host->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&inline_host->posted, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void weir_inline_host_finish(struct weir_inline_host *inline_host)
{
	weir_host_finish(&inline_host->host);
	pthread_mutex_lock(&inline_host->lock); /* whoever posted the last message has left */
	pthread_mutex_unlock(&inline_host->lock);
	pthread_cond_destroy(&inline_host->posted);
	pthread_mutex_destroy(&inline_host->lock);
}
