/* SPDX-License-Identifier: Apache-2.0
 *
 * The coder that compresses what another one makes. Its bytes:
 *
 *     'p'   the inner coder's bytes
 *     'z'   their number, 32 bits, little-endian; a Zstandard frame that holds them
 *
 * A few bytes of a frame can stand for very many. What is decoded was written by whoever can write to the store, so it gets no more room
 * than it says, than the format can make of so few bytes, than a gigabyte, and than the pool allows.
 */
#include "base/endian.h"
#include "cache/coder.h"
#include "cache/libzstd.h"

#define PLAIN 'p'
#define COMPRESSED 'z'
#define HEAD ((size_t)5)

#define MAX_SIZE ((size_t)1 << 30)

/* RFC 8878 section 3.1.1.2: a block has at least four bytes and becomes at most 128 KiB. */
#define MAX_RATIO ((size_t)32768)

/* The library's own default: quicker than a network, smaller than zlib's best. */
#define LEVEL 3

/* False for what would not get smaller. */
static bool compress(const struct weir_libzstd *zstd, struct weir_slice plain, struct weir_buffer *frame)
{
	size_t room = plain.len > HEAD ? plain.len - HEAD : 0;
	char *out = room > 0 ? weir_buffer_reserve(frame, room) : NULL;
	size_t len = out ? zstd->compress(out, room, plain.data, plain.len, LEVEL) : 0;

	if (!out || zstd->is_error(len))
		return false;
	weir_buffer_advance(frame, len);
	return true;
}

static void append_head(struct weir_buffer *bytes, size_t size)
{
	char head[HEAD] = { COMPRESSED };

	weir_store_le32(head + 1, (uint32_t)size);
	weir_buffer_append(bytes, head, HEAD);
}

static enum weir_status encode(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	const char *why;
	const struct weir_libzstd *zstd = weir_libzstd(&why);
	struct weir_buffer plain, frame;
	enum weir_status status;

	if (!zstd)
		return WEIR_ERR_UNSUPPORTED;
	weir_buffer_init(&plain, MAX_SIZE);
	weir_buffer_init(&frame, 0);
	status = self->inner->ops->encode(self->inner, pool, value, &plain);
	if (status == WEIR_OK && plain.len > self->threshold && compress(zstd, weir_buffer_slice(&plain), &frame)) {
		append_head(bytes, plain.len);
		weir_buffer_append_slice(bytes, weir_buffer_slice(&frame));
	} else if (status == WEIR_OK) {
		weir_buffer_append_byte(bytes, PLAIN);
		weir_buffer_append_slice(bytes, weir_buffer_slice(&plain));
	}
	weir_buffer_finish(&frame);
	weir_buffer_finish(&plain);
	return status == WEIR_OK && bytes->overflowed ? WEIR_ERR_LIMIT : status;
}

static enum weir_status expand(struct weir_pool *pool, struct weir_slice bytes, struct weir_slice *plain)
{
	const char *why;
	const struct weir_libzstd *zstd = weir_libzstd(&why);
	struct weir_slice frame = weir_slice_from(bytes, HEAD);
	size_t size;
	char *room;

	if (!zstd)
		return WEIR_ERR_UNSUPPORTED;
	if (bytes.len <= HEAD)
		return WEIR_ERR_CORRUPT;
	size = weir_load_le32(bytes.data + 1);
	if (size > MAX_SIZE || size / MAX_RATIO > frame.len)
		return WEIR_ERR_CORRUPT;
	room = weir_pool_bytes(pool, size);
	if (!room)
		return WEIR_ERR_MEMORY;
	if (zstd->decompress(room, size, frame.data, frame.len) != size) /* another size, or an error */
		return WEIR_ERR_CORRUPT;
	*plain = weir_slice(room, size);
	return WEIR_OK;
}

static enum weir_status decode(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	struct weir_slice plain = weir_slice_from(bytes, 1);
	enum weir_status status = WEIR_OK;

	if (bytes.len > 0 && bytes.data[0] == COMPRESSED)
		status = expand(pool, bytes, &plain);
	else if (bytes.len == 0 || bytes.data[0] != PLAIN)
		status = WEIR_ERR_CORRUPT;
	return status == WEIR_OK ? self->inner->ops->decode(self->inner, pool, plain, value) : status;
}

static enum weir_status represent(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	const struct weir_coder *inner = self->inner;

	return (inner->ops->represent ? inner->ops->represent : inner->ops->encode)(inner, pool, value, bytes);
}

const struct weir_coder_ops weir_coder_zstd_ops = { .name = "zstd", .encode = encode, .decode = decode, .represent = represent };
