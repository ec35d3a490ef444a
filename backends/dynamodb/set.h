/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing values: the driver's set_many and remove.
 */
#ifndef WEIR_DYNAMODB_SET_H
#define WEIR_DYNAMODB_SET_H

#include "client.h"

/* Values that have expired, and those that are larger than DynamoDB takes, only remove what was there. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_set_many(struct weir_dynamodb_client *client, struct weir_backend_set *sets, size_t count);

WEIR_MUST_CHECK enum weir_status weir_dynamodb_remove(struct weir_dynamodb_client *client, const struct weir_slice *keys, size_t count,
						      size_t *removed);

#endif
