/* SPDX-License-Identifier: Apache-2.0
 *
 * Clearing, for the core itself.
 */
#ifndef WEIR_CACHE_CLEAR_H
#define WEIR_CACHE_CLEAR_H

#include "cache/cache.h"

/* How long a key's own clear cell is kept. What was in the making for half as long may have missed one, clocks not being the same
 * everywhere, and is not stored. */
#define WEIR_KEY_CELL_MS ((int64_t)3600 * 1000)

/* Exactly the entry with this key. `*removed` becomes 0 or 1; may be NULL. */
WEIR_MUST_CHECK enum weir_status weir_cache_clear_key(struct weir_cache *cache, struct weir_slice key, size_t *removed);

#endif
