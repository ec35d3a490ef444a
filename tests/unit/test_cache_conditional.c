/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditional requests under a rule: the handler answers whole, and whoever has the answer already is told so, from the cache and without
 * it alike.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };

static enum weir_status answer_with_validators(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "ETag", "\"one\"");
	weir_response_set_field(res, "Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
	weir_response_set_field(res, "Vary", "");
	return cache_app_answer(res);
}

static const struct weir_test_response *get(struct weir_test *test, const char *name, const char *value)
{
	return cache_app_get(test, "/page", FIELDS(name, value));
}

static struct weir_test *validating_app(void)
{
	struct weir_test *test = cache_app(&minute);

	cache_app_handler = answer_with_validators;
	return test;
}

/* What a condition gives: on a miss, and on a hit. */
static void expect_status(const char *name, const char *value, int status)
{
	struct weir_test *test = validating_app();
	const struct weir_test_response *miss = get(test, name, value);
	const struct weir_test_response *hit = get(test, name, value);

	assert_int_equal(miss->status, status);
	assert_int_equal(hit->status, status);
	expect_field(test, miss, "X-Weir-Cache", "MISS");
	expect_field(test, hit, "X-Weir-Cache", "HIT");
	expect_body(hit, status == 200 ? "run 1" : "");
	expect_body(miss, status == 200 ? "run 1" : "");
	weir_test_destroy(test);
}

static void test_cache_conditional_if_none_match(void **state)
{
	(void)state;
	expect_status("If-None-Match", "\"one\"", 304);
	expect_status("If-None-Match", "W/\"one\"", 304);
	expect_status("If-None-Match", "\"zero\", W/\"one\"", 304);
	expect_status("If-None-Match", "*", 304);
	expect_status("If-None-Match", "\"two\"", 200);
	expect_status("If-None-Match", "\"two\", \"three\"", 200);
	expect_status("If-None-Match", "one", 200);
	expect_status("If-None-Match", "", 200);
}

static void test_cache_conditional_if_match(void **state)
{
	(void)state;
	expect_status("If-Match", "\"one\"", 200);
	expect_status("If-Match", "*", 200);
	expect_status("If-Match", "\"two\"", 412);
	expect_status("If-Match", "W/\"one\"", 412);
	expect_status("If-Match", "", 412);
}

static void test_cache_conditional_if_modified_since(void **state)
{
	(void)state;
	expect_status("If-Modified-Since", "Thu, 01 Jan 2026 00:00:00 GMT", 304);
	expect_status("If-Modified-Since", "Fri, 02 Jan 2026 00:00:00 GMT", 304);
	expect_status("If-Modified-Since", "Wed, 31 Dec 2025 23:59:59 GMT", 200);
	expect_status("If-Modified-Since", "yesterday", 200);
}

static void test_cache_conditional_if_none_match_goes_before_the_date(void **state)
{
	struct weir_test *test = validating_app();

	(void)state;
	assert_int_equal(
		cache_app_get(test, "/page", FIELDS("If-None-Match", "\"two\"", "If-Modified-Since", "Fri, 02 Jan 2026 00:00:00 GMT"))
			->status,
		200);
	assert_int_equal(cache_app_get(test, "/page", FIELDS("If-Match", "\"two\"", "If-None-Match", "\"one\""))->status, 412);
	weir_test_destroy(test);
}

static void test_cache_conditional_without_a_date_is_modified(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	assert_int_equal(get(test, "If-Modified-Since", "Fri, 02 Jan 2099 00:00:00 GMT")->status, 200);
	weir_test_destroy(test);
}

static void test_cache_conditional_304_says_what_the_200_would(void **state)
{
	struct weir_test *test = validating_app();
	const struct weir_test_response *res;

	(void)state;
	(void)weir_test_get(test, "/page");
	weir_test_advance_ms(test, 10000);
	res = get(test, "If-None-Match", "\"one\"");
	assert_int_equal(res->status, 304);
	expect_body(res, "");
	expect_field(test, res, "ETag", "\"one\"");
	expect_field(test, res, "Cache-Control", "max-age=50");
	expect_field(test, res, "Vary", "");
	expect_field(test, res, "Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT");
	expect_field(test, res, "X-Weir-Cache", "HIT");
	expect_field(test, res, "Cache-Status", "weir; hit; ttl=50");
	expect_field(test, res, "Content-Type", NULL);
	expect_field(test, res, "Content-Length", NULL);
	weir_test_destroy(test);
}

/* A 412 has no lifetime: a cache on the way would keep it in the page's place. */
static void test_cache_conditional_412_may_not_be_kept(void **state)
{
	struct weir_test *test = validating_app();

	(void)state;
	expect_field(test, get(test, "If-Match", "\"two\""), "Cache-Control", NULL);
	expect_field(test, get(test, "If-Match", "\"two\""), "Cache-Control", NULL);
	expect_field(test, get(test, "If-Match", "\"one\""), "Cache-Control", "max-age=60");
	weir_test_destroy(test);
}

/* A client that has the page does not keep others from having it made for them. */
static void test_cache_conditional_miss_is_stored_whole(void **state)
{
	struct weir_test *test = validating_app();
	const struct weir_test_response *res = get(test, "If-None-Match", "\"one\"");

	(void)state;
	assert_int_equal(res->status, 304);
	expect_field(test, res, "Cache-Status", "weir; fwd=uri-miss; stored");
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_conditional_knows_the_etag_that_it_made(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const char *etag = weir_test_field(test, weir_test_get(test, "/page"), "ETag");

	(void)state;
	assert_int_equal(get(test, "If-None-Match", etag)->status, 304);
	(void)cache_app_get(test, "/page", FIELDS("Cache-Control", "no-cache"));
	assert_int_equal(get(test, "If-None-Match", etag)->status, 200);
	weir_test_destroy(test);
}

static const char *const hidden[] = { "If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range" };

/* Names the conditional fields that it sees. */
static enum weir_status show_conditions(struct weir_request *req, struct weir_response *res)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		if (weir_request_field(req, hidden[i]))
			weir_buffer_printf(weir_response_body(res), "%s ", hidden[i]);
	weir_buffer_append_text(weir_response_body(res), weir_request_field(req, "Accept") ? "Accept" : "");
	return WEIR_OK;
}

static const struct weir_test_response *send_all(struct weir_test *test, const char *method, const char *target)
{
	const struct weir_test_field *fields = FIELDS("If-None-Match", "\"x\"", "If-Match", "*", "If-Modified-Since", "x",
						      "If-Unmodified-Since", "x", "If-Range", "x", "Range", "bytes=0-1", "Accept", "*/*");

	return weir_test_send(test, &(const struct weir_test_request){ .method = method, .target = target, .fields = fields });
}

static void test_cache_conditional_is_hidden_from_handlers_under_a_rule(void **state)
{
	static const char *const all = "If-None-Match If-Match If-Modified-Since If-Unmodified-Since If-Range Range Accept";
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = show_conditions;
	expect_body(send_all(test, "GET", "/page"), "Accept");
	expect_body(send_all(test, "GET", "/plain"), all);
	expect_body(send_all(test, "POST", "/page"), all);
	weir_test_destroy(test);
}

/* There a condition decides whether the handler acts: it is the handler's to see (RFC 9110 section 13.1). */
static void test_cache_conditional_is_left_to_handlers_of_unsafe_methods(void **state)
{
	static const struct weir_cache_rule with_post = { .expire_s = 60, .methods = WEIR_POST };
	struct weir_test *test = cache_app(&with_post);
	const struct weir_test_request post = { .method = "POST", .target = "/page", .fields = FIELDS("If-None-Match", "*") };

	(void)state;
	expect_answer(test, weir_test_send(test, &post), "MISS", "run 1");
	expect_answer(test, weir_test_send(test, &post), "HIT", "run 1");
	cache_app_handler = show_conditions;
	expect_body(send_all(test, "POST", "/page/x"),
		    "If-None-Match If-Match If-Modified-Since If-Unmodified-Since If-Range Range Accept");
	weir_test_destroy(test);
}

static void test_cache_conditional_of_head(void **state)
{
	struct weir_test *test = validating_app();
	const struct weir_test_request head = { .method = "HEAD", .target = "/page", .fields = FIELDS("If-None-Match", "\"one\"") };

	(void)state;
	assert_int_equal(weir_test_send(test, &head)->status, 304);
	(void)weir_test_get(test, "/page");
	assert_int_equal(weir_test_send(test, &head)->status, 304);
	weir_test_destroy(test);
}

static enum weir_status answer_not_found(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "ETag", "\"one\"");
	return weir_response_error(res, 404, NULL);
}

static void test_cache_conditional_counts_for_200_only(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = answer_not_found;
	assert_int_equal(get(test, "If-None-Match", "\"one\"")->status, 404);
	assert_int_equal(get(test, "If-None-Match", "\"one\"")->status, 404);
	assert_int_equal(get(test, "If-Match", "\"two\"")->status, 404);
	weir_test_destroy(test);
}

static void test_cache_conditional_range_is_answered_whole(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_answer(test, get(test, "Range", "bytes=0-1"), "MISS", "run 1");
	expect_answer(test, get(test, "Range", "bytes=0-1"), "HIT", "run 1");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_conditional_if_none_match),
		cmocka_unit_test(test_cache_conditional_if_match),
		cmocka_unit_test(test_cache_conditional_if_modified_since),
		cmocka_unit_test(test_cache_conditional_if_none_match_goes_before_the_date),
		cmocka_unit_test(test_cache_conditional_without_a_date_is_modified),
		cmocka_unit_test(test_cache_conditional_304_says_what_the_200_would),
		cmocka_unit_test(test_cache_conditional_412_may_not_be_kept),
		cmocka_unit_test(test_cache_conditional_miss_is_stored_whole),
		cmocka_unit_test(test_cache_conditional_knows_the_etag_that_it_made),
		cmocka_unit_test(test_cache_conditional_is_hidden_from_handlers_under_a_rule),
		cmocka_unit_test(test_cache_conditional_is_left_to_handlers_of_unsafe_methods),
		cmocka_unit_test(test_cache_conditional_of_head),
		cmocka_unit_test(test_cache_conditional_counts_for_200_only),
		cmocka_unit_test(test_cache_conditional_range_is_answered_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
