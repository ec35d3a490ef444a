/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's semantics on the memcached: driver, on a ring of three servers. An empty store is one with a prefix of its own.
 */
#include <stdio.h>

#include "semantics.h"
#include "support/memcached.h"

static struct weir_memcached_servers servers;
static unsigned stores;

static struct weir_backend *join_ring(const struct weir_backend_env *env)
{
	struct weir_backend_env own = *env;
	struct weir_backend *backend;
	char url[600], why[300];

	own.drivers = &weir_backend_module;
	(void)snprintf(url, sizeof(url), "%s?prefix=store%u:&total_timeout_ms=5000&read_timeout_ms=5000",
		       weir_memcached_servers_url(&servers), stores);
	if (weir_backend_open(url, &own, why, sizeof(why), &backend) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

static struct weir_backend *open_ring(const struct weir_backend_env *env, uint64_t size)
{
	(void)size;
	stores++;
	return join_ring(env);
}

static void advance_ms(int64_t ms)
{
	weir_memcached_servers_turn_ms(&servers, ms);
}

int main(void)
{
	int failed;

	if (!weir_memcached_is_there())
		return 0;
	weir_memcached_servers_start(&servers, WEIR_MEMCACHED_SERVERS, NULL);
	failed = weir_semantics_main(
		&(struct weir_contract_driver){ .name = "semantics_memcached", .open = open_ring, .advance_ms = advance_ms }, join_ring);
	weir_memcached_servers_stop(&servers);
	return failed;
}
