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

struct weir_notes {
	uint64_t seed;
	struct note sets[SETS][WAYS];
};

/* -- A table --------------------------------------------------------------------------------------------------------------- */

static struct weir_notes *create(void)
{
	struct weir_notes *notes = calloc(1, sizeof(*notes));

	if (notes)
		notes->seed = weir_token_draw();
	return notes;
}

static bool is_about(const struct note *note, XXH128_hash_t key, enum weir_remembered what)
{
	return note->until_ms > 0 && note->what == what && XXH128_isEqual(note->key, key);
}

/* The note about this, else the one that ends first. */
static struct note *place_for(struct weir_notes *notes, XXH128_hash_t key, enum weir_remembered what)
{
	struct note *set = notes->sets[key.low64 % SETS];
	struct note *place = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (is_about(&set[i], key, what))
			return &set[i];
		if (set[i].until_ms < place->until_ms)
			place = &set[i];
	}
	return place;
}

void weir_notes_add(struct weir_notes **notes, struct weir_slice key, enum weir_remembered what, int64_t until_ms)
{
	XXH128_hash_t hash;

	if (!*notes)
		*notes = create();
	if (!*notes)
		return;
	hash = XXH3_128bits_withSeed(key.data, key.len, (*notes)->seed);
	*place_for(*notes, hash, what) = (struct note){ .key = hash, .until_ms = until_ms, .what = what };
}

bool weir_notes_have(struct weir_notes *notes, struct weir_slice key, enum weir_remembered what, int64_t now_ms)
{
	XXH128_hash_t hash;
	const struct note *note;

	if (!notes)
		return false;
	hash = XXH3_128bits_withSeed(key.data, key.len, notes->seed);
	note = place_for(notes, hash, what);
	return is_about(note, hash, what) && note->until_ms > now_ms;
}

/* -- A loop's -------------------------------------------------------------------------------------------------------------- */

void weir_remember(struct weir_host *host, struct weir_slice key, enum weir_remembered what, int64_t for_ms)
{
	struct weir_notes *notes = host->remembered;

	if (for_ms <= 0)
		return;
	weir_notes_add(&notes, key, what, host->now_ms + for_ms);
	host->remembered = notes;
	host->remembered_destroy = free;
}

bool weir_is_remembered(const struct weir_host *host, struct weir_slice key, enum weir_remembered what)
{
	return weir_notes_have(host->remembered, key, what, host->now_ms);
}
