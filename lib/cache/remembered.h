/* SPDX-License-Identifier: Apache-2.0
 *
 * What is remembered of keys for a moment, so that not every request finds out anew what does not work.
 *
 * The table holds 1,024 notes; when a new one finds no room, the one that would have ended first goes, so a note may be lost, and nothing
 * depends on it but speed. A key is known by 128 bits of a hash with a secret seed: no client can make two meet.
 *
 * Each loop has a table of its own, and the calls by C code of a cache have one in common (value_behind.c). Times are monotonic,
 * milliseconds.
 */
#ifndef WEIR_CACHE_REMEMBERED_H
#define WEIR_CACHE_REMEMBERED_H

#include <weir/cache_rule.h>

#include "exchange/host.h"

enum weir_remembered {
	WEIR_REMEMBERED_UNCACHEABLE, /* what was made may not be shared: nobody waits for it */
	WEIR_REMEMBERED_FAILED,      /* making it has failed: an old value is served without trying */
	WEIR_REMEMBERED_ELSEWHERE,   /* another process makes it anew: no refresh need ask who leads */
};

/* For how long the first of these, by the rule. */
static inline int64_t weir_uncacheable_ms(const struct weir_cache_rule *rule)
{
	return rule->uncacheable_ms ? rule->uncacheable_ms : 2000;
}

/* And the last: a value that is made anew elsewhere. */
#define WEIR_ELSEWHERE_MS 100

struct weir_notes;

/* Forgets nothing else. `*notes` is NULL at first, is made when it is needed, without memory not at all, and is the caller's to free(). One
 * thread at a time. */
void weir_notes_add(struct weir_notes **notes, struct weir_slice key, enum weir_remembered what, int64_t until_ms);

/* `notes` may be NULL. */
bool weir_notes_have(struct weir_notes *notes, struct weir_slice key, enum weir_remembered what, int64_t now_ms);

/* -- A loop's, on the loop only -------------------------------------------------------------------------------------------- */

/* For so many milliseconds from now on. */
void weir_remember(struct weir_host *host, struct weir_slice key, enum weir_remembered what, int64_t for_ms);

bool weir_is_remembered(const struct weir_host *host, struct weir_slice key, enum weir_remembered what);

#endif
