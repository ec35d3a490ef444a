/* SPDX-License-Identifier: Apache-2.0
 *
 * The store, and the floor it is measured against: the least that anything can do that finds a value by its key, which is to hash the key
 * and to copy the value from where it must lie.
 *
 *     store_sides floor|shm
 *
 * Prints JSON: nanoseconds of a get among few keys and among all, and of a set that overwrites.
 */
#define XXH_INLINE_ALL
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <weir/backend_shm.h>
#include <xxhash.h>

#include "store_load.h"

#define NOW_MS 1000 /* nothing expires */

/* Where to read follows from the hash, as it does everywhere. The size is hidden from the compiler, which would otherwise copy with `rep
 * movs`, and slowly. */
__attribute__((always_inline)) static inline void step_floor(void *side, const struct store_load *load, uint32_t key)
{
	const char *values = side;
	const uint64_t hash = XXH3_64bits_withSeed(load->keys[key], STORE_KEY_LEN, 1);
	const size_t index = (key + (hash == 0)) % STORE_KEYS;
	char buffer[STORE_VALUE_SIZE];
	size_t size = sizeof(buffer);

	__asm__("" : "+r"(size));
	memcpy(buffer, values + index * STORE_VALUE_SIZE, size);
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

static void run_floor(const struct store_load *load)
{
	const size_t size = (size_t)STORE_KEYS * STORE_VALUE_SIZE;
	char *values = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	store_need(values != MAP_FAILED, "floor: no memory");
	memset(values, 'v', size);
	printf("{\"hot_ns\": %.2f, ", store_time(step_floor, values, load, STORE_HOT_KEYS, 1 << 13));
	printf("\"random_ns\": %.2f}\n", store_time(step_floor, values, load, STORE_KEYS, 1 << 12));
}

/* Few keys may be missing, where too many fall together in the index: the last that are set are there. */
struct shm_side {
	struct weir_shm *shm;
	size_t gets, misses;
};

static struct weir_slice key_of(const struct store_load *load, uint32_t key)
{
	return weir_slice(load->keys[key], STORE_KEY_LEN);
}

__attribute__((always_inline)) static inline void step_get(void *side, const struct store_load *load, uint32_t key)
{
	struct shm_side *self = side;
	char buffer[STORE_VALUE_SIZE];
	size_t len;

	self->misses += weir_shm_get(self->shm, key_of(load, key), NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len) != WEIR_OK;
	self->gets++;
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

__attribute__((always_inline)) static inline void step_set(void *side, const struct store_load *load, uint32_t key)
{
	const struct weir_shm_item item = { key_of(load, key), weir_slice(load->value, STORE_VALUE_SIZE), WEIR_SHM_NEVER };
	const struct shm_side *self = side;

	store_need(weir_shm_set(self->shm, &item, NOW_MS) == WEIR_OK, "shm: not taken");
}

static void run_shm(const struct store_load *load)
{
	const struct weir_shm_options options = { .size = STORE_SIZE, .entry_size = STORE_KEY_LEN + STORE_VALUE_SIZE };
	struct shm_side side = { 0 };
	char why[256] = "";

	store_need(weir_shm_open(&options, why, sizeof(why), &side.shm) == WEIR_OK, why);
	for (uint32_t key = STORE_KEYS; key-- > 0;)
		step_set(&side, load, key);
	printf("{\"hot_ns\": %.2f, ", store_time(step_get, &side, load, STORE_HOT_KEYS, 1 << 13));
	printf("\"random_ns\": %.2f, ", store_time(step_get, &side, load, STORE_KEYS, 1 << 12));
	store_need(side.misses * 1000 <= side.gets, "shm: more than one get in a thousand is a miss");
	printf("\"set_ns\": %.2f}\n", store_time(step_set, &side, load, STORE_KEYS, 1 << 11));
	weir_shm_close(side.shm);
}

int main(int argc, char **argv)
{
	const struct store_load *load = store_load_make();

	if (argc == 2 && strcmp(argv[1], "floor") == 0)
		run_floor(load);
	else if (argc == 2 && strcmp(argv[1], "shm") == 0)
		run_shm(load);
	else
		return 2;
	return 0;
}
