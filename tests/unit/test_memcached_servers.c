/* SPDX-License-Identifier: Apache-2.0
 *
 * One memcached server, and hosts that share it: servers that are away, come back empty or old, forget, and hold what is not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/memcached/record.h"
#include "backends/memcached/wire.h"
#include "support/memcached.h"
#include "support/memcached_host.h"

/* Of hosts that are to see no failure, however busy the machine is; and of one that looks at a frozen server. */
#define PATIENT "?connect_timeout_ms=3000&read_timeout_ms=3000&total_timeout_ms=5000"
#define TOTAL_MS 150
#define HASTY "?connect_timeout_ms=100&read_timeout_ms=100&total_timeout_ms=150"

struct world {
	struct weir_memcached_servers servers;
	struct weir_memcached_host a, b;
};

static int start(void **state, const char *size_mb)
{
	struct world *world = calloc(1, sizeof(*world));
	char url[300];

	if (!world)
		return -1;
	weir_memcached_servers_start(&world->servers, 1, size_mb);
	(void)snprintf(url, sizeof(url), "%s" PATIENT, weir_memcached_servers_url(&world->servers));
	weir_memcached_host_open(&world->a, url, NULL);
	weir_memcached_host_open(&world->b, url, NULL);
	*state = world;
	return 0;
}

static int set_up(void **state)
{
	return start(state, NULL);
}

static int set_up_small(void **state)
{
	return start(state, "2");
}

static int tear_down(void **state)
{
	struct world *world = *state;

	weir_memcached_host_close(&world->a);
	weir_memcached_host_close(&world->b);
	weir_memcached_servers_stop(&world->servers);
	free(world);
	return 0;
}

static void put(struct world *world, const char *name, uint32_t flags, struct weir_slice value)
{
	weir_memcached_server_put(&world->servers, 0, name, flags, value);
}

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

/* -- Away ------------------------------------------------------------------------------------------------------------------ */

static void test_memcached_server_may_come_later(void **state)
{
	struct world *world = *state;
	char why[200] = "";

	weir_server_stop(&world->servers.servers[0]);
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_ERR_IO);
	assert_int_equal(weir_memcached_host_store(&world->a, "key", 1, 1), WEIR_ERR_IO);
	assert_int_equal(weir_memcached_host_clear(&world->a, "ns"), WEIR_ERR_IO);
	assert_int_equal(weir_memcached_host_lease(&world->a, WEIR_LEASE_TAKE, "key", 1, 1000), WEIR_ERR_IO);
	assert_int_equal(weir_memcached_host_check(&world->a, why, sizeof(why)), WEIR_ERR_IO);
	assert_non_null(strstr(why, world->servers.addresses[0]));
	assert_non_null(strstr(why, "refused"));
	weir_memcached_server_restart(&world->servers, 0);
	assert_int_equal(weir_memcached_host_check(&world->a, why, sizeof(why)), WEIR_OK);
	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	assert_true(weir_memcached_host_use(&world->a, "ns", "key"));
}

/* Between two calls: nobody sees a failure. Everything is gone, and the clock is another one. */
static void test_memcached_server_restarts_unseen(void **state)
{
	struct world *world = *state;
	uint64_t before;

	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	assert_true(weir_memcached_host_use(&world->a, "ns", "key"));
	before = world->a.seen;
	weir_memcached_server_restart(&world->servers, 0);
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	assert_false(weir_clear_clock_valid(before, world->a.seen, 0));
	assert_int_equal(weir_memcached_host_store(&world->a, "key", before, 1), WEIR_OK);
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	weir_memcached_server_restart(&world->servers, 0);
	assert_int_equal(weir_memcached_host_clear(&world->a, "ns"), WEIR_OK);
	weir_memcached_server_restart(&world->servers, 0);
	assert_int_equal(weir_memcached_host_lease(&world->a, WEIR_LEASE_TAKE, "key", 1, 1000), WEIR_OK);
	weir_memcached_server_restart(&world->servers, 0);
	assert_int_equal(weir_memcached_host_store(&world->a, "key", before, 1), WEIR_OK);
}

static enum weir_status do_something(struct weir_memcached_host *host, int what)
{
	enum weir_status status;
	char why[200];

	switch (what) {
	case 0:
		return weir_memcached_host_look(host, "ns", "key", NULL);
	case 1:
		return weir_memcached_host_store(host, "key", 1, 1);
	case 2:
		return weir_memcached_host_clear(host, "ns");
	case 3:
		return weir_memcached_host_lease(host, WEIR_LEASE_TAKE, "key", 1, 1000);
	case 4:
		(void)weir_memcached_host_walk(host, "", false, &status);
		return status;
	default:
		return weir_memcached_host_check(host, why, sizeof(why));
	}
}

static void test_memcached_server_frozen_costs_no_more_than_the_limit(void **state)
{
	struct world *world = *state;
	struct weir_memcached_host hasty;
	char url[300];

	(void)snprintf(url, sizeof(url), "%s" HASTY, weir_memcached_servers_url(&world->servers));
	weir_memcached_host_open(&hasty, url, NULL);
	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	weir_server_freeze(&world->servers.servers[0]);
	for (int what = 0; what < 6; what++) {
		int64_t then_ms = now_ms();

		assert_int_equal(do_something(&hasty, what), WEIR_ERR_TIMEOUT);
		assert_in_range(now_ms() - then_ms, 50, TOTAL_MS + 800);
	}
	weir_server_thaw(&world->servers.servers[0]);
	(void)weir_memcached_host_use(&world->a, "ns", "other key"); /* no failure; what was sent to the frozen one may still be done */
	assert_true(weir_memcached_host_use(&world->a, "ns", "other key"));
	weir_memcached_host_close(&hasty);
}

/* -- Forgetting ------------------------------------------------------------------------------------------------------------ */

/* An entry that was made before a clear and stored after it, and then the cell of the clear is gone. */
static void late_store(struct world *world, const char *cell)
{
	uint64_t made;

	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	made = world->a.seen;
	assert_int_equal(weir_memcached_host_clear(&world->b, cell), WEIR_OK);
	assert_int_equal(weir_memcached_host_store(&world->a, "key", made, 1), WEIR_OK);
}

static void test_memcached_evicted_cell_brings_nothing_back(void **state)
{
	static const char *const cells[] = { "ns", "key" };

	for (int i = 0; i < 2; i++) {
		struct world *world = *state;
		char name[16];

		late_store(world, cells[i]);
		(void)snprintf(name, sizeof(name), "weir:c%s", cells[i]);
		assert_true(weir_memcached_server_drop(&world->servers, 0, name));
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
		assert_int_equal(weir_memcached_host_look(&world->b, "ns", "key", NULL), WEIR_MISS);
		assert_false(weir_memcached_host_use(&world->b, "ns", "key"));
		assert_true(weir_memcached_host_use(&world->b, "ns", "key"));
		assert_int_equal(weir_memcached_host_clear(&world->b, "ns"), WEIR_OK);
	}
}

/* By the server itself, whose memory is full. */
static void test_memcached_full_server_brings_nothing_back(void **state)
{
	struct world *world = *state;
	struct weir_backend_cell cells[50];
	struct weir_backend_read read = { .cells = cells, .cell_count = 50 }, *reads = &read;
	char names[50][16];

	late_store(world, "key");
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i < 50; i++) {
			(void)snprintf(names[i], sizeof(names[i]), "%d.%d", round, i);
			cells[i] = (struct weir_backend_cell){ .name = weir_slice_text(names[i]), .create = true };
		}
		assert_int_equal(weir_backend_ops(world->b.backend)->get_many(weir_backend_self(world->b.backend), &reads, 1), WEIR_OK);
	}
	assert_false(weir_memcached_server_has(&world->servers, 0, "weir:ckey"));
	assert_true(weir_memcached_server_has(&world->servers, 0, "weir:vkey"));
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
}

/* A lost cell costs nothing as long as nothing was cleared since the entry was made. */
static void test_memcached_lost_cells_without_a_clear_cost_nothing(void **state)
{
	struct world *world = *state;

	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	assert_true(weir_memcached_server_drop(&world->servers, 0, "weir:cns"));
	assert_true(weir_memcached_server_drop(&world->servers, 0, "weir:ckey"));
	assert_true(weir_memcached_host_use(&world->b, "ns", "key"));
}

/* Cells are made with the first miss, so that clears of others do not count. */
static void test_memcached_clears_are_exact(void **state)
{
	struct world *world = *state;

	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	for (int i = 0; i < 5; i++) {
		assert_int_equal(weir_memcached_host_clear(&world->b, "another"), WEIR_OK);
		assert_int_equal(weir_memcached_host_clear(&world->a, "key2"), WEIR_OK);
		assert_true(weir_memcached_host_use(&world->a, "ns", "key"));
		assert_true(weir_memcached_host_use(&world->b, "ns", "key"));
	}
}

static void test_memcached_evicted_clock_begins_anew(void **state)
{
	struct world *world = *state;
	uint64_t before;

	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	before = world->a.seen;
	assert_true(weir_memcached_server_drop(&world->servers, 0, "weir:kclock"));
	assert_int_equal(weir_memcached_host_look(&world->b, "ns", "key", NULL), WEIR_MISS);
	assert_false(weir_clear_clock_valid(before, world->b.seen, 0));
	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	assert_true(weir_memcached_host_use(&world->b, "ns", "key"));
}

/* Numbers from 2^63 on memcached counts up only when it likes what lies behind them in its memory. */
static void test_memcached_clock_is_a_number_that_servers_count(void **state)
{
	struct world *world = *state;

	put(world, "weir:kclock", WEIR_MEMCACHED_FLAGS, WEIR_SLICE_LITERAL("17293822569102704641"));
	for (int i = 0; i < 30; i++) {
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
		assert_true(world->a.seen < UINT64_C(1) << 63);
		assert_int_equal(weir_memcached_host_clear(&world->b, "ns"), WEIR_OK);
		assert_true(weir_memcached_server_drop(&world->servers, 0, "weir:kclock"));
	}
}

/* The record tells when it is over, to the millisecond; what the server keeps longer is nothing. */
static void test_memcached_record_ends_by_the_hosts_clock(void **state)
{
	struct world *world = *state;
	struct weir_slice key = WEIR_SLICE_LITERAL("key");
	struct weir_backend_set set = { .key = key, .value = WEIR_SLICE_LITERAL("value") };
	const struct weir_backend_ops *ops = weir_backend_ops(world->a.backend);
	void *self = weir_backend_self(world->a.backend);
	enum weir_status status;
	size_t removed;

	set.expires_ms = weir_clock_wall_ms(&world->a.clock.clock) + 600000;
	assert_int_equal(ops->set_many(self, &set, 1), WEIR_OK);
	weir_fake_clock_advance_ms(&world->a.clock, 599999);
	assert_int_equal(weir_memcached_host_walk(&world->a, "", false, &status), 1);
	weir_fake_clock_advance_ms(&world->a.clock, 1);
	assert_true(weir_memcached_server_has(&world->servers, 0, "weir:vkey"));
	assert_int_equal(weir_memcached_host_walk(&world->a, "", true, &status), 0);
	assert_int_equal(ops->remove(self, &key, 1, &removed), WEIR_OK);
	assert_int_equal(removed, 0);
}

/* -- What is not ours ------------------------------------------------------------------------------------------------------ */

static void test_memcached_garbage_under_our_names_is_nothing(void **state)
{
	static const uint32_t flags[] = { 0, WEIR_MEMCACHED_FLAGS };
	static const char *const garbage[] = { "", "garbage", "wv1\n", "99999999999999999999999", "-1", "18446744073709551615 x" };
	struct world *world = *state;

	for (size_t i = 0; i < 12; i++) {
		struct weir_slice value = weir_slice_text(garbage[i / 2]);

		put(world, "weir:vkey", flags[i % 2], value);
		put(world, "weir:cns", flags[i % 2], value);
		put(world, "weir:ckey", flags[i % 2], value);
		put(world, "weir:lkey", flags[i % 2], value);
		put(world, "weir:kclock", flags[i % 2], value);
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
		assert_int_equal(weir_memcached_host_lease(&world->a, WEIR_LEASE_TAKE, "key", 1, 60000), WEIR_OK);
		assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_TAKE, "key", 2, 60000), WEIR_BUSY);
		assert_false(weir_memcached_host_use(&world->b, "ns", "key"));
		assert_true(weir_memcached_host_use(&world->a, "ns", "key"));
		put(world, "weir:kclock", flags[i % 2], value);
		assert_int_equal(weir_memcached_host_clear(&world->b, "ns"), WEIR_OK);
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	}
}

/* A record as good as any, but for its key. */
static void test_memcached_record_of_another_key_is_nothing(void **state)
{
	struct weir_slice keys[] = { WEIR_SLICE_LITERAL("key"), WEIR_SLICE_LITERAL("kez") };
	struct world *world = *state;
	enum weir_status status;

	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	for (int i = 0; i < 2; i++) {
		char bytes[WEIR_MEMCACHED_RECORD_HEAD + 3 + 2 * sizeof(uint64_t)];
		uint64_t entry[2] = { world->a.seen, 0 };

		weir_memcached_record_write(bytes, keys[i], WEIR_EXPIRES_NEVER);
		memcpy(bytes + WEIR_MEMCACHED_RECORD_HEAD + 3, entry, sizeof(entry));
		put(world, "weir:vkey", WEIR_MEMCACHED_FLAGS, weir_slice(bytes, sizeof(bytes)));
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), i == 0 ? WEIR_OK : WEIR_MISS);
		assert_int_equal(weir_memcached_host_walk(&world->a, "key", false, &status), i == 0 ? 1 : 0);
		assert_int_equal(status, WEIR_OK);
		put(world, "weir:vkey", 0, weir_slice(bytes, sizeof(bytes)));
		assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	}
}

static void test_memcached_walk_leaves_other_programs_alone(void **state)
{
	static const char *const names[] = { "key", "vkey", "weir:key", "weir:vkey9", "other:vkey", "%6bey" };
	struct world *world = *state;
	enum weir_status status;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put(world, names[i], 0, WEIR_SLICE_LITERAL("theirs"));
	for (int i = 0; i < 250; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "key%d%%", i);
		assert_false(weir_memcached_host_use(&world->a, "ns", key));
	}
	assert_int_equal(weir_memcached_host_walk(&world->b, "key", false, &status), 250);
	assert_int_equal(weir_memcached_host_walk(&world->b, "key", true, &status), 250);
	assert_int_equal(status, WEIR_OK);
	assert_int_equal(weir_memcached_host_walk(&world->a, "", false, &status), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(weir_memcached_server_has(&world->servers, 0, names[i]));
}

/* -- Hosts ----------------------------------------------------------------------------------------------------------------- */

static void test_memcached_clear_is_seen_by_all_hosts(void **state)
{
	struct world *world = *state;
	uint64_t made, number = 0;

	weir_fake_clock_advance_ms(&world->b.clock, 60000);
	assert_false(weir_memcached_host_use(&world->a, "ns", "key"));
	assert_true(weir_memcached_host_use(&world->b, "ns", "key"));
	made = world->a.seen;
	assert_int_equal(weir_memcached_host_clear(&world->b, "ns"), WEIR_OK);
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", NULL), WEIR_MISS);
	assert_int_equal(weir_memcached_host_store(&world->a, "key", made, 1), WEIR_OK);
	assert_int_equal(weir_memcached_host_look(&world->b, "ns", "key", NULL), WEIR_MISS);
	assert_int_equal(weir_memcached_host_store(&world->b, "key", world->b.seen, 2), WEIR_OK);
	assert_int_equal(weir_memcached_host_look(&world->a, "ns", "key", &number), WEIR_OK);
	assert_int_equal(number, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memcached_server_may_come_later, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_server_restarts_unseen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_server_frozen_costs_no_more_than_the_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_evicted_cell_brings_nothing_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_full_server_brings_nothing_back, set_up_small, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_lost_cells_without_a_clear_cost_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_clears_are_exact, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_evicted_clock_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_clock_is_a_number_that_servers_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_record_ends_by_the_hosts_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_garbage_under_our_names_is_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_record_of_another_key_is_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_walk_leaves_other_programs_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_clear_is_seen_by_all_hosts, set_up, tear_down),
	};

	return weir_memcached_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
