/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of notes: sets of eight, as a processor's cache has them, so that a note is found and replaced in one line or two of memory.
 */
#include "cache/remembered.h"

#include <stdlib.h>

#include "cache/token.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define SETS 128
#define WAYS 8

struct note {
	XXH128_hash_t key;
	int64_t until_ms; /* 0: none */
	enum weir_remembered what;
};

struct table {
	uint64_t seed;
	struct note notes[SETS][WAYS];
};

static struct table *table_of(struct weir_host *host)
{
	struct table *table = host->remembered;

	if (table)
		return table;
	table = calloc(1, sizeof(*table));
	if (!table)
		return NULL;
	table->seed = weir_token_draw();
	host->remembered = table;
	host->remembered_destroy = free;
	return table;
}

static bool is_about(const struct note *note, XXH128_hash_t key, enum weir_remembered what)
{
	return note->until_ms > 0 && note->what == what && XXH128_isEqual(note->key, key);
}

/* The note about this, else the one that ends first. */
static struct note *place_for(struct table *table, XXH128_hash_t key, enum weir_remembered what)
{
	struct note *set = table->notes[key.low64 % SETS];
	struct note *place = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_about(&set[i], key, what))
			return &set[i];
		if (set[i].until_ms < place->until_ms)
			place = &set[i];
	}
	return place;
}

void weir_remember(struct weir_host *host, struct weir_slice key, enum weir_remembered what, int64_t for_ms)
{
	struct table *table = for_ms > 0 ? table_of(host) : NULL;
	XXH128_hash_t hash;

	if (!table)
		return;
	hash = XXH3_128bits_withSeed(key.data, key.len, table->seed);
	*place_for(table, hash, what) = (struct note){ .key = hash, .until_ms = host->now_ms + for_ms, .what = what };
}

bool weir_is_remembered(const struct weir_host *host, struct weir_slice key, enum weir_remembered what)
{
	struct table *table = host->remembered;
	XXH128_hash_t hash;
	const struct note *note;

	if (!table)
		return false;
	hash = XXH3_128bits_withSeed(key.data, key.len, table->seed);
	note = place_for(table, hash, what);
	return is_about(note, hash, what) && note->until_ms > host->now_ms;
}
