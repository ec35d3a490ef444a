/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for a driver that is not local, by way of a job queue: what the suite says of one driver is then said of the queue too.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "runtime/job_queue.h"
#include "support/slow_backend.h"

/* The backend that is open, and its queue. */
static struct weir_slow_backend *slow;
static struct weir_job_queue *queue;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t posted = PTHREAD_COND_INITIALIZER;

/* `owner` of a job is the number of its list's jobs that are out. */
static void post(void *state, struct weir_job *job)
{
	size_t *out = job->owner;

	(void)state;
	pthread_mutex_lock(&lock);
	if (--*out == 0)
		pthread_cond_broadcast(&posted);
	pthread_mutex_unlock(&lock);
}

static struct weir_backend *open_slow(const struct weir_backend_env *env, uint64_t size)
{
	struct weir_backend *memory, *backend;
	char url[64], why[200];

	(void)snprintf(url, sizeof(url), "memory:?size=%llu", (unsigned long long)size);
	if (weir_backend_open(url, env, why, sizeof(why), &memory) != WEIR_OK)
		return NULL;
	slow = weir_slow_backend_create(memory, &backend);
	if (!slow || weir_job_queue_create(&(struct weir_job_queue_options){ .backend = backend, .post = post }, &queue) != WEIR_OK)
		return NULL;
	return backend;
}

static void close_slow(struct weir_backend *backend)
{
	struct weir_slow_counts counts;

	weir_job_queue_destroy(queue);
	weir_slow_backend_counts(slow, &counts);
	if (counts.overlapped > 0)
		abort();
	weir_backend_close(backend);
}

/* Jobs are submitted one by one, as the loop does it. */
static void run_through_queue(struct weir_backend *backend, struct weir_job *jobs)
{
	size_t out = 0;

	(void)backend;
	for (const struct weir_job *job = jobs; job; job = job->next)
		out++;
	for (struct weir_job *job = jobs, *next; job; job = next) {
		next = job->next;
		job->owner = &out;
		if (weir_job_queue_submit(queue, job) != WEIR_OK)
			abort();
	}
	pthread_mutex_lock(&lock);
	while (out > 0)
		pthread_cond_wait(&posted, &lock);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	return weir_contract_main(&(struct weir_contract_driver){
		.name = "slow_queue",
		.flags = WEIR_CONTRACT_BOUNDED | WEIR_CONTRACT_COUNTS,
		.open = open_slow,
		.close = close_slow,
		.run = run_through_queue,
		.value_fits = WEIR_CONTRACT_SIZE / 4,
		.value_refused = WEIR_CONTRACT_SIZE / 4 + 1,
	});
}
