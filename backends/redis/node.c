/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection by hiredis, which connects and parses, and around it our own waiting: hiredis's blocking calls know a timeout for each read,
 * but none for a whole call, and only one connection at a time.
 */
#include "node.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include <weir/clock.h>

/* hiredis reads so much at a time. After some chunks it is its turn to parse: it moves what is left to the front at each reply. */
#define CHUNK ((size_t)16 * 1024)
#define CHUNKS_MAX 8

/* What hiredis keeps of a buffer that has grown. Its own limit, a chunk, makes large replies dear. */
#define BUFFER_KEPT ((size_t)1024 * 1024)

/* How long a node is believed to be what it was. It must be too short for a master to be deposed and made master again. */
#define TENURE_MS 1000

/* Trouble that comes and goes is not logged more often, and who refuses some things and does others is not well before this is over. */
#define LOG_EVERY_MS 60000
#define CALM_MS 10000

#define BULK_DEFAULT (UINT64_C(512) * 1024 * 1024)

int64_t weir_redis_now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

void weir_redis_node_init(struct weir_redis_node *node, const struct weir_redis_setup *setup, const struct weir_redis_endpoint *endpoint)
{
	*node = (struct weir_redis_node){ .setup = setup, .endpoint = *endpoint };
}

static void disconnect(struct weir_redis_node *node)
{
	if (node->context)
		redisFree(node->context);
	node->context = NULL;
	node->owed = 0;
	node->sending = false;
	node->greeted = false;
	node->tenure_owed = false;
	node->tenure[0] = '\0';
}

void weir_redis_node_finish(struct weir_redis_node *node)
{
	disconnect(node);
}

void weir_redis_node_name(const struct weir_redis_node *node, char *name, size_t size)
{
	if (node->endpoint.port == 0)
		(void)snprintf(name, size, "%s", node->endpoint.host);
	else
		(void)snprintf(name, size, "%s:%u", node->endpoint.host, node->endpoint.port);
}

/* -- Trouble --------------------------------------------------------------------------------------------------------------- */

static void note(struct weir_redis_node *node, const char *trouble)
{
	if (trouble != node->trouble)
		(void)snprintf(node->trouble, sizeof(node->trouble), "%s", trouble);
}

static void warn(struct weir_redis_node *node)
{
	int64_t now_ms = weir_redis_now_ms();
	char name[300];

	if (node->logged || (node->logged_ms != 0 && now_ms - node->logged_ms < LOG_EVERY_MS))
		return;
	node->logged = true;
	node->logged_ms = now_ms;
	weir_redis_node_name(node, name, sizeof(name));
	weir_log_warn(node->setup->log, "redis %s: %s", name, node->trouble);
}

void weir_redis_node_fail(struct weir_redis_node *node, enum weir_status status, const char *trouble)
{
	node->failure = status;
	node->failed_ms = weir_redis_now_ms();
	note(node, trouble);
	warn(node);
	disconnect(node);
}

void weir_redis_node_complain(struct weir_redis_node *node, const char *trouble)
{
	node->refused_ms = weir_redis_now_ms();
	note(node, trouble);
	warn(node);
}

void weir_redis_node_praise(struct weir_redis_node *node)
{
	char name[300];

	if (!node->context)
		return;
	node->failure = WEIR_OK;
	if (node->refused_ms != 0 && weir_redis_now_ms() - node->refused_ms < CALM_MS)
		return;
	node->refused_ms = 0;
	node->trouble[0] = '\0';
	if (!node->logged)
		return;
	node->logged = false;
	weir_redis_node_name(node, name, sizeof(name));
	weir_log_info(node->setup->log, "redis %s: answers again", name);
}

/* With what hiredis says: words of its own and of the C library. A connection that had worked may have been closed for being idle, or by a
 * restart: that is no trouble worth a line, unless the next one is not to be had. */
static void fail_broken(struct weir_redis_node *node, const redisContext *context)
{
	const char *words = context && context->errstr[0] != '\0' ? context->errstr : "out of memory";
	char trouble[sizeof(node->trouble)];

	(void)snprintf(trouble, sizeof(trouble), "%s", words);
	if (!node->greeted) {
		weir_redis_node_fail(node, context ? WEIR_ERR_IO : WEIR_ERR_MEMORY, trouble);
		return;
	}
	node->failure = WEIR_ERR_IO;
	note(node, trouble);
	disconnect(node);
}

/* -- Connecting ------------------------------------------------------------------------------------------------------------ */

static struct timeval as_timeval(int64_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* hiredis has no call that makes a connection non-blocking after it was made with a timeout; this is what its other calls do. */
static bool stop_blocking(redisContext *context)
{
	int flags = fcntl(context->fd, F_GETFL), on = 1;

	if (flags < 0 || fcntl(context->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return false;
	context->flags &= ~REDIS_BLOCK;
	context->reader->maxbuf = BUFFER_KEPT;
	(void)setsockopt(context->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

static enum weir_status connect_node(struct weir_redis_node *node, int64_t deadline_ms)
{
	int64_t now_ms = weir_redis_now_ms(), until_ms = smaller(now_ms + node->setup->options.connect_timeout_ms, deadline_ms);
	const struct weir_redis_tls *tls = node->setup->tls;
	const char *host = node->endpoint.host;
	redisContext *context;

	if (until_ms <= now_ms)
		return WEIR_ERR_TIMEOUT;
	if (node->endpoint.port == 0)
		context = redisConnectUnixWithTimeout(host, as_timeval(until_ms - now_ms));
	else
		context = redisConnectWithTimeout(host, (int)node->endpoint.port, as_timeval(until_ms - now_ms));
	node->context = context;
	if (!context || context->err || !stop_blocking(context) || (tls && !weir_redis_tls_begin(tls, context, host, until_ms))) {
		fail_broken(node, context);
		return node->failure;
	}
	return WEIR_OK;
}

/* The commands of a handshake, each with what is to be done with its reply. False: the node is not fit for use, `trouble` says why. */
static bool greet(struct weir_redis_node *node, const char *what, const redisReply *reply, const char **trouble)
{
	struct weir_redis_verdict verdict;

	weir_redis_judge(reply, &verdict);
	*trouble = verdict.complaint;
	if (strcmp(what, "CONFIG") == 0) {
		node->bulk_max = weir_redis_parse_config(reply, BULK_DEFAULT);
		return true;
	}
	if (verdict.kind != WEIR_REDIS_ANSWER)
		return false;
	*trouble = "does not tell its replication id: not Redis 4 or newer";
	return strcmp(what, "INFO") != 0 || weir_redis_parse_tenure(reply, node->tenure);
}

/* Queues the handshake; returns the first words of its commands. */
static size_t append_greetings(struct weir_redis_node *node, const char *whats[4])
{
	const struct weir_redis_options *options = &node->setup->options;
	size_t count = 0;

	if (options->password[0] != '\0') {
		if (options->user[0] != '\0')
			(void)redisAppendCommand(node->context, "AUTH %s %s", options->user, options->password);
		else
			(void)redisAppendCommand(node->context, "AUTH %s", options->password);
		whats[count++] = "AUTH";
	}
	if (options->db != 0) {
		(void)redisAppendCommand(node->context, "SELECT %u", options->db);
		whats[count++] = "SELECT";
	}
	(void)redisAppendCommand(node->context, "INFO replication");
	whats[count++] = "INFO";
	(void)redisAppendCommand(node->context, "CONFIG GET proto-max-bulk-len");
	whats[count++] = "CONFIG";
	for (size_t i = 0; i < count; i++)
		weir_redis_node_expect(node);
	return count;
}

static enum weir_status shake_hands(struct weir_redis_node *node, int64_t deadline_ms)
{
	const char *whats[4], *trouble;
	size_t count = append_greetings(node, whats);

	node->tenure_ms = weir_redis_now_ms();
	for (size_t i = 0; i < count; i++) {
		redisReply *reply = weir_redis_node_wait(node, deadline_ms);
		bool fit = reply && greet(node, whats[i], reply, &trouble);

		freeReplyObject(reply);
		if (reply && !fit)
			weir_redis_node_fail(node, WEIR_ERR_BACKEND, trouble);
		if (!fit)
			return node->failure;
	}
	node->greeted = true;
	return WEIR_OK;
}

enum weir_status weir_redis_node_ready(struct weir_redis_node *node, int64_t deadline_ms)
{
	enum weir_status status;

	if (node->context)
		return WEIR_OK;
	if (node->failure != WEIR_OK && weir_redis_now_ms() - node->failed_ms < node->rest_ms)
		return node->failure;
	status = connect_node(node, deadline_ms);
	return status == WEIR_OK ? shake_hands(node, deadline_ms) : status;
}

/* -- Sending and receiving ------------------------------------------------------------------------------------------------- */

void weir_redis_node_expect(struct weir_redis_node *node)
{
	if (node->owed == 0)
		node->heard_ms = 0;
	node->owed++;
	node->sending = true;
}

void weir_redis_node_append(struct weir_redis_node *node, struct weir_slice bytes)
{
	if (redisAppendFormattedCommand(node->context, bytes.data, bytes.len) != REDIS_OK)
		node->context->err = REDIS_ERR_OOM;
}

void weir_redis_node_refresh_tenure(struct weir_redis_node *node)
{
	int64_t now_ms = weir_redis_now_ms();

	if (node->tenure_owed || (node->tenure[0] != '\0' && now_ms - node->tenure_ms < TENURE_MS))
		return;
	weir_redis_node_append(node, WEIR_SLICE_LITERAL("*2\r\n$4\r\nINFO\r\n$11\r\nreplication\r\n"));
	weir_redis_node_expect(node);
	node->tenure_owed = true;
	node->tenure_ms = now_ms;
}

/* One read may leave more than it took. */
static bool receive(redisContext *context)
{
	size_t before, chunks = 0;

	do {
		before = context->reader->len;
		if (redisBufferRead(context) != REDIS_OK)
			return false;
	} while (context->reader->len - before == CHUNK && ++chunks < CHUNKS_MAX);
	return true;
}

static bool exchange(struct weir_redis_node *node, short events)
{
	int all_sent = 0;

	if (node->context->err)
		return false;
	if (node->sending) {
		if (redisBufferWrite(node->context, &all_sent) != REDIS_OK)
			return false;
		node->sending = !all_sent;
	}
	if (!(events & ~POLLOUT))
		return true;
	node->heard_ms = weir_redis_now_ms();
	return receive(node->context);
}

/* How long to wait for it; negative: too long already. */
static int64_t patience_ms(const struct weir_redis_node *node, int64_t deadline_ms, int64_t now_ms)
{
	return smaller(node->heard_ms + node->setup->options.read_timeout_ms, deadline_ms) - now_ms;
}

void weir_redis_nodes_step(struct weir_redis_node *const *nodes, size_t count, int64_t deadline_ms)
{
	struct weir_redis_node *waiting[WEIR_REDIS_NODES_MAX];
	struct pollfd polls[WEIR_REDIS_NODES_MAX];
	int64_t now_ms = weir_redis_now_ms(), wait_ms = INT32_MAX;
	nfds_t many = 0;

	for (size_t i = 0; i < count && many < WEIR_REDIS_NODES_MAX; i++) {
		struct weir_redis_node *node = nodes[i];

		if (node->owed == 0)
			continue;
		if (node->heard_ms == 0)
			node->heard_ms = now_ms;
		if (node->sending && !exchange(node, POLLOUT)) {
			fail_broken(node, node->context);
			continue;
		}
		waiting[many] = node;
		polls[many++] = (struct pollfd){ .fd = node->context->fd, .events = node->sending ? POLLIN | POLLOUT : POLLIN };
		wait_ms = smaller(wait_ms, patience_ms(node, deadline_ms, now_ms));
	}
	if (many == 0)
		return;
	/* When it fails, for a signal, say, nothing has come. */
	(void)poll(polls, many, wait_ms > 0 ? (int)wait_ms : 0);
	now_ms = weir_redis_now_ms();
	for (nfds_t i = 0; i < many; i++) {
		if (polls[i].revents && !exchange(waiting[i], polls[i].revents))
			fail_broken(waiting[i], waiting[i]->context);
		else if (now_ms >= deadline_ms || (!polls[i].revents && patience_ms(waiting[i], deadline_ms, now_ms) <= 0))
			weir_redis_node_fail(waiting[i], WEIR_ERR_TIMEOUT, "does not answer in time");
	}
}

/* hiredis makes the reply, and says when what has come is none. */
static redisReply *parse(struct weir_redis_node *node)
{
	void *reply = NULL;

	if (node->owed == 0)
		return NULL;
	if (redisReaderGetReply(node->context->reader, &reply) != REDIS_OK) {
		weir_redis_node_fail(node, WEIR_ERR_BACKEND, "answers with what is not Redis's protocol");
		return NULL;
	}
	node->owed -= reply != NULL;
	return reply;
}

redisReply *weir_redis_node_take(struct weir_redis_node *node)
{
	redisReply *reply = parse(node);

	if (!reply || !node->tenure_owed)
		return reply;
	node->tenure_owed = false;
	(void)weir_redis_parse_tenure(reply, node->tenure);
	freeReplyObject(reply);
	return parse(node);
}

redisReply *weir_redis_node_wait(struct weir_redis_node *node, int64_t deadline_ms)
{
	redisReply *reply = weir_redis_node_take(node);

	while (!reply && node->owed > 0) {
		weir_redis_nodes_step(&node, 1, deadline_ms);
		reply = weir_redis_node_take(node);
	}
	return reply;
}
