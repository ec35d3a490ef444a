/* SPDX-License-Identifier: Apache-2.0
 *
 * The canonical query for cache keys: `b=2&a=1&utm_source=x` and `a=1&b=%32` ask for the same thing and shall share an entry. The order
 * of pairs of one name is kept, since it means something to those who read them as a list; so the sort has to be stable, which qsort is
 * not.
 */
#include <weir/query.h>

#include "http/percent.h"

/* A pattern that ends with '*' stands for every name with that beginning. */
static bool is_listed(const char *const *patterns, struct weir_slice name)
{
	for (; *patterns; patterns++) {
		struct weir_slice pattern = weir_slice_text(*patterns);
		bool open = pattern.len > 0 && pattern.data[pattern.len - 1] == '*';

		if (open)
			pattern.len--;
		if (open ? weir_slice_starts_with(name, pattern) : weir_slice_equal(name, pattern))
			return true;
	}
	return false;
}

static void leave_out(struct weir_query *query, const struct weir_query_rules *rules)
{
	size_t kept = 0;

	for (size_t i = 0; i < query->count; i++) {
		struct weir_slice name = query->pairs[i].name;

		if ((!rules->only || is_listed(rules->only, name)) && !(rules->ignore && is_listed(rules->ignore, name)))
			query->pairs[kept++] = query->pairs[i];
	}
	query->count = kept;
}

static bool is_sorted(const struct weir_query *query)
{
	for (size_t i = 1; i < query->count; i++)
		if (weir_slice_compare(query->pairs[i - 1].name, query->pairs[i].name) > 0)
			return false;
	return true;
}

/* Merges the sorted runs [from, middle) and [middle, end) to the same place in `out`; of equal names those of the first run come first. */
static void merge(const struct weir_query_pair *pairs, size_t from, size_t middle, size_t end, struct weir_query_pair *out)
{
	size_t left = from, right = middle;

	for (size_t i = from; i < end; i++) {
		bool take_left = left < middle && (right == end || weir_slice_compare(pairs[left].name, pairs[right].name) <= 0);

		out[i] = pairs[take_left ? left++ : right++];
	}
}

static enum weir_status sort(struct weir_pool *pool, struct weir_query *query)
{
	struct weir_query_pair *from = query->pairs;
	struct weir_query_pair *to;

	if (is_sorted(query))
		return WEIR_OK;
	to = weir_pool_alloc(pool, query->count * sizeof(*to));
	if (!to)
		return WEIR_ERR_MEMORY;
	for (size_t run = 1; run < query->count; run *= 2) {
		struct weir_query_pair *merged = to;

		for (size_t at = 0; at < query->count; at += 2 * run) {
			size_t left = query->count - at;

			merge(from, at, at + (left < run ? left : run), at + (left < 2 * run ? left : 2 * run), merged);
		}
		to = from;
		from = merged;
	}
	query->pairs = from;
	return WEIR_OK;
}

static enum weir_status write_pairs(struct weir_pool *pool, const struct weir_query *query, struct weir_slice *canonical)
{
	size_t room = 1;
	char *out, *end;

	for (size_t i = 0; i < query->count; i++)
		room += 3 * (query->pairs[i].name.len + query->pairs[i].value.len) + 2;
	out = end = weir_pool_bytes(pool, room);
	if (!out)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < query->count; i++) {
		if (i > 0)
			*end++ = '&';
		end = weir_percent_encode(end, query->pairs[i].name);
		*end++ = '=';
		end = weir_percent_encode(end, query->pairs[i].value);
	}
	*end = '\0';
	*canonical = weir_slice(out, (size_t)(end - out));
	return WEIR_OK;
}

enum weir_status weir_query_normalise(struct weir_pool *pool, struct weir_slice text, const struct weir_query_rules *rules,
				      struct weir_slice *canonical)
{
	static const struct weir_query_rules everything = { 0 };
	struct weir_query query;
	enum weir_status st;

	if (!rules)
		rules = &everything;
	st = weir_query_parse(pool, text, rules->max_pairs, &query);
	if (st != WEIR_OK)
		return st;
	leave_out(&query, rules);
	st = sort(pool, &query);
	return st == WEIR_OK ? write_pairs(pool, &query, canonical) : st;
}
