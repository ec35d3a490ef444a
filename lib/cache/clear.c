/* SPDX-License-Identifier: Apache-2.0
 *
 * Clearing: of everything, a namespace, a tag, one entry; for good, or softly. Each is a stamp of the clear clock in a cell, after which
 * nothing older is served; entries are looked for only to be counted.
 */
#include "cache/clear.h"

#include <stdlib.h>

#include <weir/fields.h>

#include "cache/entry.h"
#include "cache/execute.h"
#include "cache/key.h"
#include "http/path.h"

static bool count_one(void *state, struct weir_slice key, struct weir_slice value)
{
	size_t *count = state;

	(void)value;
	*count += key.data != NULL;
	return true;
}

/* First the cell: from then on nothing older is served. Then, when asked for, the entries themselves. */
static enum weir_status clear_cell(struct weir_cache *cache, struct weir_slice cell, size_t *removed)
{
	struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &cell, .count = 1 } };
	struct weir_job walk = { .kind = WEIR_JOB_WALK, .walk = { .prefix = cell, .remove = true, .visit = count_one, .state = removed } };
	enum weir_status status = weir_cache_execute(cache, &clear);

	if (status < 0 || !removed)
		return status;
	*removed = 0;
	return weir_cache_execute(cache, &walk);
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

/* -- Tags ------------------------------------------------------------------------------------------------------------------ */

/* Keys to be removed, so many at a time. */
#define KEYS_MAX 1000

struct tagged {
	struct weir_slice tag;
	struct weir_pool *pool;
	struct weir_slice keys[KEYS_MAX];
	size_t count;
};

static bool collect_tagged(void *state, struct weir_slice key, struct weir_slice value)
{
	struct tagged *tagged = state;
	struct weir_entry entry;
	struct weir_slice tag;

	if (weir_entry_decode(value, false, &entry) != WEIR_OK)
		return true;
	while (weir_tags_next(&entry.tags, &tag))
		if (weir_slice_equal(tag, tagged->tag)) {
			tagged->keys[tagged->count] = weir_pool_dup(tagged->pool, key);
			tagged->count += tagged->keys[tagged->count].data != NULL;
			break;
		}
	return tagged->count < KEYS_MAX && !weir_pool_overflowed(tagged->pool);
}

/* Round by round, until a walk comes to its end. What was stored by another after the clear goes too: it is only made anew. */
static enum weir_status remove_tagged(struct weir_cache *cache, struct tagged *tagged, size_t *removed)
{
	struct weir_slice all;
	struct weir_job walk = { .kind = WEIR_JOB_WALK, .walk = { .visit = collect_tagged, .state = tagged } };
	struct weir_job remove = { .kind = WEIR_JOB_REMOVE, .remove = { .keys = tagged->keys } };
	enum weir_status status;

	do {
		struct weir_key key;

		weir_pool_reset(tagged->pool);
		tagged->count = 0;
		weir_key_begin(&key, tagged->pool, cache->prefix, NULL);
		all = weir_key_all_cell(&key);
		if (key.failed)
			return WEIR_ERR_MEMORY;
		walk.walk.prefix = all;
		status = weir_cache_execute(cache, &walk);
		remove.remove.count = tagged->count;
		if (status == WEIR_OK && tagged->count > 0)
			status = weir_cache_execute(cache, &remove);
		if (status == WEIR_OK && tagged->count > 0)
			*removed += remove.remove.removed;
	} while (status == WEIR_OK && tagged->count == KEYS_MAX);
	return status;
}

static enum weir_status clear_tag(struct weir_cache *cache, struct tagged *tagged, size_t *removed)
{
	struct weir_slice cell = weir_key_cell(tagged->pool, cache->prefix, WEIR_CELL_TAG, tagged->tag);
	struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &cell, .count = 1 } };
	enum weir_status status = cell.data ? weir_cache_execute(cache, &clear) : WEIR_ERR_MEMORY;

	if (status < 0 || !removed)
		return status;
	*removed = 0;
	return remove_tagged(cache, tagged, removed);
}

enum weir_status weir_cache_clear_tag(struct weir_cache *cache, const char *tag, size_t *removed)
{
	struct tagged *tagged = calloc(1, sizeof(*tagged));
	enum weir_status status = WEIR_ERR_MEMORY;

	if (tagged)
		tagged->pool = weir_pool_create(0);
	if (tagged && tagged->pool) {
		tagged->tag = weir_slice_text(tag);
		status = clear_tag(cache, tagged, removed);
	}
	if (tagged)
		weir_pool_destroy(tagged->pool);
	free(tagged);
	return status;
}

/* -- One entry ------------------------------------------------------------------------------------------------------------- */

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

/* The key of an entry by its name, in the pool. */
static enum weir_status key_of(struct weir_cache *cache, struct weir_pool *pool, const struct weir_cache_entry_name *name,
			       struct weir_slice *bytes)
{
	struct weir_key key;
	enum weir_status status = pool ? name_entry(cache, pool, name, &key) : WEIR_ERR_MEMORY;

	if (status != WEIR_OK)
		return status;
	*bytes = weir_key_finish(&key);
	return bytes->data ? WEIR_OK : WEIR_ERR_MEMORY;
}

enum weir_status weir_cache_clear_key(struct weir_cache *cache, struct weir_slice key, size_t *removed)
{
	struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = &key, .count = 1, .keep_ms = WEIR_KEY_CELL_MS } };
	struct weir_job remove = { .kind = WEIR_JOB_REMOVE, .remove = { .keys = &key, .count = 1 } };
	enum weir_status status = weir_cache_execute(cache, &clear);

	if (status == WEIR_OK)
		status = weir_cache_execute(cache, &remove);
	if (status == WEIR_OK && removed)
		*removed = remove.remove.removed;
	return status;
}

enum weir_status weir_cache_clear_entry(struct weir_cache *cache, const struct weir_cache_entry_name *name, size_t *removed)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice key;
	enum weir_status status = key_of(cache, pool, name, &key);

	if (status == WEIR_OK)
		status = weir_cache_clear_key(cache, key, removed);
	weir_pool_destroy(pool);
	return status;
}

/* -- Soft purge ------------------------------------------------------------------------------------------------------------ */

/* The cell itself before the one that says that there was some purge: who sees that one finds the other. */
static enum weir_status purge(struct weir_cache *cache, struct weir_pool *pool, enum weir_cell_kind kind, struct weir_slice name)
{
	struct weir_slice cells[2];
	struct weir_job clear = { .kind = WEIR_JOB_CLEAR, .clear = { .cells = cells, .count = 2 } };

	if (!pool)
		return WEIR_ERR_MEMORY;
	cells[0] = weir_key_cell(pool, cache->prefix, kind, name);
	cells[1] = cache->soft_cell;
	return cells[0].data ? weir_cache_execute(cache, &clear) : WEIR_ERR_MEMORY;
}

static enum weir_status purge_named(struct weir_cache *cache, enum weir_cell_kind kind, struct weir_slice name)
{
	struct weir_pool *pool = weir_pool_create(0);
	enum weir_status status = purge(cache, pool, kind, name);

	weir_pool_destroy(pool);
	return status;
}

enum weir_status weir_cache_expire_all(struct weir_cache *cache)
{
	return purge_named(cache, WEIR_CELL_SOFT_ALL, WEIR_SLICE_NONE);
}

enum weir_status weir_cache_expire_namespace(struct weir_cache *cache, const char *ns)
{
	return purge_named(cache, WEIR_CELL_SOFT_NAMESPACE, weir_slice_text(ns ? ns : ""));
}

enum weir_status weir_cache_expire_tag(struct weir_cache *cache, const char *tag)
{
	return purge_named(cache, WEIR_CELL_SOFT_TAG, weir_slice_text(tag));
}

enum weir_status weir_cache_expire_entry(struct weir_cache *cache, const struct weir_cache_entry_name *name)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice key;
	enum weir_status status = key_of(cache, pool, name, &key);

	if (status == WEIR_OK)
		status = purge(cache, pool, WEIR_CELL_SOFT_KEY, key);
	weir_pool_destroy(pool);
	return status;
}
