/* SPDX-License-Identifier: Apache-2.0
 *
 * Caches: made from options, switched, cleared.
 */
#include "cache/cache.h"

#include <stdio.h>
#include <stdlib.h>

#include <weir/coder.h>
#include <weir/fields.h>

#include "cache/backend.h"
#include "cache/key.h"
#include "http/path.h"

#define DEFAULT_MAX_ENTRY ((size_t)16 * 1024 * 1024)

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
	cache->names = weir_pool_create(0);
	if (cache->prefix && cache->names)
		cache->soft_cell = weir_key_cell(cache->names, cache->prefix, WEIR_CELL_SOFT, WEIR_SLICE_NONE);
	if (!cache->status_header || !cache->soft_cell.data) {
		snprintf(why, why_size, "out of memory");
		return WEIR_ERR_MEMORY;
	}
	cache->expire_s = options->expire_s ? options->expire_s : WEIR_EXPIRE_NEVER;
	cache->key = options->key ? options->key : weir_key_request;
	cache->coder = options->coder ? options->coder : &weir_coder_json;
	cache->max_entry = options->max_entry ? options->max_entry : DEFAULT_MAX_ENTRY;
	atomic_init(&cache->enabled, !options->disabled);
	return open_backend(cache, options, why, why_size);
}

static struct weir_cache *allocate(void)
{
	struct weir_cache *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	pthread_mutex_init(&made->lock, NULL);
	pthread_mutex_init(&made->notes_lock, NULL);
	return made;
}

enum weir_status weir_cache_create(const struct weir_cache_options *options, char *why, size_t why_size, struct weir_cache **cache)
{
	struct weir_cache_options merged = *options;
	struct weir_cache_environment storage = { 0 };
	char reason[400];
	struct weir_cache *made = allocate();
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
	weir_pool_destroy(cache->names);
	pthread_mutex_destroy(&cache->lock);
	pthread_mutex_destroy(&cache->notes_lock);
	free(cache->notes);
	free(cache->prefix);
	free(cache->status_header);
	free(cache);
}

struct weir_backend *weir_cache_backend(const struct weir_cache *cache)
{
	return cache->backend;
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
