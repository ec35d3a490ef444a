/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the redis: driver, on one server by TLS. Built where the installed hiredis has TLS, which is from 1.0 on, in Debian from
 * 13 on. Elsewhere, with hiredis's sources:
 *
 *     make -C hiredis USE_SSL=1 PREFIX=/tmp/hiredis install
 *     PKG_CONFIG_PATH=/tmp/hiredis/lib/pkgconfig meson setup /tmp/tls && meson test -C /tmp/tls redis_tls
 */
#include "redis_contract.h"
#include "support/redis_tls.h"

int main(void)
{
	struct weir_redis_tls_setup tls;
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_tls_setup(&tls, "no");
	tls.options[10] = "--proto-max-bulk-len";
	tls.options[11] = "1mb";
	weir_redis_servers_start(&weir_redis_contract.servers, 1, tls.options);
	(void)snprintf(weir_redis_contract.url, sizeof(weir_redis_contract.url),
		       "redis://localhost:%s?tls=true&tls_ca=%s&" WEIR_REDIS_CONTRACT_OPTIONS, tls.port, tls.cert);
	failed = weir_redis_contract_main("redis_tls");
	weir_scratch_finish(&tls.scratch);
	return failed;
}
