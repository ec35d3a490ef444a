/* SPDX-License-Identifier: Apache-2.0
 *
 * Cached functions: named, typed arguments in, a value out, and a cache between.
 *
 *     struct tile { int64_t z, x, y; const char *style; };
 *
 *     static const struct weir_field tile_params[] = { WEIR_INT_BETWEEN(struct tile, z, 0, 22), …, { 0 } };
 *
 *     static enum weir_status render(struct weir_call *call, const void *args, void *result)
 *     {
 *             const struct tile *tile = args;
 *
 *             weir_call_add_tag(call, "roads");
 *             return draw_png(weir_call_pool(call), tile, (struct weir_slice *)result);
 *     }
 *
 *     static const struct weir_function tile = {
 *             .name = "tile", .params = tile_params, .params_size = sizeof(struct tile), .run = render, .coder = &weir_coder_bytes,
 *             .cache = { .expire_s = 3600, .ns = "tiles", .with_lock = true },
 *     };
 *
 * It is called from handlers by weir_call(), from other functions by weir_call_within(), outside of requests by weir_cache_call(), and is
 * the target of a route with `.function = &tile`: all share the entries. A function belongs to no route and no request: its name, its
 * namespace and its arguments are its identity, so names are unique within a namespace.
 *
 * A call made by C code ignores what the request says of caching and adds no response fields; its tags go to the calls around it. With a
 * lock it blocks its thread while another makes the value, unless that could never end (the one that makes it waits for this call) or would
 * leave no handler thread; then, and on the loop itself, it makes the value without waiting.
 *
 * In a request the rule's stale_while_revalidate_s, early_refresh and timeouts hold as for a route: the value is made on another handler
 * thread, and where a route would answer 504 the call is ERR_TIMEOUT. That thread has a copy of the request (behind no middleware: its
 * state is zero, and the response goes nowhere) and of the arguments (what params does not tell of them is zero); a function with such a
 * rule is to live as long as the app. Where there is no such thread (outside of requests, in a request whose body streams, in a CGI program
 * for the timeouts, on the only handler thread, beyond limits.background) who comes first makes a new value itself, the others are given
 * the old one, and the timeouts bound waiting for others alone.
 *
 * As a route, each parameter is taken from the path, the query, the fields of a form or the members of a JSON object, whichever has it
 * first; a second one is a fault, but arrays and lists are made of all that one place has under their name, and structs come from JSON
 * alone. A 422 tells all faults with their places: "path.z", "query.page", "form.name", "body.items[3].price", and the bare name of what is
 * missing. What the function does to the response itself is not part of its value: no hit has it.
 */
#ifndef WEIR_FUNCTION_H
#define WEIR_FUNCTION_H

#include <weir/cache.h>
#include <weir/call.h>
#include <weir/coder.h>

/* On any thread, also on several at once. `args` points to the parameters' struct, `result` to room for a value of the coder, zeroed; what
 * the value points to lives in weir_call_pool(call). OK; MISS: there is no such thing, which may be kept too (rule, expire_by_status) and
 * is 404 as a route; negative: it failed, nothing is kept. */
typedef enum weir_status (*weir_run_fn)(struct weir_call *call, const void *args, void *result);

struct weir_function {
	const char *name;
	const struct weir_field *params; /* NULL: none */
	size_t params_size;              /* of the parameters' struct */
	weir_run_fn run;
	const struct weir_coder *coder; /* NULL: the cache's */
	void *user_data;                /* weir_call_user_data() */
	struct weir_cache_rule cache;
};

/* All three: `args` NULL for a function without parameters. The result lives in the request's pool, in weir_call_pool(call), or in `pool`.
 * OK, or MISS; ERR_INVALID for arguments that break the table of parameters; ERR_TIMEOUT by the rule's timeouts; else what the function
 * says. Any failure of the cache is logged, and the function runs. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_call(struct weir_request *req, const struct weir_function *function, const void *args,
						    void *result);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_call_within(struct weir_call *call, const struct weir_function *function, const void *args,
							   void *result);
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_call(struct weir_cache *cache, struct weir_pool *pool,
							  const struct weir_function *function, const void *args, void *result);

/* Clears exactly the entry of these arguments. `*removed` becomes 0 or 1; may be NULL. ERR_UNSUPPORTED for rules with a key builder,
 * key_fields, key_cookies or `prepare`. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_cache_clear_call(struct weir_cache *cache, const struct weir_function *function,
								const void *args, size_t *removed);

/* -- In a function ----------------------------------------------------------------------------------------------------------- */

/* NULL in the call of a route's handler. */
WEIR_API const struct weir_function *weir_call_function(const struct weir_call *call);
WEIR_API const void *weir_call_arguments(const struct weir_call *call);
WEIR_API void *weir_call_user_data(const struct weir_call *call);

/* The request (struct weir_request *) under "NS_request" and the response (struct weir_response *) under "NS_response", NS being the rule's
 * `injected_ns`; NULL for other names, and outside of a request. They never enter the key. */
WEIR_API void *weir_call_injected(const struct weir_call *call, const char *name);

#endif
