/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: eleven mistakes of fastapi-cache2, none of which is made here. The numbers are those of the table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "pages" };
static const struct weir_cache_rule never = { .ns = "pages" };
static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true, .lock_timeout_ms = 3000 };

/* 1: salted per process, unquoted. */
static void test_mistake_1_etag(void **state)
{
	struct weir_test *one = semantics_open(state, &(struct weir_cache_options){ .prefix = "one" }, &minute);
	struct weir_test *other = semantics_join(state, &(struct weir_cache_options){ .prefix = "other" }, &minute);
	const char *etag = weir_test_field(one, weir_test_get(one, "/page"), "ETag");
	struct weir_slice text = weir_slice_text(etag);

	assert_true(text.len > 20 && text.data[0] == '"');
	assert_ptr_equal(memchr(text.data + 1, '"', text.len - 1), text.data + text.len - 1);
	expect_get(one, "/page/2", "MISS", "run 2");
	assert_string_not_equal(weir_test_field(one, weir_test_get(one, "/page/2"), "ETag"), etag);
	cache_app_runs = 0;
	expect_get(other, "/page", "MISS", "run 1"); /* made there anew, of the same bytes */
	expect_field(other, weir_test_get(other, "/page"), "ETag", etag);
}

/* If-None-Match: before, etag, after. */
static void expect_match(struct weir_test *host, const char *before, const char *etag, const char *after, int status)
{
	char list[200];

	(void)snprintf(list, sizeof(list), "%s%s%s", before, etag, after);
	assert_int_equal(cache_app_get(host, "/page", FIELDS("If-None-Match", list))->status, status);
}

/* 1, too: compared as one text. */
static void test_mistake_1_list_of_etags(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const char *etag = weir_test_field(host, weir_test_get(host, "/page"), "ETag");

	expect_match(host, "", etag, "", 304);
	expect_match(host, "W/", etag, "", 304);
	expect_match(host, "\"a\", ", etag, "", 304);
	expect_match(host, "\"a\" ,W/\"b,c\",\tW/", etag, ", \"d\"", 304);
	expect_match(host, "*", "", "", 304);
	expect_match(host, "\"a\"", "", "", 200);
	expect_match(host, "W/\"a\", \"b\"", "", "", 200);
	expect_match(host, "\"*\"", "", "", 200);
	expect_match(host, "\"a", etag, "", 200);
	assert_int_equal(cache_app_runs, 1);
}

/* 2: max-age=-1. */
static void test_mistake_2_304_of_what_never_expires(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &never);
	const struct weir_test_response *res;

	expect_get(host, "/page", "MISS", "run 1");
	res = cache_app_get(host, "/page", FIELDS("If-None-Match", "*"));
	assert_int_equal(res->status, 304);
	expect_field(host, res, "Cache-Control", "max-age=31536000");
	expect_field(host, res, "X-Weir-Cache", "HIT");
}

static const struct weir_test_response *send_as(struct weir_test *host, const char *method)
{
	return weir_test_send(host, &(const struct weir_test_request){ .method = method, .target = "/page" });
}

/* 3: a DELETE was answered from a cached POST. */
static void test_mistake_3_bypass_before_the_method(void **state)
{
	static const struct weir_cache_rule gets = { .expire_s = 60, .bypass_cache_control = true };
	static const struct weir_cache_rule posts = { .expire_s = 60, .bypass_cache_control = true, .methods = WEIR_POST };
	struct weir_test *one = semantics_open(state, NULL, &posts), *other = semantics_join(state, NULL, &gets);

	expect_answer(one, send_as(one, "POST"), "MISS", "run 1");
	expect_answer(one, send_as(one, "POST"), "HIT", "run 1");
	expect_answer(one, send_as(one, "DELETE"), NULL, "run 2");
	expect_answer(one, send_as(one, "GET"), NULL, "run 3");
	expect_answer(other, send_as(other, "GET"), "MISS", "run 4"); /* the method is in the key, too */
	expect_answer(other, send_as(other, "DELETE"), NULL, "run 5");
}

/* 4: given back before the value was stored. */
static void test_mistake_4_lock_is_released_too_early(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &locked);
	struct weir_test *other = semantics_join(state, NULL, &locked);
	const char *calls, *stored;

	(void)semantics_start_held(one, "/page");
	(void)cache_app_start(other, "/page", NULL);
	(void)semantics_calls(state);
	semantics_finish(state, one);
	calls = semantics_calls(state);
	stored = strchr(calls, SEMANTICS_WRITE);
	assert_non_null(stored);
	assert_non_null(strchr(stored, SEMANTICS_GIVE));
	assert_ptr_equal(strchr(calls, SEMANTICS_GIVE), strchr(stored, SEMANTICS_GIVE));
	assert_int_equal(cache_app_runs, 1);
}

/* 5: an error for the client when the backend is down, and a wait without an end. */
static void test_mistake_5_errors_of_the_lock(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &locked);
	struct weir_test_exchange *leads, *waits, *last;

	semantics_refuse(state, "T");
	expect_get(host, "/page/1", "MISS", "run 1");
	semantics_refuse(state, SEMANTICS_ALL);
	expect_get(host, "/page/2", "MISS", "run 2");
	semantics_refuse(state, "N");
	leads = semantics_start_held(host, "/page/3");
	waits = cache_app_start(host, "/page/3", NULL);
	last = cache_app_start(host, "/page/3", NULL);
	semantics_advance_ms(state, 6000);
	assert_int_equal(weir_test_response(last)->status, 503);
	semantics_finish(state, host);
	expect_answer(host, weir_test_response(leads), "MISS", "run 3");
	expect_answer(host, weir_test_response(waits), "MISS", "run 4");
}

/* 6: clear(key=…) removed all, and clear("user") what is in "users". */
static void test_mistake_6_clear_of_too_much(void **state)
{
	static const struct weir_cache_rule user = { .expire_s = 60, .ns = "user" }, users = { .expire_s = 60, .ns = "users" };
	const struct weir_cache_entry_name name = { .ns = "user", .route = "/page", .host = "localhost", .target = "/page" };
	struct weir_test *host = semantics_open(state, NULL, &user);
	size_t removed = 99;

	semantics_add_route(host, "/users", &users);
	expect_get(host, "/page", "MISS", "run 1");
	expect_get(host, "/users", "MISS", "run 2");
	expect_get(host, "/page?x", "MISS", "run 3");
	assert_int_equal(weir_cache_clear_entry(semantics_cache(host), &name, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_get(host, "/page?x", "HIT", "run 3");
	expect_get(host, "/page", "MISS", "run 4");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "user", &removed), WEIR_OK);
	assert_int_equal(removed, 2);
	expect_get(host, "/users", "HIT", "run 2");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "user", NULL), WEIR_OK);
	expect_get(host, "/users", "HIT", "run 2");
}

/* 7: always 3600 with memcached, and with DynamoDB no end at all. Also of an entry that is there longer, for when making it anew fails. */
static void test_mistake_7_time_to_live(void **state)
{
	static const struct weir_cache_rule kept = { .expire_s = 60, .stale_if_error_s = 600 };
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *res;

	semantics_add_route(host, "/kept", &kept);
	expect_get(host, "/page", "MISS", "run 1");
	expect_get(host, "/kept", "MISS", "run 2");
	semantics_advance_ms(state, 25000);
	res = weir_test_get(host, "/page");
	expect_answer(host, res, "HIT", "run 1");
	expect_field(host, res, "Cache-Control", "max-age=35");
	expect_get(host, "/kept", "HIT", "run 2");
	semantics_advance_ms(state, 35000);
	expect_get(host, "/page", "MISS", "run 3");
	expect_get(host, "/kept", "MISS", "run 4");
}

/* 8: no expiry meant one second here and for ever there. */
static void test_mistake_8_no_expiry(void **state)
{
	static const struct weir_cache_rule said = { .expire_s = WEIR_EXPIRE_NEVER };
	struct weir_test *host = semantics_open(state, NULL, &never);

	semantics_add_route(host, "/said", &said);
	expect_get(host, "/page", "MISS", "run 1");
	expect_get(host, "/said", "MISS", "run 2");
	semantics_advance_ms(state, 1001);
	expect_get(host, "/page", "HIT", "run 1");
	semantics_advance_ms(state, INT64_C(86400000) * 365);
	expect_get(host, "/page", "HIT", "run 1");
	expect_get(host, "/said", "HIT", "run 2");
}

static enum weir_status run_number(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	*(int64_t *)result = ++cache_app_runs;
	return WEIR_OK;
}

/* 9: the rule's coder encoded, the global one decoded. */
static void test_mistake_9_coder_of_a_rule(void **state)
{
	static const struct weir_function number = { .name = "number",
						     .run = run_number,
						     .cache = { .expire_s = 60, .coder = &weir_coder_int } };
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .coder = &weir_coder_decimal }, &minute);
	int64_t result = 0;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &number, NULL, &result), WEIR_OK);
		assert_int_equal(result, 1);
	}
	assert_int_equal(cache_app_lines(), 0);
}

static enum weir_status change_and_fail(struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);
	bool first = cache_app_runs == 1;

	assert_int_equal(weir_call_expire_s(call), 60);
	assert_int_equal(weir_call_tag_count(call), 0);
	if (!first)
		return cache_app_answer(res);
	weir_call_set_expire_s(call, 1);
	weir_call_add_tag(call, "first");
	weir_call_do_not_store(call);
	return WEIR_ERR_HANDLER;
}

/* 9, too: the context stayed changed after an error. */
static void test_mistake_9_context_after_an_error(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);

	cache_app_handler = change_and_fail;
	assert_int_equal(weir_test_get(host, "/page")->status, 500);
	expect_field(host, weir_test_get(host, "/page"), "Cache-Control", "max-age=60");
	expect_get(host, "/page", "HIT", "run 2");
}

static enum weir_status answer_missing(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_status(res, 404);
	weir_response_set_field(res, "X-Reason", "gone fishing");
	return weir_response_bytes(res, "application/json", WEIR_SLICE_LITERAL("{\"detail\":\"no such page\"}"));
}

/* 10: came back as a 200 without its fields. */
static void test_mistake_10_404(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	const struct weir_test_response *res;

	cache_app_handler = answer_missing;
	assert_int_equal(weir_test_get(one, "/page")->status, 404);
	res = weir_test_get(other, "/page");
	assert_int_equal(res->status, 404);
	expect_field(other, res, "X-Weir-Cache", "HIT");
	expect_field(other, res, "Content-Type", "application/json");
	expect_field(other, res, "X-Reason", "gone fishing");
	expect_body(res, "{\"detail\":\"no such page\"}");
	assert_int_equal(cache_app_runs, 1);
}

/* 11: only "no-cache" and "no-store" to the letter counted. */
static void test_mistake_11_directives(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);

	expect_get(host, "/page", "MISS", "run 1");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "no-cache, max-age=0")), "MISS", "run 2");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "No-Store")), NULL, "run 3");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "max-age=5, No-Store, max-stale")), NULL, "run 4");
	expect_get(host, "/page", "HIT", "run 2");
}

const struct CMUnitTest semantics_mistake_tests[] = {
	cmocka_unit_test(test_mistake_1_etag),
	cmocka_unit_test(test_mistake_1_list_of_etags),
	cmocka_unit_test(test_mistake_2_304_of_what_never_expires),
	cmocka_unit_test(test_mistake_3_bypass_before_the_method),
	cmocka_unit_test(test_mistake_4_lock_is_released_too_early),
	cmocka_unit_test(test_mistake_5_errors_of_the_lock),
	cmocka_unit_test(test_mistake_6_clear_of_too_much),
	cmocka_unit_test(test_mistake_7_time_to_live),
	cmocka_unit_test(test_mistake_8_no_expiry),
	cmocka_unit_test(test_mistake_9_coder_of_a_rule),
	cmocka_unit_test(test_mistake_9_context_after_an_error),
	cmocka_unit_test(test_mistake_10_404),
	cmocka_unit_test(test_mistake_11_directives),
};

const size_t semantics_mistake_test_count = sizeof(semantics_mistake_tests) / sizeof(semantics_mistake_tests[0]);
