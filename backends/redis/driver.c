/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis and Redis Cluster as a cache driver: what the library calls, and the module's one symbol.
 */
#include <stdio.h>
#include <stdlib.h>

#include "items.h"
#include "lease.h"
#include "look.h"

/* Another node of a replicated pair may be down for longer than a breaker waits: values are then read where they are written. */
#define READER_REST_MS 1000

static void driver_close(void *self)
{
	struct weir_redis *redis = self;

	weir_redis_node_finish(&redis->reader);
	weir_redis_map_finish(&redis->map);
	weir_redis_batch_finish(&redis->batch);
	weir_redis_tls_destroy(redis->setup.tls);
	explicit_bzero(&redis->setup.options, sizeof(redis->setup.options));
	free(redis);
}

static enum weir_status set_up(struct weir_redis *redis)
{
	const struct weir_redis_options *options = &redis->setup.options;

	redis->has_reader = options->reader.host[0] != '\0';
	weir_redis_node_init(&redis->reader, &redis->setup, &options->reader);
	redis->reader.rest_ms = READER_REST_MS;
	weir_redis_scripts_init(redis->scripts);
	weir_redis_name(options->prefix, WEIR_REDIS_CLEARS, WEIR_SLICE_NONE, &redis->clears);
	redis->clears_slot = weir_redis_slot(weir_redis_name_slice(&redis->clears));
	redis->cells_max = WEIR_REDIS_CELLS_MAX;
	return weir_redis_map_init(&redis->map, &redis->setup);
}

static enum weir_status driver_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				    void **self)
{
	struct weir_redis *redis = calloc(1, sizeof(*redis));
	enum weir_status status;

	if (!redis)
		return WEIR_ERR_MEMORY;
	redis->clock = env->clock;
	redis->setup.log = env->log;
	status = weir_redis_options_parse(url, &redis->setup.options, why, why_size);
	if (status == WEIR_OK && redis->setup.options.tls)
		status = weir_redis_tls_create(&redis->setup.options, why, why_size, &redis->setup.tls);
	if (status == WEIR_OK)
		status = set_up(redis);
	if (status == WEIR_OK)
		*self = redis;
	else
		driver_close(redis);
	return status;
}

static enum weir_status driver_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	return weir_redis_clear(self, cells, count, keep_ms, clock);
}

static void driver_stats(void *self, struct weir_backend_stats *stats)
{
	const struct weir_redis *redis = self;

	*stats = (struct weir_backend_stats){
		.hits = atomic_load_explicit(&redis->hits, memory_order_relaxed),
		.misses = atomic_load_explicit(&redis->misses, memory_order_relaxed),
		.sets = atomic_load_explicit(&redis->sets, memory_order_relaxed),
	};
}

/* A read of nothing takes the whole way: connection, login, the map of a cluster, and the right to run the scripts. */
static enum weir_status driver_check(void *self, char *why, size_t why_size)
{
	struct weir_redis *redis = self;
	struct weir_backend_read read = { .get_count = 0 }, *reads = &read;
	enum weir_status status = weir_redis_get_many(redis, &reads, 1);

	if (status == WEIR_OK)
		status = read.status;
	if (status == WEIR_OK && redis->map.slots && !redis->map.known)
		status = WEIR_ERR_BACKEND;
	for (size_t i = 0; i < redis->map.count && status != WEIR_OK; i++) {
		const struct weir_redis_node *node = redis->map.nodes[i];
		char name[300];

		if (node->trouble[0] == '\0')
			continue;
		weir_redis_node_name(node, name, sizeof(name));
		(void)snprintf(why, why_size, "redis %s: %s", name, node->trouble);
		return status;
	}
	if (status != WEIR_OK)
		(void)snprintf(why, why_size, "redis: %s", weir_status_text(status));
	return status;
}

#define OPS(name) \
	{ \
		.scheme = (name), .options = weir_redis_option_names, .open = driver_open, .get_many = weir_redis_get_many, \
		.set_many = weir_redis_set_many, .remove = weir_redis_remove, .clear = driver_clear, .lease_many = weir_redis_lease_many, \
		.walk = weir_redis_walk, .stats = driver_stats, .check = driver_check, .close = driver_close, \
	}

static const struct weir_backend_ops redis_ops = OPS("redis"), unix_ops = OPS("redis+unix"), cluster_ops = OPS("redis+cluster");

static const struct weir_backend_ops *const drivers[] = { &redis_ops, &unix_ops, &cluster_ops, NULL };

const struct weir_backend_module weir_backend_module = { WEIR_BACKEND_MODULE_VERSION, drivers };
