/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases at memcached servers, taken, renewed and released by several hosts and many in one call, also when one of three servers is frozen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/memcached.h"
#include "support/memcached_host.h"

/* Of hosts that are to see no failure, however busy the machine is. */
#define PATIENT "?connect_timeout_ms=3000&read_timeout_ms=3000&total_timeout_ms=5000"

/* Of a host for which silence takes all the time that a call has. */
#define HASTY "?connect_timeout_ms=1000&read_timeout_ms=1000&total_timeout_ms=1000"

#define LEASES 60

struct world {
	struct weir_memcached_servers servers;
	struct weir_memcached_host a, b;
};

static void open_host(struct world *world, struct weir_memcached_host *host, const char *options)
{
	char url[400];

	(void)snprintf(url, sizeof(url), "%s%s", weir_memcached_servers_url(&world->servers), options);
	weir_memcached_host_open(host, url, NULL);
}

static int start(void **state, size_t count)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	weir_memcached_servers_start(&world->servers, count, NULL);
	open_host(world, &world->a, PATIENT);
	open_host(world, &world->b, PATIENT);
	*state = world;
	return 0;
}

static int set_up(void **state)
{
	return start(state, 1);
}

static int set_up_ring(void **state)
{
	return start(state, WEIR_MEMCACHED_SERVERS);
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

static enum weir_status lease_many(struct weir_memcached_host *host, struct weir_backend_lease *leases, size_t count)
{
	return weir_backend_ops(host->backend)->lease_many(weir_backend_self(host->backend), leases, count);
}

/* The hosts' clocks are a minute apart: leases end by the server's. */
static void test_memcached_lease_is_one_for_all_hosts(void **state)
{
	struct world *world = *state;

	weir_fake_clock_advance_ms(&world->b.clock, 60000);
	assert_int_equal(weir_memcached_host_lease(&world->a, WEIR_LEASE_TAKE, "key", 1, 5000), WEIR_OK);
	assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_TAKE, "key", 2, 5000), WEIR_BUSY);
	assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_RENEW, "key", 2, 5000), WEIR_MISS);
	assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_RELEASE, "key", 2, 5000), WEIR_OK);
	weir_memcached_servers_turn_ms(&world->servers, 4000);
	assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_TAKE, "key", 2, 5000), WEIR_BUSY);
	assert_int_equal(weir_memcached_host_lease(&world->a, WEIR_LEASE_RENEW, "key", 1, 5000), WEIR_OK);
	weir_memcached_servers_turn_ms(&world->servers, 4000);
	assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_TAKE, "key", 2, 5000), WEIR_BUSY);
	weir_memcached_servers_turn_ms(&world->servers, 3000);
	assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_TAKE, "key", 2, 5000), WEIR_OK);
	assert_int_equal(weir_memcached_host_lease(&world->a, WEIR_LEASE_RENEW, "key", 1, 5000), WEIR_MISS);
}

/* What one call asks of the same lease happens in its order. */
static void test_memcached_lease_calls_keep_their_order(void **state)
{
	struct world *world = *state;
	struct weir_backend_lease leases[] = {
		{ .verb = WEIR_LEASE_TAKE, .key = WEIR_SLICE_LITERAL("key"), .token = 1, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_TAKE, .key = WEIR_SLICE_LITERAL("other"), .token = 1, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_TAKE, .key = WEIR_SLICE_LITERAL("key"), .token = 2, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_RELEASE, .key = WEIR_SLICE_LITERAL("key"), .token = 1 },
		{ .verb = WEIR_LEASE_TAKE, .key = WEIR_SLICE_LITERAL("key"), .token = 3, .ttl_ms = 5000 },
		{ .verb = WEIR_LEASE_RENEW, .key = WEIR_SLICE_LITERAL("key"), .token = 1, .ttl_ms = 5000 },
	};
	static const enum weir_status expected[] = { WEIR_OK, WEIR_OK, WEIR_BUSY, WEIR_OK, WEIR_OK, WEIR_MISS };

	assert_int_equal(lease_many(&world->a, leases, 6), WEIR_OK);
	for (int i = 0; i < 6; i++)
		assert_int_equal(leases[i].status, expected[i]);
}

/* Half of the leases are the host's already, so that taking them again is a second round trip; the last is on the first one's key. */
static void fill(struct weir_memcached_host *host, char keys[][16], struct weir_backend_lease *leases)
{
	for (int i = 0; i < LEASES; i++) {
		(void)snprintf(keys[i], 16, "key%d", i);
		leases[i] = (struct weir_backend_lease){ WEIR_LEASE_TAKE, weir_slice_text(keys[i]), 1, 60000, WEIR_ERR_STATE };
		if (i % 2)
			assert_int_equal(weir_memcached_host_lease(host, WEIR_LEASE_TAKE, keys[i], 1, 60000), WEIR_OK);
	}
	leases[LEASES] = (struct weir_backend_lease){ WEIR_LEASE_TAKE, leases[0].key, 2, 60000, WEIR_ERR_STATE };
}

/* The frozen server takes all the time there is. What its neighbours have done in the first round trip is done; for what would take a
 * second one there is no time left, and that fails alone. */
static void test_memcached_frozen_server_fails_no_leases_of_others(void **state)
{
	struct world *world = *state;
	struct weir_backend_lease leases[LEASES + 1];
	struct weir_memcached_host host;
	char keys[LEASES][16];
	size_t taken = 0;

	open_host(world, &host, HASTY);
	fill(&world->a, keys, leases);
	weir_server_freeze(&world->servers.servers[1]);
	assert_int_equal(lease_many(&host, leases, LEASES + 1), WEIR_OK);
	weir_server_thaw(&world->servers.servers[1]);
	for (int i = 0; i < LEASES; i++) {
		bool was_taken = leases[i].status == WEIR_OK;

		assert_true(was_taken || leases[i].status == WEIR_ERR_TIMEOUT);
		assert_false(was_taken && i % 2);
		if (was_taken)
			assert_int_equal(weir_memcached_host_lease(&world->b, WEIR_LEASE_TAKE, keys[i], 2, 60000), WEIR_BUSY);
		taken += was_taken;
	}
	assert_in_range(taken, LEASES / 10, LEASES / 2 - 1);
	assert_int_equal(leases[LEASES].status, WEIR_ERR_TIMEOUT);
	weir_memcached_host_close(&host);
}

/* Nobody is there: each lease says so. */
static void test_memcached_dead_servers_fail_each_lease(void **state)
{
	struct world *world = *state;
	struct weir_backend_lease leases[LEASES + 1];
	char keys[LEASES][16];

	fill(&world->a, keys, leases);
	weir_server_stop(&world->servers.servers[0]);
	assert_int_equal(lease_many(&world->a, leases, LEASES + 1), WEIR_OK);
	for (int i = 0; i <= LEASES; i++)
		assert_int_equal(leases[i].status, WEIR_ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memcached_lease_is_one_for_all_hosts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_lease_calls_keep_their_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_frozen_server_fails_no_leases_of_others, set_up_ring, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_dead_servers_fail_each_lease, set_up, tear_down),
	};

	return weir_memcached_is_there() ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}
