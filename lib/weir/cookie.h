/* SPDX-License-Identifier: Apache-2.0
 *
 * Cookies: reading the Cookie field of a request, and building the value of Set-Cookie (RFC 6265bis).
 */
#ifndef WEIR_COOKIE_H
#define WEIR_COOKIE_H

#include <weir/pool.h>
#include <weir/slice.h>

/* Both are followed by a zero byte that the length does not count, and hold none. Nothing is percent-decoded: what encoding a value
 * has is between those who write and read it. */
struct weir_cookie {
	struct weir_slice name;  /* never empty; upper and lower case differ */
	struct weir_slice value; /* without the double quotes round it, if there were any */
};

/* In the order sent: of two cookies with one name the client puts the one with the more specific path first. */
struct weir_cookies {
	struct weir_cookie *items;
	size_t count;
};

/* Copies a Cookie field's value into the pool. Spaces and tabs round names and values and empty pieces do not matter; pieces without '=' or
 * without a name are skipped. ERR_INVALID when the value holds NUL, ERR_LIMIT for more than `max_pairs` cookies (0: no limit), ERR_MEMORY
 * when the pool is full; `*cookies` is then empty. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cookies_parse(struct weir_pool *pool, struct weir_slice value, size_t max_pairs,
							     struct weir_cookies *cookies);

/* The first value of that name; the absent slice when there is none. */
WEIR_API struct weir_slice weir_cookies_get(const struct weir_cookies *cookies, struct weir_slice name);

enum weir_same_site {
	WEIR_SAME_SITE_UNSET, /* the attribute is left out */
	WEIR_SAME_SITE_LAX,
	WEIR_SAME_SITE_STRICT,
	WEIR_SAME_SITE_NONE, /* only with `.secure` */
};

/* As `.max_age_s`: the client is to forget the cookie. Name, path and domain must be those it was set with. */
#define WEIR_COOKIE_FORGET INT64_C(-1)

struct weir_set_cookie {
	const char *name;   /* a token */
	const char *value;  /* NULL: empty. ASCII without space, controls, `,` `;` `\` and `"`, but may stand as a whole in double quotes */
	const char *path;   /* NULL: left out. Begins with '/' */
	const char *domain; /* NULL: left out, the cookie goes to this host only. Letters, digits, hyphens, dots */
	int64_t max_age_s;  /* seconds; 0: left out, until the client closes; or WEIR_COOKIE_FORGET */
	bool secure;
	bool http_only;
	enum weir_same_site same_site;
};

/* The value of a Set-Cookie field, in the pool. ERR_INVALID when a part breaks its rule, or when the name begins with "__Secure-" or
 * "__Host-" and the cookie is not what that promises: secure, and for the latter with path "/" and without domain. ERR_LIMIT when name
 * and value together are over 4096 bytes, or path or domain over 1024: clients ignore such cookies. ERR_MEMORY when the pool is full. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_set_cookie_format(struct weir_pool *pool, const struct weir_set_cookie *cookie,
								 struct weir_slice *value);

#endif
