/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading query strings. The text is copied once and decoded where it stands: decoding only shrinks, and the separators leave room for the
 * zero bytes behind names and values.
 */
#include <weir/query.h>

#include "http/percent.h"

static size_t count_byte(struct weir_slice text, char byte)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == byte;
	return count;
}

static enum weir_status decode(char *text, size_t len, struct weir_slice *decoded)
{
	decoded->data = text;
	return weir_percent_decode_in_place(text, len, WEIR_PERCENT_FORM, &decoded->len);
}

static enum weir_status decode_pair(char *piece, size_t len, struct weir_query_pair *pair)
{
	size_t name_len = weir_slice_find(weir_slice(piece, len), '=');
	size_t value_at = name_len < len ? name_len + 1 : len;
	enum weir_status st = decode(piece, name_len, &pair->name);

	return st == WEIR_OK ? decode(piece + value_at, len - value_at, &pair->value) : st;
}

/* `query->pairs` has room for `capacity`. `text` is writable, one byte behind its end too. */
static enum weir_status decode_pairs(char *text, size_t len, size_t capacity, struct weir_query *query)
{
	size_t at = 0;

	while (at < len) {
		size_t piece_len = weir_slice_find(weir_slice(text + at, len - at), '&');

		if (piece_len > 0) {
			enum weir_status st;

			if (query->count == capacity)
				return WEIR_ERR_LIMIT;
			st = decode_pair(text + at, piece_len, &query->pairs[query->count++]);
			if (st != WEIR_OK)
				return st;
		}
		at += piece_len + 1;
	}
	return WEIR_OK;
}

enum weir_status weir_query_parse(struct weir_pool *pool, struct weir_slice text, size_t max_pairs, struct weir_query *query)
{
	size_t capacity = count_byte(text, '&') + 1;
	struct weir_query found = { NULL, 0 };
	enum weir_status st;
	char *copy;

	*query = found;
	if (text.len == 0)
		return WEIR_OK;
	if (max_pairs > 0 && capacity > max_pairs)
		capacity = max_pairs;
	copy = weir_pool_bytes(pool, text.len + 1);
	found.pairs = weir_pool_alloc(pool, capacity * sizeof(*found.pairs));
	if (!copy || !found.pairs)
		return WEIR_ERR_MEMORY;
	memcpy(copy, text.data, text.len);
	st = decode_pairs(copy, text.len, capacity, &found);
	if (st == WEIR_OK)
		*query = found;
	return st;
}

struct weir_slice weir_query_nth(const struct weir_query *query, struct weir_slice name, size_t n)
{
	for (size_t i = 0; i < query->count; i++)
		if (weir_slice_equal(query->pairs[i].name, name) && n-- == 0)
			return query->pairs[i].value;
	return WEIR_SLICE_NONE;
}

struct weir_slice weir_query_get(const struct weir_query *query, struct weir_slice name)
{
	return weir_query_nth(query, name, 0);
}

size_t weir_query_count(const struct weir_query *query, struct weir_slice name)
{
	size_t count = 0;

	for (size_t i = 0; i < query->count; i++)
		count += weir_slice_equal(query->pairs[i].name, name);
	return count;
}
