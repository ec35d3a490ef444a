/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files of /proc and /sys, each read whole by one read(2), as the kernel makes them.
 */
#include "machine.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* False when it cannot be read; cut where it does not fit. */
static bool read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return false;
	len = read(fd, text, size - 1);
	(void)close(fd);
	if (len < 0)
		return false;
	text[len] = '\0';
	return true;
}

bool weir_shm_machine_boot_id(char id[WEIR_SHM_BOOT_ID_SIZE])
{
	memset(id, 0, WEIR_SHM_BOOT_ID_SIZE);
	if (!read_file("/proc/sys/kernel/random/boot_id", id, WEIR_SHM_BOOT_ID_SIZE))
		return false;
	id[strcspn(id, "\n")] = '\0';
	return id[0] != '\0';
}

/* UINT64_MAX for "max", and when there is no such group. */
static uint64_t group_limit(const char *group)
{
	char path[4096], text[32];
	char *end;
	uint64_t limit;

	if (snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group) >= (int)sizeof(path))
		return UINT64_MAX;
	if (!read_file(path, text, sizeof(text)))
		return UINT64_MAX;
	limit = strtoull(text, &end, 10);
	return end == text ? UINT64_MAX : limit;
}

/* The least that the process's group and those above it allow. */
static uint64_t groups_limit(void)
{
	char text[4096];
	char *group, *slash;
	uint64_t least = UINT64_MAX, limit;

	if (!read_file("/proc/self/cgroup", text, sizeof(text)))
		return UINT64_MAX;
	group = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
	if (!group)
		return UINT64_MAX;
	group = strchr(group, '/');
	group[strcspn(group, "\n")] = '\0';
	while ((slash = strrchr(group, '/'))) {
		limit = group_limit(group);
		least = limit < least ? limit : least;
		*slash = '\0';
	}
	limit = group_limit("");
	return limit < least ? limit : least;
}

uint64_t weir_shm_machine_memory(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
	uint64_t memory = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_MAX;
	uint64_t limit = groups_limit();

	return limit < memory ? limit : memory;
}
