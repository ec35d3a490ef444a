/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the list as it comes. It waits for each piece up to the read time limit, and there is no limit for the whole: it is as long as the
 * server is full, and much of it may be others'. So whoever reads it is asked after each piece.
 */
#include "dump.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define COMMAND "lru_crawler metadump all\r\n"
#define ASK_AGAIN_MS 10

static int hex(char digit)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = digit ? strchr(digits, digit | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "%XX" stands for a byte. False when it is too long, or broken. */
static bool decode(struct weir_slice text, char *name, size_t *len)
{
	*len = 0;
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.data[i];

		if (*len == WEIR_MEMCACHED_NAME_MAX)
			return false;
		if (byte == '%') {
			int high = i + 2 < text.len ? hex(text.data[i + 1]) : -1, low = i + 2 < text.len ? hex(text.data[i + 2]) : -1;

			if (high < 0 || low < 0)
				return false;
			byte = (char)(high * 16 + low);
			i += 2;
		}
		name[(*len)++] = byte;
	}
	return *len > 0;
}

enum weir_memcached_dump_line weir_memcached_dump_parse(struct weir_slice line, char *name, size_t *len)
{
	struct weir_slice key = WEIR_SLICE_LITERAL("key="), rest = line, first;

	if (weir_slice_equal(line, WEIR_SLICE_LITERAL("END")))
		return WEIR_MEMCACHED_DUMP_END;
	if (weir_slice_starts_with(line, WEIR_SLICE_LITERAL("BUSY")))
		return WEIR_MEMCACHED_DUMP_BUSY;
	if (!weir_slice_starts_with(line, key))
		return WEIR_MEMCACHED_DUMP_OTHER;
	first = weir_slice_cut(&rest, ' ');
	return decode(weir_slice_from(first, key.len), name, len) ? WEIR_MEMCACHED_DUMP_NAME : WEIR_MEMCACHED_DUMP_OTHER;
}

static enum weir_status failed(struct weir_memcached_dump *dump, enum weir_status status, const char *why)
{
	(void)snprintf(dump->node.why, sizeof(dump->node.why), "%s", why);
	return status;
}

static enum weir_status wait_for(struct weir_memcached_dump *dump, short events, int timeout_ms)
{
	struct pollfd polled = { .fd = dump->node.fd, .events = events };
	int ready;

	do
		ready = poll(&polled, 1, timeout_ms);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		return failed(dump, WEIR_ERR_TIMEOUT, "does not answer in time");
	return ready > 0 ? WEIR_OK : failed(dump, WEIR_ERR_IO, strerror(errno));
}

/* On the first address that takes us. */
static enum weir_status connect_to(struct weir_memcached_dump *dump)
{
	struct weir_memcached_node *node = &dump->node;

	while ((node->fd = weir_memcached_connect(node)) >= 0) {
		enum weir_status status = wait_for(dump, POLLOUT, dump->options->connect_timeout_ms);
		int error = 0;
		socklen_t len = sizeof(error);

		if (status != WEIR_OK)
			return status;
		if (getsockopt(node->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
			return WEIR_OK;
		(void)failed(dump, WEIR_ERR_IO, strerror(error));
		(void)close(node->fd);
		node->fd = -1;
		if (!node->address)
			break;
	}
	return WEIR_ERR_IO;
}

static enum weir_status ask(struct weir_memcached_dump *dump)
{
	ssize_t sent = send(dump->node.fd, COMMAND, sizeof(COMMAND) - 1, MSG_NOSIGNAL);

	return sent == (ssize_t)sizeof(COMMAND) - 1 ? WEIR_OK : failed(dump, WEIR_ERR_IO, "takes no command");
}

static enum weir_status read_more(struct weir_memcached_dump *dump)
{
	size_t kept = dump->end - dump->start;
	enum weir_status status;
	ssize_t got;

	memmove(dump->lines, dump->lines + dump->start, kept);
	dump->start = 0;
	dump->end = kept;
	if (kept == sizeof(dump->lines))
		return failed(dump, WEIR_ERR_BACKEND, "sends what is no list");
	status = wait_for(dump, POLLIN, dump->options->read_timeout_ms);
	if (status != WEIR_OK)
		return status;
	got = recv(dump->node.fd, dump->lines + kept, sizeof(dump->lines) - kept, 0);
	if (got <= 0)
		return failed(dump, WEIR_ERR_IO, got == 0 ? "has closed the connection" : strerror(errno));
	dump->end += (size_t)got;
	return WEIR_OK;
}

/* Lines end with "\n" or "\r\n". False when there is none yet. */
static bool take_line(struct weir_memcached_dump *dump, struct weir_slice *line)
{
	char *start = dump->lines + dump->start, *end = memchr(start, '\n', dump->end - dump->start);

	if (!end)
		return false;
	*line = weir_slice(start, (size_t)(end - start));
	if (line->len > 0 && line->data[line->len - 1] == '\r')
		line->len--;
	dump->start += (size_t)(end - start) + 1;
	return true;
}

/* The first line tells whether the server makes a list; it is left to be read again. */
static enum weir_status look_at_first(struct weir_memcached_dump *dump, enum weir_memcached_dump_line *kind)
{
	char name[WEIR_MEMCACHED_NAME_MAX];
	struct weir_slice line;
	size_t len;

	while (!take_line(dump, &line)) {
		enum weir_status status = read_more(dump);

		if (status != WEIR_OK)
			return status;
	}
	*kind = weir_memcached_dump_parse(line, name, &len);
	if (*kind != WEIR_MEMCACHED_DUMP_BUSY)
		dump->start = (size_t)(line.data - dump->lines);
	if (weir_slice_starts_with(line, WEIR_SLICE_LITERAL("ERROR")))
		return failed(dump, WEIR_ERR_UNSUPPORTED, "makes no such list");
	return WEIR_OK;
}

enum weir_status weir_memcached_dump_start(struct weir_memcached_dump *dump, const struct weir_memcached_options *options,
					   const struct weir_memcached_server *server)
{
	const struct timespec pause = { .tv_nsec = ASK_AGAIN_MS * 1000000L };
	enum weir_memcached_dump_line kind = WEIR_MEMCACHED_DUMP_BUSY;
	enum weir_status status;

	weir_memcached_node_init(&dump->node, server);
	dump->options = options;
	dump->start = dump->end = 0;
	dump->ended = false;
	status = connect_to(dump);
	for (int waited_ms = 0; status == WEIR_OK && kind == WEIR_MEMCACHED_DUMP_BUSY; waited_ms += ASK_AGAIN_MS) {
		if (waited_ms > options->total_timeout_ms)
			return failed(dump, WEIR_ERR_TIMEOUT, "makes a list for somebody else all the time");
		if (waited_ms > 0)
			(void)nanosleep(&pause, NULL);
		status = ask(dump);
		if (status == WEIR_OK)
			status = look_at_first(dump, &kind);
	}
	return status;
}

void weir_memcached_dump_finish(struct weir_memcached_dump *dump)
{
	weir_memcached_node_finish(&dump->node);
}

enum weir_status weir_memcached_dump_next(struct weir_memcached_dump *dump, char *name, size_t *len)
{
	while (!dump->ended) {
		struct weir_slice line;

		if (!take_line(dump, &line)) {
			enum weir_status status = read_more(dump);

			return status == WEIR_OK ? WEIR_BUSY : status;
		}
		switch (weir_memcached_dump_parse(line, name, len)) {
		case WEIR_MEMCACHED_DUMP_NAME:
			return WEIR_OK;
		case WEIR_MEMCACHED_DUMP_END:
			dump->ended = true;
			break;
		case WEIR_MEMCACHED_DUMP_BUSY:
		case WEIR_MEMCACHED_DUMP_OTHER: /* another program's item, with a name that we would not give */
			break;
		}
	}
	return WEIR_END;
}
