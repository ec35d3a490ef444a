/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: the options of the cache, one by one, and clearing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "pages" };
static const struct weir_cache_rule unsaid = { .ns = "pages" };

/* The one that was given is where entries are, for all who have it. */
static void test_setup_backend(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	expect_get(one, "/page", "MISS", "run 1");
	assert_string_equal(semantics_calls(state), "RW");
	expect_get(other, "/page", "HIT", "run 1");
	expect_get(other, "/page", "HIT", "run 1");
	assert_string_equal(semantics_calls(state), "RR");
	assert_int_equal(cache_app_runs, 1);
}

static void test_setup_prefix(void **state)
{
	struct weir_test *mine = semantics_open(state, &(struct weir_cache_options){ .prefix = "mine" }, &minute);
	struct weir_test *yours = semantics_join(state, &(struct weir_cache_options){ .prefix = "mine too" }, &minute);
	size_t removed = 99;

	expect_get(mine, "/page", "MISS", "run 1");
	expect_get(yours, "/page", "MISS", "run 2");
	expect_get(mine, "/page", "HIT", "run 1");
	assert_int_equal(weir_cache_clear_all(semantics_cache(mine), &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_get(yours, "/page", "HIT", "run 2");
	expect_get(mine, "/page", "MISS", "run 3");
}

static void test_setup_prefix_is_the_apps_name(void **state)
{
	struct weir_test *named = semantics_open(state, &(struct weir_cache_options){ .prefix = "tested" }, &minute);
	struct weir_test *unnamed = semantics_join(state, NULL, &minute);

	expect_get(named, "/page", "MISS", "run 1");
	expect_get(unnamed, "/page", "HIT", "run 1");
}

static void test_setup_expire(void **state)
{
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .expire_s = 30 }, &unsaid);
	const struct weir_test_response *res = weir_test_get(host, "/page");

	expect_field(host, res, "Cache-Control", "max-age=30");
	semantics_advance_ms(state, 29999);
	expect_get(host, "/page", "HIT", "run 1");
	semantics_advance_ms(state, 1);
	expect_get(host, "/page", "MISS", "run 2");
}

static void test_setup_expire_is_never_unless_said(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &unsaid);

	expect_get(host, "/page", "MISS", "run 1");
	semantics_advance_ms(state, INT64_C(86400000) * 365 * 10);
	expect_get(host, "/page", "HIT", "run 1");
}

static enum weir_status run_answer(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	cache_app_runs++;
	*(int64_t *)result = 42;
	return WEIR_OK;
}

/* A function that names no coder of its own. */
static void test_setup_coder(void **state)
{
	static const struct weir_function answer = { .name = "answer", .run = run_answer, .cache = { .expire_s = 60 } };
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .coder = &weir_coder_int }, &minute);
	int64_t result = 0;

	semantics_add_function(host, "/answer", &answer);
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &answer, NULL, &result), WEIR_OK);
	assert_int_equal(result, 42);
	expect_get(host, "/answer", "HIT", "42");
	assert_int_equal(cache_app_runs, 1);
}

static enum weir_status key_of_user(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	weir_key_add_text(key, weir_request_query(req, "user"));
	return WEIR_OK;
}

static void test_setup_key_builder(void **state)
{
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .key = key_of_user }, &minute);

	expect_get(host, "/page?user=ann&x=1", "MISS", "run 1");
	expect_get(host, "/page?user=ann&x=2", "HIT", "run 1");
	expect_get(host, "/page?user=bob&x=1", "MISS", "run 2");
	expect_get(host, "/other?user=ann", "MISS", "run 3"); /* a builder gives the last part of the key only */
}

static void test_setup_cache_status_header(void **state)
{
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .status_header = "X-Mine" }, &minute);
	const struct weir_test_response *miss = weir_test_get(host, "/page"), *hit = weir_test_get(host, "/page");

	expect_field(host, miss, "X-Mine", "MISS");
	expect_field(host, hit, "X-Mine", "HIT");
	expect_field(host, hit, "X-Weir-Cache", NULL);
	expect_field(host, miss, "Cache-Status", "weir; fwd=uri-miss; stored");
	expect_field(host, hit, "Cache-Status", "weir; hit; ttl=60");
}

static void expect_no_cache(struct weir_test *host, const char *body)
{
	const struct weir_test_response *res = weir_test_get(host, "/page");

	expect_answer(host, res, NULL, body);
	expect_field(host, res, "Cache-Status", NULL);
	expect_field(host, res, "Cache-Control", NULL);
	expect_field(host, res, "ETag", NULL);
}

static void test_setup_enable(void **state)
{
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .disabled = true }, &minute);

	expect_no_cache(host, "run 1");
	expect_no_cache(host, "run 2");
	assert_string_equal(semantics_calls(state), "");
	weir_cache_set_enabled(semantics_cache(host), true);
	expect_get(host, "/page", "MISS", "run 3");
	expect_get(host, "/page", "HIT", "run 3");
	weir_cache_set_enabled(semantics_cache(host), false);
	expect_no_cache(host, "run 4");
}

/* A rule, and nobody has made a cache. */
static void test_setup_before_init(void **state)
{
	const struct weir_route routes[] = { { .path = "/page", .handler = cache_app_handle, .cache = &minute }, { 0 } };
	struct weir_app *app = NULL;
	char why[200];

	(void)state;
	assert_int_equal(weir_app_create(&(struct weir_app_options){ .name = "tested", .routes = routes }, why, sizeof(why), &app),
			 WEIR_OK);
	assert_int_equal(weir_app_check(app), WEIR_ERR_CONFIG);
	assert_non_null(strstr(weir_app_error(app), "/page"));
	assert_non_null(strstr(weir_app_error(app), "weir_app_use_cache()"));
	weir_app_destroy(app);
}

/* -- Clearing -------------------------------------------------------------------------------------------------------------- */

static const char *const places[] = { "/page", "/user", "/users", "/unnamed" };
#define PLACES (sizeof(places) / sizeof(places[0]))

/* Entries in the namespaces "pages", "user", "users" and the one without a name. */
static struct weir_test *open_filled(void **state)
{
	static const struct weir_cache_rule user = { .expire_s = 60, .ns = "user" }, users = { .expire_s = 60, .ns = "users" };
	static const struct weir_cache_rule unnamed = { .expire_s = 60 };
	struct weir_test *host = semantics_open(state, NULL, &minute);

	semantics_add_route(host, "/user", &user);
	semantics_add_route(host, "/users", &users);
	semantics_add_route(host, "/unnamed", &unnamed);
	for (size_t i = 0; i < PLACES; i++)
		expect_field(host, weir_test_get(host, places[i]), "X-Weir-Cache", "MISS");
	return host;
}

/* A letter for each place, 'h' where there still is an entry; now there is everywhere. */
static void expect_left(struct weir_test *host, const char *left)
{
	char found[PLACES + 1] = "";

	for (size_t i = 0; i < PLACES; i++)
		found[i] = weir_test_field(host, weir_test_get(host, places[i]), "X-Weir-Cache")[0] == 'H' ? 'h' : '-';
	assert_string_equal(found, left);
}

static void test_setup_clear_of_a_namespace(void **state)
{
	struct weir_test *host = open_filled(state);
	size_t removed = 99;

	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "user", NULL), WEIR_OK);
	expect_left(host, "h-hh");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "user", &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_left(host, "h-hh");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), NULL, NULL), WEIR_OK);
	expect_left(host, "hhh-");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "nobody's", &removed), WEIR_OK);
	assert_int_equal(removed, 0);
	expect_left(host, "hhhh");
}

static void test_setup_clear_of_a_key(void **state)
{
	struct weir_test *host = open_filled(state);
	const struct weir_cache_entry_name name = { .ns = "user", .route = "/user", .host = "localhost", .target = "/user" };
	size_t removed = 99;

	(void)weir_test_get(host, "/user?page=2");
	assert_int_equal(weir_cache_clear_entry(semantics_cache(host), &name, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	expect_field(host, weir_test_get(host, "/user?page=2"), "X-Weir-Cache", "HIT");
	expect_left(host, "h-hh");
}

static void test_setup_clear_of_everything(void **state)
{
	struct weir_test *host = open_filled(state);
	size_t removed = 99;

	assert_int_equal(weir_cache_clear_all(semantics_cache(host), NULL), WEIR_OK);
	expect_left(host, "----");
	assert_int_equal(weir_cache_clear_all(semantics_cache(host), &removed), WEIR_OK);
	assert_int_equal(removed, PLACES);
	expect_left(host, "----");
}

const struct CMUnitTest semantics_setup_tests[] = {
	cmocka_unit_test(test_setup_backend),
	cmocka_unit_test(test_setup_prefix),
	cmocka_unit_test(test_setup_prefix_is_the_apps_name),
	cmocka_unit_test(test_setup_expire),
	cmocka_unit_test(test_setup_expire_is_never_unless_said),
	cmocka_unit_test(test_setup_coder),
	cmocka_unit_test(test_setup_key_builder),
	cmocka_unit_test(test_setup_cache_status_header),
	cmocka_unit_test(test_setup_enable),
	cmocka_unit_test(test_setup_before_init),
	cmocka_unit_test(test_setup_clear_of_a_namespace),
	cmocka_unit_test(test_setup_clear_of_a_key),
	cmocka_unit_test(test_setup_clear_of_everything),
};

const size_t semantics_setup_test_count = sizeof(semantics_setup_tests) / sizeof(semantics_setup_tests[0]);
