/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry's way to the backend.
 */
#ifndef WEIR_CACHE_DEPARTURE_H
#define WEIR_CACHE_DEPARTURE_H

#include "cache/call.h"

/* Writes the call's entry, to be forgotten at `until_ms`, with the cells that it depends on. With a remote backend it is on its way when
 * this returns, and the call's flight has landed: it is held, with the entry, until the backend has it. True when it is stored or on its
 * way. */
bool weir_call_send_entry(struct weir_call *call, struct weir_blob *blob, int64_t until_ms);

/* Counts an entry that was stored, and tells of one that was not. */
void weir_call_report_stored(struct weir_cache *cache, enum weir_status status);

#endif
