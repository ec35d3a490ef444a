/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache context of one call: what the prepare hook may change, what the handler may, what neither may, and that it ends with the call.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "pages" };

/* What the handlers below ask for. */
static int64_t asked_s;

static enum weir_status ask_for_lifetime(struct weir_request *req, struct weir_response *res)
{
	weir_call_set_expire_s(weir_request_call(req), asked_s);
	assert_true(weir_call_expire_s(weir_request_call(req)) == (asked_s < WEIR_EXPIRE_NEVER ? 0 : asked_s));
	return cache_app_answer(res);
}

static enum weir_status look(struct weir_request *req, struct weir_response *res)
{
	const struct weir_call *call = weir_request_call(req);

	assert_ptr_equal(call, weir_request_call(req));
	weir_buffer_printf(weir_response_body(res), "%s %lld %d %lld %d", weir_call_namespace(call), (long long)weir_call_expire_s(call),
			   weir_call_with_lock(call), (long long)weir_call_lock_timeout_ms(call), weir_call_is_cached(call));
	return WEIR_OK;
}

static void test_cache_context_shows_the_rule(void **state)
{
	static const struct weir_cache_rule locked = { .expire_s = 5, .ns = "n", .with_lock = true, .lock_timeout_ms = 3000 };
	struct weir_test *test = cache_app(&locked);

	(void)state;
	cache_app_handler = look;
	expect_body(weir_test_get(test, "/page"), "n 5 1 3000 1");
	weir_test_destroy(test);
	test = cache_app_with(&(struct weir_cache_options){ .expire_s = 9 }, &(const struct weir_cache_rule){ 0 });
	cache_app_handler = look;
	expect_body(weir_test_get(test, "/page"), " 9 0 60000 1");
	weir_test_destroy(test);
}

static void test_cache_context_exists_on_calls_that_are_not_cached(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = look;
	expect_body(weir_test_get(test, "/plain"), " -1 0 60000 0");
	expect_body(cache_app_get(test, "/page", FIELDS("Cache-Control", "no-store")), "pages 60 0 60000 0");
	cache_app_handler = ask_for_lifetime;
	asked_s = 5;
	expect_answer(test, weir_test_get(test, "/plain"), NULL, "run 3");
	expect_answer(test, weir_test_get(test, "/plain"), NULL, "run 4");
	expect_field(test, weir_test_get(test, "/plain"), "Cache-Control", NULL);
	weir_test_destroy(test);
}

static void test_cache_context_lifetime_is_the_handlers(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *miss;

	(void)state;
	cache_app_handler = ask_for_lifetime;
	asked_s = 3600;
	miss = weir_test_get(test, "/page");
	expect_field(test, miss, "Cache-Control", "max-age=3600");
	weir_test_advance_ms(test, 3599999);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_advance_ms(test, 1);
	expect_get(test, "/page", "MISS", "run 2");
	asked_s = WEIR_EXPIRE_NEVER;
	expect_field(test, weir_test_get(test, "/page/never"), "Cache-Control", "max-age=31536000");
	weir_test_destroy(test);
}

static void test_cache_context_holds_for_this_call_only(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = ask_for_lifetime;
	asked_s = 5;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=5");
	cache_app_handler = NULL;
	expect_field(test, weir_test_get(test, "/page/other"), "Cache-Control", "max-age=60");
	weir_test_advance_ms(test, 5000);
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=60");
	weir_test_destroy(test);
}

static void expect_not_kept(struct weir_test *test)
{
	const struct weir_test_response *res = weir_test_get(test, "/page");

	expect_field(test, res, "X-Weir-Cache", "MISS");
	expect_field(test, res, "Cache-Status", "weir; fwd=uri-miss");
	expect_field(test, res, "Cache-Control", NULL);
	expect_field(test, res, "ETag", NULL);
	expect_field(test, weir_test_get(test, "/page"), "X-Weir-Cache", "MISS");
}

static void test_cache_context_zero_seconds_mean_do_not_store(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = ask_for_lifetime;
	asked_s = 0;
	expect_not_kept(test);
	asked_s = -2;
	expect_not_kept(test);
	asked_s = 5;
	expect_get(test, "/page", "MISS", "run 5");
	expect_get(test, "/page", "HIT", "run 5");
	weir_test_destroy(test);
}

static enum weir_status store_nothing(struct weir_request *req, struct weir_response *res)
{
	weir_call_do_not_store(weir_request_call(req));
	return cache_app_answer(res);
}

static enum weir_status change_its_mind(struct weir_request *req, struct weir_response *res)
{
	weir_call_set_expire_s(weir_request_call(req), 0);
	return ask_for_lifetime(req, res);
}

static void test_cache_context_do_not_store(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = store_nothing;
	expect_not_kept(test);
	weir_test_destroy(test);
}

/* One part of a handler has put in what others may not see; another then says how long the whole is good for. */
static enum weir_status store_nothing_for_a_minute(struct weir_request *req, struct weir_response *res)
{
	weir_call_do_not_store(weir_request_call(req));
	weir_call_set_expire_s(weir_request_call(req), 60);
	return cache_app_answer(res);
}

static void test_cache_context_a_lifetime_does_not_undo_do_not_store(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = store_nothing_for_a_minute;
	expect_not_kept(test);
	cache_app_handler = change_its_mind;
	asked_s = 5;
	expect_get(test, "/page", "MISS", "run 3");
	expect_get(test, "/page", "HIT", "run 3");
	weir_test_destroy(test);
}

static enum weir_status ask_and_fail(struct weir_request *req, struct weir_response *res)
{
	(void)res;
	weir_call_set_expire_s(weir_request_call(req), 3600);
	return WEIR_ERR_IO;
}

static void test_cache_context_ends_with_a_call_that_failed(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *res;

	(void)state;
	cache_app_handler = ask_and_fail;
	res = weir_test_get(test, "/page");
	assert_int_equal(res->status, 500);
	expect_field(test, res, "Cache-Control", NULL);
	assert_int_equal(cache_app_lines(), 1);
	cache_app_handler = NULL;
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=60");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

/* -- Before the key exists ------------------------------------------------------------------------------------------------- */

static enum weir_status key_by_color(struct weir_key *key, struct weir_request *req, void *user_data)
{
	weir_key_add_text(key, user_data);
	weir_key_add_text(key, weir_request_query(req, "color"));
	return WEIR_OK;
}

static enum weir_status prepare_all(struct weir_call *call, struct weir_request *req)
{
	static char part[] = "colors";

	(void)req;
	assert_int_equal(weir_call_set_namespace(call, "prepared"), WEIR_OK);
	assert_int_equal(weir_call_set_key(call, key_by_color, part), WEIR_OK);
	assert_int_equal(weir_call_set_lock(call, true, 1234), WEIR_OK);
	weir_call_set_expire_s(call, 5);
	return WEIR_OK;
}

static void test_cache_context_prepare_decides_the_key(void **state)
{
	static const struct weir_cache_rule prepared = { .expire_s = 60, .ns = "pages", .prepare = prepare_all };
	struct weir_test *test = cache_app(&prepared);
	struct weir_cache *cache = weir_app_cache(weir_test_app(test));

	(void)state;
	cache_app_handler = look;
	expect_body(weir_test_get(test, "/page?color=red"), "prepared 5 1 1234 1");
	cache_app_handler = NULL;
	expect_get(test, "/page?color=blue&x=1", "MISS", "run 2");
	expect_get(test, "/page?x=2&color=blue", "HIT", "run 2");
	assert_int_equal(weir_cache_clear_namespace(cache, "pages", NULL), WEIR_OK);
	expect_get(test, "/page?color=blue", "HIT", "run 2");
	assert_int_equal(weir_cache_clear_namespace(cache, "prepared", NULL), WEIR_OK);
	expect_get(test, "/page?color=blue", "MISS", "run 3");
	weir_test_destroy(test);
}

static enum weir_status change_too_late(struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);

	assert_int_equal(weir_call_set_namespace(call, "late"), WEIR_ERR_STATE);
	assert_int_equal(weir_call_set_key(call, key_by_color, NULL), WEIR_ERR_STATE);
	assert_int_equal(weir_call_set_lock(call, true, 1), WEIR_ERR_STATE);
	return look(req, res);
}

static void test_cache_context_key_is_fixed_for_the_handler(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = change_too_late;
	expect_body(weir_test_get(test, "/page"), "pages 60 0 60000 1");
	weir_test_destroy(test);
}

static enum weir_status fail_to_prepare(struct weir_call *call, struct weir_request *req)
{
	(void)call;
	(void)req;
	return WEIR_ERR_IO;
}

static enum weir_status fail_to_make_a_key(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)key;
	(void)req;
	return *(enum weir_status *)user_data;
}

static void expect_passed_and_logged(const struct weir_cache_rule *rule)
{
	struct weir_test *test = cache_app(rule);

	for (int i = 1; i <= 2; i++) {
		expect_answer(test, weir_test_get(test, "/page"), NULL, i == 1 ? "run 1" : "run 2");
		assert_int_equal(cache_app_lines(), 1);
		assert_non_null(strstr(cache_app_line, "GET /page is not cached"));
	}
	weir_test_destroy(test);
}

static void test_cache_context_without_a_key_the_call_is_not_cached(void **state)
{
	static enum weir_status negative = WEIR_ERR_INVALID, positive = WEIR_MISS;

	(void)state;
	expect_passed_and_logged(&(const struct weir_cache_rule){ .prepare = fail_to_prepare });
	expect_passed_and_logged(&(const struct weir_cache_rule){ .key = fail_to_make_a_key, .key_user_data = &negative });
	expect_passed_and_logged(&(const struct weir_cache_rule){ .key = fail_to_make_a_key, .key_user_data = &positive });
}

static enum weir_status key_for_all(struct weir_key *key, struct weir_request *req, void *user_data)
{
	assert_null(user_data);
	(void)req;
	weir_key_add_text(key, "one for all");
	return WEIR_OK;
}

static void test_cache_context_default_key_builder_is_the_caches(void **state)
{
	static int not_its_own;
	static const struct weir_cache_rule with_data = { .expire_s = 60, .key_user_data = &not_its_own };
	struct weir_test *test = cache_app_with(&(struct weir_cache_options){ .key = key_for_all }, &with_data);

	(void)state;
	expect_get(test, "/page?a", "MISS", "run 1");
	expect_get(test, "/page?b", "HIT", "run 1");
	expect_get(test, "/other?a", "MISS", "run 2"); /* the route is in every key */
	weir_test_destroy(test);
}

static enum weir_status namespace_status;

static enum weir_status meddle(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	namespace_status = weir_call_set_namespace(weir_request_call(req), "elsewhere");
	weir_key_add_text(key, "a");
	return WEIR_OK;
}

static void test_cache_context_a_key_builder_comes_too_late_for_the_namespace(void **state)
{
	static const struct weir_cache_rule meddling = { .ns = "here", .key = meddle };
	struct weir_test *test = cache_app(&meddling);

	(void)state;
	cache_app_handler = look;
	expect_body(weir_test_get(test, "/page"), "here -1 0 60000 1");
	assert_int_equal(namespace_status, WEIR_ERR_STATE);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_context_shows_the_rule),
		cmocka_unit_test(test_cache_context_a_key_builder_comes_too_late_for_the_namespace),
		cmocka_unit_test(test_cache_context_exists_on_calls_that_are_not_cached),
		cmocka_unit_test(test_cache_context_lifetime_is_the_handlers),
		cmocka_unit_test(test_cache_context_holds_for_this_call_only),
		cmocka_unit_test(test_cache_context_zero_seconds_mean_do_not_store),
		cmocka_unit_test(test_cache_context_do_not_store),
		cmocka_unit_test(test_cache_context_a_lifetime_does_not_undo_do_not_store),
		cmocka_unit_test(test_cache_context_ends_with_a_call_that_failed),
		cmocka_unit_test(test_cache_context_prepare_decides_the_key),
		cmocka_unit_test(test_cache_context_key_is_fixed_for_the_handler),
		cmocka_unit_test(test_cache_context_without_a_key_the_call_is_not_cached),
		cmocka_unit_test(test_cache_context_default_key_builder_is_the_caches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
