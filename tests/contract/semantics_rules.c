/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: the fields of a rule, for handlers and for functions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };

static void test_rule_expire(void **state)
{
	static const struct weir_cache_rule the_caches = { 0 }, never = { .expire_s = WEIR_EXPIRE_NEVER };
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .expire_s = 30 }, &minute);

	semantics_add_route(host, "/the-caches", &the_caches);
	semantics_add_route(host, "/never", &never);
	expect_field(host, weir_test_get(host, "/page"), "Cache-Control", "max-age=60");
	expect_field(host, weir_test_get(host, "/the-caches"), "Cache-Control", "max-age=30");
	expect_field(host, weir_test_get(host, "/never"), "Cache-Control", "max-age=31536000");
	semantics_advance_ms(state, 30000);
	expect_field(host, weir_test_get(host, "/page"), "X-Weir-Cache", "HIT");
	expect_field(host, weir_test_get(host, "/the-caches"), "X-Weir-Cache", "MISS");
	semantics_advance_ms(state, 30000);
	expect_field(host, weir_test_get(host, "/page"), "X-Weir-Cache", "MISS");
	expect_field(host, weir_test_get(host, "/never"), "X-Weir-Cache", "HIT");
}

static enum weir_status key_of_nothing(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)req;
	weir_key_add_text(key, user_data);
	return WEIR_OK;
}

/* Two rules on one route of two hosts: only the namespace tells the keys apart. */
static void test_rule_namespace(void **state)
{
	static const struct weir_cache_rule user = { .expire_s = 60, .ns = "user" }, users = { .expire_s = 60, .ns = "users" };
	struct weir_test *one = semantics_open(state, NULL, &user), *other = semantics_join(state, NULL, &users);

	expect_get(one, "/page", "MISS", "run 1");
	expect_get(other, "/page", "MISS", "run 2");
	assert_int_equal(weir_cache_clear_namespace(semantics_cache(other), "user", NULL), WEIR_OK);
	expect_get(other, "/page", "HIT", "run 2");
	expect_get(one, "/page", "MISS", "run 3");
}

/* Each byte in the other case: nothing else would come out right again. */
static enum weir_status swap_case(const struct weir_slice *from, struct weir_buffer *to)
{
	for (size_t i = 0; i < from->len; i++) {
		const char byte = (char)(from->data[i] ^ 0x20);

		weir_buffer_append_slice(to, weir_slice(&byte, 1));
	}
	return to->overflowed ? WEIR_ERR_LIMIT : WEIR_OK;
}

static enum weir_status encode_swapped(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)self;
	(void)pool;
	return swap_case(value, bytes);
}

static enum weir_status decode_swapped(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	struct weir_buffer *buffer = weir_pool_buffer(pool, 0);

	(void)self;
	if (!buffer || swap_case(&bytes, buffer) != WEIR_OK)
		return WEIR_ERR_MEMORY;
	*(struct weir_slice *)value = weir_buffer_slice(buffer);
	return WEIR_OK;
}

static const struct weir_coder_ops swapped_ops = { .name = "swapped", .encode = encode_swapped, .decode = decode_swapped };
static const struct weir_coder swapped = { .ops = &swapped_ops, .size = sizeof(struct weir_slice), .media_type = "text/plain" };

static enum weir_status run_greeting(struct weir_call *call, const void *args, void *result)
{
	(void)call;
	(void)args;
	cache_app_runs++;
	*(struct weir_slice *)result = WEIR_SLICE_LITERAL("HELLO");
	return WEIR_OK;
}

/* Of a route it keeps the body, of a function it goes before the function's own. */
static void test_rule_coder(void **state)
{
	static const struct weir_cache_rule coded = { .expire_s = 60, .coder = &swapped };
	static const struct weir_function greeting = {
		.name = "greeting", .run = run_greeting, .coder = &weir_coder_bytes, .cache = { .expire_s = 60, .coder = &swapped }
	};
	struct weir_test *host = semantics_open(state, NULL, &coded);

	semantics_add_function(host, "/greeting", &greeting);
	expect_get(host, "/page", "MISS", "run 1");
	expect_get(host, "/page", "HIT", "run 1");
	expect_answer(host, weir_test_get(host, "/greeting"), "MISS", "hello");
	expect_answer(host, weir_test_get(host, "/greeting"), "HIT", "hello");
	assert_int_equal(cache_app_runs, 2);
}

static void test_rule_key_builder(void **state)
{
	static char part[] = "one for all";
	static const struct weir_cache_rule all = { .expire_s = 60, .key = key_of_nothing, .key_user_data = part };
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .key = weir_key_path }, &all);

	semantics_add_route(host, "/usual/{rest...}", &minute);
	expect_get(host, "/page/1?a=1", "MISS", "run 1");
	expect_get(host, "/page/2?a=2", "HIT", "run 1");
	expect_get(host, "/usual/1?a=1", "MISS", "run 2");
	expect_get(host, "/usual/1?a=2", "HIT", "run 2");
	expect_get(host, "/usual/2?a=2", "MISS", "run 3");
}

struct place {
	int64_t x, y;
};

static const struct weir_field place_params[] = { WEIR_INT(struct place, x), WEIR_INT_OR(struct place, y, 7), { 0 } };

static enum weir_status run_place(struct weir_call *call, const void *args, void *result)
{
	const struct place *place = args;

	(void)call;
	cache_app_runs++;
	*(int64_t *)result = 10 * place->x + place->y;
	return WEIR_OK;
}

/* Is shown which function is called, and with what. */
static enum weir_status key_of_x(struct weir_key *key, struct weir_request *req, void *user_data)
{
	struct weir_call *call = weir_key_call(key);
	const struct place *place = weir_call_arguments(call);

	(void)req;
	(void)user_data;
	assert_string_equal(weir_call_function(call)->name, "place");
	weir_key_add(key, weir_slice(&place->x, sizeof(place->x)));
	return WEIR_OK;
}

static void test_rule_key_builder_of_a_function(void **state)
{
	static const struct weir_function place = {
		.name = "place",
		.params = place_params,
		.params_size = sizeof(struct place),
		.run = run_place,
		.coder = &weir_coder_int,
		.cache = { .expire_s = 60, .key = key_of_x },
	};
	struct weir_test *host = semantics_open(state, NULL, &minute);

	semantics_add_function(host, "/place", &place);
	expect_get(host, "/place?x=1&y=2", "MISS", "12");
	expect_get(host, "/place?x=1&y=3", "HIT", "12");
	expect_get(host, "/place?x=2&y=3", "MISS", "23");
}

static enum weir_status key_that_fails(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)key;
	(void)req;
	(void)user_data;
	return WEIR_ERR_INVALID;
}

static void test_rule_key_builder_may_fail(void **state)
{
	static const struct weir_cache_rule failing = { .expire_s = 60, .key = key_that_fails };
	struct weir_test *host = semantics_open(state, NULL, &failing);

	expect_get(host, "/page", NULL, "run 1");
	expect_get(host, "/page", NULL, "run 2");
	assert_int_equal(cache_app_lines(), 2);
	assert_string_equal(semantics_calls(state), "");
}

/* -- The lock -------------------------------------------------------------------------------------------------------------- */

static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true, .lock_timeout_ms = 3000 };

/* Off unless it is asked for. On: one for all requests and all hosts. */
static void test_rule_with_lock(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &locked), *other = semantics_join(state, NULL, &locked);
	struct weir_test_exchange *leads, *waits, *watches;

	semantics_add_route(one, "/unlocked", &minute);
	leads = semantics_start_held(one, "/page");
	waits = semantics_start_held(one, "/page");
	watches = cache_app_start(other, "/page", NULL);
	(void)semantics_start_held(one, "/unlocked");
	(void)semantics_start_held(one, "/unlocked");
	semantics_advance_ms(state, 1000);
	assert_null(weir_test_response(watches));
	semantics_finish(state, one);
	expect_answer(one, weir_test_response(leads), "MISS", "run 1");
	expect_answer(one, weir_test_response(waits), "HIT", "run 1");
	expect_answer(other, weir_test_response(watches), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 3);
}

/* One of all hosts takes over, and the others wait for that time once more. */
static void test_rule_lock_timeout(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &locked), *other = semantics_join(state, NULL, &locked);
	struct weir_test_exchange *leads, *successor, *too_late;

	leads = semantics_start_held(one, "/page");
	successor = semantics_start_held(other, "/page");
	semantics_advance_ms(state, 1000);
	too_late = cache_app_start(one, "/page", NULL);
	semantics_advance_ms(state, 2500);
	assert_int_equal(cache_app_stats(other).misses, 1);
	semantics_advance_ms(state, 3400);
	assert_null(weir_test_response(too_late));
	semantics_advance_ms(state, 200);
	assert_non_null(weir_test_response(too_late));
	assert_int_equal(weir_test_response(too_late)->status, 503);
	expect_field(one, weir_test_response(too_late), "Retry-After", "1");
	semantics_finish(state, other);
	expect_answer(other, weir_test_response(successor), "MISS", "run 1");
	semantics_finish(state, one);
	expect_answer(one, weir_test_response(leads), "MISS", "run 2");
}

static void test_rule_lock_timeout_is_a_minute(void **state)
{
	static const struct weir_cache_rule patient = { .expire_s = 60, .with_lock = true };
	struct weir_test *host = semantics_open(state, NULL, &patient);

	(void)semantics_start_held(host, "/page");
	(void)semantics_start_held(host, "/page");
	semantics_advance_ms(state, 59999);
	assert_int_equal(cache_app_stats(host).misses, 1);
	semantics_advance_ms(state, 1);
	assert_int_equal(cache_app_stats(host).misses, 2);
}

/* -- The rest -------------------------------------------------------------------------------------------------------------- */

static void test_rule_bypass_cache_control(void **state)
{
	static const struct weir_cache_rule bypass = { .expire_s = 60, .bypass_cache_control = true };
	static const char *const directives[] = { "no-cache", "no-store", "max-age=0" };
	struct weir_test *host = semantics_open(state, NULL, &bypass);

	expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", "no-store")), "MISS", "run 1");
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		expect_answer(host, cache_app_get(host, "/page", FIELDS("Cache-Control", directives[i])), "HIT", "run 1");
	expect_answer(host, cache_app_get(host, "/page", FIELDS("Pragma", "no-cache")), "HIT", "run 1");
}

struct two_names {
	int64_t __weir_cache_request;  /* NOLINT(bugprone-reserved-identifier): what the test is about */
	int64_t __weir_cache_response; /* NOLINT(bugprone-reserved-identifier) */
};

static const struct weir_field two_names[] = {
	WEIR_INT_OR(struct two_names, __weir_cache_request, 42),
	WEIR_INT_OR(struct two_names, __weir_cache_response, 17),
	{ 0 },
};
static const struct weir_coder two_names_coder = WEIR_CODER_STRUCT_JSON(struct two_names, two_names);

static enum weir_status run_two_names(struct weir_call *call, const void *args, void *result)
{
	struct weir_request *req = weir_call_injected(call, "monty_request");

	cache_app_runs++;
	assert_null(weir_call_injected(call, "__weir_cache_request"));
	assert_non_null(weir_call_injected(call, "monty_response"));
	assert_string_equal(weir_request_path(req), "/names");
	*(struct two_names *)result = *(const struct two_names *)args;
	return WEIR_OK;
}

/* Injected is what enters no key; the arguments of those names keep their values. */
static void test_rule_injected_dependency_namespace(void **state)
{
	static const struct weir_function monty = {
		.name = "monty",
		.params = two_names,
		.params_size = sizeof(struct two_names),
		.run = run_two_names,
		.coder = &two_names_coder,
		.cache = { .expire_s = 60, .injected_ns = "monty" },
	};
	static const struct weir_function usual = {
		.name = "usual",
		.params = two_names,
		.params_size = sizeof(struct two_names),
		.run = run_two_names,
		.coder = &two_names_coder,
		.cache = { .expire_s = 60 },
	};
	struct weir_test *host = semantics_open(state, NULL, &minute), *wrong = semantics_join(state, NULL, &minute);
	const char *body = "{\"__weir_cache_request\":42,\"__weir_cache_response\":17}";

	semantics_add_function(host, "/names", &monty);
	semantics_add_function(wrong, "/usual", &usual);
	assert_int_equal(weir_app_check(weir_test_app(wrong)), WEIR_ERR_CONFIG);
	assert_non_null(strstr(weir_app_error(weir_test_app(wrong)), "injected_ns"));
	expect_answer(host, weir_test_get(host, "/names"), "MISS", body);
	expect_answer(host, cache_app_get(host, "/names", FIELDS("X-Other", "request")), "HIT", body);
	assert_int_equal(cache_app_runs, 1);
}

static void test_rule_cache_status_header(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .status_header = "X-Ours" };
	struct weir_test *host = semantics_open(state, &(struct weir_cache_options){ .status_header = "X-Mine" }, &rule);

	semantics_add_route(host, "/usual", &minute);
	expect_field(host, weir_test_get(host, "/page"), "X-Ours", "MISS");
	expect_field(host, weir_test_get(host, "/page"), "X-Ours", "HIT");
	expect_field(host, weir_test_get(host, "/page"), "X-Mine", NULL);
	expect_field(host, weir_test_get(host, "/usual"), "X-Mine", "MISS");
}

static const struct weir_function answer = {
	.name = "place",
	.params = place_params,
	.params_size = sizeof(struct place),
	.run = run_place,
	.coder = &weir_coder_int,
	.cache = { .expire_s = 60 },
};

static enum weir_status ask_function(struct weir_request *req, struct weir_response *res)
{
	int64_t result = 0;

	assert_int_equal(weir_call(req, &answer, &(struct place){ 1, 2 }, &result), WEIR_OK);
	return weir_response_text(res, "text/plain", "%d", (int)result);
}

/* A function that is called from a handler and is a route's target: one entry, on all hosts. */
static void test_rule_wraps_functions(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	semantics_add_function(other, "/place/{x}", &answer);
	cache_app_handler = ask_function;
	expect_get(one, "/plain", NULL, "12");
	assert_int_equal(cache_app_runs, 2); /* of the handler, and of the function */
	expect_get(one, "/plain", NULL, "12");
	assert_int_equal(cache_app_runs, 3);
	expect_get(other, "/place/1?y=2", "HIT", "12");
	assert_int_equal(cache_app_runs, 3);
}

const struct CMUnitTest semantics_rule_tests[] = {
	cmocka_unit_test(test_rule_expire),
	cmocka_unit_test(test_rule_namespace),
	cmocka_unit_test(test_rule_coder),
	cmocka_unit_test(test_rule_key_builder),
	cmocka_unit_test(test_rule_key_builder_of_a_function),
	cmocka_unit_test(test_rule_key_builder_may_fail),
	cmocka_unit_test(test_rule_with_lock),
	cmocka_unit_test(test_rule_lock_timeout),
	cmocka_unit_test(test_rule_lock_timeout_is_a_minute),
	cmocka_unit_test(test_rule_bypass_cache_control),
	cmocka_unit_test(test_rule_injected_dependency_namespace),
	cmocka_unit_test(test_rule_cache_status_header),
	cmocka_unit_test(test_rule_wraps_functions),
};

const size_t semantics_rule_test_count = sizeof(semantics_rule_tests) / sizeof(semantics_rule_tests[0]);
