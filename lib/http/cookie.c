/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading the Cookie field. Clients write anything into it, so reading is lenient: what is no cookie is passed over. The value is copied
 * once and cut where it stands; the separators leave room for the zero bytes behind names and values.
 */
#include <weir/cookie.h>

static size_t count_pieces(struct weir_slice value)
{
	size_t pieces = 0;

	while (value.data) {
		(void)weir_slice_cut(&value, ';');
		pieces++;
	}
	return pieces;
}

static struct weir_slice unquote(struct weir_slice text)
{
	if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
		return weir_slice(text.data + 1, text.len - 2);
	return text;
}

static bool read_cookie(struct weir_slice piece, struct weir_cookie *cookie)
{
	cookie->name = weir_slice_trim(weir_slice_cut(&piece, '='));
	cookie->value = unquote(weir_slice_trim(piece));
	return piece.data && cookie->name.len > 0;
}

enum weir_status weir_cookies_parse(struct weir_pool *pool, struct weir_slice value, size_t max_pairs, struct weir_cookies *cookies)
{
	size_t capacity = count_pieces(value);
	struct weir_cookies found = { NULL, 0 };
	struct weir_cookie cookie;
	char *copy;

	*cookies = found;
	if (weir_slice_find(value, '\0') < value.len)
		return WEIR_ERR_INVALID;
	if (value.len == 0)
		return WEIR_OK;
	if (max_pairs > 0 && capacity > max_pairs)
		capacity = max_pairs;
	copy = weir_pool_bytes(pool, value.len + 1);
	found.items = weir_pool_alloc(pool, capacity * sizeof(*found.items));
	if (!copy || !found.items)
		return WEIR_ERR_MEMORY;
	memcpy(copy, value.data, value.len);
	for (struct weir_slice rest = weir_slice(copy, value.len); rest.data;) {
		if (!read_cookie(weir_slice_cut(&rest, ';'), &cookie))
			continue;
		if (found.count == capacity)
			return WEIR_ERR_LIMIT;
		copy[cookie.name.data + cookie.name.len - copy] = '\0';
		copy[cookie.value.data + cookie.value.len - copy] = '\0';
		found.items[found.count++] = cookie;
	}
	*cookies = found;
	return WEIR_OK;
}

struct weir_slice weir_cookies_get(const struct weir_cookies *cookies, struct weir_slice name)
{
	for (size_t i = 0; i < cookies->count; i++)
		if (weir_slice_equal(cookies->items[i].name, name))
			return cookies->items[i].value;
	return WEIR_SLICE_NONE;
}
