/* SPDX-License-Identifier: Apache-2.0
 *
 * Clock and cells. The order in which a batch is read does not matter for what it promises, that a clear which ended before is seen; but
 * clock and cells are read by one command, so that no cell is newer than the clock beside it.
 */
#include "look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* "TENURE STAMP FLOOR" */
#define STAMP_LEN ((size_t)16)
#define STAMP_AT (WEIR_REDIS_TENURE_LEN + 1)
#define FLOOR_AT (STAMP_AT + STAMP_LEN + 1)
#define CLOCK_LEN (FLOOR_AT + STAMP_LEN)

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
}

static void add_field(struct weir_redis *redis, struct weir_redis_batch *batch, struct weir_slice cell)
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
	look->command = weir_redis_batch_add(batch, (unsigned)look->count + 3, redis->clears_slot);
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("HMGET"));
	weir_redis_batch_word(batch, weir_redis_name_slice(&redis->clears));
	weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("clock"));
	for (size_t i = 0; i < look->count; i++)
		add_field(redis, batch, look->cells[i].name);
	return WEIR_OK;
}

void weir_redis_look_finish(struct weir_redis_look *look)
{
	free(look->cells);
}

/* -- What came back -------------------------------------------------------------------------------------------------------- */

/* False when it is no clock. */
static bool take_clock(struct weir_redis_look *look, const redisReply *reply)
{
	struct weir_slice text = weir_redis_text(reply);

	if (text.len != CLOCK_LEN)
		return false;
	look->clock = weir_redis_parse_stamp(weir_slice(text.data + STAMP_AT, STAMP_LEN));
	look->floor = weir_redis_parse_stamp(weir_slice(text.data + FLOOR_AT, STAMP_LEN));
	return look->clock != 0;
}

/* What cannot be read may have been any clear. */
static uint64_t stamp_of(const struct weir_redis_look *look, const redisReply *reply)
{
	struct weir_slice text = weir_redis_text(reply);
	uint64_t stamp = text.len >= STAMP_LEN ? weir_redis_parse_stamp(weir_slice(text.data, STAMP_LEN)) : 0;

	if (reply->type == REDIS_REPLY_NIL)
		return look->floor;
	return EPOCH(stamp) == EPOCH(look->clock) && stamp < look->clock ? stamp : look->clock;
}

/* From the clock's text and those of the cells. False when there is no clock. */
static bool take(struct weir_redis_look *look, const redisReply *reply)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != look->count + 1 || !take_clock(look, reply->element[0]))
		return false;
	for (size_t i = 0; i < look->count; i++)
		look->cells[i].stamp = stamp_of(look, reply->element[i + 1]);
	return true;
}

/* Everything once more, by the script. */
static enum weir_status look_again(struct weir_redis_look *look)
{
	struct weir_redis *redis = look->redis;
	const struct weir_redis_script *script = &redis->scripts[WEIR_REDIS_SCRIPT_LOOK];
	struct weir_redis_batch batch = { .count = 0 };
	enum weir_status status;

	(void)weir_redis_batch_add_script(&batch, script, 1, (unsigned)look->count + 1, redis->clears_slot);
	weir_redis_batch_word(&batch, weir_redis_name_slice(&redis->clears));
	add_stamp(&batch, weir_clear_clock_new());
	for (size_t i = 0; i < look->count; i++)
		add_field(redis, &batch, look->cells[i].name);
	status = weir_redis_run(redis, &batch);
	if (status == WEIR_OK)
		status = batch.commands[0].status;
	if (status == WEIR_OK && !take(look, batch.commands[0].reply))
		status = WEIR_ERR_BACKEND;
	weir_redis_batch_finish(&batch);
	return status;
}

static bool is_of_tenure(const struct weir_redis_command *command)
{
	const redisReply *reply = command->reply;
	struct weir_slice tenure = weir_slice_text(command->node->tenure);

	return tenure.len == WEIR_REDIS_TENURE_LEN && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
	       weir_slice_starts_with(weir_redis_text(reply->element[0]), tenure);
}

static enum weir_status see(struct weir_redis_look *look)
{
	const struct weir_redis_command *command = &look->redis->batch.commands[look->command];

	if (command->status < 0)
		return command->status;
	if (command->status == WEIR_OK && is_of_tenure(command) && take(look, command->reply))
		return WEIR_OK;
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
	(void)weir_redis_batch_add_script(batch, &redis->scripts[WEIR_REDIS_SCRIPT_CLEAR], 1, (unsigned)count + 3, redis->clears_slot);
	weir_redis_batch_word(batch, weir_redis_name_slice(&redis->clears));
	add_stamp(batch, weir_clear_clock_new());
	weir_redis_batch_number(batch, keep_ms);
	weir_redis_batch_number(batch, (int64_t)redis->cells_max);
	for (size_t i = 0; i < count; i++)
		add_field(redis, batch, cells[i]);
	status = weir_redis_run(redis, batch);
	if (status == WEIR_OK)
		status = batch->commands[0].status;
	if (status != WEIR_OK)
		return status;
	*clock = weir_redis_parse_stamp(weir_redis_text(batch->commands[0].reply));
	return *clock != 0 ? WEIR_OK : WEIR_ERR_BACKEND;
}
