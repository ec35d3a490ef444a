/* SPDX-License-Identifier: Apache-2.0
 *
 * The I/O thread of a remote backend, with a backend whose calls end when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "support/queued_jobs.h"

/* Submits reads until one is taken, which its answer is: the queue does not tell when a backend is back. */
static void wait_until_answers(struct queued_jobs *f)
{
	size_t count = f->posted_count;

	while (weir_job_queue_submit(f->queue, make_read(f, JOBS - 1)) == WEIR_ERR_BACKEND)
		sched_yield();
	wait_posted(f, count + 1);
	assert_int_equal(f->jobs[JOBS - 1].status, WEIR_OK);
}

static void test_job_queue_posts_results(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_backend_metrics metrics;

	start_queue(f, 0);
	submit(f, make_read(f, 0));
	wait_posted(f, 1);
	assert_int_equal(f->jobs[0].status, WEIR_OK);
	assert_int_equal(f->gets[0].status, WEIR_MISS);
	submit(f, make_write(f, 1));
	submit(f, make_read(f, 2));
	wait_posted(f, 3);
	assert_int_equal(f->jobs[1].status, WEIR_OK);
	assert_int_equal(f->gets[2].status, WEIR_OK);
	assert_true(weir_slice_equal(f->gets[2].value, WEIR_SLICE_LITERAL("value")));
	release(f, 2);
	assert_false(pthread_equal(f->poster, pthread_self()));
	weir_backend_metrics(f->backend, &metrics);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].operations, 2);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].calls, 2);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].operations, 1);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].largest_call, 1);
	assert_int_equal(metrics.refused_full, 0);
}

/* While one call runs, 100 reads and 150 writes come, one after the other: they are three calls more, writes first. */
static void test_job_queue_batches_grow_with_the_load(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_slow_counts counts;
	struct weir_backend_metrics metrics;

	start_queue(f, 0);
	weir_slow_backend_hold(f->slow);
	submit(f, make_read(f, 0));
	weir_slow_backend_wait_held(f->slow);
	for (size_t i = 1; i <= 250; i++)
		submit(f, i % 5 < 2 ? make_read(f, i) : make_write(f, i));
	weir_slow_backend_resume(f->slow);
	wait_posted(f, 251);
	for (size_t i = 0; i <= 250; i++) {
		assert_int_equal(f->posted[i]->kind, i > 0 && i <= 150 ? WEIR_JOB_WRITE : WEIR_JOB_READ);
		assert_true(i < 2 || f->posted[i - 1]->kind != f->posted[i]->kind || f->posted[i - 1] < f->posted[i]);
		assert_int_equal(f->jobs[i].status, WEIR_OK);
		if (f->jobs[i].kind == WEIR_JOB_READ && f->gets[i].status == WEIR_OK)
			release(f, i);
	}
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.get_calls, 3);
	assert_int_equal(counts.most_reads, WEIR_JOB_READS_MAX);
	assert_int_equal(counts.set_calls, 1);
	assert_int_equal(counts.most_sets, 150);
	weir_backend_metrics(f->backend, &metrics);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].operations, 101);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].calls, 3);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].largest_call, WEIR_JOB_READS_MAX);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].operations, 150);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].calls, 1);
}

/* The second call is held: what the first one did is back nevertheless. */
static void test_job_queue_posts_after_each_batch(void **state)
{
	struct queued_jobs *f = *state;

	start_queue(f, 0);
	weir_slow_backend_hold(f->slow);
	submit(f, make_write(f, 0));
	weir_slow_backend_wait_held(f->slow);
	submit(f, make_write(f, 1));
	submit(f, make_read(f, 2));
	weir_slow_backend_let(f->slow, 2);
	wait_posted(f, 2);
	weir_slow_backend_wait_held(f->slow);
	pthread_mutex_lock(&f->lock);
	assert_int_equal(f->posted_count, 2);
	pthread_mutex_unlock(&f->lock);
	weir_slow_backend_resume(f->slow);
	wait_posted(f, 3);
	release(f, 2);
}

static void test_job_queue_goes_on_after_a_failure(void **state)
{
	struct queued_jobs *f = *state;

	start_queue(f, 0);
	weir_slow_backend_fail(f->slow, 2, WEIR_ERR_BACKEND);
	submit(f, make_write(f, 0));
	wait_posted(f, 1);
	submit(f, make_read(f, 1));
	wait_posted(f, 2);
	submit(f, make_write(f, 2));
	wait_posted(f, 3);
	assert_int_equal(f->jobs[0].status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[1].status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[2].status, WEIR_OK);
}

/* One call runs into its time limit; nobody else waits for that. Then the backend is asked until it answers, by nobody's request. */
static void test_job_queue_frozen_backend_is_cut_off(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_backend_metrics metrics;

	start_queue(f, 0);
	weir_slow_backend_freeze(f->slow);
	submit(f, make_read(f, 0));
	weir_slow_backend_wait_held(f->slow);
	for (size_t i = 1; i < 50; i++)
		submit(f, make_read(f, i));
	f->backend->breaker.pause_ms = 1;
	weir_slow_backend_let(f->slow, 1);
	wait_posted(f, 50);
	assert_int_equal(f->jobs[0].status, WEIR_ERR_TIMEOUT);
	for (size_t i = 1; i < 50; i++)
		assert_int_equal(f->jobs[i].status, WEIR_ERR_BACKEND);
	weir_slow_backend_wait_held(f->slow); /* the thread by itself */
	assert_int_equal(weir_job_queue_submit(f->queue, make_read(f, 50)), WEIR_ERR_BACKEND);
	weir_backend_metrics(f->backend, &metrics);
	assert_true(metrics.is_cut_off);
	assert_int_equal(metrics.cut_offs, 1);
	assert_int_equal(metrics.refused_cut_off, 50);
	weir_slow_backend_resume(f->slow);
	wait_until_answers(f);
	weir_backend_metrics(f->backend, &metrics);
	assert_false(metrics.is_cut_off);
	assert_int_equal(f->lines, 2);
}

static void test_job_queue_is_bounded_and_says_so_once(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_backend_metrics metrics;

	start_queue(f, 4);
	weir_slow_backend_hold(f->slow);
	submit(f, make_write(f, 0));
	weir_slow_backend_wait_held(f->slow);
	for (size_t i = 1; i < 4; i++)
		submit(f, make_write(f, i));
	for (int i = 0; i < 3; i++)
		assert_int_equal(weir_job_queue_submit(f->queue, make_write(f, 4)), WEIR_ERR_LIMIT);
	assert_int_equal(f->lines, 1);
	weir_slow_backend_resume(f->slow);
	wait_posted(f, 4);
	for (size_t i = 4; i < 8; i++)
		submit(f, make_write(f, i));
	wait_posted(f, 8);
	weir_backend_metrics(f->backend, &metrics);
	assert_int_equal(metrics.refused_full, 3);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].operations, 8);
	assert_int_equal(f->lines, 1);
}

static void test_job_queue_takes_jobs_from_the_poster(void **state)
{
	struct queued_jobs *f = *state;

	start_queue(f, 1);
	f->next_job = make_read(f, 1);
	submit(f, make_write(f, 0));
	wait_posted(f, 2);
	assert_ptr_equal(f->posted[1], &f->jobs[1]);
	assert_int_equal(f->gets[1].status, WEIR_OK);
	release(f, 1);
}

static void note_thread(struct weir_job *job)
{
	pthread_t *thread = job->owner;

	*thread = pthread_self();
}

static void test_job_queue_calls_done_where_any_thread_may(void **state)
{
	struct queued_jobs *f = *state;
	pthread_t thread = pthread_self();

	start_queue(f, 0);
	make_write(f, 0)->anywhere = true;
	f->jobs[0].done = note_thread;
	f->jobs[0].owner = &thread;
	submit(f, &f->jobs[0]);
	submit(f, make_write(f, 1));
	wait_posted(f, 1); /* the one that came last */
	assert_ptr_equal(f->posted[0], &f->jobs[1]);
	assert_int_equal(f->jobs[0].status, WEIR_OK);
	assert_true(pthread_equal(thread, f->poster));
}

/* Nobody there from the beginning: one line says so, and no request has to find out. */
static void test_job_queue_starts_without_its_backend(void **state)
{
	struct queued_jobs *f = *state;

	f->backend->breaker.pause_ms = 1;
	weir_slow_backend_down(f->slow, true);
	start_queue(f, 0);
	while (!weir_backend_is_cut_off(f->backend))
		sched_yield();
	assert_int_equal(weir_job_queue_submit(f->queue, make_read(f, 0)), WEIR_ERR_BACKEND);
	weir_slow_backend_down(f->slow, false);
	wait_until_answers(f);
	weir_job_queue_destroy(f->queue);
	f->queue = NULL;
	assert_int_equal(f->lines, 2);
	assert_non_null(strstr(f->text, "error cache backend slow: nothing is cached until it answers: slow: nobody is there\n"));
	assert_non_null(strstr(f->text, "info cache backend slow: answers again\n"));
}

static void test_job_queue_idle_one_is_destroyed_at_once(void **state)
{
	struct queued_jobs *f = *state;

	start_queue(f, 0);
	weir_job_queue_destroy(f->queue);
	f->queue = NULL;
	assert_int_equal(f->posted_count, 0);
	weir_job_queue_destroy(NULL);
}

static bool read_mask(void *state, struct weir_slice key, struct weir_slice value)
{
	(void)key;
	(void)value;
	pthread_sigmask(SIG_SETMASK, NULL, state);
	return true;
}

/* A walk's visitor runs on the I/O thread. */
static void test_job_queue_thread_takes_no_signals(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD, SIGALRM };
	struct queued_jobs *f = *state;
	sigset_t mask, own, own_after;

	sigemptyset(&mask);
	pthread_sigmask(SIG_SETMASK, NULL, &own);
	start_queue(f, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &own_after);
	submit(f, make_write(f, 0));
	f->jobs[1] = (struct weir_job){ .kind = WEIR_JOB_WALK, .walk = { .visit = read_mask, .state = &mask } };
	submit(f, &f->jobs[1]);
	wait_posted(f, 2);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		assert_int_equal(sigismember(&mask, signals[i]), 1);
		assert_int_equal(sigismember(&own_after, signals[i]), sigismember(&own, signals[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		slow_test(test_job_queue_posts_results),
		slow_test(test_job_queue_batches_grow_with_the_load),
		slow_test(test_job_queue_posts_after_each_batch),
		slow_test(test_job_queue_goes_on_after_a_failure),
		slow_test(test_job_queue_frozen_backend_is_cut_off),
		slow_test(test_job_queue_starts_without_its_backend),
		slow_test(test_job_queue_is_bounded_and_says_so_once),
		slow_test(test_job_queue_takes_jobs_from_the_poster),
		slow_test(test_job_queue_calls_done_where_any_thread_may),
		slow_test(test_job_queue_idle_one_is_destroyed_at_once),
		slow_test(test_job_queue_thread_takes_no_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
