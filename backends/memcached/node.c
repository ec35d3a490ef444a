/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection as a machine that never waits: connect, send, take in answers, each as far as the socket lets it.
 */
#include "node.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* So much is put into the output at a time, and so many names go into one line. */
#define OUTPUT_CHUNK ((size_t)64 * 1024)
#define LINE_NAMES 32

void weir_memcached_node_init(struct weir_memcached_node *node, const struct weir_memcached_server *server)
{
	*node = (struct weir_memcached_node){ .server = server, .fd = -1 };
	weir_buffer_init(&node->output, 0);
}

static void disconnect(struct weir_memcached_node *node)
{
	if (node->fd >= 0)
		(void)close(node->fd);
	node->fd = -1;
	node->connecting = false;
	node->reused = false;
	weir_buffer_clear(&node->output);
	node->sent = 0;
	node->input_start = node->input_end = 0;
	node->filling = NULL;
}

void weir_memcached_node_finish(struct weir_memcached_node *node)
{
	disconnect(node);
	weir_memcached_forget_addresses(node);
	weir_buffer_finish(&node->output);
}

void weir_memcached_node_add(struct weir_memcached_node *node, struct weir_memcached_op *op)
{
	op->next = NULL;
	if (node->last)
		node->last->next = op;
	else
		node->first = op;
	node->last = op;
}

void weir_memcached_node_drop(struct weir_memcached_node *node)
{
	node->first = node->last = node->to_send = node->to_answer = NULL;
}

void weir_memcached_node_fail(struct weir_memcached_node *node, enum weir_status status, const char *why)
{
	if (why != node->why)
		(void)snprintf(node->why, sizeof(node->why), "%s", why);
	node->status = status;
	disconnect(node);
	weir_memcached_forget_addresses(node);
	weir_memcached_node_drop(node);
}

/* -- Connecting ------------------------------------------------------------------------------------------------------------ */

/* On the next address; false when there is none. */
static bool start_connecting(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms)
{
	disconnect(node);
	node->fd = weir_memcached_connect(node);
	if (node->fd < 0) {
		weir_memcached_node_fail(node, WEIR_ERR_IO, node->why);
		return false;
	}
	node->connecting = true;
	node->events = POLLOUT;
	node->until_ms = now_ms + limits->connect_timeout_ms;
	node->to_send = node->to_answer = node->first;
	return true;
}

void weir_memcached_node_begin(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms)
{
	node->status = WEIR_OK;
	node->to_send = node->to_answer = node->first;
	node->reused = node->fd >= 0;
	node->until_ms = now_ms + limits->read_timeout_ms;
	if (node->fd >= 0 || start_connecting(node, limits, now_ms))
		weir_memcached_node_advance(node, limits, now_ms);
}

/* False while it is not connected. */
static bool finish_connecting(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms)
{
	struct pollfd ready = { .fd = node->fd, .events = POLLOUT };
	int error = 0;
	socklen_t len = sizeof(error);

	if (poll(&ready, 1, 0) <= 0)
		return false;
	if (getsockopt(node->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0) {
		node->connecting = false;
		node->until_ms = now_ms + limits->read_timeout_ms;
		weir_memcached_forget_addresses(node);
		return true;
	}
	(void)snprintf(node->why, sizeof(node->why), "cannot be reached: %s", strerror(error));
	if (node->address)
		(void)start_connecting(node, limits, now_ms);
	else
		weir_memcached_node_fail(node, WEIR_ERR_IO, node->why);
	return false;
}

static bool has_to_wait(ssize_t done)
{
	return done < 0 && (errno == EAGAIN || errno == EINTR);
}

/* The socket failed, or the server closed it. */
static void lose(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms, const char *why)
{
	if (node->reused) {
		(void)start_connecting(node, limits, now_ms);
		return;
	}
	(void)snprintf(node->why, sizeof(node->why), "broke off: %s", why);
	weir_memcached_node_fail(node, WEIR_ERR_IO, node->why);
}

/* -- Sending --------------------------------------------------------------------------------------------------------------- */

static struct weir_memcached_op *write_gets(struct weir_buffer *out, struct weir_memcached_op *op)
{
	struct weir_memcached_op *last = op;

	weir_buffer_append_text(out, "gets");
	for (int i = 0; i < LINE_NAMES && op && op->command.verb == WEIR_MEMCACHED_GET; i++, op = op->next) {
		weir_buffer_append_byte(out, ' ');
		weir_buffer_append_slice(out, op->command.name);
		op->ends_line = false;
		last = op;
	}
	last->ends_line = true;
	weir_buffer_append_text(out, "\r\n");
	return op;
}

static void fill_output(struct weir_memcached_node *node)
{
	weir_buffer_clear(&node->output);
	node->sent = 0;
	while (node->to_send && node->output.len < OUTPUT_CHUNK) {
		struct weir_memcached_op *op = node->to_send;

		if (op->command.verb == WEIR_MEMCACHED_GET) {
			node->to_send = write_gets(&node->output, op);
			continue;
		}
		weir_memcached_command_write(&node->output, &op->command);
		node->to_send = op->next;
	}
}

/* False when the connection was lost. */
static bool send_output(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms)
{
	while (node->sent < node->output.len || node->to_send) {
		ssize_t sent;

		if (node->sent == node->output.len)
			fill_output(node);
		if (node->output.overflowed) {
			weir_memcached_node_fail(node, WEIR_ERR_MEMORY, "out of memory");
			return false;
		}
		sent = send(node->fd, node->output.data + node->sent, node->output.len - node->sent, MSG_NOSIGNAL);
		if (has_to_wait(sent))
			break;
		if (sent < 0) {
			lose(node, limits, now_ms, strerror(errno));
			return false;
		}
		node->sent += (size_t)sent;
		node->until_ms = now_ms + limits->read_timeout_ms;
	}
	node->events = POLLIN;
	if (node->sent < node->output.len)
		node->events |= POLLOUT;
	return true;
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

/* The operation that the next line is for; NULL when none is due. */
static struct weir_memcached_op *next_to_answer(struct weir_memcached_node *node)
{
	while (node->to_answer != node->to_send && node->to_answer->command.quiet)
		node->to_answer = node->to_answer->next;
	return node->to_answer != node->to_send ? node->to_answer : NULL;
}

/* Names that were asked for in the same line, and passed over, are not there. False when `name` was not asked for. */
static bool take_value(struct weir_memcached_node *node, struct weir_memcached_op *op, const struct weir_memcached_line *line)
{
	while (!weir_slice_equal(op->command.name, line->name)) {
		if (op->ends_line)
			return false;
		op->result = WEIR_MEMCACHED_NO;
		op = op->next;
	}
	op->data = malloc(line->len + 2);
	op->len = line->len;
	op->flags = line->flags;
	op->number = line->number;
	node->to_answer = op;
	node->filling = op;
	node->filled = 0;
	return op->data;
}

static void end_gets(struct weir_memcached_node *node, struct weir_memcached_op *op, enum weir_memcached_result result)
{
	for (; !op->ends_line; op = op->next)
		if (op->result == WEIR_MEMCACHED_FAILED)
			op->result = result;
	if (op->result == WEIR_MEMCACHED_FAILED)
		op->result = result;
	node->to_answer = op->next;
}

/* After a value the operation stays `to_answer`, with its result: END may follow, or the value of another one. */
static bool take_get_line(struct weir_memcached_node *node, struct weir_memcached_op *op, const struct weir_memcached_line *line)
{
	if (line->answer == WEIR_MEMCACHED_ANSWER_END) {
		end_gets(node, op, WEIR_MEMCACHED_NO);
		return true;
	}
	if (line->answer == WEIR_MEMCACHED_ANSWER_ERROR) {
		end_gets(node, op, WEIR_MEMCACHED_REFUSED);
		return true;
	}
	if (line->answer != WEIR_MEMCACHED_ANSWER_VALUE)
		return false;
	if (op->result == WEIR_MEMCACHED_FAILED)
		return take_value(node, op, line);
	return !op->ends_line && take_value(node, op->next, line);
}

/* False when such an operation is never answered so. */
static bool judge(enum weir_memcached_verb verb, enum weir_memcached_answer answer, enum weir_memcached_result *result)
{
	switch (answer) {
	case WEIR_MEMCACHED_ANSWER_YES:
		*result = WEIR_MEMCACHED_YES;
		return verb != WEIR_MEMCACHED_INCREMENT;
	case WEIR_MEMCACHED_ANSWER_NUMBER:
		*result = WEIR_MEMCACHED_YES;
		return verb == WEIR_MEMCACHED_INCREMENT;
	case WEIR_MEMCACHED_ANSWER_NO:
		*result = WEIR_MEMCACHED_NO;
		return verb != WEIR_MEMCACHED_VERSION;
	case WEIR_MEMCACHED_ANSWER_TOO_LARGE:
		*result = WEIR_MEMCACHED_TOO_LARGE;
		return true;
	case WEIR_MEMCACHED_ANSWER_ERROR:
		*result = WEIR_MEMCACHED_REFUSED;
		return true;
	case WEIR_MEMCACHED_ANSWER_WRONG: /* of a number that is none; otherwise what follows would be anybody's guess */
		*result = WEIR_MEMCACHED_REFUSED;
		return verb == WEIR_MEMCACHED_INCREMENT;
	case WEIR_MEMCACHED_ANSWER_VALUE:
	case WEIR_MEMCACHED_ANSWER_END:
	case WEIR_MEMCACHED_ANSWER_UNKNOWN:
		break;
	}
	return false;
}

/* False when it is no answer to what was asked. */
static bool take_line(struct weir_memcached_node *node, struct weir_slice text)
{
	struct weir_memcached_op *op = next_to_answer(node);
	struct weir_memcached_line line;
	enum weir_memcached_result result;

	weir_memcached_line_parse(text, &line);
	if (!op)
		return false;
	if (op->command.verb == WEIR_MEMCACHED_GET)
		return take_get_line(node, op, &line);
	if (!judge(op->command.verb, line.answer, &result))
		return false;
	op->result = result;
	op->number = line.number;
	node->to_answer = op->next;
	return true;
}

/* The bytes of a value that have come, up to its end. False when it does not end as it should. */
static bool take_data(struct weir_memcached_node *node)
{
	struct weir_memcached_op *op = node->filling;
	size_t wanted = op->len + 2 - node->filled, there = node->input_end - node->input_start;

	if (there > wanted)
		there = wanted;
	memcpy(op->data + node->filled, node->input + node->input_start, there);
	node->input_start += there;
	node->filled += there;
	if (there < wanted)
		return true;
	node->filling = NULL;
	op->result = WEIR_MEMCACHED_YES;
	return memcmp(op->data + op->len, "\r\n", 2) == 0;
}

static bool take_input(struct weir_memcached_node *node)
{
	while (node->input_start < node->input_end) {
		char *start = node->input + node->input_start, *end;

		if (node->filling) {
			if (!take_data(node))
				return false;
			continue;
		}
		end = memchr(start, '\n', node->input_end - node->input_start);
		if (!end)
			return node->input_end - node->input_start <= WEIR_MEMCACHED_LINE_MAX;
		if (end == start || end[-1] != '\r' || !take_line(node, weir_slice(start, (size_t)(end - start) - 1)))
			return false;
		node->input_start = (size_t)(end - node->input) + 1;
	}
	return true;
}

/* Into the value that is being read, or into `input`, which is empty or holds the beginning of a line. */
static ssize_t receive(struct weir_memcached_node *node)
{
	struct weir_memcached_op *op = node->filling;
	size_t kept = node->input_end - node->input_start;
	ssize_t got;

	if (op && kept == 0 && op->len > node->filled) {
		got = recv(node->fd, op->data + node->filled, op->len - node->filled, 0);
		node->filled += got > 0 ? (size_t)got : 0;
		return got;
	}
	memmove(node->input, node->input + node->input_start, kept);
	node->input_start = 0;
	node->input_end = kept;
	got = recv(node->fd, node->input + kept, sizeof(node->input) - kept, 0);
	node->input_end += got > 0 ? (size_t)got : 0;
	return got;
}

/* Who answers nonsense may have answered nonsense before. */
static void void_answers(struct weir_memcached_node *node)
{
	for (struct weir_memcached_op *op = node->first; op; op = op->next)
		op->result = WEIR_MEMCACHED_FAILED;
}

/* False when the connection was lost. */
static bool take_answers(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms)
{
	while (next_to_answer(node)) {
		ssize_t got = receive(node);

		if (has_to_wait(got))
			return true;
		if (got <= 0) {
			lose(node, limits, now_ms, got < 0 ? strerror(errno) : "connection closed");
			return false;
		}
		node->reused = false;
		node->until_ms = now_ms + limits->read_timeout_ms;
		if (!take_input(node)) {
			void_answers(node);
			weir_memcached_node_fail(node, WEIR_ERR_BACKEND, "answers what is not memcached's protocol");
			return false;
		}
	}
	return true;
}

void weir_memcached_node_advance(struct weir_memcached_node *node, const struct weir_memcached_limits *limits, int64_t now_ms)
{
	if (node->connecting && !finish_connecting(node, limits, now_ms))
		return;
	if (!send_output(node, limits, now_ms) || !take_answers(node, limits, now_ms))
		return;
	if (node->to_send || node->sent < node->output.len || next_to_answer(node))
		return;
	weir_memcached_node_drop(node);
	if (node->input_start < node->input_end) /* more answers than questions: the next would be taken for another's */
		disconnect(node);
}
