/* SPDX-License-Identifier: Apache-2.0
 *
 * What the URL of a Redis backend says.
 *
 *     redis://[[user]:password@]host[:port][/db]
 *     redis+unix://[[user]:password@]/path/of/socket
 *     redis+cluster://[[user]:password@]host[:port],host[:port],…     some of the nodes; the others are found
 *
 * User, password and path may carry %XX; an IPv6 address stands in brackets; the port is 6379 when none is given. Options:
 *
 *     prefix                 what all names in Redis begin with (weir:), 1 to 64 of letters, digits and "-._~:/=@+,"
 *     db                     as in the path
 *     read=host[:port]       where values are read (redis: only): a replica of the other. It may lag: a value may then be missing, or be
 *                            the one before, but none from before a clear is served, since clock and cells are read where they are written.
 *                            While it does not answer, values are read where they are written.
 *     clear=scan|lua|clock   how entries are taken away when a clear is asked to count them: SCAN, GET and UNLINK (scan), the first two in
 *                            a script in the server (lua), or not at all, nor counted: they are left to expire (clock). What is cleared is
 *                            never served, whichever it is.
 *     connect_timeout_ms     250; the longest wait for a connection, beside the time to look up its name, which is the resolver's
 *     read_timeout_ms        250; the longest silence of a node that owes an answer
 *     total_timeout_ms       500; of a whole call of the driver, connections and redirections included
 *     tls=true               TLS, where hiredis was installed with it; tls_ca, tls_cert and tls_key name PEM files. The certificate of a
 *                            server must be of the host that the URL names; in a cluster, of the hosts that its nodes tell of each other
 *
 * A user of Redis's ACL needs the names that begin with the prefix (~weir:*), and the commands GET, SET, DEL, UNLINK, SCAN, HGET, HMGET,
 * HSET, HDEL, HLEN, HSCAN, TIME, EVAL, EVALSHA and INFO; in a cluster CLUSTER and ASKING. With CONFIG GET the driver knows how long a value
 * may be.
 */
#ifndef WEIR_REDIS_OPTIONS_H
#define WEIR_REDIS_OPTIONS_H

#include <weir/backend_driver.h>

#include "names.h"

#define WEIR_REDIS_SEEDS_MAX 32

/* A host and a port; port 0: the path of a unix socket. */
struct weir_redis_endpoint {
	char host[256];
	unsigned port;
};

enum weir_redis_reclaim {
	WEIR_REDIS_RECLAIM_SCAN,
	WEIR_REDIS_RECLAIM_LUA,
	WEIR_REDIS_RECLAIM_CLOCK,
};

struct weir_redis_options {
	struct weir_redis_endpoint seeds[WEIR_REDIS_SEEDS_MAX];
	size_t seed_count;
	bool cluster;
	struct weir_redis_endpoint reader; /* host "": none */
	char user[128];                    /* "": none */
	char password[512];                /* "": none */
	unsigned db;
	char prefix[WEIR_REDIS_PREFIX_MAX + 1];
	enum weir_redis_reclaim reclaim;
	int connect_timeout_ms, read_timeout_ms, total_timeout_ms;
	bool tls;
	char tls_ca[256], tls_cert[256], tls_key[256]; /* "": none */
};

/* The names above; NULL-terminated. */
extern const char *const weir_redis_option_names[];

/* OK, or ERR_CONFIG and a line for people in `why`, which holds nothing secret. */
enum weir_status weir_redis_options_parse(const struct weir_backend_url *url, struct weir_redis_options *options, char *why,
					  size_t why_size);

/* "host", "host:port", "[address]" or "[address]:port"; ERR_INVALID for anything else. */
enum weir_status weir_redis_endpoint_parse(struct weir_slice text, struct weir_redis_endpoint *endpoint);

#endif
