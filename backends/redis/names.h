/* SPDX-License-Identifier: Apache-2.0
 *
 * What things are called in Redis. With the prefix "weir:":
 *
 *     weir:v:NAME       a value
 *     weir:l:NAME       a lease
 *     weir:c            a hash with the clear clock and, in fields ":NAME", the cells: look.h
 *
 * NAME is weir_backend_name() of the key: printable, without braces and without what MATCH takes for a pattern. In a cluster values and
 * leases are spread over all nodes by their whole names.
 */
#ifndef WEIR_REDIS_NAMES_H
#define WEIR_REDIS_NAMES_H

#include <weir/slice.h>

#define WEIR_REDIS_PREFIX_MAX ((size_t)64)
#define WEIR_REDIS_NAME_MAX ((size_t)320)

enum weir_redis_kind {
	WEIR_REDIS_VALUE,
	WEIR_REDIS_LEASE,
	WEIR_REDIS_CLEARS, /* the hash */
	WEIR_REDIS_CELL,   /* a field of it */
};

struct weir_redis_name {
	char text[WEIR_REDIS_NAME_MAX];
	size_t len;
};

/* True for 1 to WEIR_REDIS_PREFIX_MAX of the characters that weir_backend_name() leaves as they are. */
bool weir_redis_prefix_valid(const char *prefix);

/* `key` is not looked at for the hash. */
void weir_redis_name(const char *prefix, enum weir_redis_kind kind, struct weir_slice key, struct weir_redis_name *name);

/* A pattern for MATCH: the names of all values whose keys begin with `prefix_of_key`, and maybe of others. */
void weir_redis_name_pattern(const char *prefix, struct weir_slice prefix_of_key, struct weir_redis_name *pattern);

static inline struct weir_slice weir_redis_name_slice(const struct weir_redis_name *name)
{
	return weir_slice(name->text, name->len);
}

#endif
