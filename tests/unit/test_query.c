/* SPDX-License-Identifier: Apache-2.0
 *
 * Query strings, parsed and in canonical order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/query.h>

static int make_pool(void **state)
{
	*state = weir_pool_create(0);
	return *state ? 0 : -1;
}

static int drop_pool(void **state)
{
	weir_pool_destroy(*state);
	return 0;
}

/* Pairs as "name=value;name=value;", decoded. */
static const char *describe(struct weir_pool *pool, const struct weir_query *query)
{
	const char *text = "";

	for (size_t i = 0; i < query->count; i++)
		text = weir_pool_printf(pool, "%s%s=%s;", text, query->pairs[i].name.data, query->pairs[i].value.data);
	return text;
}

static const struct {
	const char *text;
	const char *pairs; /* NULL: ERR_INVALID */
} parse_cases[] = {
	{ "", "" },
	{ "a=1&b=2", "a=1;b=2;" },
	{ "a=1&a=2", "a=1;a=2;" },
	{ "flag", "flag=;" },
	{ "flag=", "flag=;" },
	{ "flag&x=1", "flag=;x=1;" },
	{ "=v", "=v;" },
	{ "=", "=;" },
	{ "&", "" },
	{ "&&a=1&&&b=2&", "a=1;b=2;" },
	{ "a=b=c", "a=b=c;" },
	{ "a==", "a==;" },
	{ "a=1;b=2", "a=1;b=2;" }, /* one pair: ';' does not separate */
	{ "q=x+y", "q=x y;" },
	{ "q=x%2By", "q=x+y;" },
	{ "x%20y=%26%3D", "x y=&=;" },
	{ "caf%C3%A9=%e2%82%ac", "caf\xc3\xa9=\xe2\x82\xac;" },
	{ "%66lag", "flag=;" },
	{ "%66lag&b", "flag=;b=;" },
	{ "?a=1", "?a=1;" },
	{ "a=%", NULL },
	{ "a=%4", NULL },
	{ "%zz=1", NULL },
	{ "a=%00", NULL },
	{ "a=1&b=%G0", NULL },
	{ "a%=1", NULL },
	{ "a=%4&1=1", NULL },
};

static void test_query_parses(void **state)
{
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		struct weir_query query;
		enum weir_status st = weir_query_parse(*state, weir_slice_text(parse_cases[i].text), 0, &query);

		assert_int_equal(st, parse_cases[i].pairs ? WEIR_OK : WEIR_ERR_INVALID);
		assert_string_equal(describe(*state, &query), parse_cases[i].pairs ? parse_cases[i].pairs : "");
	}
}

static void test_query_refuses_a_raw_nul(void **state)
{
	struct weir_query query;

	assert_int_equal(weir_query_parse(*state, WEIR_SLICE_LITERAL("a=x\0y"), 0, &query), WEIR_ERR_INVALID);
	assert_int_equal(query.count, 0);
}

static void test_query_takes_the_absent_slice(void **state)
{
	struct weir_query query;

	assert_int_equal(weir_query_parse(*state, WEIR_SLICE_NONE, 0, &query), WEIR_OK);
	assert_int_equal(query.count, 0);
}

static void test_query_leaves_its_input_alone(void **state)
{
	char text[] = "a=%41&b+c=2";
	struct weir_query query;

	assert_int_equal(weir_query_parse(*state, weir_slice_text(text), 0, &query), WEIR_OK);
	assert_string_equal(text, "a=%41&b+c=2");
	memset(text, 'x', sizeof(text));
	assert_string_equal(describe(*state, &query), "a=A;b c=2;");
}

static void test_query_counts_pairs_against_the_limit(void **state)
{
	struct weir_slice text = WEIR_SLICE_LITERAL("a=1&&b=2&c&");
	struct weir_query query;

	assert_int_equal(weir_query_parse(*state, text, 3, &query), WEIR_OK);
	assert_int_equal(query.count, 3);
	assert_int_equal(weir_query_parse(*state, text, 2, &query), WEIR_ERR_LIMIT);
	assert_int_equal(query.count, 0);
}

static void test_query_finds_by_name(void **state)
{
	struct weir_slice text = WEIR_SLICE_LITERAL("a=1&b=2&a=3&A=4&flag&a=");
	struct weir_slice a = WEIR_SLICE_LITERAL("a");
	struct weir_query query;

	assert_int_equal(weir_query_parse(*state, text, 0, &query), WEIR_OK);
	assert_string_equal(weir_query_get(&query, a).data, "1");
	assert_string_equal(weir_query_nth(&query, a, 1).data, "3");
	assert_string_equal(weir_query_nth(&query, a, 2).data, "");
	assert_null(weir_query_nth(&query, a, 3).data);
	assert_int_equal(weir_query_count(&query, a), 3);
	assert_string_equal(weir_query_get(&query, WEIR_SLICE_LITERAL("flag")).data, "");
	assert_null(weir_query_get(&query, WEIR_SLICE_LITERAL("missing")).data);
	assert_int_equal(weir_query_count(&query, WEIR_SLICE_LITERAL("missing")), 0);
}

static void test_query_reports_a_full_pool(void **state)
{
	struct weir_pool *pool = weir_pool_create(40);
	struct weir_slice canonical;
	struct weir_query query;

	(void)state;
	assert_int_equal(weir_query_parse(pool, WEIR_SLICE_LITERAL("b=1&a=2&c=3"), 0, &query), WEIR_ERR_MEMORY);
	assert_int_equal(weir_query_normalise(pool, WEIR_SLICE_LITERAL("b=1&a=2&c=3"), NULL, &canonical), WEIR_ERR_MEMORY);
	weir_pool_destroy(pool);
}

/* -- Canonical order ------------------------------------------------------------------------------------------------------- */

static const char *const tracking[] = { "utm_*", "fbclid", NULL };
static const char *const paging[] = { "page", "sort*", NULL };
static const char *const everything[] = { "*", NULL };
static const char *const nothing[] = { NULL };

static const struct {
	const char *text;
	struct weir_query_rules rules;
	const char *canonical;
} normal_cases[] = {
	{ "", { 0 }, "" },
	{ "a=1", { 0 }, "a=1" },
	{ "b=2&a=1", { 0 }, "a=1&b=2" },
	{ "a=2&b=0&a=1", { 0 }, "a=2&a=1&b=0" },
	{ "c&b&a", { 0 }, "a=&b=&c=" },
	{ "flag=", { 0 }, "flag=" },
	{ "&&b=1&&a=1&", { 0 }, "a=1&b=1" },
	{ "%61=%31", { 0 }, "a=1" },
	{ "a=x+y", { 0 }, "a=x%20y" },
	{ "a=x%20y", { 0 }, "a=x%20y" },
	{ "a=%c3%a9", { 0 }, "a=%C3%A9" },
	{ "a=\xc3\xa9", { 0 }, "a=%C3%A9" },
	{ "a=1%26b=2", { 0 }, "a=1%26b%3D2" },
	{ "a%3D1=2", { 0 }, "a%3D1=2" },
	{ "=1&a=2", { 0 }, "=1&a=2" },
	{ "ab=1&a=2&B=3", { 0 }, "B=3&a=2&ab=1" },
	{ "g=7&f=6&e=5&d=4&c=3&b=2&a=1", { 0 }, "a=1&b=2&c=3&d=4&e=5&f=6&g=7" },
	{ "b=1&a=1&b=2&a=2&b=3&a=3", { 0 }, "a=1&a=2&a=3&b=1&b=2&b=3" },
	{ "utm_source=x&a=1&fbclid=2&utm_=3&utm=4", { .ignore = tracking }, "a=1&utm=4" },
	{ "fbclid2=1", { .ignore = tracking }, "fbclid2=1" },
	{ "%75tm_source=x", { .ignore = tracking }, "" },
	{ "q=1&page=2&sort=a&sorted=b&pages=3", { .only = paging }, "page=2&sort=a&sorted=b" },
	{ "page=1&sort=2", { .only = paging, .ignore = everything }, "" },
	{ "page=1", { .only = nothing }, "" },
	{ "page=1", { .ignore = nothing }, "page=1" },
};

static void test_query_normalises(void **state)
{
	for (size_t i = 0; i < sizeof(normal_cases) / sizeof(*normal_cases); i++) {
		struct weir_slice text = weir_slice_text(normal_cases[i].text), canonical;

		assert_int_equal(weir_query_normalise(*state, text, &normal_cases[i].rules, &canonical), WEIR_OK);
		assert_non_null(canonical.data);
		assert_string_equal(canonical.data, normal_cases[i].canonical);
		assert_int_equal(canonical.len, strlen(normal_cases[i].canonical));
	}
}

static void test_query_normalise_passes_errors_on(void **state)
{
	struct weir_query_rules rules = { .max_pairs = 2, .ignore = everything };
	struct weir_slice canonical;

	assert_int_equal(weir_query_normalise(*state, WEIR_SLICE_LITERAL("a=%"), NULL, &canonical), WEIR_ERR_INVALID);
	assert_int_equal(weir_query_normalise(*state, WEIR_SLICE_LITERAL("a&b&c"), &rules, &canonical), WEIR_ERR_LIMIT);
	assert_int_equal(weir_query_normalise(*state, WEIR_SLICE_LITERAL("a&b"), &rules, &canonical), WEIR_OK);
	assert_int_equal(canonical.len, 0);
}

/* Every number of pairs from 1 to 70, so every shape of the last merges; a name of the 7 has several values, in the order sent. */
static void test_query_normalise_sorts_stably(void **state)
{
	const char *text = "";

	for (int pairs = 1; pairs <= 70; pairs++) {
		struct weir_slice canonical;
		struct weir_query query;

		text = weir_pool_printf(*state, "%s&n%d=%02d", text, pairs * 5 % 7, pairs);
		assert_int_equal(weir_query_normalise(*state, weir_slice_text(text), NULL, &canonical), WEIR_OK);
		assert_int_equal(weir_query_parse(*state, canonical, 0, &query), WEIR_OK);
		assert_int_equal(query.count, pairs);
		for (size_t i = 1; i < query.count; i++) {
			int order = weir_slice_compare(query.pairs[i - 1].name, query.pairs[i].name);

			assert_true(order < 0 || (order == 0 && strcmp(query.pairs[i - 1].value.data, query.pairs[i].value.data) < 0));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_query_parses, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_refuses_a_raw_nul, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_takes_the_absent_slice, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_leaves_its_input_alone, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_counts_pairs_against_the_limit, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_finds_by_name, make_pool, drop_pool),
		cmocka_unit_test(test_query_reports_a_full_pool),
		cmocka_unit_test_setup_teardown(test_query_normalises, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_normalise_passes_errors_on, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_query_normalise_sorts_stably, make_pool, drop_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
