/* SPDX-License-Identifier: Apache-2.0
 *
 * Clear cells in a real Redis: what it throws out when its memory is full, which is never a clear that nobody notices; how long they are
 * kept, and what is known of those that were forgotten because they were too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/redis/redis.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

/* Nothing in here is about time limits, and the machine may be busy. */
#define PATIENCE "connect_timeout_ms=10000&read_timeout_ms=10000&total_timeout_ms=20000"

/* How long a key's own clear cell is kept, and how long values are: so that the cell is the first to go. */
#define CELL_MS ((int64_t)3600 * 1000)
#define VALUE_MS (24 * CELL_MS)

#define VALUE_SIZE ((size_t)8 * 1024)
#define BATCH 100

/* More than once what the server's memory holds. */
#define BATCHES 20

static struct weir_redis_servers servers;

static int open_client(void **state)
{
	struct weir_redis_client *client = calloc(1, sizeof(*client));
	char url[200];

	if (!client)
		return -1;
	(void)snprintf(url, sizeof(url), "redis://%s?" PATIENCE, servers.addresses[0]);
	weir_redis_servers_flush(&servers);
	weir_redis_client_open(client, url);
	*state = client;
	return 0;
}

static int close_client(void **state)
{
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET maxmemory 0");
	weir_redis_client_close(*state);
	free(*state);
	return 0;
}

static long long evicted(void)
{
	redisReply *reply = weir_redis_servers_tell(&servers, 0, "INFO stats");
	const char *at = reply ? strstr(reply->str, "evicted_keys:") : NULL;
	long long number = at ? strtoll(strchr(at, ':') + 1, NULL, 10) : -1;

	freeReplyObject(reply);
	return number;
}

/* Stores values until many more were thrown out than the server keeps. */
static void fill(struct weir_redis_client *client)
{
	static char value[VALUE_SIZE], keys[BATCH][32];
	struct weir_backend_set sets[BATCH];
	int64_t expires_ms = weir_clock_wall_ms(weir_clock_system()) + VALUE_MS;

	for (int batch = 0; batch < BATCHES; batch++) {
		for (int i = 0; i < BATCH; i++) {
			(void)snprintf(keys[i], sizeof(keys[i]), "filling%d-%d", batch, i);
			sets[i] = (struct weir_backend_set){ .key = weir_slice_text(keys[i]),
							     .value = weir_slice(value, sizeof(value)),
							     .expires_ms = expires_ms };
		}
		assert_int_equal(client->ops->set_many(client->self, sets, BATCH), WEIR_OK);
	}
}

/* As the cache looks an entry up: the cells of all and of the namespace with the wish to make them, the key's own without. */
static void look_up(struct weir_redis_client *client, struct weir_backend_cell cells[3], uint64_t *clock)
{
	static const char *const names[] = { "all", "ns", "key" };
	struct weir_backend_read read = { .cells = cells, .cell_count = 3 }, *reads = &read;

	for (size_t i = 0; i < 3; i++)
		cells[i] = (struct weir_backend_cell){ .name = weir_slice_text(names[i]), .create = i < 2 };
	assert_int_equal(client->ops->get_many(client->self, &reads, 1), WEIR_OK);
	assert_int_equal(read.status, WEIR_OK);
	*clock = read.clock;
}

static bool is_valid(struct weir_redis_client *client, uint64_t made)
{
	struct weir_backend_cell cells[3];
	uint64_t clock;

	look_up(client, cells, &clock);
	return weir_clear_clock_valid(made, clock, cells[0].stamp) && weir_clear_clock_valid(made, clock, cells[1].stamp) &&
	       weir_clear_clock_valid(made, clock, cells[2].stamp);
}

/* A value's making begins, its key is cleared, the server throws out what it likes, and then the value is stored: it is not served. */
static void late_store(struct weir_redis_client *client, const char *policy)
{
	struct weir_slice key = WEIR_SLICE_LITERAL("key");
	struct weir_backend_cell cells[3];
	long long before = evicted();
	uint64_t made, cleared;

	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET maxmemory-policy %s", policy);
	WEIR_REDIS_TELL(&servers, 0, "CONFIG SET maxmemory 4mb");
	look_up(client, cells, &made);
	assert_true(is_valid(client, made));
	assert_int_equal(client->ops->clear(client->self, &key, 1, CELL_MS, &cleared), WEIR_OK);
	assert_false(is_valid(client, made));
	fill(client);
	assert_true(evicted() - before > BATCH);
	assert_false(is_valid(client, made));
}

static void test_redis_cells_survive_eviction_by_shortest_time(void **state)
{
	late_store(*state, "volatile-ttl");
}

static void test_redis_cells_survive_eviction_of_what_expires(void **state)
{
	late_store(*state, "volatile-random");
}

static void test_redis_cells_go_with_the_clock_in_eviction_of_anything(void **state)
{
	for (int round = 0; round < 5; round++)
		late_store(*state, "allkeys-random");
}

static void test_redis_cells_go_with_the_clock_in_eviction_of_the_least_used(void **state)
{
	late_store(*state, "allkeys-lru");
}

/* -- What is kept ---------------------------------------------------------------------------------------------------------- */

static uint64_t clear(struct weir_redis_client *client, const char *name, int64_t keep_ms)
{
	struct weir_slice cell = weir_slice_text(name);
	uint64_t clock;

	assert_int_equal(client->ops->clear(client->self, &cell, 1, keep_ms, &clock), WEIR_OK);
	return clock;
}

static uint64_t stamp_of(struct weir_redis_client *client, const char *name, uint64_t *clock)
{
	uint64_t stamp;

	assert_int_equal(weir_redis_client_look(client, name, &stamp, clock), WEIR_OK);
	return stamp;
}

/* How long the cell "ns" is kept from now on; -1: without end. */
static long long kept_ms(void)
{
	redisReply *reply = weir_redis_servers_tell(&servers, 0, "HGET weir:c :ns");
	const char *end;
	long long ms;

	assert_true(reply && reply->str);
	end = strchr(reply->str, ' ');
	ms = end ? strtoll(end, NULL, 10) - weir_clock_wall_ms(weir_clock_system()) : -1;
	freeReplyObject(reply);
	return ms;
}

static void test_redis_cells_live_as_long_as_their_longest_clear_asked(void **state)
{
	(void)clear(*state, "ns", 1000000);
	assert_in_range(kept_ms(), 900000, 1000000);
	(void)clear(*state, "ns", 1000);
	assert_in_range(kept_ms(), 900000, 1000000);
	(void)clear(*state, "ns", 0);
	assert_int_equal(kept_ms(), -1);
	(void)clear(*state, "ns", 1000);
	assert_int_equal(kept_ms(), -1);
}

/* Looking costs no write: nothing is made because somebody asks for it. */
static void test_redis_cells_are_made_by_clears_alone(void **state)
{
	uint64_t clock, cleared;

	assert_int_equal(stamp_of(*state, "ns", &clock), 0);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "HLEN weir:c"), 1);
	cleared = clear(*state, "ns", 0);
	assert_true(cleared == clock + 1);
	assert_true(stamp_of(*state, "ns", &clock) == cleared && clock == cleared);
	assert_int_equal(stamp_of(*state, "other", &clock), 0);
	assert_int_equal(weir_redis_servers_number(&servers, 0, "HLEN weir:c"), 3); /* the clock, the cell, the cursor */
	assert_int_equal(weir_redis_servers_number(&servers, 0, "PTTL weir:c"), -1);
}

/* Those whose time is over go with the clears that follow, and say nothing about those that were never cleared. */
static void test_redis_cells_are_forgotten_when_their_time_is_over(void **state)
{
	uint64_t made, clock;
	char name[32];

	assert_int_equal(stamp_of(*state, "never", &made), 0);
	(void)clear(*state, "stays", 0);
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "key%d", i);
		(void)clear(*state, name, 1);
	}
	assert_in_range(weir_redis_servers_number(&servers, 0, "HLEN weir:c"), 3, 1500);
	assert_int_equal(stamp_of(*state, "never", &clock), 0);
	assert_true(stamp_of(*state, "stays", &clock) == made + 1);
	assert_true(weir_clear_clock_valid(made, clock, 0));
}

/* Beyond the limit the oldest are forgotten, and every clear is still seen: by what it has cleared, and maybe by more. */
static void test_redis_cells_too_many_are_forgotten_from_the_oldest_on(void **state)
{
	struct weir_redis_client *client = *state;
	struct weir_redis *redis = client->self;
	uint64_t cleared[1000], clock, lowest;
	char name[32];

	redis->cells_max = 100;
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "tag%d", i);
		cleared[i] = clear(client, name, i % 2 ? CELL_MS : 0);
	}
	assert_in_range(weir_redis_servers_number(&servers, 0, "HLEN weir:c"), 100, 200);
	lowest = stamp_of(client, "never", &clock);
	assert_true(lowest > cleared[600] && lowest <= cleared[900]);
	for (int i = 0; i < 1000; i++) {
		uint64_t stamp;

		(void)snprintf(name, sizeof(name), "tag%d", i);
		stamp = stamp_of(client, name, &clock);
		assert_true(stamp >= cleared[i] && stamp <= clock);
		assert_true(i <= 900 || stamp == cleared[i]);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_redis_cells_##name, open_client, close_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(survive_eviction_by_shortest_time),         TEST(survive_eviction_of_what_expires),
		TEST(go_with_the_clock_in_eviction_of_anything), TEST(go_with_the_clock_in_eviction_of_the_least_used),
		TEST(live_as_long_as_their_longest_clear_asked), TEST(are_made_by_clears_alone),
		TEST(are_forgotten_when_their_time_is_over),     TEST(too_many_are_forgotten_from_the_oldest_on),
	};
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start(&servers, 1, NULL);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	weir_redis_servers_stop(&servers);
	return failed;
}
