/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies where in a store: the layout of the shared mapping, version WEIR_SHM_LAYOUT. Offsets and numbers only, never pointers.
 *
 *     header      a page
 *     shards      lock, queues and numbers of each
 *     buckets     of all shards, one cache line each, 0.6 full when the store is full of items of the average size
 *     owners      u16 a segment: 0 free, else the number of its shard + 1; claimed by compare-and-swap, so that no free list can break
 *     segments    one line of book-keeping each
 *     ghosts      of all shards: fingerprints of what was evicted unread
 *     clears      sets of clear cells, one cache line each (clears.h)
 *     leases      of all shards (leases.h)
 *     counters    hits and misses, a line for each thread that happens to land there
 *     data        segments of 16 KiB to 1 MiB
 *
 * All of it follows from the store's size and the average size of its items: weir_shm_geometry_make() computes the rest, and the only
 * numbers that are read back from a file are those two. A mapping full of zeros behind a valid header is an empty store.
 *
 * A *record* is a header of 16 bytes, key and value, padded to 8. Records of a queue lie one behind the other in its segments, which are
 * linked: one that does not fit the rest of a segment goes on at the beginning of the next, so a record lies in one piece or in two, its
 * header always in one. A record longer than a segment keeps whole segments of its bytes elsewhere, in *extents*: behind its header come
 * the extents' numbers, then what did not fill one. Moving it moves the extents' numbers only.
 *
 * Invariants. Who changes something holds the shard's lock unless it says otherwise.
 *
 * I1  A slot that is not 0 points to a completely written record of this shard, or its bucket's version is odd.
 * I2  The bytes of a record, its extents' and the link between its pieces stay as they are until its slot was replaced and then the
 *     bucket's version was raised by 2, or the version is odd.
 * I3  A version is odd only while a lock holder overwrites a record of this bucket in place.
 * I4  A segment belongs to at most one shard. It is in one of its queues, an extent of one record, its spare, or, when a process died
 *     between claiming it and linking it, nowhere until the shard is reset.
 * I5  The live bytes of a segment are those of its records that slots point to: one that has none left is given up unread. Everything else
 *     (counts, links, ghosts) can be made anew from the slots, or is a hint.
 *
 * A process that dies while it holds the lock leaves I1 to I3 as they are but for an odd version; the next one to lock the shard resets it.
 *
 * A process keeps what it has checked (struct weir_shm_geometry) in its own memory, and bounds-checks every number that it takes from the
 * mapping: whatever is scribbled into a store, nobody reads or writes outside it.
 */
#ifndef WEIR_SHM_LAYOUT_H
#define WEIR_SHM_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>

#include <weir/backend_shm.h>

#define WEIR_SHM_LAYOUT 1
#define WEIR_SHM_MAGIC UINT64_C(0x5765697253686d31) /* "WeirShm1" */
#define WEIR_SHM_BYTE_ORDER UINT32_C(0x01020304)
#define WEIR_SHM_PAGE 4096U
#define WEIR_SHM_SHARDS_MAX 64U
#define WEIR_SHM_SLOTS 7
#define WEIR_SHM_FREQ_MAX 3U
#define WEIR_SHM_COUNTERS 64U
#define WEIR_SHM_LEASES 128U /* a shard */
#define WEIR_SHM_BOOT_ID_SIZE 40U

/* What stands before the clock is written before `magic`, and never again. */
struct weir_shm_header {
	_Atomic uint64_t magic; /* stored last */
	uint32_t layout;
	uint32_t byte_order;
	uint64_t size;
	uint64_t entry_size;
	uint64_t seed;                          /* of the hash: keys come from clients */
	char boot_id[WEIR_SHM_BOOT_ID_SIZE];    /* what an earlier boot of the machine has left is not believed */
	_Atomic uint32_t superseded;            /* another file has taken this one's name */
	_Alignas(64) _Atomic uint64_t clock;    /* the clear clock */
	_Alignas(64) _Atomic uint32_t searched; /* where the next search for a free segment begins; a hint */
};

/* In `queue` of a segment, and the index of a shard's queues. Fresh items go to SMALL, those that were read there, or that come back soon
 * after their eviction, to MAIN (S3-FIFO). */
enum weir_shm_queue {
	WEIR_SHM_SMALL,
	WEIR_SHM_MAIN,
	WEIR_SHM_QUEUES,
	WEIR_SHM_EXTENT = WEIR_SHM_QUEUES,
	WEIR_SHM_SPARE,
};

/* Segments are numbered from 1 here and in all links: 0 is none. */
struct weir_shm_chain {
	uint32_t head;     /* the oldest */
	uint32_t tail;     /* the open one, which is written to */
	uint32_t segments; /* extents of its records included */
	uint32_t unused;
};

/* Owned by lock.h. */
struct weir_shm_lock {
	_Atomic uint32_t word;
};

struct weir_shm_shard {
	_Alignas(256) struct weir_shm_lock lock;
	uint32_t spare;            /* kept for moving what is in use when everything is full; 0: none */
	_Atomic uint32_t segments; /* all that it owns */
	uint32_t swept;            /* the segment that was looked through for expired items last; a hint */
	uint32_t since_sweep;      /* segments opened */
	uint32_t unused;
	struct weir_shm_chain queues[WEIR_SHM_QUEUES];
	/* Statistics: written under the lock, read by anybody. */
	_Atomic uint64_t items, live_bytes, sets, inserted_bytes, evictions, expirations, copied_bytes, resets;
};

/* One cache line. A key's slot is in its bucket or in the other of the pair (index ^ 1). */
struct weir_shm_bucket {
	_Alignas(64) _Atomic uint64_t version;
	_Atomic uint64_t slots[WEIR_SHM_SLOTS];
};

struct weir_shm_segment {
	_Atomic uint32_t next; /* in its queue; the last record goes on there */
	uint32_t previous;
	uint32_t written; /* bytes */
	uint32_t live;    /* bytes of records that slots point to, pieces in this segment only */
	uint32_t first;   /* where the first record that begins here begins; `written` when none does */
	uint32_t last;    /* where the last one begins */
	uint32_t queue;   /* enum weir_shm_queue */
	uint32_t unused;
};

/* For numbers that one writes at a time, the holder of a lock, and anybody reads. */
static inline void weir_shm_tally(_Atomic uint64_t *number, uint64_t by)
{
	atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + by, memory_order_relaxed);
}

struct weir_shm_counters {
	_Alignas(64) _Atomic uint64_t hits;
	_Atomic uint64_t misses;
};

/* Before the key. Never in two pieces. */
struct weir_shm_record {
	uint32_t value_len;
	uint16_t key_len;
	uint16_t unused;
	int64_t expires_ms;
};

/* A slot: 16 bits of the hash, never 0 | 2 bits of frequency | 46 bits of offset into the data, in units of 8 bytes. */
#define WEIR_SHM_FREQ_SHIFT 46
#define WEIR_SHM_FREQ_ONE (UINT64_C(1) << WEIR_SHM_FREQ_SHIFT)
#define WEIR_SHM_FREQ_MASK (UINT64_C(3) << WEIR_SHM_FREQ_SHIFT)
#define WEIR_SHM_OFFSET_MASK (WEIR_SHM_FREQ_ONE - 1)

static inline uint64_t weir_shm_slot(uint64_t hash, unsigned freq, uint64_t offset)
{
	uint64_t tag = hash >> 48 ? hash >> 48 : 1;

	return tag << 48 | (uint64_t)freq << WEIR_SHM_FREQ_SHIFT | offset >> 3;
}

static inline uint64_t weir_shm_slot_tag(uint64_t slot)
{
	return slot >> 48;
}

static inline unsigned weir_shm_slot_freq(uint64_t slot)
{
	return (unsigned)(slot >> WEIR_SHM_FREQ_SHIFT) & 3U;
}

static inline uint64_t weir_shm_slot_offset(uint64_t slot)
{
	return (slot & WEIR_SHM_OFFSET_MASK) << 3;
}

/* Where everything is. Private to a process, never read from the mapping. */
struct weir_shm_geometry {
	uint64_t size;
	uint64_t entry_size;
	uint32_t shards;        /* a power of two */
	uint32_t buckets;       /* a shard; even */
	uint32_t ghosts;        /* a shard; a power of two */
	uint32_t clear_sets;    /* a power of two */
	uint32_t segments;      /* of data, at most 65,536 */
	uint32_t segment_shift; /* a segment has 1 << shift bytes */
	uint64_t shards_at, buckets_at, owners_at, segments_at, ghosts_at, clears_at, leases_at, counters_at, data_at;
	uint64_t data_size; /* segments << segment_shift */
};

/* False when `size` or `entry_size` is out of bounds. */
bool weir_shm_geometry_make(uint64_t size, uint64_t entry_size, struct weir_shm_geometry *geometry);

/* A mapping as one process has it. */
struct weir_shm_map {
	struct weir_shm_map *older; /* superseded, mapped until the store is closed, since others may still read there */
	struct weir_shm_geometry geometry;
	char *base;
	struct weir_shm_header *header;
	struct weir_shm_shard *shards;
	struct weir_shm_bucket *buckets;
	_Atomic uint16_t *owners;
	struct weir_shm_segment *segments; /* [number - 1] */
	uint32_t *ghosts;
	char *data;
	uint64_t seed;
	uint64_t device, inode; /* of the file; 0: anonymous */
};

static inline uint64_t weir_shm_segment_size(const struct weir_shm_map *map)
{
	return UINT64_C(1) << map->geometry.segment_shift;
}

/* Takes `base`, a mapping of geometry->size bytes, whose header is valid or will be soon. */
void weir_shm_map_init(struct weir_shm_map *map, const struct weir_shm_geometry *geometry, char *base);

/* Makes an empty store of a mapping full of zeros: seed, boot, clear clock, and last the magic. ERR_IO without randomness. */
WEIR_MUST_CHECK enum weir_status weir_shm_map_format(struct weir_shm_map *map, const char *boot_id);

#endif
