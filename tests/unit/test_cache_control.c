/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading Cache-Control and Pragma.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/cache_control.h>

#define S(text) WEIR_SLICE_LITERAL(text)

static const struct {
	const char *value;
	unsigned present;
	uint32_t max_age_s;
} max_age_cases[] = {
	{ "max-age=3600", WEIR_CC_MAX_AGE, 3600 },
	{ "MAX-Age=3600", WEIR_CC_MAX_AGE, 3600 },
	{ "max-age=0", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=003600", WEIR_CC_MAX_AGE, 3600 },
	{ "max-age=\"3600\"", WEIR_CC_MAX_AGE, 3600 },
	{ "max-age='3600'", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=-1", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=+1", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=3600.0", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=a3600", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=3600a", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=1 2", WEIR_CC_MAX_AGE, 0 },
	{ "max-age= 3600", WEIR_CC_MAX_AGE, 0 },
	{ "max-age =3600", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=\" 3600\"", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=\"36\\00\"", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=\"3600", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=\"", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=\"\"", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=", WEIR_CC_MAX_AGE, 0 },
	{ "max-age", WEIR_CC_MAX_AGE, 0 },
	{ "max-age=2147483647", WEIR_CC_MAX_AGE, 2147483647 },
	{ "max-age=2147483648", WEIR_CC_MAX_AGE, WEIR_CC_MAX_S },
	{ "max-age=2147483649", WEIR_CC_MAX_AGE, WEIR_CC_MAX_S },
	{ "max-age=99999999999999999999999999", WEIR_CC_MAX_AGE, WEIR_CC_MAX_S },
	{ "max-age=1, max-age=1800", WEIR_CC_MAX_AGE, 1 },
	{ "max-age=1800, max-age=1", WEIR_CC_MAX_AGE, 1800 },
	{ "max-age=x, max-age=1", WEIR_CC_MAX_AGE, 0 },
	{ "extension=\"max-age=3600\", max-age=1", WEIR_CC_MAX_AGE, 1 },
	{ "max-age=1, extension=\"max-age=3600\"", WEIR_CC_MAX_AGE, 1 },
	{ "extension=\"a, max-age=3600, b\"", 0, 0 },
	{ "extension=\"\\\", max-age=3600, \\\"\"", 0, 0 },
	{ "xmax-age=1", 0, 0 },
	{ "max-agex=1", 0, 0 },
	{ "max_age=1", 0, 0 },
	{ "max-age;1", 0, 0 },
	{ "max-age=1; no-store", WEIR_CC_MAX_AGE, 0 },
	{ "", 0, 0 },
	{ NULL, 0, 0 },
	{ " ,, max-age=60 ,\t,", WEIR_CC_MAX_AGE, 60 },
	{ "public,max-age=60", WEIR_CC_PUBLIC | WEIR_CC_MAX_AGE, 60 },
	{ "no-store\t, max-age=60", WEIR_CC_NO_STORE | WEIR_CC_MAX_AGE, 60 },
};

static void test_cache_control_reads_numbers_carefully(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(max_age_cases) / sizeof(*max_age_cases); i++) {
		struct weir_cache_control cc;

		weir_cache_control_parse(weir_slice_text(max_age_cases[i].value), &cc);
		assert_int_equal(cc.present, max_age_cases[i].present);
		assert_int_equal(cc.max_age_s, max_age_cases[i].max_age_s);
	}
}

static void test_cache_control_knows_every_directive(void **state)
{
	struct weir_cache_control cc;

	(void)state;
	weir_cache_control_parse(S("max-age=1, s-maxage=2, no-cache, no-store, private, public, must-revalidate, proxy-revalidate, "
				   "must-understand, no-transform, only-if-cached, max-stale=3, min-fresh=4, stale-while-revalidate=5, "
				   "stale-if-error=6, immutable"),
				 &cc);
	assert_int_equal(cc.present, 0xffff);
	assert_int_equal(cc.max_age_s, 1);
	assert_int_equal(cc.s_maxage_s, 2);
	assert_int_equal(cc.max_stale_s, 3);
	assert_int_equal(cc.min_fresh_s, 4);
	assert_int_equal(cc.stale_while_revalidate_s, 5);
	assert_int_equal(cc.stale_if_error_s, 6);
	assert_null(cc.no_cache_fields.data);
	assert_null(cc.private_fields.data);
}

static const struct {
	const char *value;
	unsigned present;
} flag_cases[] = {
	{ "No-Store", WEIR_CC_NO_STORE },
	{ "no-store=1", WEIR_CC_NO_STORE },
	{ "no-store=\"x, public\"", WEIR_CC_NO_STORE },
	{ "no-store =x", WEIR_CC_NO_STORE },
	{ "public", WEIR_CC_PUBLIC },
	{ "must-revalidate", WEIR_CC_MUST_REVALIDATE },
	{ "proxy-revalidate", WEIR_CC_PROXY_REVALIDATE },
	{ "must-understand", WEIR_CC_MUST_UNDERSTAND },
	{ "no-transform", WEIR_CC_NO_TRANSFORM },
	{ "only-if-cached", WEIR_CC_ONLY_IF_CACHED },
	{ "immutable", WEIR_CC_IMMUTABLE },
	{ "s-maxage=1", WEIR_CC_S_MAXAGE },
	{ "min-fresh=1", WEIR_CC_MIN_FRESH },
	{ "stale-while-revalidate=1", WEIR_CC_STALE_WHILE_REVALIDATE },
	{ "stale-if-error=1", WEIR_CC_STALE_IF_ERROR },
	{ "no-store no-cache", 0 },
	{ "\"no-store\"", 0 },
	{ "no", 0 },
};

static void test_cache_control_reads_flags(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(flag_cases) / sizeof(*flag_cases); i++) {
		struct weir_cache_control cc;

		weir_cache_control_parse(weir_slice_text(flag_cases[i].value), &cc);
		assert_int_equal(cc.present, flag_cases[i].present);
		assert_int_equal(weir_cache_control_has(&cc, WEIR_CC_NO_STORE), flag_cases[i].present == WEIR_CC_NO_STORE);
	}
}

static void test_cache_control_max_stale_without_value_is_any(void **state)
{
	struct weir_cache_control cc;

	(void)state;
	weir_cache_control_parse(S("max-stale"), &cc);
	assert_int_equal(cc.max_stale_s, WEIR_CC_MAX_S);
	weir_cache_control_parse(S("max-stale="), &cc);
	assert_int_equal(cc.max_stale_s, 0);
	weir_cache_control_parse(S("max-stale=60"), &cc);
	assert_int_equal(cc.max_stale_s, 60);
	weir_cache_control_parse(S("max-stale=x"), &cc);
	assert_int_equal(cc.max_stale_s, 0);
}

static const struct {
	const char *argument; /* behind "no-cache" and "private" */
	const char *fields;   /* NULL: the whole response */
} list_cases[] = {
	{ "", NULL },
	{ "=\"Set-Cookie\"", "Set-Cookie" },
	{ "=\"Set-Cookie, X-A\"", "Set-Cookie, X-A" },
	{ "=Set-Cookie", "Set-Cookie" },
	{ "=\"\"", NULL },
	{ "=\" , \"", NULL },
	{ "=", NULL },
	{ "=\"Set-Cookie", NULL },
	{ "=\"Set-Cookie, X-A", NULL },
	{ "=\"Set\\-Cookie\"", NULL },
	{ "=\"Set Cookie\"", NULL },
	{ "=Set-Cookie X", NULL },
	{ "= \"Set-Cookie\"", NULL },
	{ " =\"Set-Cookie\"", NULL },
	{ "=\"a\"b\"", NULL },
};

static void test_cache_control_reads_lists_of_fields(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	for (size_t i = 0; i < sizeof(list_cases) / sizeof(*list_cases) * 2; i++) {
		bool private = i % 2;
		const char *value = weir_pool_printf(pool, "max-age=1,%s%s", private ? "private" : "no-cache", list_cases[i / 2].argument);
		struct weir_slice expected = weir_slice_text(list_cases[i / 2].fields), list;
		struct weir_cache_control cc;

		weir_cache_control_parse(weir_slice_text(value), &cc);
		list = private ? cc.private_fields : cc.no_cache_fields;
		assert_int_equal(cc.present, WEIR_CC_MAX_AGE | (private ? WEIR_CC_PRIVATE : WEIR_CC_NO_CACHE));
		assert_int_equal(list.data != NULL, expected.data != NULL);
		assert_true(weir_slice_equal(list, expected));
	}
	weir_pool_destroy(pool);
}

static const char *const wider_cases[] = {
	"private=\"a\", private",          "private, private=\"a\"", "private=\"a\", private=\"b\"", "private=\"a\", max-age=1, PRIVATE=",
	"private=a, private=b, private=c",
};

static void test_cache_control_takes_the_wider_of_two_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(wider_cases) / sizeof(*wider_cases); i++) {
		struct weir_cache_control cc;

		weir_cache_control_parse(weir_slice_text(wider_cases[i]), &cc);
		assert_true(weir_cache_control_has(&cc, WEIR_CC_PRIVATE));
		assert_null(cc.private_fields.data);
	}
}

static const struct {
	const char *cache_control[2];
	const char *pragma[2];
	unsigned present;
	uint32_t max_age_s;
} request_cases[] = {
	{ { NULL, NULL }, { NULL, NULL }, 0, 0 },
	{ { "max-age=5", NULL }, { NULL, NULL }, WEIR_CC_MAX_AGE, 5 },
	{ { "max-age=5", "no-store, max-age=6" }, { NULL, NULL }, WEIR_CC_MAX_AGE | WEIR_CC_NO_STORE, 5 },
	{ { NULL, NULL }, { "no-cache", NULL }, WEIR_CC_NO_CACHE, 0 },
	{ { NULL, NULL }, { "x, No-Cache", NULL }, WEIR_CC_NO_CACHE, 0 },
	{ { NULL, NULL }, { "x", "no-cache" }, WEIR_CC_NO_CACHE, 0 },
	{ { NULL, NULL }, { "no-cached", NULL }, 0, 0 },
	{ { NULL, NULL }, { "x=\"no-cache\"", NULL }, 0, 0 },
	{ { "max-age=5", NULL }, { "no-cache", NULL }, WEIR_CC_MAX_AGE, 5 },
	{ { "", NULL }, { "no-cache", NULL }, 0, 0 },
	{ { "unknown", NULL }, { "no-cache", NULL }, 0, 0 },
};

static void add_lines(struct weir_fields *fields, struct weir_slice name, const char *const values[2])
{
	for (size_t i = 0; i < 2; i++)
		if (values[i])
			weir_fields_add(fields, name, weir_slice_text(values[i]));
}

static void test_cache_control_of_request_joins_lines_and_knows_pragma(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	for (size_t i = 0; i < sizeof(request_cases) / sizeof(*request_cases); i++) {
		struct weir_cache_control cc;
		struct weir_fields fields;

		weir_fields_init(&fields, pool);
		add_lines(&fields, S("Cache-Control"), request_cases[i].cache_control);
		add_lines(&fields, S("Pragma"), request_cases[i].pragma);
		weir_cache_control_of_request(&fields, pool, &cc);
		assert_int_equal(cc.present, request_cases[i].present);
		assert_int_equal(cc.max_age_s, request_cases[i].max_age_s);
	}
	weir_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_control_reads_numbers_carefully),
		cmocka_unit_test(test_cache_control_knows_every_directive),
		cmocka_unit_test(test_cache_control_reads_flags),
		cmocka_unit_test(test_cache_control_max_stale_without_value_is_any),
		cmocka_unit_test(test_cache_control_reads_lists_of_fields),
		cmocka_unit_test(test_cache_control_takes_the_wider_of_two_lists),
		cmocka_unit_test(test_cache_control_of_request_joins_lines_and_knows_pragma),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
