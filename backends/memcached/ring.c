/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows libmemcached. Its handle is never connected: it only says who is responsible.
 */
#include "ring.h"

#include <libmemcached/memcached.h>

static enum weir_status make(const struct weir_memcached_options *options, struct weir_memcached_ring *ring)
{
	memcached_return_t result = MEMCACHED_SUCCESS;

	ring->points = memcached_create(NULL);
	if (!ring->points)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < ring->count && memcached_success(result); i++) {
		const struct weir_memcached_server *server = &options->servers[ring->members[i]];

		result = server->port == 0 ? memcached_server_add_unix_socket(ring->points, server->host)
					   : memcached_server_add_with_weight(ring->points, server->host, server->port, server->weight);
	}
	if (memcached_success(result))
		result = memcached_behavior_set(ring->points, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
	return memcached_success(result) ? WEIR_OK : WEIR_ERR_MEMORY;
}

enum weir_status weir_memcached_ring_set(struct weir_memcached_ring *ring, const struct weir_memcached_options *options, const bool *in)
{
	struct weir_memcached_ring made = { .points = NULL };
	enum weir_status status = WEIR_OK;

	for (size_t i = 0; i < options->server_count; i++)
		if (in[i])
			made.members[made.count++] = i;
	if (made.count > 0)
		status = make(options, &made);
	if (status != WEIR_OK) {
		weir_memcached_ring_finish(&made);
		return status;
	}
	weir_memcached_ring_finish(ring);
	*ring = made;
	return WEIR_OK;
}

void weir_memcached_ring_finish(struct weir_memcached_ring *ring)
{
	if (ring->points)
		memcached_free(ring->points);
	ring->points = NULL;
	ring->count = 0;
}

size_t weir_memcached_ring_find(const struct weir_memcached_ring *ring, struct weir_slice name)
{
	uint32_t at;

	if (ring->count < 2)
		return ring->count == 1 ? ring->members[0] : 0;
	at = memcached_generate_hash(ring->points, name.data, name.len);
	return ring->members[at < ring->count ? at : 0];
}
