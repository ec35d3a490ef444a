/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading without a lock: look at the bucket's version, follow the slot, copy, and look at the version again. If it is the same, nothing
 * that was copied had changed (I2). If it is not, or is odd, all is done again; after too many times, which only a holder that was stopped
 * in the middle of a word or two can bring about, once under the lock, if that is free.
 */
#include "counters.h"
#include "hash.h"
#include "index.h"
#include "lock.h"
#include "store.h"

#define ATTEMPTS 256
#define LARGE_ATTEMPTS 4 /* when each copies this much */
#define LARGE ((size_t)64 * 1024)

struct reading {
	const struct weir_shm_map *map;
	struct weir_slice key;
	int64_t now_ms;
	char *buffer;
	size_t size;
	size_t len;
};

/* What following a slot has led to; TORN only once the version has been looked at. */
enum verdict {
	NOT_HERE,
	FOUND,
	EXPIRED,
	TOO_LONG,
	TORN,
};

/* One more use; at the most three are remembered. */
static inline void note_use(_Atomic uint64_t *place, uint64_t slot)
{
	if ((slot & WEIR_SHM_FREQ_MASK) != WEIR_SHM_FREQ_MASK)
		(void)atomic_compare_exchange_strong_explicit(place, &slot, slot + WEIR_SHM_FREQ_ONE, memory_order_relaxed,
							      memory_order_relaxed);
}

/* True when what was copied stood still, and was not taken from under us (guard.h). */
static inline bool stood_still(const struct weir_shm_map *map, const struct weir_shm_bucket *bucket, uint64_t version)
{
	weir_shm_fence_acquire();
	return atomic_load_explicit(&bucket->version, memory_order_relaxed) == version && weir_shm_is_current(map);
}

/* -- The common case ------------------------------------------------------------------------------------------------------- */

struct place {
	unsigned index; /* WEIR_SHM_SLOTS: none */
	uint64_t slot;
};

/* The last slot with this tag. Where in the bucket it stands decides no branch, which would often be guessed wrong. */
static inline struct place match(const struct weir_shm_bucket *bucket, uint64_t tag)
{
	struct place place = { .index = WEIR_SHM_SLOTS };

#pragma GCC unroll 7
	for (unsigned i = 0; i < WEIR_SHM_SLOTS; i++) {
		uint64_t slot = atomic_load_explicit(&bucket->slots[i], memory_order_acquire);
		bool matches = weir_shm_slot_tag(slot) == tag;

		place.slot = matches ? slot : place.slot;
		place.index = matches ? i : place.index;
	}
	return place;
}

/* A key in its first bucket, with a record in one piece that has not expired and fits the buffer, while nobody changes the bucket. False:
 * anything else, which is looked into by the functions below. What the processor can begin early it does: the copy's source depends on
 * the key that was asked for, not on the record's header, which may still be on its way from memory. */
static inline bool read_common(const struct weir_shm_map *map, uint64_t hash, struct reading *reading)
{
	struct weir_shm_bucket *bucket = weir_shm_bucket_of(map, hash);
	uint64_t version = atomic_load_explicit(&bucket->version, memory_order_acquire);
	struct place place = match(bucket, weir_shm_slot_tag(weir_shm_slot(hash, 0, 0)));
	uint64_t offset = weir_shm_slot_offset(place.slot), segment = weir_shm_segment_size(map);
	const char *key = map->data + offset + sizeof(struct weir_shm_record);
	struct weir_shm_record record;

	if (place.index == WEIR_SHM_SLOTS || version & 1 || offset > map->geometry.data_size - sizeof(record))
		return false;
	weir_shm_copy_out(&record, map->data + offset, sizeof(record));
	weir_shm_read_once();
	if (record.key_len != reading->key.len || record.value_len > reading->size || record.expires_ms <= reading->now_ms ||
	    (offset & (segment - 1)) + sizeof(record) + record.key_len + record.value_len > segment ||
	    !weir_shm_same(key, reading->key.data, reading->key.len))
		return false;
	weir_shm_copy_out(reading->buffer, key + reading->key.len, record.value_len);
	if (!stood_still(map, bucket, version))
		return false;
	reading->len = record.value_len;
	note_use(&bucket->slots[place.index], place.slot);
	return true;
}

/* -- Every case ------------------------------------------------------------------------------------------------------------ */

static enum verdict read_record(struct reading *reading, uint64_t slot)
{
	struct weir_shm_view view;

	if (!weir_shm_view_read(reading->map, weir_shm_slot_offset(slot), &view) || !weir_shm_key_is(reading->map, &view, reading->key))
		return NOT_HERE;
	reading->len = view.value_len;
	if (view.expires_ms <= reading->now_ms)
		return EXPIRED;
	if (reading->len > reading->size)
		return TOO_LONG;
	return weir_shm_body_read(reading->map, &view, view.key_len, reading->buffer, reading->len) ? FOUND : NOT_HERE;
}

static enum verdict read_bucket(struct reading *reading, struct weir_shm_bucket *bucket, uint64_t tag, uint64_t version)
{
	for (unsigned i = 0; i < WEIR_SHM_SLOTS; i++) {
		uint64_t slot = atomic_load_explicit(&bucket->slots[i], memory_order_acquire);
		enum verdict verdict;

		if (weir_shm_slot_tag(slot) != tag)
			continue;
		verdict = read_record(reading, slot);
		if (verdict == NOT_HERE)
			continue;
		if (!stood_still(reading->map, bucket, version))
			return TORN;
		if (verdict == FOUND)
			note_use(&bucket->slots[i], slot);
		return verdict;
	}
	return NOT_HERE;
}

/* A key that is in neither bucket is only known not to be there when neither has changed meanwhile. */
static enum verdict read_pair(struct reading *reading, uint64_t hash)
{
	struct weir_shm_bucket *bucket = weir_shm_bucket_of(reading->map, hash), *other = weir_shm_neighbour(reading->map, bucket);
	uint64_t tag = weir_shm_slot_tag(weir_shm_slot(hash, 0, 0)), version, others;
	enum verdict verdict;

	version = atomic_load_explicit(&bucket->version, memory_order_acquire);
	if (version & 1)
		return TORN;
	verdict = read_bucket(reading, bucket, tag, version);
	if (verdict != NOT_HERE)
		return verdict;
	others = atomic_load_explicit(&other->version, memory_order_acquire);
	if (others & 1)
		return TORN;
	verdict = read_bucket(reading, other, tag, others);
	if (verdict != NOT_HERE)
		return verdict;
	return stood_still(reading->map, bucket, version) && stood_still(reading->map, other, others) ? NOT_HERE : TORN;
}

static enum verdict read_again(struct weir_shm_map *map, struct reading *reading, uint64_t hash)
{
	enum verdict verdict = TORN;

	for (int attempt = 0; verdict == TORN && attempt < (reading->len < LARGE ? ATTEMPTS : LARGE_ATTEMPTS); attempt++) {
		weir_shm_pause();
		verdict = read_pair(reading, hash);
	}
	if (verdict != TORN || !weir_shm_enter_now(map, weir_shm_shard_of(map, hash)))
		return verdict;
	verdict = read_pair(reading, hash);
	weir_shm_leave(map, weir_shm_shard_of(map, hash));
	return verdict;
}

static __attribute__((noinline)) enum weir_status read_any(struct weir_shm *shm, struct reading *reading, size_t *len)
{
	struct weir_shm_map *map = weir_shm_current(shm);
	uint64_t hash = weir_shm_hash(map, reading->key);
	enum verdict verdict;

	reading->map = map;
	verdict = read_pair(reading, hash);
	if (verdict == TORN)
		verdict = read_again(map, reading, hash);
	if (verdict != FOUND && verdict != TOO_LONG) {
		weir_shm_count_miss(map);
		return WEIR_MISS;
	}
	*len = reading->len;
	if (verdict == TOO_LONG)
		return WEIR_ERR_LIMIT;
	weir_shm_count_hit(map);
	return WEIR_OK;
}

enum weir_status weir_shm_get(struct weir_shm *shm, struct weir_slice key, int64_t now_ms, struct weir_shm_buffer buffer, size_t *len)
{
	char nothing; /* memcpy() takes no NULL, not even for 0 bytes */
	struct reading reading = { .key = key, .now_ms = now_ms, .buffer = buffer.size > 0 ? buffer.bytes : &nothing, .size = buffer.size };
	const struct weir_shm_map *map = atomic_load_explicit(&shm->map, memory_order_acquire);

	*len = 0;
	if (key.len == 0 || key.len > WEIR_SHM_KEY_MAX)
		return WEIR_MISS;
	if (!read_common(map, weir_shm_hash(map, key), &reading))
		return read_any(shm, &reading, len);
	*len = reading.len;
	weir_shm_count_hit(map);
	return WEIR_OK;
}
