/* SPDX-License-Identifier: Apache-2.0
 *
 * Which requests are answered from the cache, and which of them share an answer: methods, Cache-Control, credentials, and what the default
 * key is made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "exchange/request.h"
#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };
static const struct weir_cache_rule with_post = { .expire_s = 60, .methods = WEIR_GET | WEIR_POST };

static const struct weir_test_response *send(struct weir_test *test, const char *method, const struct weir_test_field *fields,
					     const char *body)
{
	return weir_test_send(test, &(const struct weir_test_request){
					    .method = method, .target = "/page", .fields = fields, .body = weir_slice_text(body) });
}

static const struct weir_test_response *get(struct weir_test *test, const char *name, const char *value)
{
	return cache_app_get(test, "/page", FIELDS(name, value));
}

static void expect_passed(struct weir_test *test, const struct weir_test_response *res, const char *body)
{
	expect_answer(test, res, NULL, body);
	expect_field(test, res, "Cache-Status", NULL);
	expect_field(test, res, "Cache-Control", NULL);
}

/* -- Methods --------------------------------------------------------------------------------------------------------------- */

static void test_cache_request_of_another_method_passes(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	expect_passed(test, send(test, "POST", NULL, "x"), "run 2");
	expect_passed(test, send(test, "PUT", NULL, NULL), "run 3");
	expect_passed(test, send(test, "DELETE", NULL, NULL), "run 4");
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_of_a_listed_method_is_kept_by_its_body(void **state)
{
	struct weir_test *test = cache_app(&with_post);

	(void)state;
	expect_answer(test, send(test, "POST", NULL, "a"), "MISS", "run 1");
	expect_answer(test, send(test, "POST", NULL, "a"), "HIT", "run 1");
	expect_answer(test, send(test, "POST", NULL, "b"), "MISS", "run 2");
	expect_answer(test, send(test, "POST", NULL, NULL), "MISS", "run 3");
	expect_get(test, "/page", "MISS", "run 4");
	expect_passed(test, send(test, "DELETE", NULL, "a"), "run 5");
	expect_answer(test, send(test, "POST", NULL, "a"), "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_of_two_listed_methods_share_nothing(void **state)
{
	static const struct weir_cache_rule both = { .expire_s = 60, .methods = WEIR_POST | WEIR_DELETE };
	struct weir_test *test = cache_app(&both);

	(void)state;
	expect_answer(test, send(test, "POST", NULL, "a"), "MISS", "run 1");
	expect_answer(test, send(test, "DELETE", NULL, "a"), "MISS", "run 2");
	expect_answer(test, send(test, "DELETE", NULL, "a"), "HIT", "run 2");
	expect_passed(test, send(test, "GET", NULL, NULL), "run 3");
	expect_passed(test, send(test, "HEAD", NULL, NULL), "");
	weir_test_destroy(test);
}

/* The same bytes may mean something else: what a handler makes of a body depends on it. */
static void test_cache_request_body_is_told_apart_by_its_type(void **state)
{
	struct weir_test *test = cache_app(&with_post);

	(void)state;
	expect_answer(test, send(test, "POST", FIELDS("Content-Type", "application/json"), "1"), "MISS", "run 1");
	expect_answer(test, send(test, "POST", FIELDS("Content-Type", "text/plain"), "1"), "MISS", "run 2");
	expect_answer(test, send(test, "POST", FIELDS("Content-Type", "application/json"), "1"), "HIT", "run 1");
	weir_test_destroy(test);
}

/* A client could otherwise have its own answer served to everybody. */
static void test_cache_request_with_get_and_a_body_is_kept_apart(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_answer(test, send(test, "GET", NULL, "odd"), "MISS", "run 1");
	expect_get(test, "/page", "MISS", "run 2");
	expect_answer(test, send(test, "GET", NULL, "odd"), "HIT", "run 1");
	weir_test_destroy(test);
}

/* What is refused before it reaches the handler is no answer to what was asked. */
static void test_cache_request_that_is_refused_passes(void **state)
{
	struct weir_test *test = cache_app(&with_post);
	size_t len = (size_t)1024 * 1024 + 1;
	char *large = calloc(1, len);
	const struct weir_test_request post = { .method = "POST", .target = "/page", .body = { large, len } };
	const struct weir_test_response *res = weir_test_send(test, &post);

	(void)state;
	assert_int_equal(res->status, 413);
	expect_field(test, res, "X-Weir-Cache", NULL);
	assert_int_equal(cache_app_stats(test).misses, 0);
	free(large);
	weir_test_destroy(test);
}

static void test_cache_request_with_head_is_answered_from_get(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *get_hit, *head_hit;

	(void)state;
	(void)weir_test_get(test, "/page");
	get_hit = weir_test_get(test, "/page");
	head_hit = send(test, "HEAD", NULL, NULL);
	expect_answer(test, head_hit, "HIT", "");
	assert_true(weir_slice_equal(head_hit->head, get_hit->head));
	weir_test_destroy(test);
}

static void test_cache_request_with_head_is_never_kept(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *head = send(test, "HEAD", NULL, NULL);

	(void)state;
	expect_answer(test, head, "MISS", "");
	expect_field(test, head, "Cache-Status", "weir; fwd=uri-miss");
	expect_field(test, head, "Cache-Control", "max-age=60");
	expect_field(test, head, "Content-Length", "5");
	expect_answer(test, send(test, "HEAD", NULL, NULL), "MISS", "");
	assert_int_equal(cache_app_stats(test).stored, 0);
	expect_get(test, "/page", "MISS", "run 3");
	weir_test_destroy(test);
}

/* -- Cache-Control --------------------------------------------------------------------------------------------------------- */

static void test_cache_request_with_no_store_passes(void **state)
{
	static const char *const spellings[] = { "no-store", "No-Store", "max-age=5 , NO-STORE", "no-store=1", "no-cache, no-store" };
	struct weir_test *test = cache_app(&minute);
	char body[16];

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	for (int i = 0; i < 5; i++) {
		snprintf(body, sizeof(body), "run %d", i + 2);
		expect_passed(test, get(test, "Cache-Control", spellings[i]), body);
	}
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_with_no_cache_runs_and_stores(void **state)
{
	static const char *const fields[][2] = {
		{ "Cache-Control", "no-cache" },           { "Cache-Control", "No-Cache, max-age=0" }, { "Cache-Control", "MAX-AGE=0" },
		{ "Cache-Control", "foo, max-age=\"0\"" }, { "Cache-Control", "max-age=-1" },          { "Pragma", "no-cache" },
	};
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *res;
	char body[16];

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	for (int i = 0; i < 6; i++) {
		snprintf(body, sizeof(body), "run %d", i + 2);
		res = get(test, fields[i][0], fields[i][1]);
		expect_answer(test, res, "MISS", body);
		expect_field(test, res, "Cache-Status", "weir; fwd=request; stored");
		expect_get(test, "/page", "HIT", body);
	}
	weir_test_destroy(test);
}

static void test_cache_request_directives_that_do_not_count(void **state)
{
	static const char *const fields[][2] = {
		{ "Cache-Control", "max-age=1" },
		{ "Cache-Control", "no-caches" },
		{ "Cache-Control", "x=\"no-cache\"" },
		{ "Pragma", "no-cached" },
	};
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	for (int i = 0; i < 4; i++)
		expect_answer(test, get(test, fields[i][0], fields[i][1]), "HIT", "run 1");
	expect_answer(test, cache_app_get(test, "/page", FIELDS("Pragma", "no-cache", "Cache-Control", "max-age=9")), "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_directives_are_bypassed_by_the_rule(void **state)
{
	static const struct weir_cache_rule bypass = { .expire_s = 60, .bypass_cache_control = true };
	struct weir_test *test = cache_app(&bypass);

	(void)state;
	expect_answer(test, get(test, "Cache-Control", "no-store"), "MISS", "run 1");
	expect_answer(test, get(test, "Cache-Control", "no-store"), "HIT", "run 1");
	expect_answer(test, get(test, "Cache-Control", "no-cache"), "HIT", "run 1");
	expect_answer(test, get(test, "Pragma", "no-cache"), "HIT", "run 1");
	expect_passed(test, send(test, "POST", NULL, NULL), "run 2"); /* the method is still asked for */
	weir_test_destroy(test);
}

/* -- Who asks -------------------------------------------------------------------------------------------------------------- */

static const char *const authorization[] = { "authorization", NULL };
static const char *const cookie[] = { "Cookie", NULL };
static const char *const language[] = { "Accept-Language", NULL };
static const char *const session[] = { "session", NULL };

static void test_cache_request_with_credentials_is_not_shared(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	expect_passed(test, get(test, "Authorization", "Basic YTpi"), "run 2");
	expect_passed(test, get(test, "Cookie", "session=1"), "run 3");
	expect_passed(test, get(test, "Authorization", ""), "run 4");
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_with_credentials_is_shared_where_the_rule_says_so(void **state)
{
	static const struct weir_cache_rule any_user = { .expire_s = 60, .ignore_authorization = true };
	static const struct weir_cache_rule any_cookie = { .expire_s = 60, .ignore_cookies = true };
	struct weir_test *test = cache_app(&any_user);

	(void)state;
	expect_answer(test, get(test, "Authorization", "Basic YTpi"), "MISS", "run 1");
	expect_get(test, "/page", "HIT", "run 1");
	expect_passed(test, get(test, "Cookie", "session=1"), "run 2");
	weir_test_destroy(test);
	test = cache_app(&any_cookie);
	expect_answer(test, get(test, "Cookie", "session=1"), "MISS", "run 1");
	expect_answer(test, get(test, "Cookie", "session=2"), "HIT", "run 1");
	expect_passed(test, get(test, "Authorization", "Basic YTpi"), "run 2");
	weir_test_destroy(test);
}

static void test_cache_request_is_keyed_by_fields(void **state)
{
	static const struct weir_cache_rule by_user = { .expire_s = 60, .key_fields = authorization };
	static const struct weir_cache_rule by_cookie = { .expire_s = 60, .key_fields = cookie };
	static const struct weir_cache_rule by_language = { .expire_s = 60, .key_fields = language };
	struct weir_test *test = cache_app(&by_user);

	(void)state;
	expect_answer(test, get(test, "Authorization", "Basic YTpi"), "MISS", "run 1");
	expect_answer(test, get(test, "Authorization", "Basic YTpj"), "MISS", "run 2");
	expect_answer(test, get(test, "Authorization", "Basic YTpi"), "HIT", "run 1");
	expect_get(test, "/page", "MISS", "run 3");
	weir_test_destroy(test);
	test = cache_app(&by_cookie);
	expect_answer(test, get(test, "Cookie", "a=1"), "MISS", "run 1");
	expect_answer(test, get(test, "Cookie", "a=2"), "MISS", "run 2");
	expect_answer(test, get(test, "Cookie", "a=1"), "HIT", "run 1");
	weir_test_destroy(test);
	test = cache_app(&by_language);
	expect_answer(test, get(test, "Accept-Language", "en"), "MISS", "run 1");
	expect_answer(test, get(test, "Accept-Language", "de"), "MISS", "run 2");
	expect_answer(test, get(test, "Accept-Language", ""), "MISS", "run 3");
	expect_get(test, "/page", "MISS", "run 4");
	expect_answer(test, get(test, "Accept-Language", "en"), "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_is_keyed_by_cookies(void **state)
{
	static const struct weir_cache_rule by_session = { .expire_s = 60, .key_cookies = session };
	struct weir_test *test = cache_app(&by_session);

	(void)state;
	expect_answer(test, get(test, "Cookie", "session=1"), "MISS", "run 1");
	expect_answer(test, get(test, "Cookie", "other=x; session=1"), "HIT", "run 1");
	expect_answer(test, get(test, "Cookie", "session=2"), "MISS", "run 2");
	expect_get(test, "/page", "MISS", "run 3");
	expect_answer(test, get(test, "Cookie", "other=x"), "HIT", "run 3");
	weir_test_destroy(test);
}

static const char *remote_user;

/* As a web server does that has checked the password itself, and does not pass Authorization on. */
static enum weir_flow authenticate(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	(void)self;
	(void)res;
	assert_int_equal(weir_request_add_variable(req, WEIR_SLICE_LITERAL("REMOTE_USER"), weir_slice_text(remote_user), 200), WEIR_OK);
	return WEIR_FLOW_NEXT;
}

static struct weir_test *authenticating_app(const struct weir_cache_rule *rule)
{
	static const struct weir_middleware_ops ops = { .name = "authenticate", .enter = authenticate };
	static struct weir_middleware middleware = { .ops = &ops };
	struct weir_test *test = cache_app(rule);

	assert_int_equal(weir_app_use(weir_test_app(test), &middleware), WEIR_OK);
	return test;
}

static void test_cache_request_of_a_remote_user_is_not_shared(void **state)
{
	static const struct weir_cache_rule by_user = { .expire_s = 60, .key_fields = authorization };
	static const struct weir_cache_rule any_user = { .expire_s = 60, .ignore_authorization = true };
	struct weir_test *test = authenticating_app(&minute);

	(void)state;
	remote_user = "";
	expect_get(test, "/page", "MISS", "run 1");
	remote_user = "ann";
	expect_passed(test, weir_test_get(test, "/page"), "run 2");
	weir_test_destroy(test);
	test = authenticating_app(&by_user);
	expect_passed(test, weir_test_get(test, "/page"), "run 1");
	expect_answer(test, get(test, "Authorization", "Basic YTpi"), "MISS", "run 2");
	expect_answer(test, get(test, "Authorization", "Basic YTpi"), "HIT", "run 2");
	weir_test_destroy(test);
	test = authenticating_app(&any_user);
	expect_get(test, "/page", "MISS", "run 1");
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

/* -- The default key ------------------------------------------------------------------------------------------------------- */

static void test_cache_request_key_has_path_and_query(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_get(test, "/page?a=1&b=2", "MISS", "run 1");
	expect_get(test, "/page?b=2&a=1", "HIT", "run 1");
	expect_get(test, "/page?a=1&b=3", "MISS", "run 2");
	expect_get(test, "/page", "MISS", "run 3");
	expect_get(test, "/page?", "HIT", "run 3");
	expect_get(test, "/page?a", "MISS", "run 4");
	expect_get(test, "/page/a/b", "MISS", "run 5");
	expect_get(test, "/page/a%2Fb", "MISS", "run 6");
	expect_get(test, "/page/a%2fb", "HIT", "run 6");
	expect_get(test, "/page/x/../a/b", "HIT", "run 5");
	expect_get(test, "/page/%61/b", "HIT", "run 5");
	expect_get(test, "/page/A/b", "MISS", "run 7");
	weir_test_destroy(test);
}

static void test_cache_request_key_has_the_host(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_answer(test, get(test, "Host", "a.example"), "MISS", "run 1");
	expect_answer(test, get(test, "Host", "b.example"), "MISS", "run 2");
	expect_answer(test, get(test, "Host", "A.Example"), "HIT", "run 1");
	weir_test_destroy(test);
}

static void test_cache_request_key_may_be_too_long_for_a_store(void **state)
{
	struct weir_test *test = cache_app(&minute);
	char *target = malloc(70001), *other;

	(void)state;
	assert_non_null(target);
	memset(target, 'x', 70000);
	memcpy(target, "/page?", 6);
	target[70000] = '\0';
	expect_get(test, target, "MISS", "run 1");
	expect_get(test, target, "HIT", "run 1");
	other = target + 69999;
	*other = 'y';
	expect_get(test, target, "MISS", "run 2");
	free(target);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_request_of_another_method_passes),
		cmocka_unit_test(test_cache_request_of_a_listed_method_is_kept_by_its_body),
		cmocka_unit_test(test_cache_request_of_two_listed_methods_share_nothing),
		cmocka_unit_test(test_cache_request_body_is_told_apart_by_its_type),
		cmocka_unit_test(test_cache_request_with_get_and_a_body_is_kept_apart),
		cmocka_unit_test(test_cache_request_that_is_refused_passes),
		cmocka_unit_test(test_cache_request_with_head_is_answered_from_get),
		cmocka_unit_test(test_cache_request_with_head_is_never_kept),
		cmocka_unit_test(test_cache_request_with_no_store_passes),
		cmocka_unit_test(test_cache_request_with_no_cache_runs_and_stores),
		cmocka_unit_test(test_cache_request_directives_that_do_not_count),
		cmocka_unit_test(test_cache_request_directives_are_bypassed_by_the_rule),
		cmocka_unit_test(test_cache_request_with_credentials_is_not_shared),
		cmocka_unit_test(test_cache_request_with_credentials_is_shared_where_the_rule_says_so),
		cmocka_unit_test(test_cache_request_is_keyed_by_fields),
		cmocka_unit_test(test_cache_request_is_keyed_by_cookies),
		cmocka_unit_test(test_cache_request_of_a_remote_user_is_not_shared),
		cmocka_unit_test(test_cache_request_key_has_path_and_query),
		cmocka_unit_test(test_cache_request_key_has_the_host),
		cmocka_unit_test(test_cache_request_key_may_be_too_long_for_a_store),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
