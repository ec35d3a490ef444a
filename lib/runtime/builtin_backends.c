/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache drivers that every program has. The cache core reaches drivers only through this table, the top layer fills it.
 */
#include "cache/backend.h"

#include "backends/shm/driver.h"

const struct weir_backend_ops *const weir_builtin_backends[] = {
	&weir_backend_memory,
	&weir_backend_shm,
	NULL,
};
