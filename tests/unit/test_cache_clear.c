/* SPDX-License-Identifier: Apache-2.0
 *
 * Clearing: exactly what is named, with a count and without, and never outrun by a value that was in the making.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/cache.h"
#include "support/cache_app.h"

/* The app with three more routes and namespaces beside its own, "pages". */
static struct weir_test *app_with_namespaces(void)
{
	static const struct weir_cache_rule pages = { .expire_s = 60, .ns = "pages" };
	static const struct weir_cache_rule user = { .expire_s = 60, .ns = "user" };
	static const struct weir_cache_rule users = { .expire_s = 60, .ns = "users" };
	static const struct weir_cache_rule unnamed = { .expire_s = 60 };
	static const struct {
		const char *path;
		const struct weir_cache_rule *rule;
	} more[] = { { "/user", &user }, { "/users", &users }, { "/unnamed", &unnamed } };
	struct weir_test *test = cache_app(&pages);

	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		struct weir_route route = { .path = more[i].path, .handler = cache_app_handle, .cache = more[i].rule };

		assert_int_equal(weir_app_route(weir_test_app(test), &route), WEIR_OK);
	}
	return test;
}

static struct weir_cache *cache_of(struct weir_test *test)
{
	return weir_app_cache(weir_test_app(test));
}

/* One entry in each namespace. */
static void fill(struct weir_test *test)
{
	static const char *const targets[] = { "/page", "/user", "/users", "/unnamed" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		(void)weir_test_get(test, targets[i]);
}

/* Which of them are answered from the cache; all are there afterwards. */
static void expect_hits(struct weir_test *test, bool page, bool user, bool users, bool unnamed)
{
	expect_field(test, weir_test_get(test, "/page"), "X-Weir-Cache", page ? "HIT" : "MISS");
	expect_field(test, weir_test_get(test, "/user"), "X-Weir-Cache", user ? "HIT" : "MISS");
	expect_field(test, weir_test_get(test, "/users"), "X-Weir-Cache", users ? "HIT" : "MISS");
	expect_field(test, weir_test_get(test, "/unnamed"), "X-Weir-Cache", unnamed ? "HIT" : "MISS");
}

static void test_cache_clear_of_a_namespace_is_exact(void **state)
{
	struct weir_test *test = app_with_namespaces();

	(void)state;
	fill(test);
	expect_hits(test, true, true, true, true);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "user", NULL), WEIR_OK);
	expect_hits(test, true, false, true, true);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "users", NULL), WEIR_OK);
	expect_hits(test, true, true, false, true);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "use", NULL), WEIR_OK);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "nobody", NULL), WEIR_OK);
	expect_hits(test, true, true, true, true);
	weir_test_destroy(test);
}

static void test_cache_clear_of_the_empty_namespace_is_no_clear_of_all(void **state)
{
	struct weir_test *test = app_with_namespaces();

	(void)state;
	fill(test);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "", NULL), WEIR_OK);
	expect_hits(test, true, true, true, false);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), NULL, NULL), WEIR_OK);
	expect_hits(test, true, true, true, false);
	weir_test_destroy(test);
}

static void test_cache_clear_of_all(void **state)
{
	struct weir_test *test = app_with_namespaces();

	(void)state;
	fill(test);
	assert_int_equal(weir_cache_clear_all(cache_of(test), NULL), WEIR_OK);
	expect_hits(test, false, false, false, false);
	expect_hits(test, true, true, true, true);
	weir_test_destroy(test);
}

static size_t items(struct weir_test *test)
{
	const struct weir_backend *backend = weir_cache_backend(cache_of(test));
	struct weir_backend_stats stats;

	weir_backend_ops(backend)->stats(weir_backend_self(backend), &stats);
	return (size_t)stats.items;
}

static void test_cache_clear_counts_what_it_removes(void **state)
{
	struct weir_test *test = app_with_namespaces();
	size_t removed = 99;

	(void)state;
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "pages", &removed), WEIR_OK);
	assert_int_equal(removed, 0);
	fill(test);
	(void)weir_test_get(test, "/page/2");
	assert_int_equal(items(test), 5);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "pages", &removed), WEIR_OK);
	assert_int_equal(removed, 2);
	assert_int_equal(items(test), 3);
	expect_hits(test, false, true, true, true);
	assert_int_equal(weir_cache_clear_all(cache_of(test), &removed), WEIR_OK);
	assert_int_equal(removed, 4);
	assert_int_equal(items(test), 0);
	weir_test_destroy(test);
}

/* Another app on the same store, told apart by its prefix alone. */
static void test_cache_clear_of_all_is_of_this_prefix(void **state)
{
	static const struct weir_cache_rule minute = { .expire_s = 60 };
	struct weir_test *test = cache_app_with(&(struct weir_cache_options){ .prefix = "shop" }, &minute);
	struct weir_cache neighbour = *cache_of(test);
	char prefix[] = "sho";
	size_t removed;

	(void)state;
	neighbour.prefix = prefix;
	(void)weir_test_get(test, "/page");
	assert_int_equal(weir_cache_clear_all(&neighbour, NULL), WEIR_OK);
	expect_get(test, "/page", "HIT", "run 1");
	assert_int_equal(weir_cache_clear_all(&neighbour, &removed), WEIR_OK);
	assert_int_equal(removed, 0);
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

/* -- One entry ------------------------------------------------------------------------------------------------------------- */

static void clear_entry(struct weir_test *test, const struct weir_cache_entry_name *name, size_t expected)
{
	size_t removed = 99;

	assert_int_equal(weir_cache_clear_entry(cache_of(test), name, &removed), WEIR_OK);
	assert_int_equal(removed, expected);
}

static void test_cache_clear_of_one_entry_by_its_target(void **state)
{
	struct weir_test *test = app_with_namespaces();
	struct weir_cache_entry_name name = { .ns = "pages", .route = "/page/{rest...}", .host = "localhost", .target = "/page/a?x=1&y=2" };

	(void)state;
	expect_get(test, "/page/a?x=1&y=2", "MISS", "run 1");
	expect_get(test, "/page/a", "MISS", "run 2");
	expect_get(test, "/page/b?x=1&y=2", "MISS", "run 3");
	clear_entry(test, &name, 1);
	clear_entry(test, &name, 0);
	expect_get(test, "/page/a", "HIT", "run 2");
	expect_get(test, "/page/b?x=1&y=2", "HIT", "run 3");
	expect_get(test, "/page/a?x=1&y=2", "MISS", "run 4");
	name.target = "/page/x/../a?y=2&x=%31";
	name.host = "LocalHost";
	clear_entry(test, &name, 1);
	expect_get(test, "/page/a?x=1&y=2", "MISS", "run 5");
	weir_test_destroy(test);
}

static void test_cache_clear_of_one_entry_asks_for_all_of_its_name(void **state)
{
	const struct weir_cache_entry_name right = { .ns = "pages", .route = "/page", .host = "localhost", .target = "/page" };
	struct weir_cache_entry_name wrong[6];
	struct weir_test *test = app_with_namespaces();

	(void)state;
	for (size_t i = 0; i < 6; i++)
		wrong[i] = right;
	wrong[0].ns = "page";
	wrong[1].route = "/page/{rest...}";
	wrong[2].host = "localhost:80";
	wrong[3].target = "/page/";
	wrong[4].method = "POST";
	wrong[5].target = "/page?x";
	expect_get(test, "/page", "MISS", "run 1");
	for (size_t i = 0; i < 6; i++)
		clear_entry(test, &wrong[i], 0);
	expect_get(test, "/page", "HIT", "run 1");
	clear_entry(test, &right, 1);
	expect_get(test, "/page", "MISS", "run 2");
	assert_int_equal(weir_cache_clear_entry(cache_of(test), &right, NULL), WEIR_OK);
	expect_get(test, "/page", "MISS", "run 3");
	wrong[0].target = "page";
	assert_int_equal(weir_cache_clear_entry(cache_of(test), &wrong[0], NULL), WEIR_ERR_INVALID);
	weir_test_destroy(test);
}

static enum weir_status key_of_two_parts(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	weir_key_add_text(key, weir_request_query(req, "a"));
	weir_key_add_text(key, weir_request_query(req, "b"));
	return WEIR_OK;
}

static void test_cache_clear_of_one_entry_by_its_parts(void **state)
{
	static const struct weir_cache_rule own_key = { .expire_s = 60, .ns = "own", .key = key_of_two_parts };
	const struct weir_slice parts[] = { { "1", 1 }, { NULL, 0 } };
	const struct weir_cache_entry_name name = { .ns = "own", .route = "/page", .parts = parts, .part_count = 2 };
	struct weir_test *test = cache_app(&own_key);

	(void)state;
	expect_get(test, "/page?a=1", "MISS", "run 1");
	expect_get(test, "/page?a=1&b=", "MISS", "run 2");
	clear_entry(test, &name, 1);
	expect_get(test, "/page?a=1&b=", "HIT", "run 2");
	expect_get(test, "/page?a=1", "MISS", "run 3");
	weir_test_destroy(test);
}

/* -- Values in the making -------------------------------------------------------------------------------------------------- */

static enum {
	CLEAR_NOTHING,
	CLEAR_NAMESPACE,
	CLEAR_ALL,
	CLEAR_ENTRY,
	CLEAR_ANOTHER,
} what;

/* A value that is read from somewhere; then that changes, and the cache is told, before the value is answered. */
static enum weir_status clear_in_the_middle(struct weir_request *req, struct weir_response *res)
{
	const struct weir_cache_entry_name page = { .ns = "pages", .route = "/page", .host = "localhost", .target = "/page" };
	struct weir_cache *cache = weir_request_cache(req);

	if (what == CLEAR_NAMESPACE)
		assert_int_equal(weir_cache_clear_namespace(cache, "pages", NULL), WEIR_OK);
	else if (what == CLEAR_ALL)
		assert_int_equal(weir_cache_clear_all(cache, NULL), WEIR_OK);
	else if (what == CLEAR_ENTRY)
		assert_int_equal(weir_cache_clear_entry(cache, &page, NULL), WEIR_OK);
	else if (what == CLEAR_ANOTHER)
		assert_int_equal(weir_cache_clear_namespace(cache, "user", NULL), WEIR_OK);
	return cache_app_answer(res);
}

static void test_cache_clear_outlasts_a_value_in_the_making(void **state)
{
	(void)state;
	for (what = CLEAR_NOTHING; what <= CLEAR_ANOTHER; what++) {
		bool cleared = what != CLEAR_NOTHING && what != CLEAR_ANOTHER;
		struct weir_test *test = app_with_namespaces();

		cache_app_handler = clear_in_the_middle;
		expect_get(test, "/page", "MISS", "run 1");
		cache_app_handler = NULL;
		expect_get(test, "/page", cleared ? "MISS" : "HIT", cleared ? "run 2" : "run 1");
		expect_get(test, "/page", "HIT", cleared ? "run 2" : "run 1");
		weir_test_destroy(test);
	}
}

/* With the waiting of a lock it is no other: who came after the clear is not answered with what was begun before it. */
static void test_cache_clear_is_seen_by_those_who_wait(void **state)
{
	static const struct weir_cache_rule locked = { .expire_s = 60, .ns = "pages", .with_lock = true };
	struct weir_test *test = cache_app(&locked);
	struct weir_test_exchange *before[2], *after[2];

	(void)state;
	weir_test_hold_handlers(test, true);
	before[0] = cache_app_start(test, "/page", NULL);
	before[1] = cache_app_start(test, "/page", NULL);
	assert_int_equal(weir_cache_clear_namespace(cache_of(test), "pages", NULL), WEIR_OK);
	after[0] = cache_app_start(test, "/page", NULL);
	after[1] = cache_app_start(test, "/page", NULL);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	expect_answer(test, weir_test_response(before[0]), "MISS", "run 1");
	expect_answer(test, weir_test_response(before[1]), "HIT", "run 1");
	expect_answer(test, weir_test_response(after[0]), "MISS", "run 2");
	expect_answer(test, weir_test_response(after[1]), "HIT", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_clear_of_a_namespace_is_exact),
		cmocka_unit_test(test_cache_clear_of_the_empty_namespace_is_no_clear_of_all),
		cmocka_unit_test(test_cache_clear_of_all),
		cmocka_unit_test(test_cache_clear_counts_what_it_removes),
		cmocka_unit_test(test_cache_clear_of_all_is_of_this_prefix),
		cmocka_unit_test(test_cache_clear_of_one_entry_by_its_target),
		cmocka_unit_test(test_cache_clear_of_one_entry_asks_for_all_of_its_name),
		cmocka_unit_test(test_cache_clear_of_one_entry_by_its_parts),
		cmocka_unit_test(test_cache_clear_outlasts_a_value_in_the_making),
		cmocka_unit_test(test_cache_clear_is_seen_by_those_who_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
