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
#include <weir/request.h>

struct weir_cache;
struct weir_call;
struct weir_key;

struct weir_cache_stats {
	uint64_t hits, misses, stored, bypassed, coalesced, errors;
};

#define WEIR_EXPIRE_NEVER INT64_C(-1)

/* Adds what tells two requests apart to `key` (weir_key_add() and the like). A failure means that this call is not cached, and is logged.
 */
typedef enum weir_status (*weir_key_fn)(struct weir_key *key, struct weir_request *req, void *user_data);

/* Environment, over the options of the code: WEIR_CACHE_BACKEND, WEIR_CACHE_BACKEND_FILE, WEIR_CACHE_PREFIX, WEIR_CACHE_EXPIRE (seconds or
 * "never"), WEIR_CACHE_STATUS_HEADER, WEIR_CACHE_ENABLE (true or false). Empty means unset. */
struct weir_cache_options {
	const char *backend;            /* URL; NULL: "memory:" */
	struct weir_backend *instance;  /* ready made, instead of an URL; the cache takes it over */
	const char *prefix;             /* first part of every key; NULL: the app's name */
	int64_t expire_s;               /* 0: never, as WEIR_EXPIRE_NEVER */
	weir_key_fn key;                /* default key builder; NULL: weir_key_request */
	const char *status_header;      /* HIT or MISS; NULL: "X-Weir-Cache" */
	bool disabled;                  /* every call goes to the handler, no cache field is sent */
	bool locked;                    /* the environment has no say */
	size_t max_entry;               /* larger responses are not stored, bytes; 0: 16 MiB */
	const struct weir_clock *clock; /* NULL: the machine's */
	struct weir_log *log;
};

/* What decides how a route is cached. Question and answer for each field in the README.
 *
 * Stored are whole responses with status 200, 203, 204, 300, 301, 308, 404 or 410. Never stored: a response that sets a cookie, one whose
 * own Cache-Control says no-store, private or no-cache, and one whose Vary names a field that the rule does not key on. A shorter max-age
 * of the handler's own counts. */
struct weir_cache_rule {
	int64_t expire_s; /* 0: the cache's; WEIR_EXPIRE_NEVER */
	const char *ns;   /* namespace, cleared as a whole; NULL and "" are the same, a namespace of their own */
	weir_key_fn key;  /* NULL: the cache's */
	void *key_user_data;
	unsigned methods;               /* cacheable ones; 0: WEIR_GET. HEAD is answered from GET's entries and never stored. */
	bool with_lock;                 /* of concurrent misses on one key one runs the handler, the others wait: see below */
	int64_t lock_timeout_ms;        /* how long one waits before another takes over; 0: 60,000 */
	bool bypass_cache_control;      /* the request's Cache-Control and Pragma are ignored */
	const char *status_header;      /* NULL: the cache's */
	const char *const *key_fields;  /* request fields that enter the key; NULL-terminated */
	const char *const *key_cookies; /* cookies that enter the key; NULL-terminated */
	bool ignore_authorization; /* the answer does not depend on who asks: share it although there is Authorization or REMOTE_USER */
	bool ignore_cookies;       /* the same for Cookie */
	/* Before the key exists: may change namespace, key builder and lock of this call. Negative: not cached, logged. */
	enum weir_status (*prepare)(struct weir_call *call, struct weir_request *req);
};

/* `with_lock` holds for all that share the backend: threads, processes and hosts. One of them leads and runs the handler; the others wait,
 * without a thread, and are answered from what it made.
 *
 * When the leader's process dies another takes over: at once where the backend sees it, as shared memory does, else when the lease is over,
 * after ten seconds (after `lock_timeout_ms` where handlers hold up the loop, as in a CGI program). When its handler fails, or makes what
 * may not be shared, those who wait in the same process run theirs, each for itself, and of the other processes one follows another. When
 * it is alive but takes longer than `lock_timeout_ms`, one of those who wait runs the handler too; for whom that is not there in time
 * either, there is a 503 with Retry-After. When the backend cannot say who leads, each process has a leader of its own. */

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

/* One entry, named as the cache names it. */
struct weir_cache_entry_name {
	const char *ns;     /* the rule's namespace */
	const char *route;  /* the route's pattern, such as "/items/{id}" */
	const char *method; /* NULL: "GET" */
	/* What the default key builder sees … */
	const char *host;
	const char *target; /* path and query, such as "/items/7?page=2" */
	/* … or, where the rule has a builder of its own, the parts that it adds, in order. */
	const struct weir_slice *parts;
	size_t part_count;
};

/* Exactly this entry. Not for rules with key_fields or key_cookies, nor for requests with a body: name their entries by a builder.
 * `*removed` becomes 0 or 1; may be NULL. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_clear_entry(struct weir_cache *cache, const struct weir_cache_entry_name *name,
								 size_t *removed);

WEIR_API void weir_cache_stats(struct weir_cache *cache, struct weir_cache_stats *stats);

/* -- Keys ------------------------------------------------------------------------------------------------------------------ */

/* Each part is length-prefixed, so no two lists of parts give one key. The absent slice differs from the empty one. */
WEIR_API void weir_key_add(struct weir_key *key, struct weir_slice part);
WEIR_API void weir_key_add_text(struct weir_key *key, const char *part);

/* Adds a digest (SHA-256) of the part: for credentials and other secrets, which must not stand in a store in clear. */
WEIR_API void weir_key_add_secret(struct weir_key *key, struct weir_slice part);

/* The default key builder: host, path, and the query in canonical order; of a request with a body, whatever its method, also Content-Type
 * and the body's digest. What comes before in every key, whatever the builder: prefix, namespace, method and the route's pattern. */
WEIR_API enum weir_status weir_key_request(struct weir_key *key, struct weir_request *req, void *user_data);

#endif
