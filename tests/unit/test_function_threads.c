/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions called by many threads of the app's own: one makes a value, the others wait, and none waits for ever. Real threads and the
 * machine's clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/function_app.h"

#define THREADS 64

static struct weir_function square;
static struct weir_cache *cache;
static struct weir_log *log_of_cache;
static atomic_int lines;

static void count_line(void *state, const char *line, size_t len)
{
	(void)state;
	(void)line;
	(void)len;
	atomic_fetch_add(&lines, 1);
}

static int setup(void **state)
{
	const struct weir_log_options log = { .level = WEIR_LOG_INFO, .write = count_line };
	struct weir_cache_options options = { .backend = "memory:", .prefix = "threads", .locked = true };
	char why[200];

	(void)state;
	square = square_function(&(const struct weir_cache_rule){ .expire_s = 60, .ns = "numbers", .with_lock = true });
	square_hook = NULL;
	atomic_store(&square_runs, 0);
	atomic_store(&lines, 0);
	log_of_cache = weir_log_create(&log);
	options.log = log_of_cache;
	return weir_cache_create(&options, why, sizeof(why), &cache) == WEIR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	weir_cache_destroy(cache);
	weir_log_destroy(log_of_cache);
	return 0;
}

static struct weir_cache_stats stats(void)
{
	struct weir_cache_stats counted;

	weir_cache_stats(cache, &counted);
	return counted;
}

/* -- Many threads that want one thing ---------------------------------------------------------------------------------------- */

static atomic_int begun, failed;

static void *call_once(void *state)
{
	struct weir_pool *pool = weir_pool_create(0);
	int64_t result = 0;
	enum weir_status status;

	(void)state;
	atomic_fetch_add(&begun, 1);
	status = weir_cache_call(cache, pool, &square, &(const struct square){ 7 }, &result);
	if (status < 0)
		atomic_fetch_add(&failed, 1);
	else if (result != 49)
		abort();
	weir_pool_destroy(pool);
	return NULL;
}

static void run_all(size_t count)
{
	pthread_t threads[THREADS];

	atomic_store(&begun, 0);
	atomic_store(&failed, 0);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, call_once, NULL), 0);
	for (size_t i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
}

/* Makes it likely, not sure, that all others wait: what is expected holds in any case. */
static void let_others_come(void)
{
	while (atomic_load(&begun) < THREADS)
		sched_yield();
	for (int i = 0; i < 2000; i++)
		sched_yield();
}

static enum weir_status take_long(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	let_others_come();
	return WEIR_OK;
}

static void test_function_threads_have_one_run(void **state)
{
	(void)state;
	square_hook = take_long;
	run_all(THREADS);
	assert_int_equal(square_runs, 1);
	assert_int_equal(failed, 0);
	assert_int_equal(stats().hits, THREADS - 1);
	assert_int_equal(stats().stored, 1);
	assert_int_equal(stats().errors, 0);
}

static enum weir_status fail_first(struct weir_call *call, int64_t n)
{
	bool first = atomic_load(&square_runs) == 1;

	(void)call;
	(void)n;
	if (first)
		let_others_come();
	return first ? WEIR_ERR_IO : WEIR_OK;
}

static void test_function_threads_go_on_when_their_leader_fails(void **state)
{
	(void)state;
	square_hook = fail_first;
	run_all(THREADS);
	assert_int_equal(failed, 1);
	assert_true(square_runs >= 2 && square_runs <= THREADS);
	expect_square_outside(cache, &square, 7);
}

static enum weir_status keep_none(struct weir_call *call, int64_t n)
{
	weir_call_do_not_store(call);
	return atomic_load(&square_runs) == 1 ? take_long(call, n) : WEIR_OK;
}

static void test_function_threads_do_not_share_what_may_not_be(void **state)
{
	(void)state;
	square_hook = keep_none;
	run_all(THREADS);
	assert_int_equal(square_runs, THREADS);
	assert_int_equal(failed, 0);
}

static enum weir_status wait_for_second(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	while (atomic_load(&square_runs) < 2)
		sched_yield();
	return WEIR_OK;
}

/* Waits for the lock's timeout on the real clock: 20 ms. */
static void test_function_threads_take_over_from_one_that_is_slow(void **state)
{
	(void)state;
	square.cache.lock_timeout_ms = 20;
	square_hook = wait_for_second;
	run_all(2);
	assert_int_equal(square_runs, 2);
	assert_int_equal(failed, 0);
	assert_int_equal(lines, 1);
}

/* -- Functions that call each other in all directions -------------------------------------------------------------------------- */

#define NODES 12
#define DEPTH 5
#define ROUNDS 1000
#define WALKERS 8

static _Thread_local int depth;
static unsigned first_seed;

static void check(bool is_right)
{
	if (is_right)
		return;
	fprintf(stderr, "seed %u: a wrong value, or none\n", first_seed);
	abort();
}

static enum weir_status visit_neighbours(struct weir_call *call, int64_t n)
{
	enum weir_status status = WEIR_OK;

	if (depth == DEPTH)
		return WEIR_OK;
	depth++;
	for (int64_t i = 1; i <= 3 && status == WEIR_OK; i++) {
		int64_t next = (n * 5 + i * 7) % NODES, result = 0;

		status = weir_call_within(call, &square, &(const struct square){ next }, &result);
		check(result == next * next);
		if (i == 2)
			sched_yield();
	}
	depth--;
	return status;
}

static void *walk(void *state)
{
	unsigned random = *(const unsigned *)state;

	for (int round = 0; round < ROUNDS; round++) {
		struct weir_pool *pool = weir_pool_create(0);
		int64_t result, n = rand_r(&random) % NODES;

		check(weir_cache_call(cache, pool, &square, &(const struct square){ n }, &result) == WEIR_OK && result == n * n);
		if (rand_r(&random) % 4 == 0)
			check(weir_cache_clear_call(cache, &square, &(const struct square){ n }, NULL) == WEIR_OK);
		if (rand_r(&random) % 16 == 0)
			check(weir_cache_clear_namespace(cache, "numbers", NULL) == WEIR_OK);
		weir_pool_destroy(pool);
	}
	return NULL;
}

/* A circle that nobody breaks would last until the lock's timeout, which is a minute, and leave a line. */
static void test_function_threads_never_wait_for_each_other_in_a_circle(void **state)
{
	pthread_t threads[WALKERS];
	unsigned seeds[WALKERS];
	unsigned seed = (unsigned)weir_clock_wall_ms(weir_clock_system());

	(void)state;
	first_seed = seed;
	square_hook = visit_neighbours;
	for (unsigned i = 0; i < WALKERS; i++) {
		seeds[i] = seed + i;
		assert_int_equal(pthread_create(&threads[i], NULL, walk, &seeds[i]), 0);
	}
	for (size_t i = 0; i < WALKERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(lines, 0);
	assert_true(stats().coalesced > 0);
}

#define WITH_CACHE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_CACHE(test_function_threads_have_one_run),
		WITH_CACHE(test_function_threads_go_on_when_their_leader_fails),
		WITH_CACHE(test_function_threads_do_not_share_what_may_not_be),
		WITH_CACHE(test_function_threads_take_over_from_one_that_is_slow),
		WITH_CACHE(test_function_threads_never_wait_for_each_other_in_a_circle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
