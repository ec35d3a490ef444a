/* SPDX-License-Identifier: Apache-2.0
 *
 * Records in the log: where their pieces lie, reading them and writing them.
 *
 * A record's *body* is its key and its value. It lies behind the header in the log, in one piece or two, but for the bytes that fill whole
 * extents, which are its last. All numbers are checked against the geometry, none is believed: reading a record that is being overwritten
 * gives nonsense, which the caller finds out, but never leaves the mapping.
 */
#ifndef WEIR_SHM_RECORD_H
#define WEIR_SHM_RECORD_H

#include "copy.h"
#include "layout.h"

/* A record's header, read once, and what follows from it. */
struct weir_shm_view {
	uint64_t offset; /* into the data */
	int64_t expires_ms;
	uint32_t key_len;
	uint32_t value_len;
	uint32_t extents;     /* how many */
	uint32_t body_in_log; /* bytes of the body that are not in extents */
	uint64_t size;        /* in the log: header, extents' numbers, body; padded */
};

static inline uint64_t weir_shm_pad(uint64_t size)
{
	return (size + 7) & ~UINT64_C(7);
}

/* Sizes of a record with such a key and value: fills in all but `offset` and `expires_ms`. */
static inline void weir_shm_view_measure(const struct weir_shm_map *map, uint32_t key_len, uint32_t value_len, struct weir_shm_view *view)
{
	uint64_t segment = weir_shm_segment_size(map), body = (uint64_t)key_len + value_len, extents = 0;

	view->key_len = key_len;
	view->value_len = value_len;
	if (weir_shm_pad(sizeof(struct weir_shm_record) + body) > segment) {
		extents = body >> map->geometry.segment_shift;
		if (weir_shm_pad(sizeof(struct weir_shm_record) + 4 * extents + (body & (segment - 1))) > segment)
			extents++;
	}
	view->extents = (uint32_t)extents;
	view->body_in_log = (uint32_t)(extents * segment < body ? body - extents * segment : 0);
	view->size = weir_shm_pad(sizeof(struct weir_shm_record) + 4 * extents + view->body_in_log);
}

/* The segment that an offset lies in, by number, and where in it. */
static inline uint32_t weir_shm_segment_of(const struct weir_shm_map *map, uint64_t offset)
{
	return (uint32_t)(offset >> map->geometry.segment_shift) + 1;
}

static inline uint32_t weir_shm_within(const struct weir_shm_map *map, uint64_t offset)
{
	return (uint32_t)(offset & (weir_shm_segment_size(map) - 1));
}

static inline struct weir_shm_segment *weir_shm_segment(const struct weir_shm_map *map, uint32_t number)
{
	return &map->segments[number - 1];
}

/* True for the number of a segment. */
static inline bool weir_shm_is_segment(const struct weir_shm_map *map, uint32_t number)
{
	return number >= 1 && number <= map->geometry.segments;
}

static inline char *weir_shm_segment_data(const struct weir_shm_map *map, uint32_t number)
{
	return map->data + ((uint64_t)(number - 1) << map->geometry.segment_shift);
}

/* Reads the header at `offset`. False when there can be none. */
static inline bool weir_shm_view_read(const struct weir_shm_map *map, uint64_t offset, struct weir_shm_view *view)
{
	struct weir_shm_record record;

	if (offset >= map->geometry.data_size || weir_shm_within(map, offset) + sizeof(record) > weir_shm_segment_size(map))
		return false;
	weir_shm_copy_out(&record, map->data + offset, sizeof(record));
	weir_shm_read_once();
	view->offset = offset;
	view->expires_ms = record.expires_ms;
	weir_shm_view_measure(map, record.key_len, record.value_len, view);
	return record.key_len > 0 && record.key_len <= WEIR_SHM_KEY_MAX && record.value_len <= WEIR_SHM_VALUE_MAX &&
	       view->size <= weir_shm_segment_size(map) && view->extents <= map->geometry.segments;
}

/* True when the whole record lies in one piece, so that its body begins at data + offset + 16. */
static inline bool weir_shm_in_one_piece(const struct weir_shm_map *map, const struct weir_shm_view *view)
{
	return view->extents == 0 && weir_shm_within(map, view->offset) + view->size <= weir_shm_segment_size(map);
}

/* Where byte `at` of a record lies in the log, and how many bytes of the record follow there: NULL when a link leads nowhere. */
char *weir_shm_log_at(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, uint64_t *len);

/* The same for byte `at` of its body, extents included. */
char *weir_shm_body_at(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, uint64_t *len);

/* The number of extent `index`; 0 when it leads nowhere. */
uint32_t weir_shm_extent(const struct weir_shm_map *map, const struct weir_shm_view *view, uint32_t index);

/* Copies `len` bytes of the body from byte `at` on. False when a link leads nowhere. */
bool weir_shm_body_read(const struct weir_shm_map *map, const struct weir_shm_view *view, uint64_t at, void *to, uint64_t len);

bool weir_shm_key_is(const struct weir_shm_map *map, const struct weir_shm_view *view, struct weir_slice key);

/* The hash of a record's key; some number when a link leads nowhere. */
uint64_t weir_shm_key_hash(const struct weir_shm_map *map, const struct weir_shm_view *view);

/* Writes a whole record where nobody reads yet; for its extents the numbers from `extent` on, linked by `next`. */
void weir_shm_record_write(const struct weir_shm_map *map, const struct weir_shm_view *view, const struct weir_shm_item *item,
			   uint32_t extent);

/* Copies the record's bytes in the log to where `to` lies. Extents stay where they are. False when a link leads nowhere. */
bool weir_shm_record_move(const struct weir_shm_map *map, const struct weir_shm_view *from, const struct weir_shm_view *to);

#endif
