/* SPDX-License-Identifier: Apache-2.0
 *
 * For LD_PRELOAD: a program's clock, turned on by as many milliseconds as stand in the file that WEIR_TURNED_CLOCK names. So a test need
 * not wait for a real server's expiry.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *turned_ms;

__attribute__((constructor)) static void find_file(void)
{
	const char *path = getenv("WEIR_TURNED_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = fd >= 0 ? mmap(NULL, sizeof(*turned_ms), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (fd >= 0)
		(void)close(fd);
	if (mapped != MAP_FAILED)
		turned_ms = mapped;
}

int clock_gettime(clockid_t id, struct timespec *time) /* NOLINT(readability-inconsistent-declaration-parameter-name): libc's names */
{
	int64_t ms = turned_ms ? atomic_load(turned_ms) : 0;

	if (syscall(SYS_clock_gettime, id, time) != 0)
		return -1;
	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
		return 0;
	time->tv_sec += ms / 1000;
	time->tv_nsec += ms % 1000 * 1000000;
	if (time->tv_nsec >= 1000000000) {
		time->tv_sec++;
		time->tv_nsec -= 1000000000;
	}
	return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) /* NOLINT(readability-inconsistent-declaration-parameter-name) */
{
	struct timespec now;

	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *seconds) /* NOLINT(readability-inconsistent-declaration-parameter-name) */
{
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	if (seconds)
		*seconds = now.tv_sec;
	return now.tv_sec;
}
