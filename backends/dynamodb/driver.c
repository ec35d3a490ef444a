/* SPDX-License-Identifier: Apache-2.0
 *
 * The operations as the library calls them. Each begins with an empty pool and has one deadline for all that it does.
 */
#include "driver.h"

#include <stdio.h>

#include "clear.h"
#include "get.h"
#include "lease.h"
#include "set.h"
#include "table.h"
#include "walk.h"

static enum weir_status driver_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				    void **self)
{
	struct weir_dynamodb_options options;
	enum weir_status status = weir_dynamodb_options_parse(url, why, why_size, &options);
	struct weir_dynamodb_client *client;

	if (status != WEIR_OK)
		return status;
	client = weir_dynamodb_client_create(&options, env);
	if (!client) {
		(void)snprintf(why, why_size, "dynamodb: out of memory");
		return WEIR_ERR_MEMORY;
	}
	*self = client;
	return WEIR_OK;
}

/* libcurl's handles do not survive a fork: they are made by whoever uses them first. */
static enum weir_status begin(struct weir_dynamodb_client *client)
{
	if (!client->http)
		client->http = weir_dynamodb_http_create(&client->options);
	weir_pool_reset(client->pool);
	return client->http ? WEIR_OK : WEIR_ERR_MEMORY;
}

static enum weir_status driver_attach(void *self)
{
	return begin(self);
}

static enum weir_status driver_check(void *self, char *why, size_t why_size)
{
	struct weir_dynamodb_client *client = self;
	enum weir_status status = begin(client);

	if (status == WEIR_OK)
		status = weir_dynamodb_table_check(client, weir_dynamodb_deadline_ms(client));
	if (status != WEIR_OK)
		(void)snprintf(why, why_size, "dynamodb: table %s: %s", client->options.table, client->why);
	return status;
}

static enum weir_status driver_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	enum weir_status status = begin(self);

	return status == WEIR_OK ? weir_dynamodb_get_many(self, reads, count) : status;
}

static enum weir_status driver_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	enum weir_status status = begin(self);

	return status == WEIR_OK ? weir_dynamodb_set_many(self, sets, count) : status;
}

static enum weir_status driver_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	enum weir_status status = begin(self);

	*removed = 0;
	return status == WEIR_OK ? weir_dynamodb_remove(self, keys, count, removed) : status;
}

static enum weir_status driver_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	enum weir_status status = begin(self);

	return status == WEIR_OK ? weir_dynamodb_clear(self, cells, count, keep_ms, clock) : status;
}

static enum weir_status driver_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	enum weir_status status = begin(self);

	return status == WEIR_OK ? weir_dynamodb_lease_many(self, leases, count) : status;
}

static enum weir_status driver_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	enum weir_status status = begin(self);

	return status == WEIR_OK ? weir_dynamodb_walk(self, prefix, remove, visit, state) : status;
}

/* DynamoDB counts its items every six hours: that is not worth a request. */
static void driver_stats(void *self, struct weir_backend_stats *stats)
{
	struct weir_dynamodb_client *client = self;

	*stats = (struct weir_backend_stats){
		.hits = atomic_load_explicit(&client->hits, memory_order_relaxed),
		.misses = atomic_load_explicit(&client->misses, memory_order_relaxed),
		.sets = atomic_load_explicit(&client->sets, memory_order_relaxed),
	};
}

static void driver_close(void *self)
{
	weir_dynamodb_client_destroy(self);
}

const struct weir_backend_ops weir_backend_dynamodb = {
	.scheme = "dynamodb",
	.options = weir_dynamodb_option_names,
	.open = driver_open,
	.attach = driver_attach,
	.check = driver_check,
	.get_many = driver_get_many,
	.set_many = driver_set_many,
	.remove = driver_remove,
	.clear = driver_clear,
	.lease_many = driver_lease_many,
	.walk = driver_walk,
	.stats = driver_stats,
	.close = driver_close,
};

static const struct weir_backend_ops *const drivers[] = { &weir_backend_dynamodb, NULL };

const struct weir_backend_module weir_backend_module = { WEIR_BACKEND_MODULE_VERSION, drivers };
