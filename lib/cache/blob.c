/* SPDX-License-Identifier: Apache-2.0
 *
 * Reference-counted bytes.
 */
#include "cache/blob.h"

#include <stdlib.h>

struct weir_blob *weir_blob_create(size_t len)
{
	struct weir_blob *blob = len < PTRDIFF_MAX - sizeof(*blob) ? malloc(sizeof(*blob) + len) : NULL;

	if (!blob)
		return NULL;
	atomic_init(&blob->references, 1);
	blob->len = len;
	return blob;
}

struct weir_blob *weir_blob_take(struct weir_blob *blob)
{
	atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
	return blob;
}

void weir_blob_drop(void *blob)
{
	struct weir_blob *self = blob;

	if (self && atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel) == 1)
		free(self);
}
