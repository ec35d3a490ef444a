/* SPDX-License-Identifier: Apache-2.0
 *
 * Three memcached servers: one that freezes, dies, comes back empty or old, and what that does to the others' values, and to clears. Then a
 * storm of all of it at once, at random, in which no entry may be valid that was made before a clear.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/memcached.h"
#include "support/memcached_host.h"

#define SERVERS 3
#define KEYS 60
#define READ_MS 500
#define RETRY_MS 1000

struct world {
	struct weir_memcached_servers servers;
	struct weir_memcached_host a, b;
	struct weir_log *log;
	unsigned out_lines, back_lines, lines;
};

static void count_line(void *state, const char *line, size_t len)
{
	struct world *world = state;
	struct weir_slice text = weir_slice(line, len);

	world->lines++;
	for (size_t at = 0; at < len; at++) {
		world->out_lines += weir_slice_starts_with(weir_slice_from(text, at), WEIR_SLICE_LITERAL("out of service"));
		world->back_lines += weir_slice_starts_with(weir_slice_from(text, at), WEIR_SLICE_LITERAL("in service again"));
	}
}

static void open_hasty(struct world *world, struct weir_memcached_host *host, struct weir_log *log, int read_ms)
{
	char url[400];

	(void)snprintf(url, sizeof(url), "%s?connect_timeout_ms=%d&read_timeout_ms=%d&total_timeout_ms=%d",
		       weir_memcached_servers_url(&world->servers), read_ms, read_ms, 3 * read_ms);
	weir_memcached_host_open(host, url, log);
}

static void open_host(struct world *world, struct weir_memcached_host *host, struct weir_log *log)
{
	open_hasty(world, host, log, READ_MS);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct weir_log_options options = WEIR_LOG_DEFAULT;

	if (!world)
		return -1;
	options.write = count_line;
	options.state = world;
	world->log = weir_log_create(&options);
	weir_memcached_servers_start(&world->servers, SERVERS, NULL);
	open_host(world, &world->a, world->log);
	open_host(world, &world->b, NULL);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	weir_memcached_host_close(&world->a);
	weir_memcached_host_close(&world->b);
	weir_memcached_servers_stop(&world->servers);
	weir_log_destroy(world->log);
	free(world);
	return 0;
}

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

static char *name(int i)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "key%d", i);
	return text;
}

/* Uses all keys; how many were hits. */
static int use_all(struct weir_memcached_host *host)
{
	int hits = 0;

	for (int i = 0; i < KEYS; i++)
		hits += weir_memcached_host_use(host, "ns", name(i));
	return hits;
}

/* Until a host has noticed that all servers are back: it knocks on the side, and takes what comes. */
static void wait_until_back(struct weir_memcached_host *host)
{
	char why[200];
	int64_t until_ms = now_ms() + 5000;

	weir_fake_clock_advance_ms(&host->clock, RETRY_MS);
	while (weir_memcached_host_check(host, why, sizeof(why)) != WEIR_OK) {
		assert_true(now_ms() < until_ms);
		weir_fake_clock_advance_ms(&host->clock, RETRY_MS);
	}
}

/* -- Service --------------------------------------------------------------------------------------------------------------- */

static void test_memcached_ring_uses_all_servers(void **state)
{
	struct world *world = *state;

	assert_int_equal(use_all(&world->a), 0);
	assert_int_equal(use_all(&world->b), KEYS);
	for (size_t i = 0; i < SERVERS; i++) {
		int here = 0;

		for (int k = 0; k < KEYS; k++) {
			char item[32];

			(void)snprintf(item, sizeof(item), "weir:v%s", name(k));
			here += weir_memcached_server_has(&world->servers, i, item);
		}
		assert_in_range(here, KEYS / 10, KEYS * 2 / 3);
	}
}

/* Frozen: one time limit, once; then its keys are the others'. Knocking costs nothing. */
static void test_memcached_frozen_one_of_three_is_cut_off(void **state)
{
	struct world *world = *state;
	int64_t then_ms;

	for (size_t i = 0; i < SERVERS; i++) {
		unsigned out_before = world->out_lines, back_before = world->back_lines;

		(void)use_all(&world->a);
		assert_int_equal(use_all(&world->a), KEYS);
		weir_server_freeze(&world->servers.servers[i]);
		then_ms = now_ms();
		assert_in_range(use_all(&world->a), 1, KEYS - 1);
		assert_int_equal(use_all(&world->a), KEYS);
		for (int k = 0; k < 20; k++) {
			weir_fake_clock_advance_ms(&world->a.clock, RETRY_MS);
			assert_true(weir_memcached_host_use(&world->a, "ns", name(k)));
		}
		assert_in_range(now_ms() - then_ms, READ_MS, 8 * READ_MS);
		assert_int_equal(world->out_lines, out_before + 1);
		weir_server_thaw(&world->servers.servers[i]);
		wait_until_back(&world->a);
		assert_int_equal(world->back_lines, back_before + 1);
		(void)use_all(&world->a);
	}
	assert_int_equal(world->lines, world->out_lines + world->back_lines);
}

static void test_memcached_dead_one_of_three_is_left_out(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < SERVERS; i++) {
		uint64_t clock;

		(void)use_all(&world->a);
		assert_int_equal(use_all(&world->a), KEYS);
		clock = world->a.seen;
		weir_server_stop(&world->servers.servers[i]);
		assert_in_range(use_all(&world->a), 1, KEYS - 1);
		assert_int_equal(use_all(&world->a), KEYS);
		assert_int_equal(weir_memcached_host_clear(&world->a, "other"), WEIR_OK);
		weir_memcached_server_restart(&world->servers, i);
		assert_int_equal(use_all(&world->a), KEYS); /* not knocked at before it is time */
		assert_int_equal(use_all(&world->a), KEYS);
		wait_until_back(&world->a);
		(void)use_all(&world->a);
		assert_true(weir_clear_clock_valid(clock + 1, world->a.seen, 0)); /* the clock went on */
	}
}

/* What the first of them kept has moved on by the time the second dies. */
static void test_memcached_servers_may_be_replaced_one_by_one(void **state)
{
	struct world *world = *state;
	uint64_t made;

	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "late", NULL), WEIR_MISS);
	made = world->a.seen;
	assert_int_equal(weir_memcached_host_clear(&world->b, "ns"), WEIR_OK);
	for (size_t i = 0; i < SERVERS; i++) {
		weir_memcached_server_restart(&world->servers, i);
		assert_int_equal(weir_memcached_host_look(&world->b, "ns", "late", NULL), WEIR_MISS);
	}
	assert_true(weir_clear_clock_valid(made + 1, world->b.seen, 0));
	assert_int_equal(weir_memcached_host_store(&world->a, "late", made, 1), WEIR_OK);
	assert_int_equal(weir_memcached_host_look(&world->b, "ns", "late", NULL), WEIR_MISS);
	assert_false(weir_memcached_host_use(&world->b, "ns", "late"));
	assert_true(weir_memcached_host_use(&world->a, "ns", "late"));
}

static void test_memcached_two_of_three_away_is_a_failure(void **state)
{
	struct world *world = *state;
	uint64_t before;

	(void)use_all(&world->a);
	before = world->a.seen;
	weir_server_stop(&world->servers.servers[0]);
	weir_server_stop(&world->servers.servers[2]);
	for (int i = 0; i < 3; i++) {
		assert_true(weir_memcached_host_look(&world->a, "ns", "key1", NULL) < 0);
		assert_true(weir_memcached_host_clear(&world->a, "ns") < 0);
	}
	weir_memcached_server_restart(&world->servers, 0);
	weir_memcached_server_restart(&world->servers, 2);
	wait_until_back(&world->a);
	for (int i = 0; i < KEYS; i++)
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", name(i), NULL), WEIR_MISS);
	assert_false(weir_clear_clock_valid(before, world->a.seen, 0));
	assert_int_equal(use_all(&world->a), 0);
	assert_int_equal(use_all(&world->a), KEYS);
}

/* -- Coming back old ------------------------------------------------------------------------------------------------------- */

static void test_memcached_old_server_comes_back_and_clears_hold(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < SERVERS; i++) {
		struct weir_memcached_host fresh;

		(void)use_all(&world->b);
		assert_int_equal(use_all(&world->a), KEYS);
		weir_server_freeze(&world->servers.servers[i]);
		assert_int_equal(weir_memcached_host_clear(&world->a, "ns"), WEIR_OK);
		weir_server_thaw(&world->servers.servers[i]);
		open_host(world, &fresh, NULL);
		for (int k = 0; k < KEYS; k++) {
			assert_int_equal(weir_memcached_host_look(&world->b, "ns", name(k), NULL), WEIR_MISS);
			assert_int_equal(weir_memcached_host_look(&fresh, "ns", name(k), NULL), WEIR_MISS);
		}
		weir_memcached_host_close(&fresh);
		wait_until_back(&world->a);
		for (int k = 0; k < KEYS; k++)
			assert_int_equal(weir_memcached_host_look(&world->a, "ns", name(k), NULL), WEIR_MISS);
	}
}

/* Frozen with the old clock while the others lose theirs, one after the other: it must not bring its epoch back. */
static void test_memcached_old_clock_does_not_come_back(void **state)
{
	struct world *world = *state;
	uint64_t made;

	assert_int_equal(weir_memcached_host_look(&world->b, "ns", "key1", NULL), WEIR_MISS);
	made = world->b.seen;
	weir_server_freeze(&world->servers.servers[0]);
	assert_int_equal(weir_memcached_host_clear(&world->a, "ns"), WEIR_OK);
	weir_memcached_server_restart(&world->servers, 1);
	weir_memcached_server_restart(&world->servers, 2);
	assert_int_equal(weir_memcached_host_clear(&world->a, "ns"), WEIR_OK);
	assert_false(weir_memcached_host_use(&world->a, "ns", "key2"));
	weir_server_thaw(&world->servers.servers[0]);
	assert_int_equal(weir_memcached_host_store(&world->b, "key1", made, 1), WEIR_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(weir_memcached_host_look(&world->b, "ns", "key1", NULL), WEIR_MISS);
		assert_false(weir_clear_clock_valid(made, world->b.seen, 0));
	}
	wait_until_back(&world->a);
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key1", NULL), WEIR_MISS);
}

/* One keeper comes back with an old copy of a cell, and the last clear is lost on one or both of the others. */
static void test_memcached_old_copy_of_a_cell_is_not_enough(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < 2 * SERVERS; i++) {
		size_t old = i % SERVERS;

		(void)use_all(&world->b);
		assert_int_equal(use_all(&world->b), KEYS);
		weir_server_freeze(&world->servers.servers[old]);
		assert_int_equal(weir_memcached_host_clear(&world->a, "ns"), WEIR_OK);
		weir_server_thaw(&world->servers.servers[old]);
		assert_true(weir_memcached_server_drop(&world->servers, (old + 1) % SERVERS, "weir:cns"));
		if (i >= SERVERS)
			assert_true(weir_memcached_server_drop(&world->servers, (old + 2) % SERVERS, "weir:cns"));
		for (int k = 0; k < KEYS; k++)
			assert_int_equal(weir_memcached_host_look(&world->b, "ns", name(k), NULL), WEIR_MISS);
		wait_until_back(&world->a);
	}
}

/* -- The storm ------------------------------------------------------------------------------------------------------------- */

#define STORM_KEYS 12
#define STORM_SPACES 3
#define STORM_STEPS 3000
#define STORM_READ_MS 60

struct storm {
	struct world *world;
	uint64_t random;
	uint64_t step;
	uint64_t space_cleared[STORM_SPACES]; /* the step of the last clear that ended well */
	uint64_t key_cleared[STORM_KEYS];
	struct {
		int key;
		uint64_t made, step; /* of the lookup that it began with */
	} making[2];
	size_t frozen; /* SERVERS: none */
	unsigned hits, clears;
};

static uint64_t draw(struct storm *storm, uint64_t below)
{
	storm->random ^= storm->random << 13;
	storm->random ^= storm->random >> 7;
	storm->random ^= storm->random << 17;
	return storm->random % below;
}

static char *space(int key)
{
	static char text[16];

	(void)snprintf(text, sizeof(text), "space%d", key % STORM_SPACES);
	return text;
}

static struct weir_memcached_host *any_host(struct storm *storm, size_t *index)
{
	*index = draw(storm, 2);
	return *index ? &storm->world->b : &storm->world->a;
}

/* Looks a key up; on a miss its making begins, to be stored at some later step. */
static void storm_look(struct storm *storm)
{
	int key = (int)draw(storm, STORM_KEYS);
	size_t index;
	struct weir_memcached_host *host = any_host(storm, &index);
	uint64_t number;
	enum weir_status status = weir_memcached_host_look(host, space(key), name(key), &number);

	if (status == WEIR_OK) {
		storm->hits++;
		if (number <= storm->space_cleared[key % STORM_SPACES] || number <= storm->key_cleared[key])
			fail_msg("step %llu: what was made at %llu is valid", (unsigned long long)storm->step, (unsigned long long)number);
	}
	if (status != WEIR_MISS || draw(storm, 4) == 0)
		return;
	storm->making[index].key = key;
	storm->making[index].made = host->seen;
	storm->making[index].step = storm->step;
}

static void storm_store(struct storm *storm)
{
	size_t index;
	struct weir_memcached_host *host = any_host(storm, &index);

	if (storm->making[index].step > 0)
		(void)weir_memcached_host_store(host, name(storm->making[index].key), storm->making[index].made, storm->making[index].step);
}

static void storm_clear(struct storm *storm)
{
	int key = (int)draw(storm, STORM_KEYS);
	bool whole = draw(storm, 2);
	size_t index;

	if (weir_memcached_host_clear(any_host(storm, &index), whole ? space(key) : name(key)) != WEIR_OK)
		return;
	storm->clears++;
	if (whole)
		storm->space_cleared[key % STORM_SPACES] = storm->step;
	else
		storm->key_cleared[key] = storm->step;
}

/* A server loses an item of ours, or all of them, or is frozen for a while. */
static void storm_fault(struct storm *storm)
{
	struct weir_memcached_servers *servers = &storm->world->servers;
	size_t victim = draw(storm, SERVERS);
	char item[40];

	if (storm->frozen < SERVERS && draw(storm, 3) == 0) {
		weir_server_thaw(&servers->servers[storm->frozen]);
		storm->frozen = SERVERS;
		return;
	}
	if (victim == storm->frozen)
		return;
	switch (draw(storm, 16)) {
	case 0:
		weir_memcached_server_restart(servers, victim);
		break;
	case 1:
		if (storm->frozen < SERVERS)
			break;
		storm->frozen = victim;
		weir_server_freeze(&servers->servers[victim]);
		break;
	case 2:
		(void)weir_memcached_server_drop(servers, victim, "weir:kclock");
		break;
	default:
		(void)snprintf(item, sizeof(item), "weir:c%s",
			       draw(storm, 2) ? space((int)draw(storm, STORM_SPACES)) : name((int)draw(storm, STORM_KEYS)));
		(void)weir_memcached_server_drop(servers, victim, item);
		break;
	}
}

static void test_memcached_storm_never_serves_what_was_cleared(void **state)
{
	struct world *world = *state;
	struct storm storm = { .world = world, .random = UINT64_C(0x9e3779b97f4a7c15), .frozen = SERVERS };
	const char *seed = getenv("WEIR_STORM_SEED");

	weir_memcached_host_close(&world->a);
	weir_memcached_host_close(&world->b);
	open_hasty(world, &world->a, NULL, STORM_READ_MS);
	open_hasty(world, &world->b, NULL, STORM_READ_MS);
	if (seed)
		storm.random ^= strtoull(seed, NULL, 0) << 1;
	for (storm.step = 1; storm.step <= STORM_STEPS; storm.step++) {
		uint64_t what = draw(&storm, 100);

		weir_fake_clock_advance_ms(&storm.world->a.clock, 100);
		weir_fake_clock_advance_ms(&storm.world->b.clock, 100);
		if (what < 60)
			storm_look(&storm);
		else if (what < 84)
			storm_store(&storm);
		else if (what < 94)
			storm_clear(&storm);
		else
			storm_fault(&storm);
	}
	if (storm.frozen < SERVERS)
		weir_server_thaw(&storm.world->servers.servers[storm.frozen]);
	assert_true(storm.hits > STORM_STEPS / 30);
	assert_true(storm.clears > STORM_STEPS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memcached_ring_uses_all_servers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_frozen_one_of_three_is_cut_off, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_dead_one_of_three_is_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_servers_may_be_replaced_one_by_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_two_of_three_away_is_a_failure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_old_server_comes_back_and_clears_hold, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_old_clock_does_not_come_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_old_copy_of_a_cell_is_not_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_storm_never_serves_what_was_cleared, set_up, tear_down),
	};

	return weir_memcached_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
