/* SPDX-License-Identifier: Apache-2.0
 *
 * The store of backend_shm.h as a cache driver: URLs become options, values become copies, the clock of the app becomes an argument.
 */
#include "driver.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/backend_shm.h>

#include "copies.h"

#define NAME_MAX_LEN 200
#define PATH_MAX_LEN 4000
#define ENTRY_SIZE_MIN 64
#define ENTRY_SIZE_MAX ((uint64_t)1024 * 1024)

/* A value may grow between two attempts to copy it; one that always does is nothing to cache. */
#define GET_ATTEMPTS 4

/* Between two looks at the name of the file. */
#define REFRESH_MS 1000

struct driver {
	const struct weir_clock *clock;
	struct weir_shm *shm;
	_Atomic int64_t refreshed_ms; /* wall time */
};

/* The time, and now and then a look at the file: who sets and who gets goes by the same one. */
static int64_t begin(struct driver *driver)
{
	int64_t now_ms = weir_clock_wall_ms(driver->clock), then_ms = atomic_load_explicit(&driver->refreshed_ms, memory_order_relaxed);

	if ((now_ms < then_ms || now_ms - then_ms >= REFRESH_MS) && atomic_compare_exchange_strong(&driver->refreshed_ms, &then_ms, now_ms))
		weir_shm_refresh(driver->shm);
	return now_ms;
}

/* -- Items ----------------------------------------------------------------------------------------------------------------- */

static void get_one(const struct driver *driver, struct weir_backend_get *get, int64_t now_ms)
{
	enum weir_status status = WEIR_ERR_LIMIT;
	struct weir_shm_copy *copy = NULL;
	size_t len = WEIR_SHM_COPY_FIRST;

	for (int attempt = 0; attempt < GET_ATTEMPTS && status == WEIR_ERR_LIMIT; attempt++) {
		weir_shm_copy_release(copy);
		copy = weir_shm_copy_take(len);
		status = copy ? weir_shm_get(driver->shm, get->key, now_ms, weir_shm_buffer(copy->bytes, copy->size), &len) : WEIR_MISS;
	}
	get->status = status == WEIR_OK ? WEIR_OK : WEIR_MISS;
	if (status == WEIR_OK) {
		get->value = weir_slice(copy->bytes, len);
		get->release = weir_shm_copy_release;
		get->owner = copy;
		return;
	}
	weir_shm_copy_release(copy);
	get->value = WEIR_SLICE_NONE;
	get->release = NULL;
	get->owner = NULL;
}

/* Values before cells before the clock: a clear that comes between any two of them makes what was read too old, never too young. */
static enum weir_status driver_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct driver *driver = self;
	int64_t now_ms = begin(driver);

	for (size_t i = 0; i < count; i++) {
		struct weir_backend_read *read = reads[i];

		for (size_t k = 0; k < read->get_count; k++)
			get_one(driver, &read->gets[k], now_ms);
		for (size_t k = 0; k < read->cell_count; k++)
			read->cells[k].stamp = weir_shm_cell(driver->shm, read->cells[k].name);
		read->clock = weir_shm_clock(driver->shm);
		read->status = WEIR_OK;
	}
	return WEIR_OK;
}

static enum weir_status driver_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	struct driver *driver = self;
	int64_t now_ms = begin(driver);

	for (size_t i = 0; i < count; i++) {
		const struct weir_shm_item item = { .key = sets[i].key, .value = sets[i].value, .expires_ms = sets[i].expires_ms };

		sets[i].status = weir_shm_set(driver->shm, &item, now_ms);
	}
	return WEIR_OK;
}

/* All are tried; the first failure is the result. */
static void remove_one(const struct driver *driver, struct weir_slice key, int64_t now_ms, size_t *removed, enum weir_status *result)
{
	enum weir_status status = weir_shm_remove(driver->shm, key, now_ms);

	*removed += status == WEIR_OK;
	if (status < 0 && *result == WEIR_OK)
		*result = status;
}

static enum weir_status driver_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct driver *driver = self;
	int64_t now_ms = begin(driver);
	enum weir_status result = WEIR_OK;

	*removed = 0;
	for (size_t i = 0; i < count; i++)
		remove_one(driver, keys[i], now_ms, removed, &result);
	return result;
}

struct walk {
	const struct driver *driver;
	int64_t now_ms;
	bool remove;
	weir_backend_visit_fn visit;
	void *state;
	size_t removed;
	enum weir_status result;
};

static bool visit_one(void *state, const struct weir_shm_seen *seen)
{
	struct walk *walk = state;
	bool go_on = walk->visit(walk->state, seen->item.key, seen->item.value);

	if (walk->remove)
		remove_one(walk->driver, seen->item.key, walk->now_ms, &walk->removed, &walk->result);
	return go_on;
}

static enum weir_status driver_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	const struct driver *driver = self;
	struct walk walk = { .driver = driver, .remove = remove, .visit = visit, .state = state, .result = WEIR_OK };
	enum weir_status status;

	walk.now_ms = weir_clock_wall_ms(driver->clock);
	status = weir_shm_walk(driver->shm, prefix, walk.now_ms, visit_one, &walk);
	return status == WEIR_OK ? walk.result : status;
}

/* -- Clears and leases ----------------------------------------------------------------------------------------------------- */

/* The cells stay as long as anything here. */
static enum weir_status driver_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	const struct driver *driver = self;

	(void)keep_ms;
	*clock = weir_shm_clock(driver->shm);
	for (size_t i = 0; i < count; i++) {
		*clock = weir_shm_clear(driver->shm, cells[i]);
		if (*clock == 0)
			return WEIR_ERR_TIMEOUT;
	}
	return WEIR_OK;
}

static enum weir_status lease_one(const struct driver *driver, const struct weir_backend_lease *lease, int64_t now_ms)
{
	enum weir_status status;

	if (lease->verb == WEIR_LEASE_TAKE)
		return weir_shm_lease(driver->shm, lease->key, lease->token, now_ms, lease->ttl_ms);
	if (lease->verb == WEIR_LEASE_RENEW)
		return weir_shm_renew(driver->shm, lease->key, lease->token, now_ms, lease->ttl_ms);
	status = weir_shm_release(driver->shm, lease->key, lease->token, now_ms);
	return status == WEIR_MISS ? WEIR_OK : status;
}

static enum weir_status driver_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	const struct driver *driver = self;
	int64_t now_ms = weir_clock_monotonic_ms(driver->clock);

	for (size_t i = 0; i < count; i++)
		leases[i].status = lease_one(driver, &leases[i], now_ms);
	return WEIR_OK;
}

static void driver_stats(void *self, struct weir_backend_stats *stats)
{
	const struct driver *driver = self;
	struct weir_shm_stats seen;

	weir_shm_stats(driver->shm, &seen);
	*stats = (struct weir_backend_stats){
		.items = seen.items,
		.bytes = seen.used_bytes,
		.bytes_limit = seen.size,
		.hits = seen.hits,
		.misses = seen.misses,
		.sets = seen.sets,
		.evictions = seen.evictions,
		.expirations = seen.expirations,
	};
}

/* -- Opening --------------------------------------------------------------------------------------------------------------- */

struct reason {
	char *text;
	size_t size;
};

static enum weir_status parse_sizes(const struct weir_backend_url *url, const struct reason *why, struct weir_shm_options *options)
{
	const char *size = weir_backend_url_option(url, "size"), *entry_size = weir_backend_url_option(url, "entry_size");

	if (size && (weir_size_parse(weir_slice_text(size), &options->size) != WEIR_OK || options->size < WEIR_SHM_SIZE_MIN ||
		     options->size > WEIR_SHM_SIZE_MAX)) {
		(void)snprintf(why->text, why->size, "%s: option size is \"%.40s\"; allowed: bytes, with k, m or g, from 1m to 64g",
			       url->scheme, size);
		return WEIR_ERR_CONFIG;
	}
	if (entry_size && (weir_size_parse(weir_slice_text(entry_size), &options->entry_size) != WEIR_OK ||
			   options->entry_size < ENTRY_SIZE_MIN || options->entry_size > ENTRY_SIZE_MAX)) {
		(void)snprintf(why->text, why->size, "%s: option entry_size is \"%.40s\"; allowed: bytes, with k or m, from 64 to 1m",
			       url->scheme, entry_size);
		return WEIR_ERR_CONFIG;
	}
	return WEIR_OK;
}

static enum weir_status open_store(const struct weir_backend_url *url, const struct weir_backend_env *env, const struct reason *why,
				   struct weir_shm_options *options, void **self)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	char text[512] = "out of memory";
	enum weir_status status = parse_sizes(url, why, options);

	options->log = env->log;
	if (status == WEIR_OK) {
		status = driver ? weir_shm_open(options, text, sizeof(text), &driver->shm) : WEIR_ERR_MEMORY;
		if (status != WEIR_OK)
			(void)snprintf(why->text, why->size, "%s: %s", url->scheme, text);
	}
	if (status != WEIR_OK) {
		free(driver);
		return status;
	}
	driver->clock = env->clock;
	*self = driver;
	return WEIR_OK;
}

static enum weir_status memory_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				    void **self)
{
	const struct reason reason = { why, why_size };
	struct weir_shm_options options = { .path = NULL };

	if (url->path[0] == '\0')
		return open_store(url, env, &reason, &options, self);
	(void)snprintf(why, why_size, "memory: takes no path, only options: memory:?size=64m");
	return WEIR_ERR_CONFIG;
}

static bool is_name(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t len = strlen(name);

	return len > 0 && len <= NAME_MAX_LEN && name[0] != '.' && strspn(name, allowed) == len;
}

/* False when `path` is of no form that is allowed. */
static bool find_file(const char *path, char *file, size_t size)
{
	size_t len = strlen(path);

	if (strncmp(path, "///", 3) == 0) {
		(void)snprintf(file, size, "/dev/shm/weir-%s", path + 3);
		return is_name(path + 3);
	}
	(void)snprintf(file, size, "%s", path);
	return len > 1 && len < size && path[0] == '/' && path[1] != '/' && path[len - 1] != '/';
}

static enum weir_status shm_open_url(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				     void **self)
{
	const struct reason reason = { why, why_size };
	char file[PATH_MAX_LEN];
	struct weir_shm_options options = { .path = file };

	if (find_file(url->path, file, sizeof(file)))
		return open_store(url, env, &reason, &options, self);
	(void)snprintf(why, why_size, "shm: wants shm:///NAME, with letters, digits, '.', '_' and '-', or shm:/path/to/file");
	return WEIR_ERR_CONFIG;
}

static void driver_close(void *self)
{
	struct driver *driver = self;

	weir_shm_close(driver->shm);
	free(driver);
}

static const char *const option_names[] = { "size", "entry_size", NULL };

const struct weir_backend_ops weir_backend_memory = {
	.scheme = "memory",
	.flags = WEIR_BACKEND_LOCAL | WEIR_BACKEND_PROCESS_ONLY,
	.options = option_names,
	.open = memory_open,
	.get_many = driver_get_many,
	.set_many = driver_set_many,
	.remove = driver_remove,
	.clear = driver_clear,
	.lease_many = driver_lease_many,
	.walk = driver_walk,
	.stats = driver_stats,
	.close = driver_close,
};

const struct weir_backend_ops weir_backend_shm = {
	.scheme = "shm",
	.flags = WEIR_BACKEND_LOCAL,
	.options = option_names,
	.open = shm_open_url,
	.get_many = driver_get_many,
	.set_many = driver_set_many,
	.remove = driver_remove,
	.clear = driver_clear,
	.lease_many = driver_lease_many,
	.walk = driver_walk,
	.stats = driver_stats,
	.close = driver_close,
};
