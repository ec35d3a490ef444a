/* SPDX-License-Identifier: Apache-2.0
 *
 * A job queue with a backend whose calls end when the test says so, and jobs to submit. What was posted is kept in its order.
 */
#ifndef WEIR_TESTS_QUEUED_JOBS_H
#define WEIR_TESTS_QUEUED_JOBS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "cache/backend.h"
#include "runtime/job_queue.h"
#include "support/slow_backend.h"

#define JOBS 300

struct queued_jobs {
	struct weir_slow_backend *slow;
	struct weir_backend *backend;
	struct weir_job_queue *queue;
	struct weir_log *log;
	int lines; /* in the log, and their text: read once the thread has written it */
	char text[1000];
	struct weir_job jobs[JOBS];
	struct weir_backend_get gets[JOBS];
	struct weir_backend_cell cell;
	struct weir_job *next_job; /* submitted when the first job is posted, by the I/O thread */
	pthread_mutex_t lock;      /* everything below */
	pthread_cond_t changed;
	struct weir_job *posted[JOBS]; /* in this order */
	size_t posted_count;
	pthread_t poster;
};

static inline void post(void *state, struct weir_job *job)
{
	struct queued_jobs *f = state;
	struct weir_job *next;

	pthread_mutex_lock(&f->lock);
	f->posted[f->posted_count++] = job;
	f->poster = pthread_self();
	next = f->next_job;
	f->next_job = NULL;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
	if (next && weir_job_queue_submit(f->queue, next) != WEIR_OK)
		abort();
}

static inline void wait_posted(struct queued_jobs *f, size_t count)
{
	pthread_mutex_lock(&f->lock);
	while (f->posted_count < count)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static inline void keep_line(void *state, const char *line, size_t len)
{
	struct queued_jobs *f = state;
	size_t before = strlen(f->text);

	f->lines++;
	(void)snprintf(f->text + before, sizeof(f->text) - before, "%.*s", (int)len, line);
}

/* `limit` as in the options. */
static inline void start_queue(struct queued_jobs *f, size_t limit)
{
	const struct weir_job_queue_options options = { .backend = f->backend, .log = f->log, .post = post, .state = f, .limit = limit };

	assert_int_equal(weir_job_queue_create(&options, &f->queue), WEIR_OK);
}

static inline int open_slow(void **state)
{
	struct queued_jobs *f = calloc(1, sizeof(*f));
	struct weir_backend *memory;
	char why[200];

	if (!f || weir_backend_open("memory:", NULL, why, sizeof(why), &memory) != WEIR_OK)
		abort();
	f->slow = weir_slow_backend_create(memory, &f->backend);
	f->log = weir_log_create(&(struct weir_log_options){ .write = keep_line, .state = f });
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	*state = f;
	return f->slow && f->log ? 0 : -1;
}

static inline int close_slow(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_slow_counts counts;

	weir_slow_backend_resume(f->slow);
	weir_job_queue_destroy(f->queue);
	weir_slow_backend_counts(f->slow, &counts);
	weir_backend_close(f->backend);
	weir_log_destroy(f->log);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return counts.overlapped == 0 ? 0 : -1;
}

static inline struct weir_job *make_read(struct queued_jobs *f, size_t i)
{
	f->gets[i] = (struct weir_backend_get){ .key = WEIR_SLICE_LITERAL("key") };
	f->jobs[i] = (struct weir_job){ .kind = WEIR_JOB_READ, .status = WEIR_ERR_STATE, .read = { .gets = &f->gets[i], .get_count = 1 } };
	return &f->jobs[i];
}

static inline struct weir_job *make_write(struct queued_jobs *f, size_t i)
{
	f->jobs[i] = (struct weir_job){ .kind = WEIR_JOB_WRITE, .status = WEIR_ERR_STATE };
	f->jobs[i].write = (struct weir_backend_set){ WEIR_SLICE_LITERAL("key"), WEIR_SLICE_LITERAL("value"), WEIR_EXPIRES_NEVER, WEIR_OK };
	return &f->jobs[i];
}

static inline struct weir_job *make_cells(struct queued_jobs *f, size_t i)
{
	f->cell = (struct weir_backend_cell){ .name = WEIR_SLICE_LITERAL("cell"), .create = true };
	f->jobs[i] = (struct weir_job){ .kind = WEIR_JOB_READ, .status = WEIR_ERR_STATE, .read = { .cells = &f->cell, .cell_count = 1 } };
	return &f->jobs[i];
}

static inline struct weir_job *make_lease(struct queued_jobs *f, size_t i, enum weir_lease_verb verb)
{
	f->jobs[i] = (struct weir_job){ .kind = WEIR_JOB_LEASE, .status = WEIR_ERR_STATE };
	f->jobs[i].lease = (struct weir_backend_lease){ .verb = verb, .key = WEIR_SLICE_LITERAL("lease"), .token = 1, .ttl_ms = 1000 };
	return &f->jobs[i];
}

static inline struct weir_job *make_clear(struct queued_jobs *f, size_t i)
{
	static const struct weir_slice cell = { "cell", 4 };

	f->jobs[i] = (struct weir_job){ .kind = WEIR_JOB_CLEAR, .status = WEIR_ERR_STATE, .clear = { .cells = &cell, .count = 1 } };
	return &f->jobs[i];
}

static inline void submit(struct queued_jobs *f, struct weir_job *job)
{
	assert_int_equal(weir_job_queue_submit(f->queue, job), WEIR_OK);
}

static inline void release(struct queued_jobs *f, size_t i)
{
	f->gets[i].release(f->gets[i].owner);
}

#define slow_test(function) cmocka_unit_test_setup_teardown(function, open_slow, close_slow)

#endif
