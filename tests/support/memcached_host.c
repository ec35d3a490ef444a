/* SPDX-License-Identifier: Apache-2.0
 *
 * Single operations of a driver, by the names that the cache core would give.
 */
#include "support/memcached_host.h"

#include <stdio.h>
#include <stdlib.h>

void weir_memcached_host_open(struct weir_memcached_host *host, const char *url, struct weir_log *log)
{
	struct weir_backend_env env = { .log = log, .drivers = &weir_backend_module };
	char why[300];

	weir_fake_clock_init(&host->clock);
	env.clock = &host->clock.clock;
	host->seen = 0;
	if (weir_backend_open(url, &env, why, sizeof(why), &host->backend) == WEIR_OK)
		return;
	(void)fprintf(stderr, "%s\n", why);
	abort();
}

void weir_memcached_host_close(struct weir_memcached_host *host)
{
	weir_backend_close(host->backend);
}

static const struct weir_backend_ops *ops(const struct weir_memcached_host *host)
{
	return weir_backend_ops(host->backend);
}

static void *self(const struct weir_memcached_host *host)
{
	return weir_backend_self(host->backend);
}

static bool is_valid(const struct weir_backend_read *read, uint64_t *number)
{
	uint64_t entry[2];

	if (read->gets[0].status != WEIR_OK || read->gets[0].value.len != sizeof(entry))
		return false;
	memcpy(entry, read->gets[0].value.data, sizeof(entry));
	*number = entry[1];
	return weir_clear_clock_valid(entry[0], read->clock, read->cells[0].stamp) &&
	       weir_clear_clock_valid(entry[0], read->clock, read->cells[1].stamp);
}

enum weir_status weir_memcached_host_look(struct weir_memcached_host *host, const char *ns, const char *key, uint64_t *number)
{
	struct weir_backend_get get = { .key = weir_slice_text(key) };
	struct weir_backend_cell cells[] = { { .name = weir_slice_text(ns), .create = true }, { .name = get.key } };
	struct weir_backend_read read = { .gets = &get, .get_count = 1, .cells = cells, .cell_count = 2 }, *reads = &read;
	enum weir_status status = ops(host)->get_many(self(host), &reads, 1);
	uint64_t found;
	bool valid;

	if (status != WEIR_OK)
		return status;
	host->seen = read.clock;
	valid = is_valid(&read, number ? number : &found);
	if (get.status == WEIR_OK && get.release)
		get.release(get.owner);
	return valid ? WEIR_OK : WEIR_MISS;
}

enum weir_status weir_memcached_host_store(struct weir_memcached_host *host, const char *key, uint64_t made, uint64_t number)
{
	uint64_t entry[2] = { made, number };
	struct weir_backend_set set = { .key = weir_slice_text(key),
					.value = weir_slice(entry, sizeof(entry)),
					.expires_ms = WEIR_EXPIRES_NEVER };
	enum weir_status status = ops(host)->set_many(self(host), &set, 1);

	return status == WEIR_OK ? set.status : status;
}

bool weir_memcached_host_use(struct weir_memcached_host *host, const char *ns, const char *key)
{
	enum weir_status status = weir_memcached_host_look(host, ns, key, NULL);

	if (status == WEIR_MISS && weir_memcached_host_store(host, key, host->seen, 0) == WEIR_OK)
		return false;
	if (status == WEIR_OK)
		return true;
	(void)fprintf(stderr, "%s: %s\n", key, weir_status_text(status));
	abort();
}

enum weir_status weir_memcached_host_clear(struct weir_memcached_host *host, const char *cell)
{
	struct weir_slice name = weir_slice_text(cell);
	uint64_t clock;

	return ops(host)->clear(self(host), &name, 1, 0, &clock);
}

enum weir_status weir_memcached_host_lease(struct weir_memcached_host *host, enum weir_lease_verb verb, const char *key, uint64_t token,
					   int64_t ttl_ms)
{
	struct weir_backend_lease lease = { .verb = verb, .key = weir_slice_text(key), .token = token, .ttl_ms = ttl_ms };
	enum weir_status status = ops(host)->lease_many(self(host), &lease, 1);

	return status == WEIR_OK ? lease.status : status;
}

enum weir_status weir_memcached_host_check(struct weir_memcached_host *host, char *why, size_t why_size)
{
	return ops(host)->check(self(host), why, why_size);
}

static bool count_one(void *state, struct weir_slice key, struct weir_slice value)
{
	(void)value;
	*(size_t *)state += key.data != NULL;
	return true;
}

size_t weir_memcached_host_walk(struct weir_memcached_host *host, const char *prefix, bool remove, enum weir_status *status)
{
	size_t count = 0;

	*status = ops(host)->walk(self(host), weir_slice_text(prefix), remove, count_one, &count);
	return count;
}
