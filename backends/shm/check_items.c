/* SPDX-License-Identifier: Apache-2.0
 *
 * The slots of a shard that is being checked, and the records that they point to.
 */
#include "check.h"
#include "index.h"
#include "store.h"

/* A slot in use, by the numbers that a fault is reported with. */
struct spot {
	uint32_t bucket; /* of the shard */
	unsigned slot;
	uint64_t value;
	struct weir_shm_view view;
};

static struct weir_shm_bucket *bucket_at(const struct weir_shm_check *check, uint32_t index)
{
	return &check->map->buckets[(uint64_t)check->shard * check->map->geometry.buckets + index];
}

static void fault(struct weir_shm_check *check, const struct spot *spot, const char *what, uint64_t number)
{
	weir_shm_check_fault(check, "bucket %u slot %u: %s %llu", spot->bucket, spot->slot, what, (unsigned long long)number);
}

/* The queue that a segment was met in, or WEIR_SHM_QUEUES. */
static uint32_t queue_of(const struct weir_shm_check *check, uint32_t number)
{
	uint32_t where = weir_shm_check_owns(check, number) ? check->places[number - 1].where : 0;

	return where >= 1 && where <= WEIR_SHM_QUEUES ? where - 1 : WEIR_SHM_QUEUES;
}

/* The rest of a record that does not end in its first segment. False when it is not where it must be. */
static bool check_second_piece(struct weir_shm_check *check, const struct spot *spot, uint64_t rest)
{
	uint32_t first = weir_shm_segment_of(check->map, spot->view.offset);
	uint32_t number = atomic_load_explicit(&weir_shm_segment(check->map, first)->next, memory_order_relaxed);

	if (queue_of(check, number) != queue_of(check, first)) {
		fault(check, spot, "goes on in another queue or nowhere, in segment", number);
		return false;
	}
	if (weir_shm_segment(check->map, number)->first != rest) {
		fault(check, spot, "ends inside another record, or before one, in segment", number);
		return false;
	}
	check->places[number - 1].live += (uint32_t)rest;
	return true;
}

/* Where it lies in the log, and its bytes there. */
static bool check_pieces(struct weir_shm_check *check, const struct spot *spot)
{
	uint32_t number = weir_shm_segment_of(check->map, spot->view.offset), within = weir_shm_within(check->map, spot->view.offset);
	const struct weir_shm_segment *segment = weir_shm_segment(check->map, number);
	uint64_t size = weir_shm_segment_size(check->map), end = within + spot->view.size;

	if (queue_of(check, number) == WEIR_SHM_QUEUES) {
		fault(check, spot, "points into no queue of the shard, to segment", number);
		return false;
	}
	if (within < segment->first || within >= segment->written || (end > segment->written && end <= size) ||
	    (end > size && segment->written != size)) {
		fault(check, spot, "points to where no record was written, at", spot->view.offset);
		return false;
	}
	check->places[number - 1].live += (uint32_t)(end < size ? end : size) - within;
	return end <= size || check_second_piece(check, spot, end - size);
}

static bool check_extents(struct weir_shm_check *check, const struct spot *spot)
{
	uint32_t queue = queue_of(check, weir_shm_segment_of(check->map, spot->view.offset));

	for (uint32_t i = 0; i < spot->view.extents; i++) {
		uint32_t number = weir_shm_extent(check->map, &spot->view, i);

		if (!weir_shm_check_owns(check, number) || weir_shm_segment(check->map, number)->queue != WEIR_SHM_EXTENT) {
			fault(check, spot, "goes on in what is no extent of the shard, segment", number);
			return false;
		}
		if (check->places[number - 1].where != 0) {
			fault(check, spot, "goes on in an extent that is in use elsewhere, segment", number);
			return false;
		}
		check->places[number - 1].where = WEIR_SHM_EXTENT + 1;
		check->extents[queue]++;
	}
	return true;
}

/* The key is one that is looked for here. */
static bool check_key(struct weir_shm_check *check, const struct spot *spot)
{
	uint64_t hash = weir_shm_key_hash(check->map, &spot->view);
	struct weir_shm_bucket *home = weir_shm_bucket_of(check->map, hash);
	const struct weir_shm_bucket *bucket = bucket_at(check, spot->bucket);

	if (weir_shm_slot_tag(weir_shm_slot(hash, 0, 0)) == weir_shm_slot_tag(spot->value) &&
	    (bucket == home || bucket == weir_shm_neighbour(check->map, home)))
		return true;
	fault(check, spot, "holds a key that belongs elsewhere, of hash", hash);
	return false;
}

/* True when the slot holds the key that was read to check->key. */
static bool is_twin(const struct weir_shm_check *check, const struct spot *spot, uint64_t value)
{
	struct weir_shm_view view;

	return weir_shm_slot_tag(value) == weir_shm_slot_tag(spot->value) &&
	       weir_shm_view_read(check->map, weir_shm_slot_offset(value), &view) &&
	       weir_shm_key_is(check->map, &view, weir_slice(check->key, spot->view.key_len));
}

/* Against the slots of the pair that come later. */
static void check_twins(struct weir_shm_check *check, const struct spot *spot)
{
	uint32_t bucket = spot->bucket;
	unsigned slot = spot->slot + 1;

	if (!weir_shm_body_read(check->map, &spot->view, 0, check->key, spot->view.key_len))
		return;
	for (; bucket <= (spot->bucket | 1); bucket++, slot = 0)
		for (; slot < WEIR_SHM_SLOTS; slot++)
			if (is_twin(check, spot, atomic_load_explicit(&bucket_at(check, bucket)->slots[slot], memory_order_relaxed)))
				fault(check, spot, "holds the key of another slot, of bucket", bucket);
}

static void check_slot(struct weir_shm_check *check, struct spot *spot)
{
	check->items++;
	if (!weir_shm_view_read(check->map, weir_shm_slot_offset(spot->value), &spot->view)) {
		fault(check, spot, "points to no record, to", weir_shm_slot_offset(spot->value));
		return;
	}
	check->live_bytes += sizeof(struct weir_shm_record) + (uint64_t)spot->view.key_len + spot->view.value_len;
	if (check_pieces(check, spot) && check_extents(check, spot) && check_key(check, spot))
		check_twins(check, spot);
}

void weir_shm_check_items(struct weir_shm_check *check)
{
	for (uint32_t index = 0; index < check->map->geometry.buckets; index++) {
		const struct weir_shm_bucket *bucket = bucket_at(check, index);
		uint64_t version = atomic_load_explicit(&bucket->version, memory_order_relaxed);

		if (version % 2 != 0)
			weir_shm_check_fault(check, "bucket %u: its version is odd", index);
		for (unsigned slot = 0; slot < WEIR_SHM_SLOTS; slot++) {
			struct spot spot = { .bucket = index, .slot = slot };

			spot.value = atomic_load_explicit(&bucket->slots[slot], memory_order_relaxed);
			if (spot.value != 0)
				check_slot(check, &spot);
		}
	}
}
