/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: in which order they come, which of them become one call of the driver, and whose status is whose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cache/backend.h"
#include "cache/job.h"
#include "support/fake_clock.h"
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

/* One job for each letter: R read, W write, L lease, D remove, C clear, V walk; all on one key. */
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
		} else if (kinds[i] == 'C') {
			job->kind = WEIR_JOB_CLEAR;
			job->clear = (struct weir_job_clear){ .cells = &key, .count = 1 };
		} else if (kinds[i] == 'V') {
			job->kind = WEIR_JOB_WALK;
		} else {
			job->kind = WEIR_JOB_LEASE;
			job->lease = (struct weir_backend_lease){ .key = key, .token = 1, .ttl_ms = 1000 };
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
	assert_calls(*state, "LL", 1);
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
	weir_jobs_execute(f->backend, make_jobs(f, "RRWWLLRR"));
	for (int i = 0; i < 6; i++)
		assert_int_equal(f->jobs[i].status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[1].read.status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[3].write.status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[5].lease.status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[6].status, WEIR_OK);
	assert_int_equal(f->gets[7].status, WEIR_MISS);
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

static void test_job_leases_get_their_own_answers(void **state)
{
	struct fixture *f = *state;
	struct weir_slow_counts counts;

	make_jobs(f, "LLLL");
	f->jobs[1].lease.token = 2;
	f->jobs[2].lease.verb = WEIR_LEASE_RELEASE;
	f->jobs[3].lease.token = 3;
	weir_jobs_execute(f->backend, f->jobs);
	assert_int_equal(f->jobs[0].status, WEIR_OK);
	assert_int_equal(f->jobs[1].status, WEIR_BUSY);
	assert_int_equal(f->jobs[1].lease.status, WEIR_BUSY);
	assert_int_equal(f->jobs[2].status, WEIR_OK);
	assert_int_equal(f->jobs[3].status, WEIR_OK);
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.lease_calls, 1);
}

/* -- The order ------------------------------------------------------------------------------------------------------------- */

/* The arranged jobs have the kinds of `order`, and those of one kind the order that they had. */
static void assert_arranged(struct fixture *f, const char *kinds, const char *order)
{
	struct weir_job *job = weir_jobs_arrange(make_jobs(f, kinds));
	const struct weir_job *last[6] = { NULL };
	size_t i;

	for (i = 0; job; i++, job = job->next) {
		static const char letters[] = "RWLDCV"; /* as in enum weir_job_kind */

		assert_true(i < strlen(order));
		assert_int_equal(letters[job->kind], order[i]);
		assert_true(last[job->kind] < job);
		last[job->kind] = job;
	}
	assert_int_equal(i, strlen(order));
}

static void test_job_arranged_kinds_stand_together(void **state)
{
	assert_null(weir_jobs_arrange(NULL));
	assert_arranged(*state, "R", "R");
	assert_arranged(*state, "RW", "WR");
	assert_arranged(*state, "RWRWRW", "WWWRRR");
	assert_arranged(*state, "LRLRLR", "LLLRRR");
	assert_arranged(*state, "RLWRLWRLW", "WWWLLLRRR");
	assert_arranged(*state, "WLR", "WLR");
}

static void test_job_barriers_keep_their_place(void **state)
{
	assert_arranged(*state, "C", "C");
	assert_arranged(*state, "CDV", "CDV");
	assert_arranged(*state, "RCW", "RCW");
	assert_arranged(*state, "RWCRW", "WRCWR");
	assert_arranged(*state, "RWDVRLWC", "WRDVWLRC");
	assert_arranged(*state, "CRW", "CWR");
	assert_arranged(*state, "LWDLWDLW", "WLDWLDWL");
}

/* Every list of eight kinds: nothing is lost, nothing passes a barrier, and no kind is in two pieces between two of them. */
static void test_job_every_short_list_is_arranged(void **state)
{
	static const char letters[] = { 'R', 'W', 'L', 'C' };
	static const char ranks[] = { 'W', 'L', 'R' };

	for (unsigned number = 0; number < 1U << 16; number++) {
		char kinds[9] = "", order[9] = "";
		size_t begin = 0, len = 0;

		for (unsigned i = 0; i < 8; i++)
			kinds[i] = letters[number >> 2 * i & 3];
		while (begin < 8) {
			size_t end = begin + strcspn(kinds + begin, "C");

			for (size_t rank = 0; rank < 3; rank++)
				for (size_t i = begin; i < end; i++)
					if (kinds[i] == ranks[rank])
						order[len++] = kinds[i];
			if (end < 8)
				order[len++] = 'C';
			begin = end + 1;
		}
		assert_arranged(*state, kinds, order);
	}
}

/* 300 requests that read, lease and write in turn: a call for each kind's full batch, where there was one for each job. */
static void test_job_mixed_list_needs_few_calls(void **state)
{
	struct fixture *f = *state;
	struct weir_slow_counts counts;
	struct weir_job *jobs;
	char kinds[601];

	for (size_t i = 0; i < 600; i++)
		kinds[i] = "RLW"[i % 3];
	kinds[600] = '\0';
	jobs = weir_jobs_arrange(make_jobs(f, kinds));
	weir_jobs_execute(f->backend, jobs);
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.set_calls, 1);
	assert_int_equal(counts.lease_calls, 4);
	assert_int_equal(counts.most_leases, WEIR_JOB_LEASES_MAX);
	assert_int_equal(counts.get_calls, 4);
	assert_int_equal(counts.calls, 9);
	for (size_t i = 0; i < 600; i++)
		assert_int_equal(f->jobs[i].status, WEIR_OK);
	release_all(f, 600);
}

/* -- Cut off --------------------------------------------------------------------------------------------------------------- */

/* After a time-out no job reaches the driver until the pause is over; then the first call finds out. */
static void test_job_cut_off_backend_is_not_called(void **state)
{
	struct fixture *f = *state;
	struct weir_fake_clock clock;
	struct weir_slow_counts counts;

	weir_fake_clock_init(&clock);
	f->backend->clock = &clock.clock;
	weir_slow_backend_fail(f->slow, 1, WEIR_ERR_TIMEOUT);
	weir_jobs_execute(f->backend, make_jobs(f, "RWLDCV"));
	assert_int_equal(f->jobs[0].status, WEIR_ERR_TIMEOUT);
	for (size_t i = 1; i < 6; i++)
		assert_int_equal(f->jobs[i].status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[1].write.status, WEIR_ERR_BACKEND);
	assert_int_equal(f->jobs[2].lease.status, WEIR_ERR_BACKEND);
	weir_fake_clock_advance_ms(&clock, WEIR_BREAKER_PAUSE_MS - 1);
	weir_jobs_execute(f->backend, make_jobs(f, "W"));
	assert_int_equal(f->jobs[0].status, WEIR_ERR_BACKEND);
	weir_slow_backend_counts(f->slow, &counts);
	assert_int_equal(counts.calls, 1);
	weir_fake_clock_advance_ms(&clock, 1);
	assert_calls(f, "WR", 2);
}

/* A call in which one of many got an answer is none that failed. */
static void test_job_partial_failure_cuts_nothing_off(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 2 * WEIR_BREAKER_FAILURES; round++) {
		weir_slow_backend_fail(f->slow, 1, WEIR_ERR_IO);
		weir_jobs_execute(f->backend, make_jobs(f, "W"));
		assert_int_equal(f->jobs[0].status, WEIR_ERR_IO);
		make_jobs(f, "WW");
		f->jobs[0].write.key = WEIR_SLICE_LITERAL("");
		weir_jobs_execute(f->backend, f->jobs);
		assert_int_equal(f->jobs[0].status, WEIR_ERR_LIMIT);
		assert_int_equal(f->jobs[1].status, WEIR_OK);
	}
}

static void test_job_is_for_others_or_for_who_asks(void **state)
{
	struct weir_backend_get get = { .key = WEIR_SLICE_LITERAL("key") };
	struct weir_backend_cell cell = { .name = WEIR_SLICE_LITERAL("cell") };
	const struct weir_job for_others[] = {
		{ .kind = WEIR_JOB_WRITE },
		{ .kind = WEIR_JOB_REMOVE },
		{ .kind = WEIR_JOB_CLEAR },
		{ .kind = WEIR_JOB_LEASE, .lease.verb = WEIR_LEASE_RELEASE },
		{ .kind = WEIR_JOB_READ, .read = { .cells = &cell, .cell_count = 1 } },
	};
	const struct weir_job for_who_asks[] = {
		{ .kind = WEIR_JOB_READ, .read = { .gets = &get, .get_count = 1, .cells = &cell, .cell_count = 1 } },
		{ .kind = WEIR_JOB_READ },
		{ .kind = WEIR_JOB_WALK, .walk.remove = true },
		{ .kind = WEIR_JOB_LEASE, .lease.verb = WEIR_LEASE_TAKE },
		{ .kind = WEIR_JOB_LEASE, .lease.verb = WEIR_LEASE_RENEW },
	};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		assert_true(weir_job_is_for_others(&for_others[i]));
		assert_false(weir_job_is_for_others(&for_who_asks[i]));
	}
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
		slow_test(test_job_leases_get_their_own_answers),
		slow_test(test_job_arranged_kinds_stand_together),
		slow_test(test_job_barriers_keep_their_place),
		slow_test(test_job_every_short_list_is_arranged),
		slow_test(test_job_mixed_list_needs_few_calls),
		slow_test(test_job_cut_off_backend_is_not_called),
		slow_test(test_job_partial_failure_cuts_nothing_off),
		cmocka_unit_test(test_job_is_for_others_or_for_who_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
