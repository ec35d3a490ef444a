/* SPDX-License-Identifier: Apache-2.0
 *
 * The FastCGI and HTTP bytes of the load clients, and their sums. Of the protocol it knows what a well-behaved web server sends and no
 * more: what answers strangely is counted as unanswered.
 */
#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <time.h>

#include "support/fcgi_client.h"

#define BODY_MAX 2048
/* Behind BEGIN_REQUEST, the header of the params record, and some of them. */
#define MIDDLE_OF_PARAMS (sizeof(FCGI_BeginRequestRecord) + sizeof(FCGI_Header) + 100)

bool target_parse(struct target *target, const char *text)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&target->address;
	struct sockaddr_in *in = (struct sockaddr_in *)&target->address;
	char host[16];
	uint16_t port;

	memset(target, 0, sizeof(*target));
	if (strncmp(text, "unix:", 5) == 0 && strlen(text + 5) < sizeof(un->sun_path)) {
		un->sun_family = AF_UNIX;
		strcpy(un->sun_path, text + 5);
		target->address_len = sizeof(*un);
		return true;
	}
	if (sscanf(text, "tcp:%15[0-9.]:%hu", host, &port) == 2 && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		target->address_len = sizeof(*in);
		target->http = true;
		return true;
	}
	return false;
}

int target_connect(const struct target *target)
{
	const struct timeval patience = { .tv_sec = 20 };
	const int fd = socket(target->address.ss_family, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&target->address, target->address_len) < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static void make_fcgi(struct weir_buffer *out, struct request *request, const char *path, size_t body_len)
{
	static const char body[BODY_MAX];
	char length[24] = "";
	const char *const texts[][2] = {
		{ "QUERY_STRING", "" },
		{ "REQUEST_METHOD", body_len ? "POST" : "GET" },
		{ "CONTENT_TYPE", body_len ? "text/plain" : "" },
		{ "CONTENT_LENGTH", length },
		{ "SCRIPT_NAME", path },
		{ "REQUEST_URI", path },
		{ "DOCUMENT_URI", path },
		{ "DOCUMENT_ROOT", "/var/empty" },
		{ "SERVER_PROTOCOL", "HTTP/1.1" },
		{ "REQUEST_SCHEME", "http" },
		{ "GATEWAY_INTERFACE", "CGI/1.1" },
		{ "SERVER_SOFTWARE", "bench" },
		{ "REMOTE_ADDR", "127.0.0.1" },
		{ "REMOTE_PORT", "40000" },
		{ "SERVER_ADDR", "127.0.0.1" },
		{ "SERVER_PORT", "80" },
		{ "SERVER_NAME", "bench" },
		{ "HTTP_HOST", "bench" },
	};
	struct fcgi_client_param params[sizeof(texts) / sizeof(texts[0])];
	const size_t count = sizeof(texts) / sizeof(texts[0]);
	struct fcgi_client_cut whole = { .record_max = 0 };

	if (body_len)
		snprintf(length, sizeof(length), "%zu", body_len);
	for (size_t i = 0; i < count; i++)
		params[i] = (struct fcgi_client_param){ weir_slice_text(texts[i][0]), weir_slice_text(texts[i][1]) };
	fcgi_client_request(out, &(struct fcgi_client_request){ 1, true, params, count, weir_slice(body, body_len) }, &whole);
	request->middle_of_params = MIDDLE_OF_PARAMS;
	request->middle_of_body = out->len - FCGI_HEADER_LEN - body_len / 2;
}

bool request_make(struct request *request, const struct target *target, const char *path, size_t body_len)
{
	struct weir_buffer out;

	if (body_len > BODY_MAX)
		return false;
	weir_buffer_init(&out, 0);
	if (target->http)
		weir_buffer_printf(&out, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n", path);
	else
		make_fcgi(&out, request, path, body_len);
	request->bytes = out.data;
	request->len = out.len;
	return !out.overflowed;
}

static void feed_start(struct answer *answer, const char *data, size_t len)
{
	const size_t room = sizeof(answer->start) - 1 - answer->start_len;
	const size_t n = len < room ? len : room;

	memcpy(answer->start + answer->start_len, data, n);
	answer->start_len += n;
}

/* One step: some bytes of a record's header, or of its content. Gives back how many. */
static size_t feed_record(struct answer *answer, const char *data, size_t len)
{
	const bool in_head = answer->skip == 0;
	const size_t wanted = in_head ? FCGI_HEADER_LEN - answer->head_len : answer->skip;
	const size_t n = wanted < len ? wanted : len;

	if (in_head) {
		memcpy(answer->head + answer->head_len, data, n);
		answer->head_len += n;
		if (answer->head_len == FCGI_HEADER_LEN)
			answer->skip = ((size_t)answer->head[4] << 8 | answer->head[5]) + answer->head[6];
	} else {
		if (answer->head[1] == FCGI_STDOUT)
			feed_start(answer, data, n);
		answer->skip -= n;
	}
	if (answer->head_len == FCGI_HEADER_LEN && answer->skip == 0) {
		answer->head_len = 0;
		answer->complete = answer->head[1] == FCGI_END_REQUEST;
	}
	return n;
}

void answer_feed(struct answer *answer, const struct target *target, const char *data, size_t len)
{
	if (target->http) {
		feed_start(answer, data, len);
		return;
	}
	while (len > 0 && !answer->complete) {
		const size_t n = feed_record(answer, data, len);

		data += n;
		len -= n;
	}
}

void answer_end(struct answer *answer, const struct target *target)
{
	if (target->http && answer->start_len > 0)
		answer->complete = true;
}

/* FastCGI: no Status field at the start means 200. */
bool answer_is_ok(const struct answer *answer)
{
	if (strncmp(answer->start, "HTTP/1.1 ", 9) == 0)
		return strncmp(answer->start + 9, "200", 3) == 0;
	return strncasecmp(answer->start, "Status: ", 8) != 0 || strncmp(answer->start + 8, "200", 3) == 0;
}

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void print_latencies(int64_t *ns, size_t count)
{
	int64_t none = 0;

	if (count > 0)
		qsort(ns, count, sizeof(*ns), compare);
	else
		ns = &none;
	printf("\"min_us\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", (double)ns[0] / 1e3, (double)ns[count / 2] / 1e3,
	       (double)ns[count * 99 / 100] / 1e3, (double)ns[count ? count - 1 : 0] / 1e3);
}
