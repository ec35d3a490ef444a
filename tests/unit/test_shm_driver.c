/* SPDX-License-Identifier: Apache-2.0
 *
 * What memory: and shm: promise beyond the contract: who shares what, whose clock counts, hits without an allocation, and which file an URL
 * means.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <weir/backend_driver.h>

#include "support/fake_clock.h"
#include "support/scratch.h"

struct side {
	struct weir_backend *backend;
	const struct weir_backend_ops *ops;
	void *self;
};

struct fixture {
	struct weir_fake_clock clock;
	struct weir_scratch scratch;
	char url[200]; /* of a file in the scratch folder */
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	weir_fake_clock_init(&f->clock);
	weir_scratch_init(&f->scratch);
	(void)snprintf(f->url, sizeof(f->url), "shm:%s?size=1m", weir_scratch_file(&f->scratch, "store"));
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	weir_scratch_finish(&f->scratch);
	free(f);
	return 0;
}

static struct side open_url(struct fixture *f, const char *url)
{
	const struct weir_backend_env env = { .clock = &f->clock.clock };
	struct side side;
	char why[300] = "";

	if (weir_backend_open(url, &env, why, sizeof(why), &side.backend) != WEIR_OK)
		fail_msg("%s", why);
	side.ops = weir_backend_ops(side.backend);
	side.self = weir_backend_self(side.backend);
	return side;
}

static void close_side(const struct side *side)
{
	weir_backend_close(side->backend);
}

static struct weir_backend_get get(const struct side *side, const char *key)
{
	struct weir_backend_get got = { .key = weir_slice_text(key) };
	struct weir_backend_read read = { .gets = &got, .get_count = 1 };

	if (side->ops->get_many(side->self, (struct weir_backend_read *[]){ &read }, 1) != WEIR_OK || read.status != WEIR_OK)
		abort();
	return got;
}

static bool has(const struct side *side, const char *key, struct weir_slice value)
{
	struct weir_backend_get got = get(side, key);
	bool same = got.status == WEIR_OK && weir_slice_equal(got.value, value);

	if (got.status == WEIR_OK)
		got.release(got.owner);
	return same;
}

static enum weir_status put(const struct side *side, const char *key, struct weir_slice value, int64_t expires_ms)
{
	struct weir_backend_set set = { .key = weir_slice_text(key), .value = value, .expires_ms = expires_ms };

	assert_int_equal(side->ops->set_many(side->self, &set, 1), WEIR_OK);
	return set.status;
}

static enum weir_status lease(const struct side *side, struct weir_slice key, uint64_t token)
{
	struct weir_backend_lease taken = { .verb = WEIR_LEASE_TAKE, .key = key, .token = token, .ttl_ms = 1000 };

	assert_int_equal(side->ops->lease_many(side->self, &taken, 1), WEIR_OK);
	return taken.status;
}

static uint64_t read_cell(const struct side *side, const char *name, uint64_t *clock)
{
	struct weir_backend_cell cell = { .name = weir_slice_text(name), .create = true };
	struct weir_backend_read read = { .cells = &cell, .cell_count = 1 };

	assert_int_equal(side->ops->get_many(side->self, (struct weir_backend_read *[]){ &read }, 1), WEIR_OK);
	*clock = read.clock;
	return cell.stamp;
}

#define VALUE WEIR_SLICE_LITERAL("value")
#define KEY WEIR_SLICE_LITERAL("key")

static void test_shm_driver_file_is_shared_by_all_who_open_it(void **state)
{
	struct fixture *f = *state;
	struct side one = open_url(f, f->url), other = open_url(f, f->url);
	uint64_t clock, cleared;

	assert_int_equal(put(&one, "key", VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_true(has(&other, "key", VALUE));
	assert_int_equal(lease(&one, KEY, 1), WEIR_OK);
	assert_int_equal(lease(&other, KEY, 2), WEIR_BUSY);
	assert_int_equal(one.ops->clear(one.self, &WEIR_SLICE_LITERAL("ns"), 1, 0, &cleared), WEIR_OK);
	assert_true(read_cell(&other, "ns", &clock) == cleared);
	assert_true(clock == cleared);
	close_side(&one);
	close_side(&other);
	one = open_url(f, f->url);
	assert_true(has(&one, "key", VALUE));
	close_side(&one);
}

static void test_shm_driver_memory_is_for_one(void **state)
{
	struct fixture *f = *state;
	struct side one = open_url(f, "memory:?size=1m"), other = open_url(f, "memory:?size=1m");

	assert_int_equal(put(&one, "key", VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_false(has(&other, "key", VALUE));
	close_side(&one);
	close_side(&other);
}

static int play_worker(void *state)
{
	const struct side *side = state;

	WEIR_INSIST(has(side, "before", VALUE));
	WEIR_INSIST(put(side, "child", VALUE, WEIR_EXPIRES_NEVER) == WEIR_OK);
	return 0;
}

static void test_shm_driver_memory_is_shared_with_workers(void **state)
{
	struct side side = open_url(*state, "memory:?size=1m");

	assert_int_equal(put(&side, "before", VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
	assert_int_equal(weir_scratch_play(play_worker, &side), 0);
	assert_true(has(&side, "child", VALUE));
	close_side(&side);
}

static void test_shm_driver_says_who_sees_what_is_stored(void **state)
{
	struct fixture *f = *state;
	struct side memory = open_url(f, "memory:?size=1m"), file = open_url(f, f->url);

	assert_int_equal(memory.ops->flags, WEIR_BACKEND_LOCAL | WEIR_BACKEND_PROCESS_ONLY);
	assert_int_equal(file.ops->flags, WEIR_BACKEND_LOCAL);
	close_side(&memory);
	close_side(&file);
}

static void test_shm_driver_hits_use_their_buffers_again(void **state)
{
	struct side side = open_url(*state, "memory:");
	static char large[1000000];
	const struct weir_slice values[] = { VALUE, { large, 10000 }, { large, 100000 }, { large, sizeof(large) } };
	struct weir_backend_get first, again;

	for (size_t i = 0; i < sizeof(large); i++)
		large[i] = (char)(i * 7 + i / 256);
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		assert_int_equal(put(&side, "key", values[i], WEIR_EXPIRES_NEVER), WEIR_OK);
		first = get(&side, "key");
		assert_true(weir_slice_equal(first.value, values[i]));
		first.release(first.owner);
		again = get(&side, "key");
		assert_ptr_equal(again.owner, first.owner);
		assert_true(weir_slice_equal(again.value, values[i]));
		again.release(again.owner);
	}
	close_side(&side);
}

static void test_shm_driver_value_in_hand_outlives_the_store(void **state)
{
	struct fixture *f = *state;
	const char *urls[] = { "memory:?size=1m", f->url };

	for (size_t i = 0; i < 2; i++) {
		struct side side = open_url(f, urls[i]);
		struct weir_backend_get got;

		assert_int_equal(put(&side, "key", VALUE, WEIR_EXPIRES_NEVER), WEIR_OK);
		got = get(&side, "key");
		close_side(&side);
		assert_int_equal(got.status, WEIR_OK);
		assert_true(weir_slice_equal(got.value, VALUE));
		got.release(got.owner);
	}
}

static void test_shm_driver_values_go_by_the_wall_clock_and_leases_by_the_other(void **state)
{
	struct fixture *f = *state;
	struct side side = open_url(f, "memory:?size=1m");

	assert_int_equal(put(&side, "key", VALUE, weir_clock_wall_ms(&f->clock.clock) + 1000), WEIR_OK);
	assert_int_equal(lease(&side, KEY, 1), WEIR_OK);
	atomic_fetch_add(&f->clock.monotonic_ms, 999);
	assert_true(has(&side, "key", VALUE));
	assert_int_equal(lease(&side, KEY, 2), WEIR_BUSY);
	atomic_fetch_add(&f->clock.wall_ms, 1000);
	assert_false(has(&side, "key", VALUE));
	assert_int_equal(lease(&side, KEY, 2), WEIR_BUSY);
	atomic_fetch_add(&f->clock.monotonic_ms, 1);
	assert_int_equal(lease(&side, KEY, 2), WEIR_OK);
	close_side(&side);
}

/* Clears are not forgotten because values come and go. */
static void test_shm_driver_cells_are_not_evicted_by_values(void **state)
{
	struct side side = open_url(*state, "memory:?size=1m");
	struct weir_backend_stats stats;
	uint64_t clock, cleared;
	static char value[20000];
	char key[32];

	assert_int_equal(side.ops->clear(side.self, &WEIR_SLICE_LITERAL("ns"), 1, 1, &cleared), WEIR_OK);
	for (int i = 0; i < 200; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(put(&side, key, weir_slice(value, sizeof(value)), WEIR_EXPIRES_NEVER), WEIR_OK);
	}
	side.ops->stats(side.self, &stats);
	assert_true(stats.evictions > 0);
	assert_true(read_cell(&side, "ns", &clock) == cleared);
	assert_true(read_cell(&side, "never cleared", &clock) == 0);
	assert_true(clock == cleared);
	close_side(&side);
}

static void test_shm_driver_name_means_a_file_in_dev_shm(void **state)
{
	char url[64], path[64], why[300];
	struct weir_backend *backend;
	struct stat info;
	int pid = (int)getpid();

	(void)state;
	(void)snprintf(url, sizeof(url), "shm:///test_driver-%d.x?size=1m", pid);
	(void)snprintf(path, sizeof(path), "/dev/shm/weir-test_driver-%d.x.weir1", pid);
	assert_int_equal(weir_backend_open(url, NULL, why, sizeof(why), &backend), WEIR_OK);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, 1024 * 1024);
	weir_backend_close(backend);
	assert_int_equal(unlink(path), 0);
}

static void test_shm_driver_says_what_is_wrong_with_a_file(void **state)
{
	struct fixture *f = *state;
	struct weir_backend *backend;
	char why[300], expected[300];

	assert_int_equal(symlink("/nowhere", weir_scratch_file(&f->scratch, "store.weir1")), 0);
	assert_int_equal(weir_backend_open(f->url, NULL, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
	(void)snprintf(expected, sizeof(expected), "shm: %s: is a symbolic link; ", weir_scratch_file(&f->scratch, "store.weir1"));
	assert_memory_equal(why, expected, strlen(expected));
	assert_null(strchr(why, '\n'));
}

#define driver_test(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		driver_test(test_shm_driver_file_is_shared_by_all_who_open_it),
		driver_test(test_shm_driver_memory_is_for_one),
		driver_test(test_shm_driver_memory_is_shared_with_workers),
		driver_test(test_shm_driver_says_who_sees_what_is_stored),
		driver_test(test_shm_driver_hits_use_their_buffers_again),
		driver_test(test_shm_driver_value_in_hand_outlives_the_store),
		driver_test(test_shm_driver_values_go_by_the_wall_clock_and_leases_by_the_other),
		driver_test(test_shm_driver_cells_are_not_evicted_by_values),
		driver_test(test_shm_driver_name_means_a_file_in_dev_shm),
		driver_test(test_shm_driver_says_what_is_wrong_with_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
