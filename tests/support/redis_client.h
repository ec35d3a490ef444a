/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of its own, for tests: a Redis backend with its log, and single operations on it. They go straight to the driver, and give back
 * what it said.
 */
#ifndef WEIR_TESTS_REDIS_CLIENT_H
#define WEIR_TESTS_REDIS_CLIENT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/backend_driver.h>

struct weir_redis_client {
	struct weir_backend *backend;
	const struct weir_backend_ops *ops;
	void *self;
	struct weir_log *log;
	char lines[4000]; /* of the log */
};

static inline void weir_redis_client_note(void *state, const char *line, size_t len)
{
	struct weir_redis_client *client = state;
	size_t used = strlen(client->lines);

	(void)snprintf(client->lines + used, sizeof(client->lines) - used, "%.*s", (int)len, line);
}

static inline size_t weir_redis_client_line_count(const struct weir_redis_client *client)
{
	size_t count = 0;

	for (const char *at = client->lines; (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

/* Ends the program when the URL is refused. */
static inline void weir_redis_client_open(struct weir_redis_client *client, const char *url)
{
	struct weir_log_options log = WEIR_LOG_DEFAULT;
	struct weir_backend_env env = { .drivers = &weir_backend_module };
	char why[300];

	memset(client, 0, sizeof(*client));
	log.write = weir_redis_client_note;
	log.state = client;
	env.log = client->log = weir_log_create(&log);
	if (weir_backend_open(url, &env, why, sizeof(why), &client->backend) != WEIR_OK) {
		(void)fprintf(stderr, "%s\n", why);
		abort();
	}
	client->ops = weir_backend_ops(client->backend);
	client->self = weir_backend_self(client->backend);
}

static inline void weir_redis_client_close(struct weir_redis_client *client)
{
	weir_backend_close(client->backend);
	weir_log_destroy(client->log);
}

static inline enum weir_status weir_redis_client_set(struct weir_redis_client *client, const char *key, const char *value)
{
	struct weir_backend_set set = { .key = weir_slice_text(key), .value = weir_slice_text(value), .expires_ms = WEIR_EXPIRES_NEVER };
	enum weir_status status = client->ops->set_many(client->self, &set, 1);

	return status == WEIR_OK ? set.status : status;
}

/* OK: the value, cut to `size`, is in `value`. */
static inline enum weir_status weir_redis_client_get(struct weir_redis_client *client, const char *key, char *value, size_t size)
{
	struct weir_backend_get get = { .key = weir_slice_text(key) };
	struct weir_backend_read read = { .gets = &get, .get_count = 1 }, *reads = &read;
	enum weir_status status = client->ops->get_many(client->self, &reads, 1);

	if (status != WEIR_OK || read.status != WEIR_OK)
		return status != WEIR_OK ? status : read.status;
	if (get.status == WEIR_OK)
		(void)snprintf(value, size, "%.*s", (int)get.value.len, get.value.data);
	if (get.release)
		get.release(get.owner);
	return get.status;
}

static inline enum weir_status weir_redis_client_look(struct weir_redis_client *client, const char *name, uint64_t *cell, uint64_t *clock)
{
	struct weir_backend_cell cells = { .name = weir_slice_text(name), .create = true };
	struct weir_backend_read read = { .cells = &cells, .cell_count = 1 }, *reads = &read;
	enum weir_status status = client->ops->get_many(client->self, &reads, 1);

	*cell = cells.stamp;
	*clock = read.clock;
	return status != WEIR_OK ? status : read.status;
}

static inline enum weir_status weir_redis_client_clear(struct weir_redis_client *client, const char *name, uint64_t *clock)
{
	struct weir_slice cell = weir_slice_text(name);

	return client->ops->clear(client->self, &cell, 1, 0, clock);
}

static inline enum weir_status weir_redis_client_lease(struct weir_redis_client *client, enum weir_lease_verb verb, const char *key,
						       uint64_t token)
{
	struct weir_backend_lease lease = { .verb = verb, .key = weir_slice_text(key), .token = token, .ttl_ms = 60000 };
	enum weir_status status = client->ops->lease_many(client->self, &lease, 1);

	return status == WEIR_OK ? lease.status : status;
}

#endif
