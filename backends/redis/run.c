/* SPDX-License-Identifier: Apache-2.0
 *
 * A batch on its way: rounds of routing, sending and receiving, and looking at what came back, until nothing is left to be sent again.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "redis.h"

/* More redirections than any real move needs: nodes that disagree may go on for ever. */
#define ROUNDS_MAX 16

/* While the keys of one command are on their way from one node to another. */
#define TRYAGAIN_MS 5

/* What a replica would put into a record: nobody's. */
#define NO_TENURE "0000000000000000"

struct run {
	struct weir_redis *redis;
	struct weir_redis_batch *batch;
	int64_t deadline_ms;
	struct weir_redis_node *nodes[WEIR_REDIS_NODES_MAX]; /* that commands were sent to in this round */
	size_t cursors[WEIR_REDIS_NODES_MAX];                /* the command of each whose reply is next, or before it */
	size_t count;
	bool wait; /* a moment, before the next round: TRYAGAIN */
};

static void finish(struct weir_redis_command *command, enum weir_status status)
{
	command->progress = WEIR_REDIS_DONE;
	command->status = status;
	if (status == WEIR_OK)
		return;
	freeReplyObject(command->reply);
	command->reply = NULL;
}

/* To be sent again, somewhere. */
static void again(struct weir_redis_command *command)
{
	command->progress = WEIR_REDIS_PENDING;
	freeReplyObject(command->reply);
	command->reply = NULL;
}

/* -- Sending --------------------------------------------------------------------------------------------------------------- */

static bool join(struct run *run, struct weir_redis_node *node)
{
	for (size_t i = 0; i < run->count; i++)
		if (run->nodes[i] == node)
			return true;
	if (run->count == WEIR_REDIS_NODES_MAX)
		return false;
	run->nodes[run->count] = node;
	run->cursors[run->count++] = 0;
	weir_redis_node_refresh_tenure(node);
	return true;
}

/* The beginning of a call of a script. */
static void append_call(struct weir_redis_node *node, const struct weir_redis_command *command)
{
	const char *by = command->by_text ? "EVAL" : "EVALSHA";
	const char *what = command->by_text ? command->script->text : command->script->sha;
	char head[64];
	int len = snprintf(head, sizeof(head), "*%u\r\n$%zu\r\n%s\r\n$%zu\r\n", command->words, strlen(by), by, strlen(what));

	weir_redis_node_append(node, weir_slice(head, (size_t)len));
	weir_redis_node_append(node, weir_slice_text(what));
	weir_redis_node_append(node, WEIR_SLICE_LITERAL("\r\n"));
}

static void append(const struct run *run, struct weir_redis_command *command, struct weir_redis_node *node)
{
	char *bytes = run->batch->bytes.data + command->offset;

	if (command->asking) {
		weir_redis_node_append(node, WEIR_SLICE_LITERAL("*1\r\n$6\r\nASKING\r\n"));
		weir_redis_node_expect(node);
	}
	if (command->tenure_at > 0)
		memcpy(bytes + command->tenure_at, node->tenure[0] != '\0' ? node->tenure : NO_TENURE, WEIR_REDIS_TENURE_LEN);
	if (command->script)
		append_call(node, command);
	weir_redis_node_append(node, weir_slice(bytes, command->len));
	weir_redis_node_expect(node);
	command->node = node;
	command->progress = WEIR_REDIS_SENT;
}

static struct weir_redis_node *choose(const struct run *run, const struct weir_redis_command *command)
{
	if (command->asking)
		return command->node;
	return command->prefer ? command->prefer : weir_redis_map_node(&run->redis->map, command->slot);
}

/* The node does not come up: there may be another, now or when the map is known better. */
static void reroute(struct run *run, struct weir_redis_command *command, enum weir_status status)
{
	bool others = command->prefer ? !command->only_preferred : run->redis->map.slots && !command->lost;

	if (!others) {
		finish(command, status);
		return;
	}
	command->lost = command->lost || !command->prefer;
	command->prefer = NULL;
	command->asking = false;
	run->redis->map.stale = run->redis->map.slots != NULL;
}

static void send_one(struct run *run, struct weir_redis_command *command)
{
	struct weir_redis_node *node = choose(run, command);
	enum weir_status status = weir_redis_node_ready(node, run->deadline_ms);

	if (status != WEIR_OK)
		reroute(run, command, status);
	else if (command->len > node->bulk_max)
		finish(command, WEIR_ERR_LIMIT);
	else if (join(run, node))
		append(run, command, node);
	else
		finish(command, WEIR_ERR_BACKEND);
}

/* False when there is nothing left to be done. */
static bool send_all(struct run *run)
{
	bool any = false;

	run->count = 0;
	run->wait = false;
	weir_redis_map_refresh(&run->redis->map, run->deadline_ms);
	for (size_t i = 0; i < run->batch->count; i++) {
		struct weir_redis_command *command = &run->batch->commands[i];

		if (command->progress == WEIR_REDIS_PENDING)
			send_one(run, command);
		any = any || command->progress != WEIR_REDIS_DONE;
	}
	return any;
}

/* -- Receiving ------------------------------------------------------------------------------------------------------------- */

/* The node's replies come in the order of its commands; an ASKING has one of its own. */
static bool deliver(struct run *run, size_t at)
{
	struct weir_redis_node *node = run->nodes[at];
	redisReply *reply = weir_redis_node_take(node);
	size_t *next = &run->cursors[at];

	if (!reply)
		return false;
	while (*next < run->batch->count && (run->batch->commands[*next].node != node || run->batch->commands[*next].reply ||
					     run->batch->commands[*next].progress != WEIR_REDIS_SENT))
		(*next)++;
	if (*next == run->batch->count || run->batch->commands[*next].asking) {
		freeReplyObject(reply);
		if (*next < run->batch->count)
			run->batch->commands[*next].asking = false;
		return true;
	}
	run->batch->commands[*next].reply = reply;
	return true;
}

static void receive_all(struct run *run)
{
	bool owed = true;

	while (owed) {
		owed = false;
		weir_redis_nodes_step(run->nodes, run->count, run->deadline_ms);
		for (size_t i = 0; i < run->count; i++) {
			while (deliver(run, i))
				;
			owed = owed || run->nodes[i]->owed > 0;
		}
	}
}

/* -- What came back -------------------------------------------------------------------------------------------------------- */

static void redirect(struct run *run, struct weir_redis_command *command, const struct weir_redis_verdict *verdict)
{
	struct weir_redis_map *map = &run->redis->map;
	struct weir_redis_node *node = map->slots ? weir_redis_map_find(map, &verdict->endpoint, command->node) : NULL;

	if (!node) {
		weir_redis_node_complain(command->node,
					 map->slots ? "the cluster has too many nodes" : "is part of a cluster: use redis+cluster:");
		finish(command, WEIR_ERR_BACKEND);
		return;
	}
	again(command);
	command->prefer = NULL;
	command->asking = verdict->kind == WEIR_REDIS_ASK;
	if (command->asking)
		command->node = node;
	else
		weir_redis_map_move(map, verdict->slot, node);
}

static void settle_refused(struct run *run, struct weir_redis_command *command, const struct weir_redis_verdict *verdict)
{
	weir_redis_node_complain(command->node, verdict->complaint);
	if (verdict->elsewhere) {
		run->redis->map.stale = run->redis->map.slots != NULL;
		weir_redis_node_fail(command->node, WEIR_ERR_BACKEND, verdict->complaint);
	}
	finish(command, verdict->full && command->tenure_at > 0 ? WEIR_ERR_LIMIT : WEIR_ERR_BACKEND);
}

/* The connection broke, or was silent, before the reply came. */
static void settle_lost(struct run *run, struct weir_redis_command *command)
{
	enum weir_status status = command->node->failure;
	bool spare = command->prefer && !command->only_preferred;

	run->redis->map.stale = run->redis->map.slots != NULL;
	command->asking = false;
	if (spare || (status == WEIR_ERR_IO && !command->lost)) {
		command->lost = command->lost || !spare;
		if (spare)
			command->prefer = NULL;
		again(command);
		return;
	}
	finish(command, status != WEIR_OK ? status : WEIR_ERR_IO);
}

static void settle(struct run *run, struct weir_redis_command *command)
{
	struct weir_redis_verdict verdict;

	if (!command->reply) {
		settle_lost(run, command);
		return;
	}
	weir_redis_judge(command->reply, &verdict);
	switch (verdict.kind) {
	case WEIR_REDIS_ANSWER:
		weir_redis_node_praise(command->node);
		finish(command, WEIR_OK);
		return;
	case WEIR_REDIS_ALIEN:
		finish(command, WEIR_MISS);
		return;
	case WEIR_REDIS_TRYAGAIN:
		run->wait = true;
		again(command);
		return;
	case WEIR_REDIS_NOSCRIPT:
		command->by_text = true;
		again(command);
		return;
	case WEIR_REDIS_MOVED:
	case WEIR_REDIS_ASK:
		redirect(run, command, &verdict);
		return;
	case WEIR_REDIS_REFUSED:
		settle_refused(run, command, &verdict);
		return;
	}
}

static void settle_all(struct run *run)
{
	for (size_t i = 0; i < run->batch->count; i++)
		if (run->batch->commands[i].progress == WEIR_REDIS_SENT)
			settle(run, &run->batch->commands[i]);
}

static void give_up(struct run *run)
{
	for (size_t i = 0; i < run->batch->count; i++)
		if (run->batch->commands[i].progress != WEIR_REDIS_DONE)
			finish(&run->batch->commands[i], WEIR_ERR_TIMEOUT);
}

static void go(struct run *run)
{
	for (int round = 0; round < ROUNDS_MAX && weir_redis_now_ms() < run->deadline_ms && send_all(run); round++) {
		receive_all(run);
		settle_all(run);
		if (run->wait)
			(void)poll(NULL, 0, TRYAGAIN_MS);
	}
	give_up(run);
}

void weir_redis_begin(struct weir_redis *redis)
{
	weir_redis_batch_clear(&redis->batch);
	redis->deadline_ms = weir_redis_now_ms() + redis->setup.options.total_timeout_ms;
}

enum weir_status weir_redis_run(struct weir_redis *redis, struct weir_redis_batch *batch)
{
	struct run run = { .redis = redis, .batch = batch, .deadline_ms = redis->deadline_ms };
	sigset_t pipe, before, pending;

	if (batch->failed || batch->bytes.overflowed)
		return WEIR_ERR_MEMORY;
	/* hiredis writes without MSG_NOSIGNAL. */
	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)pthread_sigmask(SIG_BLOCK, &pipe, &before);
	go(&run);
	if (!sigismember(&before, SIGPIPE)) {
		while (sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE))
			(void)sigtimedwait(&pipe, NULL, &(struct timespec){ 0, 0 });
		(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	return WEIR_OK;
}

enum weir_status weir_redis_first_failure(const struct weir_redis_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		if (batch->commands[i].status < 0)
			return batch->commands[i].status;
	return WEIR_OK;
}
