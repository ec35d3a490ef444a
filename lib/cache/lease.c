/* SPDX-License-Identifier: Apache-2.0
 *
 * A lease outlives the exchange it was taken for: its renewal or its release may be with the backend when the request is over. So it is a
 * thing of its own, which frees itself when it was ended and the last of its jobs is back.
 */
#include "cache/lease.h"

#include <stdlib.h>

#include "base/endian.h"
#include "cache/token.h"

/* What stands behind the key in the name of a lease: generation and rank. */
#define SUFFIX ((size_t)9)

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
	size_t key_len;
	char name[];
};

static struct weir_job make_job(struct weir_lease *lease, enum weir_job_kind kind, void (*done)(struct weir_job *job))
{
	struct weir_job job = { .kind = kind, .done = done, .owner = lease };

	job.lease = (struct weir_job_lease){ weir_slice(lease->name, lease->key_len + SUFFIX), lease->token, lease->ttl_ms };
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

static void report(const struct weir_lease *lease, const char *what, enum weir_status status)
{
	if (status >= 0)
		return;
	weir_cache_count(lease->cache, WEIR_COUNT_ERROR);
	weir_log_warn(lease->cache->log, "a lease could not be %s: %s", what, weir_status_text(status));
}

/* -- Renewing -------------------------------------------------------------------------------------------------------------- */

/* Without memory for the timer the lease ends when its time is over, as a dead holder's does. */
static void renew_later(struct weir_lease *lease)
{
	report(lease, "renewed", weir_timer_set(&lease->host->timers, &lease->renewal, lease->host->now_ms + lease->ttl_ms / 3));
}

/* MISS: its time was over, and another may have it by now. A failure may be over the next time. */
static void renewed(struct weir_lease *lease)
{
	report(lease, "renewed", lease->job.status);
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

	lease->job = make_job(lease, WEIR_JOB_RENEW, on_renewed);
	if (!send(lease, &lease->job))
		renewed(lease);
}

/* -- Its life -------------------------------------------------------------------------------------------------------------- */

struct weir_lease *weir_lease_create(struct weir_cache *cache, struct weir_host *host, struct weir_slice key, int64_t ttl_ms)
{
	struct weir_lease *made = malloc(sizeof(*made) + key.len + SUFFIX);

	if (!made)
		return NULL;
	*made = (struct weir_lease){ .cache = cache, .host = host, .ttl_ms = ttl_ms, .key_len = key.len };
	made->token = weir_token_draw();
	weir_timer_init(&made->renewal, on_renewal, made);
	memcpy(made->name, key.data, key.len);
	return made;
}

struct weir_job *weir_lease_ask(struct weir_lease *lease, uint64_t generation, enum weir_lease_rank rank)
{
	weir_store_le64(lease->name + lease->key_len, generation);
	lease->name[lease->key_len + 8] = (char)rank;
	lease->job = make_job(lease, WEIR_JOB_LEASE, NULL);
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
	report(lease, "given back", job->status);
	free_if_over(lease);
}

void weir_lease_end(struct weir_lease *lease)
{
	if (!lease)
		return;
	weir_timer_remove(&lease->host->timers, &lease->renewal);
	lease->ended = true;
	if (lease->held) {
		lease->release = make_job(lease, WEIR_JOB_RELEASE, on_released);
		if (!send(lease, &lease->release))
			report(lease, "given back", lease->release.status);
	}
	free_if_over(lease);
}
