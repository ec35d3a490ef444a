/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts heap allocations of a running program from the outside: LD_PRELOAD it and name a file of eight bytes in BENCH_ALLOCATIONS, where
 * the number of allocations so far can be read at any time. Needs glibc, whose allocator it calls by its inner names so that it needs no
 * dlsym.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static _Atomic uint64_t unseen; /* counts until the file is mapped, and when there is none */
static _Atomic uint64_t *counter = &unseen;

__attribute__((constructor)) static void share_counter(void)
{
	const char *path = getenv("BENCH_ALLOCATIONS");
	const int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *shared = fd >= 0 ? mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (fd >= 0)
		close(fd);
	if (shared != MAP_FAILED)
		counter = shared;
}

static void count(void)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

void *malloc(size_t size)
{
	count();
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	count();
	return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
	count();
	return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size);
void *memalign(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	count();
	return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
	count();
	*memory = __libc_memalign(alignment, size);
	return *memory ? 0 : ENOMEM;
}
