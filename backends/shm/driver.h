/* SPDX-License-Identifier: Apache-2.0
 *
 * The memory: and shm: drivers, which are built in: both are a store of backend_shm.h.
 *
 *     memory:?size=64m             anonymous: this process, and the workers that it forks
 *     shm:///NAME?size=256m        /dev/shm/weir-NAME.weir1: every process of this user on this machine, until it is booted
 *     shm:/path/to/file?size=1g    the same in a file elsewhere, /path/to/file.weir1
 *
 * NAME: letters, digits, '.', '_' and '-', not beginning with '.', at most 200. Options:
 *
 *     size          what it may take in bytes, everything included; 1 MiB to 64 GiB, 64 MiB unless given
 *     entry_size    the average entry, which decides how large the index is; 64 bytes to 1 MiB, 1 KiB unless given
 *
 * An entry above a quarter of the size is refused. A hit is a copy in a buffer that is used again.
 */
#ifndef WEIR_SHM_DRIVER_H
#define WEIR_SHM_DRIVER_H

#include <weir/backend_driver.h>

extern const struct weir_backend_ops weir_backend_memory;
extern const struct weir_backend_ops weir_backend_shm;

#endif
