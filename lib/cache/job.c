/* SPDX-License-Identifier: Apache-2.0
 *
 * Turns jobs into calls of a driver. Only neighbours are put together: their order, and so what each of them sees, is that of the list.
 */
#include "cache/job.h"

#include "cache/backend.h"

void weir_job_set_status(struct weir_job *job, enum weir_status status)
{
	job->status = status;
	if (job->kind == WEIR_JOB_READ)
		job->read.status = status;
	else if (job->kind == WEIR_JOB_WRITE)
		job->write.status = status;
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

static enum weir_status run_one(struct weir_backend *backend, struct weir_job *job)
{
	const struct weir_backend_ops *ops = weir_backend_ops(backend);
	void *self = weir_backend_self(backend);

	switch (job->kind) {
	case WEIR_JOB_REMOVE:
		return ops->remove(self, job->remove.keys, job->remove.count, &job->remove.removed);
	case WEIR_JOB_CLEAR:
		return ops->clear(self, job->clear.cells, job->clear.count, job->clear.keep_ms, &job->clear.clock);
	case WEIR_JOB_LEASE:
		return ops->lease(self, job->lease.key, job->lease.token, job->lease.ttl_ms);
	case WEIR_JOB_RENEW:
		return ops->renew(self, job->lease.key, job->lease.token, job->lease.ttl_ms);
	case WEIR_JOB_RELEASE:
		return ops->release(self, job->lease.key, job->lease.token);
	case WEIR_JOB_WALK:
		return ops->walk(self, job->walk.prefix, job->walk.remove, job->walk.visit, job->walk.state);
	case WEIR_JOB_READ:
	case WEIR_JOB_WRITE:
		break;
	}
	return WEIR_ERR_INVALID;
}

struct weir_job *weir_jobs_run_batch(struct weir_backend *backend, struct weir_job *jobs)
{
	if (jobs->kind == WEIR_JOB_READ)
		return run_reads(backend, jobs);
	if (jobs->kind == WEIR_JOB_WRITE)
		return run_writes(backend, jobs);
	weir_job_set_status(jobs, run_one(backend, jobs));
	return jobs->next;
}

void weir_jobs_execute(struct weir_backend *backend, struct weir_job *jobs)
{
	while (jobs)
		jobs = weir_jobs_run_batch(backend, jobs);
}
