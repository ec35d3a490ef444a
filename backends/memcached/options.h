/* SPDX-License-Identifier: Apache-2.0
 *
 * The URLs of the memcached drivers, taken apart.
 *
 *     memcached://10.0.0.1,10.0.0.2:11212,[::1]:11213*2    servers of a ring, with port (11211) and weight (1)
 *     memcached+unix:///run/memcached.sock                 one server at a socket of this machine
 *
 * All clients of a ring must name the same servers in the same words and with the same weights; the order does not matter.
 */
#ifndef WEIR_MEMCACHED_OPTIONS_H
#define WEIR_MEMCACHED_OPTIONS_H

#include <weir/backend_driver.h>

#define WEIR_MEMCACHED_SERVERS_MAX 64
#define WEIR_MEMCACHED_PREFIX_MAX 64

struct weir_memcached_server {
	char host[256]; /* or the path of a socket */
	char text[280]; /* as one names it: host:port, or the path */
	uint16_t port;  /* 0: a socket */
	uint32_t weight;
};

struct weir_memcached_options {
	struct weir_memcached_server *servers; /* sorted by `text` */
	size_t server_count;
	char prefix[WEIR_MEMCACHED_PREFIX_MAX + 1]; /* of all names that are used on the servers */
	int connect_timeout_ms;                     /* until a connection stands */
	int read_timeout_ms;                        /* without a byte from the server */
	int total_timeout_ms;                       /* of a call of the driver */
};

extern const char *const weir_memcached_option_names[];

/* ERR_CONFIG with a line in `why`, ERR_MEMORY. What was filled is given back with finish, also after a failure. */
enum weir_status weir_memcached_options_parse(const struct weir_backend_url *url, struct weir_memcached_options *options, char *why,
					      size_t why_size);
void weir_memcached_options_finish(struct weir_memcached_options *options);

#endif
