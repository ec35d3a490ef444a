/* SPDX-License-Identifier: Apache-2.0
 *
 * The check of a store: it finds nothing in a healthy one, whatever was done with it, and names each kind of damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/shm/hash.h"
#include "backends/shm/index.h"
#include "backends/shm/store.h"
#include "storm/value.h"

#define NOW 1000
#define OPERATIONS 3000
#define VALUE_ROOM (512 * 1024)
#define MIB ((uint64_t)1024 * 1024)

/* -- A healthy store ------------------------------------------------------------------------------------------------------- */

struct faults {
	size_t count;
	char text[16384]; /* the first ones, a line each */
};

static void collect(void *state, const char *fault)
{
	struct faults *faults = state;
	size_t len = strlen(faults->text);

	faults->count++;
	assert_null(strchr(fault, '\n'));
	(void)snprintf(faults->text + len, sizeof(faults->text) - len, "%s\n", fault);
}

static void assert_healthy(struct weir_shm *shm)
{
	struct faults faults = { 0 };

	assert_int_equal(weir_shm_check(shm, collect, &faults), faults.count);
	assert_string_equal(faults.text, "");
}

static struct weir_shm *open_store(uint64_t size, uint64_t entry_size)
{
	struct weir_shm_options options = { .size = size, .entry_size = entry_size };
	char why[200];
	struct weir_shm *shm;

	assert_int_equal(weir_shm_open(&options, why, sizeof(why), &shm), WEIR_OK);
	return shm;
}

struct kind {
	uint64_t size, entry_size;
	unsigned keys, value_max, large_value_max;
};

/* Something random: mostly storing, since that is what moves things. */
static void operate(struct weir_shm *shm, const struct kind *kind, uint64_t *seed, int64_t now_ms)
{
	static char bytes[VALUE_ROOM];
	uint64_t drawn = storm_draw(seed), key = (drawn >> 1) % (drawn & 1 ? 16 : kind->keys);
	struct weir_shm_item item = { .key = weir_slice(&key, sizeof(key)), .expires_ms = WEIR_SHM_NEVER };
	size_t len;

	if ((drawn >> 32) % 16 < 10) {
		item.value = weir_slice(bytes, storm_draw(seed) % ((drawn >> 40) % 16 ? kind->value_max : kind->large_value_max));
		if ((drawn >> 48) % 4 == 0)
			item.expires_ms = now_ms + (int64_t)(drawn >> 50) % 200;
		assert_int_equal(weir_shm_set(shm, &item, now_ms), item.value.len > kind->size / 4 ? WEIR_ERR_LIMIT : WEIR_OK);
	} else if ((drawn >> 32) % 16 < 15) {
		(void)!weir_shm_get(shm, item.key, now_ms, weir_shm_buffer(bytes, sizeof(bytes)), &len);
	} else {
		(void)!weir_shm_remove(shm, item.key, now_ms);
	}
}

static void assert_stays_healthy(const struct kind *kind)
{
	struct weir_shm *shm = open_store(kind->size, kind->entry_size);
	struct weir_shm_stats stats;
	uint64_t seed = 7;

	assert_healthy(shm);
	for (int i = 0; i < OPERATIONS; i++) {
		operate(shm, kind, &seed, NOW + i / 8);
		if (i % 250 == 0)
			assert_healthy(shm);
	}
	assert_healthy(shm);
	weir_shm_stats(shm, &stats);
	assert_true(stats.evictions + stats.expirations > 0);
	assert_true(stats.items > 0 && stats.live_bytes < stats.used_bytes && stats.used_bytes <= stats.size);
	weir_shm_close(shm);
}

static void test_shm_check_finds_nothing_after_small_items(void **state)
{
	(void)state;
	assert_stays_healthy(&(struct kind){ .size = MIB, .entry_size = 256, .keys = 8000, .value_max = 500, .large_value_max = 900 });
}

static void test_shm_check_finds_nothing_after_items_in_pieces(void **state)
{
	(void)state;
	assert_stays_healthy(&(struct kind){ .size = MIB, .entry_size = 4096, .keys = 300, .value_max = 9000, .large_value_max = 16000 });
}

static void test_shm_check_finds_nothing_after_large_items(void **state)
{
	(void)state;
	assert_stays_healthy(
		&(struct kind){ .size = 4 * MIB, .entry_size = 4096, .keys = 200, .value_max = 30000, .large_value_max = 400000 });
}

static void test_shm_check_finds_nothing_after_items_that_are_too_large(void **state)
{
	(void)state;
	assert_stays_healthy(&(struct kind){ .size = MIB, .entry_size = 1024, .keys = 500, .value_max = 2000, .large_value_max = 400000 });
}

/* -- Damage ---------------------------------------------------------------------------------------------------------------- */

#define SMALL_ITEMS 40
#define SMALL_VALUE 1100

/* A store of one shard, all in SMALL: items in one piece, some in two, and two with extents. */
struct fixture {
	struct weir_shm *shm;
	struct weir_shm_map *map;
	struct weir_shm_shard *shard;
	struct weir_shm_entry whole, straddling, large, other_large;
};

static void store(struct weir_shm *shm, uint64_t key, size_t len)
{
	static const char bytes[100000];
	struct weir_shm_item item = { .key = weir_slice(&key, sizeof(key)), .value = weir_slice(bytes, len), .expires_ms = WEIR_SHM_NEVER };

	assert_int_equal(weir_shm_set(shm, &item, NOW), WEIR_OK);
}

static void find(struct fixture *fixture, uint64_t key, struct weir_shm_entry *entry)
{
	struct weir_slice name = weir_slice(&key, sizeof(key));

	assert_true(weir_shm_index_find(fixture->map, weir_shm_hash(fixture->map, name), name, entry));
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->shm = open_store(MIB, 1024);
	fixture->map = atomic_load(&fixture->shm->map);
	fixture->shard = fixture->map->shards;
	assert_int_equal(fixture->map->geometry.shards, 1);
	for (uint64_t key = 0; key < SMALL_ITEMS; key++)
		store(fixture->shm, key, SMALL_VALUE);
	store(fixture->shm, 1000, 50000);
	store(fixture->shm, 1001, 70000);
	find(fixture, 1, &fixture->whole);
	find(fixture, 1000, &fixture->large);
	find(fixture, 1001, &fixture->other_large);
	for (uint64_t key = 0; key < SMALL_ITEMS; key++) {
		find(fixture, key, &fixture->straddling);
		if (!weir_shm_in_one_piece(fixture->map, &fixture->straddling.view))
			break;
	}
	assert_false(weir_shm_in_one_piece(fixture->map, &fixture->straddling.view));
	assert_true(fixture->large.view.extents > 1);
	assert_healthy(fixture->shm);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	weir_shm_close(fixture->shm);
	free(fixture);
	return 0;
}

static void assert_fault(struct fixture *fixture, const char *words)
{
	struct faults faults = { 0 };

	assert_true(weir_shm_check(fixture->shm, collect, &faults) > 0);
	if (!strstr(faults.text, words))
		fail_msg("expected \"%s\" in:\n%s", words, faults.text);
	assert_int_equal(weir_shm_check(fixture->shm, NULL, NULL), faults.count);
}

/* A value for as long as it takes to be noticed. */
#define ASSERT_FAULT_WITH(fixture, place, value, words) \
	do { \
		__typeof__(place) before = (place); \
		(place) = (value); \
		assert_fault(fixture, words); \
		(place) = before; \
		assert_healthy((fixture)->shm); \
	} while (0)

static _Atomic uint64_t *slot_of(const struct weir_shm_entry *entry)
{
	return &entry->bucket->slots[entry->slot];
}

static struct weir_shm_record *record_of(const struct fixture *fixture, const struct weir_shm_entry *entry)
{
	void *at = fixture->map->data + entry->view.offset;

	return at;
}

static struct weir_shm_segment *segment_of(const struct fixture *fixture, const struct weir_shm_entry *entry)
{
	return weir_shm_segment(fixture->map, weir_shm_segment_of(fixture->map, entry->view.offset));
}

static void test_shm_check_names_a_bucket_left_open(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_bucket *bucket = fixture->whole.bucket;

	ASSERT_FAULT_WITH(fixture, bucket->version, bucket->version + 1, "its version is odd");
}

static void test_shm_check_names_slots_that_lead_nowhere(void **state)
{
	struct fixture *fixture = *state;
	_Atomic uint64_t *slot = slot_of(&fixture->whole);

	ASSERT_FAULT_WITH(fixture, *slot, *slot | WEIR_SHM_OFFSET_MASK, "points to no record");
	ASSERT_FAULT_WITH(fixture, *slot, *slot + 1, "points to ");
	ASSERT_FAULT_WITH(fixture, *slot, *slot ^ UINT64_C(1) << 60, "holds a key that belongs elsewhere");
	ASSERT_FAULT_WITH(fixture, *slot, 0, "items, counted are");
	ASSERT_FAULT_WITH(fixture, *slot, 0, "bytes are live, counted are");
	ASSERT_FAULT_WITH(fixture, *slot, 0, "live bytes, counted are");
	ASSERT_FAULT_WITH(fixture, *slot, *slot_of(&fixture->large), "is in use elsewhere");
}

static void test_shm_check_names_keys_in_wrong_places(void **state)
{
	struct fixture *fixture = *state;
	_Atomic uint64_t *slot = slot_of(&fixture->whole);
	struct weir_shm_bucket *neighbour = weir_shm_neighbour(fixture->map, fixture->whole.bucket), *buckets = fixture->map->buckets;
	struct weir_shm_bucket *stranger = &buckets[((fixture->whole.bucket - buckets) + 2) % fixture->map->geometry.buckets];

	assert_int_equal(neighbour->slots[WEIR_SHM_SLOTS - 1], 0);
	assert_int_equal(stranger->slots[WEIR_SHM_SLOTS - 1], 0);
	ASSERT_FAULT_WITH(fixture, neighbour->slots[WEIR_SHM_SLOTS - 1], *slot, "holds the key of another slot");
	ASSERT_FAULT_WITH(fixture, stranger->slots[WEIR_SHM_SLOTS - 1], *slot, "holds a key that belongs elsewhere");
}

static void test_shm_check_names_damaged_records(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_record *record = record_of(fixture, &fixture->whole);
	char *key = (char *)(record + 1);

	ASSERT_FAULT_WITH(fixture, record->key_len, 0, "points to no record");
	ASSERT_FAULT_WITH(fixture, record->key_len, UINT16_MAX, "points to no record");
	ASSERT_FAULT_WITH(fixture, record->value_len, UINT32_MAX, "points to no record");
	ASSERT_FAULT_WITH(fixture, record->value_len, SMALL_VALUE + 8, "where a record begins");
	ASSERT_FAULT_WITH(fixture, record->value_len, SMALL_VALUE - 1, "live bytes, counted are");
	ASSERT_FAULT_WITH(fixture, *key, (char)(*key + 1), "holds a key that belongs elsewhere");
}

/* Dead records are still walked over when their segment is emptied. */
static void test_shm_check_names_damaged_dead_records(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_record *record = record_of(fixture, &fixture->whole);
	uint64_t key = 1;

	assert_int_equal(weir_shm_remove(fixture->shm, weir_slice(&key, sizeof(key)), NOW), WEIR_OK);
	ASSERT_FAULT_WITH(fixture, record->key_len, 0, "no record at");
	ASSERT_FAULT_WITH(fixture, record->value_len, SMALL_VALUE + 8, "where a record begins");
}

static void test_shm_check_names_broken_links_between_pieces(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_segment *segment = segment_of(fixture, &fixture->straddling);
	struct weir_shm_segment *next = weir_shm_segment(fixture->map, segment->next);

	ASSERT_FAULT_WITH(fixture, segment->next, 0, "goes on in another queue or nowhere");
	ASSERT_FAULT_WITH(fixture, next->first, next->first + 8, "ends inside another record");
	ASSERT_FAULT_WITH(fixture, segment->written, segment->written - 8, "points to where no record was written");
	ASSERT_FAULT_WITH(fixture, segment->first, segment->last + 8, "points to where no record was written");
}

static void test_shm_check_names_broken_extents(void **state)
{
	struct fixture *fixture = *state;
	uint32_t *extents = (uint32_t *)(record_of(fixture, &fixture->large) + 1);
	uint32_t others = *(uint32_t *)(record_of(fixture, &fixture->other_large) + 1);

	assert_true(weir_shm_in_one_piece(fixture->map, &fixture->large.view) || fixture->large.view.extents > 1);
	ASSERT_FAULT_WITH(fixture, extents[0], 0, "goes on in what is no extent of the shard");
	ASSERT_FAULT_WITH(fixture, extents[0], UINT32_MAX, "goes on in what is no extent of the shard");
	ASSERT_FAULT_WITH(fixture, extents[0], extents[1], "is in use elsewhere");
	ASSERT_FAULT_WITH(fixture, extents[0], others, "is in use elsewhere");
	ASSERT_FAULT_WITH(fixture, fixture->map->owners[extents[0] - 1], 0, "goes on in what is no extent of the shard");
	ASSERT_FAULT_WITH(fixture, weir_shm_segment(fixture->map, extents[0])->queue, WEIR_SHM_MAIN, "goes on in what is no extent");
}

static void test_shm_check_names_broken_queues(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_chain *chain = &fixture->shard->queues[WEIR_SHM_SMALL];
	struct weir_shm_segment *head = weir_shm_segment(fixture->map, chain->head), *tail = weir_shm_segment(fixture->map, chain->tail);

	assert_ptr_not_equal(head, tail);
	ASSERT_FAULT_WITH(fixture, chain->head, UINT32_MAX, "is not of this shard");
	ASSERT_FAULT_WITH(fixture, chain->tail, chain->head, "its tail is segment");
	ASSERT_FAULT_WITH(fixture, chain->segments, chain->segments + 1, "segments, counted are");
	ASSERT_FAULT_WITH(fixture, fixture->shard->queues[WEIR_SHM_MAIN].head, chain->head, "is in a queue already");
	ASSERT_FAULT_WITH(fixture, tail->next, chain->head, "is in a queue already");
	ASSERT_FAULT_WITH(fixture, tail->previous, 0, "is behind segment");
	ASSERT_FAULT_WITH(fixture, head->queue, WEIR_SHM_MAIN, "says that it is in queue 1");
}

static void test_shm_check_names_broken_segments(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_segment *segment = segment_of(fixture, &fixture->whole);

	ASSERT_FAULT_WITH(fixture, segment->live, segment->live + 8, "bytes are live, counted are");
	ASSERT_FAULT_WITH(fixture, segment->written, UINT32_MAX, "written up to 4294967295");
	ASSERT_FAULT_WITH(fixture, segment->first, segment->first + 4, "first record at");
	ASSERT_FAULT_WITH(fixture, segment->last, segment->last - 8, "the last record is at");
	ASSERT_FAULT_WITH(fixture, segment->first, segment->first + 8, "where a record begins");
}

/* The last segment was never claimed. */
static void test_shm_check_names_wrong_owners(void **state)
{
	struct fixture *fixture = *state;
	_Atomic uint16_t *last = &fixture->map->owners[fixture->map->geometry.segments - 1];
	_Atomic uint16_t *used = &fixture->map->owners[weir_shm_segment_of(fixture->map, fixture->whole.view.offset) - 1];

	ASSERT_FAULT_WITH(fixture, *last, 1, "belongs to the shard and is in use nowhere");
	ASSERT_FAULT_WITH(fixture, *last, 1, "segments belong to the shard, counted are");
	ASSERT_FAULT_WITH(fixture, *last, 77, "there is no shard 76");
	ASSERT_FAULT_WITH(fixture, *used, 0, "points into no queue of the shard");
	ASSERT_FAULT_WITH(fixture, fixture->shard->spare, fixture->shard->queues[WEIR_SHM_SMALL].head, "is in use or not of this shard");
	ASSERT_FAULT_WITH(fixture, fixture->shard->spare, UINT32_MAX, "is in use or not of this shard");
	assert_int_not_equal(fixture->shard->spare, 0);
	ASSERT_FAULT_WITH(fixture, weir_shm_segment(fixture->map, fixture->shard->spare)->queue, WEIR_SHM_MAIN,
			  "is the spare one and says");
}

static void test_shm_check_names_wrong_totals(void **state)
{
	struct fixture *fixture = *state;

	ASSERT_FAULT_WITH(fixture, fixture->shard->items, 3, "42 items, counted are 3");
	ASSERT_FAULT_WITH(fixture, fixture->shard->live_bytes, 3, "live bytes, counted are 3");
	ASSERT_FAULT_WITH(fixture, fixture->shard->segments, 3, "segments belong to the shard, counted are 3");
}

/* By a thread that does not let go. This takes the second that the check waits. */
static void test_shm_check_names_a_shard_that_it_cannot_lock(void **state)
{
	struct fixture *fixture = *state;

	ASSERT_FAULT_WITH(fixture, fixture->shard->lock.word, (uint32_t)getppid(), "locked for too long, and not checked");
}

/* Nothing that lies in the store is believed. The locks are spared: one that nobody gets is waited for. */
static void test_shm_check_survives_scribbles(void **state)
{
	struct fixture *fixture = *state;
	struct weir_shm_geometry *geometry = &fixture->map->geometry;
	uint64_t seed = 11;

	for (int round = 0; round < 100; round++) {
		struct weir_shm_lock lock = fixture->shard->lock;

		for (int i = 0; i < 40; i++) {
			uint64_t drawn = storm_draw(&seed), value = storm_draw(&seed) >> (drawn >> 58);
			uint64_t end = drawn & 1 ? geometry->size : geometry->ghosts_at;
			uint64_t at = (geometry->shards_at + (drawn >> 8) % (end - geometry->shards_at - 8)) & ~UINT64_C(3);

			memcpy(fixture->map->base + at, &value, sizeof(uint32_t));
		}
		fixture->shard->lock = lock;
		(void)weir_shm_check(fixture->shm, NULL, NULL);
	}
	assert_true(weir_shm_check(fixture->shm, NULL, NULL) > 0);
}

#define DAMAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shm_check_finds_nothing_after_small_items),
		cmocka_unit_test(test_shm_check_finds_nothing_after_items_in_pieces),
		cmocka_unit_test(test_shm_check_finds_nothing_after_large_items),
		cmocka_unit_test(test_shm_check_finds_nothing_after_items_that_are_too_large),
		DAMAGE(test_shm_check_names_a_bucket_left_open),
		DAMAGE(test_shm_check_names_slots_that_lead_nowhere),
		DAMAGE(test_shm_check_names_keys_in_wrong_places),
		DAMAGE(test_shm_check_names_damaged_records),
		DAMAGE(test_shm_check_names_damaged_dead_records),
		DAMAGE(test_shm_check_names_broken_links_between_pieces),
		DAMAGE(test_shm_check_names_broken_extents),
		DAMAGE(test_shm_check_names_broken_queues),
		DAMAGE(test_shm_check_names_broken_segments),
		DAMAGE(test_shm_check_names_wrong_owners),
		DAMAGE(test_shm_check_names_wrong_totals),
		DAMAGE(test_shm_check_names_a_shard_that_it_cannot_lock),
		DAMAGE(test_shm_check_survives_scribbles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
