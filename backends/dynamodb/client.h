/* SPDX-License-Identifier: Apache-2.0
 *
 * What one handle of the driver holds, the times it goes by, and what it tells people.
 */
#ifndef WEIR_DYNAMODB_CLIENT_H
#define WEIR_DYNAMODB_CLIENT_H

#include <stdatomic.h>

#include <weir/pool.h>

#include "credentials.h"

#define WEIR_DYNAMODB_WHY_SIZE 300

struct weir_dynamodb_client {
	struct weir_dynamodb_options options;
	const struct weir_clock *clock; /* the app's: values and leases expire by it */
	struct weir_log *log;
	struct weir_dynamodb_http *http;
	struct weir_dynamodb_credentials *credentials;
	struct weir_pool *pool; /* for one call of the driver */
	int64_t skew_ms;        /* see weir_dynamodb_skew_learn() */
	bool table_ready;       /* with option create: it is there */
	bool told;              /* that requests fail */
	int64_t tell_ms;        /* not again before */
	char why[WEIR_DYNAMODB_WHY_SIZE];
	uint64_t too_large; /* values that were refused for their size */
	_Atomic uint64_t hits, misses, sets;
};

/* NULL when memory is out. No sockets, no threads. */
struct weir_dynamodb_client *weir_dynamodb_client_create(const struct weir_dynamodb_options *options, const struct weir_backend_env *env);

/* Takes NULL. */
void weir_dynamodb_client_destroy(struct weir_dynamodb_client *client);

/* Keeps why something failed, for the log and for who asks. No keys, no tokens, nothing that the server says about a signature. */
WEIR_PRINTF(2, 3) void weir_dynamodb_note(struct weir_dynamodb_client *client, const char *format, ...);

/* Whether requests fail now: logs that they begin to, with what was noted last, and that they do not any more; at most every ten seconds.
 */
void weir_dynamodb_report(struct weir_dynamodb_client *client, bool failing);

/* The deadline of a call of the driver that begins now, on weir_dynamodb_now_ms(). */
int64_t weir_dynamodb_deadline_ms(const struct weir_dynamodb_client *client);

/* The time that expiries in the table are written in: the app's wall clock, corrected by the server's. */
int64_t weir_dynamodb_time_ms(const struct weir_dynamodb_client *client);

/* When DynamoDB may delete what lasts `ttl_ms` from now on: seconds, for the TTL attribute. */
int64_t weir_dynamodb_ttl_s(const struct weir_dynamodb_client *client, int64_t ttl_ms);

#endif
