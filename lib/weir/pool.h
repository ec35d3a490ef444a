/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory with one lifetime and a hard limit.
 *
 * Everything allocated from a pool is freed together, when the pool is reset or destroyed. An allocation that fails or would pass the
 * limit returns NULL and marks the pool *overflowed*; the mark is sticky, so a chain of calls may be checked once at its end. A pool
 * is used by one thread at a time. A `struct weir_pool *` parameter says where a result lives.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <stdarg.h>

#include <weir/slice.h>

struct weir_pool;

/* `limit` in bytes, over all allocations; 0 means none. NULL when memory is out. */
WEIR_API struct weir_pool *weir_pool_create(size_t limit);

/* Runs the cleanups, newest first, and frees everything. Takes NULL. */
WEIR_API void weir_pool_destroy(struct weir_pool *pool);

/* As destroy, but the pool and its first block stay for reuse, and the overflow mark is lifted. */
WEIR_API void weir_pool_reset(struct weir_pool *pool);

/* Zeroed by weir_pool_zalloc, not by weir_pool_alloc; aligned for any type; size 0 gives a unique pointer. */
WEIR_API void *weir_pool_alloc(struct weir_pool *pool, size_t size);
WEIR_API void *weir_pool_zalloc(struct weir_pool *pool, size_t size);

/* `size` bytes without alignment, for text and packed bytes. */
WEIR_API char *weir_pool_bytes(struct weir_pool *pool, size_t size);

/* A terminated copy; NULL for NULL. */
WEIR_API char *weir_pool_dup_text(struct weir_pool *pool, const char *text);

/* A copy that is followed by a zero byte the length does not count; the absent slice on overflow and for the absent slice. */
WEIR_API struct weir_slice weir_pool_dup(struct weir_pool *pool, struct weir_slice bytes);

WEIR_API char *weir_pool_printf(struct weir_pool *pool, const char *format, ...) WEIR_PRINTF(2, 3);
WEIR_API char *weir_pool_vprintf(struct weir_pool *pool, const char *format, va_list args) WEIR_PRINTF(2, 0);

/* Calls `fn(arg)` when the pool is reset or destroyed. On overflow `fn(arg)` is called at once, so nothing leaks. */
WEIR_API void weir_pool_on_reset(struct weir_pool *pool, void (*fn)(void *arg), void *arg);

/* True once an allocation has failed since the last reset. */
WEIR_API bool weir_pool_overflowed(const struct weir_pool *pool);

/* Marks the pool overflowed: for code that finds a limit of its own passed. */
WEIR_API void weir_pool_set_overflowed(struct weir_pool *pool);

/* Bytes handed out since the last reset. */
WEIR_API size_t weir_pool_used(const struct weir_pool *pool);

#endif
