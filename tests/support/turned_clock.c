/* SPDX-License-Identifier: Apache-2.0
 *
 * For LD_PRELOAD: a program's clocks, turned on by as many milliseconds as stand in the file that WEIR_TURNED_CLOCK names. So a test need
 * not wait for a real server's expiry. WEIR_TURNED_WALL_MS, a number, turns the wall clock alone: so a program has that of another host.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *turned_ms;
static int64_t wall_ms;

__attribute__((constructor)) static void find_turns(void)
{
	const char *path = getenv("WEIR_TURNED_CLOCK"), *wall = getenv("WEIR_TURNED_WALL_MS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *mapped = fd >= 0 ? mmap(NULL, sizeof(*turned_ms), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	if (fd >= 0)
		(void)close(fd);
	if (mapped != MAP_FAILED)
		turned_ms = mapped;
	if (wall)
		wall_ms = strtoll(wall, NULL, 10);
}

static int64_t turned(clockid_t id)
{
	bool is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;

	if (id == CLOCK_PROCESS_CPUTIME_ID || id == CLOCK_THREAD_CPUTIME_ID)
		return 0;
	return (turned_ms ? atomic_load(turned_ms) : 0) + (is_wall ? wall_ms : 0);
}

int clock_gettime(clockid_t id, struct timespec *time) /* NOLINT(readability-inconsistent-declaration-parameter-name): libc's names */
{
	int64_t ms = turned(id);

	if (syscall(SYS_clock_gettime, id, time) != 0)
		return -1;
	time->tv_sec += ms / 1000;
	time->tv_nsec += ms % 1000 * 1000000;
	if (time->tv_nsec >= 1000000000) {
		time->tv_sec++;
		time->tv_nsec -= 1000000000;
	} else if (time->tv_nsec < 0) {
		time->tv_sec--;
		time->tv_nsec += 1000000000;
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
