/* SPDX-License-Identifier: Apache-2.0
 *
 * Cookies in both directions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/cookie.h>

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

static const struct {
	const char *field;
	const char *cookies; /* as "name=value|" */
} parse_cases[] = {
	{ "", "" },
	{ "a=1", "a=1|" },
	{ "a=1; b=2", "a=1|b=2|" },
	{ "a=1;b=2", "a=1|b=2|" },
	{ "  a = 1 ;\tb=2 ; ", "a=1|b=2|" },
	{ ";;a=1;;", "a=1|" },
	{ "a=1; a=2", "a=1|a=2|" },
	{ "a=1; A=2", "a=1|A=2|" },
	{ "a=\"quoted\"", "a=quoted|" },
	{ "a=\"\"", "a=|" },
	{ "a=\"", "a=\"|" },
	{ "a=\"x", "a=\"x|" },
	{ "a=x\"", "a=x\"|" },
	{ "a=\"x;y\"", "a=\"x|" }, /* a quote does not protect ';' */
	{ "a=", "a=|" },
	{ "a= ", "a=|" },
	{ "a=b=c==", "a=b=c==|" },
	{ "=x", "" },
	{ " =x; b=1", "b=1|" },
	{ "flag", "" },
	{ "flag; b=1", "b=1|" },
	{ "a=1, b=2", "a=1, b=2|" },
	{ "a=%20+", "a=%20+|" },
	{ "a[b]=1; c d=2", "a[b]=1|c d=2|" },
	{ "a=caf\xc3\xa9", "a=caf\xc3\xa9|" },
};

static void test_cookies_parse(void **state)
{
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		struct weir_cookies cookies;
		const char *text = "";

		assert_int_equal(weir_cookies_parse(*state, weir_slice_text(parse_cases[i].field), 0, &cookies), WEIR_OK);
		for (size_t n = 0; n < cookies.count; n++) {
			text = weir_pool_printf(*state, "%s%s=%s|", text, cookies.items[n].name.data, cookies.items[n].value.data);
			assert_int_equal(strlen(cookies.items[n].name.data), cookies.items[n].name.len);
			assert_int_equal(strlen(cookies.items[n].value.data), cookies.items[n].value.len);
		}
		assert_string_equal(text, parse_cases[i].cookies);
	}
}

static void test_cookies_get_gives_the_first_and_minds_case(void **state)
{
	struct weir_cookies cookies;

	assert_int_equal(weir_cookies_parse(*state, WEIR_SLICE_LITERAL("sid=1; SID=2; sid=3; empty="), 0, &cookies), WEIR_OK);
	assert_string_equal(weir_cookies_get(&cookies, WEIR_SLICE_LITERAL("sid")).data, "1");
	assert_string_equal(weir_cookies_get(&cookies, WEIR_SLICE_LITERAL("SID")).data, "2");
	assert_string_equal(weir_cookies_get(&cookies, WEIR_SLICE_LITERAL("empty")).data, "");
	assert_null(weir_cookies_get(&cookies, WEIR_SLICE_LITERAL("si")).data);
}

static void test_cookies_limits(void **state)
{
	struct weir_slice field = WEIR_SLICE_LITERAL("a=1; junk; b=2;; c=3");
	struct weir_pool *small = weir_pool_create(16);
	struct weir_cookies cookies;

	assert_int_equal(weir_cookies_parse(*state, field, 3, &cookies), WEIR_OK);
	assert_int_equal(cookies.count, 3);
	assert_int_equal(weir_cookies_parse(*state, field, 2, &cookies), WEIR_ERR_LIMIT);
	assert_int_equal(cookies.count, 0);
	assert_int_equal(weir_cookies_parse(small, field, 0, &cookies), WEIR_ERR_MEMORY);
	assert_int_equal(cookies.count, 0);
	assert_int_equal(weir_cookies_parse(*state, WEIR_SLICE_LITERAL("a=1\0"), 0, &cookies), WEIR_ERR_INVALID);
	assert_int_equal(weir_cookies_parse(*state, WEIR_SLICE_NONE, 0, &cookies), WEIR_OK);
	assert_int_equal(cookies.count, 0);
	weir_pool_destroy(small);
}

/* -- Set-Cookie ------------------------------------------------------------------------------------------------------------- */

static const struct {
	struct weir_set_cookie cookie;
	const char *value; /* NULL: ERR_INVALID */
} format_cases[] = {
	{ { .name = "a", .value = "1" }, "a=1" },
	{ { .name = "a" }, "a=" },
	{ { .name = "a", .value = "\"1\"" }, "a=\"1\"" },
	{ { .name = "a", .value = "\"\"" }, "a=\"\"" },
	{ { .name = "a", .value = "!#%=:/?@[]{}|~" }, "a=!#%=:/?@[]{}|~" },
	{ { .name = "a",
	    .value = "1",
	    .path = "/",
	    .domain = "example.org",
	    .max_age_s = 60,
	    .secure = true,
	    .http_only = true,
	    .same_site = WEIR_SAME_SITE_LAX },
	  "a=1; Path=/; Domain=example.org; Max-Age=60; Secure; HttpOnly; SameSite=Lax" },
	{ { .name = "a", .path = "/x y/,=\"" }, "a=; Path=/x y/,=\"" },
	{ { .name = "a", .domain = "a-b.1.example" }, "a=; Domain=a-b.1.example" },
	{ { .name = "a", .max_age_s = WEIR_COOKIE_FORGET }, "a=; Max-Age=0" },
	{ { .name = "a", .max_age_s = INT64_MAX }, "a=; Max-Age=9223372036854775807" },
	{ { .name = "a", .same_site = WEIR_SAME_SITE_STRICT }, "a=; SameSite=Strict" },
	{ { .name = "a", .same_site = WEIR_SAME_SITE_NONE, .secure = true }, "a=; Secure; SameSite=None" },
	{ { .name = "__Secure-a", .secure = true }, "__Secure-a=; Secure" },
	{ { .name = "__Host-a", .secure = true, .path = "/" }, "__Host-a=; Path=/; Secure" },
	{ { .name = "__Hosta" }, "__Hosta=" },
	/* names */
	{ { .name = NULL }, NULL },
	{ { .name = "" }, NULL },
	{ { .name = "a b" }, NULL },
	{ { .name = "a=b" }, NULL },
	{ { .name = "a;b" }, NULL },
	{ { .name = "a\r\nX: y" }, NULL },
	{ { .name = "caf\xc3\xa9" }, NULL },
	/* values */
	{ { .name = "a", .value = "x y" }, NULL },
	{ { .name = "a", .value = "x,y" }, NULL },
	{ { .name = "a", .value = "x;y" }, NULL },
	{ { .name = "a", .value = "x\\y" }, NULL },
	{ { .name = "a", .value = "x\"y" }, NULL },
	{ { .name = "a", .value = "\"" }, NULL },
	{ { .name = "a", .value = "\"x" }, NULL },
	{ { .name = "a", .value = "\"x\"\"" }, NULL },
	{ { .name = "a", .value = "x\r\nSet-Cookie: b=c" }, NULL },
	{ { .name = "a", .value = "x\x7f" }, NULL },
	{ { .name = "a", .value = "caf\xc3\xa9" }, NULL },
	/* attributes */
	{ { .name = "a", .path = "" }, NULL },
	{ { .name = "a", .path = "x" }, NULL },
	{ { .name = "a", .path = "/;Secure" }, NULL },
	{ { .name = "a", .path = "/\n" }, NULL },
	{ { .name = "a", .path = "/\xc3\xa9" }, NULL },
	{ { .name = "a", .domain = "" }, NULL },
	{ { .name = "a", .domain = ".example.org" }, NULL },
	{ { .name = "a", .domain = "example.org." }, NULL },
	{ { .name = "a", .domain = "a..b" }, NULL },
	{ { .name = "a", .domain = "-a.b" }, NULL },
	{ { .name = "a", .domain = "a-.b" }, NULL },
	{ { .name = "a", .domain = "a_b" }, NULL },
	{ { .name = "a", .domain = "a;b" }, NULL },
	{ { .name = "a", .domain = "a b" }, NULL },
	{ { .name = "a", .max_age_s = -2 }, NULL },
	{ { .name = "a", .same_site = WEIR_SAME_SITE_NONE }, NULL },
	{ { .name = "a", .same_site = (enum weir_same_site)4 }, NULL },
	/* what a name promises */
	{ { .name = "__Secure-a" }, NULL },
	{ { .name = "__secure-a" }, NULL },
	{ { .name = "__Host-a", .path = "/" }, NULL },
	{ { .name = "__Host-a", .secure = true }, NULL },
	{ { .name = "__Host-a", .secure = true, .path = "/x" }, NULL },
	{ { .name = "__Host-a", .secure = true, .path = "/", .domain = "example.org" }, NULL },
	{ { .name = "__HOST-a", .secure = true, .path = "/x" }, NULL },
};

static void test_set_cookie_keeps_the_rules(void **state)
{
	for (size_t i = 0; i < sizeof(format_cases) / sizeof(*format_cases); i++) {
		struct weir_slice value = WEIR_SLICE_NONE;
		enum weir_status st = weir_set_cookie_format(*state, &format_cases[i].cookie, &value);

		assert_int_equal(st, format_cases[i].value ? WEIR_OK : WEIR_ERR_INVALID);
		assert_int_equal(value.data != NULL, format_cases[i].value != NULL);
		assert_true(weir_slice_equal(value, weir_slice_text(format_cases[i].value)));
	}
}

static char *repeat(struct weir_pool *pool, char byte, size_t len)
{
	char *text = weir_pool_zalloc(pool, len + 1);

	memset(text, byte, len);
	return text;
}

static void test_set_cookie_limits(void **state)
{
	struct weir_set_cookie cookie = { .name = "ab", .value = repeat(*state, 'v', 4094) };
	struct weir_pool *small = weir_pool_create(8);
	struct weir_slice value;

	assert_int_equal(weir_set_cookie_format(*state, &cookie, &value), WEIR_OK);
	cookie.value = repeat(*state, 'v', 4095);
	assert_int_equal(weir_set_cookie_format(*state, &cookie, &value), WEIR_ERR_LIMIT);
	cookie = (struct weir_set_cookie){ .name = "a", .path = repeat(*state, '/', 1024) };
	assert_int_equal(weir_set_cookie_format(*state, &cookie, &value), WEIR_OK);
	cookie.path = repeat(*state, '/', 1025);
	assert_int_equal(weir_set_cookie_format(*state, &cookie, &value), WEIR_ERR_LIMIT);
	cookie = (struct weir_set_cookie){ .name = "a", .domain = repeat(*state, 'd', 1025) };
	assert_int_equal(weir_set_cookie_format(*state, &cookie, &value), WEIR_ERR_LIMIT);
	cookie = (struct weir_set_cookie){ .name = "name", .value = "longer-than-the-pool" };
	assert_int_equal(weir_set_cookie_format(small, &cookie, &value), WEIR_ERR_MEMORY);
	weir_pool_destroy(small);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_cookies_parse, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_cookies_get_gives_the_first_and_minds_case, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_cookies_limits, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_set_cookie_keeps_the_rules, make_pool, drop_pool),
		cmocka_unit_test_setup_teardown(test_set_cookie_limits, make_pool, drop_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
