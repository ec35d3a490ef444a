/* SPDX-License-Identifier: Apache-2.0
 *
 * The history of registers that may lose their value but never give an older one back, checked as it happens, by any number of threads and
 * processes that write the same registers at once and may be killed at any instant.
 *
 * Every change has a version: the instant it began, on a clock that ticks with each beginning and end. A value is out of date when some
 * other change of its register began after the value's own change had ended: then those two were one after the other, whatever else went
 * on. A read must not return a value that was out of date, by a change that had ended, before the read began. So each register has a floor:
 * the latest beginning of those changes that have ended. A value's change that ended before the floor of a read is what must not be
 * returned by it.
 *
 * A change that never ended, because its process was killed or the store would not have it, puts nobody out of date.
 */
#ifndef WEIR_TESTS_STORM_HISTORY_H
#define WEIR_TESTS_STORM_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define STORM_HISTORY_REGISTERS 32768U

/* Ends that are remembered. Who wrote values older than half of that is not judged any more. */
#define STORM_HISTORY_ENDS (UINT64_C(1) << 20)

struct storm_history {
	_Alignas(64) _Atomic uint64_t clock;
	_Alignas(64) _Atomic uint64_t floors[STORM_HISTORY_REGISTERS];
	_Atomic uint64_t ends[STORM_HISTORY_ENDS];
};

/* In memory that is shared with processes that are forked later; NULL when there is none. */
struct storm_history *storm_history_create(void);
void storm_history_destroy(struct storm_history *history);

/* A change begins: its version. */
uint64_t storm_history_begin(struct storm_history *history);

/* It has ended. With `done` everything older in the register is out of date from now on; else it has changed nothing. */
void storm_history_end(struct storm_history *history, uint64_t version, unsigned place, bool done);

/* What a read that begins now may not go below. */
uint64_t storm_history_floor(struct storm_history *history, unsigned place);

/* True when a read that had begun with `floor` must not return the value of this version. */
bool storm_history_is_stale(struct storm_history *history, uint64_t version, uint64_t floor);

#endif
