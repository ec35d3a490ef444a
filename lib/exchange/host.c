/* SPDX-License-Identifier: Apache-2.0
 *
 * What all hosts have in common: a clock and timers.
 */
#include "exchange/host.h"

void weir_host_init(struct weir_host *host, const struct weir_host_ops *ops, const struct weir_clock *clock)
{
	*host = (struct weir_host){ .ops = ops, .clock = clock, .now_ms = weir_clock_monotonic_ms(clock) };
	weir_timers_init(&host->timers);
	weir_list_init(&host->backgrounds);
}

void weir_host_finish(struct weir_host *host)
{
	if (host->flights_destroy)
		host->flights_destroy(host->flights);
	if (host->remembered_destroy)
		host->remembered_destroy(host->remembered);
	weir_timers_finish(&host->timers);
}
