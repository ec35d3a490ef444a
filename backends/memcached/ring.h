/* SPDX-License-Identifier: Apache-2.0
 *
 * Which server has which name: libmemcached's weighted ketama ring, so that names lie where its other users look for them.
 *
 * Servers that are out of service are left out; their names go to others until they are back, all other names stay where they are.
 */
#ifndef WEIR_MEMCACHED_RING_H
#define WEIR_MEMCACHED_RING_H

#include "options.h"

struct weir_memcached_ring {
	struct memcached_st *points;                /* NULL: nobody is on it */
	size_t members[WEIR_MEMCACHED_SERVERS_MAX]; /* indexes of servers */
	size_t count;
};

/* Makes the ring of those servers for which `in` is true. ERR_MEMORY leaves it as it was. */
enum weir_status weir_memcached_ring_set(struct weir_memcached_ring *ring, const struct weir_memcached_options *options, const bool *in);

/* Takes a zeroed one. */
void weir_memcached_ring_finish(struct weir_memcached_ring *ring);

/* The index of the server for `name`; 0 when nobody is on the ring. */
size_t weir_memcached_ring_find(const struct weir_memcached_ring *ring, struct weir_slice name);

#endif
