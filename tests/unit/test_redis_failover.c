/* SPDX-License-Identifier: Apache-2.0
 *
 * A cluster that changes under load: slots on their way to another node, masters that hand over, masters that die with writes that no
 * replica has heard of. Two hosts play a game in turns, so that it is known at each read what may come: of a key, the version that was
 * stored last, or nothing; a version whose store has failed may be there or not; and nothing valid from before a clear that has returned.
 *
 * One cluster for all tests; each leaves it whole. Elections take real time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>

#include "backends/redis/slot.h"
#include "support/redis_client.h"
#include "support/redis_server.h"

#define KEYS 150
#define CLOCK_NAME "weir:c"

/* An election takes a node timeout (1.5 s) and a little. */
#define RECOVERY_MS 20000

static struct weir_redis_servers servers;

struct known {
	unsigned stored;  /* the version that was stored last; 0: none */
	unsigned tried;   /* the last that may have been stored */
	unsigned cleared; /* what was made up to it is not valid */
};

struct game {
	struct weir_redis_client hosts[2];
	struct known known[KEYS];
	uint64_t made_at; /* the clock when the makers of now began */
	uint64_t seed;
	unsigned hits, misses, invalid, failures, clears;
	unsigned wrong; /* what must not be */
};

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

static uint64_t draw(struct game *game, uint64_t below)
{
	game->seed ^= game->seed << 13;
	game->seed ^= game->seed >> 7;
	game->seed ^= game->seed << 17;
	return (game->seed >> 16) % below;
}

/* -- The game -------------------------------------------------------------------------------------------------------------- */

static void store(struct game *game, struct weir_redis_client *host, size_t number)
{
	struct known *known = &game->known[number];
	char key[32], value[64];

	(void)snprintf(key, sizeof(key), "key%zu", number);
	(void)snprintf(value, sizeof(value), "%u %" PRIu64, ++known->tried, game->made_at);
	if (weir_redis_client_set(host, key, value) == WEIR_OK)
		known->stored = known->tried;
	else
		game->failures++;
}

/* All of the namespace: what will be made is made from then on. */
static void clear(struct game *game, struct weir_redis_client *host)
{
	uint64_t clock, cell;

	if (weir_redis_client_clear(host, "ns", &clock) != WEIR_OK) {
		game->failures++;
		return;
	}
	game->clears++;
	for (size_t i = 0; i < KEYS; i++)
		game->known[i].cleared = game->known[i].tried;
	while (weir_redis_client_look(host, "ns", &cell, &game->made_at) != WEIR_OK)
		game->failures++;
}

static void judge(struct game *game, const struct known *known, const struct weir_backend_read *read)
{
	const struct weir_backend_get *get = &read->gets[0];
	unsigned version;
	uint64_t stamp;
	char value[64], *end;

	if (get->status != WEIR_OK) {
		game->misses++;
		return;
	}
	(void)snprintf(value, sizeof(value), "%.*s", (int)get->value.len, get->value.data);
	version = (unsigned)strtoul(value, &end, 10);
	stamp = strtoull(end, NULL, 10);
	if (version < known->stored || version > known->tried) {
		(void)fprintf(stderr, "# read %s, stored %u, tried %u\n", value, known->stored, known->tried);
		game->wrong++;
		return;
	}
	if (!weir_clear_clock_valid(stamp, read->clock, read->cells[0].stamp)) {
		game->invalid++;
		return;
	}
	if (version <= known->cleared) {
		(void)fprintf(stderr, "# version %u is valid, cleared up to %u\n", version, known->cleared);
		game->wrong++;
	}
	game->hits++;
}

static void look_up(struct game *game, struct weir_redis_client *host, size_t number)
{
	char key[32];
	struct weir_backend_get get = { .key = weir_slice(key, (size_t)snprintf(key, sizeof(key), "key%zu", number)) };
	struct weir_backend_cell cell = { .name = WEIR_SLICE_LITERAL("ns"), .create = true };
	struct weir_backend_read read = { .gets = &get, .get_count = 1, .cells = &cell, .cell_count = 1 }, *reads = &read;

	if (host->ops->get_many(host->self, &reads, 1) != WEIR_OK || read.status != WEIR_OK) {
		game->failures++;
		return;
	}
	judge(game, &game->known[number], &read);
	if (get.release)
		get.release(get.owner);
}

/* A new epoch makes all that is stored invalid: makers begin anew, as the cache's do at every miss. */
static void begin_making(struct game *game, struct weir_redis_client *host)
{
	uint64_t cell, clock;

	if (weir_redis_client_look(host, "ns", &cell, &clock) == WEIR_OK)
		game->made_at = clock;
}

static void turn(struct game *game)
{
	struct weir_redis_client *host = &game->hosts[draw(game, 2)];
	uint64_t what = draw(game, 100);
	size_t number = draw(game, KEYS);

	if (what < 60)
		look_up(game, host, number);
	else if (what < 95)
		store(game, host, number);
	else if (what < 99)
		begin_making(game, host);
	else
		clear(game, host);
}

static void play_ms(struct game *game, int64_t ms)
{
	for (int64_t end_ms = now_ms() + ms; now_ms() < end_ms;)
		turn(game);
}

/* Every key is read by both hosts; returns how many were hits. */
static unsigned look_at_all(struct game *game)
{
	unsigned before = game->hits;

	for (size_t i = 0; i < KEYS; i++) {
		look_up(game, &game->hosts[0], i);
		look_up(game, &game->hosts[1], i);
	}
	return game->hits - before;
}

static void store_every(struct game *game, size_t step)
{
	for (size_t i = 0; i < KEYS; i += step)
		store(game, &game->hosts[i % 2], i);
}

static int begin_game(void **state)
{
	struct game *game = calloc(1, sizeof(*game));
	char url[300];

	if (!game)
		return -1;
	game->seed = 88172645463325252;
	weir_redis_servers_flush(&servers);
	(void)snprintf(url, sizeof(url), "redis+cluster://%s,%s", servers.addresses[0], servers.addresses[3]);
	weir_redis_client_open(&game->hosts[0], url);
	(void)snprintf(url, sizeof(url), "redis+cluster://%s,%s,%s", servers.addresses[5], servers.addresses[2], servers.addresses[1]);
	weir_redis_client_open(&game->hosts[1], url);
	begin_making(game, &game->hosts[0]);
	*state = game;
	return 0;
}

static int end_game(void **state)
{
	struct game *game = *state;

	(void)fprintf(stderr, "# hits %u misses %u invalid %u failures %u clears %u wrong %u\n", game->hits, game->misses, game->invalid,
		      game->failures, game->clears, game->wrong);
	weir_redis_client_close(&game->hosts[0]);
	weir_redis_client_close(&game->hosts[1]);
	free(game);
	return 0;
}

/* -- The cluster ----------------------------------------------------------------------------------------------------------- */

static bool is_master(size_t at)
{
	redisReply *reply = weir_redis_servers_tell(&servers, at, "ROLE");
	bool master = reply && reply->type == REDIS_REPLY_ARRAY && strcmp(reply->element[0]->str, "master") == 0;

	freeReplyObject(reply);
	return master;
}

/* The master that serves the name: who does not send one elsewhere. */
static size_t owner_of(const char *name)
{
	for (size_t i = 0; i < servers.count; i++) {
		redisReply *reply = servers.servers[i].pid > 0 ? weir_redis_servers_tell(&servers, i, "EXISTS %s", name) : NULL;
		bool here = reply && reply->type == REDIS_REPLY_INTEGER;

		freeReplyObject(reply);
		if (here)
			return i;
	}
	fail_msg("nobody has %s", name);
	return 0;
}

/* The server whose port the master's word names first among its replicas. */
static size_t replica_of(size_t master)
{
	redisReply *reply = weir_redis_servers_tell(&servers, master, "INFO replication");
	const char *at = reply ? strstr(reply->str, "slave0:") : NULL;
	size_t found = servers.count;
	char port[16];

	assert_non_null(at);
	for (size_t i = 0; i < servers.count; i++) {
		(void)snprintf(port, sizeof(port), "port=%s,", strchr(servers.addresses[i], ':') + 1);
		if (strstr(at, port))
			found = i;
	}
	freeReplyObject(reply);
	assert_true(found < servers.count);
	return found;
}

static void node_id(size_t at, char id[64])
{
	redisReply *reply = weir_redis_servers_tell(&servers, at, "CLUSTER MYID");

	assert_non_null(reply);
	(void)snprintf(id, 64, "%s", reply->str);
	freeReplyObject(reply);
}

/* Asks a replica to take over, and plays until it has. Redis gives such an attempt up after five seconds, on a busy machine, say. */
static void play_until_promoted(struct game *game, size_t at)
{
	for (int attempts = 0; !is_master(at); attempts++) {
		int64_t end_ms = now_ms() + 6000;

		assert_true(attempts < 4);
		WEIR_REDIS_TELL(&servers, at, "CLUSTER FAILOVER");
		while (!is_master(at) && now_ms() < end_ms)
			play_ms(game, 20);
	}
}

/* From now on, both hosts can store and read every key; returns after how long. */
static int64_t await_service(struct game *game)
{
	int64_t begun_ms = now_ms();
	unsigned before;

	do {
		assert_true(now_ms() - begun_ms < RECOVERY_MS);
		before = game->failures;
		begin_making(game, &game->hosts[0]);
		store_every(game, 1);
	} while (game->failures > before || look_at_all(game) < 2 * KEYS);
	return now_ms() - begun_ms;
}

/* Only reads, so that nothing of what was lost is made good. */
static void look_until_all_are_served(struct game *game)
{
	int64_t end_ms = now_ms() + RECOVERY_MS;
	unsigned before;

	do {
		assert_true(now_ms() < end_ms);
		before = game->failures;
		(void)look_at_all(game);
	} while (game->failures > before);
}

struct move {
	unsigned slot;
	size_t from, to;
	char from_id[64], to_id[64];
};

static void begin_move(struct move *move, const char *name)
{
	move->slot = weir_redis_slot(weir_slice_text(name));
	move->from = owner_of(name);
	for (move->to = 0; move->to == move->from || !is_master(move->to); move->to++)
		;
	node_id(move->from, move->from_id);
	node_id(move->to, move->to_id);
	WEIR_REDIS_TELL(&servers, move->to, "CLUSTER SETSLOT %u IMPORTING %s", move->slot, move->from_id);
	WEIR_REDIS_TELL(&servers, move->from, "CLUSTER SETSLOT %u MIGRATING %s", move->slot, move->to_id);
}

/* Moves at most `count` of the slot's keys; returns how many. */
static size_t move_keys(const struct move *move, unsigned count)
{
	redisReply *keys = weir_redis_servers_tell(&servers, move->from, "CLUSTER GETKEYSINSLOT %u %u", move->slot, count);
	size_t moved = keys->elements;

	for (size_t i = 0; i < keys->elements; i++)
		WEIR_REDIS_TELL(&servers, move->from, "MIGRATE 127.0.0.1 %s %s 0 5000", strchr(servers.addresses[move->to], ':') + 1,
				keys->element[i]->str);
	freeReplyObject(keys);
	return moved;
}

static void end_move(const struct move *move)
{
	while (move_keys(move, 100) > 0)
		;
	WEIR_REDIS_TELL(&servers, move->to, "CLUSTER SETSLOT %u NODE %s", move->slot, move->to_id);
	WEIR_REDIS_TELL(&servers, move->from, "CLUSTER SETSLOT %u NODE %s", move->slot, move->to_id);
}

/* -- Slots on their way ---------------------------------------------------------------------------------------------------- */

/* A key that is still there, one that has gone ahead, and one that is new, in one batch: none of it fails. */
static void test_redis_failover_key_is_found_while_its_slot_moves(void **state)
{
	struct game *game = *state;
	struct weir_redis_client *host = &game->hosts[0];
	struct move move;
	char value[20];

	store_every(game, 1);
	begin_move(&move, "weir:v:key0");
	assert_int_equal(weir_redis_client_get(host, "key0", value, sizeof(value)), WEIR_OK);
	assert_int_equal(move_keys(&move, 100), 1);
	assert_int_equal(weir_redis_client_get(host, "key0", value, sizeof(value)), WEIR_MISS);
	assert_int_equal(weir_redis_client_set(host, "key0", "new"), WEIR_OK);
	assert_int_equal(weir_redis_client_get(host, "key0", value, sizeof(value)), WEIR_OK);
	assert_string_equal(value, "new");
	assert_int_equal(weir_redis_client_lease(host, WEIR_LEASE_TAKE, "key0", 1), WEIR_OK);
	end_move(&move);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(weir_redis_client_get(&game->hosts[i], "key0", value, sizeof(value)), WEIR_OK);
		assert_string_equal(value, "new");
	}
	assert_int_equal(owner_of("weir:v:key0"), move.to);
}

/* Clock and cells go as one, to a node of another tenure: what was stored is then not valid any more. */
static void test_redis_failover_clock_may_move(void **state)
{
	struct game *game = *state;
	struct move move;

	play_ms(game, 200);
	begin_move(&move, CLOCK_NAME);
	play_ms(game, 200);
	(void)move_keys(&move, 1);
	play_ms(game, 200);
	end_move(&move);
	play_ms(game, 200);
	assert_true(await_service(game) < RECOVERY_MS);
	assert_int_equal(owner_of(CLOCK_NAME), move.to);
	assert_true(game->hits > 0 && game->clears > 0);
	assert_int_equal(game->wrong, 0);
}

static void test_redis_failover_reshard_under_load(void **state)
{
	struct game *game = *state;
	size_t from = owner_of("weir:v:key1"), to = 0;
	char from_id[64], to_id[64], log[128];
	struct weir_server tool = { 0 };
	int64_t end_ms = now_ms() + RECOVERY_MS;

	while (to == from || !is_master(to))
		to++;
	node_id(from, from_id);
	node_id(to, to_id);
	(void)snprintf(log, sizeof(log), "%s", weir_scratch_file(&servers.scratch, "reshard"));
	play_ms(game, 200);
	weir_server_start(&tool,
			  (const char *const[]){ getenv("WEIR_REDIS_CLI"), "--cluster", "reshard", servers.addresses[from],
						 "--cluster-from", from_id, "--cluster-to", to_id, "--cluster-slots", "2000",
						 "--cluster-yes", NULL },
			  log);
	while (!weir_server_has_ended(&tool)) {
		assert_true(now_ms() < end_ms);
		play_ms(game, 50);
	}
	weir_server_stop(&tool);
	assert_true(await_service(game) < RECOVERY_MS);
	assert_true(game->hits > 0 && game->clears > 0);
	assert_int_equal(game->wrong, 0);
}

/* -- Failover -------------------------------------------------------------------------------------------------------------- */

static void test_redis_failover_masters_may_hand_over(void **state)
{
	struct game *game = *state;
	size_t replica = replica_of(owner_of(CLOCK_NAME));

	play_ms(game, 200);
	play_until_promoted(game, replica);
	play_ms(game, 200);
	assert_true(await_service(game) < RECOVERY_MS);
	assert_int_equal(game->wrong, 0);
}

/* The replica is deaf while the namespace is cleared and every other value replaced; then its master dies, and it is all there is. */
static void lose_writes_of(struct game *game, const char *name)
{
	size_t master = owner_of(name), replica = replica_of(master);

	store_every(game, 1);
	assert_int_equal(look_at_all(game), 2 * KEYS);
	WEIR_REDIS_TELL(&servers, master, "WAIT 1 5000");
	weir_server_freeze(&servers.servers[replica]);
	WEIR_REDIS_TELL(&servers, master, "CLIENT KILL TYPE replica");
	clear(game, &game->hosts[0]);
	store_every(game, 2);
	assert_int_equal(look_at_all(game), KEYS);
	assert_int_equal(game->failures, 0);
	weir_server_stop(&servers.servers[master]);
	weir_server_thaw(&servers.servers[replica]);
	look_until_all_are_served(game);
	assert_true(is_master(replica));
	assert_int_equal(game->wrong, 0);
	assert_true(await_service(game) < RECOVERY_MS);
	assert_int_equal(game->wrong, 0);
	weir_redis_servers_restart_in_cluster(&servers, master);
	assert_true(await_service(game) < RECOVERY_MS);
	assert_int_equal(game->wrong, 0);
}

static void test_redis_failover_of_the_clocks_master_loses_no_clear(void **state)
{
	lose_writes_of(*state, CLOCK_NAME);
}

/* A key that is not with the clock. */
static void test_redis_failover_of_another_master_brings_no_old_value_back(void **state)
{
	char name[32] = "weir:v:key0";

	for (size_t i = 0; owner_of(name) == owner_of(CLOCK_NAME); i++)
		(void)snprintf(name, sizeof(name), "weir:v:key%zu", i);
	lose_writes_of(*state, name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_redis_failover_##name, begin_game, end_game)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_is_found_while_its_slot_moves),
		TEST(clock_may_move),
		TEST(reshard_under_load),
		TEST(masters_may_hand_over),
		TEST(of_the_clocks_master_loses_no_clear),
		TEST(of_another_master_brings_no_old_value_back),
	};
	int failed;

	if (!weir_redis_servers_available())
		return 0;
	weir_redis_servers_start_cluster(&servers);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	weir_redis_servers_stop(&servers);
	return failed;
}
