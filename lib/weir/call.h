/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache context of one call: the rule's parameters, copied, and changeable for this call alone.
 *
 * It exists on every request, cached or not. What decides the key (namespace, key builder, lock) can be changed by the rule's `prepare`
 * hook until the key exists; later is WEIR_ERR_STATE. What decides the storing can be changed by the handler while it runs, and counts also
 * when the handler fails afterwards. The second half of this header is what middleware/cache.c is made of: the steps of a cached call.
 */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H

#include <weir/cache.h>
#include <weir/middleware.h>

/* Never NULL but when the request's memory is out; then all functions below do nothing. */
WEIR_API struct weir_call *weir_request_call(struct weir_request *req);

/* -- Before the key exists ------------------------------------------------------------------------------------------------- */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_call_set_namespace(struct weir_call *call, const char *ns);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_call_set_key(struct weir_call *call, weir_key_fn key, void *user_data);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_call_set_lock(struct weir_call *call, bool with_lock, int64_t timeout_ms);

/* -- Until the call ends --------------------------------------------------------------------------------------------------- */

/* Seconds; 0 means "do not store", WEIR_EXPIRE_NEVER is explicit. The last call counts, but nothing undoes weir_call_do_not_store(). */
WEIR_API void weir_call_set_expire_s(struct weir_call *call, int64_t expire_s);
WEIR_API void weir_call_do_not_store(struct weir_call *call);

/* Of what the entry is kept for, apart from its freshness: 0 means "not at all". */
WEIR_API void weir_call_set_stale_s(struct weir_call *call, int64_t while_revalidate_s, int64_t if_error_s);

/* The entry, and those of all calls around this one, carry the tag: weir_cache_clear_tag() clears them. Copied. */
WEIR_API void weir_call_add_tag(struct weir_call *call, const char *tag);

/* -- Reading --------------------------------------------------------------------------------------------------------------- */
WEIR_API const char *weir_call_namespace(const struct weir_call *call);
WEIR_API int64_t weir_call_expire_s(const struct weir_call *call); /* with the cache's default filled in */
WEIR_API bool weir_call_with_lock(const struct weir_call *call);
WEIR_API int64_t weir_call_lock_timeout_ms(const struct weir_call *call);
WEIR_API bool weir_call_is_cached(const struct weir_call *call);  /* false: this call goes straight through */
WEIR_API bool weir_call_is_refresh(const struct weir_call *call); /* in the background: no client waits for it */
WEIR_API size_t weir_call_tag_count(const struct weir_call *call);
WEIR_API const char *weir_call_tag(const struct weir_call *call, size_t i); /* NULL behind the last */
WEIR_API struct weir_pool *weir_call_pool(const struct weir_call *call);
WEIR_API struct weir_log *weir_call_log(const struct weir_call *call);
WEIR_API struct weir_cache *weir_call_cache(const struct weir_call *call); /* NULL where there is none */
WEIR_API const struct weir_cache_rule *weir_call_rule(const struct weir_call *call);

/* The middleware that puts this cache into a chain (middleware/cache.c); weir_app_use_cache() calls it. NULL when memory is out. The cache
 * is not taken over. */
WEIR_API struct weir_middleware *weir_cache_middleware(struct weir_cache *cache);

/* -- The steps of a cached call, for cache middleware; on the loop only ------------------------------------------------------ */

enum weir_call_next {
	WEIR_CALL_HIT,     /* an entry is there: answer with weir_call_answer() */
	WEIR_CALL_RUN,     /* let the handler run; weir_call_store() afterwards */
	WEIR_CALL_PASS,    /* not a cached call: go straight through, send no cache fields */
	WEIR_CALL_WAIT,    /* parked: return WEIR_FLOW_PARKED, and call again when woken */
	WEIR_CALL_TIMEOUT, /* waited for others and they never came to an end: 503 */
	WEIR_CALL_LATE,    /* the value is being made and takes longer than the rule's hard timeout: 504 */
	WEIR_CALL_NOTHING, /* in the background: there is nothing to do, and nobody sees the answer */
};

/* Lookup and, where the rule asks for it, the wait for others. Called again after each wake-up. */
WEIR_API enum weir_call_next weir_call_lookup(struct weir_cache *cache, struct weir_request *req);

/* Fills the response from the entry that was found, with Cache-Control, ETag, HIT and Cache-Status. */
WEIR_API void weir_call_answer(struct weir_call *call, struct weir_response *res);

/* Gives the response of the handler its cache fields and stores it if it may be stored; a streamed body is stored by weir_call_end(). */
WEIR_API void weir_call_store(struct weir_call *call, struct weir_response *res);

/* For GET and HEAD: If-None-Match and If-Match against the response's ETag, If-Modified-Since against Last-Modified (RFC 9110 section 13):
 * turns a 200 into a 304 or 412. Their handlers do not see these fields, nor Range, when the call is cached. */
WEIR_API void weir_call_conditionals(struct weir_call *call, struct weir_response *res);

/* The end of the call, complete or not: releases what waits. */
WEIR_API void weir_call_end(struct weir_call *call);

#endif
