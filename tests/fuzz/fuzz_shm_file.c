/* SPDX-License-Identifier: Apache-2.0
 *
 * A store whose bytes anybody may change: calls of every kind, and between them, and in the middle of a walk, bytes, numbers and whole
 * records written over any part of the mapping. Nothing may be read or written outside of it: around it there is nothing but pages that
 * must not be touched. Until the first byte is changed, every answer must be right, and the checker must find no fault.
 *
 * The input is a byte for the average entry, and then calls: one byte says which, the next ones say with what. Where it ends, zeros follow.
 */
#include <string.h>
#include <sys/mman.h>

#include "backends/shm/clears.h"
#include "backends/shm/leases.h"
#include "backends/shm/store.h"
#include "insist.h"

#define SIZE WEIR_SHM_SIZE_MIN
#define AROUND ((size_t)1 << 30)
#define KEYS 16
#define CALLS_MAX 300
#define POOL (SIZE / 2)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is stored under a key, as long as nobody has meddled. */
struct model {
	bool stored;
	struct weir_slice value;
	int64_t expires_ms;
};

struct run {
	const uint8_t *data, *end;
	struct weir_shm shm;
	struct weir_shm_map map;
	struct model models[KEYS];
	uint64_t last_clear;
	int64_t now_ms;
	bool touched; /* somebody has meddled */
	unsigned walked;
};

static char *base;      /* of the mapping */
static char pool[POOL]; /* values are pieces of it */
static char keys[KEYS][WEIR_SHM_KEY_MAX];
static char buffer[POOL];

static uint64_t take(struct run *run, size_t bytes)
{
	uint64_t number = 0;

	for (; bytes > 0; bytes--)
		number = number << 8 | (run->data < run->end ? *run->data++ : 0);
	return number;
}

static void fill(char *bytes, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005 + 1442695040888963407;
		bytes[i] = (char)(seed >> 56);
	}
}

static void prepare(void)
{
	char *around = mmap(NULL, SIZE + 2 * AROUND, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	INSIST(around != MAP_FAILED);
	base = around + AROUND;
	INSIST(mprotect(base, SIZE, PROT_READ | PROT_WRITE) == 0);
	fill(pool, sizeof(pool), 1);
	for (uint64_t i = 0; i < KEYS; i++)
		fill(keys[i], sizeof(keys[i]), i + 2);
}

/* Both ends, and lengths between that make records lie across two segments. */
static struct weir_slice key_of(unsigned key)
{
	static const size_t lens[KEYS] = { 1, 2, 3, 7, 8, 9, 16, 40, 100, 255, 256, 1000, 4000, 16000, 20000, WEIR_SHM_KEY_MAX };

	return weir_slice(keys[key], lens[key]);
}

static struct weir_slice value_of(struct run *run)
{
	static const size_t units[8] = { 1, 1, 8, 64, 64, 256, 1024, 1031 };
	size_t unit = units[take(run, 1) % 8], len = unit * (size_t)take(run, 1);

	return weir_slice(pool + take(run, 1), len);
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------- */

/* A store that was meddled with may refuse for any reason. */
static void check_stored(struct run *run, unsigned key, const struct weir_shm_item *item, enum weir_status status)
{
	bool fits = item->value.len <= SIZE / 4;

	if (run->touched)
		return;
	INSIST(status == (fits ? WEIR_OK : WEIR_ERR_LIMIT));
	run->models[key] = (struct model){ .stored = fits, .value = item->value, .expires_ms = item->expires_ms };
}

static void set_or_add(struct run *run, bool add)
{
	unsigned key = (unsigned)take(run, 1) % KEYS;
	struct weir_shm_item item = { .key = key_of(key), .value = value_of(run) };
	int64_t ttl_ms = (int64_t)take(run, 1);
	struct model *model = &run->models[key];
	enum weir_status status;

	item.expires_ms = ttl_ms == 0 ? WEIR_SHM_NEVER : run->now_ms + ttl_ms - 1;
	if (!add) {
		check_stored(run, key, &item, weir_shm_set(&run->shm, &item, run->now_ms));
		return;
	}
	status = weir_shm_add(&run->shm, &item, run->now_ms);
	if (run->touched)
		return;
	if (status == WEIR_BUSY)
		INSIST(model->stored && model->expires_ms > run->now_ms);
	else
		check_stored(run, key, &item, status);
}

/* In an untouched store a value may be gone, evicted, but never another. */
static void get(struct run *run)
{
	unsigned key = (unsigned)take(run, 1) % KEYS;
	const struct model *model = &run->models[key];
	size_t room = take(run, 1) % 4 == 0 ? 100 : sizeof(buffer), len = 0;
	enum weir_status status = weir_shm_get(&run->shm, key_of(key), run->now_ms, weir_shm_buffer(buffer, room), &len);

	INSIST(status == WEIR_OK || status == WEIR_MISS || status == WEIR_ERR_LIMIT);
	INSIST(status != WEIR_OK || len <= room);
	INSIST(status != WEIR_ERR_LIMIT || len > room);
	if (run->touched || status == WEIR_MISS)
		return;
	INSIST(model->stored && model->expires_ms > run->now_ms && len == model->value.len);
	INSIST(status == WEIR_ERR_LIMIT || weir_slice_equal(weir_slice(buffer, len), model->value));
}

static void remove_key(struct run *run)
{
	unsigned key = (unsigned)take(run, 1) % KEYS;
	enum weir_status status = weir_shm_remove(&run->shm, key_of(key), run->now_ms);

	if (run->touched)
		return;
	INSIST(status == WEIR_MISS || (status == WEIR_OK && run->models[key].stored));
	run->models[key].stored = false;
}

static void clear(struct run *run)
{
	struct weir_slice name = key_of((unsigned)take(run, 1) % KEYS);
	uint64_t stamp = weir_shm_clear(&run->shm, name);

	if (run->touched)
		return;
	INSIST(stamp == weir_shm_clock(&run->shm) && stamp > run->last_clear);
	INSIST(weir_shm_cell(&run->shm, name) == stamp);
	run->last_clear = stamp;
}

static void read_cell(struct run *run)
{
	uint64_t stamp = weir_shm_cell(&run->shm, key_of((unsigned)take(run, 1) % KEYS)), clock = weir_shm_clock(&run->shm);

	INSIST(run->touched || stamp <= clock);
}

static void lease(struct run *run)
{
	struct weir_slice key = key_of((unsigned)take(run, 1) % KEYS);
	uint64_t token = take(run, 1) % 4 + 1;
	int64_t ttl_ms = (int64_t)take(run, 1);
	enum weir_status status;

	switch (take(run, 1) % 3) {
	case 0:
		status = weir_shm_lease(&run->shm, key, token, run->now_ms, ttl_ms);
		INSIST(run->touched || status == WEIR_OK || status == WEIR_BUSY);
		break;
	case 1:
		status = weir_shm_renew(&run->shm, key, token, run->now_ms, ttl_ms);
		INSIST(run->touched || status == WEIR_OK || status == WEIR_MISS);
		break;
	default:
		status = weir_shm_release(&run->shm, key, token, run->now_ms);
		INSIST(run->touched || status == WEIR_OK || status == WEIR_MISS);
	}
}

/* -- Meddling -------------------------------------------------------------------------------------------------------------- */

struct part {
	uint64_t at;
	uint64_t size;
	unsigned unit; /* of what it is made of */
};

static struct part choose_part(const struct weir_shm_geometry *g, unsigned number)
{
	const struct part parts[] = {
		{ 0, WEIR_SHM_PAGE, 4 },
		{ g->shards_at, g->shards * sizeof(struct weir_shm_shard), 4 },
		{ g->buckets_at, (uint64_t)g->shards * g->buckets * sizeof(struct weir_shm_bucket), 8 },
		{ g->owners_at, g->segments * sizeof(uint16_t), 2 },
		{ g->segments_at, g->segments * sizeof(struct weir_shm_segment), 4 },
		{ g->ghosts_at, (uint64_t)g->shards * g->ghosts * sizeof(uint32_t), 4 },
		{ g->clears_at, g->clear_sets * sizeof(struct weir_shm_clear_set), 8 },
		{ g->leases_at, (uint64_t)g->shards * WEIR_SHM_LEASES * sizeof(struct weir_shm_lease), 8 },
		{ g->data_at, g->data_size, 8 },
		{ g->data_at, g->data_size, 2 },
		{ 0, g->size, 1 },
	};

	return parts[number % (sizeof(parts) / sizeof(parts[0]))];
}

/* Where slots in use are, so that it is not always a page of zeros that is changed. */
static char *find_slot(struct run *run, unsigned nth)
{
	const struct weir_shm_geometry *g = &run->map.geometry;
	char *found = base + g->buckets_at;

	for (uint64_t i = 0; i < (uint64_t)g->shards * g->buckets; i++)
		for (unsigned k = 0; k < WEIR_SHM_SLOTS; k++) {
			if (atomic_load(&run->map.buckets[i].slots[k]) == 0)
				continue;
			found = (char *)&run->map.buckets[i].slots[k];
			if (nth-- == 0)
				return found;
		}
	return found;
}

/* The place that a change is made to, with at least 64 bytes behind it. */
static char *choose_place(struct run *run)
{
	unsigned how = (unsigned)take(run, 1);
	struct part part = choose_part(&run->map.geometry, how >> 2);
	uint64_t at = part.at + take(run, 3) * part.unit % part.size;
	uint64_t slot;

	if (how % 4 == 1) /* near the beginning, where things are */
		at = part.at + take(run, 1) * part.unit % part.size;
	if (how % 4 == 2)
		return find_slot(run, (unsigned)take(run, 1));
	if (how % 4 == 3) { /* a record */
		memcpy(&slot, find_slot(run, (unsigned)take(run, 1)), sizeof(slot));
		at = run->map.geometry.data_at + (weir_shm_slot_offset(slot) + take(run, 1)) % run->map.geometry.data_size;
	}
	return base + (at <= SIZE - 64 ? at : SIZE - 64);
}

static void meddle(struct run *run)
{
	static const size_t sizes[] = { 1, 2, 4, 8 };
	char *place = choose_place(run);
	unsigned how = (unsigned)take(run, 1);
	size_t size = sizes[how / 8 % 4];
	uint64_t old = 0, number;

	run->touched = true;
	memcpy(&old, place, size);
	switch (how % 8) {
	case 0: /* a small number, a segment's perhaps */
		number = take(run, 1);
		break;
	case 1:
		number = old + (uint64_t)(int64_t)(int8_t)take(run, 1);
		break;
	case 2:
		number = old ^ UINT64_C(1) << take(run, 1) % 64;
		break;
	case 3:
		memmove(place, choose_place(run), 64);
		return;
	case 4:
		number = UINT64_MAX;
		break;
	default:
		number = take(run, size);
	}
	memcpy(place, &number, size);
}

/* -- All of it ------------------------------------------------------------------------------------------------------------- */

static bool visit(void *state, const struct weir_shm_seen *seen)
{
	struct run *run = state;
	unsigned sum = 0;

	for (size_t i = 0; i < seen->item.value.len; i++)
		sum += (unsigned char)seen->item.value.data[i];
	INSIST(seen->item.key.len > 0 && seen->item.key.len <= WEIR_SHM_KEY_MAX && seen->hits <= 3);
	run->walked++;
	if (sum % 2 == 0 && run->touched)
		meddle(run);
	return run->walked < 1000;
}

static void walk(struct run *run)
{
	struct weir_slice prefix = weir_slice(keys[take(run, 1) % KEYS], take(run, 1) % 2);
	enum weir_status status;

	run->walked = 0;
	status = weir_shm_walk(&run->shm, prefix, run->now_ms, visit, run);
	INSIST(run->touched || (status == WEIR_OK && run->walked <= KEYS));
}

/* The checker waits for a lock that looks held, as nothing else does here, so it is left out then: runs are to be many. */
static void look_at_all(struct run *run)
{
	struct weir_shm_stats stats;
	size_t faults = 0;

	INSIST(run->map.geometry.shards == 1);
	if (atomic_load(&run->map.shards[0].lock.word) == 0)
		faults = weir_shm_check(&run->shm, NULL, NULL);
	weir_shm_stats(&run->shm, &stats);
	INSIST(run->touched || faults == 0);
	INSIST(run->touched || (stats.items <= KEYS && stats.used_bytes <= stats.size && stats.live_bytes <= stats.used_bytes));
}

static void call(struct run *run)
{
	switch (take(run, 1) % 16) {
	case 0:
	case 1:
	case 2:
		set_or_add(run, false);
		break;
	case 3:
		set_or_add(run, true);
		break;
	case 4:
	case 5:
		get(run);
		break;
	case 6:
		remove_key(run);
		break;
	case 7:
		clear(run);
		break;
	case 8:
		read_cell(run);
		break;
	case 9:
		lease(run);
		break;
	case 10:
		walk(run);
		break;
	case 11:
		look_at_all(run);
		break;
	case 12:
		run->now_ms += (int64_t)take(run, 1);
		break;
	default:
		meddle(run);
	}
}

/* An empty store, always with the same seed. Nobody waits for a lock: what is written over one may look like a holder. */
static void open_store(struct run *run, uint64_t entry_size)
{
	struct weir_shm_geometry geometry;

	INSIST(madvise(base, SIZE, MADV_DONTNEED) == 0);
	INSIST(weir_shm_geometry_make(SIZE, entry_size, &geometry));
	weir_shm_map_init(&run->map, &geometry, base);
	INSIST(weir_shm_map_format(&run->map, "boot") == WEIR_OK);
	run->map.header->seed = run->map.seed = 42;
	atomic_init(&run->shm.map, &run->map);
	for (size_t i = 0; i < WEIR_SHM_SHARDS_MAX; i++)
		atomic_init(&run->shm.impatient_until_ms[i], INT64_MAX);
	run->shm.options.size = SIZE;
	run->now_ms = 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t entry_sizes[] = { 64, 200, 1024, 20000, 1024 * 1024 };
	struct run run = { .data = data, .end = data + size };

	if (!base)
		prepare();
	open_store(&run, entry_sizes[take(&run, 1) % 5]);
	for (int i = 0; i < CALLS_MAX && run.data < run.end; i++)
		call(&run);
	return 0;
}
