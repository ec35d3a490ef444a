/* SPDX-License-Identifier: Apache-2.0
 *
 * The rule: how a route or a function is cached, as data. Each field is the answer to a question; zero is the cautious one.
 *
 * Stored are whole responses with status 200, 203, 204, 300, 301, 308, 404 or 410, and the values of functions. Never stored: a response
 * that sets a cookie, one whose own Cache-Control says no-store, private or no-cache, one whose Vary names a field that the rule does not
 * key on, a 206 and a 304. A shorter max-age of the handler's own counts.
 */
#ifndef WEIR_CACHE_RULE_H
#define WEIR_CACHE_RULE_H

#include <weir/key.h>

struct weir_call;
struct weir_coder;

#define WEIR_EXPIRE_NEVER INT64_C(-1)

/* How long responses of one status are kept: seconds, 0 for not at all, or WEIR_EXPIRE_NEVER. A list ends with { 0 }. */
struct weir_status_expiry {
	int status;
	int64_t expire_s;
};

struct weir_cache_rule {
	/* -- How long is it good? */
	int64_t expire_s; /* 0: the cache's; WEIR_EXPIRE_NEVER */
	/* By status, also of others than those above. A function that returns WEIR_MISS counts as 404. What is not listed has expire_s. */
	const struct weir_status_expiry *expire_by_status;
	unsigned jitter_percent; /* each lifetime is shortened by up to so much, at random, so that what was made at once does not end at
				    once */

	/* -- What else may a user see? */
	int64_t stale_while_revalidate_s; /* so long after its end the old value is served at once while one request in the background makes
					     the new one */
	int64_t stale_if_error_s; /* so long after its end the old value is served when making the new one fails (RFC 5861), or takes too
				     long */
	/* Above 0: a value is made anew in the background before its end, by chance, the likelier the nearer the end and the longer making
	 * it took (XFetch); 1 is the usual, more is earlier. */
	double early_refresh;
	int64_t soft_timeout_ms; /* how long one waits for a new value when an old one may be served by stale_…; making goes on. 0: to the
				    end */
	int64_t hard_timeout_ms; /* how long one waits for a new value at all; then the old one, or 504, and making goes on. 0: to the end
				  */

	/* -- What are two requests for the same? */
	const char *ns;  /* namespace, cleared as a whole; NULL and "" are the same, a namespace of their own */
	weir_key_fn key; /* NULL: the cache's; for functions weir_key_arguments */
	void *key_user_data;
	unsigned methods;                 /* cacheable ones; 0: WEIR_GET. HEAD is answered from GET's entries and never stored. */
	const char *const *key_fields;    /* request fields that enter the key; NULL-terminated */
	const char *const *key_cookies;   /* cookies that enter the key; NULL-terminated */
	const char *const *key_query;     /* the query parameters that enter the key, no others; NULL: all. NULL-terminated, as all lists */
	const char *const *ignored_query; /* parameters that do not; a name may end in '*', as "utm_*" does */
	bool ignore_authorization; /* the answer does not depend on who asks: share it although there is Authorization or REMOTE_USER */
	bool ignore_cookies;       /* the same for Cookie */
	bool bypass_cache_control; /* the request's Cache-Control and Pragma are ignored */

	/* -- Who makes it, and who waits? See below. */
	bool with_lock;          /* of concurrent misses on one key one runs the handler, the others wait */
	int64_t lock_timeout_ms; /* how long one waits before another takes over; 0: 60,000 */
	/* For so long after a result that may not be shared nobody waits for others under this key. 0: 2,000; negative: not at all. */
	int64_t uncacheable_ms;

	/* -- How is it kept, named and shown? */
	/* Of a function, its value's: NULL, the function's own. Of a route NULL, or a coder of bytes (WEIR_CODER_ZSTD(&weir_coder_bytes,
	 * …)) that keeps the body. */
	const struct weir_coder *coder;
	const char *const *tags;   /* that every entry carries; more by weir_call_add_tag() */
	const char *injected_ns;   /* functions find request and response under NS_request and NS_response; NULL: "__weir_cache" */
	const char *status_header; /* NULL: the cache's */
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
 * either, there is the old value where stale_… allows it, else a 503 with Retry-After. When the backend cannot say who leads, each process
 * has a leader of its own.
 *
 * Refreshing in the background has one leader too, whether the rule has a lock or not.
 *
 * Old values: what was softly purged is old at once, and both times of stale_… still count from the end it would have had. A response that
 * says must-revalidate or proxy-revalidate is never served when it is old, and a request that says no-cache is never answered with anything
 * old. Who is, is told "max-age=0". After a failure (5xx, or a handler that fails) nobody tries again under this key for two seconds while
 * there is an old value to serve, in each process; and a failure never takes the place of a value that may still be served.
 *
 * What is made in the background is made from a copy of the request by the same handler; weir_call_is_refresh() tells it so. There may be
 * limits.background at a time in a process; beyond that the old value is served on. A CGI program makes it after its client has seen the
 * end of the answer.
 *
 * A rule with a timeout has a lock, for what one does not wait for others shall have; weir_call_set_lock() can take both away. The value is
 * made in the background, unless limits.background is reached: then the client makes it, and waits. So does the client of a CGI program.
 * What may not be shared is given to the client who has asked, and to no other. Calls by C code have no timeouts. */

#endif
