/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer on its way out as FastCGI records, a piece of up to 1 MB at a time.
 *
 *	covered = weir_fcgi_frame_fill(frame, id, parts, count);
 *	if (covered == everything that is to come)
 *		weir_fcgi_frame_end(frame, id, 0);
 *	while (frame->count > 0)
 *		weir_fcgi_frame_sent(frame, writev(fd, frame->iov + frame->first, (int)frame->count));
 *
 * (errors left out). Nothing is copied or allocated.
 */
#ifndef WEIR_RUNTIME_FCGI_FRAME_H
#define WEIR_RUNTIME_FCGI_FRAME_H

#include <sys/uio.h>

#include "runtime/fcgi.h"

/* A frame covers just under 1 MB: more than a socket takes at once. The length is a multiple of 8, so no record needs padding. */
#define WEIR_FCGI_RECORD_MAX 65528
#define WEIR_FCGI_FRAME_RECORDS 16
#define WEIR_FCGI_FRAME_IOVECS 40

/* A piece of an answer as FCGI_STDOUT records, ready for writev: `iov[first]` and the `count` that follow. It points to the caller's bytes
 * and into itself: neither may move until it is sent. Needs no initialisation. */
struct weir_fcgi_frame {
	unsigned first;
	unsigned count; /* 0: everything is sent */
	struct iovec iov[WEIR_FCGI_FRAME_IOVECS];
	uint8_t headers[WEIR_FCGI_FRAME_RECORDS][WEIR_FCGI_HEADER_LEN];
	uint8_t end[WEIR_FCGI_END_LEN];
};

/* Replaces what was in the frame by as much of the concatenated `parts` as it holds, at least one byte if there is one, and returns how
 * many bytes that is. Parts that fit together share a record: head and body of a small answer are one. */
size_t weir_fcgi_frame_fill(struct weir_fcgi_frame *frame, uint16_t id, const struct weir_slice *parts, size_t count);

/* Adds the end of the answer: an empty FCGI_STDOUT and END_REQUEST, request complete. Once per fill; there is always room. */
void weir_fcgi_frame_end(struct weir_fcgi_frame *frame, uint16_t id, uint32_t app_status);

/* The next `len` bytes of the frame have been written; more than are left means all. */
void weir_fcgi_frame_sent(struct weir_fcgi_frame *frame, size_t len);

#endif
