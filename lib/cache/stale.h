/* SPDX-License-Identifier: Apache-2.0
 *
 * Old values: which may be served, when, and how a call comes to be answered from one.
 *
 * A call's old value is what the backend had for it that is no longer fresh (call->old). Its entry says how long it may be served for
 * either reason, as rule, handler and context had it when it was made: while it is made anew, and when that fails. A reload has none: it
 * asks for what is made after it came.
 *
 * After a failure nobody tries again for WEIR_STALE_PAUSE_MS where an old value can be served instead, in this process.
 */
#ifndef WEIR_CACHE_STALE_H
#define WEIR_CACHE_STALE_H

#include "cache/call.h"

#define WEIR_STALE_PAUSE_MS ((int64_t)2 * 1000)

/* -- Questions ------------------------------------------------------------------------------------------------------------- */

/* It may be served at once, and is to be made anew behind the client's back. */
bool weir_stale_revalidates(const struct weir_call *call);

/* It may be served to who has tried, or waited, and has nothing better. */
bool weir_stale_is_servable(const struct weir_call *call);

/* It is what this call is answered with before anything is tried. */
bool weir_stale_comes_first(const struct weir_call *call);

/* The fresh value that was found is to be made anew before its end: XFetch (Vattani, Chierichetti, Lowenstein: Optimal probabilistic cache
 * stampede prevention, VLDB 2015). */
bool weir_stale_is_early(const struct weir_call *call);

/* How long before its end a value that took `made_ms` is made anew, by one throw of the dice: `chance` is in (0, 1]. */
double weir_stale_early_ms(uint32_t made_ms, double early_refresh, double chance);

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

/* Makes the old value what was found, so that weir_lookup_found() answers with it. False when it may not be served, or not any more. */
bool weir_stale_take(struct weir_call *call, enum weir_stale why);

/* The same for a call whose leader has just failed. */
bool weir_stale_after_others_failure(struct weir_call *call);

/* The call's own handler has answered 5xx: remembers that. True when an old value is served for it, which is said in the log; this response
 * is not to be kept then, and is the old value if it has a client. */
bool weir_stale_after_failure(struct weir_call *call, struct weir_response *res);

#endif
