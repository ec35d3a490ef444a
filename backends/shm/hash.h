/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash of keys. Inline: it stands at the head of every read, whose memory accesses all wait for it, and a call costs more than it
 * seems.
 */
#ifndef WEIR_SHM_HASH_H
#define WEIR_SHM_HASH_H

#include "layout.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* XXH3 under the store's seed. */
static inline uint64_t weir_shm_hash(const struct weir_shm_map *map, struct weir_slice key)
{
	return XXH3_64bits_withSeed(key.data, key.len, map->seed);
}

#endif
