/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers of remote backends are blocking code; this is the one thread that may block in them. A list under a lock, a condition, and a
 * thread that takes the whole list at once. Walks are another queue of the same kind, which this one owns.
 */
#include "runtime/job_queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "cache/backend.h"

struct weir_job_queue {
	struct weir_job_queue_options options;
	struct weir_job_queue *walks; /* with a backend of its own; NULL: walks are for this one */
	pthread_t thread;
	pthread_cond_t changed;
	pthread_mutex_t lock; /* everything below */
	struct weir_job *first;
	struct weir_job **end; /* where the next job is hung up */
	size_t out;            /* submitted and not yet posted */
	bool asleep;           /* the thread waits for `changed` */
	bool full;             /* has been since nothing was out: said once in the log */
	bool stopping;
	int64_t until_ms; /* when stopping: no other call of the driver begins from then on, monotonic */
};

/* -- The thread ------------------------------------------------------------------------------------------------------------ */

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

/* For something to have changed, or until then, monotonic; false when it is then. */
static bool wait_until(struct weir_job_queue *queue, int64_t until_ms)
{
	struct timespec until = { .tv_sec = (time_t)(until_ms / 1000), .tv_nsec = (long)(until_ms % 1000) * 1000000 };

	if (until_ms == INT64_MAX)
		return pthread_cond_wait(&queue->changed, &queue->lock) == 0;
	return pthread_cond_timedwait(&queue->changed, &queue->lock, &until) == 0;
}

/* All jobs that have come, once there are some, or the end has, or it is time to ask whether the backend is back. */
static struct weir_job *take_all(struct weir_job_queue *queue, bool *stopping)
{
	int64_t retry_ms = weir_backend_retry_ms(queue->options.backend);
	struct weir_job *jobs;

	pthread_mutex_lock(&queue->lock);
	queue->asleep = true;
	while (!queue->first && !queue->stopping && wait_until(queue, retry_ms))
		;
	queue->asleep = false;
	jobs = queue->first;
	queue->first = NULL;
	queue->end = &queue->first;
	*stopping = queue->stopping;
	pthread_mutex_unlock(&queue->lock);
	return weir_jobs_arrange(jobs);
}

/* It may be gone then. */
static void post(struct weir_job_queue *queue, struct weir_job *job)
{
	if (job->anywhere)
		job->done(job);
	else
		queue->options.post(queue->options.state, job);
}

static void post_jobs(struct weir_job_queue *queue, struct weir_job *jobs, const struct weir_job *end)
{
	while (jobs != end) {
		struct weir_job *next = jobs->next;

		post(queue, jobs);
		jobs = next;
	}
	if (queue->options.posted)
		queue->options.posted(queue->options.state);
}

/* Before the jobs are posted: who gets one back may submit another at once. */
static void count_batch(struct weir_job_queue *queue, size_t count, bool *stopping)
{
	pthread_mutex_lock(&queue->lock);
	queue->out -= count;
	queue->full = queue->full && queue->out > 0;
	*stopping = queue->stopping;
	pthread_mutex_unlock(&queue->lock);
}

/* A walk may have many keys before it; it need not see them all when the process is about to end. */
struct walk {
	struct weir_job_queue *queue;
	struct weir_job_walk asked;
	bool cut;
};

static bool visit_unless_stopping(void *state, struct weir_slice key, struct weir_slice value)
{
	struct walk *walk = state;

	pthread_mutex_lock(&walk->queue->lock);
	walk->cut = walk->queue->stopping;
	pthread_mutex_unlock(&walk->queue->lock);
	return !walk->cut && walk->asked.visit(walk->asked.state, key, value);
}

static struct weir_job *run_walk(struct weir_job_queue *queue, struct weir_job *job)
{
	struct walk walk = { .queue = queue, .asked = job->walk };
	struct weir_job *end;

	job->walk.visit = visit_unless_stopping;
	job->walk.state = &walk;
	end = weir_jobs_run_batch(queue->options.backend, job);
	job->walk = walk.asked;
	if (walk.cut)
		weir_job_set_status(job, WEIR_ERR_CANCELLED);
	return end;
}

static struct weir_job *run_batch(struct weir_job_queue *queue, struct weir_job *jobs, bool *stopping)
{
	struct weir_backend *backend = queue->options.backend;
	struct weir_job *end = NULL;
	size_t count = 0;

	if (weir_backend_is_cut_off(backend))
		weir_jobs_refuse(backend, jobs); /* even when it may be called again: that is for the probe */
	else
		end = jobs->kind == WEIR_JOB_WALK ? run_walk(queue, jobs) : weir_jobs_run_batch(backend, jobs);
	for (const struct weir_job *job = jobs; job != end; job = job->next)
		count++;
	count_batch(queue, count, stopping);
	post_jobs(queue, jobs, end);
	return end;
}

/* No request waits for this read of nothing; its answer, or what came instead, is noted like any other. */
static void probe(struct weir_backend *backend)
{
	struct weir_job nothing = { .kind = WEIR_JOB_READ };

	if (weir_backend_is_cut_off(backend) && weir_backend_lets(backend))
		(void)weir_jobs_run_batch(backend, &nothing);
}

static void cancel(struct weir_job_queue *queue, struct weir_job *job)
{
	weir_job_set_status(job, WEIR_ERR_CANCELLED);
	post(queue, job);
}

/* Those of the list that others count on, in its order. Whoever has asked for one of the rest is leaving. */
static struct weir_job *cancel_all_but_for_others(struct weir_job_queue *queue, struct weir_job *jobs)
{
	struct weir_job *first = NULL, **end = &first, *next;

	for (; jobs; jobs = next) {
		next = jobs->next;
		if (weir_job_is_for_others(jobs)) {
			*end = jobs;
			end = &jobs->next;
		} else {
			cancel(queue, jobs);
		}
	}
	*end = NULL;
	return first;
}

/* What is left when the queue was stopped. */
static void finish(struct weir_job_queue *queue, struct weir_job *jobs)
{
	struct weir_job *next;
	bool stopping;

	jobs = cancel_all_but_for_others(queue, jobs);
	while (jobs && now_ms() < queue->until_ms)
		jobs = run_batch(queue, jobs, &stopping);
	for (; jobs; jobs = next) {
		next = jobs->next;
		cancel(queue, jobs);
	}
}

static void *run_thread(void *state)
{
	struct weir_job_queue *queue = state;
	struct weir_job *jobs = NULL;
	bool stopping = false;

	weir_backend_start(queue->options.backend);
	while (!stopping) {
		jobs = take_all(queue, &stopping);
		if (!jobs && !stopping)
			probe(queue->options.backend);
		while (jobs && !stopping)
			jobs = run_batch(queue, jobs, &stopping);
	}
	finish(queue, jobs);
	finish(queue, take_all(queue, &stopping));
	return NULL;
}

static int start_thread(struct weir_job_queue *queue)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&queue->thread, NULL, run_thread, queue);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* -- Lifecycle ------------------------------------------------------------------------------------------------------------- */

static void free_queue(struct weir_job_queue *queue)
{
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

static struct weir_job_queue *create_queue(const struct weir_job_queue_options *options)
{
	struct weir_job_queue *queue = calloc(1, sizeof(*queue));
	pthread_condattr_t monotonic;

	if (!queue)
		return NULL;
	queue->options = *options;
	if (queue->options.limit == 0)
		queue->options.limit = WEIR_JOB_QUEUE_LIMIT;
	queue->end = &queue->first;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (start_thread(queue) == 0)
		return queue;
	free_queue(queue);
	return NULL;
}

/* Without a second handle there is no second queue: walks are slow then for everyone, which is nothing to fail for. */
static struct weir_job_queue *create_walks(const struct weir_job_queue_options *options)
{
	struct weir_job_queue_options second = *options;
	struct weir_job_queue *walks = NULL;
	enum weir_status status = weir_backend_open_second(options->backend, &second.backend);

	if (status == WEIR_OK)
		walks = create_queue(&second);
	if (status < 0 || (second.backend && !walks))
		weir_log_warn(options->log, "cache backend %s: no second handle for walks: %s", weir_backend_ops(options->backend)->scheme,
			      weir_status_text(status < 0 ? status : WEIR_ERR_MEMORY));
	if (!walks)
		weir_backend_close(second.backend);
	return walks;
}

enum weir_status weir_job_queue_create(const struct weir_job_queue_options *options, struct weir_job_queue **queue)
{
	weir_backend_log_to(options->backend, options->log);
	*queue = create_queue(options);
	if (!*queue)
		return WEIR_ERR_MEMORY;
	(*queue)->walks = create_walks(options);
	return WEIR_OK;
}

/* The first to stop it says for how long it may go on. */
static void stop_one(struct weir_job_queue *queue, int64_t until_ms)
{
	pthread_mutex_lock(&queue->lock);
	if (!queue->stopping)
		queue->until_ms = until_ms;
	queue->stopping = true;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void weir_job_queue_stop(struct weir_job_queue *queue, int64_t limit_ms)
{
	int64_t until_ms = limit_ms < 0 ? INT64_MAX : now_ms() + limit_ms;

	stop_one(queue, until_ms);
	if (queue->walks)
		stop_one(queue->walks, until_ms);
}

static void destroy_walks(struct weir_job_queue *walks)
{
	pthread_join(walks->thread, NULL);
	weir_backend_close(walks->options.backend);
	free_queue(walks);
}

void weir_job_queue_destroy(struct weir_job_queue *queue)
{
	if (!queue)
		return;
	weir_job_queue_stop(queue, 0);
	pthread_join(queue->thread, NULL);
	if (queue->walks)
		destroy_walks(queue->walks);
	free_queue(queue);
}

/* -- Submitting ------------------------------------------------------------------------------------------------------------ */

/* Hangs the job up, unless it is refused. */
static enum weir_status append(struct weir_job_queue *queue, struct weir_job *job)
{
	if (queue->stopping)
		return WEIR_ERR_CANCELLED;
	if (weir_backend_is_cut_off(queue->options.backend))
		return WEIR_ERR_BACKEND;
	if (queue->out >= queue->options.limit)
		return WEIR_ERR_LIMIT;
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
	queue->out++;
	return WEIR_OK;
}

static enum weir_status put(struct weir_job_queue *queue, struct weir_job *job)
{
	enum weir_status status;
	bool newly_full;

	pthread_mutex_lock(&queue->lock);
	status = append(queue, job);
	newly_full = status == WEIR_ERR_LIMIT && !queue->full;
	queue->full = queue->full || newly_full;
	pthread_mutex_unlock(&queue->lock);
	if (status == WEIR_ERR_LIMIT || status == WEIR_ERR_BACKEND)
		weir_backend_count_refused(queue->options.backend, status, 1);
	if (newly_full)
		weir_log_warn(queue->options.log, "cache backend %s is too slow: %zu jobs wait, more are refused",
			      weir_backend_ops(queue->options.backend)->scheme, queue->options.limit);
	return status;
}

static struct weir_job_queue *queue_of(struct weir_job_queue *queue, const struct weir_job *job)
{
	return job->kind == WEIR_JOB_WALK && queue->walks ? queue->walks : queue;
}

static void wake(struct weir_job_queue *queue)
{
	bool wanted;

	pthread_mutex_lock(&queue->lock);
	wanted = queue->asleep && queue->first;
	pthread_mutex_unlock(&queue->lock);
	if (wanted)
		pthread_cond_signal(&queue->changed);
}

enum weir_status weir_job_queue_put(struct weir_job_queue *queue, struct weir_job *job)
{
	return put(queue_of(queue, job), job);
}

void weir_job_queue_wake(struct weir_job_queue *queue)
{
	wake(queue);
	if (queue->walks)
		wake(queue->walks);
}

enum weir_status weir_job_queue_submit(struct weir_job_queue *queue, struct weir_job *job)
{
	struct weir_job_queue *own = queue_of(queue, job);
	enum weir_status status = put(own, job);

	wake(own);
	return status;
}
