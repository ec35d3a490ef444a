/* SPDX-License-Identifier: Apache-2.0
 *
 * What the load clients of the benchmarks share: requests as bytes, the end of an answer found in a stream, and latencies summed up.
 *
 * Everything goes straight to the application's socket, so that no web server stands between a bar and what it is about. Only herd can also
 * speak plain HTTP/1.1, for the rows that ask what a herd behind nginx sees.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <fastcgi.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Where to send requests: "unix:/path" speaks FastCGI, "tcp:127.0.0.1:8080" HTTP/1.1. */
struct target {
	struct sockaddr_storage address;
	socklen_t address_len;
	bool http;
};

bool target_parse(struct target *target, const char *text);

/* A connection that waits for an answer for 20 s at most; -1 when there is none. */
int target_connect(const struct target *target);

/* A GET for `path`, or with `body_len` a POST; kept until the program ends. `middle_of_params` and `middle_of_body` are where somebody
 * would stop who wants to be rude; under HTTP there is only the whole. */
struct request {
	char *bytes;
	size_t len;
	size_t middle_of_params;
	size_t middle_of_body;
};

bool request_make(struct request *request, const struct target *target, const char *path, size_t body_len);

/* The state of one answer that is being read; zeroed before the first byte and after each answer. */
struct answer {
	unsigned char head[FCGI_HEADER_LEN];
	size_t head_len;
	size_t skip;    /* bytes of content and padding still to come */
	char start[24]; /* the first bytes of the answer's own head */
	size_t start_len;
	bool complete;
};

/* Takes bytes that came from the target. Under HTTP an answer is complete when the connection ends: answer_end() says so. */
void answer_feed(struct answer *answer, const struct target *target, const char *data, size_t len);
void answer_end(struct answer *answer, const struct target *target);

/* True for status 200. */
bool answer_is_ok(const struct answer *answer);

int64_t now_ns(void);

/* Sorts, and prints `"min_us":…,"p50_us":…,"p99_us":…,"max_us":…` without a newline; zeroes when there are none. */
void print_latencies(int64_t *ns, size_t count);

#endif
