/* SPDX-License-Identifier: Apache-2.0
 *
 * From a canonical path and a method to a route.
 *
 * The router is a tree of segments, built before the app runs and then only read, by any thread. Its cost depends on the depth of the
 * path, hardly on the number of routes. At each segment a literal is tried before a parameter, a parameter before a rest; where that leads
 * to nothing the next is tried, so `/a/{x}/c` is found beside `/a/b/d`.
 */
#ifndef WEIR_EXCHANGE_ROUTER_H
#define WEIR_EXCHANGE_ROUTER_H

#include <weir/pool.h>
#include <weir/route.h>

/* Parameters in one pattern, at the most. */
#define WEIR_ROUTER_PARAMS_MAX 16

struct weir_router;

/* What a lookup found. `values` are still escaped, and point into the path. */
struct weir_router_match {
	const struct weir_route *route; /* NULL: none */
	const char *const *names;       /* of the parameters, `count` of them */
	size_t count;
	struct weir_slice values[WEIR_ROUTER_PARAMS_MAX];
	unsigned allowed; /* the methods that this path has, HEAD and OPTIONS included; 0: no such path */
};

/* NULL when memory is out. Takes NULL when destroying. */
struct weir_router *weir_router_create(void);
void weir_router_destroy(struct weir_router *router);

/* Copies the route. ERR_CONFIG with a line in `why` for a wrong or conflicting pattern; the router is unchanged then. */
WEIR_MUST_CHECK enum weir_status weir_router_add(struct weir_router *router, const struct weir_route *route, char *why, size_t why_size);

/* The route for `method`, where HEAD falls back to GET. `path` is canonical and terminated, and must outlive the match. */
void weir_router_find(const struct weir_router *router, enum weir_method method, struct weir_slice path, struct weir_router_match *match);

/* Calls `visit` for each route in the order of adding. */
void weir_router_each(const struct weir_router *router, void (*visit)(void *state, const struct weir_route *route), void *state);

#endif
