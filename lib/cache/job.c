/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns jobs into calls of a driver: neighbours of one kind go together. Every call of a remote driver is counted and its breaker told.
 */
#include "cache/job.h"

#include <time.h>

#include "cache/backend.h"

void weir_job_set_status(struct weir_job *job, enum weir_status status)
{
	job->status = status;
	if (job->kind == WEIR_JOB_READ)
		job->read.status = status;
	else if (job->kind == WEIR_JOB_WRITE)
		job->write.status = status;
	else if (job->kind == WEIR_JOB_LEASE)
		job->lease.status = status;
}

bool weir_job_is_for_others(const struct weir_job *job)
{
	switch (job->kind) {
	case WEIR_JOB_WRITE:
	case WEIR_JOB_REMOVE:
	case WEIR_JOB_CLEAR:
		return true;
	case WEIR_JOB_LEASE:
		return job->lease.verb == WEIR_LEASE_RELEASE;
	case WEIR_JOB_READ:
		return job->read.get_count == 0 && job->read.cell_count > 0;
	case WEIR_JOB_WALK:
		break;
	}
	return false;
}

static struct weir_job *run_reads(struct weir_backend *backend, struct weir_job *jobs)
{
	struct weir_backend_read *reads[WEIR_JOB_READS_MAX];
	struct weir_job *end = jobs;
	enum weir_status status;
	size_t count = 0;

	for (; end && end->kind == WEIR_JOB_READ && count < WEIR_JOB_READS_MAX; end = end->next)
		reads[count++] = &end->read;
	status = weir_backend_ops(backend)->get_many(weir_backend_self(backend), reads, count);
	for (struct weir_job *job = jobs; job != end; job = job->next)
		weir_job_set_status(job, status == WEIR_OK ? job->read.status : status);
	return end;
}

static struct weir_job *run_writes(struct weir_backend *backend, struct weir_job *jobs)
{
	struct weir_backend_set sets[WEIR_JOB_WRITES_MAX];
	struct weir_job *end = jobs;
	enum weir_status status;
	size_t count = 0;

	for (; end && end->kind == WEIR_JOB_WRITE && count < WEIR_JOB_WRITES_MAX; end = end->next)
		sets[count++] = end->write;
	status = weir_backend_ops(backend)->set_many(weir_backend_self(backend), sets, count);
	count = 0;
	for (struct weir_job *job = jobs; job != end; job = job->next, count++)
		weir_job_set_status(job, status == WEIR_OK ? sets[count].status : status);
	return end;
}

static struct weir_job *run_leases(struct weir_backend *backend, struct weir_job *jobs)
{
	struct weir_backend_lease leases[WEIR_JOB_LEASES_MAX];
	struct weir_job *end = jobs;
	enum weir_status status;
	size_t count = 0;

	for (; end && end->kind == WEIR_JOB_LEASE && count < WEIR_JOB_LEASES_MAX; end = end->next)
		leases[count++] = end->lease;
	status = weir_backend_ops(backend)->lease_many(weir_backend_self(backend), leases, count);
	count = 0;
	for (struct weir_job *job = jobs; job != end; job = job->next, count++)
		weir_job_set_status(job, status == WEIR_OK ? leases[count].status : status);
	return end;
}

static enum weir_status run_one(struct weir_backend *backend, struct weir_job *job)
{
	const struct weir_backend_ops *ops = weir_backend_ops(backend);
	void *self = weir_backend_self(backend);

	switch (job->kind) {
	case WEIR_JOB_REMOVE:
		return ops->remove(self, job->remove.keys, job->remove.count, &job->remove.removed);
	case WEIR_JOB_CLEAR:
		return ops->clear(self, job->clear.cells, job->clear.count, job->clear.keep_ms, &job->clear.clock);
	case WEIR_JOB_WALK:
		return ops->walk(self, job->walk.prefix, job->walk.remove, job->walk.visit, job->walk.state);
	case WEIR_JOB_READ:
	case WEIR_JOB_WRITE:
	case WEIR_JOB_LEASE:
		break;
	}
	return WEIR_ERR_INVALID;
}

static struct weir_job *call_driver(struct weir_backend *backend, struct weir_job *jobs)
{
	if (jobs->kind == WEIR_JOB_READ)
		return run_reads(backend, jobs);
	if (jobs->kind == WEIR_JOB_WRITE)
		return run_writes(backend, jobs);
	if (jobs->kind == WEIR_JOB_LEASE)
		return run_leases(backend, jobs);
	weir_job_set_status(jobs, run_one(backend, jobs));
	return jobs->next;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void note_call(struct weir_backend *backend, const struct weir_job *jobs, const struct weir_job *end, uint64_t time_us)
{
	struct weir_backend_call call = { .what = (enum weir_backend_operation)jobs->kind, .time_us = time_us, .status = jobs->status };

	for (const struct weir_job *job = jobs; job != end; job = job->next) {
		call.operations++;
		call.errors += job->status < 0;
	}
	if (call.errors < call.operations)
		call.status = WEIR_OK;
	weir_backend_note(backend, &call);
}

void weir_jobs_refuse(struct weir_backend *backend, struct weir_job *jobs)
{
	uint64_t count = 0;

	for (struct weir_job *job = jobs; job; job = job->next, count++)
		weir_job_set_status(job, WEIR_ERR_BACKEND);
	weir_backend_count_refused(backend, WEIR_ERR_BACKEND, count);
}

struct weir_job *weir_jobs_run_batch(struct weir_backend *backend, struct weir_job *jobs)
{
	struct weir_job *end;
	uint64_t begin_us;

	if (weir_backend_is_local(backend))
		return call_driver(backend, jobs);
	if (!weir_backend_lets(backend)) {
		weir_jobs_refuse(backend, jobs);
		return NULL;
	}
	begin_us = now_us();
	end = call_driver(backend, jobs);
	note_call(backend, jobs, end, now_us() - begin_us);
	return end;
}

void weir_jobs_execute(struct weir_backend *backend, struct weir_job *jobs)
{
	while (jobs)
		jobs = weir_jobs_run_batch(backend, jobs);
}

/* -- The order ------------------------------------------------------------------------------------------------------------- */

enum {
	RANK_WRITE,
	RANK_LEASE,
	RANK_READ,
	RANK_BARRIER,
};

static int rank_of(const struct weir_job *job)
{
	switch (job->kind) {
	case WEIR_JOB_WRITE:
		return RANK_WRITE;
	case WEIR_JOB_LEASE:
		return RANK_LEASE;
	case WEIR_JOB_READ:
		return RANK_READ;
	case WEIR_JOB_REMOVE:
	case WEIR_JOB_CLEAR:
	case WEIR_JOB_WALK:
		break;
	}
	return RANK_BARRIER;
}

/* Hangs up all jobs before the next barrier at `end`; returns where the next is hung up, and in `*jobs` the barrier, or NULL. */
static struct weir_job **arrange_section(struct weir_job **jobs, struct weir_job **end)
{
	struct weir_job *firsts[RANK_BARRIER] = { NULL }, **ends[RANK_BARRIER], *job = *jobs;
	int rank;

	for (rank = 0; rank < RANK_BARRIER; rank++)
		ends[rank] = &firsts[rank];
	for (; job && (rank = rank_of(job)) < RANK_BARRIER; job = job->next) {
		*ends[rank] = job;
		ends[rank] = &job->next;
	}
	*jobs = job;
	for (rank = 0; rank < RANK_BARRIER; rank++) {
		*ends[rank] = NULL;
		*end = firsts[rank];
		end = firsts[rank] ? ends[rank] : end;
	}
	return end;
}

struct weir_job *weir_jobs_arrange(struct weir_job *jobs)
{
	struct weir_job *first = NULL, **end = &first;

	while (jobs) {
		end = arrange_section(&jobs, end);
		if (!jobs)
			break;
		*end = jobs;
		end = &jobs->next;
		jobs = jobs->next;
	}
	*end = NULL;
	return first;
}
