/* SPDX-License-Identifier: Apache-2.0
 *
 * The I/O thread of a remote backend.
 *
 * Any thread submits jobs, which never blocks. The I/O thread takes all that have come, arranges them (cache/job.h), runs them in batches
 * and posts each job back as soon as its batch is done, so batches grow with the load by themselves. It is the only thread that calls the
 * driver. What the driver hands out, values with their `release`, belongs to whoever gets the job back. A job that is `anywhere` is not
 * posted: its `done` is called on the I/O thread.
 *
 * Walks may take long, so they have a thread and a handle of their own, where the backend was opened from an URL; else they take their turn
 * among the others.
 *
 * The thread begins with a check of the backend: a failure is logged, and nobody waits for what is not there. While the backend is cut off
 * (cache/breaker.h), jobs are refused, and the thread itself asks now and then whether it is back: no request pays for that.
 *
 * The queue is bounded: so many jobs may wait or run. Every job that was taken by submit comes back exactly once.
 */
#ifndef WEIR_RUNTIME_JOB_QUEUE_H
#define WEIR_RUNTIME_JOB_QUEUE_H

#include <weir/log.h>

#include "cache/job.h"

#define WEIR_JOB_QUEUE_LIMIT 8192

struct weir_job_queue;

struct weir_job_queue_options {
	struct weir_backend *backend; /* attached; borrowed until destroy has returned */
	struct weir_log *log;
	/* Called on the I/O thread for each job that has its status and is not `anywhere`: hands it to where its `done` is called. May
	 * submit. */
	void (*post)(void *state, struct weir_job *job);
	/* The same thread, after the last of those that came back together: time to wake who waits for them. NULL: nobody. */
	void (*posted)(void *state);
	void *state;
	size_t limit; /* jobs; 0: WEIR_JOB_QUEUE_LIMIT */
};

/* Starts the threads, with all signals blocked. The options are copied. ERR_MEMORY, also when there can be no thread. */
WEIR_MUST_CHECK enum weir_status weir_job_queue_create(const struct weir_job_queue_options *options, struct weir_job_queue **queue);

/* Any thread, does not wait: submit refuses from now on. The call of the driver that is running ends as it does, but a walk before the next
 * key that it visits, with ERR_CANCELLED. Of the jobs behind it those that others count on (weir_job_is_for_others) are still done, as far
 * as their calls begin within `limit_ms`, negative: however long it takes; the rest comes back unrun, with ERR_CANCELLED too. When called
 * again it changes nothing. */
void weir_job_queue_stop(struct weir_job_queue *queue, int64_t limit_ms);

/* Waits for the threads to post all that is out, and ends them: nothing is posted afterwards. A queue that was not stopped is, with a limit
 * of 0. Takes NULL. */
void weir_job_queue_destroy(struct weir_job_queue *queue);

/* Any thread. ERR_LIMIT when the queue is full, ERR_BACKEND when the backend is cut off, ERR_CANCELLED when the queue is stopped: the job
 * is the caller's again and will not be posted. */
WEIR_MUST_CHECK enum weir_status weir_job_queue_submit(struct weir_job_queue *queue, struct weir_job *job);

/* The same for who may have more to submit at once: the I/O thread, when it sleeps, sleeps on until wake. */
WEIR_MUST_CHECK enum weir_status weir_job_queue_put(struct weir_job_queue *queue, struct weir_job *job);
void weir_job_queue_wake(struct weir_job_queue *queue);

#endif
