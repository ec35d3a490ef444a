/* SPDX-License-Identifier: Apache-2.0
 *
 * The machine's clock: the one place in weir that asks the operating system for the time.
 */
#include <weir/clock.h>

#include <time.h>

static int64_t read_ms(clockid_t id)
{
	struct timespec now;

	/* Cannot fail: both clocks exist on every system weir builds on, and the pointer is good. */
	(void)clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(void *state)
{
	(void)state;
	return read_ms(CLOCK_REALTIME);
}

static int64_t monotonic_ms(void *state)
{
	(void)state;
	return read_ms(CLOCK_MONOTONIC);
}

const struct weir_clock *weir_clock_system(void)
{
	static const struct weir_clock system = { .wall_ms = wall_ms, .monotonic_ms = monotonic_ms };

	return &system;
}
