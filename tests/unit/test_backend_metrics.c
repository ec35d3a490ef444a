/* SPDX-License-Identifier: Apache-2.0
 *
 * What a remote backend is counted with: operations and calls, errors, times, and what never reached it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cache/backend.h"
#include "cache/job.h"
#include "support/slow_backend.h"

static struct weir_backend_metrics read_meter(const struct weir_backend_meter *meter)
{
	struct weir_backend_metrics metrics;

	weir_backend_meter_read(meter, &metrics);
	return metrics;
}

static void test_backend_metrics_add_up(void **state)
{
	static struct weir_backend_meter meter;
	struct weir_backend_call call = { WEIR_BACKEND_WRITE, .operations = 10, .errors = 2, .time_us = 300 };
	struct weir_backend_metrics metrics;

	(void)state;
	weir_backend_meter_count(&meter, &call);
	call = (struct weir_backend_call){ WEIR_BACKEND_WRITE, .operations = 4, .errors = 0, .time_us = 700 };
	weir_backend_meter_count(&meter, &call);
	call = (struct weir_backend_call){ WEIR_BACKEND_LEASE, .operations = 1, .errors = 1, .time_us = 1 };
	weir_backend_meter_count(&meter, &call);
	metrics = read_meter(&meter);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].operations, 14);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].errors, 2);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].calls, 2);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].largest_call, 10);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].time_us, 1000);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].longest_us, 700);
	assert_int_equal(metrics.by[WEIR_BACKEND_LEASE].errors, 1);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].calls, 0);
}

static void test_backend_metrics_times_are_powers_of_two(void **state)
{
	static const struct {
		uint64_t time_us;
		size_t slot;
	} cases[] = { { 0, 0 },
		      { 1, 1 },
		      { 2, 2 },
		      { 3, 2 },
		      { 4, 3 },
		      { 1023, 10 },
		      { 1024, 11 },
		      { 8388607, 23 },
		      { 8388608, 24 },
		      { 16777216, 24 },
		      { UINT64_MAX / 2, 24 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct weir_backend_meter meter;
		struct weir_backend_metrics metrics;
		uint64_t sum = 0;

		memset(&meter, 0, sizeof(meter));
		weir_backend_meter_count(&meter,
					 &(struct weir_backend_call){ WEIR_BACKEND_READ, .operations = 1, .time_us = cases[i].time_us });
		metrics = read_meter(&meter);
		assert_int_equal(metrics.by[WEIR_BACKEND_READ].times[cases[i].slot], 1);
		for (size_t k = 0; k < WEIR_BACKEND_TIMES; k++)
			sum += metrics.by[WEIR_BACKEND_READ].times[k];
		assert_int_equal(sum, 1);
	}
}

static void test_backend_metrics_follow_the_jobs(void **state)
{
	struct weir_backend *memory, *backend;
	struct weir_backend_get get = { .key = WEIR_SLICE_LITERAL("key") };
	struct weir_job jobs[3] = { { .kind = WEIR_JOB_READ, .read = { .gets = &get, .get_count = 1 } },
				    { .kind = WEIR_JOB_WRITE },
				    { .kind = WEIR_JOB_WRITE } };
	struct weir_backend_metrics metrics;
	struct weir_slow_backend *slow;
	char why[100];

	(void)state;
	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	slow = weir_slow_backend_create(memory, &backend);
	assert_non_null(slow);
	for (int i = 1; i < 3; i++)
		jobs[i].write = (struct weir_backend_set){ .key = WEIR_SLICE_LITERAL("a"), .expires_ms = WEIR_EXPIRES_NEVER };
	jobs[0].next = &jobs[1];
	jobs[1].next = &jobs[2];
	weir_jobs_execute(backend, jobs);
	weir_slow_backend_fail(slow, 1, WEIR_ERR_TIMEOUT);
	weir_jobs_execute(backend, jobs);
	weir_backend_metrics(backend, &metrics);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].operations, 2);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].errors, 1);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].operations, 2);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].calls, 1);
	assert_int_equal(metrics.by[WEIR_BACKEND_WRITE].largest_call, 2);
	assert_int_equal(metrics.refused_cut_off, 2);
	assert_int_equal(metrics.cut_offs, 1);
	assert_true(metrics.is_cut_off);
	weir_backend_close(backend);
}

static void test_backend_metrics_of_a_local_backend_stay_zero(void **state)
{
	struct weir_job job = { .kind = WEIR_JOB_READ };
	struct weir_backend_metrics metrics, none;
	struct weir_backend *memory;
	char why[100];

	(void)state;
	memset(&none, 0, sizeof(none));
	memset(&metrics, 0, sizeof(metrics));
	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	weir_jobs_execute(memory, &job);
	weir_backend_metrics(memory, &metrics);
	assert_memory_equal(&metrics, &none, offsetof(struct weir_backend_metrics, is_cut_off));
	assert_false(metrics.is_cut_off);
	weir_backend_close(memory);
}

static void test_backend_metrics_operations_have_names(void **state)
{
	static const char *const names[] = { "read", "write", "lease", "remove", "clear", "walk" };

	(void)state;
	for (int i = 0; i < WEIR_BACKEND_OPERATIONS; i++)
		assert_string_equal(weir_backend_operation_name((enum weir_backend_operation)i), names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backend_metrics_add_up),
		cmocka_unit_test(test_backend_metrics_times_are_powers_of_two),
		cmocka_unit_test(test_backend_metrics_follow_the_jobs),
		cmocka_unit_test(test_backend_metrics_of_a_local_backend_stay_zero),
		cmocka_unit_test(test_backend_metrics_operations_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
