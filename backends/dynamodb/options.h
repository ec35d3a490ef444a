/* SPDX-License-Identifier: Apache-2.0
 *
 * A DynamoDB URL as numbers and names:
 *
 *     dynamodb://TABLE?region=eu-west-1&create=true
 *
 * `region`, `profile` and `endpoint` fall back on what Amazon's own tools read: the environment, for the region also the profile's files.
 * Times are milliseconds: connect_timeout_ms bounds the making of a connection, read_timeout_ms one HTTP request as a whole,
 * total_timeout_ms one call of the driver with all its retries (a walk: one page).
 */
#ifndef WEIR_DYNAMODB_OPTIONS_H
#define WEIR_DYNAMODB_OPTIONS_H

#include <weir/backend_driver.h>

#define WEIR_DYNAMODB_TABLE_MAX 255
#define WEIR_DYNAMODB_REGION_MAX 40
#define WEIR_DYNAMODB_PROFILE_MAX 64
#define WEIR_DYNAMODB_ENDPOINT_MAX 1000
#define WEIR_DYNAMODB_CONNECTIONS_MAX 64

struct weir_dynamodb_options {
	char table[WEIR_DYNAMODB_TABLE_MAX + 1];
	char region[WEIR_DYNAMODB_REGION_MAX + 1];
	char profile[WEIR_DYNAMODB_PROFILE_MAX + 1];   /* "default" unless said otherwise */
	char endpoint[WEIR_DYNAMODB_ENDPOINT_MAX + 1]; /* Amazon's own for the region, unless said otherwise */
	char ttl_attribute[WEIR_DYNAMODB_TABLE_MAX + 1];
	bool create;     /* make the table when there is none */
	bool consistent; /* values are read strongly consistent; cells, clock and leases always are */
	long connect_timeout_ms;
	long read_timeout_ms;
	long total_timeout_ms;
	long connections; /* at the same time */
};

/* For the ops table. */
extern const char *const weir_dynamodb_option_names[];

/* ERR_CONFIG with a line in `why`, which repeats no value that may be a secret. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_options_parse(const struct weir_backend_url *url, char *why, size_t why_size,
							     struct weir_dynamodb_options *options);

#endif
