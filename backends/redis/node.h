/* SPDX-License-Identifier: Apache-2.0
 *
 * One server and the connection to it.
 *
 * Connecting waits, within the time limits; after that nothing here waits but weir_redis_nodes_step(), for several nodes at once. A
 * connection on which anything has gone wrong is closed, and made anew at the next use. What is said of a node in the log and to check() is
 * said here, once for each trouble, with its name and never with what the URL holds otherwise.
 *
 * Times are milliseconds of the machine's monotonic clock: servers do not go by the clock of a test.
 */
#ifndef WEIR_REDIS_NODE_H
#define WEIR_REDIS_NODE_H

#include "reply.h"
#include "tls.h"

/* More than a cluster has. */
#define WEIR_REDIS_NODES_MAX 256

/* What all nodes of a backend have in common. */
struct weir_redis_setup {
	struct weir_redis_options options;
	struct weir_redis_tls *tls; /* NULL: none */
	struct weir_log *log;
};

struct weir_redis_node {
	const struct weir_redis_setup *setup;
	struct weir_redis_endpoint endpoint;
	int rest_ms;           /* a node that failed is left alone for so long: where there are others to go to */
	redisContext *context; /* NULL: not connected */
	bool greeted;          /* … and ready */
	size_t owed;           /* replies that are to come */
	bool sending;          /* not all that was appended has been sent */
	int64_t heard_ms;      /* when it was last heard of, or waited for from; 0: not yet */

	char tenure[WEIR_REDIS_TENURE_LEN + 1]; /* "": no master, or not known */
	int64_t tenure_ms;                      /* when it was asked for */
	bool tenure_owed;                       /* the next reply tells it */
	uint64_t bulk_max;                      /* the longest word that the server takes */

	enum weir_status failure; /* of the last use; OK: none */
	int64_t failed_ms;        /* when it could last not be used */
	int64_t refused_ms;       /* when it last refused something; 0: it does not */
	char trouble[128];        /* the last, in words; "": none */
	bool logged;              /* that there is trouble */
	int64_t logged_ms;        /* when that was said for the last time; 0: never */
};

int64_t weir_redis_now_ms(void);

void weir_redis_node_init(struct weir_redis_node *node, const struct weir_redis_setup *setup, const struct weir_redis_endpoint *endpoint);

/* Closes the connection. */
void weir_redis_node_finish(struct weir_redis_node *node);

/* Connected, logged in and asked for its tenure, or the reason why not. */
enum weir_status weir_redis_node_ready(struct weir_redis_node *node, int64_t deadline_ms);

/* Of a node that is ready: asks for its tenure again, in front of what is appended next, when it was asked long ago. */
void weir_redis_node_refresh_tenure(struct weir_redis_node *node);

/* Of a node that is ready: one command, which owes one reply, whole or in parts. */
void weir_redis_node_append(struct weir_redis_node *node, struct weir_slice bytes);
void weir_redis_node_expect(struct weir_redis_node *node);

/* Sends and receives what can be, for all nodes that owe something; waits for the first. A node that is silent for too long, at the
 * deadline, or whose connection breaks has failed afterwards, and owes nothing. */
void weir_redis_nodes_step(struct weir_redis_node *const *nodes, size_t count, int64_t deadline_ms);

/* The next reply that has come; NULL when there is none. The caller frees it. */
redisReply *weir_redis_node_take(struct weir_redis_node *node);

/* Appends nothing, waits for one reply; NULL when the node has failed. */
redisReply *weir_redis_node_wait(struct weir_redis_node *node, int64_t deadline_ms);

/* Ends the connection, for `trouble` (static, or the node's own). */
void weir_redis_node_fail(struct weir_redis_node *node, enum weir_status status, const char *trouble);

/* It answers, but refuses: noted and logged, the connection stays. */
void weir_redis_node_complain(struct weir_redis_node *node, const char *trouble);

/* It has answered as it should, and has not failed since. */
void weir_redis_node_praise(struct weir_redis_node *node);

/* "host:port", or the path. */
void weir_redis_node_name(const struct weir_redis_node *node, char *name, size_t size);

#endif
