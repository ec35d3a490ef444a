/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory: driver, which is built in. It has no path and one option:
 *
 *     size    what it may take in bytes, everything included; at least 64 KiB, 64 MiB unless given
 *
 * One process, any thread. An entry above a quarter of the size is refused. Clear cells and leases may take an eighth each: when the cells
 * pass that, the clear clock begins a new epoch, which makes all older entries invalid, and the cells are dropped; when the leases do,
 * another one is refused with ERR_LIMIT.
 */
#ifndef WEIR_MEMORY_MEMORY_H
#define WEIR_MEMORY_MEMORY_H

#include <weir/backend_driver.h>

extern const struct weir_backend_ops weir_backend_memory;

#endif
