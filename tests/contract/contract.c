/* SPDX-License-Identifier: Apache-2.0
 *
 * The suite's main function and the operations that its tests are written in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "store.h"
#include "support/fake_clock.h"

#define TESTS_MAX 64

/* The driver that the suite runs on, with its defaults filled in. */
static struct weir_contract_driver tested;

void weir_contract_reopen(struct weir_contract_store *store, uint64_t size)
{
	if (store->backend)
		store->driver->close(store->backend);
	store->backend = store->driver->open(&store->env, size);
	assert_non_null(store->backend);
}

void weir_contract_advance_ms(struct weir_contract_store *store, int64_t ms)
{
	weir_fake_clock_advance_ms(store->clock, ms);
	if (store->driver->advance_ms)
		store->driver->advance_ms(ms);
}

int64_t weir_contract_now_ms(const struct weir_contract_store *store)
{
	return weir_clock_wall_ms(&store->clock->clock);
}

void weir_contract_run(struct weir_contract_store *store, struct weir_job *jobs)
{
	store->driver->run(store->backend, jobs);
}

enum weir_status weir_contract_set(struct weir_contract_store *store, struct weir_slice key, struct weir_slice value, int64_t expires_ms)
{
	struct weir_job job = { .kind = WEIR_JOB_WRITE, .write = { .key = key, .value = value, .expires_ms = expires_ms } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, job.write.status);
	return job.status;
}

void weir_contract_put(struct weir_contract_store *store, struct weir_slice key, struct weir_slice value)
{
	assert_int_equal(weir_contract_set(store, key, value, WEIR_EXPIRES_NEVER), WEIR_OK);
}

struct weir_backend_get weir_contract_get(struct weir_contract_store *store, struct weir_slice key)
{
	struct weir_backend_get get = { .key = key };
	struct weir_job job = { .kind = WEIR_JOB_READ, .read = { .gets = &get, .get_count = 1 } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, WEIR_OK);
	assert_int_equal(job.read.status, WEIR_OK);
	return get;
}

void weir_contract_done(const struct weir_backend_get *get)
{
	if (get->status == WEIR_OK && get->release)
		get->release(get->owner);
}

bool weir_contract_has(struct weir_contract_store *store, struct weir_slice key)
{
	struct weir_backend_get get = weir_contract_get(store, key);

	weir_contract_done(&get);
	assert_true(get.status == WEIR_OK || get.status == WEIR_MISS);
	return get.status == WEIR_OK;
}

void weir_contract_expect(struct weir_contract_store *store, struct weir_slice key, struct weir_slice value)
{
	struct weir_backend_get get = weir_contract_get(store, key);

	assert_int_equal(get.status, WEIR_OK);
	assert_int_equal(get.value.len, value.len);
	assert_true(weir_slice_equal(get.value, value));
	weir_contract_done(&get);
}

size_t weir_contract_remove(struct weir_contract_store *store, struct weir_slice key)
{
	struct weir_job job = { .kind = WEIR_JOB_REMOVE, .remove = { .keys = &key, .count = 1 } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, WEIR_OK);
	return job.remove.removed;
}

uint64_t weir_contract_cell(struct weir_contract_store *store, const char *name, bool create, uint64_t *clock)
{
	struct weir_backend_cell cell = { .name = weir_slice_text(name), .create = create };
	struct weir_job job = { .kind = WEIR_JOB_READ, .read = { .cells = &cell, .cell_count = 1 } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, WEIR_OK);
	if (clock)
		*clock = job.read.clock;
	return cell.stamp;
}

uint64_t weir_contract_clear(struct weir_contract_store *store, const char *name)
{
	struct weir_slice cell = weir_slice_text(name);
	struct weir_job job = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &cell, .count = 1 } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, WEIR_OK);
	return job.clear.clock;
}

enum weir_status weir_contract_lease(struct weir_contract_store *store, enum weir_lease_verb verb, const char *key, uint64_t token,
				     int64_t ttl_ms)
{
	struct weir_job job = { .kind = WEIR_JOB_LEASE,
				.lease = { .verb = verb, .key = weir_slice_text(key), .token = token, .ttl_ms = ttl_ms } };

	weir_contract_run(store, &job);
	assert_int_equal(job.status, job.lease.status);
	return job.status;
}

struct weir_backend_stats weir_contract_stats(struct weir_contract_store *store)
{
	struct weir_backend_stats stats;

	weir_backend_ops(store->backend)->stats(weir_backend_self(store->backend), &stats);
	return stats;
}

static int open_store(void **state)
{
	struct weir_contract_store *store = calloc(1, sizeof(*store));
	struct weir_fake_clock *clock = calloc(1, sizeof(*clock));

	if (!store || !clock)
		abort();
	weir_fake_clock_init(clock);
	store->driver = &tested;
	store->clock = clock;
	store->env.clock = &clock->clock;
	*state = store;
	weir_contract_reopen(store, WEIR_CONTRACT_SIZE);
	return 0;
}

static int close_store(void **state)
{
	struct weir_contract_store *store = *state;

	store->driver->close(store->backend);
	free(store->clock);
	free(store);
	return 0;
}

static size_t add_tests(struct CMUnitTest *all, size_t count, const struct CMUnitTest *tests, size_t more)
{
	if (count + more > TESTS_MAX)
		abort();
	for (size_t i = 0; i < more; i++) {
		all[count + i] = tests[i];
		all[count + i].setup_func = open_store;
		all[count + i].teardown_func = close_store;
	}
	return count + more;
}

int weir_contract_main(const struct weir_contract_driver *driver)
{
	struct CMUnitTest tests[TESTS_MAX];
	size_t count = 0;

	tested = *driver;
	if (!tested.close)
		tested.close = weir_backend_close;
	if (!tested.run)
		tested.run = weir_jobs_execute;
	count = add_tests(tests, count, weir_contract_value_tests, weir_contract_value_test_count);
	count = add_tests(tests, count, weir_contract_batch_tests, weir_contract_batch_test_count);
	count = add_tests(tests, count, weir_contract_clear_tests, weir_contract_clear_test_count);
	count = add_tests(tests, count, weir_contract_lease_tests, weir_contract_lease_test_count);
	count = add_tests(tests, count, weir_contract_thread_tests, weir_contract_thread_test_count);
	return _cmocka_run_group_tests(driver->name, tests, count, NULL, NULL);
}
