/* SPDX-License-Identifier: Apache-2.0
 *
 * Most of what a request needs dies with it, all at once. The pool makes that one pointer moved per allocation and nothing per release, and
 * bounds what one client can make the process hold. Under AddressSanitizer everything not handed out is poisoned, so the tests see a use
 * after reset or beyond an allocation as they would with malloc.
 */
#include "base/pool.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

struct weir_pool_cleanup {
	struct weir_pool_cleanup *next;
	void (*fn)(void *arg);
	void *arg;
};

/* Sizes of blocks, their header included. */
enum {
	FIRST_BLOCK = 1536,
	SECOND_BLOCK = 3072,
	LARGEST_BLOCK = 65536,
};

static struct weir_pool_block *block_create(size_t room)
{
	struct weir_pool_block *block;

	if (room > PTRDIFF_MAX - sizeof(*block))
		return NULL;
	block = malloc(sizeof(*block) + room);
	if (!block)
		return NULL;
	block->next = NULL;
	block->room = room;
	ASAN_POISON_MEMORY_REGION(block->bytes, room);
	return block;
}

static void blocks_free(struct weir_pool_block *block)
{
	while (block) {
		struct weir_pool_block *next = block->next;

		free(block);
		block = next;
	}
}

static void enter_block(struct weir_pool *pool, struct weir_pool_block *block)
{
	pool->current = block;
	pool->at = block ? block->bytes : NULL;
	pool->left = block ? block->room : 0;
}

/* The room of the shared block that comes after the current one, whether it is there already or not. */
static size_t next_room(const struct weir_pool *pool)
{
	const size_t header = sizeof(struct weir_pool_block);
	size_t size;

	if (!pool->current)
		return FIRST_BLOCK - header;
	if (pool->current->next)
		return pool->current->next->room;
	size = 2 * (pool->current->room + header);
	return (size < LARGEST_BLOCK ? size : LARGEST_BLOCK) - header;
}

/* Makes the next shared block the current one, if it suits an allocation of `size` and can be had. */
static bool enter_next_block(struct weir_pool *pool, size_t size)
{
	size_t room = next_room(pool);
	struct weir_pool_block *block;

	if (size > (room < SECOND_BLOCK ? room : room / 4))
		return false;
	block = pool->current ? pool->current->next : NULL;
	if (!block) {
		block = block_create(room);
		if (!block)
			return false;
		*(pool->current ? &pool->current->next : &pool->first) = block;
	}
	enter_block(pool, block);
	return true;
}

static char *take_own_block(struct weir_pool *pool, size_t size)
{
	struct weir_pool_block *block = block_create(size);

	if (!block)
		return NULL;
	block->next = pool->own;
	pool->own = block;
	return block->bytes;
}

static char *take_from_current(struct weir_pool *pool, size_t pad, size_t size)
{
	char *bytes = pool->at + pad;

	pool->at = bytes + size;
	pool->left -= pad + size;
	return bytes;
}

/* `alignment` is 1 or what every block starts with. */
static void *take(struct weir_pool *pool, size_t size, size_t alignment)
{
	size_t pad = -(uintptr_t)pool->at & (alignment - 1);
	char *bytes = NULL;
	bool here;

	if (size == 0)
		size = 1;
	here = pad <= pool->left && size <= pool->left - pad;
	if (!here)
		pad = 0;
	if (pool->limit == 0 || pad + size <= pool->limit - pool->used)
		bytes = here || enter_next_block(pool, size) ? take_from_current(pool, pad, size) : take_own_block(pool, size);
	if (!bytes) {
		pool->overflowed = true;
		return NULL;
	}
	pool->used += pad + size;
	ASAN_UNPOISON_MEMORY_REGION(bytes, size);
	return bytes;
}

/* A cleanup may itself allocate, and register another one. */
static void run_cleanups(struct weir_pool *pool)
{
	while (pool->cleanups) {
		struct weir_pool_cleanup *cleanup = pool->cleanups;

		pool->cleanups = cleanup->next;
		cleanup->fn(cleanup->arg);
	}
}

void weir_pool_init(struct weir_pool *pool, size_t limit)
{
	*pool = (struct weir_pool){ .limit = limit };
}

void weir_pool_finish(struct weir_pool *pool)
{
	weir_pool_trim(pool);
}

struct weir_pool *weir_pool_create(size_t limit)
{
	struct weir_pool *pool = malloc(sizeof(*pool));

	if (pool)
		weir_pool_init(pool, limit);
	return pool;
}

void weir_pool_destroy(struct weir_pool *pool)
{
	if (!pool)
		return;
	weir_pool_finish(pool);
	free(pool);
}

void weir_pool_reset(struct weir_pool *pool)
{
	struct weir_pool_block *second;

	run_cleanups(pool);
	blocks_free(pool->own);
	pool->own = NULL;
	second = pool->first ? pool->first->next : NULL;
	if (second) {
		blocks_free(second->next);
		second->next = NULL;
		ASAN_POISON_MEMORY_REGION(second->bytes, second->room);
	}
	if (pool->first)
		ASAN_POISON_MEMORY_REGION(pool->first->bytes, pool->first->room);
	enter_block(pool, pool->first);
	pool->used = 0;
	pool->overflowed = false;
}

void weir_pool_trim(struct weir_pool *pool)
{
	run_cleanups(pool);
	blocks_free(pool->own);
	blocks_free(pool->first);
	weir_pool_init(pool, pool->limit);
}

void *weir_pool_alloc(struct weir_pool *pool, size_t size)
{
	return take(pool, size, _Alignof(max_align_t));
}

void *weir_pool_zalloc(struct weir_pool *pool, size_t size)
{
	void *bytes = weir_pool_alloc(pool, size);

	return bytes ? memset(bytes, 0, size) : NULL;
}

char *weir_pool_bytes(struct weir_pool *pool, size_t size)
{
	return take(pool, size, 1);
}

char *weir_pool_dup_text(struct weir_pool *pool, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy = text ? weir_pool_bytes(pool, size) : NULL;

	return copy ? memcpy(copy, text, size) : NULL;
}

struct weir_slice weir_pool_dup(struct weir_pool *pool, struct weir_slice bytes)
{
	char *copy;

	if (!bytes.data)
		return WEIR_SLICE_NONE;
	copy = weir_pool_bytes(pool, bytes.len + 1);
	if (!copy)
		return WEIR_SLICE_NONE;
	memcpy(copy, bytes.data, bytes.len);
	copy[bytes.len] = '\0';
	return weir_slice(copy, bytes.len);
}

char *weir_pool_printf(struct weir_pool *pool, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = weir_pool_vprintf(pool, format, args);
	va_end(args);
	return text;
}

char *weir_pool_vprintf(struct weir_pool *pool, const char *format, va_list args)
{
	char small[256];
	va_list again;
	char *text = NULL;
	int len;

	va_copy(again, args);
	len = vsnprintf(small, sizeof(small), format, args);
	if (len < 0)
		pool->overflowed = true;
	else
		text = weir_pool_bytes(pool, (size_t)len + 1);
	if (text && (size_t)len < sizeof(small))
		memcpy(text, small, (size_t)len + 1);
	else if (text)
		(void)vsnprintf(text, (size_t)len + 1, format, again);
	va_end(again);
	return text;
}

void weir_pool_on_reset(struct weir_pool *pool, void (*fn)(void *arg), void *arg)
{
	struct weir_pool_cleanup *cleanup = weir_pool_alloc(pool, sizeof(*cleanup));

	if (!cleanup) {
		fn(arg);
		return;
	}
	*cleanup = (struct weir_pool_cleanup){ .next = pool->cleanups, .fn = fn, .arg = arg };
	pool->cleanups = cleanup;
}

bool weir_pool_overflowed(const struct weir_pool *pool)
{
	return pool->overflowed;
}

void weir_pool_set_overflowed(struct weir_pool *pool)
{
	pool->overflowed = true;
}

size_t weir_pool_used(const struct weir_pool *pool)
{
	return pool->used;
}
