/* SPDX-License-Identifier: Apache-2.0
 *
 * The Redis driver with servers that are not there, do not answer, answer nonsense, refuse, or are full. Time limits are those that users
 * have by default, so this test takes real time; that a call ends too late is asserted with much to spare, for the machine may be busy.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <sys/socket.h>

#include "support/redis_client.h"
#include "support/redis_server.h"

#define TOTAL_MS 500
#define SLACK_MS 400

static struct weir_redis_servers servers; /* [0]: for all; [1]: a replica, in the tests of reading from one */

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

static void open_client(struct weir_redis_client *client, const char *user, const char *address, const char *options)
{
	char url[300];

	(void)snprintf(url, sizeof(url), "redis://%s%s?%s", user, address, options);
	weir_redis_client_open(client, url);
}

static enum weir_status get(struct weir_redis_client *client, const char *key)
{
	char value[100];

	return weir_redis_client_get(client, key, value, sizeof(value));
}

static int empty(void **state)
{
	(void)state;
	weir_redis_servers_flush(&servers);
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET maxmemory 0");
	return 0;
}

/* Every operation of a driver fails, none takes longer than it may. */
static void assert_all_fail(struct weir_redis_client *client)
{
	uint64_t cell, clock;
	struct weir_slice key = WEIR_SLICE_LITERAL("key");
	size_t removed;

	for (int i = 0; i < 6; i++) {
		int64_t begun_ms = now_ms();
		enum weir_status status = WEIR_OK;

		switch (i) {
		case 0:
			status = get(client, "key");
			break;
		case 1:
			status = weir_redis_client_set(client, "key", "value");
			break;
		case 2:
			status = weir_redis_client_look(client, "ns", &cell, &clock);
			break;
		case 3:
			status = weir_redis_client_clear(client, "ns", &clock);
			break;
		case 4:
			status = weir_redis_client_lease(client, WEIR_LEASE_TAKE, "key", 1);
			break;
		case 5:
			status = client->ops->remove(client->self, &key, 1, &removed);
			break;
		}
		assert_true(status < 0);
		assert_true(now_ms() - begun_ms < TOTAL_MS + SLACK_MS);
	}
}

static void assert_works(struct weir_redis_client *client)
{
	uint64_t clock;

	assert_int_equal(weir_redis_client_set(client, "key", "value"), WEIR_OK);
	assert_int_equal(get(client, "key"), WEIR_OK);
	assert_int_equal(weir_redis_client_clear(client, "ns", &clock), WEIR_OK);
}

/* -- Not there ------------------------------------------------------------------------------------------------------------- */

static void test_redis_faults_unreachable_opens_and_says_so(void **state)
{
	struct weir_redis_client client;
	char address[32], why[200], expected[200];

	(void)state;
	weir_server_address(address, sizeof(address), weir_server_free_port());
	open_client(&client, "me:secret@", address, "");
	assert_int_equal(client.ops->check(client.self, why, sizeof(why)), WEIR_ERR_IO);
	(void)snprintf(expected, sizeof(expected), "redis %s: Connection refused", address);
	assert_string_equal(why, expected);
	assert_all_fail(&client);
	assert_int_equal(weir_redis_client_line_count(&client), 1);
	assert_non_null(strstr(client.lines, expected));
	assert_null(strstr(client.lines, "secret"));
	weir_redis_client_close(&client);
}

static void test_redis_faults_missing_socket_is_named(void **state)
{
	struct weir_redis_client client;
	char why[200];

	(void)state;
	weir_redis_client_open(&client, "redis+unix:///nonexistent/redis.sock");
	assert_int_equal(client.ops->check(client.self, why, sizeof(why)), WEIR_ERR_IO);
	assert_string_equal(why, "redis /nonexistent/redis.sock: No such file or directory");
	weir_redis_client_close(&client);
}

/* The first call after a restart finds the connection broken, and makes another. */
static void test_redis_faults_restart_is_survived(void **state)
{
	struct weir_redis_client client;

	(void)state;
	open_client(&client, "", servers.addresses[0], "");
	assert_works(&client);
	weir_server_stop(&servers.servers[0]);
	assert_all_fail(&client);
	weir_redis_servers_restart(&servers, 0, NULL);
	assert_int_equal(get(&client, "key"), WEIR_MISS);
	assert_works(&client);
	assert_int_equal(weir_redis_client_line_count(&client), 2);
	assert_non_null(strstr(client.lines, "Connection refused"));
	assert_non_null(strstr(client.lines, "answers again"));
	weir_server_stop(&servers.servers[0]);
	weir_redis_servers_restart(&servers, 0, NULL);
	assert_works(&client);
	weir_redis_client_close(&client);
}

static void test_redis_faults_connection_that_was_closed_is_made_anew(void **state)
{
	struct weir_redis_client client;

	(void)state;
	open_client(&client, "", servers.addresses[0], "");
	for (int i = 0; i < 3; i++) {
		assert_works(&client);
		WEIR_REDIS_TELL(&servers, 0, "CLIENT KILL TYPE normal SKIPME yes");
	}
	assert_int_equal(weir_redis_client_line_count(&client), 0);
	weir_redis_client_close(&client);
}

/* -- Frozen, slow, talking nonsense ---------------------------------------------------------------------------------------- */

static void test_redis_faults_frozen_server_holds_nobody_for_long(void **state)
{
	struct weir_redis_client client, fresh;

	(void)state;
	open_client(&client, "", servers.addresses[0], "");
	open_client(&fresh, "", servers.addresses[0], "");
	assert_works(&client);
	weir_server_freeze(&servers.servers[0]);
	assert_all_fail(&client);
	assert_all_fail(&fresh);
	weir_server_thaw(&servers.servers[0]);
	assert_works(&client);
	assert_works(&fresh);
	weir_redis_client_close(&client);
	weir_redis_client_close(&fresh);
}

/* A server that sends `bytes` to everybody, `chunk` at a time with a pause of `pause_ms`, over and over. */
struct speaker {
	int fd;
	char address[32];
	const char *bytes;
	size_t chunk;
	int pause_ms;
	pthread_t thread;
};

static void *speak(void *state)
{
	struct speaker *speaker = state;
	int fd;

	while ((fd = accept(speaker->fd, NULL, NULL)) >= 0) {
		size_t len = strlen(speaker->bytes), at = 0;

		while (send(fd, speaker->bytes + at, speaker->chunk, MSG_NOSIGNAL) > 0) {
			at = (at + speaker->chunk) % len;
			(void)usleep((useconds_t)speaker->pause_ms * 1000);
		}
		(void)close(fd);
	}
	return NULL;
}

static void start_speaker(struct speaker *speaker)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);

	speaker->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(speaker->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(getsockname(speaker->fd, (struct sockaddr *)&address, &len), 0);
	assert_int_equal(listen(speaker->fd, 5), 0);
	weir_server_address(speaker->address, sizeof(speaker->address), ntohs(address.sin_port));
	assert_int_equal(pthread_create(&speaker->thread, NULL, speak, speaker), 0);
}

static void stop_speaker(struct speaker *speaker)
{
	(void)shutdown(speaker->fd, SHUT_RDWR);
	pthread_join(speaker->thread, NULL);
	(void)close(speaker->fd);
}

static void test_redis_faults_nonsense_is_no_answer(void **state)
{
	static const char *const nonsense[] = {
		"HTTP/1.1 400 Bad Request\r\n\r\n",
		"+OK\r\n",
		":1\r\n",
		"*-1\r\n",
		"$-1\r\n",
		"*3\r\n$1\r\na\r\n$-1\r\n:5\r\n",
		"-ERR secret\r\n",
		"$100000000000\r\n",
		"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
		"$54\r\nrole:master\r\nmaster_replid:0123456789abcdef0123456789\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		struct speaker speaker = { .bytes = nonsense[i], .chunk = strlen(nonsense[i]), .pause_ms = 1 };
		struct weir_redis_client client;
		char why[200];

		start_speaker(&speaker);
		open_client(&client, "", speaker.address, "read_timeout_ms=50&total_timeout_ms=100");
		assert_true(client.ops->check(client.self, why, sizeof(why)) < 0);
		assert_null(strstr(why, "secret"));
		assert_true(get(&client, "key") < 0);
		assert_true(weir_redis_client_lease(&client, WEIR_LEASE_TAKE, "key", 1) != WEIR_OK || i > 0);
		weir_redis_client_close(&client);
		stop_speaker(&speaker);
	}
}

/* Each byte comes before the silence is too long, but their sum does not. */
static void test_redis_faults_dripping_server_is_cut_off(void **state)
{
	struct speaker speaker = { .bytes = "$500\r\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
				   .chunk = 1,
				   .pause_ms = 20 };
	struct weir_redis_client client;

	(void)state;
	start_speaker(&speaker);
	open_client(&client, "", speaker.address, "");
	assert_all_fail(&client);
	weir_redis_client_close(&client);
	stop_speaker(&speaker);
}

/* -- Refusing -------------------------------------------------------------------------------------------------------------- */

static void assert_refused(const char *user, const char *expected)
{
	struct weir_redis_client client;
	char why[200], whole[200];

	open_client(&client, user, servers.addresses[0], "");
	assert_int_equal(client.ops->check(client.self, why, sizeof(why)), WEIR_ERR_BACKEND);
	(void)snprintf(whole, sizeof(whole), "redis %s: %s", servers.addresses[0], expected);
	assert_string_equal(why, whole);
	assert_all_fail(&client);
	assert_int_equal(weir_redis_client_line_count(&client), 1);
	assert_null(strstr(client.lines, "secret"));
	assert_null(strstr(client.lines, "user1"));
	weir_redis_client_close(&client);
}

static void test_redis_faults_password_is_given_and_needed(void **state)
{
	struct weir_redis_client client;

	(void)state;
	WEIR_REDIS_TELL(&servers, 0,
			"ACL SETUSER user1 on >se:cret@1 ~weir:* -@all +get +set +del +unlink +scan +hget +hmget +hset "
			"+hdel +hlen +hscan +time +eval +evalsha +info");
	open_client(&client, "user1:se%3Acret%401@", servers.addresses[0], "");
	assert_works(&client);
	weir_redis_client_close(&client);
	assert_refused("user1:secret@", "refuses user or password");
	assert_refused("secret:secret@", "refuses user or password");
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET requirepass secret1");
	assert_refused("", "wants a password");
	open_client(&client, ":secret1@", servers.addresses[0], "");
	assert_works(&client);
	weir_redis_client_close(&client);
	weir_server_stop(&servers.servers[0]);
	weir_redis_servers_restart(&servers, 0, NULL);
}

static void test_redis_faults_user_without_rights_is_told(void **state)
{
	static const char needed[] = "does not permit the user what is needed (commands, or names that begin with the prefix)";

	(void)state;
	WEIR_REDIS_TELL(&servers, 0, "ACL SETUSER user1 on >secret resetkeys ~other:* +@all");
	assert_refused("user1:secret@", needed);
	WEIR_REDIS_TELL(&servers, 0, "ACL SETUSER user1 on >secret allkeys +@all -info");
	assert_refused("user1:secret@", needed);
}

static void test_redis_faults_single_server_is_no_cluster(void **state)
{
	struct weir_redis_client client;
	char url[100], why[200];

	(void)state;
	(void)snprintf(url, sizeof(url), "redis+cluster://%s", servers.addresses[0]);
	weir_redis_client_open(&client, url);
	assert_int_equal(client.ops->check(client.self, why, sizeof(why)), WEIR_ERR_BACKEND);
	assert_non_null(strstr(why, "does not tell the slots of a cluster"));
	weir_redis_client_close(&client);
}

static void test_redis_faults_replica_is_not_written_to(void **state)
{
	(void)state;
	WEIR_REDIS_TELL(&servers, 0, "REPLICAOF 127.0.0.1 1");
	assert_refused("", "is a replica of another server");
	WEIR_REDIS_TELL(&servers, 0, "REPLICAOF NO ONE");
}

/* Deposed, with all that it had: what is cleared now is cleared elsewhere. For a second the driver believes that a node is who it was. */
static void test_redis_faults_replica_is_not_believed(void **state)
{
	struct weir_redis_client client;
	uint64_t cell, clock;

	(void)state;
	open_client(&client, "", servers.addresses[0], "");
	assert_works(&client);
	assert_int_equal(weir_redis_client_look(&client, "ns", &cell, &clock), WEIR_OK);
	WEIR_REDIS_TELL(&servers, 0, "REPLICAOF 127.0.0.1 1");
	(void)usleep(1100 * 1000);
	assert_true(weir_redis_client_look(&client, "ns", &cell, &clock) < 0);
	WEIR_REDIS_TELL(&servers, 0, "REPLICAOF NO ONE");
	weir_redis_client_close(&client);
}

/* Deposed, and made master again by others, with the connection as it was: it may have missed anything meanwhile. The driver believes for a
 * second that a node is who it was, so this waits for longer. */
static void test_redis_faults_master_of_another_tenure_is_noticed(void **state)
{
	struct weir_redis_client client;
	uint64_t cell, before, clock;

	(void)state;
	open_client(&client, "", servers.addresses[0], "");
	assert_works(&client);
	assert_int_equal(weir_redis_client_look(&client, "ns", &cell, &before), WEIR_OK);
	WEIR_REDIS_TELL(&servers, 0, "REPLICAOF 127.0.0.1 1");
	WEIR_REDIS_TELL(&servers, 0, "REPLICAOF NO ONE");
	(void)usleep(1100 * 1000);
	assert_int_equal(get(&client, "key"), WEIR_MISS);
	assert_int_equal(weir_redis_client_look(&client, "ns", &cell, &clock), WEIR_OK);
	assert_false(weir_clear_clock_valid(before, clock, cell));
	assert_works(&client);
	weir_redis_client_close(&client);
}

/* What is there is read; what does not go in is no failure of the server, and takes the old value away. */
static void test_redis_faults_full_server_still_answers(void **state)
{
	struct weir_redis_client client;

	(void)state;
	open_client(&client, "", servers.addresses[0], "");
	assert_works(&client);
	assert_int_equal(weir_redis_client_set(&client, "other", "value"), WEIR_OK);
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET maxmemory 1");
	assert_int_equal(weir_redis_client_set(&client, "key", "new"), WEIR_ERR_LIMIT);
	assert_int_equal(get(&client, "other"), WEIR_OK);
	assert_int_equal(get(&client, "key"), WEIR_MISS);
	assert_true(weir_redis_client_lease(&client, WEIR_LEASE_TAKE, "key", 1) < 0);
	assert_int_equal(weir_redis_client_line_count(&client), 1);
	assert_non_null(strstr(client.lines, "its memory is full"));
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET maxmemory 0");
	assert_works(&client);
	weir_redis_client_close(&client);
}

/* -- Reading from a replica ------------------------------------------------------------------------------------------------ */

static void await_replica(const char *key)
{
	char command[100];
	long long there = 0;

	(void)snprintf(command, sizeof(command), "EXISTS weir:v:%s", key);
	for (int64_t end_ms = now_ms() + 10000; there == 0 && now_ms() < end_ms; (void)usleep(5000)) {
		redisReply *reply = weir_redis_servers_tell(&servers, 1, command);

		there = reply ? reply->integer : 0;
		freeReplyObject(reply);
	}
	assert_int_equal(there, 1);
}

/* The replica stops hearing of its master: it lags for ever, but what was cleared meanwhile does not come back. */
static void test_redis_faults_lagging_replica_serves_nothing_that_was_cleared(void **state)
{
	struct weir_redis_client client;
	uint64_t cell, made, clock, cleared;
	char options[60], value[20];

	(void)state;
	WEIR_REDIS_TELL(&servers, 1, "REPLICAOF 127.0.0.1 %s", strchr(servers.addresses[0], ':') + 1);
	(void)snprintf(options, sizeof(options), "read=%s", servers.addresses[1]);
	open_client(&client, "", servers.addresses[0], options);
	assert_int_equal(weir_redis_client_set(&client, "first", "value"), WEIR_OK);
	await_replica("first");
	assert_int_equal(weir_redis_client_look(&client, "ns", &cell, &made), WEIR_OK);
	assert_int_equal(weir_redis_client_set(&client, "key", "old"), WEIR_OK);
	await_replica("key");
	WEIR_REDIS_TELL(&servers, 1, "REPLICAOF 127.0.0.1 1");
	assert_int_equal(weir_redis_client_set(&client, "key", "new"), WEIR_OK);
	assert_int_equal(weir_redis_client_clear(&client, "ns", &cleared), WEIR_OK);
	assert_int_equal(weir_redis_client_get(&client, "key", value, sizeof(value)), WEIR_OK);
	assert_string_equal(value, "old");
	assert_int_equal(weir_redis_client_look(&client, "ns", &cell, &clock), WEIR_OK);
	assert_true(cell == cleared && clock == cleared);
	assert_false(weir_clear_clock_valid(made, clock, cell));
	weir_server_freeze(&servers.servers[1]);
	assert_int_equal(weir_redis_client_get(&client, "key", value, sizeof(value)), WEIR_OK);
	assert_string_equal(value, "new");
	weir_server_stop(&servers.servers[1]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(weir_redis_client_get(&client, "key", value, sizeof(value)), WEIR_OK);
		assert_string_equal(value, "new");
	}
	assert_int_equal(weir_redis_client_line_count(&client), 1);
	weir_redis_servers_restart(&servers, 1, NULL);
	weir_redis_client_close(&client);
}

#define TEST(name) cmocka_unit_test_setup(test_redis_faults_##name, empty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unreachable_opens_and_says_so),
		TEST(missing_socket_is_named),
		TEST(restart_is_survived),
		TEST(connection_that_was_closed_is_made_anew),
		TEST(frozen_server_holds_nobody_for_long),
		TEST(nonsense_is_no_answer),
		TEST(dripping_server_is_cut_off),
		TEST(password_is_given_and_needed),
		TEST(user_without_rights_is_told),
		TEST(single_server_is_no_cluster),
		TEST(replica_is_not_written_to),
		TEST(replica_is_not_believed),
		TEST(master_of_another_tenure_is_noticed),
		TEST(full_server_still_answers),
		TEST(lagging_replica_serves_nothing_that_was_cleared),
	};
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start(&servers, 2, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	weir_redis_servers_stop(&servers);
	return failed;
}
