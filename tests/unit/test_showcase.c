/* SPDX-License-Identifier: Apache-2.0
 *
 * The showcase, route for route. Its counters last as long as this process, so tests compare numbers with each other, not with fixed ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <weir/testing.h>

extern const struct weir_app_options showcase;

static int setup(void **state)
{
	*state = weir_test_create(&showcase);
	return 0;
}

static int teardown(void **state)
{
	weir_test_destroy(*state);
	return 0;
}

static const struct weir_test_response *send_with(struct weir_test *test, const char *target, const char *name, const char *value)
{
	const struct weir_test_field fields[] = { { name, value }, { NULL, NULL } };

	return weir_test_send(test, &(const struct weir_test_request){ .target = target, .fields = fields });
}

/* `value` NULL: there is to be no such field. */
static void expect_field(struct weir_test *test, const struct weir_test_response *res, const char *name, const char *value)
{
	const char *field = weir_test_field(test, res, name);

	if (!value) {
		assert_null(field);
		return;
	}
	assert_non_null(field);
	assert_string_equal(field, value);
}

static void expect_json(struct weir_test *test, const struct weir_test_response *res, const char *json)
{
	assert_true(res->complete);
	assert_int_equal(res->status, 200);
	expect_field(test, res, "Content-Type", "application/json");
	assert_int_equal(res->body.len, strlen(json));
	assert_memory_equal(res->body.data, json, res->body.len);
}

/* The number in {"name":number}. */
static long number(const struct weir_test_response *res, const char *name)
{
	struct weir_slice body = res->body;
	char text[64], *end;
	long n;

	assert_int_equal(res->status, 200);
	assert_true(body.len < sizeof(text));
	memcpy(text, body.data, body.len);
	text[body.len] = '\0';
	assert_memory_equal(text, "{\"", 2);
	assert_memory_equal(text + 2, name, strlen(name));
	assert_memory_equal(text + 2 + strlen(name), "\":", 2);
	n = strtol(text + 4 + strlen(name), &end, 10);
	assert_string_equal(end, "}");
	return n;
}

/* A request that is to be answered with MISS or HIT and that lifetime, and with a number; the number. */
static long cached_number(struct weir_test *test, const char *target, const char *name, const char *cache, const char *lifetime)
{
	const struct weir_test_response *res = weir_test_get(test, target);

	expect_field(test, res, "X-Weir-Cache", cache);
	expect_field(test, res, "Cache-Control", lifetime);
	return number(res, name);
}

/* An answer that never changes: made once, then a hit with the same ETag; a 304 for those who have it. */
static void expect_constant(struct weir_test *test, const char *target, const char *json, const char *lifetime)
{
	const struct weir_test_response *miss = weir_test_get(test, target);
	const struct weir_test_response *hit = weir_test_get(test, target);
	const char *etag = weir_test_field(test, miss, "ETag");
	const struct weir_test_response *unchanged;

	expect_json(test, miss, json);
	expect_field(test, miss, "X-Weir-Cache", "MISS");
	expect_field(test, miss, "Cache-Control", lifetime);
	assert_non_null(etag);
	expect_json(test, hit, json);
	expect_field(test, hit, "X-Weir-Cache", "HIT");
	expect_field(test, hit, "Cache-Control", lifetime);
	expect_field(test, hit, "ETag", etag);
	unchanged = send_with(test, target, "If-None-Match", etag);
	assert_int_equal(unchanged->status, 304);
	assert_int_equal(unchanged->body.len, 0);
	expect_field(test, unchanged, "ETag", etag);
}

static void test_showcase_index_is_kept_for_ten_seconds(void **state)
{
	long first = cached_number(*state, "/", "ret", "MISS", "max-age=10");

	weir_test_advance_ms(*state, 4000);
	assert_int_equal(cached_number(*state, "/", "ret", "HIT", "max-age=6"), first);
	weir_test_advance_ms(*state, 6000);
	assert_int_equal(cached_number(*state, "/", "ret", "MISS", "max-age=10"), first + 1);
}

static void test_showcase_clear_counts_what_it_removed(void **state)
{
	long first = cached_number(*state, "/cached_put", "value", "MISS", "max-age=5");
	const struct weir_test_response *res;

	weir_test_get(*state, "/method");
	weir_test_get(*state, "/sync-me");
	res = weir_test_get(*state, "/clear");
	expect_json(*state, res, "3");
	expect_field(*state, res, "X-Weir-Cache", NULL);
	assert_int_equal(cached_number(*state, "/cached_put", "value", "MISS", "max-age=5"), first + 1);
	expect_json(*state, weir_test_get(*state, "/clear"), "1");
	expect_json(*state, weir_test_get(*state, "/clear"), "0");
}

static void test_showcase_date_is_midnight(void **state)
{
	weir_test_advance_ms(*state, (int64_t)36 * 3600 * 1000);
	expect_constant(*state, "/date", "\"2026-01-02T00:00:00+00:00\"", "max-age=10");
}

static void test_showcase_datetime_stands_for_two_seconds(void **state)
{
	weir_test_advance_ms(*state, 120);
	expect_constant(*state, "/datetime", "{\"now\":\"2026-01-01T00:00:00.120+00:00\"}", "max-age=2");
	weir_test_advance_ms(*state, 1000);
	expect_json(*state, weir_test_get(*state, "/datetime"), "{\"now\":\"2026-01-01T00:00:00.120+00:00\"}");
	weir_test_advance_ms(*state, 1000);
	expect_json(*state, weir_test_get(*state, "/datetime"), "{\"now\":\"2026-01-01T00:00:02.120+00:00\"}");
}

static void test_showcase_kwargs_gives_the_name_back(void **state)
{
	const struct weir_test_response *res = weir_test_get(*state, "/kwargs?name=Jan+%22J%C3%BCrgen%22");

	expect_json(*state, res, "{\"name\":\"Jan \\\"J\xc3\xbcrgen\\\"\"}");
	expect_field(*state, res, "X-Weir-Cache", NULL);
	expect_json(*state, weir_test_get(*state, "/kwargs?name="), "{\"name\":\"\"}");
}

static void test_showcase_kwargs_refuses_a_wrong_name(void **state)
{
	static const char *const targets[] = { "/kwargs", "/kwargs?Name=x" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct weir_test_response *res = weir_test_get(*state, targets[i]);

		assert_int_equal(res->status, 422);
		expect_field(*state, res, "Content-Type", "application/problem+json");
	}
}

static void test_showcase_constants_are_cached(void **state)
{
	expect_constant(*state, "/sync-me", "42", "max-age=31536000");
	expect_constant(*state, "/method", "17", "max-age=31536000");
	expect_constant(*state, "/cache_response_obj", "{\"a\":1}", "max-age=5");
	expect_constant(*state, "/cache_response_obj_typed", "{\"a\":1}", "max-age=5");
	expect_constant(*state, "/pydantic_instance",
			"{\"name\":\"Something\",\"description\":\"An instance of a Pydantic model\",\"price\":10.5,\"tax\":null}",
			"max-age=5");
	expect_constant(*state, "/namespaced_injection", "{\"__fastapi_cache_request\":42,\"__fastapi_cache_response\":17}", "max-age=5");
}

static void test_showcase_put_is_not_cached(void **state)
{
	const struct weir_test_request put = { .method = "PUT", .target = "/uncached_put" };
	const struct weir_test_response *first = weir_test_send(*state, &put);
	const struct weir_test_response *second = weir_test_send(*state, &put);

	assert_int_equal(number(second, "value"), number(first, "value") + 1);
	expect_field(*state, second, "X-Weir-Cache", NULL);
	expect_field(*state, second, "Cache-Status", NULL);
	assert_int_equal(weir_test_get(*state, "/uncached_put")->status, 405);
}

static void test_showcase_cached_put_obeys_no_cache(void **state)
{
	long first = cached_number(*state, "/cached_put", "value", "MISS", "max-age=5");
	const struct weir_test_response *res;

	assert_int_equal(cached_number(*state, "/cached_put", "value", "HIT", "max-age=5"), first);
	res = send_with(*state, "/cached_put", "Cache-Control", "no-cache");
	assert_int_equal(number(res, "value"), first + 1);
	expect_field(*state, res, "X-Weir-Cache", "MISS");
	assert_int_equal(cached_number(*state, "/cached_put", "value", "HIT", "max-age=5"), first + 1);
}

static void test_showcase_cached_put_obeys_no_store(void **state)
{
	long first = cached_number(*state, "/cached_put", "value", "MISS", "max-age=5");
	const struct weir_test_response *res = send_with(*state, "/cached_put", "Cache-Control", "No-Store");

	assert_int_equal(number(res, "value"), first + 1);
	expect_field(*state, res, "X-Weir-Cache", NULL);
	assert_int_equal(cached_number(*state, "/cached_put", "value", "HIT", "max-age=5"), first);
}

static void test_showcase_bypass_ignores_request_directives(void **state)
{
	static const char *const directives[] = { "no-cache", "no-store", "max-age=0" };
	long first = cached_number(*state, "/cached_with_bypass", "value", "MISS", "max-age=5");

	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
		const struct weir_test_response *res = send_with(*state, "/cached_with_bypass", "Cache-Control", directives[i]);

		assert_int_equal(number(res, "value"), first);
		expect_field(*state, res, "X-Weir-Cache", "HIT");
	}
	weir_test_advance_ms(*state, 5000);
	assert_int_equal(cached_number(*state, "/cached_with_bypass", "value", "MISS", "max-age=5"), first + 1);
}

/* Takes a second: the handler stands for a slow one and really sleeps. */
static void test_showcase_lock_runs_once_for_three(void **state)
{
	const struct weir_test_request get = { .target = "/cached_with_lock" };
	struct weir_test_exchange *exchanges[3];
	long value;

	for (size_t i = 0; i < 3; i++)
		exchanges[i] = weir_test_start(*state, &get);
	weir_test_run(*state);
	for (size_t i = 0; i < 3; i++)
		assert_non_null(weir_test_response(exchanges[i]));
	value = number(weir_test_response(exchanges[0]), "value");
	assert_int_equal(number(weir_test_response(exchanges[1]), "value"), value);
	assert_int_equal(number(weir_test_response(exchanges[2]), "value"), value);
	assert_int_equal(cached_number(*state, "/cached_with_lock", "value", "HIT", "max-age=31536000"), value);
}

static void test_showcase_context_changes_its_own_lifetime(void **state)
{
	long updated = cached_number(*state, "/cached_with_ctx", "value", "MISS", "max-age=3600");
	long plain = cached_number(*state, "/cached_with_ctx?update_expire=no", "value", "MISS", "max-age=31536000");

	assert_int_equal(plain, updated + 1);
	weir_test_advance_ms(*state, 3600 * 1000);
	assert_int_equal(cached_number(*state, "/cached_with_ctx?update_expire=no", "value", "HIT", "max-age=31536000"), plain);
	assert_int_equal(cached_number(*state, "/cached_with_ctx", "value", "MISS", "max-age=3600"), plain + 1);
}

static void test_showcase_context_reads_every_spelling(void **state)
{
	static const char *const yes[] = { "1", "true", "t", "on", "yes", "y", "TRUE", "Yes" };
	static const char *const no[] = { "0", "false", "f", "off", "no", "n", "FALSE", "oFf" };
	long updated = cached_number(*state, "/cached_with_ctx", "value", "MISS", "max-age=3600");
	long plain = cached_number(*state, "/cached_with_ctx?update_expire=0", "value", "MISS", "max-age=31536000");
	char target[64];

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		snprintf(target, sizeof(target), "/cached_with_ctx?update_expire=%s", yes[i]);
		assert_int_equal(cached_number(*state, target, "value", "HIT", "max-age=3600"), updated);
		snprintf(target, sizeof(target), "/cached_with_ctx?update_expire=%s", no[i]);
		assert_int_equal(cached_number(*state, target, "value", "HIT", "max-age=31536000"), plain);
	}
}

static void test_showcase_context_refuses_what_is_neither(void **state)
{
	static const char *const targets[] = { "/cached_with_ctx?update_expire=maybe",
					       "/cached_with_ctx?update_expire=", "/cached_with_ctx?update_expire=2",
					       "/cached_with_ctx?update_expire=+true" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct weir_test_response *res = weir_test_get(*state, targets[i]);

		assert_int_equal(res->status, 422);
		expect_field(*state, res, "Content-Type", "application/problem+json");
	}
	expect_json(*state, weir_test_get(*state, "/clear"), "0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_showcase_index_is_kept_for_ten_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_clear_counts_what_it_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_date_is_midnight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_datetime_stands_for_two_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_kwargs_gives_the_name_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_kwargs_refuses_a_wrong_name, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_constants_are_cached, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_put_is_not_cached, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_cached_put_obeys_no_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_cached_put_obeys_no_store, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_bypass_ignores_request_directives, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_lock_runs_once_for_three, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_context_changes_its_own_lifetime, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_context_reads_every_spelling, setup, teardown),
		cmocka_unit_test_setup_teardown(test_showcase_context_refuses_what_is_neither, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
