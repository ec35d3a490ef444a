/* SPDX-License-Identifier: Apache-2.0
 *
 * Clearing, for the core itself.
 */
#ifndef WEIR_CACHE_CLEAR_H
#define WEIR_CACHE_CLEAR_H

#include "cache/cache.h"

/* Exactly the entry with this key. `*removed` becomes 0 or 1; may be NULL. */
WEIR_MUST_CHECK enum weir_status weir_cache_clear_key(struct weir_cache *cache, struct weir_slice key, size_t *removed);

#endif
