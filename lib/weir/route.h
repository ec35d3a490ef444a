/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes are data: a path pattern, methods, a handler, and how it is cached.
 *
 * A pattern is literal segments, `{name}` for one segment, and as the last `{name...}` for all the rest, which may be empty. For each
 * segment a literal beats a parameter beats a rest. Matching sees the canonical path: `..` and escapes were dealt with before. HEAD is
 * served by the GET route, OPTIONS, 404 and 405 with Allow by weir. Two routes that would match the same requests are an error at the
 * start.
 */
#ifndef WEIR_ROUTE_H
#define WEIR_ROUTE_H

#include <weir/request.h>
#include <weir/response.h>

struct weir_cache_rule;
struct weir_function;

/* WEIR_OK: the response is complete. WEIR_PARKED: will be called again (see request.h). Negative: a failure, logged once and answered 500.
 * Anything else is a mistake of the handler: 500 and a line in the log. */
typedef enum weir_status (*weir_handler_fn)(struct weir_request *req, struct weir_response *res);

struct weir_route {
	const char *path;
	unsigned methods; /* WEIR_GET | WEIR_PUT …; 0 means WEIR_GET */
	weir_handler_fn handler;
	const struct weir_function *function; /* instead of a handler: see function.h. Its parameters are taken from path, query, form and
						 JSON body, 422 when they do not fit; its rule is the route's. */
	const char *media_type;               /* of the function's value; NULL: its coder's */
	void *user_data;                      /* weir_request_user_data() */
	const struct weir_cache_rule *cache;  /* NULL: not cached */
	size_t body_limit;                    /* bytes, else 413; 0: the app's */
	bool stream_body;                     /* the handler reads the body with weir_request_read(); the limit counts all the same */
	bool nonblocking;                     /* the handler never blocks and runs on the loop itself */
};

#endif
