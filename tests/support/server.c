/* SPDX-License-Identifier: Apache-2.0
 *
 * Children that die with their parent: a test that fails, or is killed, leaves no server behind.
 */
#include "support/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/clock.h>

/* Between two looks at a server that starts: there is nothing to wait on. */
#define LOOK_MS 5

union address {
	struct sockaddr any;
	struct sockaddr_in tcp;
	struct sockaddr_un local;
};

static socklen_t parse(const char *text, union address *address)
{
	const char *colon = strrchr(text, ':');

	memset(address, 0, sizeof(*address));
	if (text[0] == '/' && strlen(text) < sizeof(address->local.sun_path)) {
		address->local.sun_family = AF_UNIX;
		memcpy(address->local.sun_path, text, strlen(text) + 1);
		return sizeof(address->local);
	}
	if (!colon)
		abort();
	address->tcp.sin_family = AF_INET;
	address->tcp.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	address->tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(address->tcp);
}

/* In the child; does not return. */
static void become(const char *const argv[], const char *log, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC), out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	char *args[64];
	size_t count = 0;

	for (; argv[count] && count + 1 < sizeof(args) / sizeof(args[0]); count++)
		args[count] = strdup(argv[count]);
	args[count] = NULL;
	if (null >= 0 && out >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 && !argv[count] &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
		execvp(args[0], args);
	_exit(127);
}

void weir_server_start(struct weir_server *server, const char *const argv[], const char *log)
{
	pid_t parent = getpid();

	server->pid = fork();
	if (server->pid < 0)
		abort();
	if (server->pid == 0)
		become(argv, log, parent);
}

bool weir_server_has_ended(const struct weir_server *server)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)server->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

bool weir_server_wait(const struct weir_server *server, const char *address, int timeout_ms)
{
	int64_t deadline_ms = weir_clock_monotonic_ms(weir_clock_system()) + timeout_ms;

	for (;;) {
		int fd = weir_server_connect(address);

		if (fd >= 0) {
			(void)close(fd);
			return true;
		}
		if (weir_server_has_ended(server) || weir_clock_monotonic_ms(weir_clock_system()) >= deadline_ms)
			return false;
		(void)poll(NULL, 0, LOOK_MS);
	}
}

static void send_and_wait(const struct weir_server *server, int number, int event)
{
	siginfo_t info;

	if (kill(server->pid, number) != 0 || waitid(P_PID, (id_t)server->pid, &info, event) != 0)
		abort();
}

void weir_server_freeze(const struct weir_server *server)
{
	send_and_wait(server, SIGSTOP, WSTOPPED);
}

void weir_server_thaw(const struct weir_server *server)
{
	send_and_wait(server, SIGCONT, WCONTINUED);
}

void weir_server_stop(struct weir_server *server)
{
	if (server->pid <= 0)
		return;
	(void)kill(server->pid, SIGKILL);
	while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
		;
	server->pid = 0;
}

unsigned weir_server_free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	union address any;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	any.tcp = address;
	if (fd < 0 || bind(fd, &any.any, len) != 0 || getsockname(fd, &any.any, &len) != 0)
		abort();
	(void)close(fd);
	return ntohs(any.tcp.sin_port);
}

void weir_server_address(char *address, size_t size, unsigned port)
{
	(void)snprintf(address, size, "127.0.0.1:%u", port);
}

/* A port that nobody listens at may be given to the very socket that connects to it, which then meets itself. */
static bool is_own_peer(int fd, const union address *to, socklen_t len)
{
	union address own = { .tcp = { .sin_port = 0 } };

	return to->any.sa_family == AF_INET && getsockname(fd, &own.any, &len) == 0 && own.tcp.sin_port == to->tcp.sin_port;
}

int weir_server_connect(const char *address)
{
	union address to;
	socklen_t len = parse(address, &to);
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &to.any, len) == 0 && !is_own_peer(fd, &to, len))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}
