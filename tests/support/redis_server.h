/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis servers of a test's own: one, or a cluster of six; in a folder of their own, on loopback, without persistence.
 *
 * WEIR_REDIS_SERVER and WEIR_REDIS_CLI name the programs.
 */
#ifndef WEIR_TESTS_REDIS_SERVER_H
#define WEIR_TESTS_REDIS_SERVER_H

#include <hiredis/hiredis.h>

#include "support/scratch.h"
#include "support/server.h"

#define WEIR_REDIS_SERVERS_MAX 6

struct weir_redis_servers {
	struct weir_scratch scratch;
	struct weir_server servers[WEIR_REDIS_SERVERS_MAX];
	char addresses[WEIR_REDIS_SERVERS_MAX][32]; /* "127.0.0.1:PORT" */
	char sockets[WEIR_REDIS_SERVERS_MAX][128];  /* the same server's unix socket */
	size_t count;
};

/* Prints "1..0 # SKIP …" and returns false when the programs are not there. */
bool weir_redis_servers_available(void);

/* `options`: more of redis-server's, NULL-terminated, or NULL. Fails the program when the servers do not come up. */
void weir_redis_servers_start(struct weir_redis_servers *servers, size_t count, const char *const options[]);

/* Six servers, three of them masters, each with a replica; returns when all agree on that. */
void weir_redis_servers_start_cluster(struct weir_redis_servers *servers);

/* Starts one that has been stopped again, with the options of the first start; returns when it takes connections. */
void weir_redis_servers_restart(struct weir_redis_servers *servers, size_t at, const char *const options[]);

/* The same with a node of a cluster, which comes back as a replica; returns when all are settled again. */
void weir_redis_servers_restart_in_cluster(struct weir_redis_servers *servers, size_t at);

void weir_redis_servers_stop(struct weir_redis_servers *servers);

/* One command to one server, on a connection of its own: the reply, to be freed, NULL when there was none. */
redisReply *weir_redis_servers_tell(const struct weir_redis_servers *servers, size_t at, const char *format, ...);

/* The same, for a number; LLONG_MIN when the reply is none. */
long long weir_redis_servers_number(const struct weir_redis_servers *servers, size_t at, const char *command);

/* The same, for its effect. */
#define WEIR_REDIS_TELL(...) freeReplyObject(weir_redis_servers_tell(__VA_ARGS__))

/* Removes everything. */
void weir_redis_servers_flush(const struct weir_redis_servers *servers);

/* Lets time pass for all in that database that has an end: takes so much off what it has left. */
void weir_redis_servers_advance_ms(const struct weir_redis_servers *servers, unsigned db, int64_t ms);

#endif
