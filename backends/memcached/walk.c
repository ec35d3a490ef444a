/* SPDX-License-Identifier: Apache-2.0
 *
 * walk: the names of a server's items that can be ours, then their values, a hundred at a time. Reading the list may take long, when most
 * of it is others': that is no part of a call's time limit, and the visitor is asked meanwhile whether to go on.
 *
 * Every server that is in service is asked. A key counts where the ring looks for it; copies elsewhere are left from a time when another
 * server was away, and are not visited, only removed.
 */
#include <stdlib.h>

#include "dump.h"
#include "items.h"

#define AT_ONCE 100

struct walk {
	struct weir_memcached *store;
	struct weir_slice prefix;
	bool remove;
	weir_backend_visit_fn visit;
	void *state;
	struct weir_memcached_node *node;
	struct weir_slice names; /* what the names of all keys with the prefix begin with */
	char names_bytes[WEIR_MEMCACHED_NAME_MAX + 1];
	bool ended; /* the visitor has had enough */
};

static void find_names(struct walk *walk)
{
	const struct weir_memcached *store = walk->store;
	size_t len = strlen(store->options.prefix);

	memcpy(walk->names_bytes, store->options.prefix, len);
	walk->names_bytes[len++] = 'v';
	len += weir_backend_name_prefix(walk->prefix, WEIR_MEMCACHED_NAME_MAX - len, walk->names_bytes + len);
	walk->names = weir_slice(walk->names_bytes, len);
}

/* The next names of the dump that can be ours; `*count` of them. END when there are no more. */
static enum weir_status find_batch(struct walk *walk, struct weir_memcached_dump *dump, struct weir_slice *names, size_t *count)
{
	char name[WEIR_MEMCACHED_NAME_MAX];
	enum weir_status status = WEIR_OK;
	size_t len;

	for (*count = 0; *count < AT_ONCE && !walk->ended && status >= 0 && status != WEIR_END;) {
		status = weir_memcached_dump_next(dump, name, &len);
		if (status == WEIR_BUSY)
			walk->ended = !walk->visit(walk->state, WEIR_SLICE_NONE, WEIR_SLICE_NONE);
		else if (status == WEIR_OK && weir_slice_starts_with(weir_slice(name, len), walk->names))
			names[(*count)++] = weir_pool_dup(walk->store->pool, weir_slice(name, len));
	}
	return status == WEIR_BUSY ? WEIR_OK : status;
}

/* Visits what a GET has found, if it is for the visitor. True when it is to be removed. */
static bool visit_one(struct walk *walk, const struct weir_memcached_op *op)
{
	int64_t now_ms = weir_clock_wall_ms(walk->store->clock);
	struct weir_memcached_record record;

	if (!weir_memcached_item_read(op, now_ms, &record) || !weir_slice_starts_with(record.key, walk->prefix))
		return false;
	if (weir_memcached_node_of(walk->store, op->command.name) == walk->node)
		walk->ended = !walk->visit(walk->state, record.key, record.value);
	return walk->remove;
}

static enum weir_status visit_batch(struct walk *walk, const struct weir_slice *names, size_t count)
{
	struct weir_memcached_op *ops[AT_ONCE];
	enum weir_status status;
	bool any = false;

	for (size_t i = 0; i < count; i++)
		ops[i] = weir_memcached_queue_get(walk->store, walk->node, names[i]);
	status = weir_memcached_exchange(walk->store);
	for (size_t i = 0; status == WEIR_OK && i < count && !walk->ended; i++) {
		const struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_DELETE, .name = names[i] };

		if (ops[i]->result == WEIR_MEMCACHED_FAILED)
			return weir_memcached_failure(walk->node);
		if (!visit_one(walk, ops[i]))
			continue;
		(void)weir_memcached_queue(walk->store, walk->node, &command);
		any = true;
	}
	return status == WEIR_OK && any ? weir_memcached_exchange(walk->store) : status;
}

static enum weir_status walk_list(struct walk *walk, struct weir_memcached_dump *dump)
{
	struct weir_slice names[AT_ONCE];
	enum weir_status status = WEIR_OK;

	while (status == WEIR_OK && !walk->ended) {
		enum weir_status visited = WEIR_OK;
		size_t count;

		status = find_batch(walk, dump, names, &count);
		weir_memcached_begin(walk->store);
		if (!walk->ended)
			visited = visit_batch(walk, names, count);
		weir_memcached_end(walk->store);
		if (visited != WEIR_OK)
			return visited;
	}
	if (status < 0)
		weir_log_warn(walk->store->log, "memcached: %s has not told all its names: it %s", walk->node->server->text,
			      dump->node.why);
	return status == WEIR_END ? WEIR_OK : status;
}

static enum weir_status walk_node(struct walk *walk, struct weir_memcached_node *node)
{
	struct weir_memcached_dump *dump = malloc(sizeof(*dump));
	enum weir_status status;

	if (!dump)
		return WEIR_ERR_MEMORY;
	walk->node = node;
	status = weir_memcached_dump_start(dump, &walk->store->options, node->server);
	if (status == WEIR_OK)
		status = walk_list(walk, dump);
	else
		weir_log_warn(walk->store->log, "memcached: %s does not tell its names: it %s", node->server->text, dump->node.why);
	weir_memcached_dump_finish(dump);
	free(dump);
	return status;
}

enum weir_status weir_memcached_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	struct walk walk = { .store = self, .prefix = prefix, .remove = remove, .visit = visit, .state = state };
	enum weir_status status = WEIR_OK;

	find_names(&walk);
	for (size_t i = 0; i < walk.store->node_count && status == WEIR_OK && !walk.ended; i++)
		if (!walk.store->nodes[i].out)
			status = walk_node(&walk, &walk.store->nodes[i]);
	return status;
}
