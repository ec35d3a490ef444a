/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading: the driver's get_many, and the clear clock that each read wants to know.
 */
#ifndef WEIR_DYNAMODB_GET_H
#define WEIR_DYNAMODB_GET_H

#include "client.h"

WEIR_MUST_CHECK enum weir_status weir_dynamodb_get_many(struct weir_dynamodb_client *client, struct weir_backend_read *const *reads,
							size_t count);

#endif
