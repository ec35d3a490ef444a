/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the dynamodb driver on its own: a host is a handle of the driver with a clock and a log that the test can look into.
 */
#ifndef WEIR_TESTS_DYNAMODB_HOST_H
#define WEIR_TESTS_DYNAMODB_HOST_H

#include <stdio.h>
#include <stdlib.h>

#include "backends/dynamodb/client.h"
#include "backends/dynamodb/driver.h"
#include "support/fake_clock.h"

struct weir_dynamodb_host {
	struct weir_fake_clock clock;
	struct weir_backend_env env;
	struct weir_backend *backend;
	struct weir_dynamodb_client *client; /* what is behind the backend */
	char log[8192];
	size_t log_len;
};

static inline void weir_dynamodb_host_log(void *state, const char *line, size_t len)
{
	struct weir_dynamodb_host *host = state;

	if (len < sizeof(host->log) - host->log_len) {
		memcpy(host->log + host->log_len, line, len);
		host->log_len += len;
		host->log[host->log_len] = '\0';
	}
}

/* Ends the program when the URL, "dynamodb://TABLE?OPTIONS&endpoint=ENDPOINT", is refused. */
static inline struct weir_dynamodb_host *weir_dynamodb_host_open(const char *table, const char *options, const char *endpoint)
{
	struct weir_dynamodb_host *host = calloc(1, sizeof(*host));
	char url[1024], why[300];

	if (!host)
		abort();
	weir_fake_clock_init(&host->clock);
	host->env.clock = &host->clock.clock;
	host->env.log =
		weir_log_create(&(struct weir_log_options){ .level = WEIR_LOG_INFO, .write = weir_dynamodb_host_log, .state = host });
	(void)snprintf(url, sizeof(url), "dynamodb://%s?%s&endpoint=%s", table, options, endpoint);
	host->env.drivers = &weir_backend_module;
	if (weir_backend_open(url, &host->env, why, sizeof(why), &host->backend) != WEIR_OK) {
		(void)fprintf(stderr, "%s: %s\n", url, why);
		abort();
	}
	host->client = weir_backend_self(host->backend);
	if (weir_backend_dynamodb.attach(host->client) != WEIR_OK)
		abort();
	return host;
}

static inline void weir_dynamodb_host_close(struct weir_dynamodb_host *host)
{
	weir_backend_close(host->backend);
	weir_log_destroy(host->env.log);
	free(host);
}

static inline enum weir_status weir_dynamodb_host_check(struct weir_dynamodb_host *host, char why[300])
{
	why[0] = '\0';
	return weir_backend_dynamodb.check(host->client, why, 300);
}

/* How often the log has that text. */
static inline size_t weir_dynamodb_host_told(const struct weir_dynamodb_host *host, const char *text)
{
	size_t count = 0;

	for (const char *at = strstr(host->log, text); at; at = strstr(at + 1, text))
		count++;
	return count;
}

/* One value, which is to be released, and one cell. */
static inline enum weir_status weir_dynamodb_host_read(struct weir_dynamodb_host *host, struct weir_backend_get *get,
						       struct weir_backend_cell *cell, uint64_t *clock)
{
	struct weir_backend_read read = { .gets = get, .get_count = get != NULL, .cells = cell, .cell_count = cell != NULL };
	enum weir_status status = weir_backend_dynamodb.get_many(host->client, &(struct weir_backend_read *){ &read }, 1);

	if (clock)
		*clock = read.clock;
	return status;
}

static inline enum weir_status weir_dynamodb_host_set(struct weir_dynamodb_host *host, struct weir_slice key, struct weir_slice value,
						      int64_t expires_ms)
{
	struct weir_backend_set set = { .key = key, .value = value, .expires_ms = expires_ms };
	enum weir_status status = weir_backend_dynamodb.set_many(host->client, &set, 1);

	return status == WEIR_OK ? set.status : status;
}

static inline enum weir_status weir_dynamodb_host_clear(struct weir_dynamodb_host *host, struct weir_slice name, int64_t keep_ms,
							uint64_t *clock)
{
	return weir_backend_dynamodb.clear(host->client, &name, 1, keep_ms, clock);
}

static inline enum weir_status weir_dynamodb_host_lease(struct weir_dynamodb_host *host, enum weir_lease_verb verb, const char *key,
							uint64_t token)
{
	struct weir_backend_lease lease = { .verb = verb, .key = weir_slice_text(key), .token = token, .ttl_ms = 5000 };
	enum weir_status status = weir_backend_dynamodb.lease_many(host->client, &lease, 1);

	return status == WEIR_OK ? lease.status : status;
}

#endif
