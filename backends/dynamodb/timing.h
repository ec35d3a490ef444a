/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines, pauses between attempts, and the server's time.
 *
 * What waits for the network goes by the machine's own clock, not by the app's: a fake clock does not make a server faster.
 */
#ifndef WEIR_DYNAMODB_TIMING_H
#define WEIR_DYNAMODB_TIMING_H

#include <weir/clock.h>

int64_t weir_dynamodb_now_ms(void);

/* Attempts at one thing. Pauses grow exponentially and are drawn at random between nothing and their size, so that hosts that were
 * throttled together do not come back together. */
struct weir_dynamodb_backoff {
	int64_t deadline_ms; /* on weir_dynamodb_now_ms() */
	unsigned attempts;
};

/* Sleeps; false, at once, when the deadline would not be met. */
bool weir_dynamodb_backoff_wait(struct weir_dynamodb_backoff *backoff);

/* How long the pause after `attempts` attempts may be. */
int64_t weir_dynamodb_backoff_max_ms(unsigned attempts);

/* One reply's Date, and when its request was sent and it came, on this machine's wall clock. */
struct weir_dynamodb_sighting {
	int64_t date_s;
	int64_t sent_ms;
	int64_t came_ms;
};

/* By how much the server's clock is ahead of the machine's: `skew_ms`, corrected by as little as makes it agree with the sighting. Expiries
 * are kept in the server's time, so hosts whose clocks are minutes apart agree on who holds a lease; differences below about a second
 * are not seen. A reply that was slow says nothing. */
int64_t weir_dynamodb_skew_learn(int64_t skew_ms, const struct weir_dynamodb_sighting *sighting);

#endif
