/* SPDX-License-Identifier: Apache-2.0
 *
 * A lease outlives the exchange it was taken for: its renewal or its release may be with the backend when the request is over. So it is a
 * thing of its own, which frees itself when it was ended and the last of its jobs is back.
 */
#include "cache/lease.h"

#include <stdlib.h>

#include "base/endian.h"
#include "cache/token.h"

struct weir_lease {
	struct weir_cache *cache;
	struct weir_host *host;
	struct weir_timer renewal;
	struct weir_job job; /* asks, then renews */
	struct weir_job release;
	size_t out; /* of its jobs, those that nobody waits for */
	bool held;
	bool ended;
	uint64_t token;
	int64_t ttl_ms;
	struct weir_slice key; /* the beginning of `name` */
	char name[];
};

struct weir_slice weir_lease_name(char *name, struct weir_slice key, uint64_t generation, enum weir_lease_rank rank)
{
	if (name != key.data)
		memcpy(name, key.data, key.len);
	weir_store_le64(name + key.len, generation);
	name[key.len + 8] = (char)rank;
	return weir_slice(name, weir_lease_name_size(key));
}

static struct weir_job make_job(struct weir_lease *lease, enum weir_lease_verb verb, void (*done)(struct weir_job *job))
{
	struct weir_job job = { .kind = WEIR_JOB_LEASE, .done = done, .owner = lease };

	job.lease.verb = verb;
	job.lease.key = weir_slice(lease->name, weir_lease_name_size(lease->key));
	job.lease.token = lease->token;
	job.lease.ttl_ms = lease->ttl_ms;
	return job;
}

/* On the spot with a local backend; else true: the job is on its way. */
static bool send(struct weir_lease *lease, struct weir_job *job)
{
	enum weir_status status;

	if (lease->cache->local) {
		weir_jobs_execute(lease->cache->backend, job);
		return false;
	}
	status = lease->host->ops->submit(lease->host, lease->cache->backend, job);
	if (status == WEIR_OK) { /* from here on the job is the I/O thread's */
		lease->out++;
		return true;
	}
	weir_job_set_status(job, status);
	return false;
}

static void free_if_over(struct weir_lease *lease)
{
	if (lease->ended && lease->out == 0)
		free(lease);
}

void weir_lease_report(struct weir_cache *cache, enum weir_report kind, enum weir_status status)
{
	if (status >= 0)
		return;
	weir_cache_report(cache, kind, "a lease could not be %s: %s", kind == WEIR_REPORT_RENEWAL ? "renewed" : "given back",
			  weir_status_text(status));
}

/* -- Renewing -------------------------------------------------------------------------------------------------------------- */

/* Without memory for the timer the lease ends when its time is over, as a dead holder's does. */
static void renew_later(struct weir_lease *lease)
{
	int64_t due_ms = lease->host->now_ms + lease->ttl_ms / 3;

	weir_lease_report(lease->cache, WEIR_REPORT_RENEWAL, weir_timer_set(&lease->host->timers, &lease->renewal, due_ms));
}

/* MISS: its time was over, and another may have it by now. A failure may be over the next time. */
static void renewed(struct weir_lease *lease)
{
	weir_lease_report(lease->cache, WEIR_REPORT_RENEWAL, lease->job.status);
	lease->held = lease->job.status != WEIR_MISS;
	if (lease->held)
		renew_later(lease);
}

static void on_renewed(struct weir_job *job)
{
	struct weir_lease *lease = job->owner;

	lease->out--;
	if (!lease->ended)
		renewed(lease);
	free_if_over(lease);
}

static void on_renewal(struct weir_timer *timer)
{
	struct weir_lease *lease = timer->owner;

	lease->job = make_job(lease, WEIR_LEASE_RENEW, on_renewed);
	if (!send(lease, &lease->job))
		renewed(lease);
}

/* -- Its life -------------------------------------------------------------------------------------------------------------- */

struct weir_lease *weir_lease_create(struct weir_cache *cache, struct weir_host *host, struct weir_slice key, int64_t ttl_ms)
{
	struct weir_lease *made = malloc(sizeof(*made) + weir_lease_name_size(key));

	if (!made)
		return NULL;
	*made = (struct weir_lease){ .cache = cache, .host = host, .ttl_ms = ttl_ms };
	made->token = weir_token_draw();
	weir_timer_init(&made->renewal, on_renewal, made);
	made->key = weir_slice(memcpy(made->name, key.data, key.len), key.len);
	return made;
}

struct weir_job *weir_lease_ask(struct weir_lease *lease, uint64_t generation, enum weir_lease_rank rank)
{
	(void)weir_lease_name(lease->name, lease->key, generation, rank);
	lease->job = make_job(lease, WEIR_LEASE_TAKE, NULL);
	return &lease->job;
}

enum weir_status weir_lease_answer(struct weir_lease *lease)
{
	lease->held = lease->job.status == WEIR_OK;
	if (lease->held)
		renew_later(lease);
	return lease->job.status;
}

static void on_released(struct weir_job *job)
{
	struct weir_lease *lease = job->owner;

	lease->out--;
	weir_lease_report(lease->cache, WEIR_REPORT_RELEASE, job->status);
	free_if_over(lease);
}

void weir_lease_end(struct weir_lease *lease)
{
	if (!lease)
		return;
	weir_timer_remove(&lease->host->timers, &lease->renewal);
	lease->ended = true;
	if (lease->held) {
		lease->release = make_job(lease, WEIR_LEASE_RELEASE, on_released);
		if (!send(lease, &lease->release))
			weir_lease_report(lease->cache, WEIR_REPORT_RELEASE, lease->release.status);
	}
	free_if_over(lease);
}
