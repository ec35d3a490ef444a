/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads: multipart forms, as handlers read them. On an ordinary route the whole form in memory:
 *
 *     const struct weir_multipart_form *form;
 *     enum weir_status st = weir_request_multipart(req, &(struct weir_multipart_options){ .parts = 10 }, &form);
 *
 *     if (st < 0)
 *             return weir_upload_refuse(req, res, st);
 *     title = weir_multipart_get(form, "title");
 *
 * With `.stream_body` one part after the other while they arrive, in memory that does not grow with them:
 *
 *     struct weir_upload *upload;
 *     const struct weir_multipart_part *part;
 *     struct weir_upload_file *file;
 *     enum weir_status st = weir_upload_open(req, &(struct weir_multipart_options){ .part = 100 << 20 }, &upload);
 *
 *     while (st == WEIR_OK && (st = weir_upload_next(upload, &part)) == WEIR_OK)
 *             if (weir_slice_equal(part->name, WEIR_SLICE_LITERAL("photo")))
 *                     st = weir_upload_save(upload, "/var/spool/photos", &file);
 *     if (st < 0)
 *             return weir_upload_refuse(req, res, st);
 *
 * All of it is for the handler that was given the request, on its thread. A `.nonblocking` handler cannot wait for a streamed body: there,
 * weir_upload_open() is ERR_STATE.
 */
#ifndef WEIR_UPLOAD_H
#define WEIR_UPLOAD_H

#include <weir/multipart.h>
#include <weir/request.h>
#include <weir/response.h>

/* The body as a form, which lives as long as the request. Errors are for weir_upload_refuse(). ERR_STATE with `.stream_body`. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_request_multipart(struct weir_request *req, const struct weir_multipart_options *options,
								 const struct weir_multipart_form **form);

/* Answers what a function of this header has failed with, and logs it, in one line that says what is wrong and where: 415 for a
 * Content-Type that is not multipart/form-data, 413 over a limit, 400 for a malformed form. Any other status (the client is gone, the disk
 * is full) is returned as it is. */
WEIR_API enum weir_status weir_upload_refuse(struct weir_request *req, struct weir_response *res, enum weir_status status);

/* -- Part by part ---------------------------------------------------------------------------------------------------------- */

struct weir_upload;

/* Once a request, and instead of weir_request_read(). Without `.stream_body` it reads the body that is there. `options` may be NULL. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_upload_open(struct weir_request *req, const struct weir_multipart_options *options,
							   struct weir_upload **upload);

/* The next part; what was not read of the one before is skipped. `*part` is valid until the next call. WEIR_END after the last. An error
 * comes again at every call. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_upload_next(struct weir_upload *upload, const struct weir_multipart_part **part);

/* The next bytes of this part, at least one, valid until the next call. WEIR_END after the last; ERR_STATE before the first part. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_upload_read(struct weir_upload *upload, struct weir_slice *bytes);

/* The rest of this part as text in the request's pool, terminated; the bytes may hold zeros. ERR_LIMIT when it is longer than `max`, which
 * is taken from the pool at once. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_upload_value(struct weir_upload *upload, size_t max, struct weir_slice *value);

/* A file without a name: whatever happens, also to the process, nothing of it stays behind unless it is kept. */
struct weir_upload_file {
	int fd; /* read and write, at its beginning; mode 0600; weir closes it when the request is done */
	uint64_t size;
};

/* The rest of this part as a file on the file system of `directory`, which must be one that knows O_TMPFILE: ext4, XFS, Btrfs, tmpfs and
 * overlayfs do, NFS does not. ERR_IO, logged, when it cannot be made or written. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_upload_save(struct weir_upload *upload, const char *directory,
							   struct weir_upload_file **file);

/* Gives a file its name, at once and complete; it then stays. `path`, on the same file system, is the app's own choice, not the client's
 * file name. BUSY when there is something of that name, which is never replaced; ERR_IO, logged. It is not synced to disk: who needs that
 * calls fsync(file->fd) before. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_upload_keep(struct weir_upload *upload, const struct weir_upload_file *file,
							   const char *path);

#endif
