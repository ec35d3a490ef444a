/* SPDX-License-Identifier: Apache-2.0
 *
 * SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014): a counter in large steps from a random
 * beginning, and a function of it that takes each number to another.
 */
#include "cache/token.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <unistd.h>

#include <weir/clock.h>

#define STEP UINT64_C(0x9e3779b97f4a7c15)

static _Atomic uint64_t counter;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Where the system call is forbidden, time and process have to do. */
static void seed(void)
{
	uint64_t value;

	if (getrandom(&value, sizeof(value), 0) != (ssize_t)sizeof(value))
		value = (uint64_t)weir_clock_wall_ms(weir_clock_system()) * STEP + (uint64_t)getpid();
	atomic_store(&counter, value);
}

static void begin(void)
{
	seed();
	(void)pthread_atfork(NULL, NULL, seed);
}

uint64_t weir_token_draw(void)
{
	uint64_t value;

	pthread_once(&once, begin);
	value = atomic_fetch_add_explicit(&counter, STEP, memory_order_relaxed) + STEP;
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	value ^= value >> 31;
	return value ? value : 1;
}
