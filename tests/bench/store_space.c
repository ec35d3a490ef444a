/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a store's bytes: the book-keeping that an item costs, and how much of the store is of use after many overwrites.
 *
 *     store_space overhead     items of 1 KiB, key and value, until the index is at the load that it was made for
 *     store_space overwrites   ten rounds of a million sets of random size, over keys that would fill the whole store
 *
 * Prints JSON: bytes an item and the load; useful bytes (live keys and values over the store's size) after each round.
 */
#include <stdio.h>
#include <string.h>

#include "backends/shm/store.h"
#include "store_load.h"

#define NOW_MS 1000 /* nothing expires */
#define LOAD 0.6    /* slots in use, of all: layout.h */
#define STEP 64     /* items between two looks at it; a store where fewer than half of them stay is full before */
#define ITEM_SIZE 1024U
#define ROUNDS 10
#define ROUND_SETS 1000000U
#define SMALLEST 64U
#define LARGEST 1984U /* the mean is ITEM_SIZE */

static struct weir_shm *open_store(void)
{
	const struct weir_shm_options options = { .entry_size = ITEM_SIZE };
	char why[256] = "";
	struct weir_shm *shm;

	store_need(weir_shm_open(&options, why, sizeof(why), &shm) == WEIR_OK, why);
	return shm;
}

/* `size` is that of key and value together. */
static void set(struct weir_shm *shm, uint32_t number, size_t size)
{
	static const char value[LARGEST];
	char key[STORE_KEY_LEN + 1];
	struct weir_shm_item item = { .expires_ms = WEIR_SHM_NEVER };

	snprintf(key, sizeof(key), "page:/i/%08x", number);
	item.key = weir_slice(key, STORE_KEY_LEN);
	item.value = weir_slice(value, size - STORE_KEY_LEN);
	store_need(weir_shm_set(shm, &item, NOW_MS) == WEIR_OK, "a value was not taken");
}

struct sum {
	uint64_t items, bytes;
};

static bool add_up(void *state, const struct weir_shm_seen *seen)
{
	struct sum *sum = state;

	sum->items++;
	sum->bytes += seen->item.key.len + seen->item.value.len;
	return true;
}

static struct sum live(struct weir_shm *shm)
{
	struct sum sum = { 0, 0 };

	store_need(weir_shm_walk(shm, WEIR_SLICE_LITERAL(""), NOW_MS, add_up, &sum) == WEIR_OK, "the store was not walked through");
	return sum;
}

/* Of the first figure: headers, index, tables, what the segments leave of the store. Of the second also what lies dead or is not filled yet
 * when the store is full. */
static void print_overhead(void)
{
	struct weir_shm *shm = open_store();
	const struct weir_shm_geometry *geometry = &weir_shm_current(shm)->geometry;
	const double slots = (double)geometry->shards * geometry->buckets * WEIR_SHM_SLOTS;
	struct weir_shm_stats stats = { 0 };
	struct sum sum;
	uint32_t count = 0;
	uint64_t before;

	do {
		before = stats.items;
		for (int i = 0; i < STEP; i++)
			set(shm, count++, ITEM_SIZE);
		weir_shm_stats(shm, &stats);
	} while ((double)stats.items < LOAD * slots && stats.items > before + STEP / 2);
	sum = live(shm);
	printf("{\"overhead\": %.3f, ", (double)(stats.size - geometry->data_size + stats.live_bytes - sum.bytes) / (double)sum.items);
	printf("\"all\": %.3f, ", (double)(stats.used_bytes - sum.bytes) / (double)sum.items);
	printf("\"load\": %.4f}\n", (double)sum.items / slots);
	weir_shm_close(shm);
}

static void print_overwrites(void)
{
	struct weir_shm *shm = open_store();
	const uint32_t keys = (uint32_t)(WEIR_SHM_SIZE_DEFAULT / ITEM_SIZE);
	struct weir_shm_stats stats;
	uint64_t random = 1;

	printf("{\"useful\": [");
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < ROUND_SETS; i++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			set(shm, (uint32_t)(random >> 40) % keys, SMALLEST + (random >> 24) % (LARGEST - SMALLEST + 1));
		}
		printf("%s%.5f", round ? ", " : "", (double)live(shm).bytes / (double)WEIR_SHM_SIZE_DEFAULT);
	}
	weir_shm_stats(shm, &stats);
	printf("], \"copied\": %.4f}\n", (double)stats.copied_bytes / (double)stats.inserted_bytes);
	weir_shm_close(shm);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "overhead") == 0)
		print_overhead();
	else if (argc == 2 && strcmp(argv[1], "overwrites") == 0)
		print_overwrites();
	else
		return 2;
	return 0;
}
