/* SPDX-License-Identifier: Apache-2.0
 *
 * What may not be shared: all who wait for it are set free at once, and for a moment nobody waits for the next.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cache/remembered.h"
#include "support/cache_app.h"

static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true };

static enum weir_status answer_privately(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "Cache-Control", "private");
	return cache_app_answer(res);
}

static enum weir_status do_not_store(struct weir_request *req, struct weir_response *res)
{
	weir_call_do_not_store(weir_request_call(req));
	return cache_app_answer(res);
}

static enum weir_status answer_with_failure(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_error(res, 503, "broken");
}

/* Two requests at once: true when both run their handler, false when one waits for the other. */
static bool both_run(struct weir_test *test)
{
	int before = cache_app_runs;
	struct weir_test_exchange *first, *second;

	weir_test_hold_handlers(test, true);
	first = cache_app_start(test, "/page", NULL);
	second = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_non_null(weir_test_response(first));
	assert_non_null(weir_test_response(second));
	return cache_app_runs - before == 2;
}

static void expect_remembered(const struct weir_cache_rule *rule,
			      enum weir_status (*handler)(struct weir_request *, struct weir_response *), int64_t for_ms)
{
	struct weir_test *test = cache_app(rule);

	cache_app_handler = handler;
	(void)weir_test_get(test, "/page");
	cache_app_handler = NULL;
	if (for_ms > 0) {
		weir_test_advance_ms(test, for_ms - 1);
		assert_true(both_run(test));
		assert_int_equal(weir_cache_clear_all(weir_app_cache(weir_test_app(test)), NULL), WEIR_OK);
		weir_test_advance_ms(test, 1);
	}
	assert_false(both_run(test));
	weir_test_destroy(test);
}

static void test_cache_uncacheable_is_remembered_for_two_seconds(void **state)
{
	(void)state;
	expect_remembered(&locked, answer_privately, 2000);
	expect_remembered(&locked, do_not_store, 2000);
}

static void test_cache_uncacheable_is_remembered_for_as_long_as_the_rule_says(void **state)
{
	static const struct weir_cache_rule longer = { .expire_s = 60, .with_lock = true, .uncacheable_ms = 5000 };
	static const struct weir_cache_rule never = { .expire_s = 60, .with_lock = true, .uncacheable_ms = -1 };

	(void)state;
	expect_remembered(&longer, answer_privately, 5000);
	expect_remembered(&never, answer_privately, 0);
}

static void test_cache_uncacheable_is_not_what_failed(void **state)
{
	(void)state;
	expect_remembered(&locked, answer_with_failure, 0);
}

static void test_cache_uncacheable_is_one_key(void **state)
{
	struct weir_test *test = cache_app(&locked);

	(void)state;
	cache_app_handler = answer_privately;
	(void)weir_test_get(test, "/other");
	cache_app_handler = NULL;
	assert_false(both_run(test));
	weir_test_destroy(test);
}

static void test_cache_uncacheable_sets_all_free_at_once(void **state)
{
	struct weir_test *test = cache_app(&locked);
	struct weir_test_exchange *herd[10];

	(void)state;
	cache_app_handler = answer_privately;
	weir_test_hold_handlers(test, true);
	for (int i = 0; i < 10; i++)
		herd[i] = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test); /* without the clock being turned */
	for (int i = 0; i < 10; i++)
		assert_int_equal(weir_test_response(herd[i])->status, 200);
	assert_int_equal(cache_app_runs, 10);
	weir_test_destroy(test);
}

/* A refresh that brings what may not be kept is not begun again with every request. */
static void test_cache_uncacheable_is_not_refreshed_at_once(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .stale_while_revalidate_s = 30 };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	cache_app_handler = answer_privately;
	weir_test_advance_ms(test, 70000);
	for (int i = 0; i < 5; i++)
		expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 2);
	weir_test_advance_ms(test, 2000);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(cache_app_runs, 3);
	weir_test_destroy(test);
}

/* -- The table ------------------------------------------------------------------------------------------------------------- */

static void test_cache_uncacheable_is_remembered_of_many_keys(void **state)
{
	static const struct weir_host_ops none = { 0 };
	struct weir_host host;
	char key[16];
	int known = 0;

	(void)state;
	weir_host_init(&host, &none, weir_clock_system());
	host.now_ms = 1000;
	assert_false(weir_is_remembered(&host, WEIR_SLICE_LITERAL("key 0"), WEIR_REMEMBERED_FAILED));
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		weir_remember(&host, weir_slice_text(key), WEIR_REMEMBERED_FAILED, 100 + i);
		assert_true(weir_is_remembered(&host, weir_slice_text(key), WEIR_REMEMBERED_FAILED));
		assert_false(weir_is_remembered(&host, weir_slice_text(key), WEIR_REMEMBERED_ELSEWHERE));
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		known += weir_is_remembered(&host, weir_slice_text(key), WEIR_REMEMBERED_FAILED);
	}
	assert_int_equal(known, 1024); /* what is forgotten is what would have ended first */
	host.now_ms = 1000 + 100 + 4999;
	assert_false(weir_is_remembered(&host, WEIR_SLICE_LITERAL("key 4999"), WEIR_REMEMBERED_FAILED));
	host.now_ms--;
	assert_true(weir_is_remembered(&host, WEIR_SLICE_LITERAL("key 4999"), WEIR_REMEMBERED_FAILED));
	weir_host_finish(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_uncacheable_is_remembered_for_two_seconds),
		cmocka_unit_test(test_cache_uncacheable_is_remembered_for_as_long_as_the_rule_says),
		cmocka_unit_test(test_cache_uncacheable_is_not_what_failed),
		cmocka_unit_test(test_cache_uncacheable_is_one_key),
		cmocka_unit_test(test_cache_uncacheable_sets_all_free_at_once),
		cmocka_unit_test(test_cache_uncacheable_is_not_refreshed_at_once),
		cmocka_unit_test(test_cache_uncacheable_is_remembered_of_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
