/* SPDX-License-Identifier: Apache-2.0
 *
 * The stop of a job queue: what is still done, what is not, and how long it may take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/queued_jobs.h"

/* One call runs when the queue is stopped, with a list behind it that was taken, and another that came later. */
static void stop_with_jobs(struct queued_jobs *f, int64_t limit_ms)
{
	start_queue(f, 0);
	weir_slow_backend_hold(f->slow);
	submit(f, make_read(f, 0));
	weir_slow_backend_wait_held(f->slow);
	submit(f, make_write(f, 1));
	submit(f, make_read(f, 2));
	submit(f, make_lease(f, 3, WEIR_LEASE_TAKE));
	weir_slow_backend_let(f->slow, 1);
	wait_posted(f, 1);
	weir_slow_backend_wait_held(f->slow);
	submit(f, make_write(f, 4));
	submit(f, make_read(f, 5));
	submit(f, make_lease(f, 6, WEIR_LEASE_RENEW));
	submit(f, make_lease(f, 7, WEIR_LEASE_RELEASE));
	submit(f, make_cells(f, 8));
	submit(f, make_clear(f, 9));
	weir_job_queue_stop(f->queue, limit_ms);
	assert_int_equal(weir_job_queue_submit(f->queue, make_write(f, 10)), WEIR_ERR_CANCELLED);
}

static void end_queue(struct queued_jobs *f)
{
	weir_job_queue_destroy(f->queue);
	f->queue = NULL;
	assert_int_equal(f->posted_count, 10);
}

/* '+': done, '-': cancelled. */
static void assert_done(const struct queued_jobs *f, const char *done)
{
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(f->jobs[i].status, done[i] == '+' ? WEIR_OK : WEIR_ERR_CANCELLED);
}

static void test_job_queue_stop_cancels_what_has_not_begun(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_slow_counts counts;

	stop_with_jobs(f, 0);
	weir_slow_backend_resume(f->slow);
	end_queue(f);
	assert_done(f, "++--------");
	assert_int_equal(f->jobs[2].read.status, WEIR_ERR_CANCELLED);
	assert_int_equal(f->jobs[3].lease.status, WEIR_ERR_CANCELLED);
	assert_int_equal(f->jobs[4].write.status, WEIR_ERR_CANCELLED);
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.calls, 2);
}

static void test_job_queue_stop_does_what_others_count_on(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_slow_counts counts;

	stop_with_jobs(f, -1);
	weir_job_queue_stop(f->queue, 0); /* the first has said how long */
	weir_slow_backend_resume(f->slow);
	end_queue(f);
	assert_done(f, "++--+--+++");
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.calls, 6);
}

/* What was running runs into its time limit; nothing else is waited for, however much time there is. */
static void test_job_queue_stop_does_not_wait_for_a_frozen_backend(void **state)
{
	struct queued_jobs *f = *state;
	struct weir_slow_counts counts;

	stop_with_jobs(f, -1);
	weir_slow_backend_freeze(f->slow);
	weir_slow_backend_let(f->slow, 1);
	end_queue(f);
	assert_int_equal(f->jobs[1].status, WEIR_ERR_TIMEOUT);
	assert_int_equal(f->jobs[4].status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[7].status, WEIR_ERR_BACKEND);
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		slow_test(test_job_queue_stop_cancels_what_has_not_begun),
		slow_test(test_job_queue_stop_does_what_others_count_on),
		slow_test(test_job_queue_stop_does_not_wait_for_a_frozen_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
