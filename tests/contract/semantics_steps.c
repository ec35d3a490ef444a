/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: one call, in eight steps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "pages" };
static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true };

/* -- 1: the context -------------------------------------------------------------------------------------------------------- */

static enum weir_status show_context(struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);

	return weir_response_text(res, "text/plain", "%s %d %d %d %d", weir_call_namespace(call), (int)weir_call_expire_s(call),
				  weir_call_with_lock(call), (int)weir_call_lock_timeout_ms(call), weir_call_is_cached(call));
}

static void test_step_1_copies_the_rule(void **state)
{
	static const struct weir_cache_rule rule = { .ns = "pages", .with_lock = true, .lock_timeout_ms = 3000 };
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .expire_s = 30 }, &rule);

	cache_app_handler = show_context;
	expect_get(host, "/page", "MISS", "pages 30 1 3000 1");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "no-store")), NULL, "pages 30 1 3000 0");
	expect_get(host, "/plain", NULL, " 30 0 60000 0");
}

static enum weir_status key_of_color(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	weir_key_add_text(key, weir_request_query(req, "color"));
	return WEIR_OK;
}

static enum weir_status prepare(struct weir_call *call, struct weir_request *req)
{
	if (!weir_request_query(req, "color"))
		return WEIR_ERR_INVALID;
	assert_int_equal(weir_call_set_namespace(call, "prepared"), WEIR_OK);
	assert_int_equal(weir_call_set_key(call, key_of_color, NULL), WEIR_OK);
	assert_int_equal(weir_call_set_lock(call, true, 1234), WEIR_OK);
	return WEIR_OK;
}

static enum weir_status change_too_late(struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);

	assert_int_equal(weir_call_set_namespace(call, "late"), WEIR_ERR_STATE);
	assert_int_equal(weir_call_set_key(call, key_of_color, NULL), WEIR_ERR_STATE);
	assert_int_equal(weir_call_set_lock(call, false, 1), WEIR_ERR_STATE);
	return show_context(req, res);
}

static void test_step_1_key_is_decided_before_it_exists(void **state)
{
	static const struct weir_cache_rule prepared = { .expire_s = 60, .ns = "pages", .prepare = prepare };
	struct weir_test *host = semantics_open(state, NULL, &prepared);

	cache_app_handler = change_too_late;
	expect_get(host, "/page?color=red", "MISS", "prepared 60 1 1234 1");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "pages", NULL), WEIR_OK);
	expect_get(host, "/page?color=red&x=1", "HIT", "prepared 60 1 1234 1");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(host), "prepared", NULL), WEIR_OK);
	expect_get(host, "/page?color=red", "MISS", "prepared 60 1 1234 1");
	cache_app_handler = NULL;
	expect_get(host, "/page", NULL, "run 3"); /* it has failed: not cached, and told */
	assert_int_equal(cache_app_lines(), 1);
}

static enum weir_status change_storing(struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);
	const char *expire = weir_request_query(req, "expire");

	if (expire)
		weir_call_set_expire_s(call, expire[0] - '0');
	if (weir_request_query(req, "not"))
		weir_call_do_not_store(call);
	if (weir_request_query(req, "tag"))
		weir_call_add_tag(call, "changed");
	return weir_request_query(req, "fail") ? WEIR_ERR_IO : show_context(req, res);
}

static void test_step_1_storing_is_decided_while_it_runs(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *res;

	cache_app_handler = change_storing;
	res = weir_test_get(host, "/page?expire=5");
	expect_answer(host, res, "MISS", "pages 5 0 60000 1");
	expect_field(host, res, "Cache-Control", "max-age=5");
	expect_field(host, weir_test_get(host, "/page?tag"), "X-Weir-Cache", "MISS");
	semantics_advance_ms(state, 5000);
	expect_field(host, weir_test_get(host, "/page?expire=5"), "X-Weir-Cache", "MISS");
	expect_field(host, weir_test_get(host, "/page?tag"), "X-Weir-Cache", "HIT");
	assert_int_equal(weir_cache_clear_tag(semantics_cache(host), "changed", NULL), WEIR_OK);
	expect_field(host, weir_test_get(host, "/page?expire=5"), "X-Weir-Cache", "HIT");
	expect_field(host, weir_test_get(host, "/page?tag"), "X-Weir-Cache", "MISS");
	for (int i = 0; i < 2; i++) {
		expect_field(host, weir_test_get(host, "/page?expire=0"), "X-Weir-Cache", "MISS");
		expect_field(host, weir_test_get(host, "/page?not"), "X-Weir-Cache", "MISS");
	}
}

/* Also of one that failed: the next call has the rule's own. */
static void test_step_1_holds_for_this_call_alone(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);

	cache_app_handler = change_storing;
	assert_int_equal(weir_test_get(host, "/page?expire=5&not&fail")->status, 500);
	expect_get(host, "/page?x", "MISS", "pages 60 0 60000 1");
	expect_get(host, "/page?x", "HIT", "pages 60 0 60000 1");
	assert_int_equal(weir_test_get(host, "/page?expire=5&not&fail")->status, 500);
}

/* -- 2: not cacheable ------------------------------------------------------------------------------------------------------ */

static const struct weir_test_response *send_as(struct weir_test *host, const char *method, const char *body)
{
	return weir_test_send(host,
			      &(const struct weir_test_request){ .method = method, .target = "/page", .body = weir_slice_text(body) });
}

static void test_step_2_method(void **state)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE" };
	struct weir_test *host = semantics_open(state, NULL, &minute);
	char body[16];

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		(void)snprintf(body, sizeof(body), "run %d", cache_app_runs + 1);
		expect_answer(host, send_as(host, methods[i], ""), NULL, body);
	}
	assert_string_equal(semantics_calls(state), "");
	expect_get(host, "/page", "MISS", "run 4");
	expect_answer(host, send_as(host, "POST", ""), NULL, "run 5");
	expect_get(host, "/page", "HIT", "run 4");
}

static void test_step_2_listed_method_and_body_enter_the_key(void **state)
{
	static const struct weir_cache_rule posts = { .expire_s = 60, .methods = WEIR_GET | WEIR_POST };
	struct weir_test *host = semantics_open(state, NULL, &posts);

	expect_answer(host, send_as(host, "POST", "a"), "MISS", "run 1");
	expect_answer(host, send_as(host, "POST", "b"), "MISS", "run 2");
	expect_answer(host, send_as(host, "GET", ""), "MISS", "run 3");
	expect_answer(host, send_as(host, "PUT", "a"), NULL, "run 4");
	expect_answer(host, send_as(host, "POST", "a"), "HIT", "run 1");
	expect_answer(host, send_as(host, "POST", "b"), "HIT", "run 2");
	expect_answer(host, send_as(host, "GET", ""), "HIT", "run 3");
}

static void test_step_2_no_store(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *res = cache_app_get(host, "/page", FIELDS("Cache-Control", "no-store"));

	expect_answer(host, res, NULL, "run 1");
	expect_field(host, res, "Cache-Control", NULL);
	expect_field(host, res, "ETag", NULL);
	assert_string_equal(semantics_calls(state), "");
	expect_get(host, "/page", "MISS", "run 2");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "no-store")), NULL, "run 3");
	expect_get(host, "/page", "HIT", "run 2");
}

/* -- 3: no-cache ----------------------------------------------------------------------------------------------------------- */

static void test_step_3_no_cache(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *res;

	expect_get(host, "/page", "MISS", "run 1");
	(void)semantics_calls(state);
	res = cache_app_get(host, "/page", FIELDS("Cache-Control", "no-cache"));
	expect_answer(host, res, "MISS", "run 2");
	expect_field(host, res, "Cache-Status", "weir; fwd=request; stored");
	assert_string_equal(semantics_calls(state), "LW");
	expect_get(host, "/page", "HIT", "run 2");
}

static void test_step_3_spellings(void **state)
{
	static const char *const reloads[][2] = {
		{ "Cache-Control", "No-Cache" },  { "cache-control", "max-age=0" }, { "Cache-Control", "x=\"a, b\", NO-CACHE , max-stale" },
		{ "Cache-Control", "MAX-AGE=0" }, { "Pragma", "no-cache" },
	};
	struct weir_test *host = semantics_open(state, NULL, &minute);
	char body[16];

	expect_get(host, "/page", "MISS", "run 1");
	for (size_t i = 0; i < sizeof(reloads) / sizeof(reloads[0]); i++) {
		(void)snprintf(body, sizeof(body), "run %d", cache_app_runs + 1);
		expect_answer(host, cache_app_get(host, "/page", FIELDS(reloads[i][0], reloads[i][1])), "MISS", body);
		expect_get(host, "/page", "HIT", body);
	}
	(void)snprintf(body, sizeof(body), "run %d", cache_app_runs);
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Pragma", "no-cache", "Cache-Control", "max-age=60")), "HIT", body);
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "x=\"no-cache\", no-cachet")), "HIT", body);
}

/* -- 4: key and lookup ----------------------------------------------------------------------------------------------------- */

struct sum {
	int64_t a, b;
	const char *unit;
};

static const struct weir_field sum_params[] = {
	WEIR_INT(struct sum, a),
	WEIR_INT_OR(struct sum, b, 5),
	WEIR_TEXT_OR(struct sum, unit, "m"),
	{ 0 },
};

static enum weir_status run_sum(struct weir_call *call, const void *args, void *result)
{
	const struct sum *sum = args;

	cache_app_runs++;
	*(const char **)result = weir_pool_printf(weir_call_pool(call), "%d %s", (int)(sum->a + sum->b), sum->unit);
	return WEIR_OK;
}

static const struct weir_function sum = {
	.name = "sum",
	.params = sum_params,
	.params_size = sizeof(struct sum),
	.run = run_sum,
	.coder = &weir_coder_text,
	.cache = { .expire_s = 60 },
};

/* Absent and given as the default, from the path, the query or C: one entry. */
static void test_step_4_key_has_converted_arguments(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const char *text = NULL;

	semantics_add_function(host, "/sum", &sum);
	semantics_add_function(host, "/sum/{a}", &sum);
	expect_get(host, "/sum?a=1", "MISS", "6 m");
	expect_get(host, "/sum?b=5&a=1", "HIT", "6 m");
	expect_get(host, "/sum?unit=m&a=1&other=x", "HIT", "6 m");
	expect_get(host, "/sum/1", "HIT", "6 m");
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &sum, &(struct sum){ 1, 5, "m" }, &text), WEIR_OK);
	assert_string_equal(text, "6 m");
	assert_int_equal(cache_app_runs, 1);
	expect_get(host, "/sum?a=2", "MISS", "7 m");
	expect_get(host, "/sum?a=1&unit=km", "MISS", "6 km");
	assert_int_equal(weir_test_get(host, "/sum?a=one")->status, 422);
	assert_int_equal(cache_app_runs, 3);
}

static void test_step_4_time_left_is_looked_up(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	expect_get(one, "/page", "MISS", "run 1");
	semantics_advance_ms(state, 18500);
	(void)semantics_calls(state);
	expect_field(other, weir_test_get(other, "/page"), "Cache-Control", "max-age=41");
	assert_string_equal(semantics_calls(state), "R");
}

/* -- 5: hit ---------------------------------------------------------------------------------------------------------------- */

static void test_step_5_hit(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	const struct weir_test_response *hit, *same;
	const char *etag;

	expect_get(one, "/page", "MISS", "run 1");
	semantics_advance_ms(state, 20000);
	hit = weir_test_get(other, "/page");
	expect_answer(other, hit, "HIT", "run 1");
	expect_field(other, hit, "Cache-Control", "max-age=40");
	expect_field(other, hit, "Cache-Status", "weir; hit; ttl=40");
	expect_field(other, hit, "Content-Type", "text/plain");
	etag = weir_test_field(other, hit, "ETag");
	assert_non_null(etag);
	same = cache_app_get(other, "/page", FIELDS("If-None-Match", etag));
	assert_int_equal(same->status, 304);
	expect_body(same, "");
	expect_field(other, same, "ETag", etag);
	expect_field(other, same, "Cache-Control", "max-age=40");
	expect_field(other, same, "X-Weir-Cache", "HIT");
	expect_answer(other, cache_app_get(other, "/page", FIELDS("If-None-Match", "\"another\"")), "HIT", "run 1");
}

/* -- 6: miss --------------------------------------------------------------------------------------------------------------- */

static enum weir_status note_and_answer(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	semantics_note(SEMANTICS_HANDLER);
	return cache_app_answer(res);
}

static void test_step_6_miss(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *miss, *hit;

	cache_app_handler = note_and_answer;
	miss = weir_test_get(host, "/page");
	expect_answer(host, miss, "MISS", "run 1");
	expect_field(host, miss, "Cache-Control", "max-age=60");
	expect_field(host, miss, "Cache-Status", "weir; fwd=uri-miss; stored");
	assert_string_equal(semantics_calls(state), "RHW");
	hit = weir_test_get(host, "/page");
	expect_field(host, hit, "ETag", weir_test_field(host, miss, "ETag"));
	assert_string_equal(semantics_calls(state), "R");
}

/* Take the lease, look again, run, store, and give the lease back only then. */
static void test_step_6_miss_with_lock(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &locked);

	cache_app_handler = note_and_answer;
	expect_get(host, "/page", "MISS", "run 1");
	assert_string_equal(semantics_calls(state), "RTRHWG");
	expect_get(host, "/page", "HIT", "run 1");
	assert_string_equal(semantics_calls(state), "R");
}

static void test_step_6_miss_of_a_function(void **state)
{
	static const struct weir_function locked_sum = {
		.name = "sum",
		.params = sum_params,
		.params_size = sizeof(struct sum),
		.run = run_sum,
		.coder = &weir_coder_text,
		.cache = { .expire_s = 60, .with_lock = true },
	};
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const char *text = NULL;

	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &locked_sum, &(struct sum){ 1, 5, "m" }, &text),
			 WEIR_OK);
	assert_string_equal(text, "6 m");
	assert_string_equal(semantics_calls(state), "RTRWG");
}

/* -- 7: never -------------------------------------------------------------------------------------------------------------- */

static void test_step_7_never_is_a_year(void **state)
{
	static const struct weir_cache_rule never = { .expire_s = WEIR_EXPIRE_NEVER };
	struct weir_test *host = semantics_open(state, NULL, &never);

	expect_field(host, weir_test_get(host, "/page"), "Cache-Control", "max-age=31536000");
	semantics_advance_ms(state, 86400000);
	expect_field(host, weir_test_get(host, "/page"), "Cache-Control", "max-age=31536000");
	expect_field(host, weir_test_get(host, "/page"), "X-Weir-Cache", "HIT");
}

/* -- 8: the backend fails -------------------------------------------------------------------------------------------------- */

/* Each step in its turn: one line (of each kind there is one a second), and an answer as if nothing was. */
static void test_step_8_backend_fails(void **state)
{
	static const char *const steps[] = { "R", "W", "T", "G", "RLWTNG" };
	struct weir_test *host = semantics_open(state, NULL, &locked);
	char target[16], body[16];

	for (int i = 0; i < (int)(sizeof(steps) / sizeof(steps[0])); i++) {
		(void)snprintf(target, sizeof(target), "/page/%d", i);
		(void)snprintf(body, sizeof(body), "run %d", i + 1);
		semantics_refuse(state, steps[i]);
		expect_get(host, target, "MISS", body);
		assert_int_equal(cache_app_lines(), 1);
		semantics_advance_ms(state, 1000);
	}
	semantics_refuse(state, "");
	expect_get(host, "/page/2", "HIT", "run 3"); /* without a lease, and stored */
	expect_get(host, "/page/3", "HIT", "run 4");
}

const struct CMUnitTest semantics_step_tests[] = {
	cmocka_unit_test(test_step_1_copies_the_rule),
	cmocka_unit_test(test_step_1_key_is_decided_before_it_exists),
	cmocka_unit_test(test_step_1_storing_is_decided_while_it_runs),
	cmocka_unit_test(test_step_1_holds_for_this_call_alone),
	cmocka_unit_test(test_step_2_method),
	cmocka_unit_test(test_step_2_listed_method_and_body_enter_the_key),
	cmocka_unit_test(test_step_2_no_store),
	cmocka_unit_test(test_step_3_no_cache),
	cmocka_unit_test(test_step_3_spellings),
	cmocka_unit_test(test_step_4_key_has_converted_arguments),
	cmocka_unit_test(test_step_4_time_left_is_looked_up),
	cmocka_unit_test(test_step_5_hit),
	cmocka_unit_test(test_step_6_miss),
	cmocka_unit_test(test_step_6_miss_with_lock),
	cmocka_unit_test(test_step_6_miss_of_a_function),
	cmocka_unit_test(test_step_7_never_is_a_year),
	cmocka_unit_test(test_step_8_backend_fails),
};

const size_t semantics_step_test_count = sizeof(semantics_step_tests) / sizeof(semantics_step_tests[0]);
