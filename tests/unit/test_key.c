/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache keys: no two lists of parts give the same bytes, secrets do not show, and what is too long becomes a digest.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include <weir/backend_driver.h>

#include "cache/key.h"

static int setup(void **state)
{
	*state = weir_pool_create(0);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	weir_pool_destroy(*state);
	return 0;
}

static void add_texts(struct weir_key *key, const char *const *parts)
{
	for (; *parts; parts++)
		weir_key_add_text(key, *parts);
}

/* The key of a list of texts in namespace `ns` of the prefix "p". */
static struct weir_slice key_of(struct weir_pool *pool, const char *ns, const char *const *parts)
{
	struct weir_key key;

	weir_key_begin(&key, pool, "p", ns);
	add_texts(&key, parts);
	return weir_key_finish(&key);
}

#define KEY(pool, ns, ...) key_of(pool, ns, (const char *const[]){ __VA_ARGS__, NULL })

static void expect_same(struct weir_slice a, struct weir_slice b)
{
	assert_non_null(a.data);
	assert_true(weir_slice_equal(a, b));
}

static void expect_other(struct weir_slice a, struct weir_slice b)
{
	assert_non_null(a.data);
	assert_non_null(b.data);
	assert_false(weir_slice_equal(a, b));
}

static bool holds(struct weir_slice bytes, const char *text)
{
	return memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
}

static void test_key_is_the_same_for_the_same_parts(void **state)
{
	expect_same(KEY(*state, "ns", "GET", "/a", "x"), KEY(*state, "ns", "GET", "/a", "x"));
	expect_same(KEY(*state, NULL, "a"), KEY(*state, "", "a"));
}

static void test_key_parts_do_not_run_into_each_other(void **state)
{
	expect_other(KEY(*state, "", "a", "bc"), KEY(*state, "", "ab", "c"));
	expect_other(KEY(*state, "", "a", "b"), KEY(*state, "", "b", "a"));
	expect_other(KEY(*state, "", "a", ""), KEY(*state, "", "a"));
	expect_other(KEY(*state, "", "", "a"), KEY(*state, "", "a", ""));
	expect_other(KEY(*state, "a", "b"), KEY(*state, "", "a", "b"));
	expect_other(KEY(*state, "a", "bc"), KEY(*state, "ab", "c"));
	/* A part that holds what a length and a part look like. */
	expect_other(KEY(*state, "", "a1:z"), KEY(*state, "", "a", "z"));
	expect_other(KEY(*state, "", "-:"), KEY(*state, "", "", ""));
}

static void test_key_tells_absent_from_empty(void **state)
{
	struct weir_key absent, empty;

	weir_key_begin(&absent, *state, "p", "");
	weir_key_add(&absent, WEIR_SLICE_NONE);
	weir_key_begin(&empty, *state, "p", "");
	weir_key_add(&empty, WEIR_SLICE_LITERAL(""));
	expect_other(weir_key_finish(&absent), weir_key_finish(&empty));
	weir_key_begin(&absent, *state, "p", "");
	weir_key_add_secret(&absent, WEIR_SLICE_NONE);
	weir_key_begin(&empty, *state, "p", "");
	weir_key_add_secret(&empty, WEIR_SLICE_LITERAL(""));
	expect_other(weir_key_finish(&absent), weir_key_finish(&empty));
}

static void test_key_separates_prefixes(void **state)
{
	struct weir_key a, b;

	weir_key_begin(&a, *state, "shop", "x");
	weir_key_begin(&b, *state, "sho", "px");
	expect_other(weir_key_all_cell(&a), weir_key_all_cell(&b));
	expect_other(weir_key_namespace_cell(&a), weir_key_namespace_cell(&b));
	expect_other(weir_key_finish(&a), weir_key_finish(&b));
}

/* What walking over a namespace relies on. */
static void test_key_begins_with_its_cells_and_no_other(void **state)
{
	struct weir_key user, users;
	struct weir_slice of_user, of_users;

	weir_key_begin(&user, *state, "p", "user");
	weir_key_add_text(&user, "x");
	weir_key_begin(&users, *state, "p", "users");
	weir_key_add_text(&users, "x");
	of_user = weir_key_finish(&user);
	of_users = weir_key_finish(&users);
	assert_true(weir_slice_starts_with(of_user, weir_key_namespace_cell(&user)));
	assert_true(weir_slice_starts_with(of_user, weir_key_all_cell(&user)));
	assert_true(weir_slice_starts_with(of_users, weir_key_all_cell(&user)));
	assert_false(weir_slice_starts_with(of_users, weir_key_namespace_cell(&user)));
	assert_false(weir_slice_starts_with(of_user, weir_key_namespace_cell(&users)));
	expect_other(weir_key_all_cell(&user), weir_key_namespace_cell(&user));
	expect_other(weir_key_namespace_cell(&user), of_user);
}

static struct weir_slice secret_key(struct weir_pool *pool, const char *secret)
{
	struct weir_key key;

	weir_key_begin(&key, pool, "p", "");
	weir_key_add_secret(&key, weir_slice_text(secret));
	return weir_key_finish(&key);
}

static void test_key_does_not_show_secrets(void **state)
{
	struct weir_slice key = secret_key(*state, "Basic dXNlcjpwYXNz");

	assert_false(holds(key, "dXNlcjpwYXNz"));
	assert_false(holds(key, "Basic"));
	expect_same(key, secret_key(*state, "Basic dXNlcjpwYXNz"));
	expect_other(key, secret_key(*state, "Basic dXNlcjpwYXNy"));
}

/* A key of the namespace "ns" whose one part has so many bytes, the last of them `end`. */
static struct weir_slice long_key(struct weir_pool *pool, size_t len, char end)
{
	char *part = weir_pool_bytes(pool, len);
	struct weir_key key;

	memset(part, 'x', len);
	part[len - 1] = end;
	weir_key_begin(&key, pool, "p", "ns");
	weir_key_add(&key, weir_slice(part, len));
	return weir_key_finish(&key);
}

static void test_key_that_is_too_long_becomes_a_digest(void **state)
{
	const size_t before = strlen("1:p2:ns");
	const size_t most = WEIR_CACHE_KEY_MAX - before - strlen("32739:");
	struct weir_slice longest = long_key(*state, most, 'a');
	struct weir_slice longer = long_key(*state, most + 1, 'a');

	assert_int_equal(longest.len, WEIR_CACHE_KEY_MAX);
	assert_true(holds(longest, "xxxxxxxxa"));
	assert_int_equal(longer.len, before + strlen("32:") + 32);
	assert_false(holds(longer, "xxxxxxxx"));
	assert_memory_equal(longer.data, longest.data, before);
	expect_same(longer, long_key(*state, most + 1, 'a'));
	expect_other(longer, long_key(*state, most + 1, 'b'));
}

/* What an operator sees in the store's tool and in a remote store. */
static void test_key_can_be_read(void **state)
{
	struct weir_key key;

	weir_key_begin(&key, *state, "shop", "items");
	weir_key_add_text(&key, "GET");
	weir_key_add(&key, WEIR_SLICE_NONE);
	weir_key_add_text(&key, "");
	assert_true(weir_slice_equal(weir_key_finish(&key), WEIR_SLICE_LITERAL("4:shop5:items3:GET-:0:")));
}

/* Namespaces, keys, tags and soft purges are cleared apart from each other, whatever they are called. */
static void test_key_cells_are_apart(void **state)
{
	struct weir_slice cells[16];
	struct weir_key key;
	size_t count = 0;

	for (enum weir_cell_kind kind = WEIR_CELL_TAG; kind <= WEIR_CELL_SOFT_TAG; kind++) {
		cells[count++] = weir_key_cell(*state, "p", kind, WEIR_SLICE_LITERAL("tag"));
		cells[count++] = weir_key_cell(*state, "p", kind, WEIR_SLICE_NONE);
	}
	weir_key_begin(&key, *state, "p", "tag");
	weir_key_add_text(&key, "tag");
	cells[count++] = weir_key_all_cell(&key);
	cells[count++] = weir_key_namespace_cell(&key);
	cells[count++] = weir_key_finish(&key);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < i; k++)
			expect_other(cells[i], cells[k]);
}

static void test_key_is_absent_when_the_namespace_alone_is_too_long(void **state)
{
	char *ns = weir_pool_bytes(*state, WEIR_KEY_MAX + 1);
	struct weir_key key;

	memset(ns, 'n', WEIR_KEY_MAX);
	ns[WEIR_KEY_MAX] = '\0';
	weir_key_begin(&key, *state, "p", ns);
	weir_key_add_text(&key, "x");
	assert_null(weir_key_finish(&key).data);
}

static void test_key_is_absent_when_memory_is_out(void **state)
{
	struct weir_pool *small = weir_pool_create(600);
	struct weir_key key;

	(void)state;
	weir_key_begin(&key, small, "p", "ns");
	weir_key_add(&key, long_key(*state, 1000, 'a'));
	weir_key_add_text(&key, "fits");
	assert_null(weir_key_finish(&key).data);
	weir_pool_destroy(small);
}

static struct weir_slice target_key(struct weir_pool *pool, const char *host, const char *path, const char *query)
{
	struct weir_key key;

	weir_key_begin(&key, pool, "p", "");
	assert_int_equal(weir_key_add_target(&key, weir_slice_text(host), weir_slice_text(path), weir_slice_text(query)), WEIR_OK);
	return weir_key_finish(&key);
}

static void test_key_of_a_target_takes_the_query_in_any_order(void **state)
{
	expect_same(target_key(*state, "h", "/", "a=1&b=2"), target_key(*state, "h", "/", "b=2&a=1"));
	expect_same(target_key(*state, "h", "/", "a=%31"), target_key(*state, "h", "/", "a=1"));
	expect_same(target_key(*state, "h", "/", "&&"), target_key(*state, "h", "/", NULL));
	expect_other(target_key(*state, "h", "/", "a=1&a=2"), target_key(*state, "h", "/", "a=2&a=1"));
	expect_other(target_key(*state, "h", "/", "a=1%26b=2"), target_key(*state, "h", "/", "a=1&b=2"));
}

static void test_key_of_a_target_separates_host_path_and_query(void **state)
{
	expect_other(target_key(*state, "a", "/", NULL), target_key(*state, "b", "/", NULL));
	expect_other(target_key(*state, "a", "/b", NULL), target_key(*state, "a/", "b", NULL));
	expect_other(target_key(*state, "h", "/a", "b"), target_key(*state, "h", "/ab", NULL));
	expect_other(target_key(*state, "h", "/a%2Fb", NULL), target_key(*state, "h", "/a/b", NULL));
}

/* Random lists of up to three parts of up to two letters, out of two: small enough that equal ones come up. */
static void test_key_random_lists_collide_only_when_equal(void **state)
{
	static const char *const words[] = { "", "a", "b", "aa", "ab", "ba", "bb" };
	enum {
		LISTS = 400
	};
	struct weir_slice keys[LISTS];
	unsigned lists[LISTS];

	srand(7);
	for (size_t i = 0; i < LISTS; i++) {
		const char *parts[4] = { NULL };
		unsigned count = (unsigned)rand() % 4;

		lists[i] = count;
		for (unsigned k = 0; k < count; k++) {
			unsigned word = (unsigned)rand() % 7;

			parts[k] = words[word];
			lists[i] = lists[i] * 7 + word;
		}
		lists[i] += count * 10000;
		keys[i] = key_of(*state, "", parts);
	}
	for (size_t i = 0; i < LISTS; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_equal(weir_slice_equal(keys[i], keys[k]), lists[i] == lists[k]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_key_is_the_same_for_the_same_parts),
		TEST(test_key_parts_do_not_run_into_each_other),
		TEST(test_key_tells_absent_from_empty),
		TEST(test_key_separates_prefixes),
		TEST(test_key_begins_with_its_cells_and_no_other),
		TEST(test_key_does_not_show_secrets),
		TEST(test_key_that_is_too_long_becomes_a_digest),
		TEST(test_key_can_be_read),
		TEST(test_key_cells_are_apart),
		TEST(test_key_is_absent_when_the_namespace_alone_is_too_long),
		TEST(test_key_is_absent_when_memory_is_out),
		TEST(test_key_of_a_target_takes_the_query_in_any_order),
		TEST(test_key_of_a_target_separates_host_path_and_query),
		TEST(test_key_random_lists_collide_only_when_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
