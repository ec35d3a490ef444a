/* SPDX-License-Identifier: Apache-2.0
 *
 * The shared-memory store by itself: items of every size under eviction, against a model that knows what was stored last.
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

#include "backends/shm/copy.h"
#include "backends/shm/hash.h"
#include "backends/shm/index.h"
#include "backends/shm/lock.h"
#include "backends/shm/store.h"

#define MIB ((uint64_t)1024 * 1024)
#define NOW_MS 1000000

/* Copying byte by byte, as builds with ThreadSanitizer do, takes a hundred times as long: they get less of it. */
#ifdef WEIR_SHM_TSAN
#define SHARE 5
#define LARGE_MIB 8
#else
#define SHARE 1
#define LARGE_MIB 64
#endif

static struct weir_shm *open_store(uint64_t size)
{
	struct weir_shm *shm = NULL;
	char why[200] = "";
	enum weir_status status = weir_shm_open(&(struct weir_shm_options){ .size = size }, why, sizeof(why), &shm);

	assert_string_equal(why, "");
	assert_int_equal(status, WEIR_OK);
	return shm;
}

static void print_fault(void *state, const char *fault)
{
	(void)state;
	(void)fprintf(stderr, "%s\n", fault);
}

/* Closes a store that has to be in order. */
static void close_store(struct weir_shm *shm)
{
	assert_int_equal(weir_shm_check(shm, print_fault, NULL), 0);
	weir_shm_close(shm);
}

static struct weir_shm_stats stats_of(struct weir_shm *shm)
{
	struct weir_shm_stats stats;

	weir_shm_stats(shm, &stats);
	return stats;
}

static enum weir_status put(struct weir_shm *shm, const char *key, struct weir_slice value)
{
	const struct weir_shm_item item = { weir_slice_text(key), value, WEIR_SHM_NEVER };

	return weir_shm_set(shm, &item, NOW_MS);
}

/* -- A model --------------------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static uint64_t random_below(uint64_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % bound;
}

struct model {
	struct weir_shm *shm;
	size_t keys;
	size_t value_max;
	uint64_t *versions; /* of what was stored last; 0: nothing */
	uint64_t version;
	char *value;
	char *buffer;
	uint64_t hits;
};

static void fill(char *bytes, size_t len, uint64_t version)
{
	memcpy(bytes, &version, len < sizeof(version) ? len : sizeof(version));
	for (size_t i = sizeof(version); i < len; i++)
		bytes[i] = (char)(version * 31 + i * 7);
}

/* Keys of 1 to some 600 bytes, every hundredth of 20,000: long enough to lie in two segments. */
static struct weir_slice key_of(uint64_t id)
{
	static char key[20000];
	size_t len = id % 100 == 99 ? sizeof(key) : 20 + id * 37 % 600;

	memset(key, 'k', len);
	(void)snprintf(key, sizeof(key), "%llu", (unsigned long long)id);
	return weir_slice(key, len);
}

static void model_get(struct model *model, uint64_t id)
{
	size_t len;
	enum weir_status status = weir_shm_get(model->shm, key_of(id), NOW_MS, weir_shm_buffer(model->buffer, model->value_max), &len);

	if (status == WEIR_MISS)
		return;
	assert_int_equal(status, WEIR_OK);
	assert_true(model->versions[id] != 0);
	fill(model->value, len, model->versions[id]);
	assert_memory_equal(model->buffer, model->value, len);
	model->hits++;
}

static void model_set(struct model *model, uint64_t id)
{
	size_t len = sizeof(uint64_t) + (random_below(2) ? random_below(model->value_max - 7) : id * 7919 % (model->value_max - 7));
	struct weir_shm_item item = { key_of(id), weir_slice(model->value, len), random_below(8) ? WEIR_SHM_NEVER : NOW_MS + 1 };

	model->versions[id] = ++model->version;
	fill(model->value, len, model->version);
	assert_int_equal(weir_shm_set(model->shm, &item, NOW_MS), WEIR_OK);
}

static void model_remove(struct model *model, uint64_t id)
{
	enum weir_status status = weir_shm_remove(model->shm, key_of(id), NOW_MS);

	assert_true(status == WEIR_MISS || (status == WEIR_OK && model->versions[id] != 0));
	model->versions[id] = 0;
}

static void run_model(uint64_t size, size_t keys, size_t value_max, int operations)
{
	struct model model = { .shm = open_store(size), .keys = keys, .value_max = value_max };

	model.versions = calloc(keys, sizeof(uint64_t));
	model.value = malloc(value_max);
	model.buffer = malloc(value_max);
	assert_true(model.versions && model.value && model.buffer);
	random_state = 88172645463325252U;
	operations /= SHARE;
	for (int i = 0; i < operations; i++) {
		uint64_t id = random_below(keys), what = random_below(10);

		if (what < 5)
			model_get(&model, id);
		else if (what < 9)
			model_set(&model, id);
		else
			model_remove(&model, id);
		if (i % (operations / 4) == 0)
			assert_int_equal(weir_shm_check(model.shm, print_fault, NULL), 0);
	}
	assert_true(model.hits > 0);
	close_store(model.shm);
	free(model.versions);
	free(model.value);
	free(model.buffer);
}

static void test_shm_store_agrees_with_a_model_small_values(void **state)
{
	(void)state;
	run_model(MIB, 1500, 400, 60000);
	run_model(MIB, 20000, 16, 60000);
}

static void test_shm_store_agrees_with_a_model_values_across_segments(void **state)
{
	(void)state;
	run_model(MIB, 150, 15900, 20000);
	run_model(4 * MIB, 1000, 20000, 20000);
}

static void test_shm_store_agrees_with_a_model_values_of_many_segments(void **state)
{
	(void)state;
	run_model(MIB, 30, 240000, 3000);
	run_model(16 * MIB, 60, 3000000, 600);
}

/* -- Sizes ----------------------------------------------------------------------------------------------------------------- */

static void test_shm_store_keeps_every_size_up_to_a_quarter(void **state)
{
	struct weir_shm *shm = open_store(MIB);
	static char value[MIB / 4 + 1], buffer[MIB / 4 + 1];
	size_t len;

	(void)state;
	for (size_t size = 0; size <= MIB / 4; size += size < 40 ? 1 : size / 9) {
		fill(value, size, size + 1);
		assert_int_equal(put(shm, "key", weir_slice(value, size)), WEIR_OK);
		assert_int_equal(weir_shm_get(shm, WEIR_SLICE_LITERAL("key"), NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len),
				 WEIR_OK);
		assert_int_equal(len, size);
		assert_memory_equal(buffer, value, size);
	}
	assert_int_equal(put(shm, "key", weir_slice(value, MIB / 4)), WEIR_OK);
	assert_int_equal(put(shm, "key", weir_slice(value, MIB / 4 + 1)), WEIR_ERR_LIMIT);
	assert_int_equal(weir_shm_get(shm, WEIR_SLICE_LITERAL("key"), NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_MISS);
	close_store(shm);
}

static void test_shm_store_keys_have_1_byte_to_32_kib(void **state)
{
	struct weir_shm *shm = open_store(MIB);
	static char key[WEIR_SHM_KEY_MAX + 1];
	char buffer[8];
	size_t len;

	(void)state;
	for (size_t size = 1; size <= WEIR_SHM_KEY_MAX; size *= 2) {
		const struct weir_shm_item item = { weir_slice(key, size), WEIR_SLICE_LITERAL("value"), WEIR_SHM_NEVER };

		assert_int_equal(weir_shm_set(shm, &item, NOW_MS), WEIR_OK);
		assert_int_equal(weir_shm_get(shm, item.key, NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_OK);
		assert_int_equal(len, 5);
	}
	assert_int_equal(stats_of(shm).items, 16);
	assert_int_equal(weir_shm_set(shm, &(struct weir_shm_item){ weir_slice(key, sizeof(key)), { 0 }, 0 }, NOW_MS), WEIR_ERR_LIMIT);
	assert_int_equal(weir_shm_set(shm, &(struct weir_shm_item){ weir_slice(key, 0), { 0 }, 0 }, NOW_MS), WEIR_ERR_LIMIT);
	assert_int_equal(weir_shm_get(shm, weir_slice(key, 0), NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_MISS);
	close_store(shm);
}

static void test_shm_store_tells_the_length_when_the_buffer_is_short(void **state)
{
	struct weir_shm *shm = open_store(MIB);
	static char value[60000], buffer[60000];
	size_t len;

	(void)state;
	for (size_t size = 100; size <= sizeof(value); size *= 24) {
		assert_int_equal(put(shm, "key", weir_slice(value, size)), WEIR_OK);
		assert_int_equal(weir_shm_get(shm, WEIR_SLICE_LITERAL("key"), NOW_MS, weir_shm_buffer(buffer, size - 1), &len),
				 WEIR_ERR_LIMIT);
		assert_int_equal(len, size);
		assert_int_equal(weir_shm_get(shm, WEIR_SLICE_LITERAL("key"), NOW_MS, weir_shm_buffer(buffer, size), &len), WEIR_OK);
	}
	close_store(shm);
}

/* -- Meaning --------------------------------------------------------------------------------------------------------------- */

static void test_shm_store_add_is_for_what_is_not_there(void **state)
{
	struct weir_shm *shm = open_store(MIB);
	struct weir_shm_item item = { WEIR_SLICE_LITERAL("key"), WEIR_SLICE_LITERAL("one"), NOW_MS + 10 };
	char buffer[8];
	size_t len;

	(void)state;
	assert_int_equal(weir_shm_add(shm, &item, NOW_MS), WEIR_OK);
	item.value = WEIR_SLICE_LITERAL("two");
	assert_int_equal(weir_shm_add(shm, &item, NOW_MS + 9), WEIR_BUSY);
	assert_int_equal(weir_shm_get(shm, item.key, NOW_MS + 9, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_OK);
	assert_memory_equal(buffer, "one", 3);
	item.expires_ms = NOW_MS + 20;
	assert_int_equal(weir_shm_add(shm, &item, NOW_MS + 10), WEIR_OK);
	assert_int_equal(weir_shm_get(shm, item.key, NOW_MS + 19, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_OK);
	assert_memory_equal(buffer, "two", 3);
	assert_int_equal(weir_shm_get(shm, item.key, NOW_MS + 20, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_MISS);
	assert_int_equal(weir_shm_remove(shm, item.key, NOW_MS + 20), WEIR_MISS);
	close_store(shm);
}

static void test_shm_store_overwrites_a_record_of_the_same_size_in_place(void **state)
{
	struct weir_shm *shm = open_store(MIB);
	static char value[1000], buffer[1000];
	uint64_t used;
	size_t len;

	(void)state;
	assert_int_equal(put(shm, "key", weir_slice(value, sizeof(value))), WEIR_OK);
	used = stats_of(shm).used_bytes;
	for (uint64_t i = 0; i < 5000; i++) {
		fill(value, sizeof(value), i);
		assert_int_equal(put(shm, "key", weir_slice(value, sizeof(value) - i % 3)), WEIR_OK);
	}
	assert_int_equal(weir_shm_get(shm, WEIR_SLICE_LITERAL("key"), NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len), WEIR_OK);
	assert_int_equal(len, sizeof(value) - 4999 % 3);
	assert_memory_equal(buffer, value, len);
	assert_int_equal(stats_of(shm).used_bytes, used);
	assert_int_equal(stats_of(shm).live_bytes, 16 + 3 + len);
	close_store(shm);
}

/* -- What goes ------------------------------------------------------------------------------------------------------------- */

static bool has(struct weir_shm *shm, const char *key)
{
	static char buffer[MIB];
	size_t len;

	return weir_shm_get(shm, weir_slice_text(key), NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len) == WEIR_OK;
}

/* Items that are read stay, while a hundred times as many go past that nobody asks for again. */
static void test_shm_store_a_scan_does_not_push_out_what_is_used(void **state)
{
	struct weir_shm *shm = open_store(4 * MIB);
	static char value[1000];
	char key[32];
	int left = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "used%d", i);
		assert_int_equal(put(shm, key, weir_slice(value, sizeof(value))), WEIR_OK);
		assert_true(has(shm, key));
	}
	for (int i = 0; i < 10000; i++) {
		(void)snprintf(key, sizeof(key), "passing%d", i);
		assert_int_equal(put(shm, key, weir_slice(value, sizeof(value))), WEIR_OK);
		(void)snprintf(key, sizeof(key), "used%d", i % 100);
		(void)has(shm, key);
	}
	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "used%d", i);
		left += has(shm, key);
	}
	assert_true(left >= 98); /* a crowded bucket may have cost one or two */
	assert_true(stats_of(shm).evictions > 5000);
	close_store(shm);
}

static void test_shm_store_a_huge_value_does_not_push_out_what_is_used(void **state)
{
	struct weir_shm *shm = open_store(LARGE_MIB * MIB);
	char *huge = calloc(1, LARGE_MIB / 4 * MIB), key[32], *buffer = malloc(LARGE_MIB / 4 * MIB);
	static char value[1000];
	size_t len;
	int left = 0;

	(void)state;
	assert_true(huge && buffer);
	for (int i = 0; i < 10 * LARGE_MIB; i++) {
		(void)snprintf(key, sizeof(key), "used%d", i);
		assert_int_equal(put(shm, key, weir_slice(value, sizeof(value))), WEIR_OK);
		assert_true(has(shm, key));
	}
	for (uint64_t i = 0; i < 6; i++) {
		(void)snprintf(key, sizeof(key), "huge%d", (int)i);
		fill(huge, LARGE_MIB / 4 * MIB - 1000, i);
		assert_int_equal(put(shm, key, weir_slice(huge, LARGE_MIB / 4 * MIB - 1000)), WEIR_OK);
		assert_int_equal(weir_shm_get(shm, weir_slice_text(key), NOW_MS, weir_shm_buffer(buffer, LARGE_MIB / 4 * MIB), &len),
				 WEIR_OK);
		assert_int_equal(len, LARGE_MIB / 4 * MIB - 1000);
		assert_memory_equal(buffer, huge, len);
		for (int k = 0; k < 10 * LARGE_MIB; k++) {
			(void)snprintf(key, sizeof(key), "used%d", k);
			(void)has(shm, key);
		}
	}
	for (int i = 0; i < 10 * LARGE_MIB; i++) {
		(void)snprintf(key, sizeof(key), "used%d", i);
		left += has(shm, key);
	}
	assert_true(left > 9 * LARGE_MIB);
	free(huge);
	free(buffer);
	close_store(shm);
}

static void test_shm_store_expired_items_are_swept_away(void **state)
{
	struct weir_shm *shm = open_store(MIB);
	static char value[1000];
	char key[32];

	(void)state;
	for (int i = 0; i < 400; i++) {
		const struct weir_shm_item item = { weir_slice(key, (size_t)snprintf(key, sizeof(key), "brief%d", i)),
						    weir_slice(value, sizeof(value)), NOW_MS + 1 };

		assert_int_equal(weir_shm_set(shm, &item, NOW_MS), WEIR_OK);
	}
	assert_int_equal(stats_of(shm).items, 400);
	for (int i = 0; i < 8000; i++) {
		const struct weir_shm_item item = { weir_slice(key, (size_t)snprintf(key, sizeof(key), "lasting%d", i % 300)),
						    weir_slice(value, sizeof(value) - (size_t)i % 97), WEIR_SHM_NEVER };

		assert_int_equal(weir_shm_set(shm, &item, NOW_MS + 1), WEIR_OK);
	}
	assert_true(stats_of(shm).expirations >= 350);
	assert_true(stats_of(shm).items <= 350);
	close_store(shm);
}

/* -- Death ----------------------------------------------------------------------------------------------------------------- */

/* Dies holding the lock of the shard that has the key, with its bucket's version odd if `open`. */
static void die_inside(struct weir_shm *shm, const char *key, bool open)
{
	struct weir_shm_map *map = weir_shm_current(shm);
	uint64_t hash = weir_shm_hash(map, weir_slice_text(key));
	struct weir_shm_entry entry;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (!weir_shm_enter(shm, map, weir_shm_shard_of(map, hash)))
			_exit(1);
		if (open && weir_shm_index_find(map, hash, weir_slice_text(key), &entry))
			weir_shm_index_open(&entry);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_shm_store_a_shard_that_somebody_died_in_begins_anew(void **state)
{
	struct weir_shm *shm = open_store(64 * MIB);
	char key[32];
	int left = 0;

	(void)state;
	for (int i = 0; i < 800; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(put(shm, key, WEIR_SLICE_LITERAL("value")), WEIR_OK);
	}
	die_inside(shm, "key1", false);
	assert_true(has(shm, "key1"));
	assert_int_equal(put(shm, "key1", WEIR_SLICE_LITERAL("other")), WEIR_OK);
	assert_int_equal(stats_of(shm).resets, 1);
	assert_true(has(shm, "key1"));
	for (int i = 0; i < 800; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		left += has(shm, key);
	}
	assert_in_range(left, 600, 799);
	close_store(shm);
}

static void test_shm_store_a_reader_is_not_held_up_by_the_dead(void **state)
{
	struct weir_shm *shm = open_store(MIB);

	(void)state;
	assert_int_equal(put(shm, "key", WEIR_SLICE_LITERAL("value")), WEIR_OK);
	die_inside(shm, "key", true);
	assert_false(has(shm, "key"));
	assert_int_equal(stats_of(shm).resets, 1);
	assert_int_equal(put(shm, "key", WEIR_SLICE_LITERAL("value")), WEIR_OK);
	assert_true(has(shm, "key"));
	close_store(shm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shm_store_agrees_with_a_model_small_values),
		cmocka_unit_test(test_shm_store_agrees_with_a_model_values_across_segments),
		cmocka_unit_test(test_shm_store_agrees_with_a_model_values_of_many_segments),
		cmocka_unit_test(test_shm_store_keeps_every_size_up_to_a_quarter),
		cmocka_unit_test(test_shm_store_keys_have_1_byte_to_32_kib),
		cmocka_unit_test(test_shm_store_tells_the_length_when_the_buffer_is_short),
		cmocka_unit_test(test_shm_store_add_is_for_what_is_not_there),
		cmocka_unit_test(test_shm_store_overwrites_a_record_of_the_same_size_in_place),
		cmocka_unit_test(test_shm_store_a_scan_does_not_push_out_what_is_used),
		cmocka_unit_test(test_shm_store_a_huge_value_does_not_push_out_what_is_used),
		cmocka_unit_test(test_shm_store_expired_items_are_swept_away),
		cmocka_unit_test(test_shm_store_a_shard_that_somebody_died_in_begins_anew),
		cmocka_unit_test(test_shm_store_a_reader_is_not_held_up_by_the_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
