/* SPDX-License-Identifier: Apache-2.0
 *
 * A herd of clients that arrive at once, and behave well or badly.
 *
 *     herd TARGET KIND COUNT PATH
 *
 * Each of COUNT connections sends the opening of its kind; then the herd writes `ready`. `request` ends when everybody is through, the
 * other kinds stay until standard input, a pipe, has something to read or ends. At the end one line of JSON tells what became of them. A
 * client is *answered* (status 200), *refused* (any other answer), *cut* (the server ended the connection first) or still *waiting*; times
 * are from the begin of its connecting until then.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client.h"

#define DRIP_INTERVAL_NS INT64_C(1000000000)

enum opening {
	NOTHING,
	TO_MIDDLE_OF_PARAMS,
	TO_MIDDLE_OF_BODY,
	EVERYTHING
};

struct kind {
	const char *name;
	enum opening opening;
	bool drips; /* sends what is left one byte a second; when nothing is left, takes the answer so */
	bool stays; /* until standard input ends */
	size_t body_len;
};

static const struct kind kinds[] = {
	{ .name = "request", .opening = EVERYTHING },
	{ .name = "keep", .opening = EVERYTHING, .stays = true },
	{ .name = "half", .opening = TO_MIDDLE_OF_PARAMS, .stays = true },
	{ .name = "drip-begin", .opening = NOTHING, .drips = true, .stays = true },
	{ .name = "drip-params", .opening = TO_MIDDLE_OF_PARAMS, .drips = true, .stays = true },
	{ .name = "drip-body", .opening = TO_MIDDLE_OF_BODY, .drips = true, .stays = true, .body_len = 1000 },
	{ .name = "drip-answer", .opening = EVERYTHING, .drips = true, .stays = true },
};

enum fate {
	WAITING,
	ANSWERED,
	REFUSED,
	CUT,
	FATES
};

struct client {
	int fd;
	enum fate fate;
	size_t sent;
	int64_t start_ns;
	int64_t end_ns;
	struct answer answer;
};

struct herd {
	const struct kind *kind;
	struct target target;
	struct request request;
	size_t opening_len;
	struct client *clients;
	size_t count;
	size_t started; /* connections begun */
	size_t opened;  /* openings sent */
	size_t ended;   /* no longer waiting */
	bool dismissed; /* standard input has ended */
	int64_t next_drip_ns;
	int epoll;
};

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

static size_t opening_len(const struct request *request, enum opening opening)
{
	switch (opening) {
	case NOTHING:
		return 0;
	case TO_MIDDLE_OF_PARAMS:
		return request->middle_of_params;
	case TO_MIDDLE_OF_BODY:
		return request->middle_of_body;
	default:
		return request->len;
	}
}

static void watch(const struct herd *herd, int op, struct client *client, unsigned events)
{
	struct epoll_event event = { .events = events, .data.ptr = client };

	if (epoll_ctl(herd->epoll, op, client ? client->fd : STDIN_FILENO, &event) < 0) {
		perror("epoll_ctl");
		exit(1);
	}
}

/* A client that takes the answer byte by byte reads by the clock, and only hears the connection end. */
static bool reads_by_clock(const struct herd *herd)
{
	return herd->kind->drips && herd->kind->opening == EVERYTHING;
}

static void end_client(struct herd *herd, struct client *client, enum fate fate)
{
	if (client->fate == WAITING) {
		client->fate = fate;
		client->end_ns = now_ns();
		herd->ended++;
	}
	if (fate == CUT || !herd->kind->stays) {
		close(client->fd);
		client->fd = -1;
	}
}

/* Begins connections until the server's backlog is full; false then. */
static bool start_some(struct herd *herd)
{
	for (int i = 0; i < 256 && herd->started < herd->count; i++) {
		struct client *client = &herd->clients[herd->started];

		if (client->fd < 0) {
			client->fd = socket(herd->target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
			client->start_ns = now_ns();
		}
		if (client->fd < 0 ||
		    (connect(client->fd, (struct sockaddr *)&herd->target.address, herd->target.address_len) < 0 && errno != EINPROGRESS)) {
			if (errno == EAGAIN)
				return false;
			perror("connect");
			exit(1);
		}
		watch(herd, EPOLL_CTL_ADD, client, EPOLLOUT | EPOLLRDHUP);
		herd->started++;
	}
	return true;
}

static void send_opening(struct herd *herd, struct client *client)
{
	if (client->sent < herd->opening_len) {
		const ssize_t n = send(client->fd, herd->request.bytes + client->sent, herd->opening_len - client->sent, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN) {
			end_client(herd, client, CUT);
			return;
		}
		client->sent += n > 0 ? (size_t)n : 0;
	}
	if (client->sent >= herd->opening_len) {
		herd->opened++;
		watch(herd, EPOLL_CTL_MOD, client, reads_by_clock(herd) ? EPOLLRDHUP : EPOLLIN | EPOLLRDHUP);
	}
}

static void receive(struct herd *herd, struct client *client, size_t limit)
{
	char data[65536];
	const ssize_t n = recv(client->fd, data, limit < sizeof(data) ? limit : sizeof(data), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0)
		answer_feed(&client->answer, &herd->target, data, (size_t)n);
	else
		answer_end(&client->answer, &herd->target);
	if (client->answer.complete)
		end_client(herd, client, answer_is_ok(&client->answer) ? ANSWERED : REFUSED);
	if (n <= 0 && client->fd >= 0)
		end_client(herd, client, CUT);
}

static void drip(struct herd *herd, struct client *client)
{
	if (client->fd < 0 || client->fate != WAITING)
		return;
	if (reads_by_clock(herd)) {
		receive(herd, client, 1);
	} else if (client->sent < herd->request.len) {
		if (send(client->fd, herd->request.bytes + client->sent, 1, MSG_NOSIGNAL) == 1)
			client->sent++;
		else if (errno != EAGAIN)
			end_client(herd, client, CUT);
	}
}

static void handle(struct herd *herd, struct client *client, unsigned events)
{
	if (client->fd < 0)
		return;
	if (events & EPOLLOUT)
		send_opening(herd, client);
	else if (!reads_by_clock(herd))
		receive(herd, client, SIZE_MAX);
	else if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		end_client(herd, client, CUT);
}

/* Everybody has done what the kind begins with; who keeps an idle connection has got an answer first. */
static bool is_ready(const struct herd *herd)
{
	if (herd->kind->stays && herd->kind->opening == EVERYTHING && !herd->kind->drips)
		return herd->ended == herd->count;
	return herd->opened == herd->count;
}

static void drip_all(struct herd *herd)
{
	if (!herd->kind->drips || now_ns() < herd->next_drip_ns)
		return;
	herd->next_drip_ns = now_ns() + DRIP_INTERVAL_NS;
	for (size_t i = 0; i < herd->started; i++)
		drip(herd, &herd->clients[i]);
}

static int wait_ms(const struct herd *herd, bool backlog_full)
{
	if (herd->started < herd->count)
		return backlog_full ? 1 : 0;
	return herd->kind->drips ? 10 : -1;
}

static void run(struct herd *herd)
{
	struct epoll_event events[256];
	bool told = false;

	while (!herd->dismissed && (herd->kind->stays || herd->ended < herd->count)) {
		const bool backlog_full = !start_some(herd);
		const int n = epoll_wait(herd->epoll, events, 256, wait_ms(herd, backlog_full));

		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr)
				handle(herd, events[i].data.ptr, events[i].events);
			else
				herd->dismissed = true;
		}
		if (!told && is_ready(herd)) {
			told = true;
			printf("ready\n");
			fflush(stdout);
		}
		drip_all(herd);
	}
}

static void report(const struct herd *herd)
{
	size_t fates[FATES] = { 0 };
	int64_t *times = calloc(herd->count, sizeof(*times));
	int64_t last = herd->clients[0].start_ns;
	size_t n = 0;

	if (!times)
		exit(1);
	for (size_t i = 0; i < herd->count; i++) {
		const struct client *client = &herd->clients[i];

		fates[client->fate]++;
		if (client->fate == WAITING)
			continue;
		times[n++] = client->end_ns - client->start_ns;
		last = client->end_ns > last ? client->end_ns : last;
	}
	printf("{\"count\":%zu,\"answered\":%zu,\"refused\":%zu,\"cut\":%zu,\"waiting\":%zu,", herd->count, fates[ANSWERED], fates[REFUSED],
	       fates[CUT], fates[WAITING]);
	printf("\"wall_ms\":%.1f,", (double)(last - herd->clients[0].start_ns) / 1e6);
	print_latencies(times, n);
	printf("}\n");
	free(times);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	struct herd herd = { .epoll = epoll_create1(0) };

	if (argc != 5 || !target_parse(&herd.target, argv[1]) || !(herd.kind = find_kind(argv[2])) ||
	    !request_make(&herd.request, &herd.target, argv[4], herd.kind->body_len))
		return 2;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	herd.opening_len = opening_len(&herd.request, herd.kind->opening);
	herd.count = strtoul(argv[3], NULL, 10);
	herd.clients = calloc(herd.count, sizeof(*herd.clients));
	if (!herd.clients)
		return 1;
	for (size_t i = 0; i < herd.count; i++)
		herd.clients[i].fd = -1;
	watch(&herd, EPOLL_CTL_ADD, NULL, EPOLLIN);
	herd.next_drip_ns = now_ns() + DRIP_INTERVAL_NS;
	run(&herd);
	report(&herd);
	return 0;
}
