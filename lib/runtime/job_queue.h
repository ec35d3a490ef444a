/* SPDX-License-Identifier: Apache-2.0
 *
 * The I/O thread of a remote backend.
 *
 * Any thread submits jobs, which never blocks. The I/O thread takes all that have come, runs them in batches (cache/job.h) and posts each
 * job back as soon as its batch is done, so batches grow with the load by themselves. It is the only thread that calls the driver. What
 * the driver hands out, values with their `release`, belongs to whoever gets the job back.
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
	/* Called on the I/O thread for each job that has its status: hands it to where its `done` is called. May submit. */
	void (*post)(void *state, struct weir_job *job);
	void *state;
	size_t limit; /* jobs; 0: WEIR_JOB_QUEUE_LIMIT */
};

struct weir_job_queue_stats {
	uint64_t jobs;          /* run by the driver */
	uint64_t batches;       /* calls of the driver */
	uint64_t largest_batch; /* jobs */
	uint64_t refused;       /* by submit, for being too many */
};

/* Starts the thread, with all signals blocked. The options are copied. ERR_MEMORY, also when there can be no thread. */
WEIR_MUST_CHECK enum weir_status weir_job_queue_create(const struct weir_job_queue_options *options, struct weir_job_queue **queue);

/* Any thread, does not wait: submit refuses from now on; the call of the driver that is running ends as it does; all other jobs come back
 * unrun, with ERR_CANCELLED. */
void weir_job_queue_stop(struct weir_job_queue *queue);

/* Stops, waits for the thread to post all that is out, and ends it: nothing is posted afterwards. Takes NULL. */
void weir_job_queue_destroy(struct weir_job_queue *queue);

/* Any thread. ERR_LIMIT when the queue is full, ERR_CANCELLED when it is stopped: the job is the caller's again and will not be posted. */
WEIR_MUST_CHECK enum weir_status weir_job_queue_submit(struct weir_job_queue *queue, struct weir_job *job);

/* Any thread. */
void weir_job_queue_stats(struct weir_job_queue *queue, struct weir_job_queue_stats *stats);

#endif
