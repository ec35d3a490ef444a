/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers for values that were copied out of a store: used again, so that a hit allocates nothing once the program has warmed up.
 *
 * Released buffers are kept in a table of the process, for all stores and threads together, by size: little more than 4 MiB in all. What
 * finds no place there, and what is larger than the largest of these sizes, comes from malloc() and goes back. A buffer may outlive the
 * store whose value it holds, and be released by any thread.
 */
#ifndef WEIR_SHM_COPIES_H
#define WEIR_SHM_COPIES_H

#include <stddef.h>

/* The size to ask for when the value's is not known: most entries fit. */
#define WEIR_SHM_COPY_FIRST ((size_t)4 * 1024 - 16)

struct weir_shm_copy {
	size_t size;  /* of `bytes` */
	size_t class; /* private */
	char bytes[];
};

/* At least `size` bytes. NULL when memory is out. */
struct weir_shm_copy *weir_shm_copy_take(size_t size);

/* As struct weir_backend_get wants it: `copy` is a struct weir_shm_copy. Takes NULL. */
void weir_shm_copy_release(void *copy);

#endif
