/* SPDX-License-Identifier: Apache-2.0
 *
 * One operation on a backend as data: keys and bytes, never an exchange.
 *
 * Whoever wants something of a backend fills a job. A local backend's jobs are run on the spot by weir_jobs_execute(); a remote one's go
 * through a job queue (runtime/job_queue.h) and come back to the loop, which calls `done`; or, with `anywhere`, the I/O thread does, for
 * who needs no loop. Nothing in here calls `done`.
 *
 * The maker owns the job and all that it points to, which must stay until the job is back. Between submitting and return only the I/O
 * thread touches it. A job is used again by filling it again.
 *
 * Jobs that are in a list together are under way at the same time, so but for what one maker has sent one after the other they may take
 * effect in any order. weir_jobs_arrange() makes use of it: between two barriers (REMOVE, CLEAR and WALK, which see all that is before
 * them and nothing behind) it puts WRITEs first, then LEASEs, then READs, each kind in the order it had. Then few calls do for many
 * requests, however their jobs are mixed. Every order that a maker relies on stays: a WRITE is before the LEASE job that gives the lease
 * back, so whoever gets it next finds the value; a LEASE that is taken is before the READ that looks once more.
 */
#ifndef WEIR_CACHE_JOB_H
#define WEIR_CACHE_JOB_H

#include <weir/backend_driver.h>
#include <weir/backend_metrics.h>

#include "exchange/host.h"

/* So many adjacent jobs of one kind become one call of the driver. */
#define WEIR_JOB_READS_MAX 64
#define WEIR_JOB_WRITES_MAX 256
#define WEIR_JOB_LEASES_MAX 64

/* Each is the driver's function of that name; READ is get_many, WRITE is set_many, LEASE is lease_many. */
enum weir_job_kind {
	WEIR_JOB_READ = WEIR_BACKEND_READ,
	WEIR_JOB_WRITE = WEIR_BACKEND_WRITE,
	WEIR_JOB_LEASE = WEIR_BACKEND_LEASE,
	WEIR_JOB_REMOVE = WEIR_BACKEND_REMOVE,
	WEIR_JOB_CLEAR = WEIR_BACKEND_CLEAR,
	WEIR_JOB_WALK = WEIR_BACKEND_WALK,
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
	/* What the driver said; for READ, WRITE and LEASE the same as the operand's. A job that was not run has the reason here, and a
	 * READ's values are then none. */
	enum weir_status status;
	void (*done)(struct weir_job *job);
	bool anywhere; /* `done` may be called on any thread, and never waits */
	void *owner;   /* for `done`; not looked at here */
	union {
		struct weir_backend_read read;
		struct weir_backend_set write;
		struct weir_job_remove remove;
		struct weir_job_clear clear;
		struct weir_backend_lease lease;
		struct weir_job_walk walk;
	};
};

/* Sets the job's status, and the operand's of a READ, WRITE or LEASE. */
void weir_job_set_status(struct weir_job *job, enum weir_status status);

/* True for what others count on: an entry and the cells that it depends on, a clear, a lease that is given back. A READ of cells alone is
 * taken for one that goes with an entry. All else is for whoever has asked. */
bool weir_job_is_for_others(const struct weir_job *job);

/* The same jobs in the order that is best for batches; see above. Returns the first. */
struct weir_job *weir_jobs_arrange(struct weir_job *jobs);

/* Runs the first job and those behind it that go into the same call of the driver. Returns the first that was not run; NULL at the end. The
 * `next` of those that were run is as before. While a remote backend is cut off, all fail at once with ERR_BACKEND. */
struct weir_job *weir_jobs_run_batch(struct weir_backend *backend, struct weir_job *jobs);

/* Fails the whole list, as for a backend that is cut off. */
void weir_jobs_refuse(struct weir_backend *backend, struct weir_job *jobs);

/* Runs the whole list, in its order, batch by batch: a job sees what those before it did. */
void weir_jobs_execute(struct weir_backend *backend, struct weir_job *jobs);

#endif
