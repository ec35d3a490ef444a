/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the redis: driver, on one server by TCP.
 */
#include "redis_contract.h"

static struct weir_redis_servers servers;

static struct weir_backend *open_redis(const struct weir_backend_env *env, uint64_t size)
{
	char url[400];

	(void)size;
	weir_redis_servers_flush(&servers);
	(void)snprintf(url, sizeof(url), "redis://%s/3?" WEIR_REDIS_CONTRACT_PATIENCE, servers.addresses[0]);
	return weir_redis_contract_open(env, url);
}

static void advance_ms(int64_t ms)
{
	weir_redis_servers_advance_ms(&servers, 3, ms);
}

int main(void)
{
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start(&servers, 1, (const char *const[]){ "--proto-max-bulk-len", "1mb", NULL });
	failed = weir_contract_main(&(struct weir_contract_driver){
		.name = "redis",
		.open = open_redis,
		.run = weir_redis_contract_run,
		.advance_ms = advance_ms,
		.granularity_ms = 1000,
		.value_fits = 1024 * 1024 - 512,
		.value_refused = 1024 * 1024 + 1,
	});
	weir_redis_servers_stop(&servers);
	return failed;
}
