/* SPDX-License-Identifier: Apache-2.0
 *
 * Failures in the log: one line a second for each kind, none uncounted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/backend.h"
#include "cache/cache.h"
#include "cache/report.h"
#include "support/fake_clock.h"

struct fixture {
	struct weir_fake_clock clock;
	struct weir_log *log;
	struct weir_cache *cache;
	int lines;
	char line[1500]; /* the last */
};

static void keep_line(void *state, const char *line, size_t len)
{
	struct fixture *f = state;

	f->lines++;
	(void)snprintf(f->line, sizeof(f->line), "%.*s", (int)len, line);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char why[200];

	if (!f)
		abort();
	weir_fake_clock_init(&f->clock);
	f->log = weir_log_create(&(struct weir_log_options){ .clock = &f->clock.clock, .write = keep_line, .state = f });
	if (weir_cache_create(&(struct weir_cache_options){ .backend = "memory:", .clock = &f->clock.clock, .log = f->log }, why,
			      sizeof(why), &f->cache) != WEIR_OK)
		abort();
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	weir_cache_destroy(f->cache);
	weir_log_destroy(f->log);
	free(f);
	return 0;
}

static uint64_t errors(const struct fixture *f)
{
	struct weir_cache_stats stats;

	weir_cache_stats(f->cache, &stats);
	return stats.errors;
}

static void report(struct fixture *f, int times)
{
	for (int i = 0; i < times; i++)
		weir_cache_report(f->cache, WEIR_REPORT_READ, "reading failed: %d", i);
}

static void test_cache_report_logs_one_line_a_second(void **state)
{
	struct fixture *f = *state;

	report(f, 1000);
	assert_int_equal(f->lines, 1);
	assert_non_null(strstr(f->line, "warn reading failed: 0\n"));
	weir_fake_clock_advance_ms(&f->clock, 999);
	report(f, 1);
	assert_int_equal(f->lines, 1);
	weir_fake_clock_advance_ms(&f->clock, 1);
	report(f, 3);
	assert_int_equal(f->lines, 2);
	assert_non_null(strstr(f->line, "warn reading failed: 0 (and 1000 times more since the last such line)\n"));
	weir_fake_clock_advance_ms(&f->clock, 5000);
	report(f, 1);
	assert_non_null(strstr(f->line, "(and 2 times more"));
	weir_fake_clock_advance_ms(&f->clock, 5000);
	report(f, 1);
	assert_int_equal(f->lines, 4);
	assert_null(strstr(f->line, "more"));
	assert_int_equal(errors(f), 1006);
}

static void test_cache_report_kinds_do_not_silence_each_other(void **state)
{
	struct fixture *f = *state;

	for (int round = 0; round < 3; round++)
		for (int kind = 0; kind < WEIR_REPORTS; kind++)
			weir_cache_report(f->cache, (enum weir_report)kind, "failed");
	assert_int_equal(f->lines, WEIR_REPORTS);
	assert_int_equal(errors(f), 3 * WEIR_REPORTS);
}

static void test_cache_report_says_nothing_of_a_backend_that_is_cut_off(void **state)
{
	struct fixture *f = *state;

	report(f, 1);
	weir_fake_clock_advance_ms(&f->clock, 1000);
	atomic_store(&weir_cache_backend(f->cache)->cut_off, true);
	report(f, 100);
	assert_int_equal(f->lines, 1);
	atomic_store(&weir_cache_backend(f->cache)->cut_off, false);
	report(f, 1);
	assert_int_equal(f->lines, 2);
	assert_non_null(strstr(f->line, "(and 100 times more"));
	assert_int_equal(errors(f), 102);
}

static void test_cache_report_cuts_what_is_too_long(void **state)
{
	struct fixture *f = *state;
	char *target = malloc(100000);

	assert_non_null(target);
	memset(target, 'x', 99999);
	target[99999] = '\0';
	weir_cache_report(f->cache, WEIR_REPORT_STORE, "GET /%s", target);
	assert_int_equal(f->lines, 1);
	assert_int_equal(errors(f), 1);
	free(target);
}

static void *report_much(void *state)
{
	report(state, 10000);
	return NULL;
}

static void test_cache_report_counts_all_threads(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, report_much, f), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(f->lines, 1);
	assert_int_equal(errors(f), 40000);
	weir_fake_clock_advance_ms(&f->clock, 1000);
	report(f, 1);
	assert_non_null(strstr(f->line, "(and 39999 times more"));
}

#define report_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		report_test(test_cache_report_logs_one_line_a_second),
		report_test(test_cache_report_kinds_do_not_silence_each_other),
		report_test(test_cache_report_says_nothing_of_a_backend_that_is_cut_off),
		report_test(test_cache_report_cuts_what_is_too_long),
		report_test(test_cache_report_counts_all_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
