/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs of threads that may wait: those of handlers and of the app's own. A local backend is called on the spot; a remote one by its I/O
 * thread while a loop runs, and otherwise also on the spot, by one thread at a time.
 */
#include "cache/execute.h"

#include <unistd.h>

#include "cache/backend.h"
#include "exchange/thread.h"

enum weir_status weir_cache_attach(struct weir_cache *cache)
{
	enum weir_status status = WEIR_OK;

	pthread_mutex_lock(&cache->lock);
	if (atomic_load(&cache->attached) != getpid()) {
		status = weir_backend_attach(cache->backend);
		if (status == WEIR_OK)
			atomic_store(&cache->attached, getpid());
	}
	pthread_mutex_unlock(&cache->lock);
	return status;
}

void weir_cache_hold_jobs(struct weir_cache *cache)
{
	pthread_mutex_lock(&cache->lock);
}

void weir_cache_let_jobs(struct weir_cache *cache, enum weir_status (*submit)(void *state, struct weir_job *job), void *state)
{
	cache->submit = submit;
	cache->submit_state = state;
	pthread_mutex_unlock(&cache->lock);
}

enum weir_status weir_cache_refuse_jobs(void *state, struct weir_job *job)
{
	(void)state;
	(void)job;
	return WEIR_ERR_CANCELLED;
}

/* -- Waiting for an I/O thread --------------------------------------------------------------------------------------------- */

struct waiting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t out;
};

static void on_done(struct weir_job *job)
{
	struct waiting *waiting = job->owner;

	pthread_mutex_lock(&waiting->lock);
	if (--waiting->out == 0)
		pthread_cond_signal(&waiting->changed);
	pthread_mutex_unlock(&waiting->lock);
}

static void submit(struct weir_cache *cache, struct weir_job *job, struct waiting *waiting)
{
	enum weir_status status;

	job->owner = waiting;
	job->done = on_done;
	job->anywhere = true;
	pthread_mutex_lock(&waiting->lock);
	waiting->out++;
	pthread_mutex_unlock(&waiting->lock);
	status = cache->submit(cache->submit_state, job);
	if (status == WEIR_OK) /* from here on the job is the I/O thread's */
		return;
	weir_job_set_status(job, status);
	on_done(job);
}

/* Under the cache's lock: the jobs are on their way when it returns, or done. */
static void send(struct weir_cache *cache, struct weir_job *jobs, struct waiting *waiting)
{
	if (!cache->submit) {
		weir_jobs_execute(cache->backend, jobs);
		return;
	}
	while (jobs) {
		struct weir_job *next = jobs->next;

		submit(cache, jobs, waiting);
		jobs = next;
	}
}

static void execute_remote(struct weir_cache *cache, struct weir_job *jobs)
{
	struct waiting waiting = { .out = 0 };

	pthread_mutex_init(&waiting.lock, NULL);
	pthread_cond_init(&waiting.changed, NULL);
	pthread_mutex_lock(&cache->lock);
	send(cache, jobs, &waiting);
	pthread_mutex_unlock(&cache->lock);
	pthread_mutex_lock(&waiting.lock);
	while (waiting.out > 0)
		pthread_cond_wait(&waiting.changed, &waiting.lock);
	pthread_mutex_unlock(&waiting.lock);
	pthread_cond_destroy(&waiting.changed);
	pthread_mutex_destroy(&waiting.lock);
}

/* -- The way of all -------------------------------------------------------------------------------------------------------- */

static enum weir_status refuse_all(struct weir_job *jobs, enum weir_status status)
{
	for (struct weir_job *job = jobs; job; job = job->next)
		weir_job_set_status(job, status);
	return status;
}

bool weir_cache_can_execute(struct weir_cache *cache)
{
	bool runs;

	if (cache->local || !weir_thread_is_loop())
		return true;
	pthread_mutex_lock(&cache->lock);
	runs = cache->submit != NULL;
	pthread_mutex_unlock(&cache->lock);
	return !runs;
}

enum weir_status weir_cache_execute(struct weir_cache *cache, struct weir_job *jobs)
{
	enum weir_status status = WEIR_OK;

	if (!weir_cache_can_execute(cache))
		return refuse_all(jobs, WEIR_ERR_STATE);
	if (atomic_load_explicit(&cache->attached, memory_order_acquire) == 0)
		status = weir_cache_attach(cache);
	if (status < 0)
		return refuse_all(jobs, status);
	if (cache->local)
		weir_jobs_execute(cache->backend, jobs);
	else
		execute_remote(cache, jobs);
	return jobs->status;
}
