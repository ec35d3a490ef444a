/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical paths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http/path.h"

struct path_case {
	const char *raw;
	const char *canonical; /* NULL: ERR_INVALID */
};

static const struct path_case path_cases[] = {
	{ "/", "/" },
	{ "/a/b", "/a/b" },
	{ "/a/b/", "/a/b/" },
	{ "//", "//" },
	{ "/a//b", "/a//b" },
	/* escapes */
	{ "/%61%62", "/ab" },
	{ "/%7E%2D%2e%5F", "/~-._" },
	{ "/a%2fb", "/a%2Fb" },
	{ "/a%2Fb", "/a%2Fb" },
	{ "/%c3%a9", "/%C3%A9" },
	{ "/%3a", "/%3A" },
	{ "/:@!$&'()*+,;=", "/:@!$&'()*+,;=" },
	{ "/%25%32%45", "/%252E" },
	{ "/%2541", "/%2541" },
	{ "/%01%7f", "/%01%7F" },
	/* bytes that may not stand in a path */
	{ "/a b", "/a%20b" },
	{ "/\xc3\xa9", "/%C3%A9" },
	{ "/\xff", "/%FF" },
	{ "/\x01\x7f", "/%01%7F" },
	{ "/\"<>\\^`{|}[]?#", "/%22%3C%3E%5C%5E%60%7B%7C%7D%5B%5D%3F%23" },
	/* dot segments, RFC 3986 sections 5.2.4 and 5.4 */
	{ "/a/b/c/./../../g", "/a/g" },
	{ "/.", "/" },
	{ "/./", "/" },
	{ "/a/.", "/a/" },
	{ "/a/..", "/" },
	{ "/a/../", "/" },
	{ "/a/../b", "/b" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/../..", "/" },
	{ "/a/./b/./c", "/a/b/c" },
	{ "/a//..", "/a/" },
	{ "/a//../b", "/a/b" },
	{ "//..", "/" },
	{ "//../", "/" },
	{ "/a/%2e%2E/b", "/b" },
	{ "/a/.%2e/b", "/b" },
	{ "/%2e/a", "/a" },
	{ "/a/%2e", "/a/" },
	{ "/.a/..b/c../...", "/.a/..b/c../..." },
	{ "/a/..%2f", "/a/..%2F" },
	/* out of bounds */
	{ "/..", NULL },
	{ "/../", NULL },
	{ "/../a", NULL },
	{ "/a/../..", NULL },
	{ "/a/../../b", NULL },
	{ "/./..", NULL },
	{ "/%2e%2e/etc/passwd", NULL },
	{ "/a/%2e%2e/%2e%2e/etc", NULL },
	{ "//../..", NULL },
	/* broken */
	{ "", NULL },
	{ "a", NULL },
	{ "*", NULL },
	{ "%2Fa", NULL },
	{ "/%", NULL },
	{ "/%2", NULL },
	{ "/%zz", NULL },
	{ "/%2/a", NULL },
	{ "/%00", NULL },
	{ "/a%00b", NULL },
	{ "/%/../a", NULL },
};

static void test_path_becomes_canonical(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(*path_cases); i++) {
		struct weir_slice path = WEIR_SLICE_NONE;
		enum weir_status st = weir_path_canonical(pool, weir_slice_text(path_cases[i].raw), &path);

		if (!path_cases[i].canonical) {
			assert_int_equal(st, WEIR_ERR_INVALID);
			continue;
		}
		assert_int_equal(st, WEIR_OK);
		assert_string_equal(path.data, path_cases[i].canonical);
		assert_int_equal(path.len, strlen(path_cases[i].canonical));
	}
	weir_pool_destroy(pool);
}

static void test_path_of_canonical_form_is_not_copied(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	size_t used = weir_pool_used(pool);

	(void)state;
	for (size_t i = 0; i < sizeof(path_cases) / sizeof(*path_cases); i++) {
		struct weir_slice canonical = weir_slice_text(path_cases[i].canonical), path;

		if (!canonical.data)
			continue;
		assert_int_equal(weir_path_canonical(pool, canonical, &path), WEIR_OK);
		assert_ptr_equal(path.data, canonical.data);
		assert_int_equal(path.len, canonical.len);
	}
	assert_int_equal(weir_pool_used(pool), used);
	weir_pool_destroy(pool);
}

static void test_path_refuses_a_raw_nul(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice path;

	(void)state;
	assert_int_equal(weir_path_canonical(pool, WEIR_SLICE_LITERAL("/a\0b"), &path), WEIR_ERR_INVALID);
	assert_int_equal(weir_path_canonical(pool, WEIR_SLICE_NONE, &path), WEIR_ERR_INVALID);
	weir_pool_destroy(pool);
}

static void test_path_reports_a_full_pool(void **state)
{
	struct weir_pool *pool = weir_pool_create(4);
	struct weir_slice path;

	(void)state;
	assert_int_equal(weir_path_canonical(pool, WEIR_SLICE_LITERAL("/a b"), &path), WEIR_ERR_MEMORY);
	weir_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path_becomes_canonical),
		cmocka_unit_test(test_path_of_canonical_form_is_not_copied),
		cmocka_unit_test(test_path_refuses_a_raw_nul),
		cmocka_unit_test(test_path_reports_a_full_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
