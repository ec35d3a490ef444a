/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking through a store: every item that is there, whole, once, without a trace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "backends/shm/hash.h"
#include "backends/shm/index.h"
#include "backends/shm/store.h"
#include "storm/value.h"

#define NOW 1000
#define ITEMS 200
#define VALUE_ROOM 200000
#define MIB ((uint64_t)1024 * 1024)

static int open_store(void **state)
{
	struct weir_shm_options options = { .size = 4 * MIB, .entry_size = 4096 };
	char why[200];

	return weir_shm_open(&options, why, sizeof(why), (struct weir_shm **)state) == WEIR_OK ? 0 : -1;
}

static int close_store(void **state)
{
	weir_shm_close(*state);
	return 0;
}

static struct weir_slice name_of(unsigned number, char name[256])
{
	int len = snprintf(name, 16, "%s:%u", number % 4 ? "a" : "b", number);

	return weir_slice(name, (size_t)len);
}

/* Of a length that follows from the number: some fit one piece, some two, some need extents. */
static void store(struct weir_shm *shm, unsigned number, int64_t expires_ms)
{
	static char bytes[VALUE_ROOM];
	struct storm_value value = { .key = number, .version = number + 1, .expires_ms = expires_ms };
	char name[256];
	struct weir_shm_item item = { .key = name_of(number, name), .expires_ms = expires_ms };

	value.len = STORM_VALUE_MIN + (number % 50 == 0 ? 100000 : number * 37);
	storm_value_write(bytes, &value);
	item.value = weir_slice(bytes, value.len);
	assert_int_equal(weir_shm_set(shm, &item, NOW), WEIR_OK);
}

static void store_all(struct weir_shm *shm)
{
	for (unsigned i = 0; i < ITEMS; i++)
		store(shm, i, WEIR_SHM_NEVER);
}

struct visits {
	struct weir_shm *shm;
	unsigned most; /* 0: all */
	unsigned count;
	unsigned seen[ITEMS];
	unsigned hits[ITEMS];
	bool removes;
};

static bool visit(void *state, const struct weir_shm_seen *seen)
{
	struct visits *visits = state;
	struct storm_value value;
	uint64_t number;

	assert_int_equal(weir_slice_to_u64(weir_slice_from(seen->item.key, 2), ITEMS - 1, &number), WEIR_OK);
	assert_true(storm_value_read(seen->item.value.data, seen->item.value.len, number, &value));
	assert_int_equal(seen->item.expires_ms, value.expires_ms);
	visits->seen[number]++;
	visits->hits[number] = seen->hits;
	visits->count++;
	if (visits->removes)
		assert_int_equal(weir_shm_remove(visits->shm, seen->item.key, NOW), WEIR_OK);
	return visits->count != visits->most;
}

static void walk(struct weir_shm *shm, const char *prefix, struct visits *visits)
{
	visits->shm = shm;
	assert_int_equal(weir_shm_walk(shm, weir_slice_text(prefix), NOW, visit, visits), WEIR_OK);
}

static bool is_there(struct weir_shm *shm, unsigned number)
{
	static char bytes[VALUE_ROOM];
	char name[256];
	size_t len;

	return weir_shm_get(shm, name_of(number, name), NOW, weir_shm_buffer(bytes, sizeof(bytes)), &len) == WEIR_OK;
}

static void test_shm_walk_of_nothing_visits_nothing(void **state)
{
	struct visits visits = { 0 };

	walk(*state, "", &visits);
	assert_int_equal(visits.count, 0);
}

static void test_shm_walk_visits_every_item_once(void **state)
{
	struct visits visits = { 0 };

	store_all(*state);
	walk(*state, "", &visits);
	assert_int_equal(visits.count, ITEMS);
	for (unsigned i = 0; i < ITEMS; i++)
		assert_int_equal(visits.seen[i], 1);
}

static void test_shm_walk_keeps_to_the_prefix(void **state)
{
	struct visits visits = { 0 }, one = { 0 }, none = { 0 };

	store_all(*state);
	walk(*state, "b:", &visits);
	assert_int_equal(visits.count, ITEMS / 4);
	for (unsigned i = 0; i < ITEMS; i++)
		assert_int_equal(visits.seen[i], i % 4 == 0);
	walk(*state, "a:199", &one);
	assert_int_equal(one.count, 1);
	walk(*state, "a:199, and more than the key has", &none);
	assert_int_equal(none.count, 0);
}

static void test_shm_walk_passes_over_what_has_expired(void **state)
{
	struct visits visits = { 0 };

	store(*state, 1, NOW + 1);
	store(*state, 2, NOW + 1);
	assert_int_equal(weir_shm_walk(*state, WEIR_SLICE_NONE, NOW + 1, visit, &visits), WEIR_OK);
	assert_int_equal(visits.count, 0);
	walk(*state, "", &visits);
	assert_int_equal(visits.count, 2);
}

static void test_shm_walk_ends_when_it_is_told_to(void **state)
{
	struct visits visits = { .most = 3 };

	store_all(*state);
	walk(*state, "", &visits);
	assert_int_equal(visits.count, 3);
}

/* Uses are counted to three, and looking on is none. */
static void test_shm_walk_is_not_a_use(void **state)
{
	struct visits visits = { 0 };
	struct weir_shm_stats before, after;

	store_all(*state);
	for (unsigned i = 0; i < 5; i++)
		for (unsigned number = 0; number < i; number++)
			assert_true(is_there(*state, number));
	weir_shm_stats(*state, &before);
	walk(*state, "", &visits);
	walk(*state, "", &visits);
	weir_shm_stats(*state, &after);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(visits.hits[i], i == 0 ? 3 : 4 - i);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void test_shm_walk_lets_its_visitor_use_the_store(void **state)
{
	struct visits visits = { .removes = true }, rest = { 0 };

	store_all(*state);
	walk(*state, "a", &visits);
	assert_int_equal(visits.count, ITEMS - ITEMS / 4);
	walk(*state, "", &rest);
	assert_int_equal(rest.count, ITEMS / 4);
	assert_false(is_there(*state, 1));
	assert_true(is_there(*state, 4));
}

static struct weir_shm_entry find(struct weir_shm *shm, unsigned number)
{
	struct weir_shm_map *map = atomic_load(&shm->map);
	char name[256];
	struct weir_slice key = name_of(number, name);
	struct weir_shm_entry entry;

	assert_true(weir_shm_index_find(map, weir_shm_hash(map, key), key, &entry));
	return entry;
}

/* What a writer that was stopped or killed in the middle leaves behind: the walk neither waits nor shows it. */
static void test_shm_walk_passes_over_a_bucket_that_is_being_written(void **state)
{
	struct visits visits = { 0 };
	struct weir_shm_entry entry;

	store(*state, 1, WEIR_SHM_NEVER);
	entry = find(*state, 1);
	weir_shm_index_open(&entry);
	walk(*state, "", &visits);
	assert_int_equal(visits.count, 0);
	weir_shm_index_close(&entry);
	walk(*state, "", &visits);
	assert_int_equal(visits.count, 1);
}

static void test_shm_walk_passes_over_damage(void **state)
{
	struct visits visits = { 0 };
	struct weir_shm_entry entry, large;
	struct weir_shm *shm = *state;
	char *data = atomic_load(&shm->map)->data;

	store(shm, 1, WEIR_SHM_NEVER);
	store(shm, 2, WEIR_SHM_NEVER);
	store(shm, 100, WEIR_SHM_NEVER);
	entry = find(shm, 1);
	large = find(shm, 100);
	assert_true(large.view.extents > 0);
	atomic_fetch_or(&entry.bucket->slots[entry.slot], WEIR_SHM_OFFSET_MASK);
	memset(data + large.view.offset + sizeof(struct weir_shm_record), 0xff, 4);
	walk(shm, "", &visits);
	assert_int_equal(visits.count, 1);
	assert_int_equal(visits.seen[2], 1);
}

#define WALK(test) cmocka_unit_test_setup_teardown(test, open_store, close_store)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALK(test_shm_walk_of_nothing_visits_nothing),
		WALK(test_shm_walk_visits_every_item_once),
		WALK(test_shm_walk_keeps_to_the_prefix),
		WALK(test_shm_walk_passes_over_what_has_expired),
		WALK(test_shm_walk_ends_when_it_is_told_to),
		WALK(test_shm_walk_is_not_a_use),
		WALK(test_shm_walk_lets_its_visitor_use_the_store),
		WALK(test_shm_walk_passes_over_a_bucket_that_is_being_written),
		WALK(test_shm_walk_passes_over_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
