/* SPDX-License-Identifier: Apache-2.0
 *
 * Corners of the store's core that no load gets to: sizes, a store whose place was taken, a shard whose lock is not to be had, a queue
 * whose end was scribbled over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/backend_shm.h>

#include "backends/shm/hash.h"
#include "backends/shm/log.h"
#include "backends/shm/store.h"

#define MIB ((uint64_t)1024 * 1024)
#define NOW_MS 1000
#define SOMEBODY 1U /* a thread that never ends */

static struct weir_shm *open_store(const char *path, uint64_t size)
{
	struct weir_shm *shm = NULL;
	char why[200] = "";

	assert_int_equal(weir_shm_open(&(struct weir_shm_options){ .path = path, .size = size }, why, sizeof(why), &shm), WEIR_OK);
	return shm;
}

static enum weir_status put(struct weir_shm *shm, const char *key)
{
	return weir_shm_set(shm, &(struct weir_shm_item){ weir_slice_text(key), WEIR_SLICE_NONE, WEIR_SHM_NEVER }, NOW_MS);
}

static enum weir_status look_up(struct weir_shm *shm, const char *key)
{
	size_t len;

	return weir_shm_get(shm, weir_slice_text(key), NOW_MS, weir_shm_buffer(NULL, 0), &len);
}

static void test_shm_core_geometry_fits_every_size(void **state)
{
	struct weir_shm_geometry geometry;

	(void)state;
	for (uint64_t size = WEIR_SHM_SIZE_MIN; size <= WEIR_SHM_SIZE_MAX; size += size / 7) {
		for (uint64_t entry = 64; entry <= MIB; entry *= 4) {
			assert_true(weir_shm_geometry_make(size, entry, &geometry));
			assert_true(geometry.data_at + geometry.data_size <= size);
			assert_true(geometry.segments <= 65536 && geometry.buckets % 2 == 0);
			assert_true(geometry.data_size * 10 >= size * (entry < 256 ? 6 : 9));
		}
	}
	assert_false(weir_shm_geometry_make(WEIR_SHM_SIZE_MIN - 1, 1024, &geometry));
	assert_false(weir_shm_geometry_make(WEIR_SHM_SIZE_MAX + 1, 1024, &geometry));
	assert_false(weir_shm_geometry_make(MIB, 63, &geometry));
	assert_false(weir_shm_geometry_make(MIB, MIB + 1, &geometry));
	assert_false(weir_shm_geometry_make(0, 0, &geometry));
}

static void test_shm_core_reads_an_empty_value_without_a_buffer(void **state)
{
	struct weir_shm *shm = open_store(NULL, MIB);

	(void)state;
	assert_int_equal(put(shm, "key"), WEIR_OK);
	assert_int_equal(look_up(shm, "key"), WEIR_OK);
	weir_shm_close(shm);
}

/* Nobody would find it there, or would miss it. */
static void test_shm_core_changes_nothing_in_a_store_whose_place_was_taken(void **state)
{
	struct weir_shm *shm = open_store(NULL, MIB);
	struct weir_shm_map *map = weir_shm_current(shm);
	struct weir_slice key = weir_slice_text("key");

	(void)state;
	assert_int_equal(put(shm, "key"), WEIR_OK);
	atomic_store(&map->header->superseded, 1);
	assert_int_equal(look_up(shm, "key"), WEIR_MISS);
	assert_int_equal(put(shm, "key"), WEIR_ERR_TIMEOUT);
	assert_int_equal(weir_shm_remove(shm, key, NOW_MS), WEIR_ERR_TIMEOUT);
	assert_int_equal(weir_shm_lease(shm, key, 1, NOW_MS, 1000), WEIR_ERR_TIMEOUT);
	assert_true(weir_shm_clear(shm, key) == 0);
	atomic_store(&map->header->superseded, 0);
	assert_int_equal(look_up(shm, "key"), WEIR_OK);
	weir_shm_close(shm);
}

/* A thread of the parent was about to move when the child was forked: there is no such thread in the child, which moves by itself. */
static void test_shm_core_moves_in_a_child_that_was_forked_during_a_move(void **state)
{
	char path[] = "/tmp/weir-core-XXXXXX", file[sizeof(path) + sizeof("/store.weir1")];
	struct weir_shm *shm;
	int status = -1;
	pid_t child;

	(void)state;
	assert_non_null(mkdtemp(path));
	(void)snprintf(file, sizeof(file), "%s/store", path);
	shm = open_store(file, MIB);
	atomic_store(&shm->mover, getpid());
	atomic_store(&weir_shm_current(shm)->header->superseded, 1);
	assert_int_equal(put(shm, "key"), WEIR_ERR_TIMEOUT);
	child = fork();
	if (child == 0)
		_exit(put(shm, "key") == WEIR_OK && look_up(shm, "key") == WEIR_OK ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	atomic_store(&shm->mover, 0);
	assert_int_equal(look_up(shm, "key"), WEIR_OK);
	weir_shm_close(shm);
	(void)snprintf(file, sizeof(file), "%s/store.weir1", path);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
}

/* One holder that was stopped: who waited for it in vain still waits for other shards, and for that one once it was to be had. */
static void test_shm_core_is_impatient_with_one_shard_only(void **state)
{
	struct weir_shm *shm = open_store(NULL, 64 * MIB);
	struct weir_shm_map *map = weir_shm_current(shm);
	uint32_t stopped = weir_shm_shard_of(map, weir_shm_hash(map, weir_slice_text("key")));

	(void)state;
	atomic_store(&map->shards[stopped].lock.word, SOMEBODY);
	assert_int_equal(put(shm, "key"), WEIR_ERR_TIMEOUT);
	for (uint32_t shard = 0; shard < map->geometry.shards; shard++)
		assert_int_equal(atomic_load(&shm->impatient_until_ms[shard]) != 0, shard == stopped);
	atomic_store(&map->shards[stopped].lock.word, 0);
	assert_int_equal(put(shm, "key"), WEIR_OK);
	assert_true(atomic_load(&shm->impatient_until_ms[stopped]) == 0);
	weir_shm_close(shm);
}

/* The room that was there when it was looked for is gone when it is taken: somebody scribbles. */
static void test_shm_core_appends_nothing_where_there_is_no_room(void **state)
{
	struct weir_shm *shm = open_store(NULL, MIB);
	struct weir_shm_map *map = weir_shm_current(shm);
	struct weir_shm_view view = { .size = 64 };

	(void)state;
	assert_int_equal(put(shm, "key"), WEIR_OK);
	assert_true(weir_shm_log_room(map, map->shards, WEIR_SHM_SMALL) >= view.size);
	map->shards->queues[WEIR_SHM_SMALL].tail = UINT32_MAX;
	assert_false(weir_shm_log_append(map, map->shards, WEIR_SHM_SMALL, 0, &view));
	weir_shm_close(shm);
}

/* Who has the file open and who opens another one under its name would not see each other. */
static void test_shm_core_goes_by_the_file_that_has_the_name(void **state)
{
	char folder[] = "/tmp/weir-core-XXXXXX", path[64], file[80];
	struct weir_shm *early, *late, *third;

	(void)state;
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/store", folder);
	(void)snprintf(file, sizeof(file), "%s.weir1", path);
	early = open_store(path, MIB);
	assert_int_equal(put(early, "early"), WEIR_OK);
	weir_shm_refresh(early);
	assert_int_equal(look_up(early, "early"), WEIR_OK);
	assert_int_equal(unlink(file), 0);
	late = open_store(path, MIB);
	assert_int_equal(put(late, "late"), WEIR_OK);
	assert_int_equal(look_up(early, "late"), WEIR_MISS);
	weir_shm_refresh(early);
	assert_int_equal(look_up(early, "late"), WEIR_OK);
	assert_int_equal(look_up(early, "early"), WEIR_MISS);
	assert_int_equal(unlink(file), 0);
	weir_shm_refresh(late); /* which makes one, that all go to */
	assert_int_equal(put(early, "again"), WEIR_OK);
	third = open_store(path, MIB);
	assert_int_equal(look_up(third, "again"), WEIR_OK);
	weir_shm_close(early);
	weir_shm_close(late);
	weir_shm_close(third);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shm_core_geometry_fits_every_size),
		cmocka_unit_test(test_shm_core_reads_an_empty_value_without_a_buffer),
		cmocka_unit_test(test_shm_core_changes_nothing_in_a_store_whose_place_was_taken),
		cmocka_unit_test(test_shm_core_moves_in_a_child_that_was_forked_during_a_move),
		cmocka_unit_test(test_shm_core_is_impatient_with_one_shard_only),
		cmocka_unit_test(test_shm_core_appends_nothing_where_there_is_no_room),
		cmocka_unit_test(test_shm_core_goes_by_the_file_that_has_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
