/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the keys for signing come from. As with Amazon's own tools, the first of these that has any:
 *
 * 1. the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN;
 * 2. the profile's section in ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE), then in ~/.aws/config (AWS_CONFIG_FILE);
 * 3. the container's agent: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or …_FULL_URI (https, or a host of this machine), with
 *    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or AWS_CONTAINER_AUTHORIZATION_TOKEN;
 * 4. the machine's metadata service, version 2, unless AWS_EC2_METADATA_DISABLED is "true".
 *
 * They are found with the first request, kept, and looked for again five minutes before they expire, or when the server says that they
 * have. Profiles that assume a role or run a program are not followed. Nothing here logs, and no message repeats a key.
 */
#ifndef WEIR_DYNAMODB_CREDENTIALS_H
#define WEIR_DYNAMODB_CREDENTIALS_H

#include <weir/pool.h>

#include "http.h"

struct weir_dynamodb_credentials;

#define WEIR_DYNAMODB_EXPIRES_NEVER INT64_MAX

/* What a source has given; the texts live in a pool. */
struct weir_dynamodb_found {
	struct weir_dynamodb_secret secret;
	int64_t expires_ms; /* wall clock */
};

/* What sources look with. */
struct weir_dynamodb_search {
	struct weir_dynamodb_http *http;
	const struct weir_dynamodb_options *options;
	struct weir_pool *pool;
	int64_t deadline_ms;
	const char *why; /* set with a failure: a few words; static storage */
};

/* The options are kept. NULL when memory is out. */
struct weir_dynamodb_credentials *weir_dynamodb_credentials_create(const struct weir_dynamodb_options *options);

/* Takes NULL. */
void weir_dynamodb_credentials_destroy(struct weir_dynamodb_credentials *credentials);

/* `*found` stays until the next call. ERR_CONFIG, ERR_IO or ERR_TIMEOUT with `*why`, when no source has any. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_credentials_get(struct weir_dynamodb_credentials *credentials,
							       struct weir_dynamodb_http *http, int64_t deadline_ms,
							       const struct weir_dynamodb_found **found, const char **why);

/* Those in hand are of no use any more: the next call looks again. */
void weir_dynamodb_credentials_forget(struct weir_dynamodb_credentials *credentials);

/* The sources. MISS: has none; a failure: has some that cannot be had. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_credentials_of_environment(struct weir_dynamodb_search *search,
									  struct weir_dynamodb_found *found);
WEIR_MUST_CHECK enum weir_status weir_dynamodb_credentials_of_profile(struct weir_dynamodb_search *search,
								      struct weir_dynamodb_found *found);
WEIR_MUST_CHECK enum weir_status weir_dynamodb_credentials_of_container(struct weir_dynamodb_search *search,
									struct weir_dynamodb_found *found);
WEIR_MUST_CHECK enum weir_status weir_dynamodb_credentials_of_machine(struct weir_dynamodb_search *search,
								      struct weir_dynamodb_found *found);

/* The JSON that container and metadata service answer with. ERR_INVALID unless both keys are there and fit to be sent. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_credentials_parse(struct weir_pool *pool, struct weir_slice json,
								 struct weir_dynamodb_found *found);

/* The region that the profile's files name; empty when they do not. */
void weir_dynamodb_region_of_profile(const char *profile, char region[WEIR_DYNAMODB_REGION_MAX + 1]);

/* Whether it may stand in a header field: printable ASCII without spaces, not empty. */
bool weir_dynamodb_is_token(struct weir_slice text);

#endif
