/* SPDX-License-Identifier: Apache-2.0
 *
 * Walking through a memcached that is full of other programs' items: its list of names is long, and hardly any of them is ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "support/memcached.h"
#include "support/memcached_host.h"

#define THEIRS 1000000
#define OURS 250

/* A call's time is much shorter than a list of a million names takes, but long enough for a hundred values on a busy machine. */
#define OPTIONS "?connect_timeout_ms=3000&read_timeout_ms=3000&total_timeout_ms=500"

/* The server that is full, for all tests. */
static struct weir_memcached_servers servers;

struct own {
	struct weir_memcached_host host;
	struct weir_log *log;
	char lines[1000];
};

static void note_line(void *state, const char *line, size_t len)
{
	struct own *own = state;
	size_t used = strlen(own->lines);

	(void)snprintf(own->lines + used, sizeof(own->lines) - used, "%.*s", (int)len, line);
}

static int set_up(void **state)
{
	struct own *own = calloc(1, sizeof(*own));
	struct weir_log_options options = WEIR_LOG_DEFAULT;
	char url[300];

	if (!own)
		return -1;
	options.write = note_line;
	options.state = own;
	own->log = weir_log_create(&options);
	(void)snprintf(url, sizeof(url), "%s" OPTIONS, weir_memcached_servers_url(&servers));
	weir_memcached_host_open(&own->host, url, own->log);
	*state = own;
	return 0;
}

static int tear_down(void **state)
{
	struct own *own = *state;

	weir_memcached_host_close(&own->host);
	weir_log_destroy(own->log);
	free(own);
	return 0;
}

static bool send_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t sent = write(fd, bytes, len);

		if (sent <= 0)
			return false;
		bytes += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* Without answers, until the last one. */
static bool store_theirs(void)
{
	static char commands[64 * 1024];
	int fd = weir_server_connect(servers.addresses[0]);
	size_t len = 0;
	bool stored = fd >= 0;
	char end;

	for (int i = 0; i < THEIRS && stored; i++) {
		len += (size_t)snprintf(commands + len, sizeof(commands) - len, "set theirs%07d 0 0 1 noreply\r\n1\r\n", i);
		if (len + 100 < sizeof(commands) && i + 1 < THEIRS)
			continue;
		stored = send_all(fd, commands, len);
		len = 0;
	}
	stored = stored && send_all(fd, "version\r\n", 9) && read(fd, &end, 1) == 1;
	if (fd >= 0)
		(void)close(fd);
	return stored;
}

struct asked {
	size_t visits, questions, questions_max;
};

static bool visit(void *state, struct weir_slice key, struct weir_slice value)
{
	struct asked *asked = state;

	(void)value;
	asked->visits += key.data != NULL;
	asked->questions += key.data == NULL;
	return asked->questions < asked->questions_max;
}

static enum weir_status walk(struct own *own, struct asked *asked, bool remove)
{
	struct weir_backend *backend = own->host.backend;

	return weir_backend_ops(backend)->walk(weir_backend_self(backend), WEIR_SLICE_NONE, remove, visit, asked);
}

/* What is ours is found among them, counted and removed; theirs stays. */
static void test_memcached_walk_finds_ours_among_a_million(void **state)
{
	struct own *own = *state;
	struct asked asked = { .questions_max = SIZE_MAX };
	char key[16];

	for (int i = 0; i < OURS; i++) {
		(void)snprintf(key, sizeof(key), "key%d", i);
		assert_int_equal(weir_memcached_host_store(&own->host, key, 1, 1), WEIR_OK);
	}
	assert_int_equal(walk(own, &asked, true), WEIR_OK);
	assert_int_equal(asked.visits, OURS);
	assert_true(asked.questions > 100);
	asked = (struct asked){ .questions_max = SIZE_MAX };
	assert_int_equal(walk(own, &asked, true), WEIR_OK);
	assert_int_equal(asked.visits, 0);
	assert_true(weir_memcached_server_has(&servers, 0, "theirs0000000") && weir_memcached_server_has(&servers, 0, "theirs0999999"));
	assert_string_equal(own->lines, "");
}

/* Also where there is nothing to be visited. */
static void test_memcached_walk_ends_when_it_is_told_to(void **state)
{
	struct asked asked = { .questions_max = 3 };

	assert_int_equal(walk(*state, &asked, false), WEIR_OK);
	assert_int_equal(asked.questions, 3);
	assert_int_equal(asked.visits, 0);
}

/* A server that does not go on with its list has failed when it was silent for long enough, and the log says so. */
static void test_memcached_walk_of_a_frozen_server_is_told(void **state)
{
	struct own *own = *state;
	struct asked asked = { .questions_max = SIZE_MAX };

	weir_server_freeze(&servers.servers[0]);
	assert_int_equal(walk(own, &asked, false), WEIR_ERR_TIMEOUT);
	weir_server_thaw(&servers.servers[0]);
	assert_non_null(strstr(own->lines, "does not tell its names: it does not answer in time"));
}

static int start_server(void **state)
{
	(void)state;
	weir_memcached_servers_start(&servers, 1, "256");
	return store_theirs() ? 0 : -1;
}

static int stop_server(void **state)
{
	(void)state;
	weir_memcached_servers_stop(&servers);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memcached_walk_finds_ours_among_a_million, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_walk_ends_when_it_is_told_to, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_walk_of_a_frozen_server_is_told, set_up, tear_down),
	};

	return weir_memcached_is_there() ? cmocka_run_group_tests(tests, start_server, stop_server) : 0;
}
