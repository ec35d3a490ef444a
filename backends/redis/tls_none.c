/* SPDX-License-Identifier: Apache-2.0
 *
 * For a hiredis without TLS: says so, rather than send a password in clear.
 */
#include "tls.h"

#include <stdio.h>

enum weir_status weir_redis_tls_create(const struct weir_redis_options *options, char *why, size_t why_size, struct weir_redis_tls **tls)
{
	(void)options;
	*tls = NULL;
	(void)snprintf(why, why_size, "redis: tls=true needs hiredis 1.0 or newer with hiredis_ssl; weir was built with %d.%d without",
		       HIREDIS_MAJOR, HIREDIS_MINOR);
	return WEIR_ERR_CONFIG;
}

void weir_redis_tls_destroy(struct weir_redis_tls *tls)
{
	(void)tls;
}

bool weir_redis_tls_begin(const struct weir_redis_tls *tls, redisContext *context, const char *host, int64_t deadline_ms)
{
	(void)tls;
	(void)context;
	(void)host;
	(void)deadline_ms;
	return false;
}
