/* SPDX-License-Identifier: Apache-2.0
 *
 * What a loop remembers of its keys for a moment, so that not every request finds out anew what does not work.
 *
 * The table holds 1,024 notes; when a new one finds no room, the one that would have ended first goes, so a note may be lost, and nothing
 * depends on it but speed. A key is known by 128 bits of a hash with a secret seed: no client can make two meet.
 *
 * On the loop only. Times are the host's, monotonic.
 */
#ifndef WEIR_CACHE_REMEMBERED_H
#define WEIR_CACHE_REMEMBERED_H

#include <weir/slice.h>

#include "exchange/host.h"

enum weir_remembered {
	WEIR_REMEMBERED_UNCACHEABLE, /* what was made may not be shared: nobody waits for it */
	WEIR_REMEMBERED_FAILED,      /* making it has failed: an old value is served without trying */
	WEIR_REMEMBERED_ELSEWHERE,   /* another process makes it anew: no refresh need ask who leads */
};

/* For so many milliseconds from now on. Forgets nothing else. Without memory nothing is remembered. */
void weir_remember(struct weir_host *host, struct weir_slice key, enum weir_remembered what, int64_t for_ms);

bool weir_is_remembered(const struct weir_host *host, struct weir_slice key, enum weir_remembered what);

#endif
