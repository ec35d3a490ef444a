/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes that several hold at once: an entry on its way to a backend, to the waiters of a flight, and to a client. Any thread may take and
 * drop references; the bytes do not change once there is more than one.
 */
#ifndef WEIR_CACHE_BLOB_H
#define WEIR_CACHE_BLOB_H

#include <stdatomic.h>

#include <weir/slice.h>

struct weir_blob {
	atomic_uint references;
	size_t len;
	char data[];
};

/* One reference, the caller's. NULL when memory is out. */
struct weir_blob *weir_blob_create(size_t len);

struct weir_blob *weir_blob_take(struct weir_blob *blob);

/* Takes NULL. As a plain function of a pointer it also serves as a pool's cleanup. */
void weir_blob_drop(void *blob);

#endif
