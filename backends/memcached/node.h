/* SPDX-License-Identifier: Apache-2.0
 *
 * One server: its connection, the operations on their way to it, and whether it is in service.
 *
 * Operations are queued and then done by weir_memcached_exchange() (exchange.h), which drives all servers at the same time. A node never
 * waits by itself: it says what it waits for (`events`, `until_ms`) and goes on in weir_memcached_node_advance(). Answers come in the
 * order of the operations.
 *
 * A connection that the server has closed since it was last used (it was restarted, say) is made anew, once, and everything sent again:
 * there is no operation here for which twice is worse than once. Any other failure, of whatever kind, ends the connection and all that is
 * on it.
 */
#ifndef WEIR_MEMCACHED_NODE_H
#define WEIR_MEMCACHED_NODE_H

#include "options.h"
#include "wire.h"

enum weir_memcached_result {
	WEIR_MEMCACHED_FAILED, /* no answer came */
	WEIR_MEMCACHED_YES,    /* found, stored, counted, deleted */
	WEIR_MEMCACHED_NO,     /* not there; ADD: there already; CAS: gone or changed */
	WEIR_MEMCACHED_TOO_LARGE,
	WEIR_MEMCACHED_REFUSED, /* the server would not: its memory is out, or what is there is no number */
};

struct weir_memcached_op {
	struct weir_memcached_command command;
	struct weir_memcached_op *next;     /* on its node */
	struct weir_memcached_op *next_all; /* of the call */
	bool ends_line;                     /* GET: the last of its line */

	enum weir_memcached_result result;
	uint64_t number; /* INCREMENT: the count; GET: for CAS */
	uint32_t flags;  /* GET */
	char *data;      /* GET: from the heap; who sets it to NULL has it */
	size_t len;
};

struct weir_memcached_node {
	const struct weir_memcached_server *server;
	struct addrinfo *addresses, *address; /* the list, and the one to try next */
	int fd;                               /* -1: none */
	bool connecting;
	bool reused; /* the connection is from an earlier exchange, and nothing has come on it in this one */

	struct weir_memcached_op *first, *last;
	struct weir_memcached_op *to_send;   /* the first that is not in `output` yet */
	struct weir_memcached_op *to_answer; /* the first without an answer */
	struct weir_buffer output;
	size_t sent; /* of output */
	char input[16 * 1024];
	size_t input_start, input_end;
	struct weir_memcached_op *filling; /* its data is being read */
	size_t filled;

	short events;     /* for poll() */
	int64_t until_ms; /* machine's monotonic time: when it has failed without an event */

	enum weir_status status; /* of the last exchange: OK or a failure */
	char why[160];           /* the failure for people */

	/* exchange.c */
	bool out; /* of service */
	bool probing;
	int64_t retry_ms; /* out: when to knock again; the env's monotonic time */
	struct weir_memcached_op probe;
};

struct weir_memcached_limits {
	int connect_timeout_ms, read_timeout_ms;
};

void weir_memcached_node_init(struct weir_memcached_node *node, const struct weir_memcached_server *server);
void weir_memcached_node_finish(struct weir_memcached_node *node);

/* The operation stays until the node is done. */
void weir_memcached_node_add(struct weir_memcached_node *node, struct weir_memcached_op *op);

/* Forgets what is queued and not begun. */
void weir_memcached_node_drop(struct weir_memcached_node *node);

static inline bool weir_memcached_node_is_busy(const struct weir_memcached_node *node)
{
	return node->first;
}

/* Starts on what is queued, connecting if need be. */
void weir_memcached_node_begin(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms);

/* Goes as far as it can without waiting. It is not busy any more when all is answered, or when it has failed: see `status`. */
void weir_memcached_node_advance(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms);

/* Ends what is going on, and the connection. `why` is for people. */
void weir_memcached_node_fail(struct weir_memcached_node *node, enum weir_status status, const char *why);

/* A socket that connects to the next address of the node without blocking, or -1 when there is none, with the reason in `why`; EAGAIN-like
 * progress is reported by poll() for POLLOUT. (connect.c) */
int weir_memcached_connect(struct weir_memcached_node *node);

/* Forgets what is known of the node's addresses: the next weir_memcached_connect() begins with the first. */
void weir_memcached_forget_addresses(struct weir_memcached_node *node);

#endif
