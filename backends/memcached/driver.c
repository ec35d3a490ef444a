/* SPDX-License-Identifier: Apache-2.0
 *
 * The drivers memcached: and memcached+unix: as the library sees them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "memcached.h"

static void store_close(void *self)
{
	struct weir_memcached *store = self;

	for (size_t i = 0; store->nodes && i < store->node_count; i++)
		weir_memcached_node_finish(&store->nodes[i]);
	free(store->nodes);
	weir_memcached_ring_finish(&store->ring);
	weir_pool_destroy(store->pool);
	weir_memcached_options_finish(&store->options);
	free(store);
}

/* -- Opening --------------------------------------------------------------------------------------------------------------- */

static enum weir_status make_nodes(struct weir_memcached *store)
{
	store->node_count = store->options.server_count;
	store->keeper_count = store->node_count < WEIR_MEMCACHED_KEEPERS_MAX ? 1 : WEIR_MEMCACHED_KEEPERS_MAX;
	store->nodes = calloc(store->node_count, sizeof(*store->nodes));
	store->pool = weir_pool_create(0);
	if (!store->nodes || !store->pool)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < store->node_count; i++)
		weir_memcached_node_init(&store->nodes[i], &store->options.servers[i]);
	weir_memcached_begin(store); /* makes the ring */
	return store->ring.count == store->node_count ? WEIR_OK : WEIR_ERR_MEMORY;
}

static enum weir_status store_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				   void **self)
{
	struct weir_memcached *store = calloc(1, sizeof(*store));
	enum weir_status status = WEIR_ERR_MEMORY;

	if (store) {
		store->clock = env->clock;
		store->log = env->log;
		status = weir_memcached_options_parse(url, &store->options, why, why_size);
		if (status == WEIR_OK)
			status = make_nodes(store);
	}
	if (status == WEIR_ERR_MEMORY)
		(void)snprintf(why, why_size, "%s: out of memory", url->scheme);
	if (status == WEIR_OK)
		*self = store;
	else if (store)
		store_close(store);
	return status;
}

/* -- Looking at it --------------------------------------------------------------------------------------------------------- */

/* OK when all servers answer. Otherwise the first that does not is named. */
enum weir_status weir_memcached_check(void *self, char *why, size_t why_size)
{
	const struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_VERSION };
	struct weir_memcached *store = self;
	struct weir_memcached_op *ops[WEIR_MEMCACHED_SERVERS_MAX];
	size_t count = store->node_count;
	enum weir_status status;

	weir_memcached_begin(store);
	for (size_t i = 0; i < count; i++)
		ops[i] = weir_memcached_queue(store, &store->nodes[i], &command);
	status = weir_memcached_exchange(store);
	if (status != WEIR_OK)
		(void)snprintf(why, why_size, "memcached: %s", weir_status_text(status));
	for (size_t i = 0; i < count && status == WEIR_OK; i++) {
		const struct weir_memcached_node *node = &store->nodes[i];

		if (ops[i]->result == WEIR_MEMCACHED_YES)
			continue;
		status = weir_memcached_failure(node);
		(void)snprintf(why, why_size, "memcached: %s %s", node->server->text, node->why);
	}
	weir_memcached_end(store);
	return status;
}

/* What the servers have in all, of all their users, is not asked for: it would take a connection of its own. */
static void store_stats(void *self, struct weir_backend_stats *stats)
{
	struct weir_memcached *store = self;

	*stats = (struct weir_backend_stats){
		.hits = atomic_load_explicit(&store->hits, memory_order_relaxed),
		.misses = atomic_load_explicit(&store->misses, memory_order_relaxed),
		.sets = atomic_load_explicit(&store->sets, memory_order_relaxed),
	};
}

/* -- The tables ------------------------------------------------------------------------------------------------------------ */

static const struct weir_backend_ops ring_ops = {
	.scheme = "memcached",
	.options = weir_memcached_option_names,
	.open = store_open,
	.check = weir_memcached_check,
	.get_many = weir_memcached_get_many,
	.set_many = weir_memcached_set_many,
	.remove = weir_memcached_remove,
	.clear = weir_memcached_clear,
	.lease_many = weir_memcached_lease_many,
	.walk = weir_memcached_walk,
	.stats = store_stats,
	.close = store_close,
};

static const struct weir_backend_ops socket_ops = {
	.scheme = "memcached+unix",
	.options = weir_memcached_option_names,
	.open = store_open,
	.check = weir_memcached_check,
	.get_many = weir_memcached_get_many,
	.set_many = weir_memcached_set_many,
	.remove = weir_memcached_remove,
	.clear = weir_memcached_clear,
	.lease_many = weir_memcached_lease_many,
	.walk = weir_memcached_walk,
	.stats = store_stats,
	.close = store_close,
};

static const struct weir_backend_ops *const drivers[] = { &ring_ops, &socket_ops, NULL };

const struct weir_backend_module weir_backend_module = { WEIR_BACKEND_MODULE_VERSION, drivers };
