/* SPDX-License-Identifier: Apache-2.0
 *
 * What most FastCGI programs in C look like: threads in a loop round FCGX_Accept_r, on the reference library. Written for the benchmarks,
 * with care: connections are kept when the web server asks for it, and the request's body is read to its end.
 *
 *     classic SOCKET BODY_BYTES THREADS MILLISECONDS
 *
 * Each handler sleeps for so many milliseconds before it answers.
 */
#include <fcgiapp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct service {
	int listener;
	int body_len;
	char *body;
	useconds_t sleep_us;
};

static void drain(FCGX_Stream *in)
{
	char data[4096];

	while (FCGX_GetStr(data, sizeof(data), in) > 0)
		continue;
}

static void *serve(void *arg)
{
	const struct service *service = arg;
	FCGX_Request request;

	if (FCGX_InitRequest(&request, service->listener, 0) != 0)
		exit(1);
	while (FCGX_Accept_r(&request) == 0) {
		drain(request.in);
		if (service->sleep_us > 0)
			usleep(service->sleep_us);
		FCGX_FPrintF(request.out, "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n", service->body_len);
		FCGX_PutStr(service->body, service->body_len, request.out);
		FCGX_Finish_r(&request);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct service service;
	pthread_t thread;

	if (argc != 5 || atoi(argv[3]) < 1 || FCGX_Init() != 0)
		return 2;
	signal(SIGTERM, SIG_DFL); /* FCGX_Init has put its own there */
	service.listener = FCGX_OpenSocket(argv[1], 4096);
	service.body_len = atoi(argv[2]);
	service.sleep_us = (useconds_t)atoi(argv[4]) * 1000;
	service.body = malloc((size_t)service.body_len + 1);
	if (service.listener < 0 || !service.body)
		return 1;
	memset(service.body, 'x', (size_t)service.body_len);
	for (int i = atoi(argv[3]); i > 1; i--)
		if (pthread_create(&thread, NULL, serve, &service) != 0)
			return 1;
	serve(&service); /* the last thread is this one */
	return 0;
}
