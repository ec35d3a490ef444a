/* SPDX-License-Identifier: Apache-2.0
 *
 * All servers at once: the loop that drives their connections until everything is answered or the time is up, and who is in service.
 *
 * In a ring, a server that fails in any way is out of service: operations on it fail at once, its names go to others, and a second later
 * it is asked for its version, on the side, while other exchanges go on, until it answers. So one that is frozen costs its time limit once,
 * and nothing when it is tried again. A server that is alone is never out: who calls sees its failures, and has a breaker of its own.
 */
#include <poll.h>
#include <stdlib.h>

#include "memcached.h"

#define RETRY_MS 1000

static int64_t machine_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

static int64_t store_ms(const struct weir_memcached *store)
{
	return weir_clock_monotonic_ms(store->clock);
}

static struct weir_memcached_limits limits_of(const struct weir_memcached *store)
{
	return (struct weir_memcached_limits){ store->options.connect_timeout_ms, store->options.read_timeout_ms };
}

/* -- Calls ----------------------------------------------------------------------------------------------------------------- */

static void update_ring(struct weir_memcached *store)
{
	bool in[WEIR_MEMCACHED_SERVERS_MAX];
	size_t count = 0, same = 0;

	for (size_t i = 0; i < store->node_count; i++) {
		in[i] = !store->nodes[i].out;
		same += in[i] && count < store->ring.count && store->ring.members[count] == i;
		count += in[i];
	}
	if (count != store->ring.count || same != count)
		(void)weir_memcached_ring_set(&store->ring, &store->options, in); /* without memory the old one has to do */
}

void weir_memcached_begin(struct weir_memcached *store)
{
	store->ops = NULL;
	store->deadline_ms = machine_ms() + store->options.total_timeout_ms;
	update_ring(store);
}

void weir_memcached_end(struct weir_memcached *store)
{
	for (struct weir_memcached_op *op = store->ops; op; op = op->next_all)
		free(op->data);
	store->ops = NULL;
	weir_pool_reset(store->pool);
}

struct weir_slice weir_memcached_name(struct weir_memcached *store, char kind, struct weir_slice key)
{
	size_t prefix = strlen(store->options.prefix), max = WEIR_MEMCACHED_NAME_MAX - prefix - 1;
	char *name = weir_pool_bytes(store->pool, WEIR_MEMCACHED_NAME_MAX + 1);

	if (!name)
		return WEIR_SLICE_NONE;
	memcpy(name, store->options.prefix, prefix);
	name[prefix] = kind;
	return weir_slice(name, prefix + 1 + weir_backend_name(key, max, name + prefix + 1));
}

struct weir_memcached_node *weir_memcached_node_of(struct weir_memcached *store, struct weir_slice name)
{
	return &store->nodes[weir_memcached_ring_find(&store->ring, name)];
}

struct weir_memcached_op *weir_memcached_queue(struct weir_memcached *store, struct weir_memcached_node *node,
					       const struct weir_memcached_command *command)
{
	struct weir_memcached_op *op = weir_pool_zalloc(store->pool, sizeof(*op));

	if (!op) {
		store->spare = (struct weir_memcached_op){ .result = WEIR_MEMCACHED_FAILED };
		return &store->spare;
	}
	op->command = *command;
	op->next_all = store->ops;
	store->ops = op;
	if (!node->out)
		weir_memcached_node_add(node, op);
	return op;
}

struct weir_memcached_op *weir_memcached_queue_get(struct weir_memcached *store, struct weir_memcached_node *node, struct weir_slice name)
{
	return weir_memcached_queue(store, node, &(struct weir_memcached_command){ .verb = WEIR_MEMCACHED_GET, .name = name });
}

enum weir_status weir_memcached_failure(const struct weir_memcached_node *node)
{
	return node->status < 0 ? node->status : WEIR_ERR_BACKEND;
}

/* -- In service and out ---------------------------------------------------------------------------------------------------- */

static void knock(struct weir_memcached *store, struct weir_memcached_node *node)
{
	struct weir_memcached_limits limits = limits_of(store);

	node->probe = (struct weir_memcached_op){ .command.verb = WEIR_MEMCACHED_VERSION };
	node->probing = true;
	weir_memcached_node_add(node, &node->probe);
	weir_memcached_node_begin(node, &limits, machine_ms());
}

/* A node that has just got through with what it had to do, or failed. */
static void settle(struct weir_memcached *store, struct weir_memcached_node *node)
{
	bool was_out = node->out;

	node->out = store->node_count > 1 && (node->status != WEIR_OK || (node->probing && node->probe.result != WEIR_MEMCACHED_YES));
	node->probing = false;
	if (node->out)
		node->retry_ms = store_ms(store) + RETRY_MS;
	if (node->out && !was_out)
		weir_log_warn(store->log, "memcached: %s is out of service: it %s", node->server->text, node->why);
	if (!node->out && was_out)
		weir_log_info(store->log, "memcached: %s is in service again", node->server->text);
}

/* Starts all that is queued, and knocks where it is time to. */
static void start(struct weir_memcached *store)
{
	struct weir_memcached_limits limits = limits_of(store);
	int64_t now_ms = store_ms(store);

	for (size_t i = 0; i < store->node_count; i++) {
		struct weir_memcached_node *node = &store->nodes[i];

		if (node->out && !node->probing && now_ms >= node->retry_ms)
			knock(store, node);
		else if (!node->out && weir_memcached_node_is_busy(node))
			weir_memcached_node_begin(node, &limits, machine_ms());
		else
			continue;
		if (!weir_memcached_node_is_busy(node))
			settle(store, node);
	}
}

/* The nodes that are busy go to `busy`; how long to wait for them, 0 when only those who knock are left. */
static int find_busy(struct weir_memcached *store, struct pollfd *polled, struct weir_memcached_node **busy, nfds_t *count)
{
	int64_t now_ms = machine_ms(), until_ms = 0;

	*count = 0;
	for (size_t i = 0; i < store->node_count; i++) {
		struct weir_memcached_node *node = &store->nodes[i];
		int64_t node_ms = node->until_ms < store->deadline_ms ? node->until_ms : store->deadline_ms;

		if (!weir_memcached_node_is_busy(node))
			continue;
		polled[*count] = (struct pollfd){ .fd = node->fd, .events = node->events };
		busy[(*count)++] = node;
		if (!node->probing && (until_ms == 0 || node_ms < until_ms))
			until_ms = node_ms;
	}
	return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static bool is_late(const struct weir_memcached *store, const struct weir_memcached_node *node, int64_t now_ms)
{
	return now_ms >= node->until_ms || (!node->probing && now_ms >= store->deadline_ms);
}

/* One round; false when nobody is left to wait for. */
static bool turn(struct weir_memcached *store, struct pollfd *polled, struct weir_memcached_node **busy)
{
	struct weir_memcached_limits limits = limits_of(store);
	nfds_t count;
	int wait_ms = find_busy(store, polled, busy, &count);
	bool waits = false;
	int64_t now_ms;

	(void)poll(polled, count, wait_ms); /* should it fail, the time limits end this */
	now_ms = machine_ms();
	for (nfds_t i = 0; i < count; i++) {
		if (polled[i].revents)
			weir_memcached_node_advance(busy[i], &limits, now_ms);
		if (weir_memcached_node_is_busy(busy[i]) && is_late(store, busy[i], now_ms))
			weir_memcached_node_fail(busy[i], WEIR_ERR_TIMEOUT, "does not answer in time");
		if (!weir_memcached_node_is_busy(busy[i]))
			settle(store, busy[i]);
		else
			waits = waits || !busy[i]->probing;
	}
	return waits;
}

/* What is queued when the time is up already, or without memory for all of it, has failed through no fault of its servers. */
static void give_up(struct weir_memcached *store)
{
	for (size_t i = 0; i < store->node_count; i++)
		if (!store->nodes[i].probing)
			weir_memcached_node_drop(&store->nodes[i]);
}

enum weir_status weir_memcached_exchange(struct weir_memcached *store)
{
	struct pollfd polled[WEIR_MEMCACHED_SERVERS_MAX];
	struct weir_memcached_node *busy[WEIR_MEMCACHED_SERVERS_MAX];

	if (weir_pool_overflowed(store->pool) || machine_ms() >= store->deadline_ms) {
		give_up(store);
		return weir_pool_overflowed(store->pool) ? WEIR_ERR_MEMORY : WEIR_ERR_TIMEOUT;
	}
	start(store);
	while (turn(store, polled, busy))
		;
	return WEIR_OK;
}
