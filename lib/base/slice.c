/* SPDX-License-Identifier: Apache-2.0
 *
 * The slice functions that are too long to be inline. All of them are about bytes and ASCII; none asks the locale.
 */
#include <weir/slice.h>

static unsigned char lower(char byte)
{
	unsigned char c = (unsigned char)byte;

	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\t';
}

bool weir_slice_equal_nocase(struct weir_slice a, struct weir_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (lower(a.data[i]) != lower(b.data[i]))
			return false;
	return true;
}

int weir_slice_compare(struct weir_slice a, struct weir_slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common > 0 ? memcmp(a.data, b.data, common) : 0;

	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

struct weir_slice weir_slice_trim(struct weir_slice s)
{
	while (s.len > 0 && is_blank(s.data[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_blank(s.data[0])) {
		s.data++;
		s.len--;
	}
	return s;
}

struct weir_slice weir_slice_cut(struct weir_slice *rest, char separator)
{
	struct weir_slice part = *rest;
	size_t at = weir_slice_find(part, separator);

	if (at == part.len) {
		*rest = WEIR_SLICE_NONE;
		return part;
	}
	part.len = at;
	*rest = weir_slice_from(*rest, at + 1);
	return part;
}

size_t weir_slice_find(struct weir_slice s, char byte)
{
	const char *found = s.len > 0 ? memchr(s.data, byte, s.len) : NULL;

	return found ? (size_t)(found - s.data) : s.len;
}

enum weir_status weir_slice_to_u64(struct weir_slice s, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;
	bool over = false;

	if (s.len == 0)
		return WEIR_ERR_INVALID;
	for (size_t i = 0; i < s.len; i++) {
		unsigned int digit = (unsigned int)(unsigned char)s.data[i] - '0';

		if (digit > 9)
			return WEIR_ERR_INVALID;
		over = over || digit > max || sum > (max - digit) / 10;
		if (!over)
			sum = sum * 10 + digit;
	}
	if (over)
		return WEIR_ERR_LIMIT;
	*value = sum;
	return WEIR_OK;
}
