/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis Cluster's hash slots: which of 16384 a key is in.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
 */
#ifndef WEIR_REDIS_SLOT_H
#define WEIR_REDIS_SLOT_H

#include <weir/slice.h>

#define WEIR_REDIS_SLOTS 16384

/* CRC16 of the key, or of what stands between its first '{' and the next '}' when that is not empty. */
unsigned weir_redis_slot(struct weir_slice key);

#endif
