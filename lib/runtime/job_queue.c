/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers of remote backends are blocking code; this is the one thread that may block in them. A list under a lock, a condition, and a
 * thread that takes the whole list at once.
 */
#include "runtime/job_queue.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct weir_job_queue {
	struct weir_job_queue_options options;
	pthread_t thread;
	pthread_cond_t changed;
	pthread_mutex_t lock; /* everything below */
	struct weir_job *first;
	struct weir_job **end; /* where the next job is hung up */
	size_t out;            /* submitted and not yet posted */
	bool full;             /* has been since nothing was out: said once in the log */
	bool stopping;
	struct weir_job_queue_stats stats;
};

/* All jobs that have come, once there are some or the end has. */
static struct weir_job *take_all(struct weir_job_queue *queue, bool *stopping)
{
	struct weir_job *jobs;

	pthread_mutex_lock(&queue->lock);
	while (!queue->first && !queue->stopping)
		pthread_cond_wait(&queue->changed, &queue->lock);
	jobs = queue->first;
	queue->first = NULL;
	queue->end = &queue->first;
	*stopping = queue->stopping;
	pthread_mutex_unlock(&queue->lock);
	return jobs;
}

/* Each job may be gone once it is posted. */
static void post_jobs(struct weir_job_queue *queue, struct weir_job *jobs, const struct weir_job *end)
{
	while (jobs != end) {
		struct weir_job *next = jobs->next;

		queue->options.post(queue->options.state, jobs);
		jobs = next;
	}
}

/* Before the jobs are posted: who gets one back may submit another at once. */
static void count_batch(struct weir_job_queue *queue, size_t count, bool *stopping)
{
	pthread_mutex_lock(&queue->lock);
	queue->out -= count;
	queue->full = queue->full && queue->out > 0;
	queue->stats.jobs += count;
	queue->stats.batches++;
	if (queue->stats.largest_batch < count)
		queue->stats.largest_batch = count;
	*stopping = queue->stopping;
	pthread_mutex_unlock(&queue->lock);
}

static struct weir_job *run_batch(struct weir_job_queue *queue, struct weir_job *jobs, bool *stopping)
{
	struct weir_job *end = weir_jobs_run_batch(queue->options.backend, jobs);
	size_t count = 0;

	for (const struct weir_job *job = jobs; job != end; job = job->next)
		count++;
	count_batch(queue, count, stopping);
	post_jobs(queue, jobs, end);
	return end;
}

static void cancel_jobs(struct weir_job_queue *queue, struct weir_job *jobs)
{
	for (struct weir_job *job = jobs; job; job = job->next)
		weir_job_set_status(job, WEIR_ERR_CANCELLED);
	post_jobs(queue, jobs, NULL);
}

static void *run_thread(void *state)
{
	struct weir_job_queue *queue = state;
	struct weir_job *jobs = NULL;
	bool stopping = false;

	while (!stopping) {
		jobs = take_all(queue, &stopping);
		while (jobs && !stopping)
			jobs = run_batch(queue, jobs, &stopping);
	}
	cancel_jobs(queue, jobs);
	cancel_jobs(queue, take_all(queue, &stopping));
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

enum weir_status weir_job_queue_create(const struct weir_job_queue_options *options, struct weir_job_queue **created)
{
	struct weir_job_queue *queue = calloc(1, sizeof(*queue));

	*created = NULL;
	if (!queue)
		return WEIR_ERR_MEMORY;
	queue->options = *options;
	if (queue->options.limit == 0)
		queue->options.limit = WEIR_JOB_QUEUE_LIMIT;
	queue->end = &queue->first;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->changed, NULL);
	if (start_thread(queue) != 0) {
		pthread_cond_destroy(&queue->changed);
		pthread_mutex_destroy(&queue->lock);
		free(queue);
		return WEIR_ERR_MEMORY;
	}
	*created = queue;
	return WEIR_OK;
}

void weir_job_queue_stop(struct weir_job_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stopping = true;
	pthread_cond_signal(&queue->changed);
	pthread_mutex_unlock(&queue->lock);
}

void weir_job_queue_destroy(struct weir_job_queue *queue)
{
	if (!queue)
		return;
	weir_job_queue_stop(queue);
	pthread_join(queue->thread, NULL);
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

/* Hangs the job up, unless it is refused. */
static enum weir_status append(struct weir_job_queue *queue, struct weir_job *job)
{
	if (queue->stopping)
		return WEIR_ERR_CANCELLED;
	if (queue->out >= queue->options.limit) {
		queue->stats.refused++;
		return WEIR_ERR_LIMIT;
	}
	if (!queue->first)
		pthread_cond_signal(&queue->changed);
	job->next = NULL;
	*queue->end = job;
	queue->end = &job->next;
	queue->out++;
	return WEIR_OK;
}

enum weir_status weir_job_queue_submit(struct weir_job_queue *queue, struct weir_job *job)
{
	enum weir_status status;
	bool newly_full;

	pthread_mutex_lock(&queue->lock);
	status = append(queue, job);
	newly_full = status == WEIR_ERR_LIMIT && !queue->full;
	queue->full = queue->full || newly_full;
	pthread_mutex_unlock(&queue->lock);
	if (newly_full)
		weir_log_warn(queue->options.log, "cache backend %s is too slow: %zu jobs wait, more are refused",
			      weir_backend_ops(queue->options.backend)->scheme, queue->options.limit);
	return status;
}

void weir_job_queue_stats(struct weir_job_queue *queue, struct weir_job_queue_stats *stats)
{
	pthread_mutex_lock(&queue->lock);
	*stats = queue->stats;
	pthread_mutex_unlock(&queue->lock);
}
