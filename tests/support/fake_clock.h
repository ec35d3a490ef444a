/* SPDX-License-Identifier: Apache-2.0
 *
 * A clock whose hands the test turns; any thread may read it meanwhile.
 */
#ifndef WEIR_TESTS_FAKE_CLOCK_H
#define WEIR_TESTS_FAKE_CLOCK_H

#include <stdatomic.h>

#include <weir/clock.h>

struct weir_fake_clock {
	struct weir_clock clock; /* what the tested code is given */
	_Atomic int64_t wall_ms;
	_Atomic int64_t monotonic_ms;
};

static inline int64_t weir_fake_clock_read_wall_ms(void *state)
{
	return atomic_load(&((struct weir_fake_clock *)state)->wall_ms);
}

static inline int64_t weir_fake_clock_read_monotonic_ms(void *state)
{
	return atomic_load(&((struct weir_fake_clock *)state)->monotonic_ms);
}

/* Stands at 2026-01-01T00:00:00Z; `fake` must stay where it is. */
static inline void weir_fake_clock_init(struct weir_fake_clock *fake)
{
	fake->clock = (struct weir_clock){ weir_fake_clock_read_wall_ms, weir_fake_clock_read_monotonic_ms, fake };
	atomic_init(&fake->wall_ms, INT64_C(1767225600000));
	atomic_init(&fake->monotonic_ms, 1000);
}

static inline void weir_fake_clock_advance_ms(struct weir_fake_clock *fake, int64_t ms)
{
	atomic_fetch_add(&fake->wall_ms, ms);
	atomic_fetch_add(&fake->monotonic_ms, ms);
}

#endif
