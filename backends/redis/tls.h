/* SPDX-License-Identifier: Apache-2.0
 *
 * TLS, in so far as the installed hiredis has it: tls.c with hiredis_ssl, tls_none.c without.
 */
#ifndef WEIR_REDIS_TLS_H
#define WEIR_REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "options.h"

struct weir_redis_tls;

/* Reads certificates and keys. ERR_CONFIG, with the reason in `why`, when a file is no good, or when this hiredis has no TLS. */
enum weir_status weir_redis_tls_create(const struct weir_redis_options *options, char *why, size_t why_size, struct weir_redis_tls **tls);

/* Takes NULL. */
void weir_redis_tls_destroy(struct weir_redis_tls *tls);

/* Shakes hands with `host` on a connection that is made and does not block, until the deadline, by the machine's monotonic clock; the
 * server's certificate must be valid and of that host. False: `context->errstr` says why. */
bool weir_redis_tls_begin(const struct weir_redis_tls *tls, redisContext *context, const char *host, int64_t deadline_ms);

#endif
