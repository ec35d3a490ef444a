/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies to and from shared bytes that somebody may be writing meanwhile. A reader finds out by the bucket's version afterwards and throws
 * away what it has; the fences here see to it that it does find out. To a compiler it is a race all the same, which ThreadSanitizer reports
 * and fences do not excuse to it: in its builds the copies are made of atomic bytes, and the version is what orders them.
 */
#ifndef WEIR_SHM_COPY_H
#define WEIR_SHM_COPY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__)
#define WEIR_SHM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WEIR_SHM_TSAN 1
#endif
#endif

#ifdef WEIR_SHM_TSAN

static inline void weir_shm_copy_out(void *to, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((char *)to)[i] = __atomic_load_n((const char *)from + i, __ATOMIC_RELAXED);
}

static inline void weir_shm_copy_in(void *to, const void *from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		__atomic_store_n((char *)to + i, ((const char *)from)[i], __ATOMIC_RELAXED);
}

static inline bool weir_shm_same(const void *shared, const void *own, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (__atomic_load_n((const char *)shared + i, __ATOMIC_RELAXED) != ((const char *)own)[i])
			return false;
	return true;
}

static inline void weir_shm_fence_acquire(void)
{
	atomic_signal_fence(memory_order_acquire);
}

static inline void weir_shm_fence_release(void)
{
	atomic_signal_fence(memory_order_release);
}

#else

static inline void weir_shm_copy_out(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
}

/* Not memcpy(): in a store that somebody scribbles in, a record that is moved may overlap the place that it is moved to. */
static inline void weir_shm_copy_in(void *to, const void *from, size_t len)
{
	memmove(to, from, len);
}

/* Without a branch but for the length, and inline: keys are short. */
static inline bool weir_shm_same(const void *shared, const void *own, size_t len)
{
	const char *left = shared, *right = own;
	uint64_t a, b, differ = 0;

	if (len < sizeof(a))
		return memcmp(left, right, len) == 0;
	for (size_t at = 0; at + sizeof(a) < len; at += sizeof(a)) {
		memcpy(&a, left + at, sizeof(a));
		memcpy(&b, right + at, sizeof(b));
		differ |= a ^ b;
	}
	memcpy(&a, left + len - sizeof(a), sizeof(a));
	memcpy(&b, right + len - sizeof(b), sizeof(b));
	return (differ | (a ^ b)) == 0;
}

/* Between the copy and the second look at the version. */
static inline void weir_shm_fence_acquire(void)
{
	atomic_thread_fence(memory_order_acquire);
}

/* Between raising a version and writing where readers may still be. */
static inline void weir_shm_fence_release(void)
{
	atomic_thread_fence(memory_order_release);
}

#endif

/* What was copied before is not read again: a compiler that did would check one number and use another. Costs no instruction. */
static inline void weir_shm_read_once(void)
{
	atomic_signal_fence(memory_order_acquire);
}

#endif
