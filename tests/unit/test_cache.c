/* SPDX-License-Identifier: Apache-2.0
 *
 * What is answered from the cache: for how long, and with which fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };
static const struct weir_cache_rule by_default = { 0 };

static void test_cache_answers_the_second_request_from_the_first(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *miss = weir_test_get(test, "/page");
	const struct weir_test_response *hit = weir_test_get(test, "/page");

	(void)state;
	expect_answer(test, miss, "MISS", "run 1");
	expect_answer(test, hit, "HIT", "run 1");
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss; stored");
	expect_field(test, hit, "Cache-Status", "weir; hit; ttl=60");
	expect_field(test, hit, "Content-Type", "text/plain");
	expect_field(test, hit, "Content-Length", "5");
	assert_non_null(weir_test_field(test, miss, "ETag"));
	expect_field(test, hit, "ETag", weir_test_field(test, miss, "ETag"));
	assert_int_equal(cache_app_runs, 1);
	weir_test_destroy(test);
}

static void test_cache_etag_follows_the_body(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const char *first = weir_test_field(test, weir_test_get(test, "/page"), "ETag");
	const char *second = weir_test_field(test, weir_test_get(test, "/page/other"), "ETag");

	(void)state;
	assert_string_not_equal(first, second);
	cache_app_runs = 0;
	assert_string_equal(weir_test_field(test, weir_test_get(test, "/page/again"), "ETag"), first);
	weir_test_destroy(test);
}

static void test_cache_lifetime_counts_down_and_ends_at_the_millisecond(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *hit;

	(void)state;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=60");
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=60");
	weir_test_advance_ms(test, 1);
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=59");
	weir_test_advance_ms(test, 29999);
	hit = weir_test_get(test, "/page");
	expect_field(test, hit, "Cache-Control", "max-age=30");
	expect_field(test, hit, "Cache-Status", "weir; hit; ttl=30");
	weir_test_advance_ms(test, 29999);
	hit = weir_test_get(test, "/page");
	expect_answer(test, hit, "HIT", "run 1");
	expect_field(test, hit, "Cache-Control", "max-age=0");
	weir_test_advance_ms(test, 1);
	expect_get(test, "/page", "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_never_expires_unless_told(void **state)
{
	struct weir_test *test = cache_app(&by_default);

	(void)state;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=31536000");
	weir_test_advance_ms(test, INT64_C(20) * 365 * 86400 * 1000);
	expect_get(test, "/page", "HIT", "run 1");
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=31536000");
	expect_field(test, weir_test_get(test, "/page"), "Cache-Status", "weir; hit; ttl=31536000");
	weir_test_destroy(test);
}

static void test_cache_default_lifetime_is_the_caches(void **state)
{
	struct weir_test *test = cache_app_with(&(struct weir_cache_options){ .expire_s = 7 }, &by_default);

	(void)state;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=7");
	weir_test_advance_ms(test, 6999);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_advance_ms(test, 1);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_rule_goes_before_the_default_lifetime(void **state)
{
	static const struct weir_cache_rule never = { .expire_s = WEIR_EXPIRE_NEVER };
	const struct weir_cache_options seven = { .expire_s = 7 };
	struct weir_test *test = cache_app_with(&seven, &minute);

	(void)state;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=60");
	weir_test_destroy(test);
	test = cache_app_with(&seven, &never);
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=31536000");
	weir_test_advance_ms(test, 86400000);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

/* Seconds beyond what milliseconds can count. */
static void test_cache_lifetime_may_be_huge(void **state)
{
	static const struct weir_cache_rule huge = { .expire_s = INT64_MAX };
	struct weir_test *test = cache_app(&huge);

	(void)state;
	(void)weir_test_get(test, "/page");
	weir_test_advance_ms(test, INT64_C(100) * 365 * 86400 * 1000);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_tells_hit_or_miss_in_the_field_that_is_asked_for(void **state)
{
	static const struct weir_cache_rule own = { .expire_s = 60, .status_header = "X-Page-Cache" };
	const struct weir_cache_options options = { .status_header = "X-App-Cache" };
	struct weir_test *test = cache_app_with(&options, &minute);
	const struct weir_test_response *res;

	(void)state;
	res = weir_test_get(test, "/page");
	expect_field(test, res, "X-App-Cache", "MISS");
	expect_field(test, res, "X-Weir-Cache", NULL);
	expect_field(test, weir_test_get(test, "/page"), "X-App-Cache", "HIT");
	weir_test_destroy(test);
	test = cache_app_with(&options, &own);
	(void)weir_test_get(test, "/page");
	res = weir_test_get(test, "/page");
	expect_field(test, res, "X-Page-Cache", "HIT");
	expect_field(test, res, "X-App-Cache", NULL);
	weir_test_destroy(test);
}

static void expect_uncached(struct weir_test *test, const struct weir_test_response *res, const char *body)
{
	expect_answer(test, res, NULL, body);
	expect_field(test, res, "Cache-Status", NULL);
	expect_field(test, res, "Cache-Control", NULL);
	expect_field(test, res, "ETag", NULL);
}

static void test_cache_is_switched_while_running(void **state)
{
	struct weir_test *test = cache_app(&minute);
	struct weir_cache *cache = weir_app_cache(weir_test_app(test));

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	weir_cache_set_enabled(cache, false);
	assert_false(weir_cache_enabled(cache));
	expect_uncached(test, weir_test_get(test, "/page"), "run 2");
	weir_cache_set_enabled(cache, true);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
	test = cache_app_with(&(struct weir_cache_options){ .disabled = true }, &minute);
	expect_uncached(test, weir_test_get(test, "/page"), "run 1");
	expect_uncached(test, weir_test_get(test, "/page"), "run 2");
	weir_test_destroy(test);
}

static void test_cache_leaves_routes_without_a_rule_alone(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_uncached(test, weir_test_get(test, "/plain"), "run 1");
	expect_uncached(test, weir_test_get(test, "/plain"), "run 2");
	assert_int_equal(weir_test_get(test, "/nothing-there")->status, 404);
	assert_int_equal(cache_app_stats(test).bypassed, 0);
	weir_test_destroy(test);
}

static void test_cache_counts(void **state)
{
	struct weir_test *test = cache_app(&minute);
	struct weir_cache_stats stats;

	(void)state;
	for (int i = 0; i < 3; i++)
		(void)weir_test_get(test, "/page");
	(void)cache_app_get(test, "/page", FIELDS("Cache-Control", "no-store"));
	stats = cache_app_stats(test);
	assert_int_equal(stats.misses, 1);
	assert_int_equal(stats.hits, 2);
	assert_int_equal(stats.stored, 1);
	assert_int_equal(stats.bypassed, 1);
	assert_int_equal(stats.coalesced, 0);
	assert_int_equal(stats.errors, 0);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_answers_the_second_request_from_the_first),
		cmocka_unit_test(test_cache_etag_follows_the_body),
		cmocka_unit_test(test_cache_lifetime_counts_down_and_ends_at_the_millisecond),
		cmocka_unit_test(test_cache_never_expires_unless_told),
		cmocka_unit_test(test_cache_default_lifetime_is_the_caches),
		cmocka_unit_test(test_cache_rule_goes_before_the_default_lifetime),
		cmocka_unit_test(test_cache_lifetime_may_be_huge),
		cmocka_unit_test(test_cache_tells_hit_or_miss_in_the_field_that_is_asked_for),
		cmocka_unit_test(test_cache_is_switched_while_running),
		cmocka_unit_test(test_cache_leaves_routes_without_a_rule_alone),
		cmocka_unit_test(test_cache_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
