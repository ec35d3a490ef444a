/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache keys: lists of parts, each with its length in front, so that no two lists give the same bytes: "4:shop5:items3:GET". The absent
 * part is "-:".
 *
 * Every key begins with prefix and namespace. The bytes so far are also the name of the namespace's clear cell, those of the prefix alone
 * that of the cell of everything, and the whole key that of its own cell: cells and entries do not share a space. Where a namespace stands
 * in those, the other cells have the absent part, and then say what they are: weir_key_cell().
 */
#ifndef WEIR_CACHE_KEY_H
#define WEIR_CACHE_KEY_H

#include <weir/backend_driver.h>
#include <weir/key.h>

/* Leaves a backend's longest key room for what the name of a lease has behind the key (lease.h). */
#define WEIR_CACHE_KEY_MAX (WEIR_KEY_MAX - 16)

struct weir_key {
	struct weir_pool *pool;
	struct weir_call *call; /* that it is made for; NULL: none */
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

/* The name of a cell for what is no namespace and no key: the tag, and what is softly purged (all, one namespace, one key, one tag, and
 * the one cell for any such purge). The absent slice when memory was out. */
enum weir_cell_kind {
	WEIR_CELL_TAG,
	WEIR_CELL_SOFT, /* of any soft purge */
	WEIR_CELL_SOFT_ALL,
	WEIR_CELL_SOFT_NAMESPACE,
	WEIR_CELL_SOFT_KEY,
	WEIR_CELL_SOFT_TAG,
};
struct weir_slice weir_key_cell(struct weir_pool *pool, const char *prefix, enum weir_cell_kind kind, struct weir_slice name);

/* What weir_key_request adds for a request without a body, and a rule that leaves the query as it is. (key_builders.c) */
enum weir_status weir_key_add_target(struct weir_key *key, struct weir_slice host, struct weir_slice path, struct weir_slice query);

#endif
