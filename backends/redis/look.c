/* SPDX-License-Identifier: Apache-2.0
 *
 * Clock and cells. The order in which a batch is read does not matter for what it promises, that a clear which ended before is seen; but
 * clock and cells are read by one command, so that no cell is newer than the clock beside it.
 */
#include "look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A cell that is made because somebody asks for it would else stay for ever, also when nobody asks again. What is older than its cell is
 * made once more when that has gone, and has come back at the clock. */
#define CREATED_MS (INT64_C(30) * 24 * 3600 * 1000)

#define EPOCH(stamp) ((stamp) >> 40)

static uint64_t hash_of(struct weir_slice name)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.data[i]) * 0x100000001b3;
	return hash;
}

/* Where the cell of that name is; `look->count` when there is none. */
static size_t find(const struct weir_redis_look *look, struct weir_slice name, uint64_t hash)
{
	size_t at = 0;

	while (at < look->count && (look->cells[at].hash != hash || !weir_slice_equal(look->cells[at].name, name)))
		at++;
	return at;
}

static void collect(struct weir_redis_look *look, const struct weir_backend_cell *cell)
{
	uint64_t hash = hash_of(cell->name);
	size_t at = find(look, cell->name, hash);

	if (at == look->count)
		look->cells[look->count++] = (struct weir_redis_cell){ .name = cell->name, .hash = hash };
	look->cells[at].create = look->cells[at].create || cell->create;
}

static void add_name(struct weir_redis *redis, struct weir_redis_batch *batch, struct weir_slice cell)
{
	struct weir_redis_name name;

	weir_redis_name(redis->setup.options.prefix, WEIR_REDIS_CELL, cell, &name);
	weir_redis_batch_word(batch, weir_redis_name_slice(&name));
}

static void add_stamp(struct weir_redis_batch *batch, uint64_t stamp)
{
	char text[24];

	weir_redis_batch_word(batch, weir_slice(text, (size_t)snprintf(text, sizeof(text), "%016" PRIx64, stamp)));
}

enum weir_status weir_redis_look_begin(struct weir_redis_look *look, struct weir_redis *redis, struct weir_backend_read *const *reads,
				       size_t count)
{
	struct weir_redis_batch *batch = &redis->batch;
	size_t capacity = 1;

	for (size_t i = 0; i < count; i++)
		capacity += reads[i]->cell_count;
	*look = (struct weir_redis_look){ .redis = redis };
	look->cells = calloc(capacity, sizeof(*look->cells));
	if (!look->cells)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < reads[i]->cell_count; k++)
			collect(look, &reads[i]->cells[k]);
	look->command = weir_redis_batch_add(batch, (unsigned)look->count + 2, redis->clock_slot);
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("MGET"));
	weir_redis_batch_word(batch, weir_redis_name_slice(&redis->clock_name));
	for (size_t i = 0; i < look->count; i++)
		add_name(redis, batch, look->cells[i].name);
	return WEIR_OK;
}

void weir_redis_look_finish(struct weir_redis_look *look)
{
	free(look->cells);
}

/* -- What came back -------------------------------------------------------------------------------------------------------- */

/* The clock that stands in the reply, 0 when it is none of the node's tenure. */
static uint64_t parse_clock(const redisReply *reply, const struct weir_redis_node *node)
{
	struct weir_slice text = weir_redis_text(reply), tenure = weir_slice_text(node->tenure);

	if (tenure.len != WEIR_REDIS_TENURE_LEN || text.len != 2 * WEIR_REDIS_TENURE_LEN + 1 || !weir_slice_starts_with(text, tenure))
		return 0;
	return weir_redis_parse_stamp(weir_slice_from(text, WEIR_REDIS_TENURE_LEN + 1));
}

/* Fills in the cells; false when one is wanted and missing. A cell of another epoch is one that was lost. */
static bool fill(struct weir_redis_look *look, redisReply *const *elements)
{
	bool all = true;

	for (size_t i = 0; i < look->count; i++) {
		uint64_t stamp = weir_redis_parse_stamp(weir_redis_text(elements[i]));
		bool there = stamp != 0 && EPOCH(stamp) == EPOCH(look->clock);

		look->cells[i].stamp = there ? stamp : 0;
		all = all && (there || !look->cells[i].create);
	}
	return all;
}

static bool is_array(const redisReply *reply, size_t elements)
{
	return reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == elements;
}

/* Everything once more, by the script. */
static enum weir_status look_again(struct weir_redis_look *look)
{
	struct weir_redis *redis = look->redis;
	const struct weir_redis_script *script = &redis->scripts[WEIR_REDIS_SCRIPT_LOOK];
	struct weir_redis_batch batch = { .count = 0 };
	enum weir_status status;

	(void)weir_redis_batch_add_script(&batch, script, (unsigned)look->count + 1, (unsigned)look->count + 2, redis->clock_slot);
	weir_redis_batch_word(&batch, weir_redis_name_slice(&redis->clock_name));
	for (size_t i = 0; i < look->count; i++)
		add_name(redis, &batch, look->cells[i].name);
	add_stamp(&batch, weir_clear_clock_new());
	weir_redis_batch_number(&batch, CREATED_MS);
	for (size_t i = 0; i < look->count; i++)
		weir_redis_batch_number(&batch, look->cells[i].create);
	status = weir_redis_run(redis, &batch);
	if (status == WEIR_OK)
		status = batch.commands[0].status;
	if (status == WEIR_OK && is_array(batch.commands[0].reply, look->count + 1)) {
		redisReply *const *elements = batch.commands[0].reply->element;

		look->clock = weir_redis_parse_stamp(weir_redis_text(elements[0]));
		(void)fill(look, elements + 1);
	}
	weir_redis_batch_finish(&batch);
	return status == WEIR_OK && look->clock == 0 ? WEIR_ERR_BACKEND : status;
}

static enum weir_status see(struct weir_redis_look *look)
{
	const struct weir_redis_command *command = &look->redis->batch.commands[look->command];

	if (command->status != WEIR_OK)
		return command->status;
	if (is_array(command->reply, look->count + 1)) {
		look->clock = parse_clock(command->reply->element[0], command->node);
		if (look->clock != 0 && fill(look, command->reply->element + 1))
			return WEIR_OK;
	}
	look->clock = 0;
	return look_again(look);
}

void weir_redis_look_end(struct weir_redis_look *look, struct weir_backend_read *const *reads, size_t count)
{
	enum weir_status status = see(look);

	for (size_t i = 0; i < count; i++) {
		struct weir_backend_read *read = reads[i];

		read->status = status;
		read->clock = look->clock;
		for (size_t k = 0; k < read->cell_count; k++)
			read->cells[k].stamp = look->cells[find(look, read->cells[k].name, hash_of(read->cells[k].name))].stamp;
	}
}

/* -- Clearing -------------------------------------------------------------------------------------------------------------- */

enum weir_status weir_redis_clear(struct weir_redis *redis, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	struct weir_redis_batch *batch = &redis->batch;
	enum weir_status status;

	weir_redis_begin(redis);
	(void)weir_redis_batch_add_script(batch, &redis->scripts[WEIR_REDIS_SCRIPT_CLEAR], (unsigned)count + 1, 2, redis->clock_slot);
	weir_redis_batch_word(batch, weir_redis_name_slice(&redis->clock_name));
	for (size_t i = 0; i < count; i++)
		add_name(redis, batch, cells[i]);
	add_stamp(batch, weir_clear_clock_new());
	weir_redis_batch_number(batch, keep_ms);
	status = weir_redis_run(redis, batch);
	if (status == WEIR_OK)
		status = batch->commands[0].status;
	if (status != WEIR_OK)
		return status;
	*clock = weir_redis_parse_stamp(weir_redis_text(batch->commands[0].reply));
	return *clock != 0 ? WEIR_OK : WEIR_ERR_BACKEND;
}
