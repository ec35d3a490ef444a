/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts redis-server as its users do, and speaks to it by hiredis, without anything of the driver under test.
 */
#include "support/redis_server.h"

#include <dirent.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 10000
#define CLUSTER_MS 30000
#define LOOK_MS 20

/* A cluster's nodes talk to each other at their port and 10000. */
#define PORT_MAX 55000

static void fail(const char *what)
{
	(void)fprintf(stderr, "redis servers: %s\n", what);
	abort();
}

bool weir_redis_servers_available(void)
{
	if (getenv("WEIR_REDIS_SERVER") && getenv("WEIR_REDIS_CLI"))
		return true;
	(void)printf("1..0 # SKIP WEIR_REDIS_SERVER and WEIR_REDIS_CLI are not set\n");
	return false;
}

static void start_one(struct weir_redis_servers *servers, size_t at, const char *const options[])
{
	char config[32], log[32], log_path[128];
	const char *argv[40] = { getenv("WEIR_REDIS_SERVER"),
				 "--port",
				 strchr(servers->addresses[at], ':') + 1,
				 "--bind",
				 "127.0.0.1",
				 "--unixsocket",
				 servers->sockets[at],
				 "--dir",
				 servers->scratch.folder,
				 "--save",
				 "",
				 "--appendonly",
				 "no",
				 "--enable-debug-command",
				 "local",
				 "--cluster-config-file",
				 config };
	size_t count = 17;

	(void)snprintf(config, sizeof(config), "nodes%zu.conf", at);
	(void)snprintf(log, sizeof(log), "log%zu", at);
	(void)snprintf(log_path, sizeof(log_path), "%s", weir_scratch_file(&servers->scratch, log));
	for (; options && *options; options++)
		argv[count++] = *options;
	weir_server_start(&servers->servers[at], argv, log_path);
}

static void await_one(const struct weir_redis_servers *servers, size_t at)
{
	if (!weir_server_wait(&servers->servers[at], servers->addresses[at], START_MS))
		fail("a server does not start");
}

static unsigned free_port(void)
{
	unsigned port = weir_server_free_port();

	while (port > PORT_MAX)
		port = weir_server_free_port();
	return port;
}

void weir_redis_servers_start(struct weir_redis_servers *servers, size_t count, const char *const options[])
{
	char socket[32];

	*servers = (struct weir_redis_servers){ .count = count };
	weir_scratch_init(&servers->scratch);
	for (size_t i = 0; i < count; i++) {
		weir_server_address(servers->addresses[i], sizeof(servers->addresses[i]), free_port());
		(void)snprintf(socket, sizeof(socket), "socket%zu", i);
		(void)snprintf(servers->sockets[i], sizeof(servers->sockets[i]), "%s", weir_scratch_file(&servers->scratch, socket));
		start_one(servers, i, options);
		await_one(servers, i);
	}
}

void weir_redis_servers_restart(struct weir_redis_servers *servers, size_t at, const char *const options[])
{
	start_one(servers, at, options);
	await_one(servers, at);
}

void weir_redis_servers_stop(struct weir_redis_servers *servers)
{
	for (size_t i = 0; i < servers->count; i++)
		weir_server_stop(&servers->servers[i]);
	weir_scratch_finish(&servers->scratch);
}

/* -- Speaking to them ------------------------------------------------------------------------------------------------------ */

static redisContext *connect_to(const struct weir_redis_servers *servers, size_t at)
{
	redisContext *context = redisConnect("127.0.0.1", (int)strtol(strchr(servers->addresses[at], ':') + 1, NULL, 10));

	if (!context || context->err)
		fail("a server does not take a connection");
	return context;
}

redisReply *weir_redis_servers_tell(const struct weir_redis_servers *servers, size_t at, const char *format, ...)
{
	redisContext *context = connect_to(servers, at);
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = redisvCommand(context, format, args);
	va_end(args);
	redisFree(context);
	return reply;
}

long long weir_redis_servers_number(const struct weir_redis_servers *servers, size_t at, const char *command)
{
	redisReply *reply = weir_redis_servers_tell(servers, at, command);
	long long number = reply && reply->type == REDIS_REPLY_INTEGER ? reply->integer : LLONG_MIN;

	freeReplyObject(reply);
	return number;
}

/* Replicas refuse, and are told by their masters. */
void weir_redis_servers_flush(const struct weir_redis_servers *servers)
{
	for (size_t i = 0; i < servers->count; i++)
		if (servers->servers[i].pid > 0)
			WEIR_REDIS_TELL(servers, i, "FLUSHALL");
}

void weir_redis_servers_advance_ms(const struct weir_redis_servers *servers, unsigned db, int64_t ms)
{
	static const char script[] =
		"if ARGV[2] ~= '0' then redis.call('SELECT', ARGV[2]) end\n"
		"for _, name in ipairs(redis.call('KEYS', '*')) do\n"
		"	local left = redis.call('PTTL', name)\n"
		"	if left >= 0 then redis.call('PEXPIRE', name, string.format('%.0f', left - tonumber(ARGV[1]))) end\n"
		"end\n";

	for (size_t i = 0; i < servers->count; i++)
		if (servers->servers[i].pid > 0)
			WEIR_REDIS_TELL(servers, i, "EVAL %s 0 %lld %u", script, (long long)ms, db);
}

/* -- Clusters -------------------------------------------------------------------------------------------------------------- */

static bool info_says(const struct weir_redis_servers *servers, size_t at, const char *command, const char *words)
{
	redisReply *reply = weir_redis_servers_tell(servers, at, command);
	bool says = reply && reply->type == REDIS_REPLY_STRING && strstr(reply->str, words);

	freeReplyObject(reply);
	return says;
}

/* Knows all slots, and is either a replica with its data or a master that has one. */
static bool is_settled(const struct weir_redis_servers *servers, size_t at)
{
	return info_says(servers, at, "CLUSTER INFO", "cluster_state:ok") &&
	       info_says(servers, at, "CLUSTER INFO", "cluster_known_nodes:6") &&
	       (info_says(servers, at, "INFO replication", "master_link_status:up") ||
		info_says(servers, at, "INFO replication", "state=online"));
}

static const char *const cluster_options[] = {
	"--cluster-enabled",
	"yes",
	"--cluster-node-timeout",
	"1500",
	"--cluster-replica-validity-factor",
	"0",
	"--repl-diskless-sync-delay",
	"0",
	NULL,
};

static void await_all_settled(const struct weir_redis_servers *servers)
{
	size_t settled = 0;

	for (int waited_ms = 0; settled < 6; waited_ms += LOOK_MS) {
		if (waited_ms > CLUSTER_MS)
			fail("the cluster does not come up");
		(void)poll(NULL, 0, LOOK_MS);
		for (settled = 0; settled < 6 && is_settled(servers, settled); settled++)
			;
	}
}

void weir_redis_servers_start_cluster(struct weir_redis_servers *servers)
{
	const char *argv[16] = { getenv("WEIR_REDIS_CLI"), "--cluster", "create" };
	struct weir_server tool;
	char log[128];

	weir_redis_servers_start(servers, 6, cluster_options);
	for (size_t i = 0; i < 6; i++)
		argv[3 + i] = servers->addresses[i];
	argv[9] = "--cluster-replicas";
	argv[10] = "1";
	argv[11] = "--cluster-yes";
	(void)snprintf(log, sizeof(log), "%s", weir_scratch_file(&servers->scratch, "create"));
	weir_server_start(&tool, argv, log);
	await_all_settled(servers);
	weir_server_stop(&tool);
}

void weir_redis_servers_restart_in_cluster(struct weir_redis_servers *servers, size_t at)
{
	weir_redis_servers_restart(servers, at, cluster_options);
	await_all_settled(servers);
}
