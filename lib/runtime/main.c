/* SPDX-License-Identifier: Apache-2.0
 *
 * weir_main: the command line that every app has. Each option stands once, in the table below, with its environment variable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/backend.h"
#include "cache/cache.h"
#include "runtime/app.h"
#include "runtime/libfcgi.h"
#include "runtime/listener.h"
#include "runtime/master.h"

enum {
	EXIT_USAGE = 2
};

struct command {
	struct weir_app_options app;
	struct weir_log_options log;
	struct weir_run_options run;
	char why[512];
	bool check;
	bool routes;
	bool version;
	bool help;
};

struct option {
	const char *name;
	const char *environment;
	const char *value; /* what stands for the value in --help; NULL: takes none */
	const char *help;
	const char *allowed;
	bool (*set)(struct command *command, const char *value);
};

static bool set_listen(struct command *command, const char *value)
{
	command->run.listen = value;
	return true; /* weir_listener_check has more to say */
}

static bool set_socket_mode(struct command *command, const char *value)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	if (!value[0] || *end || value[0] == '-' || mode == 0 || mode > 0777)
		return false;
	command->run.socket_mode = (unsigned)mode;
	return true;
}

static bool set_socket_owner(struct command *command, const char *value)
{
	command->run.socket_owner = value;
	return value[0] != '\0';
}

static bool set_threads(struct command *command, const char *value)
{
	uint64_t threads;

	if (weir_slice_to_u64(weir_slice_text(value), 4096, &threads) != WEIR_OK || threads == 0)
		return false;
	command->app.threads = (int)threads;
	return true;
}

static bool set_processes(struct command *command, const char *value)
{
	uint64_t processes;

	if (weir_slice_to_u64(weir_slice_text(value), WEIR_PROCESSES_MAX, &processes) != WEIR_OK || processes == 0)
		return false;
	command->run.processes = (int)processes;
	return true;
}

static bool set_transport(struct command *command, const char *value)
{
	command->run.transport = value;
	return strcmp(value, "fcgi") == 0 || strcmp(value, "cgi") == 0 || (weir_has_libfcgi && strcmp(value, "libfcgi") == 0);
}

static bool set_log_level(struct command *command, const char *value)
{
	return weir_log_level_parse(value, &command->log.level) == WEIR_OK;
}

static bool set_log_format(struct command *command, const char *value)
{
	command->log.format = strcmp(value, "json") == 0 ? WEIR_LOG_JSON : WEIR_LOG_TEXT;
	return strcmp(value, "json") == 0 || strcmp(value, "text") == 0;
}

static bool set_check(struct command *command, const char *value)
{
	(void)value;
	return command->check = true;
}

static bool set_routes(struct command *command, const char *value)
{
	(void)value;
	return command->routes = true;
}

static bool set_version(struct command *command, const char *value)
{
	(void)value;
	return command->version = true;
}

static bool set_help(struct command *command, const char *value)
{
	(void)value;
	return command->help = true;
}

static const struct option options[] = {
	{ "listen", "WEIR_LISTEN", "ADDRESS", "unix:PATH, tcp:HOST:PORT or fd:N; without it fd:0", NULL, set_listen },
	{ "socket-mode", "WEIR_SOCKET_MODE", "MODE", "of a unix socket, octal; 0660", "an octal number from 1 to 0777", set_socket_mode },
	{ "socket-owner", "WEIR_SOCKET_OWNER", "OWNER", "of a unix socket: USER, USER:GROUP or :GROUP", "USER, USER:GROUP or :GROUP",
	  set_socket_owner },
	{ "threads", "WEIR_THREADS", "N", "handler threads; 32", "a number from 1 to 4096", set_threads },
	{ "processes", "WEIR_PROCESSES", "M", "processes that share the socket, each with its own threads; 1", "a number from 1 to 64",
	  set_processes },
	{ "transport", "WEIR_TRANSPORT", "NAME", "fcgi, cgi or libfcgi; cgi in the environment of a CGI program, else fcgi",
	  "fcgi, cgi or, where weir was built with it, libfcgi", set_transport },
	{ "log-level", "WEIR_LOG_LEVEL", "LEVEL", "debug, info, warn, error or off; info", "debug, info, warn, error or off",
	  set_log_level },
	{ "log-format", "WEIR_LOG_FORMAT", "FORMAT", "text or json; text", "text or json", set_log_format },
	{ "check", NULL, NULL, "validate options, environment, routes and the cache's server, and exit", NULL, set_check },
	{ "routes", NULL, NULL, "print the routes and exit", NULL, set_routes },
	{ "version", NULL, NULL, "print the versions and exit", NULL, set_version },
	{ "help", NULL, NULL, "print this and exit", NULL, set_help },
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

/* One line, whatever an option's value holds. */
static int complain(const struct command *command, const char *why, int status)
{
	char line[600];

	snprintf(line, sizeof(line), "%s", why);
	for (char *at = line; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	fprintf(stderr, "%s: %s\n", command->app.name, line);
	return status;
}

static int usage_error(const struct command *command)
{
	return complain(command, command->why, EXIT_USAGE);
}

static bool read_environment(struct command *command)
{
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const char *value = options[i].environment ? secure_getenv(options[i].environment) : NULL;

		if (!value || !value[0] || options[i].set(command, value))
			continue;
		snprintf(command->why, sizeof(command->why), "%s=%s: allowed is %s", options[i].environment, value, options[i].allowed);
		return false;
	}
	return true;
}

static const struct option *find_option(const char *argument, const char **value)
{
	size_t len = strcspn(argument, "=");

	*value = argument[len] == '=' ? argument + len + 1 : NULL;
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strlen(options[i].name) == len && strncmp(options[i].name, argument, len) == 0)
			return &options[i];
	return NULL;
}

/* One argument and, where it takes one, its value. True when all is well. */
static bool read_argument(struct command *command, char **argv, int *at)
{
	const char *argument = argv[*at];
	const char *value = NULL;
	const struct option *option = strncmp(argument, "--", 2) == 0 ? find_option(argument + 2, &value) : NULL;

	if (!option) {
		snprintf(command->why, sizeof(command->why), "%s: no such option; --help lists them", argument);
		return false;
	}
	if (option->value && !value && argv[*at + 1])
		value = argv[++*at];
	if (!option->value != !value) {
		snprintf(command->why, sizeof(command->why), "--%s %s", option->name, option->value ? "needs a value" : "takes no value");
		return false;
	}
	if (option->set(command, value))
		return true;
	snprintf(command->why, sizeof(command->why), "--%s %s: allowed is %s", option->name, value, option->allowed);
	return false;
}

/* -- What can be asked ------------------------------------------------------------------------------------------------------ */

static int print_help(const struct command *command)
{
	char left[64];

	printf("Usage: %s [OPTION]...\nServes FastCGI, or one request as a CGI program.\n\n", command->app.name);
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", options[i].name, options[i].value ? " " : "",
			 options[i].value ? options[i].value : "");
		printf("  %-24s %s%s%s%s\n", left, options[i].help, options[i].environment ? " [" : "",
		       options[i].environment ? options[i].environment : "", options[i].environment ? "]" : "");
	}
	printf("\nThe cache: WEIR_CACHE_BACKEND, WEIR_CACHE_BACKEND_FILE, WEIR_CACHE_PREFIX, WEIR_CACHE_EXPIRE,\n"
	       "WEIR_CACHE_STATUS_HEADER, WEIR_CACHE_ENABLE.\n");
	return EXIT_SUCCESS;
}

static void print_route(void *state, const struct weir_route *route)
{
	static const char *const names[] = { "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "*" };
	const char *separator = "";

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(route->methods & (1U << i)))
			continue;
		printf("%s%s", separator, names[i]);
		separator = ",";
	}
	printf(" %s%s%s%s\n", route->path, route->cache ? "  cached" : "", route->stream_body ? "  streams its body" : "",
	       route->nonblocking ? "  nonblocking" : "");
}

/* -- Running ---------------------------------------------------------------------------------------------------------------- */

/* An app starts without its cache's server; whoever only asks wants to know that it is not there. */
static enum weir_status check_backend(struct weir_app *app)
{
	struct weir_backend *backend = app->cache ? weir_cache_backend(app->cache) : NULL;
	enum weir_status status;

	if (!backend || weir_backend_is_local(backend))
		return WEIR_OK;
	status = weir_cache_attach(app->cache);
	if (status == WEIR_OK)
		status = weir_backend_check(backend, app->error, sizeof(app->error));
	if (status < 0 && app->error[0] == '\0')
		snprintf(app->error, sizeof(app->error), "cache backend %s: %s", weir_backend_ops(backend)->scheme,
			 weir_status_text(status));
	return status;
}

static int run(struct command *command, struct weir_app *app)
{
	enum weir_status status = WEIR_OK;

	if (command->app.setup)
		status = command->app.setup(app, command->app.user_data);
	if (status < 0)
		return complain(command, weir_app_error(app)[0] ? weir_app_error(app) : "setup failed", EXIT_FAILURE);
	status = weir_app_check(app);
	if (status == WEIR_OK)
		status = weir_run_check(&command->run, app->error, sizeof(app->error));
	if (status == WEIR_OK && command->run.listen)
		status = weir_listener_check(&command->run, app->error, sizeof(app->error));
	if (status < 0)
		return complain(command, weir_app_error(app), EXIT_USAGE);
	if (command->check && check_backend(app) < 0)
		return complain(command, weir_app_error(app), EXIT_FAILURE);
	if (command->routes)
		weir_router_each(app->service.router, print_route, NULL);
	if (command->check || command->routes)
		return EXIT_SUCCESS;
	status = weir_app_run(app, &command->run);
	if (status == WEIR_ERR_TIMEOUT)
		_exit(EXIT_FAILURE); /* a handler still runs, and needs what would be freed */
	if (status == WEIR_ERR_CONFIG)
		return EXIT_USAGE;
	return status < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static bool read_command(struct command *command, int argc, char **argv)
{
	if (command->app.log)
		command->log = *command->app.log;
	command->app.log = &command->log;
	if (!command->app.locked && !read_environment(command))
		return false;
	for (int at = 1; at < argc; at++)
		if (!read_argument(command, argv, &at))
			return false;
	return true;
}

int weir_main(int argc, char **argv, const struct weir_app_options *app_options)
{
	struct command command = { .app = *app_options, .log = WEIR_LOG_DEFAULT };
	struct weir_app *app;
	int status;

	if (!command.app.name)
		command.app.name = argc > 0 ? argv[0] : "weir";
	if (!read_command(&command, argc, argv))
		return usage_error(&command);
	if (command.help)
		return print_help(&command);
	if (command.version) {
		printf("%s %s (weir %s)\n", command.app.name, command.app.version ? command.app.version : weir_version(), weir_version());
		return EXIT_SUCCESS;
	}
	if (weir_app_create_with_cache(&command.app, NULL, command.why, sizeof(command.why), &app) < 0)
		return usage_error(&command);
	status = run(&command, app);
	weir_app_destroy(app);
	return status;
}
