/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions, as the cache core sees them: run, kept, and shown to the clients of routes.
 *
 * An entry of a function holds what its coder made of the value, without fields of a response: status 200, or 404 without a body for "there
 * is no such thing". What a client sees of it is made anew for each response, in the same way for a hit as for a miss.
 */
#ifndef WEIR_CACHE_FUNCTION_H
#define WEIR_CACHE_FUNCTION_H

#include <weir/function.h>

#include "cache/call.h"

/* What is wrong with a function by itself, for the start: NULL, or a few words for people. */
const char *weir_function_check(const struct weir_function *function, const struct weir_cache *cache);

/* Of a call with a function: the rule's, the function's or the cache's. */
const struct weir_coder *weir_call_coder(const struct weir_call *call);

/* OK, MISS, or a failure: what the function says, or ERR_HANDLER, which is logged, when that is none of these. */
WEIR_MUST_CHECK enum weir_status weir_function_run(struct weir_call *call, void *value);

/* The value's bytes, in the call's pool; of MISS there are none. A failure is logged. */
WEIR_MUST_CHECK enum weir_status weir_function_encode(const struct weir_call *call, enum weir_status found, const void *value,
						      struct weir_slice *bytes);

/* The value of call->entry: OK, MISS, or a failure, which is logged, and after which the value is zero. */
WEIR_MUST_CHECK enum weir_status weir_function_decode(const struct weir_call *call, void *value);

/* -- As the target of a route ---------------------------------------------------------------------------------------------- */

/* The handler of all routes with a function. */
enum weir_status weir_function_handler(struct weir_request *req, struct weir_response *res);

/* Makes of call->entry what a client sees of it: call->shown. False, and logged, when its bytes are damaged. */
bool weir_function_show_entry(struct weir_call *call);

/* Fills the response from call->entry and call->shown. */
void weir_function_answer(const struct weir_call *call, struct weir_response *res);

#endif
