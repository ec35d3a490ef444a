/* SPDX-License-Identifier: Apache-2.0
 *
 * Tags and soft purges: what carries a tag goes with it and nothing else does, however late it is stored; and what they cost where the
 * backend is remote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "cache/cache.h"
#include "support/cache_app.h"

/* Each test runs with a local backend and with one that is asked by jobs. */
static bool is_local = true, is_remote;

#define BOTH(test) \
	{ .name = #test "_local", .test_func = test, .initial_state = &is_local }, \
	{ \
		.name = #test "_remote", .test_func = test, .initial_state = &is_remote \
	}

static const struct weir_cache_rule pages = { .expire_s = 60, .ns = "pages" };

static struct weir_test *open_app(void *const *state, const struct weir_cache_rule *rule)
{
	return *(bool *)*state ? cache_app(rule) : cache_app_remote(rule);
}

static struct weir_cache *cache_of(struct weir_test *test)
{
	return weir_app_cache(weir_test_app(test));
}

/* Each parameter `t` is a tag. */
static enum weir_status answer_tagged(struct weir_request *req, struct weir_response *res)
{
	const struct weir_query *query = weir_request_queries(req);

	for (size_t i = 0; i < query->count; i++)
		weir_call_add_tag(weir_request_call(req), query->pairs[i].value.data);
	return cache_app_answer(res);
}

static struct weir_test *open_tagged(void *const *state, const struct weir_cache_rule *rule)
{
	struct weir_test *test = open_app(state, rule);

	cache_app_handler = answer_tagged;
	return test;
}

static void expect_status(struct weir_test *test, const char *target, const char *status)
{
	expect_field(test, weir_test_get(test, target), "X-Weir-Cache", status);
}

static void test_cache_tags_clear_what_carries_them(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);
	size_t removed = 99;

	expect_status(test, "/page?t=item+17", "MISS");
	expect_status(test, "/page?t=item+17&t=list", "MISS");
	expect_status(test, "/page?t=item+1", "MISS");
	expect_status(test, "/page", "MISS");
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "item 17", NULL), WEIR_OK);
	expect_status(test, "/page?t=item+1", "HIT");
	expect_status(test, "/page", "HIT");
	expect_status(test, "/page?t=item+17", "MISS");
	expect_status(test, "/page?t=item+17&t=list", "MISS");
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "list", &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_status(test, "/page?t=item+17", "HIT");
	expect_status(test, "/page?t=item+17&t=list", "MISS");
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "nobody's", &removed), WEIR_OK);
	assert_int_equal(removed, 0);
	expect_status(test, "/page?t=item+17&t=list", "HIT");
	weir_test_destroy(test);
}

static void test_cache_tags_are_counted_over_many_entries(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);
	char target[64];
	size_t removed = 0;

	for (int i = 0; i < 2500; i++) {
		(void)snprintf(target, sizeof(target), "/page/%d?t=%s", i, i % 2 ? "odd" : "even");
		(void)weir_test_get(test, target);
	}
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "odd", &removed), WEIR_OK);
	assert_int_equal(removed, 1250);
	expect_status(test, "/page/2?t=even", "HIT");
	expect_status(test, "/page/3?t=odd", "MISS");
	weir_test_destroy(test);
}

static void test_cache_tags_of_the_rule_are_on_every_entry(void **state)
{
	static const char *const tags[] = { "pages", "all of them", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .tags = tags };
	struct weir_test *test = open_app(state, &rule);

	expect_status(test, "/page", "MISS");
	expect_status(test, "/page", "HIT");
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "all of them", NULL), WEIR_OK);
	expect_status(test, "/page", "MISS");
	weir_test_destroy(test);
}

static void test_cache_tags_are_cleared_also_while_the_page_is_made(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);
	struct weir_test_exchange *making;

	weir_test_hold_handlers(test, true);
	making = cache_app_start(test, "/page?t=roads", NULL);
	assert_null(weir_test_response(making));
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "roads", NULL), WEIR_OK);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(making), "MISS", "run 1");
	expect_status(test, "/page?t=roads", "MISS");
	expect_status(test, "/page?t=roads", "HIT");
	weir_test_destroy(test);
}

/* Who came after the clear is not answered with what was begun before it, although the flight's tags are not known before it lands. */
static void test_cache_tags_cleared_meanwhile_make_waiters_look_again(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .with_lock = true };
	struct weir_test *test = open_tagged(state, &rule);
	struct weir_test_exchange *before, *after[3];

	weir_test_hold_handlers(test, true);
	before = cache_app_start(test, "/page?t=roads", NULL);
	assert_int_equal(weir_cache_clear_tag(cache_of(test), "roads", NULL), WEIR_OK);
	for (size_t i = 0; i < 3; i++)
		after[i] = cache_app_start(test, "/page?t=roads", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(before), "MISS", "run 1");
	assert_int_equal(cache_app_runs, 2);
	for (size_t i = 0; i < 3; i++)
		expect_body(weir_test_response(after[i]), "run 2");
	expect_get(test, "/page?t=roads", "HIT", "run 2");
	weir_test_destroy(test);
}

/* Who cannot be told whether what has landed was cleared runs the handler: on the loop nothing may be tried for ever. */
static void test_cache_tags_that_cannot_be_asked_for_keep_nobody_waiting(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .with_lock = true };

	(void)state;
	for (size_t fails = 0; fails < 6; fails++) {
		struct weir_test *test = open_tagged((void *const[]){ &is_remote }, &rule);
		struct weir_test_exchange *before, *after[3];

		weir_test_hold_handlers(test, true);
		before = cache_app_start(test, "/page?t=roads", NULL);
		assert_int_equal(weir_cache_clear_namespace(cache_of(test), "other", NULL), WEIR_OK);
		for (size_t i = 0; i < 3; i++)
			after[i] = cache_app_start(test, "/page?t=roads", NULL);
		weir_slow_backend_fail(cache_app_door, fails, WEIR_ERR_BACKEND);
		weir_test_hold_handlers(test, false);
		weir_test_run(test);
		assert_int_equal(weir_test_response(before)->status, 200);
		for (size_t i = 0; i < 3; i++)
			assert_int_equal(weir_test_response(after[i])->status, 200);
		assert_in_range(cache_app_runs, 1, 4);
		weir_test_destroy(test);
	}
}

static void test_cache_tags_that_are_too_many_keep_the_page_out(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);
	char target[2000] = "/page?t=x";

	for (int i = 1; i < 128; i++)
		(void)snprintf(target + strlen(target), sizeof(target) - strlen(target), "&t=%d", i);
	expect_status(test, target, "MISS");
	expect_status(test, target, "HIT");
	(void)snprintf(target + strlen(target), sizeof(target) - strlen(target), "&t=128");
	expect_status(test, target, "MISS");
	expect_status(test, target, "MISS");
	weir_test_destroy(test);
}

/* One round trip, and a second one only after something was cleared since the page was made. */
static void test_cache_tags_cost_a_second_read_only_after_a_clear(void **state)
{
	struct weir_test *test = open_tagged((void *const[]){ &is_remote }, &pages);
	struct weir_slow_counts before, after;

	(void)state;
	expect_status(test, "/page?t=roads", "MISS");
	weir_slow_backend_counts(cache_app_door, &before);
	expect_status(test, "/page?t=roads", "HIT");
	weir_slow_backend_counts(cache_app_door, &after);
	assert_int_equal(after.reads - before.reads, 1);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "other", NULL), WEIR_OK);
	expect_status(test, "/page?t=roads", "HIT");
	weir_slow_backend_counts(cache_app_door, &before);
	assert_int_equal(before.reads - after.reads, 2);
	expect_status(test, "/page", "MISS");
	weir_slow_backend_counts(cache_app_door, &after);
	expect_status(test, "/page", "HIT");
	weir_slow_backend_counts(cache_app_door, &before);
	assert_int_equal(before.reads - after.reads, 1);
	weir_test_destroy(test);
}

/* -- Soft purge: without a stale_… in the rule what is stale is not served --------------------------------------------------- */

static void fill(struct weir_test *test)
{
	(void)weir_test_get(test, "/page?t=roads");
	(void)weir_test_get(test, "/page?t=rivers");
}

static void test_cache_expire_of_a_tag_is_exact(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);

	fill(test);
	assert_int_equal(weir_cache_expire_tag(cache_of(test), "roads"), WEIR_OK);
	expect_status(test, "/page?t=rivers", "HIT");
	expect_status(test, "/page?t=roads", "MISS");
	expect_status(test, "/page?t=roads", "HIT");
	weir_test_destroy(test);
}

static void test_cache_expire_of_a_namespace_is_exact(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);

	fill(test);
	assert_int_equal(weir_cache_expire_namespace(cache_of(test), "page"), WEIR_OK);
	assert_int_equal(weir_cache_expire_namespace(cache_of(test), ""), WEIR_OK);
	expect_status(test, "/page?t=roads", "HIT");
	assert_int_equal(weir_cache_expire_namespace(cache_of(test), "pages"), WEIR_OK);
	expect_status(test, "/page?t=roads", "MISS");
	expect_status(test, "/page?t=rivers", "MISS");
	expect_status(test, "/page?t=rivers", "HIT");
	weir_test_destroy(test);
}

static void test_cache_expire_of_an_entry_is_exact(void **state)
{
	const struct weir_cache_entry_name name = { .ns = "pages", .route = "/page", .host = "localhost", .target = "/page?t=roads" };
	struct weir_test *test = open_tagged(state, &pages);

	fill(test);
	assert_int_equal(weir_cache_expire_entry(cache_of(test), &name), WEIR_OK);
	expect_status(test, "/page?t=rivers", "HIT");
	expect_status(test, "/page?t=roads", "MISS");
	expect_status(test, "/page?t=roads", "HIT");
	weir_test_destroy(test);
}

static void test_cache_expire_of_all_is_of_all(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);

	fill(test);
	assert_int_equal(weir_cache_expire_all(cache_of(test)), WEIR_OK);
	expect_status(test, "/page?t=roads", "MISS");
	expect_status(test, "/page?t=rivers", "MISS");
	expect_status(test, "/page?t=roads", "HIT");
	weir_test_destroy(test);
}

/* What was in the making at a soft purge is as stale as what was there. */
static void test_cache_expire_holds_for_what_is_stored_later(void **state)
{
	struct weir_test *test = open_tagged(state, &pages);
	struct weir_test_exchange *making;

	weir_test_hold_handlers(test, true);
	making = cache_app_start(test, "/page?t=roads", NULL);
	assert_int_equal(weir_cache_expire_tag(cache_of(test), "roads"), WEIR_OK);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(making), "MISS", "run 1");
	expect_status(test, "/page?t=roads", "MISS");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(test_cache_tags_clear_what_carries_them),
		BOTH(test_cache_tags_are_counted_over_many_entries),
		BOTH(test_cache_tags_of_the_rule_are_on_every_entry),
		BOTH(test_cache_tags_are_cleared_also_while_the_page_is_made),
		BOTH(test_cache_tags_cleared_meanwhile_make_waiters_look_again),
		BOTH(test_cache_tags_that_are_too_many_keep_the_page_out),
		cmocka_unit_test(test_cache_tags_that_cannot_be_asked_for_keep_nobody_waiting),
		cmocka_unit_test(test_cache_tags_cost_a_second_read_only_after_a_clear),
		BOTH(test_cache_expire_of_a_tag_is_exact),
		BOTH(test_cache_expire_of_a_namespace_is_exact),
		BOTH(test_cache_expire_of_an_entry_is_exact),
		BOTH(test_cache_expire_of_all_is_of_all),
		BOTH(test_cache_expire_holds_for_what_is_stored_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
