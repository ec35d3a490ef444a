/* SPDX-License-Identifier: Apache-2.0
 *
 * What copies of a number on several servers say together: pure functions, where the meaning of clears is decided.
 *
 * The clear clock and the cells are kept on one server, or on three (the *keepers*), each a copy by itself. Servers lose what they keep,
 * at any time and without a word: items are evicted, a server comes back empty after a restart, or old after it was unreachable. The rules:
 *
 * * More than half of the keepers must answer, or nothing is said at all. Clears, too, end well only when more than half have them. So
 *   every read asks at least one keeper that has seen the last clear, unless that keeper has lost it.
 * * The clock counts when more than half of the keepers have one of the same epoch. Otherwise it is lost, and begins anew with another
 *   epoch, in which nothing stored before is valid. Copies that lag, that are missing, or that came back from another epoch are set right.
 * * Copies of one epoch that differ are set to the largest, and read again, before the clock is told: so more than half of the keepers have
 *   passed it, and a clear that begins later, which counts up on more than half, takes a number above it.
 * * A cell counts when more than half of the keepers have it, of the clock's epoch: the largest is its stamp. When fewer have it, it was
 *   lost somewhere, and nobody knows the last clear: it then reads as the clock, which is not older than any. When nobody has it, it was
 *   never cleared, or lost everywhere: who wants to be sure asks for it with `create`, and it reads as the clock, too.
 */
#ifndef WEIR_MEMCACHED_QUORUM_H
#define WEIR_MEMCACHED_QUORUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_memcached_copy {
	bool answered;
	uint64_t number; /* 0: nothing there that is a number */
};

enum weir_memcached_verdict {
	WEIR_MEMCACHED_AGREED,
	WEIR_MEMCACHED_UNEVEN,      /* … but copies have to be set to `number` first */
	WEIR_MEMCACHED_LOST,        /* there is no clock any more */
	WEIR_MEMCACHED_UNREACHABLE, /* too few have answered */
};

static inline size_t weir_memcached_majority(size_t keepers)
{
	return keepers / 2 + 1;
}

/* Of the same epoch. */
bool weir_memcached_same_epoch(uint64_t a, uint64_t b);

/* AGREED: `*number` is the clock. UNEVEN: the number that all copies are to have. */
enum weir_memcached_verdict weir_memcached_judge_clock(const struct weir_memcached_copy *copies, size_t keepers, uint64_t *number);

/* The stamp of a cell under this clock, 0 for never cleared. Copies that are less are to be raised to it. */
uint64_t weir_memcached_judge_cell(const struct weir_memcached_copy *copies, size_t keepers, uint64_t clock, bool create);

/* How many copies are of the epoch of `number` and not less. */
size_t weir_memcached_count_reached(const struct weir_memcached_copy *copies, size_t keepers, uint64_t number);

#endif
