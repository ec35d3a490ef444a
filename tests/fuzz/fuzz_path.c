/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the path of a request target.
 */
#include "http/path.h"

#include "http/chars.h"
#include "http/percent.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool equals(struct weir_slice a, const char *b)
{
	return weir_slice_equal(a, weir_slice_text(b));
}

static void check_segment(struct weir_pool *pool, struct weir_slice segment)
{
	struct weir_slice decoded;

	INSIST(!equals(segment, ".") && !equals(segment, ".."));
	INSIST(weir_percent_decode(pool, segment, WEIR_PERCENT_PLAIN, &decoded) == WEIR_OK);
	INSIST(decoded.data[decoded.len] == '\0' && weir_slice_find(decoded, '\0') == decoded.len);
	INSIST(!equals(decoded, ".") && !equals(decoded, ".."));
	for (size_t i = 0; i < segment.len; i++) {
		int byte = weir_percent_byte(weir_slice_from(segment, i));

		INSIST(byte >= 0 ? !weir_char_in((char)byte, WEIR_CHAR_UNRESERVED) : weir_char_in(segment.data[i], WEIR_CHAR_PCHAR));
		INSIST(byte < 0 || (segment.data[i + 1] < 'a' && segment.data[i + 2] < 'a'));
		i += byte >= 0 ? 2 : 0;
	}
}

static void check_canonical(struct weir_pool *pool, struct weir_slice path)
{
	size_t used = weir_pool_used(pool);
	struct weir_slice again, rest = weir_slice_from(path, 1);

	INSIST(path.len > 0 && path.data[0] == '/');
	INSIST(weir_path_canonical(pool, path, &again) == WEIR_OK);
	INSIST(again.data == path.data && again.len == path.len && weir_pool_used(pool) == used);
	while (rest.data)
		check_segment(pool, weir_slice_cut(&rest, '/'));
}

/* The same path in another spelling: every unreserved character that is not part of an escape is escaped, in lower case. */
static struct weir_slice respell(struct weir_pool *pool, struct weir_slice raw)
{
	char *out = weir_pool_bytes(pool, 3 * raw.len + 1), *end = out;

	for (size_t i = 0; i < raw.len; i++) {
		if (raw.data[i] == '%') {
			memcpy(end, raw.data + i, 3);
			end += 3;
			i += 2;
		} else if (weir_char_in(raw.data[i], WEIR_CHAR_UNRESERVED)) {
			end += snprintf(end, 4, "%%%02x", (unsigned)(unsigned char)raw.data[i]);
		} else {
			*end++ = raw.data[i];
		}
	}
	return weir_slice(out, (size_t)(end - out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice raw = weir_slice(data, size), path, other;
	struct weir_pool *pool;

	if (size > 2048)
		return 0;
	pool = weir_pool_create(0);
	if (weir_path_canonical(pool, raw, &path) == WEIR_OK) {
		check_canonical(pool, path);
		INSIST(weir_path_canonical(pool, respell(pool, raw), &other) == WEIR_OK);
		INSIST(weir_slice_equal(path, other));
	}
	weir_pool_destroy(pool);
	return 0;
}
