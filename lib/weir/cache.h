/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache: options for the whole app, a rule for each route, and clearing.
 *
 * Every app made by weir_main() has one, made from `.cache` of its options and the environment. Zero means "the default"; "never" and
 * "off" have names. What a rule and the options point to is copied.
 */
#ifndef WEIR_CACHE_H
#define WEIR_CACHE_H

#include <weir/backend.h>
#include <weir/cache_rule.h>

struct weir_cache;

struct weir_cache_stats {
	uint64_t hits, misses, stored, bypassed, coalesced, errors;
};

/* Environment, over the options of the code: WEIR_CACHE_BACKEND, WEIR_CACHE_BACKEND_FILE, WEIR_CACHE_PREFIX, WEIR_CACHE_EXPIRE (seconds or
 * "never"), WEIR_CACHE_STATUS_HEADER, WEIR_CACHE_ENABLE (true or false). Empty means unset. */
struct weir_cache_options {
	const char *backend;            /* URL; NULL: "memory:" */
	struct weir_backend *instance;  /* ready made, instead of an URL; the cache takes it over */
	const char *prefix;             /* first part of every key; NULL: the app's name */
	int64_t expire_s;               /* 0: never, as WEIR_EXPIRE_NEVER */
	weir_key_fn key;                /* default key builder of routes; NULL: weir_key_request */
	const struct weir_coder *coder; /* of functions that name none; NULL: weir_coder_json */
	const char *status_header;      /* HIT or MISS; NULL: "X-Weir-Cache" */
	bool disabled;                  /* every call goes to the handler, no cache field is sent */
	bool locked;                    /* the environment has no say */
	size_t max_entry;               /* larger responses are not stored, bytes; 0: 16 MiB */
	const struct weir_clock *clock; /* NULL: the machine's */
	struct weir_log *log;
};

/* On failure one line for people in `why` (`why_size` bytes). */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_create(const struct weir_cache_options *options, char *why, size_t why_size,
							    struct weir_cache **cache);

/* Takes NULL. Closes the backend. */
WEIR_API void weir_cache_destroy(struct weir_cache *cache);

/* While running, from any thread. */
WEIR_API void weir_cache_set_enabled(struct weir_cache *cache, bool enabled);
WEIR_API bool weir_cache_enabled(const struct weir_cache *cache);

/* Clearing by the clear clock: a value whose making began before is never served afterwards, however late it is stored. Each clears exactly
 * what it names. From any thread outside the loop: they wait for a remote backend. `removed` NULL: O(1); else the entries are counted and
 * removed by walking. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_clear_namespace(struct weir_cache *cache, const char *ns, size_t *removed);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_clear_all(struct weir_cache *cache, size_t *removed);

/* Every entry that carries the tag. Counting looks at all entries of this cache. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_clear_tag(struct weir_cache *cache, const char *tag, size_t *removed);

/* Soft purge: what was made before is stale from now on, not gone, and served only where a rule's stale_… allows it. O(1). */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_expire_namespace(struct weir_cache *cache, const char *ns);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_expire_tag(struct weir_cache *cache, const char *tag);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_expire_all(struct weir_cache *cache);

/* One entry, named as the cache names it. */
struct weir_cache_entry_name {
	const char *ns;     /* the rule's namespace */
	const char *route;  /* the route's pattern, such as "/items/{id}" */
	const char *method; /* NULL: "GET" */
	/* What the default key builder sees … */
	const char *host;
	const char *target; /* path and query, such as "/items/7?page=2"; of the query only what the rule lets into the key */
	/* … or, where the rule has a builder of its own, the parts that it adds, in order. */
	const struct weir_slice *parts;
	size_t part_count;
};

/* Exactly this entry. Not for rules with key_fields or key_cookies, nor for requests with a body: name their entries by a builder.
 * `*removed` becomes 0 or 1; may be NULL. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_clear_entry(struct weir_cache *cache, const struct weir_cache_entry_name *name,
								 size_t *removed);

/* One entry. A server that throws away what it has no room for may forget this with it. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_expire_entry(struct weir_cache *cache, const struct weir_cache_entry_name *name);

WEIR_API void weir_cache_stats(struct weir_cache *cache, struct weir_cache_stats *stats);

#endif
