/* SPDX-License-Identifier: Apache-2.0
 *
 * One operation on a backend as data: keys and bytes, never an exchange.
 *
 * Whoever wants something of a backend fills a job. A local backend's jobs are run on the spot by weir_jobs_execute(); a remote one's go
 * through a job queue (runtime/job_queue.h) and come back to the loop, which calls `done`. Nothing in here calls `done`.
 *
 * The maker owns the job and all that it points to, which must stay until the job is back. Between submitting and return only the I/O
 * thread touches it. A job is used again by filling it again.
 */
#ifndef WEIR_CACHE_JOB_H
#define WEIR_CACHE_JOB_H

#include <weir/backend_driver.h>

#include "exchange/host.h"

/* So many adjacent jobs of one kind become one call of the driver. */
#define WEIR_JOB_READS_MAX 64
#define WEIR_JOB_WRITES_MAX 256

/* Each is the driver's function of that name; READ is get_many, WRITE is set_many. */
enum weir_job_kind {
	WEIR_JOB_READ,
	WEIR_JOB_WRITE,
	WEIR_JOB_REMOVE,
	WEIR_JOB_CLEAR,
	WEIR_JOB_LEASE,
	WEIR_JOB_RENEW,
	WEIR_JOB_RELEASE,
	WEIR_JOB_WALK,
};

struct weir_job_remove {
	const struct weir_slice *keys;
	size_t count;
	size_t removed; /* result */
};

struct weir_job_clear {
	const struct weir_slice *cells;
	size_t count;
	int64_t keep_ms;
	uint64_t clock; /* result */
};

/* For LEASE, RENEW and RELEASE. */
struct weir_job_lease {
	struct weir_slice key;
	uint64_t token;
	int64_t ttl_ms;
};

struct weir_job_walk {
	struct weir_slice prefix;
	bool remove;
	weir_backend_visit_fn visit; /* on the I/O thread */
	void *state;
};

struct weir_job {
	struct weir_job *next;    /* in the list it is on; whoever takes it off may use it */
	struct weir_message back; /* for the loop that it is posted back to */
	enum weir_job_kind kind;
	/* What the driver said; for READ and WRITE the same as the operand's. A job that was not run has the reason here, and a READ's
	 * values are then none. */
	enum weir_status status;
	void (*done)(struct weir_job *job);
	void *owner; /* for `done`; not looked at here */
	union {
		struct weir_backend_read read;
		struct weir_backend_set write;
		struct weir_job_remove remove;
		struct weir_job_clear clear;
		struct weir_job_lease lease;
		struct weir_job_walk walk;
	};
};

/* Sets the job's status, and the operand's of a READ or WRITE. */
void weir_job_set_status(struct weir_job *job, enum weir_status status);

/* Runs the first job and those behind it that go into the same call of the driver. Returns the first that was not run; NULL at the end. The
 * `next` of those that were run is as before. */
struct weir_job *weir_jobs_run_batch(struct weir_backend *backend, struct weir_job *jobs);

/* Runs the whole list, in order, batch by batch: a job sees what those before it did. */
void weir_jobs_execute(struct weir_backend *backend, struct weir_job *jobs);

#endif
