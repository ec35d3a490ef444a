/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: what every backend can do, and with the package some could not: the time that is left, the lock, and clearing, for all hosts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "pages" };
static const struct weir_cache_rule locked = { .expire_s = 60, .ns = "pages", .with_lock = true, .lock_timeout_ms = 3000 };

static void expect_max_age(struct weir_test *host, const char *target, const char *status, const char *value)
{
	const struct weir_test_response *res = weir_test_get(host, target);

	expect_field(host, res, "X-Weir-Cache", status);
	expect_field(host, res, "Cache-Control", value);
}

static void test_backend_value_and_time_left_in_one_round_trip(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	expect_max_age(one, "/page", "MISS", "max-age=60");
	semantics_advance_ms(state, 59000);
	(void)semantics_calls(state);
	expect_max_age(other, "/page", "HIT", "max-age=1");
	assert_string_equal(semantics_calls(state), "R");
	semantics_advance_ms(state, 999);
	expect_max_age(other, "/page", "HIT", "max-age=0");
	semantics_advance_ms(state, 1);
	expect_max_age(other, "/page", "MISS", "max-age=60");
	expect_max_age(one, "/page", "HIT", "max-age=60");
}

static void test_backend_keeps_for_ever(void **state)
{
	static const struct weir_cache_rule never = { .expire_s = WEIR_EXPIRE_NEVER };
	struct weir_test *one = semantics_open(state, NULL, &never);

	expect_max_age(one, "/page", "MISS", "max-age=31536000");
	semantics_advance_ms(state, INT64_C(86400000) * 365 * 20);
	expect_max_age(one, "/page", "HIT", "max-age=31536000");
}

/* More than a day, more than a month (memcached's limit), more than a life. */
static void test_backend_keeps_for_long(void **state)
{
	static const struct weir_cache_rule months = { .expire_s = 100 * 86400 }, ages = { .expire_s = INT64_C(86400) * 365 * 2000 };
	struct weir_test *one = semantics_open(state, NULL, &months);

	semantics_add_route(one, "/ages", &ages);
	expect_max_age(one, "/page", "MISS", "max-age=8640000");
	expect_max_age(one, "/ages", "MISS", "max-age=63072000000");
	semantics_advance_ms(state, INT64_C(99) * 86400000);
	expect_max_age(one, "/page", "HIT", "max-age=86400");
	semantics_advance_ms(state, INT64_C(86400000));
	expect_max_age(one, "/page", "MISS", "max-age=8640000");
	expect_max_age(one, "/ages", "HIT", "max-age=63063360000");
}

/* -- Clearing, told to one host --------------------------------------------------------------------------------------------- */

static void test_backend_clear_of_a_namespace(void **state)
{
	static const struct weir_cache_rule others = { .expire_s = 60, .ns = "pages2" };
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	size_t removed = 99;

	semantics_add_route(other, "/others", &others);
	expect_get(one, "/page/1", "MISS", "run 1");
	expect_get(other, "/page/2", "MISS", "run 2");
	expect_get(other, "/others", "MISS", "run 3");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(one), "pages", &removed), WEIR_OK);
	assert_int_equal(removed, 2);
	expect_get(other, "/page/1", "MISS", "run 4");
	expect_get(one, "/page/2", "MISS", "run 5");
	expect_get(other, "/others", "HIT", "run 3");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(one), "pages", NULL), WEIR_OK);
	expect_get(other, "/page/1", "MISS", "run 6");
}

static void test_backend_clear_of_a_key(void **state)
{
	const struct weir_cache_entry_name name = { .ns = "pages", .route = "/page", .host = "localhost", .target = "/page?b=2&a=1" };
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	size_t removed = 99;

	expect_get(other, "/page?a=1&b=2", "MISS", "run 1");
	expect_get(other, "/page?a=1&b=22", "MISS", "run 2");
	assert_int_equal(weir_cache_clear_entry(semantics_cache(one), &name, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_get(other, "/page?a=1&b=2", "MISS", "run 3");
	expect_get(other, "/page?a=1&b=22", "HIT", "run 2");
	assert_int_equal(weir_cache_clear_entry(semantics_cache(one), &name, NULL), WEIR_OK);
	expect_get(other, "/page?a=1&b=2", "MISS", "run 4");
}

/* However late it is stored. */
static void test_backend_clear_outruns_a_late_store(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	struct weir_test_exchange *making = semantics_start_held(one, "/page");

	assert_int_equal(weir_cache_clear_namespace(semantics_cache(other), "pages", NULL), WEIR_OK);
	semantics_finish(state, one);
	expect_answer(one, weir_test_response(making), "MISS", "run 1");
	expect_get(other, "/page", "MISS", "run 2");
	expect_get(one, "/page", "HIT", "run 2");
}

static void test_backend_soft_purge(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	expect_get(one, "/page", "MISS", "run 1");
	assert_int_equal(weir_cache_expire_namespace(semantics_cache(other), "page"), WEIR_OK);
	expect_get(one, "/page", "HIT", "run 1");
	assert_int_equal(weir_cache_expire_namespace(semantics_cache(other), "pages"), WEIR_OK);
	expect_get(one, "/page", "MISS", "run 2");
	expect_get(other, "/page", "HIT", "run 2");
}

/* -- The lock, between hosts ------------------------------------------------------------------------------------------------ */

static void test_backend_lock(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &locked), *other = semantics_join(state, NULL, &locked);
	struct weir_test_exchange *leads = semantics_start_held(one, "/page"), *watches = cache_app_start(other, "/page", NULL);

	semantics_advance_ms(state, 2900);
	assert_null(weir_test_response(watches));
	semantics_finish(state, one);
	expect_answer(one, weir_test_response(leads), "MISS", "run 1");
	expect_answer(other, weir_test_response(watches), "HIT", "run 1");
	expect_field(other, weir_test_response(watches), "Cache-Status", "weir; fwd=uri-miss; collapsed");
}

/* It is free for whoever comes next when the one that held it has failed. */
static enum weir_status fail_at_first(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return cache_app_runs == 1 ? WEIR_ERR_IO : cache_app_answer(res);
}

static void test_backend_lock_is_free_after_a_failure(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &locked), *other = semantics_join(state, NULL, &locked);
	struct weir_test_exchange *leads, *watches;

	cache_app_handler = fail_at_first;
	leads = semantics_start_held(one, "/page");
	watches = cache_app_start(other, "/page", NULL);
	semantics_finish(state, one);
	assert_int_equal(weir_test_response(leads)->status, 500);
	expect_answer(other, weir_test_response(watches), "MISS", "run 2");
	expect_get(one, "/page", "HIT", "run 2");
}

/* It outlasts its own time to live, as long as the handler runs: no third one takes it. */
static void test_backend_lock_is_renewed(void **state)
{
	static const struct weir_cache_rule patient = { .expire_s = 600, .with_lock = true };
	struct weir_test *one = semantics_open(state, NULL, &patient), *other = semantics_join(state, NULL, &patient);
	struct weir_test_exchange *leads = semantics_start_held(one, "/page"), *watches = cache_app_start(other, "/page", NULL);

	(void)semantics_calls(state);
	semantics_advance_ms(state, 25000);
	assert_non_null(strchr(semantics_calls(state), SEMANTICS_RENEW));
	assert_null(weir_test_response(watches));
	assert_int_equal(cache_app_stats(other).misses, 0);
	semantics_finish(state, one);
	expect_answer(one, weir_test_response(leads), "MISS", "run 1");
	expect_answer(other, weir_test_response(watches), "HIT", "run 1");
}

const struct CMUnitTest semantics_backend_tests[] = {
	cmocka_unit_test(test_backend_value_and_time_left_in_one_round_trip),
	cmocka_unit_test(test_backend_keeps_for_ever),
	cmocka_unit_test(test_backend_keeps_for_long),
	cmocka_unit_test(test_backend_clear_of_a_namespace),
	cmocka_unit_test(test_backend_clear_of_a_key),
	cmocka_unit_test(test_backend_clear_outruns_a_late_store),
	cmocka_unit_test(test_backend_soft_purge),
	cmocka_unit_test(test_backend_lock),
	cmocka_unit_test(test_backend_lock_is_free_after_a_failure),
	cmocka_unit_test(test_backend_lock_is_renewed),
};

const size_t semantics_backend_test_count = sizeof(semantics_backend_tests) / sizeof(semantics_backend_tests[0]);
