/* SPDX-License-Identifier: Apache-2.0
 *
 * The floor that the benchmarks measure against: the least that anything can do that answers a web server over FastCGI.
 *
 * One epoll loop skims the records and answers each request with the same bytes: `floor SOCKET BODY_BYTES`. It parses no parameters, knows
 * one request id, keeps every connection, and has at most 150 lines, so that it stays a floor.
 */
#include <errno.h>
#include <fastcgi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct peer {
	unsigned char head[FCGI_HEADER_LEN]; /* of the record that is being read, as far as it is there */
	size_t head_len;
	size_t skip;   /* bytes of content and padding still to come */
	size_t unsent; /* bytes of the answer still to go */
};

static struct peer peers[20000]; /* by descriptor */
static char *answer;
static size_t answer_len;

static void put_record(int type, int fill, size_t len)
{
	const FCGI_Header head = { FCGI_VERSION_1, (unsigned char)type, 0, 1, (unsigned char)(len >> 8), (unsigned char)len, 0, 0 };

	memcpy(answer + answer_len, &head, sizeof(head));
	memset(answer + answer_len + sizeof(head), fill, len);
	answer_len += sizeof(head) + len;
}

static void make_answer(size_t body_len)
{
	const size_t piece = 65528; /* the longest content that is a multiple of eight */
	char head[128];
	const size_t head_len = (size_t)sprintf(head, "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", body_len);

	answer = malloc((body_len / piece + 4) * sizeof(FCGI_Header) + body_len + sizeof(head));
	if (!answer)
		exit(1);
	for (size_t left = head_len + body_len; left > 0; left -= left < piece ? left : piece)
		put_record(FCGI_STDOUT, 'x', left < piece ? left : piece);
	memcpy(answer + sizeof(FCGI_Header), head, head_len);
	put_record(FCGI_STDOUT, 0, 0);
	put_record(FCGI_END_REQUEST, 0, sizeof(FCGI_EndRequestBody));
}

/* Counts the requests that end in these bytes: an empty FCGI_STDIN ends one. */
static int skim(struct peer *peer, const unsigned char *data, size_t len)
{
	int requests = 0;

	while (len > 0) {
		size_t n = peer->skip ? peer->skip : FCGI_HEADER_LEN - peer->head_len;

		n = n < len ? n : len;
		if (peer->skip) {
			peer->skip -= n;
		} else {
			memcpy(peer->head + peer->head_len, data, n);
			peer->head_len += n;
		}
		data += n;
		len -= n;
		if (peer->head_len == FCGI_HEADER_LEN && peer->skip == 0) {
			const size_t content = (size_t)peer->head[4] << 8 | peer->head[5];

			requests += peer->head[1] == FCGI_STDIN && content == 0;
			peer->skip = content + peer->head[6];
			peer->head_len = 0;
		}
	}
	return requests;
}

static void watch(int epoll, int op, int fd, unsigned events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll, op, fd, &event) < 0)
		exit(1);
}

/* Reads, answers as much as the socket takes, and says whether the peer is still there. */
static bool serve(int fd, struct peer *peer)
{
	static unsigned char data[65536];

	if (peer->unsent == 0) {
		const ssize_t n = read(fd, data, sizeof(data));

		if (n <= 0)
			return false;
		peer->unsent = (size_t)skim(peer, data, (size_t)n) * answer_len;
	}
	while (peer->unsent > 0) {
		const size_t rest = (peer->unsent - 1) % answer_len + 1;
		const ssize_t n = send(fd, answer + answer_len - rest, rest, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN;
		peer->unsent -= (size_t)n;
	}
	return true;
}

static void wake(int epoll, int fd)
{
	const bool waited = peers[fd].unsent > 0;

	if (!serve(fd, &peers[fd]))
		close(fd);
	else if (waited != (peers[fd].unsent > 0))
		watch(epoll, EPOLL_CTL_MOD, fd, waited ? EPOLLIN : EPOLLOUT);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	const int epoll = epoll_create1(0);
	struct epoll_event events[64];

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	make_answer(strtoul(argv[2], NULL, 10));
	strcpy(address.sun_path, argv[1]);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 4096) < 0)
		return 1;
	watch(epoll, EPOLL_CTL_ADD, listener, EPOLLIN);
	for (;;) {
		for (int i = 0, n = epoll_wait(epoll, events, 64, -1); i < n; i++) {
			if (events[i].data.fd != listener) {
				wake(epoll, events[i].data.fd);
			} else {
				const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);

				watch(epoll, EPOLL_CTL_ADD, fd, EPOLLIN);
				peers[fd] = (struct peer){ 0 };
			}
		}
	}
}
