/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: which of them become one call of the driver, and whose status is whose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cache/job.h"
#include "support/slow_backend.h"

struct fixture {
	struct weir_slow_backend *slow;
	struct weir_backend *backend;
	struct weir_job jobs[700];
	struct weir_backend_get gets[700];
};

static int open_slow(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct weir_backend *memory;
	char why[200];

	if (!f || weir_backend_open("memory:", NULL, why, sizeof(why), &memory) != WEIR_OK)
		abort();
	f->slow = weir_slow_backend_create(memory, &f->backend);
	*state = f;
	return f->slow ? 0 : -1;
}

static int close_slow(void **state)
{
	struct fixture *f = *state;

	weir_backend_close(f->backend);
	free(f);
	return 0;
}

/* One job for each letter: R read, W write, D remove, L lease; all on one key. */
static struct weir_job *make_jobs(struct fixture *f, const char *kinds)
{
	static const struct weir_slice key = { "key", 3 };
	size_t count = strlen(kinds);

	for (size_t i = 0; i < count; i++) {
		struct weir_job *job = &f->jobs[i];

		*job = (struct weir_job){ .next = i + 1 < count ? job + 1 : NULL, .status = WEIR_ERR_STATE };
		f->gets[i] = (struct weir_backend_get){ .key = key };
		if (kinds[i] == 'R') {
			job->kind = WEIR_JOB_READ;
			job->read = (struct weir_backend_read){ .gets = &f->gets[i], .get_count = 1 };
		} else if (kinds[i] == 'W') {
			job->kind = WEIR_JOB_WRITE;
			job->write = (struct weir_backend_set){ key, WEIR_SLICE_LITERAL("v"), WEIR_EXPIRES_NEVER, WEIR_ERR_STATE };
		} else if (kinds[i] == 'D') {
			job->kind = WEIR_JOB_REMOVE;
			job->remove = (struct weir_job_remove){ .keys = &key, .count = 1 };
		} else {
			job->kind = WEIR_JOB_LEASE;
			job->lease = (struct weir_job_lease){ .key = key, .token = 1, .ttl_ms = 1000 };
		}
	}
	return f->jobs;
}

static void release_all(struct fixture *f, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (f->jobs[i].kind == WEIR_JOB_READ && f->jobs[i].status == WEIR_OK && f->gets[i].status == WEIR_OK)
			f->gets[i].release(f->gets[i].owner);
}

static void assert_calls(struct fixture *f, const char *kinds, size_t calls)
{
	struct weir_slow_counts before, after;

	weir_slow_backend_counts(f->slow, &before);
	weir_jobs_execute(f->backend, make_jobs(f, kinds));
	weir_slow_backend_counts(f->slow, &after);
	assert_int_equal(after.calls - before.calls, calls);
	for (size_t i = 0; kinds[i]; i++) {
		assert_int_equal(f->jobs[i].status, WEIR_OK);
		assert_ptr_equal(f->jobs[i].next, kinds[i + 1] ? &f->jobs[i + 1] : NULL);
	}
	release_all(f, strlen(kinds));
}

static void test_job_neighbours_of_one_kind_are_one_call(void **state)
{
	assert_calls(*state, "R", 1);
	assert_calls(*state, "RRR", 1);
	assert_calls(*state, "WWWWW", 1);
	assert_calls(*state, "WWRR", 2);
	assert_calls(*state, "RWRW", 4);
	assert_calls(*state, "LL", 2);
	assert_calls(*state, "RRLRRDDWW", 6);
	weir_jobs_execute(((struct fixture *)*state)->backend, NULL);
}

static void test_job_calls_are_bounded(void **state)
{
	struct fixture *f = *state;
	struct weir_slow_counts counts;
	char kinds[701];

	memset(kinds, 'R', 200);
	memset(kinds + 200, 'W', 500);
	kinds[700] = '\0';
	assert_calls(f, kinds, 4 + 2);
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.reads, 200);
	assert_int_equal(counts.most_reads, WEIR_JOB_READS_MAX);
	assert_int_equal(counts.sets, 500);
	assert_int_equal(counts.most_sets, WEIR_JOB_WRITES_MAX);
}

static void test_job_batch_returns_the_rest(void **state)
{
	struct fixture *f = *state;
	struct weir_job *jobs = make_jobs(f, "WWRL");

	assert_ptr_equal(weir_jobs_run_batch(f->backend, jobs), &jobs[2]);
	assert_int_equal(jobs[1].status, WEIR_OK);
	assert_int_equal(jobs[2].status, WEIR_ERR_STATE);
	assert_ptr_equal(weir_jobs_run_batch(f->backend, &jobs[2]), &jobs[3]);
	assert_null(weir_jobs_run_batch(f->backend, &jobs[3]));
	release_all(f, 4);
}

static void test_job_failed_call_fails_its_jobs_and_no_others(void **state)
{
	struct fixture *f = *state;

	weir_slow_backend_fail(f->slow, 3, WEIR_ERR_BACKEND);
	weir_jobs_execute(f->backend, make_jobs(f, "RRWWLLR"));
	for (int i = 0; i < 5; i++)
		assert_int_equal(f->jobs[i].status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[1].read.status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[3].write.status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[5].status, WEIR_OK);
	assert_int_equal(f->jobs[6].status, WEIR_OK);
	assert_int_equal(f->gets[6].status, WEIR_MISS);
}

static void test_job_refused_write_fails_alone(void **state)
{
	struct fixture *f = *state;

	make_jobs(f, "WWW");
	f->jobs[1].write.key = WEIR_SLICE_LITERAL("");
	weir_jobs_execute(f->backend, f->jobs);
	assert_int_equal(f->jobs[0].status, WEIR_OK);
	assert_int_equal(f->jobs[1].status, WEIR_ERR_LIMIT);
	assert_int_equal(f->jobs[1].write.status, WEIR_ERR_LIMIT);
	assert_int_equal(f->jobs[2].status, WEIR_OK);
}

#define slow_test(function) cmocka_unit_test_setup_teardown(function, open_slow, close_slow)

int main(void)
{
	const struct CMUnitTest tests[] = {
		slow_test(test_job_neighbours_of_one_kind_are_one_call),
		slow_test(test_job_calls_are_bounded),
		slow_test(test_job_batch_returns_the_rest),
		slow_test(test_job_failed_call_fails_its_jobs_and_no_others),
		slow_test(test_job_refused_write_fails_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
