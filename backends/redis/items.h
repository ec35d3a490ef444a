/* SPDX-License-Identifier: Apache-2.0
 *
 * Values: the driver's get_many, set_many, remove and walk; backend_driver.h says what they do.
 */
#ifndef WEIR_REDIS_ITEMS_H
#define WEIR_REDIS_ITEMS_H

#include <weir/backend_driver.h>

#include "redis.h"

enum weir_status weir_redis_get_many(void *self, struct weir_backend_read *const *reads, size_t count);
enum weir_status weir_redis_set_many(void *self, struct weir_backend_set *sets, size_t count);
enum weir_status weir_redis_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed);
enum weir_status weir_redis_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state);

/* Adds UNLINK of one name to the batch: one, because a command's names must be in one slot. */
void weir_redis_add_unlink(struct weir_redis_batch *batch, struct weir_slice name);

#endif
