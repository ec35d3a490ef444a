/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the redis+unix: driver, on a unix socket, with walks by script.
 */
#include "redis_contract.h"

int main(void)
{
	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start(&weir_redis_contract.servers, 1, (const char *const[]){ "--proto-max-bulk-len", "1mb", NULL });
	(void)snprintf(weir_redis_contract.url, sizeof(weir_redis_contract.url), "redis+unix://%s?clear=lua&" WEIR_REDIS_CONTRACT_OPTIONS,
		       weir_redis_contract.servers.sockets[0]);
	return weir_redis_contract_main("redis_unix");
}
