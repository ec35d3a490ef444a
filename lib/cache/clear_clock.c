/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear clock as a number: 24 bits of epoch, drawn at random, above 40 bits of count. Two epochs are equal by chance once in 16 million
 * times, and then only matter to entries that outlived the store they came from.
 */
#include <weir/backend_driver.h>

#include <sys/random.h>

#define COUNT_BITS 40

uint64_t weir_clear_clock_new(void)
{
	uint64_t epoch;

	/* Where the system call is forbidden, the time has to do: an epoch need not be secret, only new. */
	if (getrandom(&epoch, sizeof(epoch), 0) != (ssize_t)sizeof(epoch))
		epoch = (uint64_t)weir_clock_wall_ms(weir_clock_system());
	return epoch << COUNT_BITS | 1;
}

bool weir_clear_clock_valid(uint64_t stamp, uint64_t clock, uint64_t cell)
{
	return stamp >> COUNT_BITS == clock >> COUNT_BITS && stamp >= cell;
}
