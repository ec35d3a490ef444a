/* SPDX-License-Identifier: Apache-2.0
 *
 * Values in, values out. A value that is read stays where hiredis has put it: its owner is the reply.
 */
#include "items.h"

#include <stdlib.h>

#include "look.h"

/* Redis adds the time to live to its clock and refuses what overflows; what lives longer than this lives for ever. */
#define TTL_MAX_MS (INT64_C(1000) * 365 * 24 * 3600 * 1000)

#define NO_COMMAND SIZE_MAX

static bool is_key(struct weir_slice key)
{
	return key.len >= 1 && key.len <= WEIR_KEY_MAX;
}

static void name_value(const struct weir_redis *redis, struct weir_slice key, struct weir_redis_name *name)
{
	weir_redis_name(redis->setup.options.prefix, WEIR_REDIS_VALUE, key, name);
}

/* -- Reading --------------------------------------------------------------------------------------------------------------- */

static void add_get(struct weir_redis *redis, struct weir_slice key)
{
	struct weir_redis_batch *batch = &redis->batch;
	struct weir_redis_name name;
	size_t at;

	name_value(redis, key, &name);
	at = weir_redis_batch_add(batch, 2, weir_redis_slot(weir_redis_name_slice(&name)));
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("GET"));
	weir_redis_batch_word(batch, weir_redis_name_slice(&name));
	if (!batch->failed && redis->has_reader)
		batch->commands[at].prefer = &redis->reader;
}

static void release_reply(void *owner)
{
	freeReplyObject(owner);
}

/* A value counts when its record is of this key, and was written in the present tenure of the node that has the say. */
static bool is_ours(const struct weir_redis *redis, const struct weir_redis_command *command, struct weir_slice key,
		    struct weir_redis_record *record)
{
	const struct weir_redis_node *node = command->node == &redis->reader ? redis->map.nodes[0] : command->node;

	return command->status == WEIR_OK && weir_redis_record_parse(weir_redis_text(command->reply), record) &&
	       weir_slice_equal(record->tenure, weir_slice_text(node->tenure)) && weir_slice_equal(record->key, key);
}

/* Takes the reply over, when it is a hit. A failure to read one value is a failure of its read. */
static enum weir_status finish_get(struct weir_redis *redis, struct weir_redis_command *command, struct weir_backend_get *get)
{
	struct weir_redis_record record;

	if (command->status < 0)
		return command->status;
	if (!is_ours(redis, command, get->key, &record))
		return WEIR_OK;
	get->status = WEIR_OK;
	get->value = record.value;
	get->release = release_reply;
	get->owner = command->reply;
	command->reply = NULL;
	return WEIR_OK;
}

static void release_values(struct weir_backend_read *read)
{
	for (size_t i = 0; i < read->get_count; i++) {
		struct weir_backend_get *get = &read->gets[i];

		if (get->release)
			get->release(get->owner);
		*get = (struct weir_backend_get){ .key = get->key, .status = WEIR_MISS };
	}
}

/* `next` is the first command of the read's values, and afterwards that of the next read's. */
static void finish_read(struct weir_redis *redis, struct weir_backend_read *read, size_t *next)
{
	for (size_t i = 0; i < read->get_count; i++) {
		struct weir_backend_get *get = &read->gets[i];
		enum weir_status status;

		*get = (struct weir_backend_get){ .key = get->key, .status = WEIR_MISS };
		if (!is_key(get->key))
			continue;
		status = finish_get(redis, &redis->batch.commands[(*next)++], get);
		if (read->status == WEIR_OK)
			read->status = status;
	}
	if (read->status != WEIR_OK) {
		release_values(read);
		return;
	}
	for (size_t i = 0; i < read->get_count; i++)
		atomic_fetch_add_explicit(read->gets[i].status == WEIR_OK ? &redis->hits : &redis->misses, 1, memory_order_relaxed);
}

static enum weir_status get_many(struct weir_redis *redis, struct weir_redis_look *look, struct weir_backend_read *const *reads,
				 size_t count)
{
	enum weir_status status = weir_redis_run(redis, &redis->batch);
	size_t next = 0;

	if (status != WEIR_OK)
		return status;
	weir_redis_look_end(look, reads, count);
	for (size_t i = 0; i < count; i++)
		finish_read(redis, reads[i], &next);
	return WEIR_OK;
}

enum weir_status weir_redis_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct weir_redis *redis = self;
	struct weir_redis_look look;
	enum weir_status status;

	weir_redis_begin(redis);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < reads[i]->get_count; k++)
			if (is_key(reads[i]->gets[k].key))
				add_get(redis, reads[i]->gets[k].key);
	status = weir_redis_look_begin(&look, redis, reads, count);
	if (status == WEIR_OK)
		status = get_many(redis, &look, reads, count);
	weir_redis_look_finish(&look);
	return status;
}

/* -- Writing --------------------------------------------------------------------------------------------------------------- */

void weir_redis_add_unlink(struct weir_redis_batch *batch, struct weir_slice name)
{
	(void)weir_redis_batch_add(batch, 2, weir_redis_slot(name));
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("UNLINK"));
	weir_redis_batch_word(batch, name);
}

static void add_record(struct weir_redis_batch *batch, size_t at, const struct weir_backend_set *set)
{
	char head[WEIR_REDIS_RECORD_HEAD];

	weir_redis_record_head(head, set->key.len);
	weir_redis_batch_begin_word(batch, sizeof(head) + set->key.len + set->value.len);
	if (!batch->failed)
		batch->commands[at].tenure_at = weir_redis_batch_used(batch) + WEIR_REDIS_RECORD_TENURE;
	weir_redis_batch_part(batch, weir_slice(head, sizeof(head)));
	weir_redis_batch_part(batch, set->key);
	weir_redis_batch_part(batch, set->value);
	weir_redis_batch_end_word(batch);
}

/* What has expired already takes the old value with it. */
static void add_set(struct weir_redis *redis, const struct weir_backend_set *set, int64_t now_ms)
{
	bool forever = set->expires_ms > now_ms + TTL_MAX_MS;
	struct weir_redis_batch *batch = &redis->batch;
	struct weir_redis_name name;
	size_t at;

	name_value(redis, set->key, &name);
	if (set->expires_ms <= now_ms) {
		weir_redis_add_unlink(batch, weir_redis_name_slice(&name));
		return;
	}
	at = weir_redis_batch_add(batch, forever ? 3 : 5, weir_redis_slot(weir_redis_name_slice(&name)));
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("SET"));
	weir_redis_batch_word(batch, weir_redis_name_slice(&name));
	add_record(batch, at, set);
	if (forever)
		return;
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("PX"));
	weir_redis_batch_number(batch, set->expires_ms - now_ms);
}

/* The last set of the same key: in a cluster only that is sent, since redirections might turn their order round. */
static size_t last_of_key(const struct weir_redis *redis, const struct weir_backend_set *sets, size_t at, size_t count)
{
	for (size_t i = count; redis->map.slots && i > at + 1; i--)
		if (weir_slice_equal(sets[i - 1].key, sets[at].key))
			return i - 1;
	return at;
}

/* The values that were refused for their size: what was there before must not stay. */
static enum weir_status unlink_refused(struct weir_redis *redis, struct weir_backend_set *sets, size_t count)
{
	struct weir_redis_batch *batch = &redis->batch;
	enum weir_status status;
	size_t next = 0;

	weir_redis_batch_clear(batch);
	for (size_t i = 0; i < count; i++) {
		struct weir_redis_name name;

		if (sets[i].status != WEIR_ERR_LIMIT || !is_key(sets[i].key))
			continue;
		name_value(redis, sets[i].key, &name);
		weir_redis_add_unlink(batch, weir_redis_name_slice(&name));
	}
	status = batch->count > 0 ? weir_redis_run(redis, batch) : WEIR_OK;
	for (size_t i = 0; i < count && status == WEIR_OK && batch->count > 0; i++)
		if (sets[i].status == WEIR_ERR_LIMIT && is_key(sets[i].key) && batch->commands[next++].status < 0)
			sets[i].status = batch->commands[next - 1].status;
	return status;
}

/* From the last to the first, so that a set which was left out finds the status of the one that was sent. */
static void finish_sets(struct weir_redis *redis, struct weir_backend_set *sets, size_t count)
{
	size_t next = redis->batch.count;

	for (size_t i = count; i > 0; i--) {
		size_t last = last_of_key(redis, sets, i - 1, count);

		if (!is_key(sets[i - 1].key))
			sets[i - 1].status = WEIR_ERR_LIMIT;
		else
			sets[i - 1].status = last == i - 1 ? redis->batch.commands[--next].status : sets[last].status;
	}
}

enum weir_status weir_redis_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	struct weir_redis *redis = self;
	int64_t now_ms = weir_clock_wall_ms(redis->clock);
	enum weir_status status;

	weir_redis_begin(redis);
	for (size_t i = 0; i < count; i++)
		if (is_key(sets[i].key) && last_of_key(redis, sets, i, count) == i)
			add_set(redis, &sets[i], now_ms);
	status = weir_redis_run(redis, &redis->batch);
	if (status != WEIR_OK)
		return status;
	finish_sets(redis, sets, count);
	atomic_fetch_add_explicit(&redis->sets, redis->batch.count, memory_order_relaxed);
	return unlink_refused(redis, sets, count);
}

enum weir_status weir_redis_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct weir_redis *redis = self;
	enum weir_status status;

	*removed = 0;
	weir_redis_begin(redis);
	for (size_t i = 0; i < count; i++) {
		struct weir_redis_name name;

		if (!is_key(keys[i]))
			continue;
		name_value(redis, keys[i], &name);
		weir_redis_add_unlink(&redis->batch, weir_redis_name_slice(&name));
	}
	status = weir_redis_run(redis, &redis->batch);
	for (size_t i = 0; i < redis->batch.count && status == WEIR_OK; i++)
		if (redis->batch.commands[i].reply && redis->batch.commands[i].reply->type == REDIS_REPLY_INTEGER)
			*removed += (size_t)redis->batch.commands[i].reply->integer;
	return status == WEIR_OK ? weir_redis_first_failure(&redis->batch) : status;
}
