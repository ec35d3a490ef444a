/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: what users of fastapi-cache2 expect of a cache, and miss there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };

static void expect_status(struct weir_test *host, const char *target, const struct weir_test_field *fields, const char *status)
{
	expect_field(host, cache_app_get(host, target, fields), "X-Weir-Cache", status);
}

static enum weir_status answer_with_cookie(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_cookie(res, &(const struct weir_set_cookie){ .name = "session", .value = "1" });
	return cache_app_answer(res);
}

static void test_missed_cookie_is_never_stored(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *res;

	cache_app_handler = answer_with_cookie;
	for (int i = 0; i < 2; i++) {
		res = weir_test_get(host, "/page");
		expect_field(host, res, "X-Weir-Cache", "MISS");
		assert_non_null(weir_test_field(host, res, "Set-Cookie"));
		assert_string_equal(semantics_calls(state), "R");
	}
}

/* Neither what a request with credentials got is given to others, nor the other way. */
static void test_missed_credentials_are_not_shared(void **state)
{
	static const struct weir_cache_rule shared = { .expire_s = 60, .ignore_authorization = true, .ignore_cookies = true };
	struct weir_test *host = semantics_open(state, NULL, &minute);

	semantics_add_route(host, "/shared", &shared);
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Authorization", "Basic YTpi")), NULL, "run 1");
	expect_get(host, "/page", "MISS", "run 2");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Authorization", "Basic YTpi")), NULL, "run 3");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cookie", "session=1")), NULL, "run 4");
	expect_get(host, "/page", "HIT", "run 2");
	expect_answer(host, cache_app_get(host, "/shared", FIELDS("Authorization", "Basic YTpi")), "MISS", "run 5");
	expect_answer(host, cache_app_get(host, "/shared", FIELDS("Cookie", "session=1")), "HIT", "run 5");
}

static void test_missed_credentials_may_be_in_the_key(void **state)
{
	static const char *const authorization[] = { "Authorization", NULL }, *const language[] = { "lang", NULL };
	static const struct weir_cache_rule own = { .expire_s = 60, .key_fields = authorization, .key_cookies = language };
	struct weir_test *host = semantics_open(state, NULL, &own);

	expect_answer(host, cache_app_get(host, "/page", FIELDS("Authorization", "Basic YTpi")), "MISS", "run 1");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Authorization", "Basic YTpj")), "MISS", "run 2");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cookie", "lang=en; x=1")), "MISS", "run 3");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cookie", "x=2; lang=en")), "HIT", "run 3");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cookie", "lang=fr")), "MISS", "run 4");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Authorization", "Basic YTpi")), "HIT", "run 1");
}

static const struct weir_test_response *head(struct weir_test *host)
{
	return weir_test_send(host, &(const struct weir_test_request){ .method = "HEAD", .target = "/page" });
}

static void test_missed_head_is_answered_from_get(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *get, *res;

	res = head(host);
	expect_answer(host, res, "MISS", "");
	expect_get(host, "/page", "MISS", "run 2"); /* never the other way */
	get = weir_test_get(host, "/page");
	res = head(host);
	expect_answer(host, res, "HIT", "");
	expect_field(host, res, "ETag", weir_test_field(host, get, "ETag"));
	expect_field(host, res, "Content-Type", "text/plain");
	expect_field(host, res, "Content-Length", "5");
	assert_int_equal(cache_app_runs, 2);
}

static enum weir_status answer_asked_status(struct weir_request *req, struct weir_response *res)
{
	weir_response_set_status(res, (int)strtol(weir_request_query(req, "status"), NULL, 10));
	return cache_app_answer(res);
}

static void test_missed_lifetime_of_a_status(void **state)
{
	static const struct weir_status_expiry by_status[] = { { 404, 5 }, { 410, 0 }, { 301, WEIR_EXPIRE_NEVER }, { 503, 2 }, { 0 } };
	static const struct weir_cache_rule rule = { .expire_s = 60, .expire_by_status = by_status };
	static const struct {
		const char *target, *lifetime; /* NULL: not stored */
	} cases[] = {
		{ "/page?status=200", "max-age=60" },       { "/page?status=404", "max-age=5" }, { "/page?status=410", NULL },
		{ "/page?status=301", "max-age=31536000" }, { "/page?status=503", "max-age=2" }, { "/page?status=500", NULL },
	};
	struct weir_test *host = semantics_open(state, NULL, &rule);

	cache_app_handler = answer_asked_status;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		expect_field(host, weir_test_get(host, cases[i].target), "Cache-Control", cases[i].lifetime);
		expect_status(host, cases[i].target, NULL, cases[i].lifetime ? "HIT" : "MISS");
	}
	semantics_advance_ms(state, 5000);
	expect_status(host, "/page?status=503", NULL, "MISS");
	expect_status(host, "/page?status=404", NULL, "MISS");
	expect_status(host, "/page?status=200", NULL, "HIT");
	expect_status(host, "/page?status=301", NULL, "HIT");
}

static enum weir_status run_nothing(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	(void)result;
	cache_app_runs++;
	return WEIR_MISS;
}

/* That there is no such thing is kept, too: shorter, if the rule says so. */
static void test_missed_lifetime_of_nothing(void **state)
{
	static const struct weir_status_expiry by_status[] = { { 404, 5 }, { 0 } };
	static const struct weir_function nothing = {
		.name = "nothing", .run = run_nothing, .coder = &weir_coder_int, .cache = { .expire_s = 60, .expire_by_status = by_status }
	};
	struct weir_test *host = semantics_open(state, NULL, &minute);
	int64_t result;

	semantics_add_function(host, "/nothing", &nothing);
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &nothing, NULL, &result), WEIR_MISS);
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &nothing, NULL, &result), WEIR_MISS);
	assert_int_equal(weir_test_get(host, "/nothing")->status, 404);
	expect_status(host, "/nothing", NULL, "HIT");
	assert_int_equal(cache_app_runs, 1);
	semantics_advance_ms(state, 5000);
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &nothing, NULL, &result), WEIR_MISS);
	assert_int_equal(cache_app_runs, 2);
}

struct place {
	int64_t x, y;
};

static const struct weir_field place_params[] = { WEIR_INT(struct place, x), WEIR_INT_OR(struct place, y, 7), { 0 } };

static enum weir_status run_place(struct weir_call *call, const void *args, void *result)
{
	const struct place *place = args;

	(void)call;
	cache_app_runs++;
	*(int64_t *)result = 10 * place->x + place->y;
	return WEIR_OK;
}

/* A route's by what it is asked for, and a function's by its arguments. */
static void test_missed_clear_of_exactly_one_key(void **state)
{
	static const struct weir_function function = {
		.name = "place",
		.params = place_params,
		.params_size = sizeof(struct place),
		.run = run_place,
		.coder = &weir_coder_int,
		.cache = { .expire_s = 60 },
	};
	const struct weir_cache_entry_name name = { .route = "/page/{rest...}", .host = "localhost", .target = "/page/1?b&a" };
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	size_t removed = 99;

	semantics_add_function(other, "/place", &function);
	expect_get(other, "/page/1?a&b", "MISS", "run 1");
	expect_get(other, "/page/11?a&b", "MISS", "run 2");
	expect_get(other, "/place?x=1", "MISS", "17");
	expect_get(other, "/place?x=11", "MISS", "117");
	assert_int_equal(weir_cache_clear_entry(semantics_cache(one), &name, NULL), WEIR_OK);
	assert_int_equal(weir_cache_clear_call(semantics_cache(one), &function, &(struct place){ 1, 7 }, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_status(other, "/page/1?a&b", NULL, "MISS");
	expect_status(other, "/page/11?a&b", NULL, "HIT");
	expect_status(other, "/place?x=1", NULL, "MISS");
	expect_status(other, "/place?x=11", NULL, "HIT");
}

static void test_missed_query_is_normalised(void **state)
{
	static const char *const ignored[] = { "utm_*", "fbclid", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .ignored_query = ignored };
	struct weir_test *host = semantics_open(state, NULL, &rule);

	expect_get(host, "/page?a=1&b=x+y", "MISS", "run 1");
	expect_get(host, "/page?b=x%20y&a=1", "HIT", "run 1");
	expect_get(host, "/page?utm_source=mail&b=x+y&fbclid=7&a=%31", "HIT", "run 1");
	expect_get(host, "/page?a=1&a=2", "MISS", "run 2");
	expect_get(host, "/page?a=2&a=1", "MISS", "run 3"); /* the order of equal names has a meaning */
	expect_get(host, "/page?a", "MISS", "run 4");
	expect_get(host, "/page", "MISS", "run 5");
	expect_get(host, "/page?utm_source=mail", "HIT", "run 5");
}

static void test_missed_query_is_of_chosen_names(void **state)
{
	static const char *const chosen[] = { "page", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .key_query = chosen };
	struct weir_test *host = semantics_open(state, NULL, &rule);

	expect_get(host, "/page?page=1&x=1", "MISS", "run 1");
	expect_get(host, "/page?x=2&page=1", "HIT", "run 1");
	expect_get(host, "/page?page=2", "MISS", "run 2");
}

static enum weir_status answer_varying(struct weir_request *req, struct weir_response *res)
{
	const char *language = weir_request_field(req, "Accept-Language");

	weir_response_set_field(res, "Vary", "Accept-Language");
	return weir_response_text(res, "text/plain", "%s", language ? language : "none");
}

/* A response that varies on what the key does not have is for nobody else. */
static void test_missed_vary(void **state)
{
	static const char *const languages[] = { "accept-language", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .key_fields = languages };
	struct weir_test *host = semantics_open(state, NULL, &rule);

	semantics_add_route(host, "/unkeyed", &minute);
	cache_app_handler = answer_varying;
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Accept-Language", "en")), "MISS", "en");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Accept-Language", "fr")), "MISS", "fr");
	expect_answer(host, cache_app_get(host, "/page", NULL), "MISS", "none");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Accept-Language", "en")), "HIT", "en");
	expect_answer(host, cache_app_get(host, "/page", NULL), "HIT", "none");
	expect_answer(host, cache_app_get(host, "/unkeyed", FIELDS("Accept-Language", "en")), "MISS", "en");
	expect_answer(host, cache_app_get(host, "/unkeyed", FIELDS("Accept-Language", "fr")), "MISS", "fr");
}

const struct CMUnitTest semantics_missed_tests[] = {
	cmocka_unit_test(test_missed_cookie_is_never_stored),        cmocka_unit_test(test_missed_credentials_are_not_shared),
	cmocka_unit_test(test_missed_credentials_may_be_in_the_key), cmocka_unit_test(test_missed_head_is_answered_from_get),
	cmocka_unit_test(test_missed_lifetime_of_a_status),          cmocka_unit_test(test_missed_lifetime_of_nothing),
	cmocka_unit_test(test_missed_clear_of_exactly_one_key),      cmocka_unit_test(test_missed_query_is_normalised),
	cmocka_unit_test(test_missed_query_is_of_chosen_names),      cmocka_unit_test(test_missed_vary),
};

const size_t semantics_missed_test_count = sizeof(semantics_missed_tests) / sizeof(semantics_missed_tests[0]);
