/* SPDX-License-Identifier: Apache-2.0
 *
 * Query strings: `a=1&b=2`, decoded, and brought into one canonical order for cache keys.
 *
 * Names and values are decoded as HTML forms encode them: `+` is a space, %XX a byte. `&` separates, empty pieces are skipped, a name
 * without `=` has the empty value. A broken escape and NUL, escaped or not, are ERR_INVALID: a request with one is answered 400. The
 * decoded bytes need not be UTF-8.
 */
#ifndef WEIR_QUERY_H
#define WEIR_QUERY_H

#include <weir/pool.h>
#include <weir/slice.h>

/* Both are followed by a zero byte that the length does not count, and hold none. */
struct weir_query_pair {
	struct weir_slice name;
	struct weir_slice value;
};

/* The pairs in the order sent. */
struct weir_query {
	struct weir_query_pair *pairs;
	size_t count;
};

/* Copies and decodes into the pool. `text` is without '?'; absent or empty gives no pairs. ERR_INVALID as above, ERR_LIMIT for more than
 * `max_pairs` (0: no limit), ERR_MEMORY when the pool is full; `*query` is then empty. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_query_parse(struct weir_pool *pool, struct weir_slice text, size_t max_pairs,
							   struct weir_query *query);

/* The first value of that name; the absent slice when there is none. Names are compared byte by byte. */
WEIR_API struct weir_slice weir_query_get(const struct weir_query *query, struct weir_slice name);

/* The value of the n-th pair of that name, from 0; the absent slice when there are fewer. */
WEIR_API struct weir_slice weir_query_nth(const struct weir_query *query, struct weir_slice name, size_t n);

/* Pairs of that name. */
WEIR_API size_t weir_query_count(const struct weir_query *query, struct weir_slice name);

/* Which names a canonical query holds. Both lists end with NULL; NULL for a list means that it has no say. A name that ends with '*'
 * stands for every name with that beginning. */
struct weir_query_rules {
	const char *const *only;   /* these and no others … */
	const char *const *ignore; /* … and not these, such as "utm_*" */
	size_t max_pairs;          /* before names are left out; 0: no limit */
};

/* The query in canonical form: sorted by decoded name, pairs of one name in the order sent, unreserved characters (RFC 3986 section 2.3)
 * as they are, every other byte as %XX. Two queries give the same text exactly when they decode to the same pairs up to the order of
 * different names. The result is in the pool; empty, not absent, when no pair is left. `rules` may be NULL. Errors as
 * weir_query_parse(). */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_query_normalise(struct weir_pool *pool, struct weir_slice text,
							       const struct weir_query_rules *rules, struct weir_slice *canonical);

#endif
