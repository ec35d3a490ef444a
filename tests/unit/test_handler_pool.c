/* SPDX-License-Identifier: Apache-2.0
 *
 * Handler threads by themselves: exchanges are only carried, and what "running" one does is the test's business.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

#include "exchange/exchange.h"
#include "exchange/thread.h"
#include "runtime/handler_pool.h"

#define EXCHANGES 2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static struct weir_exchange exchanges[EXCHANGES];
static const struct weir_exchange *order[EXCHANGES]; /* in which they have begun */
static size_t begun;
static size_t ended;
static bool held;
static bool destroyed;

static void run(struct weir_exchange *exchange)
{
	pthread_mutex_lock(&lock);
	exchange->pulls++; /* any counter will do */
	order[begun++] = exchange;
	pthread_cond_broadcast(&moved);
	while (held)
		pthread_cond_wait(&moved, &lock);
	ended++;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

static void wait_for(const size_t *count, size_t value)
{
	pthread_mutex_lock(&lock);
	while (*count < value)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
}

static void hold(bool on)
{
	pthread_mutex_lock(&lock);
	held = on;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

static int setup(void **state)
{
	(void)state;
	begun = ended = 0;
	held = false;
	for (size_t i = 0; i < EXCHANGES; i++)
		exchanges[i].pulls = 0;
	return 0;
}

static void test_handler_pool_runs_each_exchange_once(void **state)
{
	struct weir_handler_pool *pool = weir_handler_pool_create(8, EXCHANGES, run);

	(void)state;
	assert_non_null(pool);
	for (size_t i = 0; i < EXCHANGES; i++)
		assert_int_equal(weir_handler_pool_submit(pool, &exchanges[i], false), WEIR_OK);
	wait_for(&ended, EXCHANGES);
	weir_handler_pool_destroy(pool);
	for (size_t i = 0; i < EXCHANGES; i++)
		assert_int_equal(exchanges[i].pulls, 1);
}

static void test_handler_pool_takes_as_many_as_threads_and_queue_hold(void **state)
{
	struct weir_handler_pool *pool = weir_handler_pool_create(2, 3, run);

	(void)state;
	hold(true);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(weir_handler_pool_submit(pool, &exchanges[i], false), WEIR_OK);
	assert_int_equal(weir_handler_pool_submit(pool, &exchanges[5], false), WEIR_ERR_LIMIT);
	assert_int_equal(weir_handler_pool_submit(pool, &exchanges[6], true), WEIR_OK); /* one that has begun is never turned away */
	assert_int_equal(weir_handler_pool_busy(pool), 6);
	hold(false);
	wait_for(&ended, 6);
	weir_handler_pool_destroy(pool);
	assert_int_equal(exchanges[5].pulls, 0);
}

static void test_handler_pool_runs_first_what_another_waits_for(void **state)
{
	static const size_t expected[] = { 0, 4, 2, 1, 3, 5 };
	struct weir_handler_pool *pool = weir_handler_pool_create(1, 10, run);

	(void)state;
	exchanges[2].awaited = exchanges[4].awaited = true;
	hold(true);
	assert_int_equal(weir_handler_pool_submit(pool, &exchanges[0], false), WEIR_OK);
	wait_for(&begun, 1);
	for (size_t i = 1; i < 6; i++)
		assert_int_equal(weir_handler_pool_submit(pool, &exchanges[i], false), WEIR_OK);
	hold(false);
	wait_for(&ended, 6);
	weir_handler_pool_destroy(pool);
	for (size_t i = 0; i < 6; i++)
		assert_ptr_equal(order[i], &exchanges[expected[i]]);
	exchanges[2].awaited = exchanges[4].awaited = false;
}

/* Handlers have been quick, so one thread was thought to be enough; then one of them blocks. */
static void test_handler_pool_nudge_wakes_those_who_sleep(void **state)
{
	struct weir_handler_pool *pool = weir_handler_pool_create(4, EXCHANGES, run);

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		assert_int_equal(weir_handler_pool_submit(pool, &exchanges[i], false), WEIR_OK);
		wait_for(&ended, i + 1);
	}
	hold(true);
	for (size_t i = 1000; i < 1004; i++)
		assert_int_equal(weir_handler_pool_submit(pool, &exchanges[i], false), WEIR_OK);
	wait_for(&begun, 1001);
	weir_handler_pool_nudge(pool);
	wait_for(&begun, 1004);
	assert_false(weir_handler_pool_wants_nudge(pool));
	hold(false);
	weir_handler_pool_destroy(pool);
	assert_int_equal(ended, 1004);
}

static void *destroy(void *state)
{
	weir_handler_pool_destroy(state);
	pthread_mutex_lock(&lock);
	destroyed = true;
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* On a machine that does other things a thread may take long to end. So long that any limit would show; the one there was had been 100 ms.
 */
static void test_handler_pool_waits_for_a_thread_that_is_late(void **state)
{
	struct weir_handler_pool *pool = weir_handler_pool_create(2, 10, run);
	pthread_t thread;

	(void)state;
	destroyed = false;
	hold(true);
	assert_int_equal(weir_handler_pool_submit(pool, &exchanges[0], false), WEIR_OK);
	wait_for(&begun, 1);
	assert_int_equal(pthread_create(&thread, NULL, destroy, pool), 0);
	(void)poll(NULL, 0, 300); /* that nothing happens shows only in time */
	pthread_mutex_lock(&lock);
	assert_false(destroyed);
	pthread_mutex_unlock(&lock);
	hold(false);
	pthread_join(thread, NULL);
	assert_true(destroyed);
	weir_handler_pool_destroy(NULL);
}

static size_t granted, refused; /* under the lock */

static void step_aside(struct weir_exchange *exchange)
{
	bool may = weir_thread_step_aside();

	(void)exchange;
	assert_false(weir_thread_is_loop());
	pthread_mutex_lock(&lock);
	*(may ? &granted : &refused) += 1;
	begun++;
	pthread_cond_broadcast(&moved);
	while (held)
		pthread_cond_wait(&moved, &lock);
	pthread_mutex_unlock(&lock);
	if (may)
		weir_thread_come_back();
	pthread_mutex_lock(&lock);
	ended++;
	pthread_cond_broadcast(&moved);
	pthread_mutex_unlock(&lock);
}

static void test_handler_pool_keeps_one_thread_that_does_not_wait(void **state)
{
	struct weir_handler_pool *pool = weir_handler_pool_create(3, 10, step_aside);

	(void)state;
	granted = refused = 0;
	hold(true);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(weir_handler_pool_submit(pool, &exchanges[i], false), WEIR_OK);
	weir_handler_pool_nudge(pool);
	wait_for(&begun, 3);
	assert_int_equal(granted, 2);
	assert_int_equal(refused, 1);
	hold(false);
	wait_for(&ended, 3);
	assert_int_equal(weir_handler_pool_submit(pool, &exchanges[3], false), WEIR_OK);
	wait_for(&ended, 4);
	assert_int_equal(granted, 3);
	weir_handler_pool_destroy(pool);
	assert_true(weir_thread_step_aside()); /* a thread of one's own */
	weir_thread_come_back();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_handler_pool_runs_each_exchange_once, setup),
		cmocka_unit_test_setup(test_handler_pool_takes_as_many_as_threads_and_queue_hold, setup),
		cmocka_unit_test_setup(test_handler_pool_runs_first_what_another_waits_for, setup),
		cmocka_unit_test_setup(test_handler_pool_nudge_wakes_those_who_sleep, setup),
		cmocka_unit_test_setup(test_handler_pool_keeps_one_thread_that_does_not_wait, setup),
		cmocka_unit_test_setup(test_handler_pool_waits_for_a_thread_that_is_late, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
