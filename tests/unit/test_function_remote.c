/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions called in two processes, as it were: two caches with a backend in common, one thread in each. And a backend that fails.
 * Everything with views that are local, and with views that are not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "support/function_app.h"
#include "support/shared_backend.h"

enum {
	A,
	B
};

static struct weir_function square;
static struct weir_shared_backend *backend;
static struct weir_cache *caches[2];
static struct weir_log *log_of_caches;
static atomic_int lines;
static char last_line[500];
static size_t leases_kept; /* by mistake, as a test expects */

static void count_line(void *state, const char *line, size_t len)
{
	(void)state;
	memcpy(last_line, line, len < sizeof(last_line) ? len : sizeof(last_line) - 1);
	atomic_fetch_add(&lines, 1);
}

static bool is_local;

static int open_caches(bool local)
{
	const struct weir_log_options log = { .level = WEIR_LOG_WARN, .write = count_line };
	struct weir_backend *memory;
	char why[200];

	square = square_function(&(const struct weir_cache_rule){ .expire_s = 60, .ns = "numbers", .with_lock = true });
	square_hook = NULL;
	leases_kept = 0;
	is_local = local;
	atomic_store(&square_runs, 0);
	atomic_store(&lines, 0);
	memset(last_line, 0, sizeof(last_line));
	log_of_caches = weir_log_create(&log);
	if (weir_backend_open("memory:", NULL, why, sizeof(why), &memory) != WEIR_OK)
		return -1;
	backend = weir_shared_backend_create(memory);
	for (int i = 0; i < 2; i++) {
		const struct weir_cache_options options = {
			.instance = weir_shared_backend_view(backend, local), .prefix = "both", .log = log_of_caches, .locked = true
		};

		if (weir_cache_create(&options, why, sizeof(why), &caches[i]) != WEIR_OK)
			return -1;
	}
	return 0;
}

static int setup_local(void **state)
{
	(void)state;
	return open_caches(true);
}

static int setup_remote(void **state)
{
	(void)state;
	return open_caches(false);
}

static struct weir_shared_counts counts(void)
{
	struct weir_shared_counts counted;

	weir_shared_backend_counts(backend, &counted);
	return counted;
}

static int teardown(void **state)
{
	struct weir_shared_counts counted = counts();

	(void)state;
	weir_cache_destroy(caches[A]);
	weir_cache_destroy(caches[B]);
	weir_log_destroy(log_of_caches);
	return counted.done[WEIR_SHARED_LEASE] == counted.done[WEIR_SHARED_RELEASE] + leases_kept ? 0 : -1;
}

/* -- A call that takes as long as the test likes ----------------------------------------------------------------------------- */

static atomic_bool inside, open_gate;
static enum weir_status outcome; /* of the first run */

static enum weir_status wait_at_gate(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	if (square_runs > 1)
		return WEIR_OK;
	atomic_store(&inside, true);
	while (!atomic_load(&open_gate))
		sched_yield();
	return outcome;
}

struct caller {
	pthread_t thread;
	int cache;
	enum weir_status status;
	int64_t result;
};

static void *call_it(void *state)
{
	struct caller *caller = state;
	struct weir_pool *pool = weir_pool_create(0);

	caller->status = weir_cache_call(caches[caller->cache], pool, &square, &(const struct square){ 7 }, &caller->result);
	weir_pool_destroy(pool);
	return NULL;
}

static void start(struct caller *caller, int cache)
{
	*caller = (struct caller){ .cache = cache };
	assert_int_equal(pthread_create(&caller->thread, NULL, call_it, caller), 0);
}

static void start_at_gate(struct caller *caller, int cache, enum weir_status then)
{
	atomic_store(&inside, false);
	atomic_store(&open_gate, false);
	outcome = then;
	square_hook = wait_at_gate;
	start(caller, cache);
	while (!atomic_load(&inside))
		sched_yield();
}

/* The calls that another makes while it watches the lease of the first. */
static void until_refused_a_lease(void)
{
	while (counts().calls[WEIR_SHARED_LEASE] < 3)
		sched_yield();
}

static void expect(struct caller *caller, enum weir_status status)
{
	pthread_join(caller->thread, NULL);
	assert_int_equal(caller->status, status);
	if (status == WEIR_OK)
		assert_int_equal(caller->result, 49);
}

/* -- Two processes ----------------------------------------------------------------------------------------------------------- */

static void test_function_remote_waits_for_another_process(void **state)
{
	struct caller a, b;
	struct weir_cache_stats stats;

	(void)state;
	start_at_gate(&a, A, WEIR_OK);
	start(&b, B);
	until_refused_a_lease();
	atomic_store(&open_gate, true);
	expect(&a, WEIR_OK);
	expect(&b, WEIR_OK);
	assert_int_equal(square_runs, 1);
	weir_cache_stats(caches[B], &stats);
	assert_int_equal(stats.coalesced, 1);
	assert_int_equal(lines, 0);
}

static void test_function_remote_follows_one_that_fails(void **state)
{
	struct caller a, b;

	(void)state;
	start_at_gate(&a, A, WEIR_ERR_IO);
	start(&b, B);
	until_refused_a_lease();
	atomic_store(&open_gate, true);
	expect(&a, WEIR_ERR_IO);
	expect(&b, WEIR_OK);
	assert_int_equal(square_runs, 2);
}

/* Waits for the lock's timeout on the real clock: 20 ms. */
static void test_function_remote_takes_over_from_one_that_is_slow(void **state)
{
	struct caller a, b;

	(void)state;
	square.cache.lock_timeout_ms = 20;
	start_at_gate(&a, A, WEIR_OK);
	start(&b, B);
	expect(&b, WEIR_OK);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "takes longer than the lock's timeout"));
	atomic_store(&open_gate, true);
	expect(&a, WEIR_OK);
	assert_int_equal(square_runs, 2);
}

static void test_function_remote_does_not_wait_for_what_was_cleared(void **state)
{
	struct caller a, b;

	(void)state;
	start_at_gate(&a, A, WEIR_OK);
	assert_int_equal(weir_cache_clear_namespace(caches[B], "numbers", NULL), WEIR_OK);
	start(&b, B);
	expect(&b, WEIR_OK);
	assert_int_equal(square_runs, 2);
	assert_int_equal(weir_cache_clear_namespace(caches[B], "numbers", NULL), WEIR_OK);
	atomic_store(&open_gate, true);
	expect(&a, WEIR_OK);
	expect_square_outside(caches[A], &square, 7); /* what A has stored was begun before the clears */
	assert_int_equal(square_runs, 3);
}

static void clear_numbers(void)
{
	assert_int_equal(weir_cache_clear_namespace(caches[B], "numbers", NULL), WEIR_OK);
}

static void test_function_remote_lease_from_before_a_clear_is_of_no_account(void **state)
{
	(void)state;
	weir_shared_backend_before_lease(backend, clear_numbers);
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(counts().done[WEIR_SHARED_LEASE], 2); /* the second one for those who come behind the clear */
	assert_int_equal(square_runs, 1);
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(square_runs, 1);
}

static void test_function_remote_shows_what_is_old_while_another_process_makes_it(void **state)
{
	struct caller a;

	(void)state;
	square.cache.stale_while_revalidate_s = 600;
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(weir_cache_expire_namespace(caches[B], "numbers"), WEIR_OK);
	atomic_store(&square_runs, 0);
	start_at_gate(&a, A, WEIR_OK);
	expect_square_outside(caches[B], &square, 7); /* at once */
	assert_int_equal(square_runs, 1);
	atomic_store(&open_gate, true);
	expect(&a, WEIR_OK);
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(square_runs, 1);
}

static enum weir_status tag_it(struct weir_call *call, int64_t n)
{
	(void)n;
	weir_call_add_tag(call, "squares");
	return WEIR_OK;
}

static void test_function_remote_tags_cost_a_second_question_after_a_clear(void **state)
{
	size_t before;

	(void)state;
	square_hook = tag_it;
	expect_square_outside(caches[A], &square, 7);
	before = counts().calls[WEIR_SHARED_READ];
	assert_int_equal(before, is_local ? 2 : 3); /* at first, with the lease, and the cells of what is stored */
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(counts().calls[WEIR_SHARED_READ], before + 1);
	assert_int_equal(weir_cache_clear_tag(caches[A], "cubes", NULL), WEIR_OK);
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(counts().calls[WEIR_SHARED_READ], before + 3);
	assert_int_equal(square_runs, 1);
	assert_int_equal(weir_cache_clear_tag(caches[A], "squares", NULL), WEIR_OK);
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(square_runs, 2);
}

/* -- A backend that fails ---------------------------------------------------------------------------------------------------- */

static void test_function_remote_runs_when_nothing_can_be_read(void **state)
{
	(void)state;
	weir_shared_backend_fail(backend, WEIR_SHARED_READ, 0, 1, WEIR_ERR_BACKEND);
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "square goes on without"));
	assert_int_equal(counts().calls[WEIR_SHARED_WRITE], 0); /* for who knows what was cleared */
	expect_square_outside(caches[A], &square, 7);
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(square_runs, 2);
	assert_int_equal(lines, 1);
}

static void test_function_remote_runs_without_a_lease(void **state)
{
	(void)state;
	weir_shared_backend_fail(backend, WEIR_SHARED_LEASE, 0, 1, WEIR_ERR_BACKEND);
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "gives no lease"));
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(square_runs, 1);
}

static void test_function_remote_result_counts_though_it_was_not_stored(void **state)
{
	(void)state;
	weir_shared_backend_fail(backend, WEIR_SHARED_WRITE, 0, 1, WEIR_ERR_BACKEND);
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "an entry was not stored"));
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(square_runs, 2);
}

static void test_function_remote_lease_that_is_not_taken_back_is_told(void **state)
{
	(void)state;
	weir_shared_backend_fail(backend, WEIR_SHARED_RELEASE, 0, 1, WEIR_ERR_BACKEND);
	leases_kept = 1;
	expect_square_outside(caches[A], &square, 7);
	assert_int_equal(lines, 1);
	assert_non_null(strstr(last_line, "a lease could not be given back"));
	expect_square_outside(caches[B], &square, 7);
	assert_int_equal(square_runs, 1);
}

static enum weir_status fail_to_square(struct weir_call *call, int64_t n)
{
	(void)call;
	(void)n;
	return WEIR_ERR_IO;
}

static void test_function_remote_gives_the_lease_back_when_it_fails(void **state)
{
	struct caller a;

	(void)state;
	square_hook = fail_to_square;
	start(&a, A);
	expect(&a, WEIR_ERR_IO);
	assert_int_equal(counts().done[WEIR_SHARED_LEASE], 1);
	assert_int_equal(counts().done[WEIR_SHARED_RELEASE], 1);
}

#define LOCAL_AND_REMOTE(test) \
	{ .name = #test "_local", .test_func = test, .setup_func = setup_local, .teardown_func = teardown }, \
	{ \
		.name = #test "_remote", .test_func = test, .setup_func = setup_remote, .teardown_func = teardown \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOCAL_AND_REMOTE(test_function_remote_waits_for_another_process),
		LOCAL_AND_REMOTE(test_function_remote_follows_one_that_fails),
		LOCAL_AND_REMOTE(test_function_remote_takes_over_from_one_that_is_slow),
		LOCAL_AND_REMOTE(test_function_remote_does_not_wait_for_what_was_cleared),
		LOCAL_AND_REMOTE(test_function_remote_lease_from_before_a_clear_is_of_no_account),
		LOCAL_AND_REMOTE(test_function_remote_shows_what_is_old_while_another_process_makes_it),
		LOCAL_AND_REMOTE(test_function_remote_tags_cost_a_second_question_after_a_clear),
		LOCAL_AND_REMOTE(test_function_remote_runs_when_nothing_can_be_read),
		LOCAL_AND_REMOTE(test_function_remote_runs_without_a_lease),
		LOCAL_AND_REMOTE(test_function_remote_result_counts_though_it_was_not_stored),
		LOCAL_AND_REMOTE(test_function_remote_lease_that_is_not_taken_back_is_told),
		LOCAL_AND_REMOTE(test_function_remote_gives_the_lease_back_when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
