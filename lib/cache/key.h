/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache keys: lists of parts, each with its length in front, so that no two lists give the same bytes.
 *
 * Every key begins with prefix and namespace. The bytes so far are also the name of the namespace's clear cell, those of the prefix alone
 * that of the cell of everything, and the whole key that of its own cell: cells and entries do not share a space.
 */
#ifndef WEIR_CACHE_KEY_H
#define WEIR_CACHE_KEY_H

#include <weir/cache.h>

struct weir_key {
	struct weir_pool *pool;
	char *data;
	size_t len;
	size_t capacity;
	size_t prefix_len;
	size_t namespace_len; /* prefix included */
	bool failed;          /* memory was out */
};

/* An empty key with prefix and namespace. */
void weir_key_begin(struct weir_key *key, struct weir_pool *pool, const char *prefix, const char *ns);

/* The finished key; one that is longer than a backend takes has its tail replaced by a digest. The absent slice when memory was out. */
struct weir_slice weir_key_finish(struct weir_key *key);

static inline struct weir_slice weir_key_all_cell(const struct weir_key *key)
{
	return (struct weir_slice){ key->data, key->prefix_len };
}

static inline struct weir_slice weir_key_namespace_cell(const struct weir_key *key)
{
	return (struct weir_slice){ key->data, key->namespace_len };
}

/* What weir_key_request adds, from its parts. */
enum weir_status weir_key_add_target(struct weir_key *key, struct weir_slice host, struct weir_slice path, struct weir_slice query);

#endif
