/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of quorum.h, for at most a handful of copies.
 */
#include "quorum.h"

#define EPOCH_SHIFT 40

bool weir_memcached_same_epoch(uint64_t a, uint64_t b)
{
	return a != 0 && b != 0 && a >> EPOCH_SHIFT == b >> EPOCH_SHIFT;
}

struct tally {
	size_t count; /* of copies of the epoch */
	uint64_t least, most;
};

static struct tally count_epoch(const struct weir_memcached_copy *copies, size_t keepers, uint64_t epoch_of)
{
	struct tally tally = { .least = UINT64_MAX };

	for (size_t i = 0; i < keepers; i++) {
		if (!copies[i].answered || !weir_memcached_same_epoch(copies[i].number, epoch_of))
			continue;
		tally.count++;
		if (tally.least > copies[i].number)
			tally.least = copies[i].number;
		if (tally.most < copies[i].number)
			tally.most = copies[i].number;
	}
	return tally;
}

enum weir_memcached_verdict weir_memcached_judge_clock(const struct weir_memcached_copy *copies, size_t keepers, uint64_t *number)
{
	size_t answered = 0, majority = weir_memcached_majority(keepers);
	struct tally tally = { .count = 0 };

	for (size_t i = 0; i < keepers; i++)
		answered += copies[i].answered;
	if (answered < majority)
		return WEIR_MEMCACHED_UNREACHABLE;
	for (size_t i = 0; i < keepers && tally.count < majority; i++)
		tally = count_epoch(copies, keepers, copies[i].number);
	if (tally.count < majority)
		return WEIR_MEMCACHED_LOST;
	*number = tally.most;
	return tally.count == answered && tally.least == tally.most ? WEIR_MEMCACHED_AGREED : WEIR_MEMCACHED_UNEVEN;
}

uint64_t weir_memcached_judge_cell(const struct weir_memcached_copy *copies, size_t keepers, uint64_t clock, bool create)
{
	struct tally tally = count_epoch(copies, keepers, clock);

	if (tally.count >= weir_memcached_majority(keepers))
		return tally.most;
	return tally.count > 0 || create ? clock : 0;
}

size_t weir_memcached_count_reached(const struct weir_memcached_copy *copies, size_t keepers, uint64_t number)
{
	size_t count = 0;

	for (size_t i = 0; i < keepers; i++)
		count += copies[i].answered && weir_memcached_same_epoch(copies[i].number, number) && copies[i].number >= number;
	return count;
}
