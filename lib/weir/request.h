/* SPDX-License-Identifier: Apache-2.0
 *
 * A request, as handlers and middleware see it: read only, borrowed, alive until the exchange is done.
 *
 * Everything returned lives in the request's pool. Text is terminated and holds no zero byte: a request with one in its path, query or
 * fields was answered 400 before. One thread at a time: the loop, or the handler's thread between call and return; the functions that may
 * be called from any thread say so.
 */
#ifndef WEIR_REQUEST_H
#define WEIR_REQUEST_H

#include <weir/clock.h>
#include <weir/field.h>
#include <weir/log.h>
#include <weir/pool.h>
#include <weir/query.h>
#include <weir/slice.h>

struct json_object;
struct weir_request;
struct weir_route;

/* Methods (RFC 9110 section 9, RFC 5789), one bit each, so that sets of them are plain numbers. */
enum weir_method {
	WEIR_GET = 1,
	WEIR_HEAD = 2,
	WEIR_POST = 4,
	WEIR_PUT = 8,
	WEIR_DELETE = 16,
	WEIR_PATCH = 32,
	WEIR_OPTIONS = 64,
	WEIR_METHOD_OTHER = 128, /* weir_request_method_name() tells which */
};

WEIR_API enum weir_method weir_request_method(const struct weir_request *req);
WEIR_API const char *weir_request_method_name(const struct weir_request *req);

/* The path below the mount point, canonical (RFC 3986 section 6.2.2): it begins with '/', has no dot segments, and only what must be is
 * percent-encoded. */
WEIR_API const char *weir_request_path(const struct weir_request *req);

/* Where the app is mounted: "" or, under CGI and with PATH_INFO, the script's own path. */
WEIR_API const char *weir_request_mount(const struct weir_request *req);

/* The query as it was sent, without '?'; "" when there is none. */
WEIR_API const char *weir_request_query_string(const struct weir_request *req);

/* The first value of a query parameter, decoded; "" for a name without '='; NULL when absent. */
WEIR_API const char *weir_request_query(const struct weir_request *req, const char *name);

/* All query parameters in the order sent. */
WEIR_API const struct weir_query *weir_request_queries(const struct weir_request *req);

/* What the route's {name} matched, decoded; NULL when the route has no such parameter. */
WEIR_API const char *weir_request_param(const struct weir_request *req, const char *name);

/* A field's value, lines of the same name joined by ", " (RFC 9110 section 5.3; Cookie by "; "); NULL when absent. `Proxy` is never shown.
 */
WEIR_API const char *weir_request_field(const struct weir_request *req, const char *name);

/* Calls `visit` for each line of the name, in order, not joined; for NULL, of every name, written as in the CGI variable but with '-'. */
WEIR_API void weir_request_each_field(const struct weir_request *req, const char *name,
				      void (*visit)(void *state, struct weir_slice name, struct weir_slice value), void *state);

/* A cookie's value; NULL when absent (RFC 6265bis). */
WEIR_API const char *weir_request_cookie(const struct weir_request *req, const char *name);

/* A CGI variable of the web server, such as "REMOTE_ADDR" or "HTTPS" (RFC 3875); NULL when absent. */
WEIR_API const char *weir_request_variable(const struct weir_request *req, const char *name);

/* The Host field, else SERVER_NAME, lower-cased; "" when both are missing. */
WEIR_API const char *weir_request_host(const struct weir_request *req);

/* The whole body; on a route with `.stream_body` the absent slice. */
WEIR_API struct weir_slice weir_request_body(const struct weir_request *req);

/* The length that was announced, or UINT64_MAX. */
WEIR_API uint64_t weir_request_content_length(const struct weir_request *req);

/* On a route with `.stream_body`: copies the next bytes of the body, at least one. WEIR_END after the last. Blocks the handler's thread
 * until there are some; in a `.nonblocking` handler WEIR_PARKED instead: return WEIR_PARKED, and the handler is called again. Negative: the
 * client left, was too slow, or sent another number of bytes than announced. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_request_read(struct weir_request *req, void *out, size_t capacity, size_t *len);

/* The body as JSON, borrowed. ERR_INVALID when it is not (RFC 8259) or its Content-Type says something else; `*why` then says what and
 * where. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_request_json(struct weir_request *req, struct json_object **value, const char **why);

/* The body, JSON, as a struct with this table (field.h); what it points to lives in the request's pool. ERR_INVALID or ERR_LIMIT when the
 * body is not JSON or does not fit the table; then `return weir_response_faults(res, &faults)` tells the client all that is wrong. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_request_struct(struct weir_request *req, const struct weir_field *table, void *value,
							      struct weir_faults *faults);

/* A field of an application/x-www-form-urlencoded body; NULL when absent, and always when the body is none, malformed or has too many
 * pairs. */
WEIR_API const char *weir_request_form(struct weir_request *req, const char *name);

WEIR_API struct weir_pool *weir_request_pool(const struct weir_request *req);
WEIR_API struct weir_log *weir_request_log(const struct weir_request *req);
WEIR_API const struct weir_clock *weir_request_clock(const struct weir_request *req);

/* The matched route; NULL when there is none (400, 404, 405). A request that is refused for its body has one, although a built-in handler
 * answers. */
WEIR_API const struct weir_route *weir_request_route(const struct weir_request *req);
WEIR_API void *weir_request_user_data(const struct weir_request *req);

/* True once the client is gone; a long handler may ask now and then. Any thread. */
WEIR_API bool weir_request_cancelled(const struct weir_request *req);

/* -- Parking --------------------------------------------------------------------------------------------------------------
 *
 * A hook, a handler or a source that returns WEIR_PARKED is called again after weir_request_resume(). Whoever parks arranges that resume is
 * called exactly once, from any thread; until then the exchange stays, even if its client leaves. On the loop a hook may instead ask for a
 * wait that ends by itself: after weir_request_wait() it is also called again at the timeout and when the client leaves, finds out by
 * weir_request_wake(), and from then on nobody may resume it any more; a resume between the end of the wait and that call does nothing.
 * Such a wait is resumed on the loop only.
 */
enum weir_wake {
	WEIR_WAKE_NONE,  /* the first call, nothing was parked */
	WEIR_WAKE_READY, /* weir_request_resume() */
	WEIR_WAKE_TIMEOUT,
	WEIR_WAKE_CANCELLED, /* the client left, or the server is stopping */
};

WEIR_API enum weir_wake weir_request_wake(const struct weir_request *req);
WEIR_API void weir_request_wait(struct weir_request *req, int64_t timeout_ms);
WEIR_API void weir_request_resume(struct weir_request *req);

/* The exchange goes on to its end although its client has left: for work whose result others wait for. */
WEIR_API void weir_request_outlive_client(struct weir_request *req);

#endif
