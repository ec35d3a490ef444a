/* SPDX-License-Identifier: Apache-2.0
 *
 * One line a second for each kind of failure.
 */
#include "cache/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "cache/backend.h"
#include "cache/cache.h"

#define PAUSE_MS 1000

/* True for one of all that come while no line is allowed; the others are counted. */
static bool may_log(struct weir_report_state *state, int64_t now_ms, uint64_t *left_out)
{
	int64_t next_ms = atomic_load_explicit(&state->next_ms, memory_order_relaxed);

	if (now_ms < next_ms || !atomic_compare_exchange_strong(&state->next_ms, &next_ms, now_ms + PAUSE_MS)) {
		atomic_fetch_add_explicit(&state->left_out, 1, memory_order_relaxed);
		return false;
	}
	*left_out = atomic_exchange(&state->left_out, 0);
	return true;
}

void weir_cache_report(struct weir_cache *cache, enum weir_report kind, const char *format, ...)
{
	uint64_t left_out;
	char line[1024];
	va_list args;

	weir_cache_count(cache, WEIR_COUNT_ERROR);
	if (weir_backend_is_cut_off(cache->backend)) {
		atomic_fetch_add_explicit(&cache->reports[kind].left_out, 1, memory_order_relaxed);
		return;
	}
	if (!may_log(&cache->reports[kind], weir_clock_monotonic_ms(cache->clock), &left_out))
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (left_out > 0)
		weir_log_warn(cache->log, "%s (and %" PRIu64 " times more since the last such line)", line, left_out);
	else
		weir_log_warn(cache->log, "%s", line);
}
