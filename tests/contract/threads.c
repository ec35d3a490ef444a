/* SPDX-License-Identifier: Apache-2.0
 *
 * Contract: many threads at once. Values tell by themselves whether they are whole and belong to their key; leases and clears are checked
 * by what the threads see of each other. Threads count what is wrong, the test's own thread asserts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "store.h"

#define THREADS 4
#define ROUNDS 1500
#define KEYS 400
#define VALUE_MAX 6000

struct hammer {
	struct weir_contract_store *store;
	atomic_uint next_id; /* of threads */
	atomic_uint wrong;   /* what must not be */
	atomic_uint hits;
	atomic_uint inside;    /* holders of the lease */
	atomic_uint turns;     /* leases had */
	_Atomic uint64_t made; /* the newest clear clock that a clear has returned */
};

/* xorshift64: any order will do, as long as it is another one in each thread. */
static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* The value of `key` in `version`: both numbers, and bytes and a length that follow from them. */
static struct weir_slice make_value(char *bytes, uint64_t key, uint64_t version)
{
	uint64_t head[2] = { key, version };
	size_t len = sizeof(head) + (version * 97 + key) % (VALUE_MAX - sizeof(head));

	memcpy(bytes, head, sizeof(head));
	memset(bytes + sizeof(head), (int)((key * 7 + version) & 0xff), len - sizeof(head));
	return weir_slice(bytes, len);
}

static bool is_value_of(struct weir_slice value, uint64_t key)
{
	char expected[VALUE_MAX];
	uint64_t head[2];

	if (value.len < sizeof(head))
		return false;
	memcpy(head, value.data, sizeof(head));
	return head[0] == key && weir_slice_equal(value, make_value(expected, key, head[1]));
}

static void check(struct hammer *hammer, bool right)
{
	if (!right)
		atomic_fetch_add(&hammer->wrong, 1);
}

static void run(struct hammer *hammer, struct weir_job *job, enum weir_status expected)
{
	weir_contract_run(hammer->store, job);
	check(hammer, job->status == expected);
}

/* What changes a value may give up: a driver blocks nobody for long, whoever holds what it needs. */
static void run_change(struct hammer *hammer, struct weir_job *job)
{
	weir_contract_run(hammer->store, job);
	check(hammer, job->status == WEIR_OK || job->status == WEIR_ERR_TIMEOUT);
}

static void read_keys(struct hammer *hammer, uint64_t first)
{
	struct weir_backend_get gets[3] = { { .key = WEIR_SLICE_NONE } };
	struct weir_job job = { .kind = WEIR_JOB_READ, .read = { .gets = gets, .get_count = 3 } };
	uint64_t keys[3];

	for (size_t i = 0; i < 3; i++) {
		keys[i] = (first + i) % KEYS;
		gets[i].key = weir_slice(&keys[i], sizeof(keys[i]));
	}
	run(hammer, &job, WEIR_OK);
	for (size_t i = 0; i < 3; i++) {
		check(hammer, gets[i].status == WEIR_MISS || is_value_of(gets[i].value, keys[i]));
		atomic_fetch_add(&hammer->hits, gets[i].status == WEIR_OK);
		weir_contract_done(&gets[i]);
	}
}

static void write_key(struct hammer *hammer, uint64_t key, uint64_t version)
{
	char bytes[VALUE_MAX];
	struct weir_job job = { .kind = WEIR_JOB_WRITE };

	job.write.key = weir_slice(&key, sizeof(key));
	job.write.value = make_value(bytes, key, version);
	job.write.expires_ms = WEIR_EXPIRES_NEVER;
	run_change(hammer, &job);
}

static void remove_key(struct hammer *hammer, uint64_t key)
{
	struct weir_slice name = weir_slice(&key, sizeof(key));
	struct weir_job job = { .kind = WEIR_JOB_REMOVE, .remove = { .keys = &name, .count = 1 } };

	run_change(hammer, &job);
	check(hammer, job.remove.removed <= 1);
}

static void *hammer_values(void *state)
{
	struct hammer *hammer = state;
	uint64_t seed = 0x9e3779b97f4a7c15 * (atomic_fetch_add(&hammer->next_id, 1) + 1);

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t drawn = draw(&seed), key = drawn / 16 % KEYS;

		if (drawn % 16 < 10)
			read_keys(hammer, key);
		else if (drawn % 16 < 15)
			write_key(hammer, key, drawn >> 40);
		else
			remove_key(hammer, key);
	}
	return NULL;
}

/* Holders of the lease change every time; while one has it nobody else has. */
static void *hammer_lease(void *state)
{
	struct hammer *hammer = state;
	uint64_t token = atomic_fetch_add(&hammer->next_id, 1) + 1;

	for (int i = 0; i < ROUNDS; i++) {
		enum weir_status status = weir_contract_lease(hammer->store, WEIR_LEASE_TAKE, "one", token, 60000);

		check(hammer, status == WEIR_OK || status == WEIR_BUSY);
		if (status != WEIR_OK)
			continue;
		check(hammer, atomic_fetch_add(&hammer->inside, 1) == 0);
		check(hammer, weir_contract_lease(hammer->store, WEIR_LEASE_RENEW, "one", token, 60000) == WEIR_OK);
		atomic_fetch_sub(&hammer->inside, 1);
		check(hammer, weir_contract_lease(hammer->store, WEIR_LEASE_RELEASE, "one", token, 0) == WEIR_OK);
		atomic_fetch_add(&hammer->turns, 1);
	}
	return NULL;
}

/* A read that begins when a clear has ended sees it. */
static void *hammer_clear(void *state)
{
	struct hammer *hammer = state;
	bool clears = atomic_fetch_add(&hammer->next_id, 1) == 0;
	struct weir_slice name = WEIR_SLICE_LITERAL("ns");

	for (int i = 0; i < ROUNDS; i++) {
		struct weir_backend_cell cell = { .name = name, .create = true };
		struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &name, .count = 1 } };
		struct weir_job read = { .kind = WEIR_JOB_READ, .read = { .cells = &cell, .cell_count = 1 } };
		uint64_t ended = atomic_load(&hammer->made);

		run(hammer, clears ? &clear : &read, WEIR_OK);
		if (clears)
			atomic_store(&hammer->made, clear.clear.clock);
		else
			check(hammer, cell.stamp >= ended && read.read.clock >= cell.stamp);
	}
	return NULL;
}

static void run_threads(struct hammer *hammer, void *(*function)(void *))
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, function, hammer), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&hammer->wrong), 0);
}

static void test_contract_threads_see_whole_values_of_their_keys(void **state)
{
	struct hammer hammer = { .store = *state };

	/* About 1.2 MB of values, so that the store is full, and some are evicted while they are read. */
	if (hammer.store->driver->flags & WEIR_CONTRACT_BOUNDED)
		weir_contract_reopen(hammer.store, WEIR_CONTRACT_SIZE_MIN);
	for (uint64_t key = 0; key < KEYS; key++)
		write_key(&hammer, key, key * key);
	run_threads(&hammer, hammer_values);
	assert_true(atomic_load(&hammer.hits) > ROUNDS);
	if (hammer.store->driver->flags & WEIR_CONTRACT_BOUNDED)
		assert_true(weir_contract_stats(hammer.store).evictions > 0);
}

static void test_contract_threads_hold_a_lease_one_at_a_time(void **state)
{
	struct hammer hammer = { .store = *state };

	run_threads(&hammer, hammer_lease);
	assert_true(atomic_load(&hammer.turns) > 0);
}

static void test_contract_threads_see_a_clear_that_has_ended(void **state)
{
	struct hammer hammer = { .store = *state };

	run_threads(&hammer, hammer_clear);
	assert_true(atomic_load(&hammer.made) != 0);
}

const struct CMUnitTest weir_contract_thread_tests[] = {
	cmocka_unit_test(test_contract_threads_see_whole_values_of_their_keys),
	cmocka_unit_test(test_contract_threads_hold_a_lease_one_at_a_time),
	cmocka_unit_test(test_contract_threads_see_a_clear_that_has_ended),
};

const size_t weir_contract_thread_test_count = sizeof(weir_contract_thread_tests) / sizeof(weir_contract_thread_tests[0]);
