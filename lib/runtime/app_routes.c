/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of an app: taken in, and checked with all else before it runs. A route with a function is made one with a handler and a rule
 * here, so that nobody below need tell them apart.
 */
#include <stdio.h>

#include "cache/cache.h"
#include "cache/coder.h"
#include "cache/function.h"
#include "runtime/app.h"

static const char *name_of(const struct weir_function *function)
{
	return function->name ? function->name : "";
}

/* -- Taking in ------------------------------------------------------------------------------------------------------------- */

static const char *check_target(const struct weir_route *route)
{
	if (route->handler)
		return "the route has a handler too";
	if (route->cache)
		return "the route has a cache rule too: the function's own is the route's";
	if (route->stream_body)
		return "the route has stream_body, but parameters are taken from the whole body";
	return NULL;
}

static enum weir_status route_function(struct weir_app *app, const struct weir_route *route)
{
	struct weir_route own = *route;
	const char *wrong = check_target(route);

	if (wrong) {
		snprintf(app->error, sizeof(app->error), "route \"%s\", function \"%s\": %s", route->path, name_of(route->function), wrong);
		return WEIR_ERR_CONFIG;
	}
	own.handler = weir_function_handler;
	own.cache = &route->function->cache;
	return weir_router_add(app->service.router, &own, app->error, sizeof(app->error));
}

enum weir_status weir_app_route(struct weir_app *app, const struct weir_route *route)
{
	if (route->function)
		return route_function(app, route);
	return weir_router_add(app->service.router, route, app->error, sizeof(app->error));
}

/* -- Checks ---------------------------------------------------------------------------------------------------------------- */

struct check {
	struct weir_app *app;
	const struct weir_route *route; /* in question */
	enum weir_status status;
	bool before; /* among the routes that were added before that one */
};

static void refuse(struct check *check, const struct weir_route *route, const char *wrong)
{
	struct weir_app *app = check->app;

	check->status = WEIR_ERR_CONFIG;
	if (route->function)
		snprintf(app->error, sizeof(app->error), "route \"%s\", function \"%s\": %s", route->path, name_of(route->function), wrong);
	else
		snprintf(app->error, sizeof(app->error), "route \"%s\": %s", route->path, wrong);
}

static bool are_one(const struct weir_function *a, const struct weir_function *b)
{
	return a->run == b->run && a->params == b->params && a->params_size == b->params_size && a->coder == b->coder &&
	       a->user_data == b->user_data;
}

static bool share_identity(const struct weir_function *a, const struct weir_function *b)
{
	const char *a_ns = a->cache.ns ? a->cache.ns : "";
	const char *b_ns = b->cache.ns ? b->cache.ns : "";

	return strcmp(a->name, b->name) == 0 && strcmp(a_ns, b_ns) == 0;
}

static void compare_with_earlier(void *state, const struct weir_route *route)
{
	struct check *check = state;
	const struct weir_function *other = route->function;

	check->before = check->before && route != check->route;
	if (!check->before || !other || check->status < 0)
		return;
	if (share_identity(other, check->route->function) && !are_one(other, check->route->function))
		refuse(check, check->route, "another function has this name in the same namespace");
}

static const char *what_is_wrong(const struct weir_app *app, const struct weir_route *route)
{
	const struct weir_coder *coder = route->cache->coder;
	const char *wrong = weir_cache_rule_check(route->cache);

	if (!app->cache)
		return "it has a cache rule but the app has no cache: call weir_app_use_cache() before it runs";
	if (wrong)
		return wrong;
	if (route->function)
		return weir_function_check(route->function, app->cache);
	return coder && !weir_coder_is_of_bytes(coder) ? "its rule's coder is not one of bytes" : NULL;
}

static void check_route(void *state, const struct weir_route *route)
{
	struct check *check = state;
	const char *wrong = route->cache && check->status == WEIR_OK ? what_is_wrong(check->app, route) : NULL;

	if (wrong)
		refuse(check, route, wrong);
	if (!route->function || check->status < 0)
		return;
	check->route = route;
	check->before = true;
	weir_router_each(check->app->service.router, compare_with_earlier, check);
}

enum weir_status weir_app_check_routes(struct weir_app *app)
{
	struct check check = { .app = app };

	weir_router_each(app->service.router, check_route, &check);
	return check.status;
}
