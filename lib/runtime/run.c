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

#include <weir/backend_driver.h>

#include "cache/backend.h"
#include "cache/cache.h"
#include "runtime/app.h"
#include "runtime/cgi.h"
#include "runtime/libfcgi.h"
#include "runtime/listener.h"
#include "runtime/loop.h"
#include "runtime/master.h"

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

/* -- A process that serves -------------------------------------------------------------------------------------------------- */

/* One call of weir_app_run() for FastCGI. */
struct service_run {
	struct weir_app *app;
	const struct weir_run_options *options;
	struct weir_listener listener;
	struct weir_master *master; /* NULL: this process is alone */
	sigset_t signals_before;    /* from then on the signals that stop are held back, so that none leaves a socket behind */
};

/* What threads outside the loop want of a remote backend goes through the loop's job queue for as long as there is one, NULL when there is
 * none; while the I/O thread comes and goes, they wait. */
static void hold_jobs(struct weir_app *app)
{
	if (app->cache)
		weir_cache_hold_jobs(app->cache);
}

static void let_jobs(struct weir_app *app, enum weir_status (*submit)(void *state, struct weir_job *job), struct weir_loop *loop)
{
	if (app->cache)
		weir_cache_let_jobs(app->cache, submit, loop);
}

static enum weir_status make_loop(const struct service_run *run, struct weir_loop **loop)
{
	struct weir_app *app = run->app;
	struct weir_backend *backend = app->cache ? weir_cache_backend(app->cache) : NULL;
	size_t possible = raise_descriptors();
	size_t wanted = app->options.limits.connections;
	struct weir_loop_options options = {
		.service = weir_app_service(app),
		.deadlines = app->options.deadlines,
		.threads = (size_t)app->options.threads,
		.connections = wanted && wanted < possible ? wanted : possible,
		.backend = backend && !weir_backend_is_local(backend) ? backend : NULL,
		.board = run->master ? weir_master_board(run->master) : NULL,
	};
	enum weir_status status;

	hold_jobs(app);
	status = weir_loop_create(&options, app->clock, loop);
	let_jobs(app, status == WEIR_OK && options.backend ? weir_loop_submit : NULL, status == WEIR_OK ? *loop : NULL);
	return status < 0 ? fail(app, status, "the event loop") : WEIR_OK;
}

static void wait_for_stoppers(struct weir_app *app)
{
	while (atomic_load(&app->stoppers) > 0)
		sched_yield(); /* a few instructions of weir_app_stop() */
}

static void run_loop(struct weir_app *app, struct weir_loop *loop)
{
	atomic_store(&app->loop, loop);
	if (atomic_load(&app->stopped))
		weir_loop_stop(loop);
	weir_loop_run(loop);
	atomic_store(&app->loop, NULL);
	wait_for_stoppers(app);
}

static enum weir_status attach_cache(struct weir_app *app)
{
	enum weir_status status = app->cache ? weir_cache_attach(app->cache) : WEIR_OK;

	return status < 0 ? fail(app, status, "the cache's backend") : WEIR_OK;
}

static void tell_up(const struct service_run *run)
{
	if (run->master)
		weir_master_worker_is_up(run->master);
	else
		weir_log_info(run->app->log, "%s %s listens on %s", run->app->name, run->app->version, run->options->listen);
}

/* From here on signals are the loop's business. */
static enum weir_status serve(struct service_run *run, struct weir_loop *loop)
{
	bool use_libfcgi = strcmp(run->options->transport, "libfcgi") == 0;
	struct weir_app *app = run->app;
	struct weir_libfcgi *libfcgi = NULL;
	enum weir_status status;

	if (use_libfcgi)
		status = weir_libfcgi_start(loop, run->listener.fd, (size_t)app->options.threads, &libfcgi);
	else
		status = weir_loop_listen(loop, run->listener.fd, run->listener.is_tcp);
	if (status < 0) {
		weir_libfcgi_finish(libfcgi);
		return fail(app, status, run->options->listen);
	}
	tell_up(run);
	pthread_sigmask(SIG_SETMASK, &run->signals_before, NULL);
	run_loop(app, loop);
	weir_libfcgi_finish(libfcgi);
	return WEIR_OK;
}

static enum weir_status work(struct service_run *run)
{
	struct weir_loop *loop;
	enum weir_status status = attach_cache(run->app);
	bool ended;

	if (status == WEIR_OK)
		status = make_loop(run, &loop);
	if (status < 0) {
		close(run->listener.fd);
		return status;
	}
	status = serve(run, loop);
	hold_jobs(run->app);
	ended = weir_loop_destroy(loop);
	let_jobs(run->app, ended ? NULL : weir_cache_refuse_jobs, NULL);
	if (ended)
		return status;
	return fail(run->app, WEIR_ERR_TIMEOUT, "handlers still run past the deadline");
}

/* -- A master and those that serve ------------------------------------------------------------------------------------------ */

/* In a process that was just forked: whoever was about to stop the master is not here. */
static enum weir_status work_for_master(struct service_run *run)
{
	enum weir_status status;

	atomic_store(&run->app->master, NULL);
	atomic_store(&run->app->stoppers, 0);
	status = work(run);
	signal(SIGTERM, SIG_IGN); /* which may still come to a worker that ends by itself */
	signal(SIGINT, SIG_IGN);
	if (status < 0)
		weir_master_worker_failed(run->master, status);
	return status;
}

static enum weir_status watch(struct service_run *run)
{
	struct weir_app *app = run->app;
	enum weir_status status;

	weir_log_info(app->log, "%s %s listens on %s with %d processes, the master's pid is %d", app->options.name, app->options.version,
		      run->options->listen, run->options->processes, (int)getpid());
	atomic_store(&app->master, run->master);
	if (atomic_load(&app->stopped))
		weir_master_stop(run->master);
	if (weir_master_run(run->master, &status))
		return work_for_master(run);
	atomic_store(&app->master, NULL);
	wait_for_stoppers(app);
	return status < 0 ? fail(app, status, "not all processes ended well") : WEIR_OK;
}

static enum weir_status serve_with_master(struct service_run *run)
{
	const struct weir_master_options options = {
		.processes = (size_t)run->options->processes,
		.threads = (size_t)run->app->options.threads,
		.drain_ms = run->app->options.deadlines.drain_ms,
		.log = run->app->log,
		.router = run->app->service.router,
		.listener = &run->listener,
	};
	enum weir_status status = weir_master_create(&options, &run->master);

	if (status < 0)
		return fail(run->app, status, "the master");
	status = watch(run);
	if (status != WEIR_ERR_TIMEOUT) /* else handlers still run, and have their seats on its board */
		weir_master_destroy(run->master);
	return status;
}

static void hold_back_signals(sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, before);
}

static enum weir_status serve_socket(struct weir_app *app, const struct weir_run_options *options)
{
	struct service_run run = { .app = app, .options = options };
	enum weir_status status;

	hold_back_signals(&run.signals_before);
	status = weir_listener_open(options, app->error, sizeof(app->error), &run.listener);
	if (status < 0)
		(void)fail(app, status, NULL);
	else
		status = options->processes > 1 ? serve_with_master(&run) : work(&run);
	weir_listener_unlink(&run.listener);
	pthread_sigmask(SIG_SETMASK, &run.signals_before, NULL);
	return status;
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

static enum weir_status check_processes(const struct weir_run_options *options, bool is_cgi, char *why, size_t why_size)
{
	if (options->processes < 0 || options->processes > WEIR_PROCESSES_MAX)
		snprintf(why, why_size, "--processes %d: allowed is 1 to %d", options->processes, WEIR_PROCESSES_MAX);
	else if (options->processes > 1 && is_cgi)
		snprintf(why, why_size, "--processes %d: a CGI program serves one request, in one process", options->processes);
	else if (options->processes > 1 && gettid() != getpid())
		snprintf(why, why_size, "--processes %d: weir_app_run() is to be called on the main thread then", options->processes);
	else
		return WEIR_OK;
	return WEIR_ERR_CONFIG;
}

enum weir_status weir_run_check(const struct weir_run_options *options, char *why, size_t why_size)
{
	const char *transport = options->transport ? options->transport : is_cgi_environment() ? "cgi" : "fcgi";
	bool is_cgi = strcmp(transport, "cgi") == 0;

	if (is_cgi || strcmp(transport, "fcgi") == 0 || (weir_has_libfcgi && strcmp(transport, "libfcgi") == 0))
		return check_processes(options, is_cgi, why, why_size);
	snprintf(why, why_size, "--transport %s: allowed is fcgi, cgi%s", transport,
		 weir_has_libfcgi ? " or libfcgi" : "; this weir was built without libfcgi");
	return WEIR_ERR_CONFIG;
}

/* After one request of a CGI program: what it has stored in a backend of its own process ends with it. */
static void warn_if_stored_in_vain(struct weir_app *app)
{
	const struct weir_backend_ops *ops = app->cache ? weir_backend_ops(weir_cache_backend(app->cache)) : NULL;
	struct weir_cache_stats stats;

	if (!ops || !(ops->flags & WEIR_BACKEND_PROCESS_ONLY))
		return;
	weir_cache_stats(app->cache, &stats);
	if (stats.stored > 0)
		weir_log_warn(app->log, "a CGI program ends after a request, and its %s: cache with it; shm:///NAME is one that stays",
			      ops->scheme);
}

enum weir_status weir_app_run(struct weir_app *app, const struct weir_run_options *options)
{
	struct weir_run_options run = *options;
	enum weir_status status = weir_app_check(app);

	if (status == WEIR_OK)
		status = weir_run_check(&run, app->error, sizeof(app->error));
	if (status < 0)
		return fail(app, status, NULL);
	if (!run.transport)
		run.transport = is_cgi_environment() ? "cgi" : "fcgi";
	if (!run.listen)
		run.listen = "fd:0";
	signal(SIGPIPE, SIG_IGN);
	if (strcmp(run.transport, "cgi") != 0)
		return serve_socket(app, &run);
	status = attach_cache(app);
	if (status < 0)
		return status;
	status = weir_cgi_serve(weir_app_service(app), app->clock, STDIN_FILENO, STDOUT_FILENO, environ);
	warn_if_stored_in_vain(app);
	return status;
}

void weir_app_stop(struct weir_app *app)
{
	struct weir_master *master;
	struct weir_loop *loop;

	atomic_store(&app->stopped, true);
	atomic_fetch_add(&app->stoppers, 1);
	loop = atomic_load(&app->loop);
	if (loop)
		weir_loop_stop(loop);
	master = atomic_load(&app->master);
	if (master)
		weir_master_stop(master);
	atomic_fetch_sub(&app->stoppers, 1);
}
