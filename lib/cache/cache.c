/* SPDX-License-Identifier: Apache-2.0
 *
 * Caches: made from options, switched, cleared.
 */
#include "cache/cache.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/fields.h>

#include "cache/backend.h"
#include "cache/key.h"
#include "http/path.h"

#define DEFAULT_MAX_ENTRY ((size_t)16 * 1024 * 1024)

/* How long a key's own clear cell is kept: longer than any making of a value takes. */
#define KEY_CELL_MS ((int64_t)3600 * 1000)

/* -- Making ---------------------------------------------------------------------------------------------------------------- */

static enum weir_status check(const struct weir_cache_options *options, char *why, size_t why_size)
{
	if (options->expire_s < WEIR_EXPIRE_NEVER)
		snprintf(why, why_size, "cache: expire_s %lld: allowed are seconds, 0 and WEIR_EXPIRE_NEVER", (long long)options->expire_s);
	else if (options->status_header && !weir_field_name_valid(weir_slice_text(options->status_header)))
		snprintf(why, why_size, "cache: status_header \"%s\" is no name of a field", options->status_header);
	else
		return WEIR_OK;
	return WEIR_ERR_CONFIG;
}

static enum weir_status open_backend(struct weir_cache *cache, const struct weir_cache_options *options, char *why, size_t why_size)
{
	struct weir_backend_env env = { .clock = cache->clock, .log = cache->log };
	enum weir_status status = WEIR_OK;

	if (options->instance)
		cache->backend = options->instance;
	else
		status = weir_backend_open(options->backend ? options->backend : "memory:", &env, why, why_size, &cache->backend);
	if (status < 0)
		return status;
	cache->local = weir_backend_is_local(cache->backend);
	cache->trusted = cache->local && (weir_backend_ops(cache->backend)->flags & WEIR_BACKEND_PROCESS_ONLY);
	return WEIR_OK;
}

static enum weir_status fill(struct weir_cache *cache, const struct weir_cache_options *options, char *why, size_t why_size)
{
	cache->prefix = strdup(options->prefix ? options->prefix : "weir");
	cache->status_header = strdup(options->status_header ? options->status_header : "X-Weir-Cache");
	if (!cache->prefix || !cache->status_header) {
		snprintf(why, why_size, "out of memory");
		return WEIR_ERR_MEMORY;
	}
	cache->expire_s = options->expire_s ? options->expire_s : WEIR_EXPIRE_NEVER;
	cache->key = options->key ? options->key : weir_key_request;
	cache->max_entry = options->max_entry ? options->max_entry : DEFAULT_MAX_ENTRY;
	atomic_init(&cache->enabled, !options->disabled);
	return open_backend(cache, options, why, why_size);
}

enum weir_status weir_cache_create(const struct weir_cache_options *options, char *why, size_t why_size, struct weir_cache **cache)
{
	struct weir_cache_options merged = *options;
	struct weir_cache_environment storage = { 0 };
	char reason[400];
	struct weir_cache *made = calloc(1, sizeof(*made));
	enum weir_status status = made ? WEIR_OK : WEIR_ERR_MEMORY;

	if (!made)
		snprintf(why, why_size, "out of memory");
	if (status == WEIR_OK && !options->locked)
		status = weir_cache_read_environment(&merged, &storage, why, why_size);
	if (status == WEIR_OK)
		status = check(&merged, why, why_size);
	if (status == WEIR_OK) {
		made->clock = options->clock ? options->clock : weir_clock_system();
		made->log = options->log;
		status = fill(made, &merged, reason, sizeof(reason));
		if (status < 0)
			snprintf(why, why_size, "%s%s%s", storage.backend_from ? storage.backend_from : "",
				 storage.backend_from ? ": " : "", reason);
	}
	if (status == WEIR_OK) {
		*cache = made;
		return WEIR_OK;
	}
	if (!made)
		weir_backend_close(options->instance);
	else if (!made->backend)
		made->backend = options->instance;
	weir_cache_destroy(made);
	return status;
}

void weir_cache_destroy(struct weir_cache *cache)
{
	if (!cache)
		return;
	weir_backend_close(cache->backend);
	free(cache->prefix);
	free(cache->status_header);
	free(cache);
}

const char *weir_cache_rule_check(const struct weir_cache_rule *rule)
{
	if (rule->expire_s < WEIR_EXPIRE_NEVER)
		return "its rule's expire_s is negative and not WEIR_EXPIRE_NEVER";
	if (rule->lock_timeout_ms < 0)
		return "its rule's lock_timeout_ms is negative";
	if (rule->status_header && !weir_field_name_valid(weir_slice_text(rule->status_header)))
		return "its rule's status_header is no name of a field";
	if (rule->methods > (WEIR_METHOD_OTHER | (WEIR_METHOD_OTHER - 1)))
		return "its rule's methods have unknown bits";
	return NULL;
}

struct weir_backend *weir_cache_backend(const struct weir_cache *cache)
{
	return cache->backend;
}

enum weir_status weir_cache_attach(struct weir_cache *cache)
{
	return weir_backend_attach(cache->backend);
}

void weir_cache_set_submit(struct weir_cache *cache, enum weir_status (*submit)(void *state, struct weir_job *job), void *state)
{
	cache->submit = submit;
	cache->submit_state = state;
}

void weir_cache_set_enabled(struct weir_cache *cache, bool enabled)
{
	atomic_store(&cache->enabled, enabled);
}

bool weir_cache_enabled(const struct weir_cache *cache)
{
	return atomic_load_explicit(&cache->enabled, memory_order_relaxed);
}

void weir_cache_stats(struct weir_cache *cache, struct weir_cache_stats *stats)
{
	*stats = (struct weir_cache_stats){
		.hits = atomic_load(&cache->counts[WEIR_COUNT_HIT]),
		.misses = atomic_load(&cache->counts[WEIR_COUNT_MISS]),
		.stored = atomic_load(&cache->counts[WEIR_COUNT_STORED]),
		.bypassed = atomic_load(&cache->counts[WEIR_COUNT_BYPASSED]),
		.coalesced = atomic_load(&cache->counts[WEIR_COUNT_COALESCED]),
		.errors = atomic_load(&cache->counts[WEIR_COUNT_ERROR]),
	};
}

/* -- Jobs from threads that may wait ---------------------------------------------------------------------------------------- */

struct waiting {
	struct weir_job *job;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
};

static void on_done(struct weir_job *job)
{
	struct waiting *waiting = job->owner;

	pthread_mutex_lock(&waiting->lock);
	waiting->is_done = true;
	pthread_cond_signal(&waiting->done);
	pthread_mutex_unlock(&waiting->lock);
}

static enum weir_status execute(struct weir_cache *cache, struct weir_job *job)
{
	struct waiting waiting = { .job = job };
	enum weir_status status;

	if (cache->local || !cache->submit) {
		weir_jobs_execute(cache->backend, job);
		return job->status;
	}
	pthread_mutex_init(&waiting.lock, NULL);
	pthread_cond_init(&waiting.done, NULL);
	job->owner = &waiting;
	job->done = on_done;
	status = cache->submit(cache->submit_state, job);
	if (status == WEIR_OK) {
		pthread_mutex_lock(&waiting.lock);
		while (!waiting.is_done)
			pthread_cond_wait(&waiting.done, &waiting.lock);
		pthread_mutex_unlock(&waiting.lock);
		status = job->status;
	}
	pthread_cond_destroy(&waiting.done);
	pthread_mutex_destroy(&waiting.lock);
	return status;
}

/* -- Clearing -------------------------------------------------------------------------------------------------------------- */

static bool count_one(void *state, struct weir_slice key, struct weir_slice value)
{
	size_t *count = state;

	(void)key;
	(void)value;
	(*count)++;
	return true;
}

/* First the cell: from then on nothing older is served. Then, when asked for, the entries themselves. */
static enum weir_status clear_cell(struct weir_cache *cache, struct weir_slice cell, size_t *removed)
{
	struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &cell, .count = 1 } };
	struct weir_job walk = { .kind = WEIR_JOB_WALK, .walk = { .prefix = cell, .remove = true, .visit = count_one, .state = removed } };
	enum weir_status status = execute(cache, &clear);

	if (status < 0 || !removed)
		return status;
	*removed = 0;
	return execute(cache, &walk);
}

static enum weir_status clear_prefix(struct weir_cache *cache, const char *ns, bool all, size_t *removed)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_key key;
	enum weir_status status = WEIR_ERR_MEMORY;

	if (pool) {
		weir_key_begin(&key, pool, cache->prefix, ns);
		if (!key.failed)
			status = clear_cell(cache, all ? weir_key_all_cell(&key) : weir_key_namespace_cell(&key), removed);
	}
	weir_pool_destroy(pool);
	return status;
}

enum weir_status weir_cache_clear_namespace(struct weir_cache *cache, const char *ns, size_t *removed)
{
	return clear_prefix(cache, ns, false, removed);
}

enum weir_status weir_cache_clear_all(struct weir_cache *cache, size_t *removed)
{
	return clear_prefix(cache, NULL, true, removed);
}

/* As weir_request_host() has it. */
static struct weir_slice lower(struct weir_pool *pool, const char *host)
{
	char *text = weir_pool_dup_text(pool, host ? host : "");

	for (char *at = text; at && *at; at++)
		if (*at >= 'A' && *at <= 'Z')
			*at = (char)(*at + ('a' - 'A'));
	return weir_slice_text(text);
}

static enum weir_status name_entry(struct weir_cache *cache, struct weir_pool *pool, const struct weir_cache_entry_name *name,
				   struct weir_key *key)
{
	struct weir_slice target = weir_slice_text(name->target ? name->target : "/");
	size_t mark = weir_slice_find(target, '?');
	struct weir_slice path = weir_slice(target.data, mark);
	enum weir_status status;

	weir_key_begin(key, pool, cache->prefix, name->ns);
	weir_key_add_text(key, name->method ? name->method : "GET");
	weir_key_add_text(key, name->route);
	for (size_t i = 0; i < name->part_count; i++)
		weir_key_add(key, name->parts[i]);
	if (name->part_count > 0)
		return WEIR_OK;
	status = weir_path_canonical(pool, path, &path);
	if (status < 0)
		return status;
	return weir_key_add_target(key, lower(pool, name->host), path, weir_slice_from(target, mark + 1));
}

enum weir_status weir_cache_clear_entry(struct weir_cache *cache, const struct weir_cache_entry_name *name, size_t *removed)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_key key;
	struct weir_slice bytes;
	struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &bytes, .count = 1, .keep_ms = KEY_CELL_MS } };
	struct weir_job remove = { .kind = WEIR_JOB_REMOVE, .remove = { .keys = &bytes, .count = 1 } };
	enum weir_status status = pool ? name_entry(cache, pool, name, &key) : WEIR_ERR_MEMORY;

	if (status == WEIR_OK) {
		bytes = weir_key_finish(&key);
		status = bytes.data ? execute(cache, &clear) : WEIR_ERR_MEMORY;
	}
	if (status == WEIR_OK)
		status = execute(cache, &remove);
	if (status == WEIR_OK && removed)
		*removed = remove.remove.removed;
	weir_pool_destroy(pool);
	return status;
}
