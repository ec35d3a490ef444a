/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks the sources in their order, and keeps what was found for as long as it is good.
 */
#include "credentials.h"

#include <stdlib.h>

#define REFRESH_MS ((int64_t)5 * 60 * 1000)

/* Between two attempts to find some, or fresher ones: sources that are not there take time to find out. */
#define RETRY_MS 5000

#define POOL_MAX ((size_t)256 * 1024)

struct weir_dynamodb_credentials {
	const struct weir_dynamodb_options *options;
	struct weir_pool *pool;  /* holds `found` */
	struct weir_pool *spare; /* for the next search */
	struct weir_dynamodb_found found;
	bool known;
	int64_t retry_ms; /* not before, on weir_dynamodb_now_ms() */
	enum weir_status failure;
	const char *why; /* there were none at the last search */
};

static enum weir_status (*const sources[])(struct weir_dynamodb_search *search, struct weir_dynamodb_found *found) = {
	weir_dynamodb_credentials_of_environment,
	weir_dynamodb_credentials_of_profile,
	weir_dynamodb_credentials_of_container,
	weir_dynamodb_credentials_of_machine,
};

struct weir_dynamodb_credentials *weir_dynamodb_credentials_create(const struct weir_dynamodb_options *options)
{
	struct weir_dynamodb_credentials *credentials = calloc(1, sizeof(*credentials));

	if (!credentials)
		return NULL;
	credentials->options = options;
	credentials->pool = weir_pool_create(POOL_MAX);
	credentials->spare = weir_pool_create(POOL_MAX);
	if (credentials->pool && credentials->spare)
		return credentials;
	weir_dynamodb_credentials_destroy(credentials);
	return NULL;
}

void weir_dynamodb_credentials_destroy(struct weir_dynamodb_credentials *credentials)
{
	if (!credentials)
		return;
	weir_pool_destroy(credentials->pool);
	weir_pool_destroy(credentials->spare);
	free(credentials);
}

void weir_dynamodb_credentials_forget(struct weir_dynamodb_credentials *credentials)
{
	credentials->known = false;
	credentials->retry_ms = 0;
}

static enum weir_status search_sources(struct weir_dynamodb_search *search, struct weir_dynamodb_found *found)
{
	enum weir_status status = WEIR_MISS;

	search->why = "no credentials in the environment, in the profile, of a container or of the machine";
	for (size_t i = 0; status == WEIR_MISS && i < sizeof(sources) / sizeof(sources[0]); i++)
		status = sources[i](search, found);
	return status == WEIR_MISS ? WEIR_ERR_CONFIG : status;
}

/* What is in hand stays until there is something better. */
static void refresh(struct weir_dynamodb_credentials *credentials, struct weir_dynamodb_http *http, int64_t deadline_ms)
{
	struct weir_dynamodb_search search = { http, credentials->options, credentials->spare, deadline_ms, NULL };
	struct weir_dynamodb_found found = { .expires_ms = WEIR_DYNAMODB_EXPIRES_NEVER };

	weir_pool_reset(credentials->spare);
	credentials->failure = search_sources(&search, &found);
	credentials->why = search.why;
	credentials->retry_ms = weir_dynamodb_now_ms() + RETRY_MS;
	if (credentials->failure != WEIR_OK)
		return;
	credentials->spare = credentials->pool;
	credentials->pool = search.pool;
	credentials->found = found;
	credentials->known = true;
}

enum weir_status weir_dynamodb_credentials_get(struct weir_dynamodb_credentials *credentials, struct weir_dynamodb_http *http,
					       int64_t deadline_ms, const struct weir_dynamodb_found **found, const char **why)
{
	int64_t wall_ms = weir_clock_wall_ms(weir_clock_system());
	bool fresh = credentials->known && wall_ms < credentials->found.expires_ms - REFRESH_MS;

	if (!fresh && weir_dynamodb_now_ms() >= credentials->retry_ms)
		refresh(credentials, http, deadline_ms);
	if (credentials->known && wall_ms < credentials->found.expires_ms) {
		*found = &credentials->found;
		return WEIR_OK;
	}
	*why = credentials->failure == WEIR_OK ? "the credentials that were found have expired" : credentials->why;
	return credentials->failure == WEIR_OK ? WEIR_ERR_CONFIG : credentials->failure;
}
