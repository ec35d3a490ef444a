/* SPDX-License-Identifier: Apache-2.0
 *
 * Two steps that are repeated until one ends it: look whether there is a store under the name, and if not, make one beside and rename it.
 * MISS from any of the functions below means that it has to be looked at again.
 *
 * Headers are read and marked by pread(2) and pwrite(2), never through a mapping: a file that somebody truncates meanwhile makes those
 * fail, and would make an access to memory fatal.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guard.h"
#include "machine.h"

#define LOCK_POLL_MS 10

/* Looking again costs nothing, so it may be done a few times even by who does not wait. */
#define LOOKS_MIN 4

/* What is allocated by one call: between two of them a signal may have its turn. */
#define ALLOCATION_STEP ((uint64_t)64 * 1024 * 1024)

/* One call of weir_shm_file_map_within(). */
struct search {
	const char *path;
	const struct weir_shm_options *options;
	const struct weir_shm_why *why;
	struct weir_shm_geometry wanted;
	char boot_id[WEIR_SHM_BOOT_ID_SIZE];
	char *beside; /* the name of a store that is not complete */
	int64_t until_ms;
};

struct opened {
	int fd;
	struct stat info;
};

static int64_t monotonic_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

WEIR_PRINTF(2, 3)
static void explain(const struct weir_shm_why *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why->text, why->size, format, args);
	va_end(args);
}

/* Is `status`, which is a failure, and says why. */
#define refuse(why, status, ...) (explain((why), __VA_ARGS__), (status))

static enum weir_status refuse_io(const struct search *search, const char *path, const char *what, int error)
{
	return refuse(search->why, WEIR_ERR_IO, "%s: %s: %s", path, what, strerror(error));
}

/* -- Files ----------------------------------------------------------------------------------------------------------------- */

enum weir_status weir_shm_file_check(const char *path, const struct stat *info, const struct weir_shm_why *why)
{
	static const char rule[] = "a store is a regular file of its user with mode 0600 and one name";

	if (S_ISLNK(info->st_mode))
		return refuse(why, WEIR_ERR_CONFIG, "%s: is a symbolic link; %s", path, rule);
	if (!S_ISREG(info->st_mode))
		return refuse(why, WEIR_ERR_CONFIG, "%s: is not a regular file; %s", path, rule);
	if (info->st_uid != geteuid())
		return refuse(why, WEIR_ERR_CONFIG, "%s: belongs to user %u; %s", path, (unsigned)info->st_uid, rule);
	if (info->st_mode & 077)
		return refuse(why, WEIR_ERR_CONFIG, "%s: has mode %04o; %s", path, (unsigned)info->st_mode & 07777, rule);
	if (info->st_nlink > 1)
		return refuse(why, WEIR_ERR_CONFIG, "%s: has %lu names; %s", path, (unsigned long)info->st_nlink, rule);
	return WEIR_OK;
}

/* Why open(2) has failed: the file's own faults say more than its error. */
static enum weir_status explain_open(const struct search *search, const char *path, int error)
{
	struct stat info;
	enum weir_status status;

	if (lstat(path, &info) == 0) {
		status = weir_shm_file_check(path, &info, search->why);
		if (status != WEIR_OK)
			return status;
	}
	return refuse_io(search, path, "cannot be opened", error);
}

/* MISS: there is none. Neither a FIFO nor a device keeps it waiting. */
static enum weir_status open_file(const struct search *search, const char *path, int flags, struct opened *file)
{
	enum weir_status status;
	int error;

	*file = (struct opened){ .fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags, 0600) };
	error = errno;
	if (file->fd < 0 && error == ENOENT && !(flags & O_CREAT))
		return WEIR_MISS;
	if (file->fd < 0)
		return explain_open(search, path, error);
	if (fstat(file->fd, &file->info) != 0)
		status = refuse_io(search, path, "cannot be looked at", errno);
	else
		status = weir_shm_file_check(path, &file->info, search->why);
	if (status != WEIR_OK)
		(void)close(file->fd);
	return status;
}

/* Whether `path` still names the file that was opened there. */
static bool has_name(const struct opened *file, const char *path)
{
	struct stat info;

	return lstat(path, &info) == 0 && info.st_dev == file->info.st_dev && info.st_ino == file->info.st_ino;
}

static bool read_header(int fd, struct weir_shm_header *header)
{
	return pread(fd, header, sizeof(*header), 0) == (ssize_t)sizeof(*header) &&
	       atomic_load_explicit(&header->magic, memory_order_relaxed) == WEIR_SHM_MAGIC && header->layout == WEIR_SHM_LAYOUT &&
	       header->byte_order == WEIR_SHM_BYTE_ORDER;
}

static bool is_store(const struct search *search, const struct opened *file, struct weir_shm_geometry *geometry)
{
	struct weir_shm_header header;

	return read_header(file->fd, &header) && atomic_load_explicit(&header.superseded, memory_order_relaxed) == 0 &&
	       memcmp(header.boot_id, search->boot_id, WEIR_SHM_BOOT_ID_SIZE) == 0 &&
	       weir_shm_geometry_make(header.size, header.entry_size, geometry) && geometry->size == (uint64_t)file->info.st_size;
}

/* -- Mapping --------------------------------------------------------------------------------------------------------------- */

static void remember_file(struct weir_shm_map *map, int fd)
{
	struct stat info;

	if (fd < 0 || fstat(fd, &info) != 0)
		return;
	map->device = info.st_dev;
	map->inode = info.st_ino;
}

/* `fd` -1: anonymous. */
static enum weir_status map_store(const struct search *search, int fd, const struct weir_shm_geometry *geometry, struct weir_shm_map **map)
{
	int flags = fd < 0 ? MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
	struct weir_shm_map *made = calloc(1, sizeof(*made));
	void *base;

	if (!made)
		return refuse(search->why, WEIR_ERR_MEMORY, "no memory for a store's handle");
	base = mmap(NULL, geometry->size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED) {
		free(made);
		return refuse(search->why, WEIR_ERR_MEMORY, "%llu bytes cannot be mapped: %s", (unsigned long long)geometry->size,
			      strerror(errno));
	}
	if (fd >= 0 && weir_shm_guard_add(base, geometry->size) != WEIR_OK) {
		(void)munmap(base, geometry->size);
		free(made);
		return refuse(search->why, WEIR_ERR_MEMORY, "no memory for a store's handle");
	}
	(void)madvise(base, geometry->size, MADV_DONTDUMP);
	weir_shm_map_init(made, geometry, base);
	remember_file(made, fd);
	*map = made;
	return WEIR_OK;
}

bool weir_shm_file_is_gone(const struct weir_shm_map *map, const char *path)
{
	struct stat info;

	if (map->inode == 0 || path[0] != '/')
		return false;
	if (lstat(path, &info) != 0)
		return errno == ENOENT;
	return info.st_dev != map->device || info.st_ino != map->inode;
}

void weir_shm_file_unmap(struct weir_shm_map *map)
{
	weir_shm_guard_remove(map->base);
	(void)munmap(map->base, map->geometry.size);
	free(map);
}

static enum weir_status format(const struct search *search, struct weir_shm_map *map)
{
	enum weir_status status = weir_shm_map_format(map, search->boot_id);

	return status == WEIR_OK ? WEIR_OK
				 : refuse(search->why, status, "the system gives no random bytes for a store: %s", strerror(errno));
}

/* -- A store that is there ------------------------------------------------------------------------------------------------- */

/* A hole would be SIGBUS on a full file system. Not by posix_fallocate(3), which may write where others write at the same time. */
static enum weir_status fill_holes(const struct search *search, const struct opened *file, uint64_t size)
{
	int failed;

	if ((uint64_t)file->info.st_blocks * 512 >= size)
		return WEIR_OK;
	do
		failed = fallocate(file->fd, 0, 0, (off_t)size);
	while (failed && errno == EINTR);
	if (!failed || errno == EOPNOTSUPP)
		return WEIR_OK;
	return refuse_io(search, search->path, "has holes that cannot be filled", errno);
}

static void note_difference(const struct search *search, const struct weir_shm_geometry *geometry)
{
	if (geometry->size == search->wanted.size && geometry->entry_size == search->wanted.entry_size)
		return;
	weir_log_warn(search->options->log,
		      "shared memory: %s is there already, with size %llu and entry_size %llu, which count; asked for were %llu and %llu",
		      search->path, (unsigned long long)geometry->size, (unsigned long long)geometry->entry_size,
		      (unsigned long long)search->wanted.size, (unsigned long long)search->wanted.entry_size);
}

/* MISS: there is no store under the name. */
static enum weir_status look(const struct search *search, struct weir_shm_map **map)
{
	struct weir_shm_geometry geometry;
	struct opened file;
	enum weir_status status = open_file(search, search->path, 0, &file);

	if (status != WEIR_OK)
		return status;
	if (!is_store(search, &file, &geometry))
		status = WEIR_MISS;
	if (status == WEIR_OK)
		status = fill_holes(search, &file, geometry.size);
	if (status == WEIR_OK)
		status = map_store(search, file.fd, &geometry, map);
	if (status == WEIR_OK)
		note_difference(search, &geometry);
	(void)close(file.fd);
	return status;
}

/* -- A new store ----------------------------------------------------------------------------------------------------------- */

/* MISS: the file is not PATH.new any more. Not F_OFD_SETLKW: who holds the lock may be stopped. */
static enum weir_status lock_beside(const struct search *search, const struct opened *file)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	while (fcntl(file->fd, F_OFD_SETLK, &lock) != 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return refuse_io(search, search->beside, "cannot be locked", errno);
		if (monotonic_ms() >= search->until_ms)
			return refuse(search->why, WEIR_ERR_TIMEOUT, "%s: another process, which may be stopped, keeps it locked",
				      search->beside);
		(void)poll(NULL, 0, LOCK_POLL_MS);
	}
	return has_name(file, search->beside) ? WEIR_OK : WEIR_MISS;
}

/* Closing alone would leave the lock to a child that was forked meanwhile. */
static void unlock_beside(const struct opened *file)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	(void)fcntl(file->fd, F_OFD_SETLK, &lock);
	(void)close(file->fd);
}

static int allocate_all(int fd, uint64_t size)
{
	uint64_t step;
	int error = ftruncate(fd, 0) == 0 ? 0 : errno;

	for (uint64_t at = 0; at < size && error == 0; at += step) {
		step = size - at < ALLOCATION_STEP ? size - at : ALLOCATION_STEP;
		do
			error = posix_fallocate(fd, (off_t)at, (off_t)step);
		while (error == EINTR);
	}
	return error;
}

/* The limit of the process is looked at first: passing it is a signal, not an error. */
static enum weir_status allocate(const struct search *search, int fd)
{
	unsigned long long size = search->wanted.size;
	struct rlimit limit;
	int error;

	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)
		return refuse(search->why, WEIR_ERR_IO, "%s: no file of %llu bytes: files of this process are limited to %llu",
			      search->path, size, (unsigned long long)limit.rlim_cur);
	error = allocate_all(fd, size);
	if (error == 0)
		return WEIR_OK;
	return refuse(search->why, WEIR_ERR_IO, "%s: no room for a file of %llu bytes: %s", search->path, size, strerror(error));
}

/* Who still has it mapped moves, once there is another. */
static void supersede(int fd)
{
	struct weir_shm_header header;
	const uint32_t yes = 1;

	if (read_header(fd, &header))
		(void)!pwrite(fd, &yes, sizeof(yes), (off_t)offsetof(struct weir_shm_header, superseded));
}

static enum weir_status rename_over(const struct search *search, const struct opened *beside)
{
	struct opened old = { .fd = -1 };
	enum weir_status status = open_file(search, search->path, 0, &old);

	if (status != WEIR_OK && status != WEIR_MISS)
		return status;
	status = has_name(beside, search->beside) ? WEIR_OK : WEIR_MISS;
	if (status == WEIR_OK && old.fd >= 0)
		supersede(old.fd); /* first: nobody may read there when somebody writes to the new one */
	if (status == WEIR_OK && rename(search->beside, search->path) != 0)
		status = refuse_io(search, search->path, "cannot be replaced", errno);
	if (old.fd >= 0)
		(void)close(old.fd);
	return status;
}

/* Under the lock. */
static enum weir_status build(const struct search *search, const struct opened *beside, struct weir_shm_map **map)
{
	struct weir_shm_map *made = NULL;
	enum weir_status status = allocate(search, beside->fd);

	if (status == WEIR_OK)
		status = map_store(search, beside->fd, &search->wanted, &made);
	if (status != WEIR_OK)
		return status;
	status = format(search, made);
	if (status == WEIR_OK)
		status = rename_over(search, beside);
	if (status == WEIR_OK)
		*map = made;
	else
		weir_shm_file_unmap(made);
	return status;
}

static enum weir_status make(const struct search *search, struct weir_shm_map **map)
{
	struct opened beside;
	enum weir_status status = open_file(search, search->beside, O_CREAT, &beside);

	if (status != WEIR_OK)
		return status;
	status = lock_beside(search, &beside);
	if (status != WEIR_OK) {
		(void)close(beside.fd);
		return status;
	}
	status = look(search, map); /* while this waited, another has made it perhaps */
	if (status == WEIR_MISS)
		status = build(search, &beside, map);
	if (has_name(&beside, search->beside))
		(void)unlink(search->beside);
	unlock_beside(&beside);
	return status;
}

/* -- All together ---------------------------------------------------------------------------------------------------------- */

static enum weir_status map_file(struct search *search, struct weir_shm_map **map)
{
	enum weir_status status = WEIR_MISS;

	if (!weir_shm_machine_boot_id(search->boot_id))
		return refuse(search->why, WEIR_ERR_IO, "%s: a store in a file needs /proc/sys/kernel/random/boot_id", search->path);
	if (search->options->only_existing) {
		status = look(search, map);
		return status == WEIR_MISS ? refuse(search->why, status, "%s: no store that is in order", search->path) : status;
	}
	for (int looks = 0; status == WEIR_MISS && (looks < LOOKS_MIN || monotonic_ms() < search->until_ms); looks++) {
		status = look(search, map);
		if (status == WEIR_MISS)
			status = make(search, map);
	}
	return status == WEIR_MISS ? refuse(search->why, WEIR_ERR_TIMEOUT, "%s: others keep replacing it", search->path) : status;
}

static enum weir_status map_anonymous(const struct search *search, struct weir_shm_map **map)
{
	enum weir_status status = map_store(search, -1, &search->wanted, map);

	if (status != WEIR_OK)
		return status;
	status = format(search, *map);
	if (status != WEIR_OK)
		weir_shm_file_unmap(*map);
	return status;
}

static enum weir_status check_options(struct search *search)
{
	unsigned long long size = search->options->size, entry_size = search->options->entry_size;
	unsigned long long memory = weir_shm_machine_memory();

	if (!weir_shm_geometry_make(size, entry_size, &search->wanted))
		return refuse(search->why, WEIR_ERR_CONFIG, "no store of %llu bytes for entries of %llu: stores have 1 MiB to 64 GiB", size,
			      entry_size);
	if (size > SIZE_MAX / 2 || size > memory)
		return refuse(search->why, WEIR_ERR_CONFIG, "no store of %llu bytes: this machine has %llu bytes of memory for it", size,
			      memory);
	return WEIR_OK;
}

enum weir_status weir_shm_file_map_within(const char *path, const struct weir_shm_options *options, int wait_ms,
					  const struct weir_shm_why *why, struct weir_shm_map **map)
{
	struct search search = { .path = path, .options = options, .why = why, .until_ms = monotonic_ms() + wait_ms };
	size_t size = path ? strlen(path) + sizeof(".new") : 0;
	enum weir_status status = check_options(&search);

	if (status != WEIR_OK || !path)
		return status == WEIR_OK ? map_anonymous(&search, map) : status;
	search.beside = malloc(size);
	if (!search.beside)
		return refuse(search.why, WEIR_ERR_MEMORY, "no memory for a store's name");
	(void)snprintf(search.beside, size, "%s.new", path);
	status = map_file(&search, map);
	free(search.beside);
	return status;
}

enum weir_status weir_shm_file_map(const char *path, const struct weir_shm_options *options, const struct weir_shm_why *why,
				   struct weir_shm_map **map)
{
	return weir_shm_file_map_within(path, options, WEIR_SHM_FILE_WAIT_MS, why, map);
}
