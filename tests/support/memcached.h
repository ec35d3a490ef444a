/* SPDX-License-Identifier: Apache-2.0
 *
 * memcached servers of a test's own, whose clock the test can turn.
 *
 * WEIR_MEMCACHED names the program; without it there is nothing to test.
 */
#ifndef WEIR_TESTS_MEMCACHED_H
#define WEIR_TESTS_MEMCACHED_H

#include <stdint.h>

#include <weir/slice.h>

#include "support/scratch.h"
#include "support/server.h"

#define WEIR_MEMCACHED_SERVERS 3

struct weir_memcached_servers {
	struct weir_scratch scratch;
	struct weir_server servers[WEIR_MEMCACHED_SERVERS];
	char addresses[WEIR_MEMCACHED_SERVERS][128];
	size_t count;
	const char *size_mb; /* of each */
	void *clock;         /* of all */
};

/* Prints the plan of a test program that is skipped, and returns false, when there is no server to be had. */
bool weir_memcached_is_there(void);

/* `count` servers at ports of the loopback interface, or one at a unix socket for 0; ends the program when they do not start. `size_mb`
 * NULL: 64. */
void weir_memcached_servers_start(struct weir_memcached_servers *servers, size_t count, const char *size_mb);
void weir_memcached_servers_stop(struct weir_memcached_servers *servers);

/* One of them, empty, at its old address. */
void weir_memcached_server_restart(struct weir_memcached_servers *servers, size_t index);

/* Turns their clocks on, and returns when they go by it. */
void weir_memcached_servers_turn_ms(struct weir_memcached_servers *servers, int64_t ms);

/* "memcached://…", or "memcached+unix://…", without options; static storage. */
const char *weir_memcached_servers_url(const struct weir_memcached_servers *servers);

/* Sends a command to a server and returns what it answers: for what other programs do. Static storage, cut at 64 KiB. */
const char *weir_memcached_server_say(const struct weir_memcached_servers *servers, size_t index, struct weir_slice command);

/* Stores an item by its name, as anybody can. */
void weir_memcached_server_put(const struct weir_memcached_servers *servers, size_t index, const char *name, uint32_t flags,
			       struct weir_slice value);

/* Removes one; true when it was there. */
bool weir_memcached_server_drop(const struct weir_memcached_servers *servers, size_t index, const char *name);

bool weir_memcached_server_has(const struct weir_memcached_servers *servers, size_t index, const char *name);

#endif
