/* SPDX-License-Identifier: Apache-2.0
 *
 * Building an app: what is wrong with it is said before it runs, in a line that names what and where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/app.h>

static enum weir_status answer(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_empty(res, 204);
}

static struct weir_app *make(const struct weir_route *routes)
{
	struct weir_app *app = NULL;
	char why[200] = "";

	assert_int_equal(weir_app_create(&(struct weir_app_options){ .name = "app", .routes = routes }, why, sizeof(why), &app), WEIR_OK);
	return app;
}

static struct weir_cache *make_cache(void)
{
	struct weir_cache *cache = NULL;
	char why[200] = "";

	assert_int_equal(weir_cache_create(&(struct weir_cache_options){ .locked = true }, why, sizeof(why), &cache), WEIR_OK);
	return cache;
}

static void assert_wrong(struct weir_app *app, const char *said)
{
	assert_int_equal(weir_app_check(app), WEIR_ERR_CONFIG);
	assert_non_null(strstr(weir_app_error(app), "/page"));
	if (!strstr(weir_app_error(app), said))
		fail_msg("\"%s\" does not say \"%s\"", weir_app_error(app), said);
	weir_app_destroy(app);
}

static void test_app_rule_without_a_cache_names_the_missing_call(void **state)
{
	const struct weir_route routes[] = { { .path = "/page", .handler = answer, .cache = &(const struct weir_cache_rule){ 0 } }, { 0 } };

	(void)state;
	assert_wrong(make(routes), "weir_app_use_cache()");
}

static void test_app_rule_that_makes_no_sense_is_refused(void **state)
{
	static const struct {
		struct weir_cache_rule rule;
		const char *said;
	} cases[] = {
		{ { .expire_s = -2 }, "expire_s" },
		{ { .lock_timeout_ms = -1 }, "lock_timeout_ms" },
		{ { .status_header = "X Cache" }, "status_header" },
		{ { .methods = 1U << 20 }, "methods" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct weir_route routes[] = { { .path = "/page", .handler = answer, .cache = &cases[i].rule }, { 0 } };
		struct weir_app *app = make(routes);

		assert_int_equal(weir_app_use_cache(app, make_cache()), WEIR_OK);
		assert_wrong(app, cases[i].said);
	}
}

static void test_app_has_one_cache(void **state)
{
	struct weir_app *app = make(NULL);

	(void)state;
	assert_null(weir_app_cache(app));
	assert_int_equal(weir_app_use_cache(app, make_cache()), WEIR_OK);
	assert_int_equal(weir_app_use_cache(app, make_cache()), WEIR_ERR_STATE);
	assert_int_equal(weir_app_check(app), WEIR_OK);
	weir_app_destroy(app);
}

static void test_app_without_a_name_is_none(void **state)
{
	struct weir_app *app = NULL;
	char why[200] = "";

	(void)state;
	assert_int_equal(weir_app_create(&(struct weir_app_options){ 0 }, why, sizeof(why), &app), WEIR_ERR_CONFIG);
	assert_non_null(strstr(why, ".name"));
	assert_null(app);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_app_rule_without_a_cache_names_the_missing_call),
		cmocka_unit_test(test_app_rule_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_app_has_one_cache),
		cmocka_unit_test(test_app_without_a_name_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
