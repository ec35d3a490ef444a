/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of an upload as files. They have no name (O_TMPFILE) until they are kept: neither a client that leaves, nor a handler that fails,
 * nor a process that is killed leaves anything behind, and what has a name is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "exchange/upload.h"

static void close_file(void *arg)
{
	struct weir_upload_file *file = arg;

	if (file && file->fd >= 0)
		close(file->fd);
	if (file)
		file->fd = -1;
}

static enum weir_status failed(const struct weir_upload *upload, const char *what, const char *path)
{
	char why[128];

	weir_log_error(weir_request_log(upload->req), "an upload %s %s: %s", what, path, strerror_r(errno, why, sizeof(why)));
	return WEIR_ERR_IO;
}

/* In the request's pool, which closes it. */
static enum weir_status create_file(struct weir_upload *upload, const char *directory, struct weir_upload_file **file)
{
	struct weir_pool *pool = weir_request_pool(upload->req);
	struct weir_upload_file *own = weir_pool_zalloc(pool, sizeof(*own));

	if (own)
		own->fd = -1;
	weir_pool_on_reset(pool, close_file, own);
	if (!own || weir_pool_overflowed(pool))
		return WEIR_ERR_MEMORY;
	own->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	*file = own;
	return own->fd < 0 ? failed(upload, "cannot be saved in", directory) : WEIR_OK;
}

static bool write_all(int fd, struct weir_slice bytes)
{
	while (bytes.len > 0) {
		ssize_t written = write(fd, bytes.data, bytes.len);

		if (written < 0 && errno != EINTR)
			return false;
		bytes = weir_slice_from(bytes, written > 0 ? (size_t)written : 0);
	}
	return true;
}

enum weir_status weir_upload_save(struct weir_upload *upload, const char *directory, struct weir_upload_file **file)
{
	struct weir_upload_file *own;
	struct weir_slice bytes;
	enum weir_status status = create_file(upload, directory, &own);

	*file = NULL;
	if (status < 0)
		return status;
	while ((status = weir_upload_read(upload, &bytes)) == WEIR_OK) {
		if (!write_all(own->fd, bytes)) {
			status = failed(upload, "cannot be written in", directory);
			break;
		}
		own->size += bytes.len;
	}
	if (status == WEIR_END && lseek(own->fd, 0, SEEK_SET) < 0)
		status = failed(upload, "cannot be read in", directory);
	if (status < 0) {
		close_file(own); /* at once: it may hold much of the disk */
		return status;
	}
	*file = own;
	return WEIR_OK;
}

enum weir_status weir_upload_keep(struct weir_upload *upload, const struct weir_upload_file *file, const char *path)
{
	char unnamed[64];

	snprintf(unnamed, sizeof(unnamed), "/proc/self/fd/%d", file->fd);
	if (linkat(AT_FDCWD, unnamed, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0)
		return WEIR_OK;
	return errno == EEXIST ? WEIR_BUSY : failed(upload, "cannot be kept as", path);
}
