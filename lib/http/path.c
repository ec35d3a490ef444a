/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical paths. Nearly every path that arrives is canonical, so that is found out first, without writing anything.
 */
#include "http/path.h"

#include "http/chars.h"
#include "http/percent.h"

enum segment {
	SEGMENT_NAME,
	SEGMENT_HERE,
	SEGMENT_UP,
};

static enum segment segment_kind(struct weir_slice segment)
{
	if (segment.len == 1 && segment.data[0] == '.')
		return SEGMENT_HERE;
	return segment.len == 2 && segment.data[0] == '.' && segment.data[1] == '.' ? SEGMENT_UP : SEGMENT_NAME;
}

static bool is_upper_hex(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'F');
}

/* True for an escape that has to be one and is in upper case. */
static bool escape_is_canonical(struct weir_slice text)
{
	int byte = weir_percent_byte(text);

	return byte >= 0 && is_upper_hex(text.data[1]) && is_upper_hex(text.data[2]) && !weir_char_in((char)byte, WEIR_CHAR_UNRESERVED);
}

static bool segment_is_canonical(struct weir_slice segment)
{
	for (size_t i = 0; i < segment.len; i++) {
		if (weir_char_in(segment.data[i], WEIR_CHAR_PCHAR))
			continue;
		if (!escape_is_canonical(weir_slice_from(segment, i)))
			return false;
		i += 2;
	}
	return segment_kind(segment) == SEGMENT_NAME;
}

static bool is_canonical(struct weir_slice rest)
{
	while (rest.data)
		if (!segment_is_canonical(weir_slice_cut(&rest, '/')))
			return false;
	return true;
}

/* At most three bytes for one. */
static enum weir_status write_segment(char *out, struct weir_slice segment, size_t *len)
{
	char *end = out;

	for (size_t i = 0; i < segment.len; i++) {
		char byte = segment.data[i];
		bool escaped = byte == '%';

		if (escaped) {
			int decoded = weir_percent_byte(weir_slice_from(segment, i));

			if (decoded < 0)
				return WEIR_ERR_INVALID;
			byte = (char)decoded;
			i += 2;
		}
		if (byte == '\0')
			return WEIR_ERR_INVALID;
		if (weir_char_in(byte, escaped ? WEIR_CHAR_UNRESERVED : WEIR_CHAR_PCHAR))
			*end++ = byte;
		else
			end = weir_percent_put(end, byte);
	}
	*len = (size_t)(end - out);
	return WEIR_OK;
}

/* Writes '/' and the segment behind the `*len` bytes that are there, or takes a segment off for "..". `last` segments that vanish leave
 * their '/' behind. */
static enum weir_status append_segment(char *out, size_t *len, struct weir_slice segment, bool last)
{
	char *slash = out + *len;
	size_t written;
	enum weir_status st = write_segment(slash + 1, segment, &written);
	enum segment kind;

	if (st != WEIR_OK)
		return st;
	kind = segment_kind(weir_slice(slash + 1, written));
	if (kind == SEGMENT_UP && *len == 0)
		return WEIR_ERR_INVALID;
	if (kind == SEGMENT_UP)
		slash = memrchr(out, '/', *len);
	*len = (size_t)(slash - out);
	if (kind == SEGMENT_NAME || last) {
		*slash = '/';
		*len += kind == SEGMENT_NAME ? written + 1 : 1;
	}
	return WEIR_OK;
}

enum weir_status weir_path_canonical(struct weir_pool *pool, struct weir_slice raw, struct weir_slice *path)
{
	struct weir_slice rest = weir_slice_from(raw, 1);
	size_t len = 0;
	char *out;

	if (raw.len == 0 || raw.data[0] != '/')
		return WEIR_ERR_INVALID;
	if (is_canonical(rest)) {
		*path = raw;
		return WEIR_OK;
	}
	out = weir_pool_bytes(pool, raw.len * 3 + 1);
	if (!out)
		return WEIR_ERR_MEMORY;
	while (rest.data) {
		struct weir_slice segment = weir_slice_cut(&rest, '/');
		enum weir_status st = append_segment(out, &len, segment, !rest.data);

		if (st != WEIR_OK)
			return st;
	}
	out[len] = '\0';
	*path = weir_slice(out, len);
	return WEIR_OK;
}
