/* SPDX-License-Identifier: Apache-2.0
 *
 * Contract: leases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store.h"

#define MINE UINT64_C(0x1111111122222222)
#define YOURS UINT64_C(0xfffffffffffffffe)
#define TTL_MS 5000

static enum weir_status lease(struct weir_contract_store *store, uint64_t token)
{
	return weir_contract_lease(store, WEIR_LEASE_TAKE, "key", token, TTL_MS);
}

static enum weir_status renew(struct weir_contract_store *store, uint64_t token)
{
	return weir_contract_lease(store, WEIR_LEASE_RENEW, "key", token, TTL_MS);
}

static enum weir_status release(struct weir_contract_store *store, uint64_t token)
{
	return weir_contract_lease(store, WEIR_LEASE_RELEASE, "key", token, 0);
}

static void test_contract_lease_is_for_one(void **state)
{
	assert_int_equal(lease(*state, MINE), WEIR_OK);
	assert_int_equal(lease(*state, YOURS), WEIR_BUSY);
	assert_int_equal(lease(*state, YOURS), WEIR_BUSY);
	assert_int_equal(weir_contract_lease(*state, WEIR_LEASE_TAKE, "another key", YOURS, TTL_MS), WEIR_OK);
}

static void test_contract_lease_may_be_taken_again_by_its_holder(void **state)
{
	assert_int_equal(lease(*state, MINE), WEIR_OK);
	weir_contract_advance_ms(*state, TTL_MS - 1000);
	assert_int_equal(lease(*state, MINE), WEIR_OK);
	weir_contract_advance_ms(*state, TTL_MS - 1000);
	assert_int_equal(lease(*state, YOURS), WEIR_BUSY);
}

static void test_contract_lease_ends_by_itself(void **state)
{
	struct weir_contract_store *store = *state;
	int64_t unit_ms = store->driver->granularity_ms > 0 ? store->driver->granularity_ms : 1;

	assert_int_equal(lease(store, MINE), WEIR_OK);
	weir_contract_advance_ms(store, TTL_MS - unit_ms);
	assert_int_equal(lease(store, YOURS), WEIR_BUSY);
	weir_contract_advance_ms(store, store->driver->granularity_ms > 0 ? 2 * unit_ms : 1);
	assert_int_equal(lease(store, YOURS), WEIR_OK);
	assert_int_equal(lease(store, MINE), WEIR_BUSY);
}

static void test_contract_release_frees(void **state)
{
	assert_int_equal(lease(*state, MINE), WEIR_OK);
	assert_int_equal(release(*state, MINE), WEIR_OK);
	assert_int_equal(lease(*state, YOURS), WEIR_OK);
	assert_int_equal(lease(*state, MINE), WEIR_BUSY);
}

static void test_contract_release_is_for_the_holder(void **state)
{
	assert_int_equal(release(*state, MINE), WEIR_OK);
	assert_int_equal(lease(*state, MINE), WEIR_OK);
	assert_int_equal(release(*state, YOURS), WEIR_OK);
	assert_int_equal(lease(*state, YOURS), WEIR_BUSY);
	assert_int_equal(release(*state, MINE), WEIR_OK);
	assert_int_equal(release(*state, MINE), WEIR_OK);
}

static void test_contract_late_release_does_not_free_the_next_holder(void **state)
{
	struct weir_contract_store *store = *state;

	assert_int_equal(lease(store, MINE), WEIR_OK);
	weir_contract_advance_ms(store, TTL_MS + store->driver->granularity_ms);
	assert_int_equal(lease(store, YOURS), WEIR_OK);
	assert_int_equal(release(store, MINE), WEIR_OK);
	assert_int_equal(lease(store, MINE), WEIR_BUSY);
}

static void test_contract_renew_prolongs(void **state)
{
	assert_int_equal(lease(*state, MINE), WEIR_OK);
	for (int i = 0; i < 3; i++) {
		weir_contract_advance_ms(*state, TTL_MS - 1000);
		assert_int_equal(renew(*state, MINE), WEIR_OK);
		assert_int_equal(lease(*state, YOURS), WEIR_BUSY);
	}
}

static void test_contract_renew_is_for_the_holder(void **state)
{
	struct weir_contract_store *store = *state;

	assert_int_equal(renew(store, MINE), WEIR_MISS);
	assert_int_equal(lease(store, MINE), WEIR_OK);
	assert_int_equal(renew(store, YOURS), WEIR_MISS);
	weir_contract_advance_ms(store, TTL_MS + store->driver->granularity_ms);
	assert_int_equal(renew(store, MINE), WEIR_MISS);
	assert_int_equal(lease(store, YOURS), WEIR_OK);
	assert_int_equal(renew(store, MINE), WEIR_MISS);
	assert_int_equal(renew(store, YOURS), WEIR_OK);
}

const struct CMUnitTest weir_contract_lease_tests[] = {
	cmocka_unit_test(test_contract_lease_is_for_one),
	cmocka_unit_test(test_contract_lease_may_be_taken_again_by_its_holder),
	cmocka_unit_test(test_contract_lease_ends_by_itself),
	cmocka_unit_test(test_contract_release_frees),
	cmocka_unit_test(test_contract_release_is_for_the_holder),
	cmocka_unit_test(test_contract_late_release_does_not_free_the_next_holder),
	cmocka_unit_test(test_contract_renew_prolongs),
	cmocka_unit_test(test_contract_renew_is_for_the_holder),
};

const size_t weir_contract_lease_test_count = sizeof(weir_contract_lease_tests) / sizeof(weir_contract_lease_tests[0]);
