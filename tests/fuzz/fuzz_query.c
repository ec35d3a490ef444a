/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a query string. The first byte is the limit on pairs. Parsing and the canonical form must agree with each other, and the
 * canonical form with itself.
 */
#include <weir/query.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct weir_slice text)
{
	INSIST(text.data && text.data[text.len] == '\0');
	INSIST(weir_slice_find(text, '\0') == text.len);
}

static void check_pairs(const struct weir_query *query)
{
	for (size_t i = 0; i < query->count; i++) {
		check_text(query->pairs[i].name);
		check_text(query->pairs[i].value);
		INSIST(weir_query_get(query, query->pairs[i].name).data);
	}
}

/* The same values in the same order under each name: the n-th of a name in `a` is the n-th of that name in `b`. */
static void compare(const struct weir_query *a, const struct weir_query *b)
{
	INSIST(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		struct weir_query before = { a->pairs, i };
		size_t n = weir_query_count(&before, a->pairs[i].name);

		INSIST(weir_slice_equal(weir_query_nth(b, a->pairs[i].name, n), a->pairs[i].value));
	}
}

static void check_canonical(struct weir_pool *pool, struct weir_slice canonical, const struct weir_query *query)
{
	struct weir_slice again;
	struct weir_query read;

	INSIST(weir_query_parse(pool, canonical, 0, &read) == WEIR_OK);
	compare(query, &read);
	for (size_t i = 1; i < read.count; i++)
		INSIST(weir_slice_compare(read.pairs[i - 1].name, read.pairs[i].name) <= 0);
	for (size_t i = 0; i < canonical.len; i++)
		INSIST(canonical.data[i] > ' ' && canonical.data[i] < 0x7f && canonical.data[i] != '+');
	INSIST(weir_query_normalise(pool, canonical, NULL, &again) == WEIR_OK);
	INSIST(weir_slice_equal(again, canonical));
}

/* Of all pairs those remain whose names begin with "a" and are not "ab". */
static void check_rules(struct weir_pool *pool, struct weir_slice text, const struct weir_query *query)
{
	static const char *const only[] = { "b", "a*", NULL }, *const ignore[] = { "b*", "ab", NULL };
	struct weir_query_rules rules = { .only = only, .ignore = ignore };
	struct weir_slice canonical;
	struct weir_query left;
	size_t expected = 0;

	for (size_t i = 0; i < query->count; i++)
		expected += query->pairs[i].name.data[0] == 'a' && strcmp(query->pairs[i].name.data, "ab") != 0;
	INSIST(weir_query_normalise(pool, text, &rules, &canonical) == WEIR_OK);
	INSIST(weir_query_parse(pool, canonical, 0, &left) == WEIR_OK);
	INSIST(left.count == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_query_rules rules = { .max_pairs = size > 0 ? data[0] : 0 };
	struct weir_slice text = weir_slice_from(weir_slice(data, size), 1), canonical;
	struct weir_pool *pool;
	struct weir_query query;
	enum weir_status st;

	if (size > 512)
		return 0;
	pool = weir_pool_create(0);
	st = weir_query_parse(pool, text, rules.max_pairs, &query);
	INSIST(st == WEIR_OK || (query.count == 0 && (st == WEIR_ERR_INVALID || st == WEIR_ERR_LIMIT)));
	INSIST(rules.max_pairs == 0 || query.count <= rules.max_pairs);
	check_pairs(&query);
	INSIST(weir_query_normalise(pool, text, &rules, &canonical) == st);
	if (st == WEIR_OK) {
		check_canonical(pool, canonical, &query);
		check_rules(pool, text, &query);
	}
	weir_pool_destroy(pool);
	return 0;
}
