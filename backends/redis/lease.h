/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: the token of the holder under the key's name, with the time that is left to it. A failover may lose a lease, so that two hold it:
 * both then make the value, and neither can end the other's lease.
 */
#ifndef WEIR_REDIS_LEASE_H
#define WEIR_REDIS_LEASE_H

#include <weir/backend_driver.h>

enum weir_status weir_redis_lease_many(void *self, struct weir_backend_lease *leases, size_t count);

#endif
