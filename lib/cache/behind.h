/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls behind a client's back: values that are made in an exchange of their own (exchange/background.h), while the client is answered with
 * an old value or waits no longer than its rule lets it.
 *
 * There are two kinds. A *refresh* makes anew what was found and served; it has one leader among all that share the backend, and whoever
 * finds that another leads has nothing to do. A call that was *sent* leads a flight in place of the one who has sent it, who waits in that
 * flight; so makings go on when those who wait for them have gone.
 *
 * Both are copies of the call that asked for them: same key, same context, nothing is asked twice. On the loop only.
 */
#ifndef WEIR_CACHE_BEHIND_H
#define WEIR_CACHE_BEHIND_H

#include "cache/call.h"

/* Has the value made anew that was found for this call. Does nothing where that is being done, has just failed, or cannot be begun. */
void weir_behind_refresh(struct weir_call *call);

/* The call's rule bounds how long its client waits, and this is a host where that can be done. */
bool weir_behind_is_wanted(const struct weir_call *call);

/* The call leads its flight, but has another lead in its place, and waits. Where no other can be made it leads itself. */
enum weir_call_next weir_behind_lead(struct weir_call *call, enum weir_lease_rank rank);

/* -- In the background ----------------------------------------------------------------------------------------------------- */

enum weir_call_next weir_behind_begin(struct weir_call *call);

/* What was to be made is made by another, or was: the end. If it led, and alone, one of those who wait does now. */
enum weir_call_next weir_behind_nothing(struct weir_call *call);

/* The same for a refresh that is not to be asked for again at once: another process makes it, or the backend does not answer. */
enum weir_call_next weir_behind_elsewhere(struct weir_call *call);

#endif
