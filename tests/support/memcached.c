/* SPDX-License-Identifier: Apache-2.0
 *
 * Starts, ends and speaks to the servers of memcached.h.
 */
#include "support/memcached.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define START_MS 5000
#define LOOK_MS 10

bool weir_memcached_is_there(void)
{
	if (getenv("WEIR_MEMCACHED"))
		return true;
	(void)puts("1..0 # SKIP WEIR_MEMCACHED names no memcached");
	return false;
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "memcached for tests: %s\n", what);
	abort();
}

static void start_one(struct weir_memcached_servers *servers, size_t index)
{
	const char *address = servers->addresses[index], *colon = strchr(address, ':');
	const char *const argv[] = { getenv("WEIR_MEMCACHED"),
				     "-u",
				     "root",
				     "-U",
				     "0",
				     "-t",
				     "2",
				     "-m",
				     servers->size_mb,
				     colon ? "-l" : "-s",
				     colon ? "127.0.0.1" : address,
				     "-p",
				     colon ? colon + 1 : "0",
				     NULL };

	(void)setenv("LD_PRELOAD", WEIR_TURNED_CLOCK_LIBRARY, 1);
	weir_server_start(&servers->servers[index], argv, weir_scratch_file(&servers->scratch, "log"));
	(void)unsetenv("LD_PRELOAD");
	must(weir_server_wait(&servers->servers[index], address, START_MS), "does not start");
}

static void make_clock(struct weir_memcached_servers *servers)
{
	const char *path = weir_scratch_file(&servers->scratch, "clock");
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	must(fd >= 0 && ftruncate(fd, sizeof(int64_t)) == 0 && setenv("WEIR_TURNED_CLOCK", path, 1) == 0, "no file for the clock");
	servers->clock = mmap(NULL, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	must(servers->clock != MAP_FAILED, "no memory for the clock");
	(void)close(fd);
}

void weir_memcached_servers_start(struct weir_memcached_servers *servers, size_t count, const char *size_mb)
{
	*servers = (struct weir_memcached_servers){ .count = count ? count : 1, .size_mb = size_mb ? size_mb : "64" };
	weir_scratch_init(&servers->scratch);
	make_clock(servers);
	for (size_t i = 0; i < servers->count; i++) {
		char *address = servers->addresses[i];

		if (count > 0)
			weir_server_address(address, sizeof(servers->addresses[i]), weir_server_free_port());
		else
			(void)snprintf(address, sizeof(servers->addresses[i]), "%s", weir_scratch_file(&servers->scratch, "socket"));
		start_one(servers, i);
	}
}

void weir_memcached_servers_stop(struct weir_memcached_servers *servers)
{
	for (size_t i = 0; i < servers->count; i++)
		weir_server_stop(&servers->servers[i]);
	(void)munmap(servers->clock, sizeof(int64_t));
	weir_scratch_finish(&servers->scratch);
}

void weir_memcached_server_restart(struct weir_memcached_servers *servers, size_t index)
{
	weir_server_stop(&servers->servers[index]);
	start_one(servers, index);
}

/* In whole seconds, as the server has it. */
static long long server_time_s(const struct weir_memcached_servers *servers, size_t index)
{
	const char *time = strstr(weir_memcached_server_say(servers, index, WEIR_SLICE_LITERAL("stats\r\n")), "STAT time ");

	must(time, "tells no time");
	return strtoll(time + strlen("STAT time "), NULL, 10);
}

/* A server looks at its clock once a second, and whenever somebody connects. */
void weir_memcached_servers_turn_ms(struct weir_memcached_servers *servers, int64_t ms)
{
	long long before_s[WEIR_MEMCACHED_SERVERS];

	for (size_t i = 0; i < servers->count; i++)
		before_s[i] = server_time_s(servers, i);
	atomic_fetch_add((_Atomic int64_t *)servers->clock, ms);
	for (size_t i = 0; i < servers->count; i++)
		for (int looks = 0; server_time_s(servers, i) < before_s[i] + ms / 1000; looks++) {
			must(looks < START_MS / LOOK_MS, "does not go by the clock that is turned");
			(void)poll(NULL, 0, LOOK_MS);
		}
}

const char *weir_memcached_servers_url(const struct weir_memcached_servers *servers)
{
	static char url[64 + WEIR_MEMCACHED_SERVERS * 128];
	bool is_socket = servers->addresses[0][0] == '/';
	int len = snprintf(url, sizeof(url), is_socket ? "memcached+unix://" : "memcached://");

	for (size_t i = 0; i < servers->count; i++)
		len += snprintf(url + len, sizeof(url) - (size_t)len, "%s%s", i ? "," : "", servers->addresses[i]);
	return url;
}

/* True when the last line of the answer is whole and no part of a list. */
static bool is_complete(const char *answer, size_t len)
{
	const char *start = answer + len;

	if (len < 2 || start[-1] != '\n')
		return false;
	for (start -= 2; start > answer && start[-1] != '\n';)
		start--;
	return strncmp(start, "STAT ", 5) != 0 && strncmp(start, "VALUE ", 6) != 0 && strncmp(start, "key=", 4) != 0 &&
	       (strncmp(answer, "VALUE ", 6) != 0 || strncmp(start, "END", 3) == 0);
}

const char *weir_memcached_server_say(const struct weir_memcached_servers *servers, size_t index, struct weir_slice command)
{
	static char answer[64 * 1024];
	int fd = weir_server_connect(servers->addresses[index]);
	size_t len = 0;
	ssize_t got = 1;

	must(fd >= 0 && send(fd, command.data, command.len, MSG_NOSIGNAL) == (ssize_t)command.len, "takes no command");
	while (!is_complete(answer, len) && len + 1 < sizeof(answer) && (got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
		len += (size_t)got;
	must(got > 0, "gives no answer");
	answer[len] = '\0';
	(void)close(fd);
	return answer;
}

void weir_memcached_server_put(const struct weir_memcached_servers *servers, size_t index, const char *name, uint32_t flags,
			       struct weir_slice value)
{
	char command[1024];
	int len = snprintf(command, sizeof(command), "set %s %lu 0 %zu\r\n", name, (unsigned long)flags, value.len);

	must((size_t)len + value.len + 2 <= sizeof(command), "a value too long for a test");
	memcpy(command + len, value.data, value.len);
	memcpy(command + len + value.len, "\r\n", 2);
	must(strcmp(weir_memcached_server_say(servers, index, weir_slice(command, (size_t)len + value.len + 2)), "STORED\r\n") == 0, name);
}

bool weir_memcached_server_drop(const struct weir_memcached_servers *servers, size_t index, const char *name)
{
	char command[512];
	int len = snprintf(command, sizeof(command), "delete %s\r\n", name);

	return strcmp(weir_memcached_server_say(servers, index, weir_slice(command, (size_t)len)), "DELETED\r\n") == 0;
}

bool weir_memcached_server_has(const struct weir_memcached_servers *servers, size_t index, const char *name)
{
	char command[512];
	int len = snprintf(command, sizeof(command), "get %s\r\n", name);

	return strncmp(weir_memcached_server_say(servers, index, weir_slice(command, (size_t)len)), "VALUE", 5) == 0;
}
