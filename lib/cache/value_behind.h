/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of calls by C code that are made in the background: what behind.h is for exchanges that park.
 *
 * A call that is made in a request has them made by an errand (exchange/background.h) on another handler thread; the errand has copies of
 * the request, of the call's context and of its arguments. A call outside of requests has nobody to send.
 *
 * Any thread that may make calls.
 */
#ifndef WEIR_CACHE_VALUE_BEHIND_H
#define WEIR_CACHE_VALUE_BEHIND_H

#include "cache/remembered.h"
#include "cache/value_making.h"

/* Has the value made anew that was found for this call. False when nobody does it: the call may do it itself. True also when that has just
 * failed, or could not be shared. */
bool weir_value_refresh(struct weir_call *call);

/* The call's rule bounds how long it waits, and there is another thread that could make the value meanwhile. */
bool weir_value_may_send(const struct weir_call *call);

/* The making leads its flight, and has another thread lead in its place; then it waits. False where that cannot be. */
bool weir_value_send(struct weir_making *making, enum weir_lease_rank rank);

/* For all calls of this cache by C code in this process, for so many milliseconds. */
void weir_value_remember(const struct weir_call *call, enum weir_remembered what, int64_t for_ms);
bool weir_value_is_remembered(const struct weir_call *call, enum weir_remembered what);

#endif
