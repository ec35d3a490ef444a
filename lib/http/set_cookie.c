/* SPDX-License-Identifier: Apache-2.0
 *
 * Building Set-Cookie. Clients drop a cookie that breaks a rule without telling anybody; so all rules are checked here, where somebody is
 * told.
 */
#include <weir/cookie.h>

#include <inttypes.h>
#include <stdio.h>

#include "http/chars.h"

enum {
	PAIR_LIMIT = 4096,
	ATTRIBUTE_LIMIT = 1024,
};

static const char *const same_site_texts[] = {
	[WEIR_SAME_SITE_UNSET] = "",
	[WEIR_SAME_SITE_LAX] = "; SameSite=Lax",
	[WEIR_SAME_SITE_STRICT] = "; SameSite=Strict",
	[WEIR_SAME_SITE_NONE] = "; SameSite=None",
};

static bool value_is_valid(struct weir_slice value)
{
	if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
		value = weir_slice(value.data + 1, value.len - 2);
	return weir_chars_all_in(value, WEIR_CHAR_COOKIE);
}

static bool path_is_valid(struct weir_slice path)
{
	if (path.len == 0 || path.data[0] != '/')
		return false;
	for (size_t i = 0; i < path.len; i++)
		if (path.data[i] < ' ' || path.data[i] > '~' || path.data[i] == ';')
			return false;
	return true;
}

static bool is_letter_or_digit(char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
}

/* Host names (RFC 1123 section 2.1): labels of letters, digits and inner hyphens. */
static bool domain_is_valid(struct weir_slice domain)
{
	while (domain.data) {
		struct weir_slice label = weir_slice_cut(&domain, '.');

		if (label.len == 0 || label.data[0] == '-' || label.data[label.len - 1] == '-')
			return false;
		for (size_t i = 0; i < label.len; i++)
			if (!is_letter_or_digit(label.data[i]) && label.data[i] != '-')
				return false;
	}
	return true;
}

static bool has_prefix(struct weir_slice name, struct weir_slice prefix)
{
	return name.len >= prefix.len && weir_slice_equal_nocase(weir_slice(name.data, prefix.len), prefix);
}

/* Case does not matter: clients that compare with it would keep the cookie, the others drop it. */
static bool keeps_promise_of_name(const struct weir_set_cookie *cookie)
{
	struct weir_slice name = weir_slice_text(cookie->name);

	if (has_prefix(name, WEIR_SLICE_LITERAL("__Secure-")))
		return cookie->secure;
	if (has_prefix(name, WEIR_SLICE_LITERAL("__Host-")))
		return cookie->secure && !cookie->domain && cookie->path && strcmp(cookie->path, "/") == 0;
	return true;
}

static enum weir_status check(const struct weir_set_cookie *cookie)
{
	struct weir_slice name = weir_slice_text(cookie->name), value = weir_slice_text(cookie->value);
	struct weir_slice path = weir_slice_text(cookie->path), domain = weir_slice_text(cookie->domain);

	if (name.len == 0 || !weir_chars_all_in(name, WEIR_CHAR_TOKEN) || !value_is_valid(value))
		return WEIR_ERR_INVALID;
	if ((path.data && !path_is_valid(path)) || (domain.data && !domain_is_valid(domain)))
		return WEIR_ERR_INVALID;
	if (cookie->max_age_s < WEIR_COOKIE_FORGET || (unsigned)cookie->same_site > WEIR_SAME_SITE_NONE)
		return WEIR_ERR_INVALID;
	if ((cookie->same_site == WEIR_SAME_SITE_NONE && !cookie->secure) || !keeps_promise_of_name(cookie))
		return WEIR_ERR_INVALID;
	if (name.len + value.len > PAIR_LIMIT || path.len > ATTRIBUTE_LIMIT || domain.len > ATTRIBUTE_LIMIT)
		return WEIR_ERR_LIMIT;
	return WEIR_OK;
}

enum weir_status weir_set_cookie_format(struct weir_pool *pool, const struct weir_set_cookie *cookie, struct weir_slice *value)
{
	enum weir_status st = check(cookie);
	char max_age[40] = "";

	if (st != WEIR_OK)
		return st;
	if (cookie->max_age_s != 0)
		(void)snprintf(max_age, sizeof(max_age), "; Max-Age=%" PRId64, cookie->max_age_s > 0 ? cookie->max_age_s : 0);
	*value = weir_slice_text(weir_pool_printf(
		pool, "%s=%s%s%s%s%s%s%s%s%s", cookie->name, cookie->value ? cookie->value : "", cookie->path ? "; Path=" : "",
		cookie->path ? cookie->path : "", cookie->domain ? "; Domain=" : "", cookie->domain ? cookie->domain : "", max_age,
		cookie->secure ? "; Secure" : "", cookie->http_only ? "; HttpOnly" : "", same_site_texts[cookie->same_site]));
	return value->data ? WEIR_OK : WEIR_ERR_MEMORY;
}
