/* SPDX-License-Identifier: Apache-2.0
 *
 * Cuts an answer into FastCGI records without moving it: the bytes stay where they are, in a head, an entry of the cache, a chunk of a
 * source, and a list of iovecs threads record headers through them.
 */
#include "runtime/fcgi_frame.h"

/* Where the answer has been read up to. */
struct cursor {
	const struct weir_slice *part;
	size_t left; /* parts, `part` included */
	size_t offset;
};

/* The next bytes, at most `max` of one part; no bytes at the end. */
static struct weir_slice cursor_take(struct cursor *cursor, size_t max)
{
	struct weir_slice piece = WEIR_SLICE_NONE;

	while (cursor->left > 0 && cursor->offset == cursor->part->len) {
		cursor->part++;
		cursor->left--;
		cursor->offset = 0;
	}
	if (cursor->left > 0)
		piece = weir_slice_from(*cursor->part, cursor->offset);
	if (piece.len > max)
		piece.len = max;
	cursor->offset += piece.len;
	return piece;
}

static void append(struct weir_fcgi_frame *frame, const void *data, size_t len)
{
	struct iovec *iov = &frame->iov[frame->first + frame->count++];

	/* The copy casts const away: struct iovec serves reading too and cannot say it. */
	memcpy(&iov->iov_base, &data, sizeof(data));
	iov->iov_len = len;
}

/* One record of as many pieces as it takes, one iovec kept for the end of the answer. Returns its length; 0, and no record, when there is
 * nothing to send or no room. */
static size_t add_record(struct weir_fcgi_frame *frame, uint8_t *header, uint16_t id, struct cursor *cursor)
{
	unsigned at = frame->count;
	size_t length = 0;
	struct weir_slice piece;

	append(frame, header, WEIR_FCGI_HEADER_LEN);
	while (length < WEIR_FCGI_RECORD_MAX && frame->count + 1 < WEIR_FCGI_FRAME_IOVECS) {
		piece = cursor_take(cursor, WEIR_FCGI_RECORD_MAX - length);
		if (piece.len == 0)
			break;
		append(frame, piece.data, piece.len);
		length += piece.len;
	}
	if (length == 0)
		frame->count = at; /* an empty FCGI_STDOUT would end the answer */
	weir_fcgi_stdout_header(header, id, (uint16_t)length);
	return length;
}

size_t weir_fcgi_frame_fill(struct weir_fcgi_frame *frame, uint16_t id, const struct weir_slice *parts, size_t count)
{
	struct cursor cursor = { parts, count, 0 };
	size_t covered = 0, length = 1;

	frame->first = 0;
	frame->count = 0;
	for (size_t i = 0; i < WEIR_FCGI_FRAME_RECORDS && length > 0; i++) {
		length = add_record(frame, frame->headers[i], id, &cursor);
		covered += length;
	}
	return covered;
}

void weir_fcgi_frame_end(struct weir_fcgi_frame *frame, uint16_t id, uint32_t app_status)
{
	weir_fcgi_end(frame->end, id, app_status);
	append(frame, frame->end, sizeof(frame->end));
}

void weir_fcgi_frame_sent(struct weir_fcgi_frame *frame, size_t len)
{
	struct iovec *iov = &frame->iov[frame->first];

	while (frame->count > 0 && len >= iov->iov_len) {
		len -= iov->iov_len;
		iov++;
		frame->first++;
		frame->count--;
	}
	if (frame->count > 0) {
		iov->iov_base = (char *)iov->iov_base + len;
		iov->iov_len -= len;
	}
}
