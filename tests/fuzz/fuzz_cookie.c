/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a Cookie field, with the first byte as the limit on cookies; and, cut at line ends, as the parts of a Set-Cookie, which
 * must then be one line that says what was meant.
 */
#include <weir/cookie.h>
#include <weir/fields.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cookies(struct weir_pool *pool, struct weir_slice field, size_t max_pairs)
{
	struct weir_cookies cookies;
	enum weir_status st = weir_cookies_parse(pool, field, max_pairs, &cookies);

	INSIST(st == WEIR_OK || (cookies.count == 0 && (st == WEIR_ERR_INVALID || st == WEIR_ERR_LIMIT)));
	INSIST(st != WEIR_ERR_INVALID || weir_slice_find(field, '\0') < field.len);
	INSIST(max_pairs == 0 || cookies.count <= max_pairs);
	for (size_t i = 0; i < cookies.count; i++) {
		struct weir_slice name = cookies.items[i].name, value = cookies.items[i].value;

		INSIST(name.len > 0 && strlen(name.data) == name.len && strlen(value.data) == value.len);
		INSIST(weir_slice_find(name, '=') == name.len && weir_slice_find(name, ';') == name.len);
		INSIST(weir_slice_find(value, ';') == value.len);
		INSIST(weir_cookies_get(&cookies, name).data);
	}
}

/* A client that gets this Set-Cookie sends back the name and the value that were given. */
static void check_set_cookie(struct weir_pool *pool, const struct weir_set_cookie *cookie)
{
	struct weir_slice line, pair, value = weir_slice_text(cookie->value);
	struct weir_cookies cookies;

	if (weir_set_cookie_format(pool, cookie, &line) != WEIR_OK)
		return;
	INSIST(weir_field_value_valid(line));
	pair = weir_slice_cut(&line, ';');
	INSIST(weir_cookies_parse(pool, pair, 1, &cookies) == WEIR_OK && cookies.count == 1);
	if (value.len >= 2 && value.data[0] == '"')
		value = weir_slice(value.data + 1, value.len - 2);
	INSIST(weir_slice_equal(cookies.items[0].name, weir_slice_text(cookie->name)));
	INSIST(weir_slice_equal(cookies.items[0].value, value));
	for (size_t attributes = 0; line.data; attributes++) {
		(void)weir_slice_cut(&line, ';');
		INSIST(attributes < 6);
	}
}

static const char *next_line(struct weir_pool *pool, struct weir_slice *rest)
{
	return weir_pool_dup(pool, weir_slice_cut(rest, '\n')).data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice rest = weir_slice_from(weir_slice(data, size), 1);
	struct weir_set_cookie cookie = { 0 };
	struct weir_pool *pool;

	if (size == 0 || size > 8192)
		return 0;
	pool = weir_pool_create(0);
	check_cookies(pool, rest, data[0]);
	cookie.secure = data[0] & 1;
	cookie.http_only = data[0] >> 1 & 1;
	cookie.same_site = (enum weir_same_site)(data[0] >> 2 & 7);
	cookie.max_age_s = data[0] >> 5;
	cookie.name = next_line(pool, &rest);
	cookie.value = next_line(pool, &rest);
	cookie.path = next_line(pool, &rest);
	cookie.domain = next_line(pool, &rest);
	check_set_cookie(pool, &cookie);
	weir_pool_destroy(pool);
	return 0;
}
