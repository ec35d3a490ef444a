/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear clock and its cells: what was cleared, and when, in a table of fixed size that forgets to the safe side.
 *
 * The table has sets of one cache line: a floor and seven cells. The hash of a name chooses the set; a cell keeps 24 other bits of the hash
 * and the 40 bits of count of the name's last clear. A set that is full forgets its oldest cell, whose count becomes the floor, and a name
 * that has no cell in its set reads as the floor: as if it had been cleared when the latest forgotten one was. So whatever is lost, by
 * eviction or by two names that fall together, makes entries invalid that need not be, and never one valid that must not.
 *
 * Invariant: for every clear that has ended, with count c, its set holds a cell of that tag with at least c, or a floor of at least c.
 *
 * No lock: reading is loads, a clear is compare-and-swap, floor first. A process that dies on the way leaves the invariant as it is. The
 * epoch, the upper 24 bits of a stamp, is that of the clock for all of them.
 */
#ifndef WEIR_SHM_CLEARS_H
#define WEIR_SHM_CLEARS_H

#include "layout.h"

#define WEIR_SHM_CLEAR_CELLS 7

struct weir_shm_clear_set {
	_Alignas(64) _Atomic uint64_t floor;          /* a count */
	_Atomic uint64_t cells[WEIR_SHM_CLEAR_CELLS]; /* tag << 40 | count; 0: empty */
};

uint64_t weir_shm_clears_clock(const struct weir_shm_map *map);

/* The stamp of `name`'s cell; 0 when neither it nor anything that its set has forgotten was ever cleared. */
uint64_t weir_shm_clears_cell(const struct weir_shm_map *map, struct weir_slice name);

/* The stamp, which is the clock after this clear. */
uint64_t weir_shm_clears_add(const struct weir_shm_map *map, struct weir_slice name);

#endif
