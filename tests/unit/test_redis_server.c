/* SPDX-License-Identifier: Apache-2.0
 *
 * The Redis driver and what else happens to a server: what others write, what is lost, what comes back old, and other hosts. One server for
 * all tests; each finds it empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/redis_client.h"
#include "support/redis_server.h"

/* Nothing in here is about time limits, and the machine may be busy. */
#define PATIENCE "connect_timeout_ms=10000&read_timeout_ms=10000&total_timeout_ms=20000"

#define EPOCH(stamp) ((stamp) >> 40)

static struct weir_redis_servers servers;

/* Two hosts that share the server. */
struct hosts {
	struct weir_redis_client one, two;
};

static int open_hosts(void **state)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));
	char url[200];

	if (!hosts)
		return -1;
	(void)snprintf(url, sizeof(url), "redis://%s?" PATIENCE, servers.addresses[0]);
	weir_redis_servers_flush(&servers);
	weir_redis_client_open(&hosts->one, url);
	weir_redis_client_open(&hosts->two, url);
	*state = hosts;
	return 0;
}

static int close_hosts(void **state)
{
	struct hosts *hosts = *state;

	weir_redis_client_close(&hosts->one);
	weir_redis_client_close(&hosts->two);
	free(hosts);
	return 0;
}

WEIR_PRINTF(1, 2)
static void tell(const char *format, ...)
{
	char command[300];
	redisReply *reply;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	reply = weir_redis_servers_tell(&servers, 0, command);
	assert_non_null(reply);
	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", command, reply->str);
	freeReplyObject(reply);
}

/* A number in a reply to INFO. */
static long long ask_info(const char *name)
{
	redisReply *reply = weir_redis_servers_tell(&servers, 0, "INFO stats");
	const char *at = reply ? strstr(reply->str, name) : NULL;
	long long number;

	assert_non_null(at);
	number = strtoll(at + strlen(name) + 1, NULL, 10);
	freeReplyObject(reply);
	return number;
}

static void assert_value(struct weir_redis_client *client, const char *key, const char *expected)
{
	char value[100] = "";

	assert_int_equal(weir_redis_client_get(client, key, value, sizeof(value)), expected ? WEIR_OK : WEIR_MISS);
	assert_string_equal(value, expected ? expected : "");
}

/* -- Others' keys ---------------------------------------------------------------------------------------------------------- */

static void test_redis_server_garbage_under_a_values_name_is_a_miss(void **state)
{
	struct hosts *hosts = *state;
	static const char *const commands[] = {
		"SET weir:v:key garbage", "SET weir:v:key x",  "SETRANGE weir:v:key 100 x", "RPUSH weir:v:key a b",
		"HSET weir:v:key a b",    "SADD weir:v:key a", "XADD weir:v:key * a b",
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		tell("DEL weir:v:key");
		tell("%s", commands[i]);
		assert_value(&hosts->one, "key", NULL);
		assert_int_equal(weir_redis_client_set(&hosts->one, "key", "value"), WEIR_OK);
		assert_value(&hosts->two, "key", "value");
	}
}

/* A record of another key: what a collision of names, or a RENAME, would bring. */
static void test_redis_server_record_of_another_key_is_a_miss(void **state)
{
	struct hosts *hosts = *state;

	assert_int_equal(weir_redis_client_set(&hosts->one, "kex", "value"), WEIR_OK);
	tell("RENAME weir:v:kex weir:v:key");
	assert_value(&hosts->one, "key", NULL);
}

static void test_redis_server_garbage_for_a_clock_makes_a_new_one(void **state)
{
	struct hosts *hosts = *state;
	static const char *const commands[] = { "SET weir:c garbage", "RPUSH weir:c a", "HSET weir:c a b", "HSET weir:c clock garbage",
						"HSET weir:c clock 0000000000000000_0000000000000001_0000000000000001" };
	uint64_t cell, before, clock, cleared;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &before), WEIR_OK);
		tell("DEL weir:c");
		tell("%s", commands[i]);
		assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
		assert_false(weir_clear_clock_valid(before, clock, cell));
		assert_true(weir_clear_clock_valid(clock, clock, cell));
		tell("DEL weir:c");
		tell("%s", commands[i]);
		assert_int_equal(weir_redis_client_clear(&hosts->two, "ns", &cleared), WEIR_OK);
		assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
		assert_true(cell == cleared && clock == cleared);
	}
}

static void test_redis_server_garbage_for_a_cell_is_a_cell_that_was_lost(void **state)
{
	struct hosts *hosts = *state;
	static const char *const commands[] = { "HSET weir:c :ns garbage", "HSET weir:c :ns 00000000000fffff",
						"HSET weir:c :ns 00000000000fffff-" };
	uint64_t cell, made, clock, cleared;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &made), WEIR_OK);
		assert_int_equal(weir_redis_client_clear(&hosts->one, "ns", &cleared), WEIR_OK);
		tell("%s", commands[i]);
		assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
		assert_false(weir_clear_clock_valid(made, clock, cell));
		assert_true(weir_clear_clock_valid(clock, clock, cell));
	}
}

static void test_redis_server_garbage_for_a_lease_is_nobodys(void **state)
{
	struct hosts *hosts = *state;

	tell("RPUSH weir:l:key a");
	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_RENEW, "key", 1), WEIR_MISS);
	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->two, WEIR_LEASE_TAKE, "key", 2), WEIR_BUSY);
	tell("SET weir:l:key garbage");
	assert_int_equal(weir_redis_client_lease(&hosts->two, WEIR_LEASE_TAKE, "key", 2), WEIR_OK);
}

static bool count_visit(void *state, struct weir_slice key, struct weir_slice value)
{
	size_t *count = state;

	(void)value;
	*count += key.data != NULL;
	return true;
}

static size_t walk(struct weir_redis_client *client, const char *prefix, bool remove)
{
	size_t count = 0;

	assert_int_equal(client->ops->walk(client->self, weir_slice_text(prefix), remove, count_visit, &count), WEIR_OK);
	return count;
}

static void test_redis_server_walks_leave_others_keys_alone(void **state)
{
	struct hosts *hosts = *state;

	tell("SET weir:other 1");
	tell("SET weir:v:key2 garbage");
	tell("RPUSH weir:v:key3 a");
	tell("SET weirxv:key4 1");
	assert_int_equal(weir_redis_client_set(&hosts->one, "key1", "value"), WEIR_OK);
	assert_int_equal(walk(&hosts->one, "", true), 1);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "EXISTS weir:other weir:v:key2 weir:v:key3 weirxv:key4"), 4);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "EXISTS weir:v:key1"), 0);
}

static void test_redis_server_walk_goes_through_more_than_one_step(void **state)
{
	struct hosts *hosts = *state;
	char key[32], url[200];
	struct weir_redis_client lua;

	for (int i = 0; i < 2000; i++) {
		(void)snprintf(key, sizeof(key), "%s%d", i % 2 ? "even" : "odd", i);
		assert_int_equal(weir_redis_client_set(&hosts->one, key, "value"), WEIR_OK);
	}
	(void)snprintf(url, sizeof(url), "redis://%s?clear=lua&" PATIENCE, servers.addresses[0]);
	weir_redis_client_open(&lua, url);
	assert_int_equal(walk(&hosts->one, "even", false), 1000);
	assert_int_equal(walk(&lua, "odd", false), 1000);
	assert_int_equal(walk(&hosts->one, "even", true), 1000);
	assert_int_equal(walk(&lua, "", true), 1000);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "DBSIZE"), 0);
	weir_redis_client_close(&lua);
}

static bool ask_twice(void *state, struct weir_slice key, struct weir_slice value)
{
	size_t *questions = state;

	(void)value;
	assert_null(key.data);
	return ++*questions < 2;
}

/* Also among keys of others, where nothing is found. */
static void test_redis_server_walk_ends_when_it_is_told_to(void **state)
{
	struct hosts *hosts = *state;
	size_t questions = 0;

	WEIR_REDIS_TELL(&servers, 0, "EVAL %s 0", "for i = 1, 4000 do redis.call('SET', 'theirs' .. i, 1) end");
	assert_int_equal(hosts->one.ops->walk(hosts->one.self, WEIR_SLICE_NONE, false, ask_twice, &questions), WEIR_OK);
	assert_int_equal(questions, 2);
}

/* Their names are cut before they differ, so that only the keys themselves tell. */
static void test_redis_server_walk_tells_long_keys_apart(void **state)
{
	struct hosts *hosts = *state;
	char key[320];

	memset(key, 'k', sizeof(key));
	memcpy(key + 310, "a1", 3);
	assert_int_equal(weir_redis_client_set(&hosts->one, key, "value"), WEIR_OK);
	memcpy(key + 310, "b1", 3);
	assert_int_equal(weir_redis_client_set(&hosts->one, key, "value"), WEIR_OK);
	key[311] = '\0';
	assert_int_equal(walk(&hosts->one, key, true), 1);
	assert_int_equal(walk(&hosts->one, key, true), 0);
	assert_int_equal(walk(&hosts->one, "kkk", true), 1);
}

static void test_redis_server_clear_by_clock_leaves_entries_to_expire(void **state)
{
	struct hosts *hosts = *state;
	struct weir_redis_client lazy;
	char url[200];

	(void)snprintf(url, sizeof(url), "redis://%s?clear=clock&" PATIENCE, servers.addresses[0]);
	weir_redis_client_open(&lazy, url);
	assert_int_equal(weir_redis_client_set(&hosts->one, "key", "value"), WEIR_OK);
	assert_int_equal(walk(&lazy, "", true), 0);
	assert_int_equal(walk(&lazy, "", false), 1);
	assert_value(&hosts->one, "key", "value");
	weir_redis_client_close(&lazy);
}

static void test_redis_server_prefixes_share_nothing(void **state)
{
	struct hosts *hosts = *state;
	struct weir_redis_client other;
	uint64_t cell, before, clock;
	char url[200];

	(void)snprintf(url, sizeof(url), "redis://%s?prefix=other:&" PATIENCE, servers.addresses[0]);
	weir_redis_client_open(&other, url);
	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &before), WEIR_OK);
	assert_int_equal(weir_redis_client_set(&hosts->one, "key", "value"), WEIR_OK);
	assert_value(&other, "key", NULL);
	assert_int_equal(weir_redis_client_clear(&other, "ns", &clock), WEIR_OK);
	assert_int_equal(walk(&other, "", true), 0);
	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
	assert_true(clock == before);
	assert_value(&hosts->one, "key", "value");
	weir_redis_client_close(&other);
}

/* -- Other hosts ----------------------------------------------------------------------------------------------------------- */

static void test_redis_server_lease_is_seen_by_other_hosts(void **state)
{
	struct hosts *hosts = *state;

	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->two, WEIR_LEASE_TAKE, "key", 2), WEIR_BUSY);
	assert_int_equal(weir_redis_client_lease(&hosts->two, WEIR_LEASE_RELEASE, "key", 2), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->two, WEIR_LEASE_TAKE, "key", 2), WEIR_BUSY);
	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_RENEW, "key", 1), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_RELEASE, "key", 1), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->two, WEIR_LEASE_TAKE, "key", 2), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_RENEW, "key", 1), WEIR_MISS);
}

static void test_redis_server_clear_is_seen_by_other_hosts_and_beats_a_late_store(void **state)
{
	struct hosts *hosts = *state;
	uint64_t cell, made, clock, cleared;

	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &made), WEIR_OK);
	assert_int_equal(weir_redis_client_clear(&hosts->two, "ns", &cleared), WEIR_OK);
	assert_int_equal(weir_redis_client_set(&hosts->one, "key", "made before the clear"), WEIR_OK);
	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
	assert_true(cell == cleared && clock == cleared);
	assert_false(weir_clear_clock_valid(made, clock, cell));
}

static void test_redis_server_lease_list_is_done_in_order(void **state)
{
	struct hosts *hosts = *state;
	struct weir_slice key = WEIR_SLICE_LITERAL("key");
	struct weir_backend_lease leases[] = {
		{ WEIR_LEASE_TAKE, key, 1, 1000, WEIR_ERR_STATE },    { WEIR_LEASE_TAKE, key, 2, 1000, WEIR_ERR_STATE },
		{ WEIR_LEASE_RELEASE, key, 1, 0, WEIR_ERR_STATE },    { WEIR_LEASE_RENEW, key, 1, 1000, WEIR_ERR_STATE },
		{ WEIR_LEASE_TAKE, key, 2, 1000, WEIR_ERR_STATE },    { WEIR_LEASE_RENEW, key, 2, 1000, WEIR_ERR_STATE },
		{ WEIR_LEASE_RELEASE, key, 3, 1000, WEIR_ERR_STATE }, { WEIR_LEASE_TAKE, key, 2, 1000, WEIR_ERR_STATE },
	};
	static const enum weir_status expected[] = { WEIR_OK, WEIR_BUSY, WEIR_OK, WEIR_MISS, WEIR_OK, WEIR_OK, WEIR_OK, WEIR_OK };

	assert_int_equal(hosts->one.ops->lease_many(hosts->one.self, leases, 8), WEIR_OK);
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(leases[i].status, expected[i]);
}

/* -- What is lost, and what comes back ------------------------------------------------------------------------------------- */

static void test_redis_server_flushed_comes_back_with_another_epoch(void **state)
{
	struct hosts *hosts = *state;
	uint64_t cell, before, clock;

	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &before), WEIR_OK);
	tell("FLUSHALL");
	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
	assert_true(EPOCH(before) != EPOCH(clock));
	assert_true(cell == 0);
}

/* A snapshot holds what was replaced, and cells as they were before a clear that has returned. */
static void test_redis_server_restarted_from_an_old_snapshot_serves_nothing_of_it(void **state)
{
	struct hosts *hosts = *state;
	uint64_t cell, made, clock;

	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &made), WEIR_OK);
	assert_int_equal(weir_redis_client_set(&hosts->one, "key", "old"), WEIR_OK);
	tell("SAVE");
	assert_int_equal(weir_redis_client_set(&hosts->one, "key", "new"), WEIR_OK);
	assert_int_equal(weir_redis_client_clear(&hosts->one, "ns", &clock), WEIR_OK);
	weir_server_stop(&servers.servers[0]);
	weir_redis_servers_restart(&servers, 0, NULL);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "EXISTS weir:v:key weir:c"), 2);
	assert_value(&hosts->one, "key", NULL);
	assert_int_equal(weir_redis_client_look(&hosts->two, "ns", &cell, &clock), WEIR_OK);
	assert_false(weir_clear_clock_valid(made, clock, cell));
	assert_true(weir_clear_clock_valid(clock, clock, cell));
	assert_int_equal(walk(&hosts->one, "", true), 0);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "EXISTS weir:v:key"), 0);
	(void)unlink(weir_scratch_file(&servers.scratch, "dump.rdb"));
}

static void test_redis_server_scripts_that_were_flushed_are_sent_again(void **state)
{
	struct hosts *hosts = *state;
	uint64_t cell, clock;

	assert_int_equal(weir_redis_client_clear(&hosts->one, "ns", &clock), WEIR_OK);
	tell("SCRIPT FLUSH");
	assert_int_equal(weir_redis_client_clear(&hosts->one, "ns", &clock), WEIR_OK);
	assert_int_equal(weir_redis_client_look(&hosts->one, "ns", &cell, &clock), WEIR_OK);
	assert_int_equal(weir_redis_client_lease(&hosts->one, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
}

/* -- How it is asked ------------------------------------------------------------------------------------------------------- */

/* The server counts how often it reads from a socket: once for each batch, for this question, and for the end of the one before. */
static void test_redis_server_batch_is_one_round_trip(void **state)
{
	struct hosts *hosts = *state;
	struct weir_backend_cell cells[64][3];
	struct weir_backend_read reads[64], *list[64];
	struct weir_backend_get gets[64];
	char keys[64][16], names[64][16];
	long long before, rounds = 0;
	uint64_t cleared;

	assert_int_equal(weir_redis_client_clear(&hosts->two, "ns", &cleared), WEIR_OK);
	for (size_t i = 0; i < 64; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "key%zu", i);
		(void)snprintf(names[i], sizeof(names[i]), "cell%zu", i);
		gets[i] = (struct weir_backend_get){ .key = weir_slice_text(keys[i]) };
		cells[i][0] = (struct weir_backend_cell){ .name = WEIR_SLICE_LITERAL("ns"), .create = true };
		cells[i][1] = (struct weir_backend_cell){ .name = weir_slice_text(names[i]), .create = true };
		cells[i][2] = (struct weir_backend_cell){ .name = weir_slice_text(keys[i]) };
		reads[i] = (struct weir_backend_read){ .gets = &gets[i], .get_count = 1, .cells = cells[i], .cell_count = 3 };
		list[i] = &reads[i];
	}
	assert_int_equal(hosts->one.ops->get_many(hosts->one.self, list, 64), WEIR_OK);
	before = ask_info("total_reads_processed");
	for (; rounds < 5; rounds++)
		assert_int_equal(hosts->one.ops->get_many(hosts->one.self, list, 64), WEIR_OK);
	assert_int_equal(ask_info("total_reads_processed") - before, rounds + 2);
	for (size_t i = 0; i < 64; i++) {
		assert_int_equal(reads[i].status, WEIR_OK);
		assert_true(cells[i][0].stamp == cleared && cells[i][1].stamp == 0 && cells[i][2].stamp == 0);
		assert_true(reads[i].clock == cleared);
	}
}

static void test_redis_server_counts_hits_misses_and_sets(void **state)
{
	struct hosts *hosts = *state;
	struct weir_backend_stats stats;

	assert_int_equal(weir_redis_client_set(&hosts->one, "a", "1"), WEIR_OK);
	assert_int_equal(weir_redis_client_set(&hosts->one, "b", "1"), WEIR_OK);
	assert_value(&hosts->one, "a", "1");
	assert_value(&hosts->one, "c", NULL);
	assert_value(&hosts->one, "b", "1");
	hosts->one.ops->stats(hosts->one.self, &stats);
	assert_int_equal(stats.hits, 2);
	assert_int_equal(stats.misses, 1);
	assert_int_equal(stats.sets, 2);
	assert_int_equal(stats.items, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_redis_server_##name, open_hosts, close_hosts)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(garbage_under_a_values_name_is_a_miss),
		TEST(record_of_another_key_is_a_miss),
		TEST(garbage_for_a_clock_makes_a_new_one),
		TEST(garbage_for_a_cell_is_a_cell_that_was_lost),
		TEST(garbage_for_a_lease_is_nobodys),
		TEST(walks_leave_others_keys_alone),
		TEST(walk_goes_through_more_than_one_step),
		TEST(walk_ends_when_it_is_told_to),
		TEST(walk_tells_long_keys_apart),
		TEST(clear_by_clock_leaves_entries_to_expire),
		TEST(prefixes_share_nothing),
		TEST(lease_is_seen_by_other_hosts),
		TEST(clear_is_seen_by_other_hosts_and_beats_a_late_store),
		TEST(lease_list_is_done_in_order),
		TEST(flushed_comes_back_with_another_epoch),
		TEST(restarted_from_an_old_snapshot_serves_nothing_of_it),
		TEST(scripts_that_were_flushed_are_sent_again),
		TEST(batch_is_one_round_trip),
		TEST(counts_hits_misses_and_sets),
	};
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start(&servers, 1, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	weir_redis_servers_stop(&servers);
	return failed;
}
