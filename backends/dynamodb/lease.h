/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: the item "lease:…" with the holder's token in `t` and the end in `e`, changed only under conditions.
 *
 * The end is in the server's time (timing.h): hosts whose clocks differ agree on it. A condition also holds for the same token, so a
 * request that reaches the server twice says the same twice. An item that is no lease is nobody's.
 */
#ifndef WEIR_DYNAMODB_LEASE_H
#define WEIR_DYNAMODB_LEASE_H

#include "client.h"

/* All at the same time, but for those on one key, which keep their order. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_lease_many(struct weir_dynamodb_client *client, struct weir_backend_lease *leases,
							  size_t count);

#endif
