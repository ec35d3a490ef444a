/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of an app, for those that run it: the libuv loop, CGI, the loopback of <weir/testing.h>.
 */
#ifndef WEIR_RUNTIME_APP_H
#define WEIR_RUNTIME_APP_H

#include <stdatomic.h>

#include <weir/app.h>

#include "exchange/exchange.h"

struct weir_loop;
struct weir_master;

struct weir_app {
	struct weir_app_options options; /* with the defaults filled in */
	char *name;
	char *version;
	struct weir_service service;
	struct weir_middleware **chain;
	size_t chain_len;
	struct weir_cache *cache;
	bool cache_placed; /* it is in the chain */
	struct weir_log *log;
	const struct weir_clock *clock;
	char error[512];
	_Atomic(struct weir_loop *) loop;     /* while it runs */
	_Atomic(struct weir_master *) master; /* while it runs, in its own process */
	atomic_int stoppers;                  /* threads inside weir_app_stop(): loop and master stay for them */
	atomic_bool stopped;                  /* before it ran */
};

/* As weir_app_create, with the cache that `options->cache` describes, as weir_main() makes it: weir_app_use_cache() may say where in the
 * chain it stands, else weir_app_check() puts it at the end. `clock` NULL: the machine's. */
WEIR_MUST_CHECK enum weir_status weir_app_create_with_cache(const struct weir_app_options *options, const struct weir_clock *clock,
							    char *why, size_t why_size, struct weir_app **app);

/* The routes by themselves and with each other, once the app has its cache. ERR_CONFIG with app->error. */
WEIR_MUST_CHECK enum weir_status weir_app_check_routes(struct weir_app *app);

/* Transport and processes, without touching anything. ERR_CONFIG with a line in `why` that names the option and what is allowed. */
WEIR_MUST_CHECK enum weir_status weir_run_check(const struct weir_run_options *options, char *why, size_t why_size);

/* What exchanges of this app share, complete. After weir_app_check(). */
const struct weir_service *weir_app_service(struct weir_app *app);

#endif
