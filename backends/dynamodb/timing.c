/* SPDX-License-Identifier: Apache-2.0
 *
 * Time, as far as it is not the app's.
 */
#include "timing.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#define PAUSE_FIRST_MS 20
#define PAUSE_MAX_MS 640

/* Servers write a Date that they made a moment ago, and leave the milliseconds out. */
#define DATE_SLACK_MS 1000

#define SLOW_MS 1000

int64_t weir_dynamodb_now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

int64_t weir_dynamodb_backoff_max_ms(unsigned attempts)
{
	int64_t pause_ms = PAUSE_FIRST_MS;

	for (unsigned i = 1; i < attempts && pause_ms < PAUSE_MAX_MS; i++)
		pause_ms *= 2;
	return pause_ms;
}

static void sleep_ms(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

bool weir_dynamodb_backoff_wait(struct weir_dynamodb_backoff *backoff)
{
	int64_t pause_ms = weir_dynamodb_backoff_max_ms(++backoff->attempts);
	uint32_t drawn;

	if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) != (ssize_t)sizeof(drawn))
		drawn = (uint32_t)weir_dynamodb_now_ms(); /* good enough for a pause */
	pause_ms = (int64_t)(drawn % (uint32_t)(pause_ms + 1));
	if (weir_dynamodb_now_ms() + pause_ms >= backoff->deadline_ms)
		return false;
	sleep_ms(pause_ms);
	return true;
}

int64_t weir_dynamodb_skew_learn(int64_t skew_ms, const struct weir_dynamodb_sighting *sighting)
{
	int64_t date_ms = sighting->date_s * 1000;
	int64_t least_ms = date_ms - DATE_SLACK_MS - sighting->came_ms;
	int64_t most_ms = date_ms + 1000 + DATE_SLACK_MS - sighting->sent_ms;

	if (sighting->came_ms - sighting->sent_ms > SLOW_MS)
		return skew_ms;
	if (skew_ms < least_ms)
		return least_ms;
	return skew_ms > most_ms ? most_ms : skew_ms;
}
