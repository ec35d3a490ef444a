/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a CGI program takes from its start until it has answered and is gone, as the web server sees it.
 *
 *     cgi_timer RUNS PATH_INFO PROGRAM_A PROGRAM_B [NAME=VALUE]
 *
 * The programs take turns. Each gets the CGI variables of a GET, perhaps one more, and a pipe to write to. Prints both medians in
 * microseconds.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* `variable` may be NULL. */
static pid_t start(char *program, char *path_info, char *variable, int out)
{
	char uri[256], info[256];
	char *const args[] = { program, NULL };
	char *const env[] = {
		"GATEWAY_INTERFACE=CGI/1.1",
		"SERVER_PROTOCOL=HTTP/1.1",
		"REQUEST_METHOD=GET",
		"QUERY_STRING=",
		"SCRIPT_NAME=",
		info,
		uri,
		"SERVER_NAME=bench",
		"SERVER_PORT=80",
		"HTTP_HOST=bench",
		"REMOTE_ADDR=127.0.0.1",
		"PATH=/usr/bin:/bin",
		variable,
		NULL,
	};
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	snprintf(info, sizeof(info), "PATH_INFO=%s", path_info);
	snprintf(uri, sizeof(uri), "REQUEST_URI=%s", path_info);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (posix_spawn(&pid, program, &actions, NULL, args, env) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Nanoseconds; exits when the program did not answer with a 200. */
static int64_t run(char *program, char *path_info, char *variable)
{
	char answer[4096];
	size_t len = 0;
	ssize_t n;
	int ends[2], status;
	const int64_t begin = now_ns();

	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	const pid_t pid = start(program, path_info, variable, ends[1]);

	close(ends[1]);
	while (len < sizeof(answer) - 1 && (n = read(ends[0], answer + len, sizeof(answer) - 1 - len)) > 0)
		len += (size_t)n;
	close(ends[0]);
	answer[len] = '\0';
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0 || strncmp(answer, "Status: 200", 11) != 0) {
		fprintf(stderr, "cgi_timer: %s did not answer %s: %s\n", program, path_info, answer);
		exit(1);
	}
	return now_ns() - begin;
}

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	const size_t runs = argc == 5 || argc == 6 ? strtoul(argv[1], NULL, 10) : 0;
	int64_t *a = calloc(runs + 1, sizeof(*a)), *b = calloc(runs + 1, sizeof(*b));

	if (runs == 0 || !a || !b)
		return 2;
	for (size_t i = 0; i < runs; i++) {
		a[i] = run(argv[3], argv[2], argv[5]);
		b[i] = run(argv[4], argv[2], argv[5]);
	}
	qsort(a, runs, sizeof(*a), compare);
	qsort(b, runs, sizeof(*b), compare);
	printf("%.1f %.1f\n", (double)a[runs / 2] / 1e3, (double)b[runs / 2] / 1e3);
	return 0;
}
