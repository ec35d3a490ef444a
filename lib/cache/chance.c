/* SPDX-License-Identifier: Apache-2.0
 *
 * xorshift64* (Marsaglia: Xorshift RNGs, 2003; Vigna: An experimental exploration of Marsaglia's xorshift generators, scrambled, 2016). A
 * process that was forked goes on with its parent's numbers, which harms nobody.
 */
#include "cache/chance.h"

#include "cache/token.h"

static _Thread_local uint64_t state; /* 0: not seeded yet */

void weir_chance_seed(uint64_t seed)
{
	state = seed ? seed : 1;
}

double weir_chance_draw(void)
{
	if (!state)
		weir_chance_seed(weir_token_draw());
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (double)((state * UINT64_C(0x2545f4914f6cdd1d) >> 11) + 1) / (double)(UINT64_C(1) << 53);
}
