/* SPDX-License-Identifier: Apache-2.0
 *
 * The encoder: one buffer for all commands of a batch, reused from call to call.
 */
#include "batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What a batch keeps for the next. */
#define BYTES_KEPT ((size_t)1024 * 1024)
#define COMMANDS_FIRST 64

static void free_replies(struct weir_redis_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		freeReplyObject(batch->commands[i].reply);
	batch->count = 0;
	batch->failed = false;
}

void weir_redis_batch_finish(struct weir_redis_batch *batch)
{
	free_replies(batch);
	weir_buffer_finish(&batch->bytes);
	free(batch->commands);
	*batch = (struct weir_redis_batch){ .count = 0 };
}

void weir_redis_batch_clear(struct weir_redis_batch *batch)
{
	free_replies(batch);
	if (batch->bytes.capacity > BYTES_KEPT)
		weir_buffer_finish(&batch->bytes);
	else
		weir_buffer_clear(&batch->bytes);
}

static bool make_room(struct weir_redis_batch *batch)
{
	size_t capacity = batch->capacity > 0 ? 2 * batch->capacity : COMMANDS_FIRST;
	struct weir_redis_command *commands;

	if (batch->failed || batch->count < batch->capacity)
		return !batch->failed;
	commands = realloc(batch->commands, capacity * sizeof(*commands));
	batch->failed = !commands;
	if (!commands)
		return false;
	batch->commands = commands;
	batch->capacity = capacity;
	return true;
}

/* The last command's length follows from where the bytes end. */
static void close_last(struct weir_redis_batch *batch)
{
	struct weir_redis_command *last = &batch->commands[batch->count - 1];

	last->len = batch->bytes.len - last->offset;
	batch->failed = batch->failed || batch->bytes.overflowed;
}

/* "*12\r\n": what stands before each command and each word, so without the machinery of printf. */
static void put_count(struct weir_redis_batch *batch, char mark, size_t count)
{
	char text[24], *at = text + sizeof(text);

	*--at = '\n';
	*--at = '\r';
	do
		*--at = (char)('0' + count % 10);
	while ((count /= 10) > 0);
	*--at = mark;
	weir_buffer_append(&batch->bytes, at, (size_t)(text + sizeof(text) - at));
}

/* Index 0 is valid even in a failed batch, where nobody looks at it. */
static size_t add(struct weir_redis_batch *batch, const struct weir_redis_command *command)
{
	if (!make_room(batch))
		return 0;
	batch->commands[batch->count] = *command;
	return batch->count++;
}

size_t weir_redis_batch_add(struct weir_redis_batch *batch, unsigned words, unsigned slot)
{
	size_t at = add(batch, &(struct weir_redis_command){ .words = words, .slot = slot, .offset = batch->bytes.len });

	put_count(batch, '*', words);
	return at;
}

size_t weir_redis_batch_add_script(struct weir_redis_batch *batch, const struct weir_redis_script *script, unsigned keys, unsigned args,
				   unsigned slot)
{
	struct weir_redis_command command = { .script = script, .words = 3 + keys + args, .slot = slot, .offset = batch->bytes.len };
	size_t at = add(batch, &command);

	weir_redis_batch_number(batch, keys);
	return at;
}

void weir_redis_batch_begin_word(struct weir_redis_batch *batch, size_t len)
{
	put_count(batch, '$', len);
}

void weir_redis_batch_part(struct weir_redis_batch *batch, struct weir_slice part)
{
	weir_buffer_append_slice(&batch->bytes, part);
}

void weir_redis_batch_end_word(struct weir_redis_batch *batch)
{
	weir_buffer_append(&batch->bytes, "\r\n", 2);
	if (batch->count > 0)
		close_last(batch);
}

void weir_redis_batch_word(struct weir_redis_batch *batch, struct weir_slice word)
{
	weir_redis_batch_begin_word(batch, word.len);
	weir_redis_batch_part(batch, word);
	weir_redis_batch_end_word(batch);
}

void weir_redis_batch_number(struct weir_redis_batch *batch, int64_t number)
{
	char text[24];

	weir_redis_batch_word(batch, weir_slice(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, number)));
}

size_t weir_redis_batch_used(const struct weir_redis_batch *batch)
{
	return batch->count > 0 ? batch->bytes.len - batch->commands[batch->count - 1].offset : 0;
}
