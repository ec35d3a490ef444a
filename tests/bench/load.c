/* SPDX-License-Identifier: Apache-2.0
 *
 * Clients that ask without a pause, each as soon as it has its answer: how many requests a server answers, and how long they wait for it.
 *
 *     load TARGET PATH CLIENTS SECONDS
 *
 * Each client has a kept FastCGI connection and asks for PATH/NUMBER, with a number of its own. Every answer has to be a 200.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client.h"

#define LATENCIES_A_SECOND 1000000 /* more than there can be */

struct client {
	int fd;
	struct request request;
	struct answer answer;
	int64_t sent_ns;
};

struct load {
	struct target target;
	int epoll;
	int64_t *latencies;
	size_t answered, most;
};

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void ask(struct client *client)
{
	client->sent_ns = now_ns();
	if (send(client->fd, client->request.bytes, client->request.len, MSG_NOSIGNAL) != (ssize_t)client->request.len)
		fail("send");
}

static void start(struct load *load, struct client *client, const char *path, unsigned number)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
	char own_path[128];

	snprintf(own_path, sizeof(own_path), "%s/%u", path, number);
	client->fd = target_connect(&load->target);
	if (client->fd < 0 || !request_make(&client->request, &load->target, own_path, 0) ||
	    epoll_ctl(load->epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
		fail("start");
	ask(client);
}

static void receive(struct load *load, struct client *client)
{
	char data[16384];
	const ssize_t n = recv(client->fd, data, sizeof(data), 0);

	if (n <= 0)
		fail("receive");
	answer_feed(&client->answer, &load->target, data, (size_t)n);
	if (!client->answer.complete)
		return;
	if (!answer_is_ok(&client->answer) || load->answered == load->most) {
		fprintf(stderr, "load: answered %.*s\n", (int)client->answer.start_len, client->answer.start);
		exit(1);
	}
	load->latencies[load->answered++] = now_ns() - client->sent_ns;
	client->answer = (struct answer){ .head_len = 0 };
	ask(client);
}

/* Until then; what is not answered by then does not count. */
static void run_until(struct load *load, int64_t end_ns)
{
	struct epoll_event events[64];

	while (now_ns() < end_ns) {
		const int n = epoll_wait(load->epoll, events, 64, 100);

		for (int i = 0; i < n; i++)
			receive(load, events[i].data.ptr);
	}
}

int main(int argc, char **argv)
{
	struct load load = { .epoll = epoll_create1(0) };

	if (argc != 5 || !target_parse(&load.target, argv[1]) || load.target.http)
		return 2;

	const unsigned clients = (unsigned)atoi(argv[3]);
	const int64_t seconds = atoi(argv[4]);
	struct client *all = calloc(clients, sizeof(*all));

	load.most = (size_t)seconds * LATENCIES_A_SECOND;
	load.latencies = calloc(load.most, sizeof(*load.latencies));
	if (!all || !load.latencies)
		return 1;

	const int64_t begin = now_ns();

	for (unsigned i = 0; i < clients; i++)
		start(&load, &all[i], argv[2], i);
	run_until(&load, begin + seconds * 1000000000);
	printf("{\"rate\":%.1f,", (double)load.answered * 1e9 / (double)(now_ns() - begin));
	print_latencies(load.latencies, load.answered);
	printf("}\n");
	return 0;
}
