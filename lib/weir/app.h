/* SPDX-License-Identifier: Apache-2.0
 *
 * The app: routes, middleware, a cache, and the server that runs them.
 *
 * Most programs are one call to weir_main(), which reads command line and environment, runs the app and returns the exit status. Programs
 * that need more build the app by hand: create, use, route, run, destroy. Building is for one thread; errors name what and where.
 */
#ifndef WEIR_APP_H
#define WEIR_APP_H

#include <weir/cache.h>
#include <weir/limits.h>
#include <weir/log.h>
#include <weir/middleware.h>
#include <weir/route.h>

struct weir_app;

/* Milliseconds; 0 means the default in the comment, WEIR_OFF none. Each ends with a line in the log. */
#define WEIR_OFF INT64_C(-1)

struct weir_app_deadlines {
	int64_t head_ms;  /* from the first byte of a request to the end of its params: 10,000. Missed: the connection is closed */
	int64_t body_ms;  /* for the whole body, plus a second for each 16 KiB that have come: 30,000. Missed: 408 */
	int64_t send_ms;  /* without a byte taken by the web server: 30,000. Missed: the connection is closed */
	int64_t idle_ms;  /* a kept connection without a request: off, for it is the web server's to close */
	int64_t drain_ms; /* from SIGTERM to the end of what still runs: 10,000. What was made by then is still stored, in what is left of
			     it or in a second */
};

struct weir_app_options {
	const char *name;                /* in logs, --version, and as prefix of cache keys; required */
	const char *version;             /* NULL: weir's */
	const struct weir_route *routes; /* ends with a route whose path is NULL; may be NULL */
	struct weir_cache_options cache;
	struct weir_app_deadlines deadlines;
	struct weir_limits limits;
	int threads;                        /* handler threads; 0: 32 */
	bool locked;                        /* the environment has no say; the command line still has */
	const struct weir_log_options *log; /* NULL: WEIR_LOG_DEFAULT */
	/* Called by weir_main() once the app is made and before it runs: to use middleware, to open what the handlers need. Negative:
	 * exit 1. */
	enum weir_status (*setup)(struct weir_app *app, void *user_data);
	void *user_data;
};

/* Serves until it is told to stop. The exit status: 0 after SIGTERM or SIGINT, 1 for a failure, 2 for a wrong option, value or route. With
 * --processes the master's: 1 also when a worker did not end well after the signal. Environment, below the command line and over the code:
 * WEIR_LISTEN, WEIR_SOCKET_MODE, WEIR_SOCKET_OWNER, WEIR_THREADS, WEIR_PROCESSES, WEIR_TRANSPORT, WEIR_LOG_LEVEL, WEIR_LOG_FORMAT, and what
 * cache.h names. Empty means unset. */
WEIR_API int weir_main(int argc, char **argv, const struct weir_app_options *options);

/* -- By hand --------------------------------------------------------------------------------------------------------------- */

/* Options are copied, routes too, but not what a route points to. On failure one line for people in `why`. The app has no cache until it is
 * given one, and `.cache` is not looked at. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_app_create(const struct weir_app_options *options, char *why, size_t why_size,
							  struct weir_app **app);
/* Takes NULL. Destroys the middleware and the cache. */
WEIR_API void weir_app_destroy(struct weir_app *app);

/* Adds to the end of the chain, outermost first; the app takes it over, also on failure. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_app_use(struct weir_app *app, struct weir_middleware *middleware);

/* Puts the cache into the chain, here; the app takes it over, also on failure. In weir_main()'s `setup` it may be called with
 * weir_app_cache(), for middleware that is to come after the cache; otherwise the cache comes last, so that what is used in `setup` sees
 * every request first. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_app_use_cache(struct weir_app *app, struct weir_cache *cache);

/* Copies the route. A wrong or conflicting pattern is ERR_CONFIG; weir_app_error() has the line for people. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_app_route(struct weir_app *app, const struct weir_route *route);

/* Checks what can only be checked when all is there: a rule without a cache, a route without a handler. weir_app_run() does it first. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_app_check(struct weir_app *app);

struct weir_run_options {
	const char *listen;       /* "unix:PATH", "tcp:HOST:PORT", "fd:N"; NULL: "fd:0" */
	unsigned socket_mode;     /* of a unix socket; 0: 0660 */
	const char *socket_owner; /* "user", "user:group" or ":group"; NULL: unchanged */
	const char *transport;    /* "fcgi", "libfcgi", "cgi"; NULL: "cgi" if the environment is that of a CGI program, else "fcgi" */
	int processes;            /* at most 64, see below; 0 or 1: this one serves. Not for "cgi" */
};

/* With `processes` of 2 or more, this process is the master, and as many workers are forked from it that serve. The master owns the socket
 * and has no other work. A worker that ends is replaced, with a line in the log that says by which signal or exit status it ended and with
 * which route; one that keeps ending within a second comes back later and later, up to 10 s. When no worker comes up at all, the master
 * gives up after a few tries.
 *
 * SIGTERM and SIGINT to the master: the socket is closed, the workers drain, and who has not ended well past the drain deadline is killed.
 * SIGHUP: new workers are forked, and when they are up the old ones drain; no request is lost. They come from the same master, so nothing
 * is read again that was read before weir_app_run(). A master that is killed takes its workers along: they drain.
 *
 * weir_app_run() is called on the main thread, and returns in every process, also in each worker: what comes after it (such as
 * weir_app_destroy()) runs once in each. What was made before it, weir_main()'s `setup` included, is inherited by all: memory is copied,
 * descriptors are shared, and threads stay in the master, so there should be none. What each process must have for itself, such as a
 * connection to a database, is best opened at the first request. The backend of the cache knows (backend_driver.h, `attach`). */

/* Serves until SIGTERM, SIGINT or weir_app_stop(). After one of the signals both are ignored: the process is on its way out. A master
 * returns ERR_CANCELLED when not every worker ended well, and what the workers failed with when it gave up. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_app_run(struct weir_app *app, const struct weir_run_options *options);

/* Drains and ends weir_app_run(). Any thread, and signal handlers, of the process that is to end: in a master that is all of the app, in a
 * worker, where handlers run, only this worker, and the master replaces it. */
WEIR_API void weir_app_stop(struct weir_app *app);

WEIR_API const char *weir_app_error(const struct weir_app *app);
WEIR_API struct weir_cache *weir_app_cache(const struct weir_app *app); /* NULL when there is none */
WEIR_API struct weir_log *weir_app_log(const struct weir_app *app);

/* The app that serves this request. */
WEIR_API struct weir_app *weir_request_app(const struct weir_request *req);

/* The cache that this request's app has; NULL when it has none. */
WEIR_API struct weir_cache *weir_request_cache(const struct weir_request *req);

/* "0.1.0" */
WEIR_API const char *weir_version(void);

#endif
