/* SPDX-License-Identifier: Apache-2.0
 *
 * Where time comes from. Everything in weir asks a clock that it was given, so tests turn its hands and never sleep.
 *
 * Both readings are milliseconds. `wall` counts from 1970-01-01T00:00:00Z and may jump; `monotonic` counts from any start and never goes
 * back. Expiries that leave the process are wall time, everything that waits is monotonic. A clock may be read from any thread.
 */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>

#include <weir/status.h>

struct weir_clock {
	int64_t (*wall_ms)(void *state);
	int64_t (*monotonic_ms)(void *state);
	void *state;
};

/* The machine's clock; static storage. */
WEIR_API const struct weir_clock *weir_clock_system(void);

static inline int64_t weir_clock_wall_ms(const struct weir_clock *clock)
{
	return clock->wall_ms(clock->state);
}

static inline int64_t weir_clock_monotonic_ms(const struct weir_clock *clock)
{
	return clock->monotonic_ms(clock->state);
}

#endif
