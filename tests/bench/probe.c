/* SPDX-License-Identifier: Apache-2.0
 *
 * One polite client that asks for the same thing at a steady pace and says how long it waited: what others notice while a server is busy.
 *
 *     probe TARGET PATH REQUESTS_PER_SECOND SECONDS
 *
 * It uses one kept FastCGI connection. A request that could not be sent in time because the one before was still unanswered counts from the
 * time when it should have been sent, so that a stall is not hidden by the requests it prevented.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

static bool exchange(int fd, const struct target *target, const struct request *request)
{
	struct answer answer = { .head_len = 0 };
	char data[16384];

	if (send(fd, request->bytes, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
		return false;
	while (!answer.complete) {
		const ssize_t n = recv(fd, data, sizeof(data), 0);

		if (n <= 0)
			return false;
		answer_feed(&answer, target, data, (size_t)n);
	}
	return answer_is_ok(&answer);
}

static void sleep_until(int64_t ns)
{
	const struct timespec when = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL) != 0)
		continue;
}

/* The number answered; less than `count` when an exchange failed. */
static size_t probe(const struct target *target, const struct request *request, size_t count, int64_t interval, int64_t *latencies)
{
	const int fd = target_connect(target);
	const int64_t start = now_ns();

	for (size_t i = 0; i < count; i++) {
		const int64_t due = start + (int64_t)i * interval;
		const bool late = now_ns() >= due;

		if (!late)
			sleep_until(due);
		const int64_t sent = late ? due : now_ns();

		if (fd < 0 || !exchange(fd, target, request))
			return i;
		latencies[i] = now_ns() - sent;
	}
	close(fd);
	return count;
}

int main(int argc, char **argv)
{
	struct target target;
	struct request request;

	if (argc != 5 || !target_parse(&target, argv[1]) || target.http || !request_make(&request, &target, argv[2], 0))
		return 2;
	prctl(PR_SET_TIMERSLACK, 1);

	const double rate = atof(argv[3]);
	const size_t count = (size_t)(rate * atof(argv[4]));
	int64_t *latencies = calloc(count + 1, sizeof(*latencies));

	if (!latencies)
		return 1;

	const size_t answered = probe(&target, &request, count, (int64_t)(1e9 / rate), latencies);

	printf("{\"sent\":%zu,\"answered\":%zu,", count, answered);
	print_latencies(latencies, answered);
	printf("}\n");
	return 0;
}
