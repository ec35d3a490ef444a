/* SPDX-License-Identifier: Apache-2.0
 *
 * When to leave a backend alone. One that fails again and again, or that does not answer in time, would cost every request its time limit:
 * it is cut off, all that is asked of it fails at once, and now and then one call is let through to see whether it is back.
 *
 *     closed     calls are made. WEIR_BREAKER_FAILURES failed ones in a row open it, and a single one that ran into its time limit.
 *     open       none is made for the pause.
 *     half open  the pause is over: a call is made. Its answer closes the breaker, its failure opens it for another pause.
 *
 * The pause does not grow: with it and a call's time limit, half a second, a backend is used again within two seconds of its return.
 *
 * A value without locks: for whoever calls the driver, who is one thread at a time. Times are monotonic milliseconds.
 */
#ifndef WEIR_CACHE_BREAKER_H
#define WEIR_CACHE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include <weir/status.h>

#define WEIR_BREAKER_FAILURES 5
#define WEIR_BREAKER_PAUSE_MS 1000

/* All zero is closed. */
struct weir_breaker {
	bool open; /* or half open */
	int failures;
	int64_t pause_ms; /* 0: WEIR_BREAKER_PAUSE_MS */
	int64_t retry_ms; /* open: half open from then on */
};

enum weir_breaker_change {
	WEIR_BREAKER_STAYS,
	WEIR_BREAKER_OPENS,
	WEIR_BREAKER_CLOSES,
};

/* May a call be made? */
bool weir_breaker_lets(const struct weir_breaker *breaker, int64_t now_ms);

/* After a call that was let. Only ERR_IO, ERR_TIMEOUT and ERR_BACKEND are failures of the backend. Other errors say nothing about it, but
 * do not close the breaker either. */
enum weir_breaker_change weir_breaker_note(struct weir_breaker *breaker, enum weir_status status, int64_t now_ms);

/* Opens it at once, for a backend that is known not to answer. */
void weir_breaker_open(struct weir_breaker *breaker, int64_t now_ms);

#endif
