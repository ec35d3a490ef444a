/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the redis+cluster: driver, on three masters with a replica each.
 */
#include "redis_contract.h"

static struct weir_redis_servers servers;

static struct weir_backend *open_cluster(const struct weir_backend_env *env, uint64_t size)
{
	char url[400];

	(void)size;
	weir_redis_servers_flush(&servers);
	(void)snprintf(url, sizeof(url), "redis+cluster://%s,%s?" WEIR_REDIS_CONTRACT_PATIENCE, servers.addresses[1], servers.addresses[4]);
	return weir_redis_contract_open(env, url);
}

static void advance_ms(int64_t ms)
{
	weir_redis_servers_advance_ms(&servers, 0, ms);
}

int main(void)
{
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start_cluster(&servers);
	failed = weir_contract_main(&(struct weir_contract_driver){
		.name = "redis_cluster",
		.open = open_cluster,
		.run = weir_redis_contract_run,
		.advance_ms = advance_ms,
		.granularity_ms = 1000,
		.value_fits = 1024 * 1024,
	});
	weir_redis_servers_stop(&servers);
	return failed;
}
