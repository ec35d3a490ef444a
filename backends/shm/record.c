/* SPDX-License-Identifier: Apache-2.0
 *
 * Records that may lie in pieces. What is in one piece has its own way where it counts, in get.c.
 */
#include "record.h"

#include "hash.h"

char *weir_shm_log_at(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, uint64_t *len)
{
	uint64_t segment = weir_shm_segment_size(map), within = weir_shm_within(map, view->offset) + at;
	uint32_t number = weir_shm_segment_of(map, view->offset);

	if (within >= segment) {
		number = atomic_load_explicit(&weir_shm_segment(map, number)->next, memory_order_relaxed);
		within -= segment;
		if (!weir_shm_is_segment(map, number) || within >= segment)
			return NULL;
	}
	*len = segment - within < view->size - at ? segment - within : view->size - at;
	return weir_shm_segment_data(map, number) + within;
}

uint32_t weir_shm_extent(const struct weir_shm_map *map, const struct weir_shm_view *view, uint32_t index)
{
	uint64_t len;
	uint32_t number = 0;
	const char *at = weir_shm_log_at(map, view, sizeof(struct weir_shm_record) + 4 * (uint64_t)index, &len);

	if (!at)
		return 0;
	weir_shm_copy_out(&number, at, sizeof(number)); /* records and segments are multiples of 8 long: a number is in one piece */
	return weir_shm_is_segment(map, number) ? number : 0;
}

char *weir_shm_body_at(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, uint64_t *len)
{
	uint64_t segment = weir_shm_segment_size(map), end = (uint64_t)view->key_len + view->value_len, in_extents;
	uint32_t number;

	if (at < view->body_in_log) {
		char *piece = weir_shm_log_at(map, view, sizeof(struct weir_shm_record) + 4 * (uint64_t)view->extents + at, len);

		if (piece && *len > view->body_in_log - at)
			*len = view->body_in_log - at;
		return piece;
	}
	in_extents = at - view->body_in_log;
	number = weir_shm_extent(map, view, (uint32_t)(in_extents >> map->geometry.segment_shift));
	if (number == 0)
		return NULL;
	in_extents &= segment - 1;
	*len = segment - in_extents < end - at ? segment - in_extents : end - at;
	return weir_shm_segment_data(map, number) + in_extents;
}

bool weir_shm_body_read(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, void *to, uint64_t len)
{
	char *rest = to;

	while (len > 0) {
		uint64_t there;
		const char *piece = weir_shm_body_at(map, view, at, &there);

		if (!piece)
			return false;
		there = there < len ? there : len;
		weir_shm_copy_out(rest, piece, there);
		rest += there;
		at += there;
		len -= there;
	}
	return true;
}

bool weir_shm_key_is(const struct weir_shm_map *map, const struct weir_shm_view *view, struct weir_slice key)
{
	uint64_t at = 0;

	if (view->key_len != key.len)
		return false;
	while (at < key.len) {
		uint64_t there;
		const char *piece = weir_shm_body_at(map, view, at, &there);

		if (!piece)
			return false;
		there = there < key.len - at ? there : key.len - at;
		if (!weir_shm_same(piece, key.data + at, there))
			return false;
		at += there;
	}
	return true;
}

/* By way of a copy: a dead record's extents may be somebody else's by now, who writes there. */
static uint64_t hash_pieces(const struct weir_shm_map *map, const struct weir_shm_view *view)
{
	XXH3_state_t state;
	char part[512];
	uint64_t len;

	XXH3_INITSTATE(&state); /* else a secret that an earlier call has left on the stack is believed */
	XXH3_64bits_reset_withSeed(&state, map->seed);
	for (uint64_t at = 0; at < view->key_len; at += len) {
		len = view->key_len - at < sizeof(part) ? view->key_len - at : sizeof(part);
		if (!weir_shm_body_read(map, view, at, part, len))
			break;
		XXH3_64bits_update(&state, part, len);
	}
	return XXH3_64bits_digest(&state);
}

uint64_t weir_shm_key_hash(const struct weir_shm_map *map, const struct weir_shm_view *view)
{
	uint64_t there;
	const char *piece = view->extents == 0 ? weir_shm_body_at(map, view, 0, &there) : NULL;

	return piece && there >= view->key_len ? weir_shm_hash(map, weir_slice(piece, view->key_len)) : hash_pieces(map, view);
}

static void write_extents(const struct weir_shm_map *map, const struct weir_shm_view *view, uint32_t extent)
{
	for (uint32_t i = 0; i < view->extents && extent; i++) {
		uint64_t len;
		char *at = weir_shm_log_at(map, view, sizeof(struct weir_shm_record) + 4 * (uint64_t)i, &len);

		if (!at)
			return;
		weir_shm_copy_in(at, &extent, sizeof(extent));
		extent = atomic_load_explicit(&weir_shm_segment(map, extent)->next, memory_order_relaxed);
		extent = weir_shm_is_segment(map, extent) ? extent : 0;
	}
}

/* `at`: where in the body. */
static void write_body(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, struct weir_slice bytes)
{
	while (bytes.len > 0) {
		uint64_t there;
		char *piece = weir_shm_body_at(map, view, at, &there);

		if (!piece)
			return;
		there = there < bytes.len ? there : bytes.len;
		weir_shm_copy_in(piece, bytes.data, there);
		bytes = weir_slice_from(bytes, there);
		at += there;
	}
}

void weir_shm_record_write(const struct weir_shm_map *map, const struct weir_shm_view *view, const struct weir_shm_item *item,
			   uint32_t extent)
{
	const struct weir_shm_record record = { .value_len = view->value_len,
						.key_len = (uint16_t)view->key_len,
						.expires_ms = item->expires_ms };
	char *at = map->data + view->offset;

	weir_shm_copy_in(at, &record, sizeof(record));
	if (weir_shm_in_one_piece(map, view)) {
		weir_shm_copy_in(at + sizeof(record), item->key.data, item->key.len);
		if (item->value.len > 0)
			weir_shm_copy_in(at + sizeof(record) + item->key.len, item->value.data, item->value.len);
		return;
	}
	write_extents(map, view, extent);
	write_body(map, view, 0, item->key);
	write_body(map, view, item->key.len, item->value);
}

bool weir_shm_record_move(const struct weir_shm_map *map, const struct weir_shm_view *from, const struct weir_shm_view *to)
{
	for (uint64_t at = 0; at < from->size;) {
		uint64_t there = 0, here = 0;
		const char *source = weir_shm_log_at(map, from, at, &there);
		char *target = weir_shm_log_at(map, to, at, &here);

		if (!source || !target)
			return false;
		there = there < here ? there : here;
		weir_shm_copy_in(target, source, there);
		at += there;
	}
	return true;
}
