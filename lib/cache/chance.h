/* SPDX-License-Identifier: Apache-2.0
 *
 * Dice: what a rule leaves to chance. Each thread has its own, so throwing them costs no other thread anything.
 */
#ifndef WEIR_CACHE_CHANCE_H
#define WEIR_CACHE_CHANCE_H

#include <stdint.h>

/* A number in (0, 1], all equally likely. */
double weir_chance_draw(void);

/* From now on this thread throws what follows from the seed: for tests that are to happen again in the same way. */
void weir_chance_seed(uint64_t seed);

#endif
