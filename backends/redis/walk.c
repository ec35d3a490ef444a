/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks: SCAN on every master, in steps, each of which takes a look at the values and takes away what is to go. Redis may show a name twice
 * while it makes its table larger or smaller; what was removed at the first sight is then not seen again. What moves from one master to
 * another meanwhile may be missed: it is none of the new one's tenure, and so not served either. Each step has the time of a call for
 * itself; in between the visitor is asked whether to go on.
 */
#include "items.h"

#include <stdio.h>

/* Names that SCAN looks at in one step: about a millisecond of the server's time. */
#define STEP 500

struct walk {
	struct weir_redis *redis;
	struct weir_slice prefix;
	struct weir_redis_name pattern;
	bool remove;
	weir_backend_visit_fn visit;
	void *state;
	struct weir_redis_batch names;  /* replies to SCAN, or to the script */
	struct weir_redis_batch values; /* replies to GET */
	struct weir_redis_batch gone;   /* UNLINKs */
	struct weir_redis_node *node;
	char cursor[24];
	bool ended; /* by the visitor */
};

static void add_scan(struct walk *walk)
{
	struct weir_redis_batch *batch = &walk->names;
	bool lua = walk->redis->setup.options.reclaim == WEIR_REDIS_RECLAIM_LUA;
	size_t at;

	if (lua)
		at = weir_redis_batch_add_script(batch, &walk->redis->scripts[WEIR_REDIS_SCRIPT_SCAN], 0, 3, 0);
	else
		at = weir_redis_batch_add(batch, 6, 0);
	if (!lua)
		weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("SCAN"));
	weir_redis_batch_word(batch, weir_slice_text(walk->cursor));
	if (!lua)
		weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("MATCH"));
	weir_redis_batch_word(batch, weir_redis_name_slice(&walk->pattern));
	if (!lua)
		weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("COUNT"));
	weir_redis_batch_number(batch, STEP);
	if (batch->failed)
		return;
	batch->commands[at].prefer = walk->node;
	batch->commands[at].only_preferred = true;
}

static bool set_cursor(struct walk *walk, const redisReply *reply)
{
	struct weir_slice text = weir_redis_text(reply);

	if (text.len < 1 || text.len >= sizeof(walk->cursor))
		return false;
	memcpy(walk->cursor, text.data, text.len);
	walk->cursor[text.len] = '\0';
	return true;
}

/* What is to go, of this name: every record of a key that begins with the prefix; those of a former tenure are not shown to the visitor. */
static void look_at(struct walk *walk, struct weir_slice name, const redisReply *value, const struct weir_redis_node *node)
{
	struct weir_redis_record record;

	if (walk->ended || !weir_redis_record_parse(weir_redis_text(value), &record) || !weir_slice_starts_with(record.key, walk->prefix))
		return;
	if (weir_slice_equal(record.tenure, weir_slice_text(node->tenure)))
		walk->ended = !walk->visit(walk->state, record.key, record.value);
	if (walk->remove)
		weir_redis_add_unlink(&walk->gone, name);
}

/* SCAN's reply is names; their values are fetched, each from where its slot is. */
static enum weir_status look_by_names(struct walk *walk, const redisReply *names)
{
	struct weir_redis_batch *batch = &walk->values;
	enum weir_status status;

	weir_redis_batch_clear(batch);
	for (size_t i = 0; i < names->elements; i++) {
		struct weir_slice name = weir_redis_text(names->element[i]);

		(void)weir_redis_batch_add(batch, 2, weir_redis_slot(name));
		weir_redis_batch_word(batch, WEIR_SLICE_LITERAL("GET"));
		weir_redis_batch_word(batch, name);
	}
	status = weir_redis_run(walk->redis, batch);
	for (size_t i = 0; i < names->elements && status == WEIR_OK; i++)
		if (batch->commands[i].status == WEIR_OK)
			look_at(walk, weir_redis_text(names->element[i]), batch->commands[i].reply, batch->commands[i].node);
	return status == WEIR_OK ? weir_redis_first_failure(batch) : status;
}

static enum weir_status look_at_all(struct walk *walk)
{
	const struct weir_redis_command *command = &walk->names.commands[0];
	const redisReply *reply = command->reply;

	if (command->status != WEIR_OK)
		return command->status;
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 || !set_cursor(walk, reply->element[0]))
		return WEIR_ERR_BACKEND;
	if (!command->script)
		return reply->elements == 2 && reply->element[1]->type == REDIS_REPLY_ARRAY ? look_by_names(walk, reply->element[1])
											    : WEIR_ERR_BACKEND;
	for (size_t i = 1; i + 1 < reply->elements; i += 2)
		look_at(walk, weir_redis_text(reply->element[i]), reply->element[i + 1], command->node);
	return WEIR_OK;
}

static enum weir_status step(struct walk *walk)
{
	enum weir_status status;

	weir_redis_begin(walk->redis);
	weir_redis_batch_clear(&walk->names);
	weir_redis_batch_clear(&walk->gone);
	add_scan(walk);
	status = weir_redis_run(walk->redis, &walk->names);
	if (status == WEIR_OK)
		status = look_at_all(walk);
	if (status != WEIR_OK || walk->gone.count == 0)
		return status;
	status = weir_redis_run(walk->redis, &walk->gone);
	return status == WEIR_OK ? weir_redis_first_failure(&walk->gone) : status;
}

static enum weir_status walk_node(struct walk *walk, struct weir_redis_node *node)
{
	enum weir_status status;

	walk->node = node;
	(void)snprintf(walk->cursor, sizeof(walk->cursor), "0");
	do {
		status = step(walk);
		if (status == WEIR_OK && !walk->ended)
			walk->ended = !walk->visit(walk->state, WEIR_SLICE_NONE, WEIR_SLICE_NONE);
	} while (status == WEIR_OK && !walk->ended && strcmp(walk->cursor, "0") != 0);
	return status;
}

enum weir_status weir_redis_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	struct weir_redis *redis = self;
	struct walk walk = { .redis = redis, .prefix = prefix, .remove = remove, .visit = visit, .state = state };
	enum weir_status status;

	if (remove && redis->setup.options.reclaim == WEIR_REDIS_RECLAIM_CLOCK)
		return WEIR_OK;
	weir_redis_name_pattern(redis->setup.options.prefix, prefix, &walk.pattern);
	weir_redis_begin(redis);
	status = weir_redis_run(redis, &walk.names); /* of nothing, for the map */
	for (size_t i = 0; i < redis->map.count && status == WEIR_OK && !walk.ended; i++)
		if (weir_redis_map_has_slots(&redis->map, redis->map.nodes[i]))
			status = walk_node(&walk, redis->map.nodes[i]);
	weir_redis_batch_finish(&walk.names);
	weir_redis_batch_finish(&walk.values);
	weir_redis_batch_finish(&walk.gone);
	return status;
}
