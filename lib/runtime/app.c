/* SPDX-License-Identifier: Apache-2.0
 *
 * Building an app: routes into the router, middleware into a chain, and the checks that need the whole.
 */
#include "runtime/app.h"

#include <stdio.h>
#include <stdlib.h>

#include <weir/call.h>

#include "cache/cache.h"

static size_t or_default(size_t value, size_t standard)
{
	return value ? value : standard;
}

static int64_t deadline(int64_t value, int64_t standard_ms)
{
	return value ? value : standard_ms;
}

static void fill_in_defaults(struct weir_app_options *options)
{
	struct weir_limits *limits = &options->limits;
	struct weir_app_deadlines *deadlines = &options->deadlines;

	limits->params = or_default(limits->params, (size_t)256 * 1024);
	limits->fields = or_default(limits->fields, 200);
	limits->queries = or_default(limits->queries, 1000);
	limits->body = or_default(limits->body, (size_t)1024 * 1024);
	limits->response = or_default(limits->response, (size_t)64 * 1024 * 1024);
	limits->memory = or_default(limits->memory, (size_t)16 * 1024 * 1024);
	limits->queue = or_default(limits->queue, 8192);
	limits->background = or_default(limits->background, 64);
	deadlines->head_ms = deadline(deadlines->head_ms, 10000);
	deadlines->body_ms = deadline(deadlines->body_ms, 30000);
	deadlines->send_ms = deadline(deadlines->send_ms, 30000);
	deadlines->idle_ms = deadline(deadlines->idle_ms, WEIR_OFF);
	deadlines->drain_ms = deadline(deadlines->drain_ms, 10000);
	if (options->threads == 0)
		options->threads = 32;
}

static enum weir_status check_options(const struct weir_app_options *options, char *why, size_t why_size)
{
	if (!options->name || !options->name[0])
		snprintf(why, why_size, "the app has no name: set .name in struct weir_app_options");
	else if (options->threads < 0 || options->threads > 4096)
		snprintf(why, why_size, "threads %d: allowed is 1 to 4096", options->threads);
	else
		return WEIR_OK;
	return WEIR_ERR_CONFIG;
}

static enum weir_status add_routes(struct weir_app *app)
{
	enum weir_status status = WEIR_OK;

	for (const struct weir_route *route = app->options.routes; status == WEIR_OK && route && route->path; route++)
		status = weir_app_route(app, route);
	return status;
}

static enum weir_status build(struct weir_app *app)
{
	struct weir_log_options log = app->options.log ? *app->options.log : WEIR_LOG_DEFAULT;
	enum weir_status status = check_options(&app->options, app->error, sizeof(app->error));

	if (status < 0)
		return status;
	if (!log.clock)
		log.clock = app->clock;
	app->name = strdup(app->options.name);
	app->version = strdup(app->options.version ? app->options.version : weir_version());
	app->options.name = app->name;
	app->options.version = app->version;
	app->log = weir_log_create(&log);
	app->service.router = weir_router_create();
	if (!app->name || !app->version || !app->log || !app->service.router)
		return WEIR_ERR_MEMORY;
	fill_in_defaults(&app->options);
	app->service.app = app;
	app->service.log = app->log;
	app->service.limits = app->options.limits;
	return add_routes(app);
}

static enum weir_status create(const struct weir_app_options *options, const struct weir_clock *clock, char *why, size_t why_size,
			       struct weir_app **app)
{
	struct weir_app *made = calloc(1, sizeof(*made));
	enum weir_status status;

	if (!made) {
		snprintf(why, why_size, "out of memory");
		return WEIR_ERR_MEMORY;
	}
	made->options = *options;
	made->clock = clock;
	status = build(made);
	if (status == WEIR_OK) {
		*app = made;
		return WEIR_OK;
	}
	snprintf(why, why_size, "%s", made->error[0] ? made->error : weir_status_text(status));
	weir_app_destroy(made);
	return status;
}

enum weir_status weir_app_create(const struct weir_app_options *options, char *why, size_t why_size, struct weir_app **app)
{
	return create(options, weir_clock_system(), why, why_size, app);
}

enum weir_status weir_app_create_with_cache(const struct weir_app_options *options, const struct weir_clock *clock, char *why,
					    size_t why_size, struct weir_app **app)
{
	struct weir_cache_options cache_options = options->cache;
	enum weir_status status = create(options, clock ? clock : weir_clock_system(), why, why_size, app);

	if (status < 0)
		return status;
	cache_options.clock = (*app)->clock;
	cache_options.log = (*app)->log;
	cache_options.locked = cache_options.locked || options->locked;
	if (!cache_options.prefix)
		cache_options.prefix = options->name;
	status = weir_cache_create(&cache_options, why, why_size, &(*app)->cache);
	if (status < 0) {
		weir_app_destroy(*app);
		*app = NULL;
	}
	return status;
}

void weir_app_destroy(struct weir_app *app)
{
	if (!app)
		return;
	for (size_t i = app->chain_len; i-- > 0;)
		if (app->chain[i]->ops->destroy)
			app->chain[i]->ops->destroy(app->chain[i]);
	free(app->chain);
	weir_cache_destroy(app->cache);
	weir_router_destroy(app->service.router);
	weir_log_destroy(app->log);
	free(app->name);
	free(app->version);
	free(app);
}

/* -- The parts ------------------------------------------------------------------------------------------------------------- */

enum weir_status weir_app_use(struct weir_app *app, struct weir_middleware *middleware)
{
	struct weir_middleware **grown;

	if (!middleware) {
		snprintf(app->error, sizeof(app->error), "a middleware could not be made: out of memory");
		return WEIR_ERR_MEMORY;
	}
	grown = realloc(app->chain, (app->chain_len + 1) * sizeof(struct weir_middleware *));
	if (!grown) {
		if (middleware->ops->destroy)
			middleware->ops->destroy(middleware);
		return WEIR_ERR_MEMORY;
	}
	app->chain = grown;
	app->chain[app->chain_len++] = middleware;
	return WEIR_OK;
}

enum weir_status weir_app_use_cache(struct weir_app *app, struct weir_cache *cache)
{
	if (app->cache_placed || (app->cache && app->cache != cache)) {
		snprintf(app->error, sizeof(app->error), "weir_app_use_cache: the app has a cache already");
		if (app->cache != cache)
			weir_cache_destroy(cache);
		return WEIR_ERR_STATE;
	}
	app->cache = cache;
	app->cache_placed = true;
	return weir_app_use(app, weir_cache_middleware(cache));
}

enum weir_status weir_app_check(struct weir_app *app)
{
	enum weir_status status = WEIR_OK;

	if (app->cache && !app->cache_placed)
		status = weir_app_use_cache(app, app->cache);
	return status < 0 ? status : weir_app_check_routes(app);
}

const struct weir_service *weir_app_service(struct weir_app *app)
{
	size_t offset = 0;

	for (size_t i = 0; i < app->chain_len; i++) {
		app->chain[i]->state_offset = offset;
		offset += (app->chain[i]->ops->state_size + 15) & ~(size_t)15;
	}
	app->service.cache = app->cache;
	app->service.chain = app->chain;
	app->service.chain_len = app->chain_len;
	app->service.state_size = offset;
	return &app->service;
}

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

const char *weir_app_error(const struct weir_app *app)
{
	return app->error;
}

struct weir_cache *weir_app_cache(const struct weir_app *app)
{
	return app->cache;
}

struct weir_app *weir_request_app(const struct weir_request *req)
{
	return weir_exchange_of(req)->service->app;
}

struct weir_cache *weir_request_cache(const struct weir_request *req)
{
	return weir_request_app(req)->cache;
}

struct weir_log *weir_app_log(const struct weir_app *app)
{
	return app->log;
}

const char *weir_version(void)
{
	return WEIR_VERSION;
}
