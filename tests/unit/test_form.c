/* SPDX-License-Identifier: Apache-2.0
 *
 * Form bodies and media types.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/form.h>

static void test_form_parses_a_body(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice body = WEIR_SLICE_LITERAL("name=J%C3%B6rg+M.&note=1%2B1%3D2%0D%0A&news=on&empty=");
	struct weir_query form;

	(void)state;
	assert_int_equal(weir_form_parse(pool, body, 4, &form), WEIR_OK);
	assert_int_equal(form.count, 4);
	assert_string_equal(weir_query_get(&form, WEIR_SLICE_LITERAL("name")).data, "J\xc3\xb6rg M.");
	assert_string_equal(weir_query_get(&form, WEIR_SLICE_LITERAL("note")).data, "1+1=2\r\n");
	assert_string_equal(weir_query_get(&form, WEIR_SLICE_LITERAL("news")).data, "on");
	assert_string_equal(weir_query_get(&form, WEIR_SLICE_LITERAL("empty")).data, "");
	weir_pool_destroy(pool);
}

static void test_form_refuses_bad_bodies(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_query form;

	(void)state;
	assert_int_equal(weir_form_parse(pool, WEIR_SLICE_LITERAL("a=1&b=2"), 1, &form), WEIR_ERR_LIMIT);
	assert_int_equal(weir_form_parse(pool, WEIR_SLICE_LITERAL("a=50%"), 0, &form), WEIR_ERR_INVALID);
	assert_int_equal(form.count, 0);
	weir_pool_destroy(pool);
}

static const struct {
	const char *content_type;
	const char *media_type;
	bool is;
} type_cases[] = {
	{ "application/json", "application/json", true },
	{ "Application/JSON", "application/json", true },
	{ "application/json; charset=utf-8", "application/json", true },
	{ "application/json;charset=utf-8", "application/json", true },
	{ "application/json ; charset=utf-8", "application/json", true },
	{ " application/json\t", "application/json", true },
	{ "application/json;", "application/json", true },
	{ "application/x-www-form-urlencoded; charset=\"utf-8\"", WEIR_FORM_MEDIA_TYPE, true },
	{ "application/jsonx", "application/json", false },
	{ "application/jso", "application/json", false },
	{ "text/plain; application/json", "application/json", false },
	{ "application/problem+json", "application/json", false },
	{ "application/json, text/plain", "application/json", false },
	{ "", "application/json", false },
	{ ";application/json", "application/json", false },
	{ NULL, "application/json", false },
};

static void test_media_type_is_compared_without_parameters(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(type_cases) / sizeof(*type_cases); i++)
		assert_int_equal(weir_media_type_is(weir_slice_text(type_cases[i].content_type), type_cases[i].media_type),
				 type_cases[i].is);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form_parses_a_body),
		cmocka_unit_test(test_form_refuses_bad_bodies),
		cmocka_unit_test(test_media_type_is_compared_without_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
