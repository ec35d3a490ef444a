/* SPDX-License-Identifier: Apache-2.0
 *
 * What every side of the store's measurements does: gets and sets values of 1 KiB under keys of 16 bytes, in an order drawn once, and times
 * each slice of that by itself, so that what else the machine does falls into few slices and the median does not see it.
 *
 * The values are 64 MiB together, and every store has STORE_SIZE for them, so that all of them stay.
 */
#ifndef WEIR_BENCH_STORE_LOAD_H
#define WEIR_BENCH_STORE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEYS 65536U
#define STORE_HOT_KEYS 256U
#define STORE_KEY_LEN 16U
#define STORE_VALUE_SIZE 1024U
#define STORE_SIZE ((size_t)96 * 1024 * 1024)

#define STORE_ORDER (1U << 18)
#define STORE_SLICES 63U

struct store_load {
	char keys[STORE_KEYS][STORE_KEY_LEN];
	uint32_t order[STORE_ORDER]; /* of keys, at random */
	char value[STORE_VALUE_SIZE];
	char buffer[STORE_VALUE_SIZE]; /* what was got */
};

/* One key of a load, got or set. */
typedef void (*store_step_fn)(void *side, const struct store_load *load, uint32_t key);

/* On the heap. */
struct store_load *store_load_make(void);

int64_t store_now_ns(void);
double store_median(double *values, size_t count);

/* Ends the program with `what` on standard error. */
void store_need(bool good, const char *what);

/* Nanoseconds a step: over the first `keys` keys, a power of two, `steps` of them a slice. Inlined, and the step with it. */
__attribute__((always_inline)) static inline double store_time(store_step_fn step, void *side, const struct store_load *load, uint32_t keys,
							       uint32_t steps)
{
	double slices[STORE_SLICES];

	for (uint32_t slice = 0; slice < STORE_SLICES; slice++) {
		const int64_t begin = store_now_ns();

		for (uint32_t i = 0; i < steps; i++)
			step(side, load, load->order[(slice * steps + i) % STORE_ORDER] % keys);
		slices[slice] = (double)(store_now_ns() - begin) / steps;
	}
	return store_median(slices, STORE_SLICES);
}

#endif
