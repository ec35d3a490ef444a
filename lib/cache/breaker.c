/* SPDX-License-Identifier: Apache-2.0
 *
 * The breaker's three states; see the header.
 */
#include "cache/breaker.h"

static bool is_failure(enum weir_status status)
{
	return status == WEIR_ERR_IO || status == WEIR_ERR_TIMEOUT || status == WEIR_ERR_BACKEND;
}

bool weir_breaker_lets(const struct weir_breaker *breaker, int64_t now_ms)
{
	return !breaker->open || now_ms >= breaker->retry_ms;
}

void weir_breaker_open(struct weir_breaker *breaker, int64_t now_ms)
{
	breaker->open = true;
	breaker->failures = 0;
	breaker->retry_ms = now_ms + (breaker->pause_ms > 0 ? breaker->pause_ms : WEIR_BREAKER_PAUSE_MS);
}

static enum weir_breaker_change note_answer(struct weir_breaker *breaker)
{
	bool was_open = breaker->open;

	breaker->open = false;
	breaker->failures = 0;
	return was_open ? WEIR_BREAKER_CLOSES : WEIR_BREAKER_STAYS;
}

enum weir_breaker_change weir_breaker_note(struct weir_breaker *breaker, enum weir_status status, int64_t now_ms)
{
	if (status >= 0)
		return note_answer(breaker);
	if (breaker->open) {
		weir_breaker_open(breaker, now_ms);
		return WEIR_BREAKER_STAYS;
	}
	if (!is_failure(status) || (++breaker->failures < WEIR_BREAKER_FAILURES && status != WEIR_ERR_TIMEOUT))
		return WEIR_BREAKER_STAYS;
	weir_breaker_open(breaker, now_ms);
	return WEIR_BREAKER_OPENS;
}
