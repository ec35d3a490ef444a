/* SPDX-License-Identifier: Apache-2.0
 *
 * A host that uses memcached servers as a cache does, with a driver and a clock of its own: it looks entries up, makes them, clears them.
 *
 * An entry is what the cache core makes of it: a value that carries the clear clock of when its making began, here with a number beside it,
 * valid as long as neither its namespace nor its key was cleared since.
 */
#ifndef WEIR_TESTS_MEMCACHED_HOST_H
#define WEIR_TESTS_MEMCACHED_HOST_H

#include <weir/backend_driver.h>

#include "support/fake_clock.h"

struct weir_memcached_host {
	struct weir_backend *backend;
	struct weir_fake_clock clock;
	uint64_t seen; /* the clear clock of the last lookup: what is made now carries it */
};

/* `url` with its options. Ends the program when it is refused. `log` may be NULL. */
void weir_memcached_host_open(struct weir_memcached_host *host, const char *url, struct weir_log *log);
void weir_memcached_host_close(struct weir_memcached_host *host);

/* OK: there is a valid entry, with `*number`, which may be NULL. MISS: none, or one that is not valid. Or a failure. */
enum weir_status weir_memcached_host_look(struct weir_memcached_host *host, const char *ns, const char *key, uint64_t *number);

/* Stores an entry whose making began with the clock `made`. */
enum weir_status weir_memcached_host_store(struct weir_memcached_host *host, const char *key, uint64_t made, uint64_t number);

/* Looks it up, and stores one when there is none; true when there was. Any failure ends the program. */
bool weir_memcached_host_use(struct weir_memcached_host *host, const char *ns, const char *key);

enum weir_status weir_memcached_host_clear(struct weir_memcached_host *host, const char *cell);
enum weir_status weir_memcached_host_lease(struct weir_memcached_host *host, enum weir_lease_verb verb, const char *key, uint64_t token,
					   int64_t ttl_ms);
enum weir_status weir_memcached_host_check(struct weir_memcached_host *host, char *why, size_t why_size);

/* How many keys with the prefix a walk visits; `*status` is the walk's. */
size_t weir_memcached_host_walk(struct weir_memcached_host *host, const char *prefix, bool remove, enum weir_status *status);

#endif
