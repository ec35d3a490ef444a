/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a call by C code: from the cache, from another who makes the value, or by running the function. What lookup.c and leader.c are
 * for exchanges that park, this is for threads that block.
 */
#ifndef WEIR_CACHE_VALUE_H
#define WEIR_CACHE_VALUE_H

#include "cache/call.h"

/* For a call with a function that has just been initialised. Any thread. The result as function.h says, `value` is zeroed. */
WEIR_MUST_CHECK enum weir_status weir_value_obtain(struct weir_call *call, void *value);

#endif
