/* SPDX-License-Identifier: Apache-2.0
 *
 * Running an app: which transport, on which socket, until when.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cache/backend.h"
#include "cache/cache.h"
#include "runtime/app.h"
#include "runtime/cgi.h"
#include "runtime/libfcgi.h"
#include "runtime/listener.h"
#include "runtime/loop.h"

/* Descriptors for everything that is not a connection. */
#define SPARE_DESCRIPTORS 64

static enum weir_status fail(struct weir_app *app, enum weir_status status, const char *what)
{
	if (what)
		snprintf(app->error, sizeof(app->error), "%s: %s", what, weir_status_text(status));
	weir_log_error(app->log, "%s", app->error);
	return status;
}

/* As many descriptors as the system allows; the number of connections that leaves. */
static size_t raise_descriptors(void)
{
	struct rlimit limit = { 1024, 1024 };

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur > SPARE_DESCRIPTORS * 2 ? (size_t)limit.rlim_cur - SPARE_DESCRIPTORS : SPARE_DESCRIPTORS;
}

/* -- The loop -------------------------------------------------------------------------------------------------------------- */

/* From threads outside the loop, clearing a remote backend goes through the loop's job queue. */
static void lend_jobs(struct weir_app *app, struct weir_loop *loop)
{
	if (app->cache && loop->jobs)
		weir_cache_set_submit(app->cache, weir_loop_submit, loop);
}

static enum weir_status make_loop(struct weir_app *app, struct weir_loop **loop)
{
	struct weir_backend *backend = app->cache ? weir_cache_backend(app->cache) : NULL;
	size_t possible = raise_descriptors();
	size_t wanted = app->options.limits.connections;
	struct weir_loop_options options = {
		.service = weir_app_service(app),
		.deadlines = app->options.deadlines,
		.threads = (size_t)app->options.threads,
		.connections = wanted && wanted < possible ? wanted : possible,
		.backend = backend && !weir_backend_is_local(backend) ? backend : NULL,
	};

	return weir_loop_create(&options, app->clock, loop);
}

static void run_loop(struct weir_app *app, struct weir_loop *loop)
{
	atomic_store(&app->loop, loop);
	if (atomic_load(&app->stopped))
		weir_loop_stop(loop);
	lend_jobs(app, loop);
	weir_loop_run(loop);
	if (app->cache)
		weir_cache_set_submit(app->cache, NULL, NULL);
	atomic_store(&app->loop, NULL);
	while (atomic_load(&app->stoppers) > 0)
		sched_yield(); /* a few instructions of weir_app_stop() */
}

static enum weir_status serve_socket(struct weir_app *app, const struct weir_run_options *options)
{
	bool use_libfcgi = options->transport && strcmp(options->transport, "libfcgi") == 0;
	struct weir_libfcgi *libfcgi = NULL;
	struct weir_listener listener;
	struct weir_loop *loop;
	/* The loop first: from then on signals are its business, and none can leave a socket behind. */
	enum weir_status status = make_loop(app, &loop);

	if (status < 0)
		return fail(app, status, "the event loop");
	status = weir_listener_open(options, app->error, sizeof(app->error), &listener);
	if (status < 0) {
		(void)weir_loop_destroy(loop);
		return fail(app, status, NULL);
	}
	if (use_libfcgi)
		status = weir_libfcgi_start(loop, listener.fd, (size_t)app->options.threads, &libfcgi);
	else
		status = weir_loop_listen(loop, listener.fd, listener.is_tcp);
	if (status == WEIR_OK) {
		weir_log_info(app->log, "%s %s listens on %s", app->options.name, app->options.version, options->listen);
		run_loop(app, loop);
	} else {
		(void)fail(app, status, options->listen);
	}
	weir_listener_unlink(&listener);
	weir_libfcgi_finish(libfcgi);
	if (weir_loop_destroy(loop))
		return status;
	return fail(app, WEIR_ERR_TIMEOUT, "handlers still run past the deadline");
}

/* -- The choice ------------------------------------------------------------------------------------------------------------ */

static bool is_cgi_environment(void)
{
	const char *gateway = getenv("GATEWAY_INTERFACE");
	int accepting = 0;
	socklen_t len = sizeof(accepting);

	if (getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) == 0 && accepting)
		return false;
	return gateway && strncmp(gateway, "CGI/", 4) == 0;
}

enum weir_status weir_app_run(struct weir_app *app, const struct weir_run_options *options)
{
	struct weir_run_options run = *options;
	enum weir_status status = weir_app_check(app);

	if (status < 0)
		return fail(app, status, NULL);
	if (!run.transport)
		run.transport = is_cgi_environment() ? "cgi" : "fcgi";
	if (!run.listen)
		run.listen = "fd:0";
	signal(SIGPIPE, SIG_IGN);
	if (app->cache) {
		status = weir_cache_attach(app->cache);
		if (status < 0)
			return fail(app, status, "the cache's backend");
	}
	if (strcmp(run.transport, "cgi") == 0)
		return weir_cgi_serve(weir_app_service(app), app->clock, STDIN_FILENO, STDOUT_FILENO, environ);
	if (strcmp(run.transport, "fcgi") == 0 || (weir_has_libfcgi && strcmp(run.transport, "libfcgi") == 0))
		return serve_socket(app, &run);
	snprintf(app->error, sizeof(app->error), "--transport %s: allowed is fcgi, cgi%s", run.transport,
		 weir_has_libfcgi ? " or libfcgi" : "; this weir was built without libfcgi");
	return fail(app, WEIR_ERR_CONFIG, NULL);
}

void weir_app_stop(struct weir_app *app)
{
	struct weir_loop *loop;

	atomic_store(&app->stopped, true);
	atomic_fetch_add(&app->stoppers, 1);
	loop = atomic_load(&app->loop);
	if (loop)
		weir_loop_stop(loop);
	atomic_fetch_sub(&app->stoppers, 1);
}
