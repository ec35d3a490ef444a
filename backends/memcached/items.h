/* SPDX-License-Identifier: Apache-2.0
 *
 * Values as items on the servers: how they are found, what of them counts.
 */
#ifndef WEIR_MEMCACHED_ITEMS_H
#define WEIR_MEMCACHED_ITEMS_H

#include "memcached.h"
#include "record.h"

static inline bool weir_memcached_is_key(struct weir_slice key)
{
	return key.len > 0 && key.len <= WEIR_KEY_MAX;
}

/* True when the GET has found a record that has not expired by `now_ms`, wall time. */
bool weir_memcached_item_read(const struct weir_memcached_op *op, int64_t now_ms, struct weir_memcached_record *record);

#endif
