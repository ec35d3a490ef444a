/* SPDX-License-Identifier: Apache-2.0
 *
 * Contract: values under keys, one at a time, their sizes and their expiry.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store.h"

#define KEY WEIR_SLICE_LITERAL("key")
#define VALUE WEIR_SLICE_LITERAL("value")

/* Bytes that differ from their neighbours and from those of another seed. */
static char *pattern(size_t len, unsigned seed)
{
	char *bytes = test_malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)((i * 31 + i / 251 + seed) & 0xff);
	return bytes;
}

static void test_contract_nothing_is_a_miss(void **state)
{
	struct weir_backend_get get = weir_contract_get(*state, KEY);

	assert_int_equal(get.status, WEIR_MISS);
}

static void test_contract_value_comes_back(void **state)
{
	weir_contract_put(*state, KEY, VALUE);
	weir_contract_expect(*state, KEY, VALUE);
	assert_false(weir_contract_has(*state, WEIR_SLICE_LITERAL("ke")));
	assert_false(weir_contract_has(*state, WEIR_SLICE_LITERAL("key2")));
	assert_false(weir_contract_has(*state, WEIR_SLICE_LITERAL("KEY")));
}

static void test_contract_overwriting_replaces(void **state)
{
	weir_contract_put(*state, KEY, VALUE);
	weir_contract_put(*state, KEY, WEIR_SLICE_LITERAL("another one"));
	weir_contract_expect(*state, KEY, WEIR_SLICE_LITERAL("another one"));
	weir_contract_put(*state, KEY, WEIR_SLICE_LITERAL("v"));
	weir_contract_expect(*state, KEY, WEIR_SLICE_LITERAL("v"));
}

static void test_contract_overwriting_replaces_the_expiry(void **state)
{
	int64_t now_ms = weir_contract_now_ms(*state);

	assert_int_equal(weir_contract_set(*state, KEY, VALUE, now_ms + 10000), WEIR_OK);
	weir_contract_put(*state, KEY, VALUE);
	weir_contract_advance_ms(*state, 60000);
	weir_contract_expect(*state, KEY, VALUE);
}

static void test_contract_remove_counts_what_was_there(void **state)
{
	struct weir_slice other = WEIR_SLICE_LITERAL("other");

	weir_contract_put(*state, KEY, VALUE);
	weir_contract_put(*state, other, VALUE);
	assert_int_equal(weir_contract_remove(*state, KEY), 1);
	assert_false(weir_contract_has(*state, KEY));
	assert_int_equal(weir_contract_remove(*state, KEY), 0);
	weir_contract_expect(*state, other, VALUE);
}

static void test_contract_expired_value_is_not_counted_as_removed(void **state)
{
	struct weir_contract_store *store = *state;

	assert_int_equal(weir_contract_set(store, KEY, VALUE, weir_contract_now_ms(store) + 1000), WEIR_OK);
	weir_contract_advance_ms(store, 1000 + store->driver->granularity_ms);
	assert_int_equal(weir_contract_remove(store, KEY), 0);
}

static void test_contract_empty_value_is_a_hit(void **state)
{
	weir_contract_put(*state, KEY, WEIR_SLICE_LITERAL(""));
	weir_contract_expect(*state, KEY, WEIR_SLICE_LITERAL(""));
	weir_contract_put(*state, KEY, WEIR_SLICE_NONE);
	weir_contract_expect(*state, KEY, WEIR_SLICE_NONE);
}

static void test_contract_key_and_value_may_hold_any_byte(void **state)
{
	char bytes[256];

	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	weir_contract_put(*state, weir_slice(bytes, 256), weir_slice(bytes, 256));
	for (int i = 0; i < 256; i++)
		weir_contract_put(*state, weir_slice(&bytes[i], 1), weir_slice(bytes, (size_t)i));
	weir_contract_expect(*state, weir_slice(bytes, 256), weir_slice(bytes, 256));
	for (int i = 0; i < 256; i++)
		weir_contract_expect(*state, weir_slice(&bytes[i], 1), weir_slice(bytes, (size_t)i));
}

static void test_contract_keys_differ_behind_a_zero_byte(void **state)
{
	weir_contract_put(*state, weir_slice("a\0b", 3), VALUE);
	assert_false(weir_contract_has(*state, weir_slice("a\0c", 3)));
	assert_false(weir_contract_has(*state, weir_slice("a", 1)));
	weir_contract_expect(*state, weir_slice("a\0b", 3), VALUE);
}

static void test_contract_longest_keys_differ_in_every_byte(void **state)
{
	char *key = pattern(WEIR_KEY_MAX, 1), *other = pattern(WEIR_KEY_MAX, 1);
	const size_t places[] = { 0, 249, 250, WEIR_KEY_MAX / 2, WEIR_KEY_MAX - 1 };

	weir_contract_put(*state, weir_slice(key, WEIR_KEY_MAX), VALUE);
	weir_contract_expect(*state, weir_slice(other, WEIR_KEY_MAX), VALUE);
	assert_false(weir_contract_has(*state, weir_slice(key, WEIR_KEY_MAX - 1)));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		other[places[i]] ^= 1;
		assert_false(weir_contract_has(*state, weir_slice(other, WEIR_KEY_MAX)));
		other[places[i]] ^= 1;
	}
	assert_int_equal(weir_contract_remove(*state, weir_slice(key, WEIR_KEY_MAX)), 1);
	test_free(key);
	test_free(other);
}

static void test_contract_key_out_of_bounds_is_refused(void **state)
{
	char *bytes = pattern(WEIR_KEY_MAX + 1, 1);
	struct weir_slice key = weir_slice(bytes, WEIR_KEY_MAX + 1);

	assert_int_equal(weir_contract_set(*state, key, VALUE, WEIR_EXPIRES_NEVER), WEIR_ERR_LIMIT);
	assert_false(weir_contract_has(*state, key));
	assert_int_equal(weir_contract_set(*state, WEIR_SLICE_LITERAL(""), VALUE, WEIR_EXPIRES_NEVER), WEIR_ERR_LIMIT);
	assert_false(weir_contract_has(*state, WEIR_SLICE_LITERAL("")));
	test_free(bytes);
}

static void test_contract_large_value_comes_back(void **state)
{
	struct weir_contract_store *store = *state;

	for (size_t len = 1; len <= store->driver->value_fits; len = len < 4096 ? len * 8 + 1 : len * 4 - 3) {
		char *bytes = pattern(len, (unsigned)len);

		weir_contract_put(store, KEY, weir_slice(bytes, len));
		weir_contract_expect(store, KEY, weir_slice(bytes, len));
		test_free(bytes);
	}
}

static void test_contract_value_of_the_largest_size_is_stored(void **state)
{
	struct weir_contract_store *store = *state;
	size_t len = store->driver->value_fits;
	char *bytes = pattern(len, 7);

	weir_contract_put(store, KEY, weir_slice(bytes, len));
	weir_contract_expect(store, KEY, weir_slice(bytes, len));
	test_free(bytes);
}

static void test_contract_refused_value_takes_the_old_one_with_it(void **state)
{
	struct weir_contract_store *store = *state;
	size_t len = store->driver->value_refused;
	char *bytes;

	if (len == 0)
		return;
	bytes = pattern(len, 7);
	weir_contract_put(store, KEY, VALUE);
	assert_int_equal(weir_contract_set(store, KEY, weir_slice(bytes, len), WEIR_EXPIRES_NEVER), WEIR_ERR_LIMIT);
	assert_false(weir_contract_has(store, KEY));
	test_free(bytes);
}

static void test_contract_value_expires_on_time(void **state)
{
	struct weir_contract_store *store = *state;
	int64_t unit_ms = store->driver->granularity_ms > 0 ? store->driver->granularity_ms : 1;
	int64_t now_ms = weir_contract_now_ms(store);

	assert_int_equal(weir_contract_set(store, KEY, VALUE, now_ms + 10 * unit_ms), WEIR_OK);
	weir_contract_advance_ms(store, 9 * unit_ms);
	weir_contract_expect(store, KEY, VALUE);
	weir_contract_advance_ms(store, store->driver->granularity_ms > 0 ? 2 * unit_ms : 1);
	assert_false(weir_contract_has(store, KEY));
}

static void test_contract_value_expires_after_months(void **state)
{
	struct weir_contract_store *store = *state;
	int64_t day_ms = 24 * 3600 * 1000;

	assert_int_equal(weir_contract_set(store, KEY, VALUE, weir_contract_now_ms(store) + 90 * day_ms), WEIR_OK);
	weir_contract_advance_ms(store, 89 * day_ms);
	weir_contract_expect(store, KEY, VALUE);
	weir_contract_advance_ms(store, 2 * day_ms);
	assert_false(weir_contract_has(store, KEY));
}

static void test_contract_value_that_has_expired_before_is_never_served(void **state)
{
	struct weir_contract_store *store = *state;

	weir_contract_put(store, KEY, WEIR_SLICE_LITERAL("old"));
	assert_int_equal(weir_contract_set(store, KEY, VALUE, weir_contract_now_ms(store) - store->driver->granularity_ms), WEIR_OK);
	assert_false(weir_contract_has(store, KEY));
}

static void test_contract_never_is_long(void **state)
{
	weir_contract_put(*state, KEY, VALUE);
	weir_contract_advance_ms(*state, INT64_C(20) * 365 * 24 * 3600 * 1000);
	weir_contract_expect(*state, KEY, VALUE);
}

static void test_contract_value_in_hand_outlives_what_happens_to_the_key(void **state)
{
	size_t len = 5000;
	char *first = pattern(len, 1), *second = pattern(len, 2);
	struct weir_backend_get get;

	weir_contract_put(*state, KEY, weir_slice(first, len));
	get = weir_contract_get(*state, KEY);
	assert_int_equal(get.status, WEIR_OK);
	weir_contract_put(*state, KEY, weir_slice(second, len));
	assert_true(weir_slice_equal(get.value, weir_slice(first, len)));
	weir_contract_remove(*state, KEY);
	weir_contract_put(*state, KEY, weir_slice(second, len));
	assert_true(weir_slice_equal(get.value, weir_slice(first, len)));
	weir_contract_done(&get);
	weir_contract_expect(*state, KEY, weir_slice(second, len));
	test_free(first);
	test_free(second);
}

const struct CMUnitTest weir_contract_value_tests[] = {
	cmocka_unit_test(test_contract_nothing_is_a_miss),
	cmocka_unit_test(test_contract_value_comes_back),
	cmocka_unit_test(test_contract_overwriting_replaces),
	cmocka_unit_test(test_contract_overwriting_replaces_the_expiry),
	cmocka_unit_test(test_contract_remove_counts_what_was_there),
	cmocka_unit_test(test_contract_expired_value_is_not_counted_as_removed),
	cmocka_unit_test(test_contract_empty_value_is_a_hit),
	cmocka_unit_test(test_contract_key_and_value_may_hold_any_byte),
	cmocka_unit_test(test_contract_keys_differ_behind_a_zero_byte),
	cmocka_unit_test(test_contract_longest_keys_differ_in_every_byte),
	cmocka_unit_test(test_contract_key_out_of_bounds_is_refused),
	cmocka_unit_test(test_contract_large_value_comes_back),
	cmocka_unit_test(test_contract_value_of_the_largest_size_is_stored),
	cmocka_unit_test(test_contract_refused_value_takes_the_old_one_with_it),
	cmocka_unit_test(test_contract_value_expires_on_time),
	cmocka_unit_test(test_contract_value_expires_after_months),
	cmocka_unit_test(test_contract_value_that_has_expired_before_is_never_served),
	cmocka_unit_test(test_contract_never_is_long),
	cmocka_unit_test(test_contract_value_in_hand_outlives_what_happens_to_the_key),
};

const size_t weir_contract_value_test_count = sizeof(weir_contract_value_tests) / sizeof(weir_contract_value_tests[0]);
