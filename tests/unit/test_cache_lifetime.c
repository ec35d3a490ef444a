/* SPDX-License-Identifier: Apache-2.0
 *
 * How long what is kept: by status, with jitter, as the call itself decides; and bodies that a coder keeps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <weir/coder.h>

#include "cache/cache.h"
#include "support/cache_app.h"

/* The status that is asked for. */
static enum weir_status answer_status(struct weir_request *req, struct weir_response *res)
{
	weir_response_set_status(res, (int)strtol(weir_request_query(req, "status"), NULL, 10));
	return cache_app_answer(res);
}

static void expect_kept_s(struct weir_test *test, const char *target, int64_t expire_s)
{
	char said[64];

	(void)snprintf(said, sizeof(said), "max-age=%lld", (long long)expire_s);
	expect_field(test, weir_test_get(test, target), "X-Weir-Cache", "MISS");
	expect_field(test, weir_test_get(test, target), "Cache-Control", said);
	expect_field(test, weir_test_get(test, target), "X-Weir-Cache", "HIT");
	weir_test_advance_ms(test, expire_s * 1000 - 1);
	expect_field(test, weir_test_get(test, target), "X-Weir-Cache", "HIT");
	weir_test_advance_ms(test, 1);
	expect_field(test, weir_test_get(test, target), "X-Weir-Cache", "MISS");
}

static void expect_not_kept(struct weir_test *test, const char *target)
{
	for (int i = 0; i < 3; i++)
		expect_field(test, weir_test_get(test, target), "X-Weir-Cache", "MISS");
	expect_field(test, weir_test_get(test, target), "Cache-Control", NULL);
}

static void test_cache_lifetime_depends_on_the_status(void **state)
{
	static const struct weir_status_expiry by_status[] = { { 404, 5 }, { 503, 2 }, { 301, 0 }, { 0 } };
	static const struct weir_cache_rule rule = { .expire_s = 60, .expire_by_status = by_status };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	cache_app_handler = answer_status;
	expect_kept_s(test, "/page?status=200", 60);
	expect_kept_s(test, "/page?status=410", 60);
	expect_kept_s(test, "/page?status=404", 5);
	expect_kept_s(test, "/page?status=503", 2);
	expect_not_kept(test, "/page?status=301");
	expect_not_kept(test, "/page?status=500");
	expect_not_kept(test, "/page?status=206");
	weir_test_destroy(test);
}

static enum weir_status answer_with_context(struct weir_request *req, struct weir_response *res)
{
	weir_call_set_expire_s(weir_request_call(req), 7);
	return answer_status(req, res);
}

static void test_cache_lifetime_that_the_call_sets_goes_before(void **state)
{
	static const struct weir_status_expiry by_status[] = { { 404, 5 }, { 0 } };
	static const struct weir_cache_rule rule = { .expire_s = 60, .expire_by_status = by_status };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	cache_app_handler = answer_with_context;
	expect_kept_s(test, "/page?status=404", 7);
	weir_test_destroy(test);
}

static void test_cache_lifetime_is_shortened_by_chance(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 1000, .jitter_percent = 20 };
	struct weir_test *test = cache_app(&rule);
	long long least = 1000, most = 0;
	char target[40];

	(void)state;
	for (int i = 0; i < 300; i++) {
		const char *said;
		long long age;

		(void)snprintf(target, sizeof(target), "/page/%d", i);
		said = weir_test_field(test, weir_test_get(test, target), "Cache-Control");
		assert_memory_equal(said, "max-age=", 8);
		age = strtoll(said + 8, NULL, 10);
		least = age < least ? age : least;
		most = age > most ? age : most;
	}
	assert_in_range(least, 800, 830);
	assert_in_range(most, 970, 1000);
	weir_test_destroy(test);
}

/* -- Coders ------------------------------------------------------------------------------------------------------------------ */

/* Turns every byte round; what it has not written it does not read. */
static enum weir_status turn(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	const struct weir_slice *body = value;

	(void)self;
	(void)pool;
	weir_buffer_append_byte(bytes, '!');
	for (size_t i = 0; i < body->len; i++)
		weir_buffer_append_byte(bytes, (char)~body->data[i]);
	return WEIR_OK;
}

static enum weir_status turn_back(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	char *body = weir_pool_bytes(pool, bytes.len);

	(void)self;
	if (bytes.len == 0 || bytes.data[0] != '!' || !body)
		return WEIR_ERR_CORRUPT;
	for (size_t i = 1; i < bytes.len; i++)
		body[i - 1] = (char)~bytes.data[i];
	*(struct weir_slice *)value = weir_slice(body, bytes.len - 1);
	return WEIR_OK;
}

static const struct weir_coder_ops turning = { .name = "turned", .encode = turn, .decode = turn_back };
static const struct weir_coder turned = { .ops = &turning, .size = sizeof(struct weir_slice) };

static bool see_value(void *state, struct weir_slice key, struct weir_slice value)
{
	(void)key;
	*(bool *)state = *(bool *)state || memmem(value.data, value.len, "run ", 4);
	return true;
}

static bool store_shows_the_body(struct weir_test *test)
{
	struct weir_backend *backend = weir_cache_backend(weir_app_cache(weir_test_app(test)));
	bool shown = false;

	assert_int_equal(weir_backend_ops(backend)->walk(weir_backend_self(backend), WEIR_SLICE_LITERAL(""), false, see_value, &shown),
			 WEIR_OK);
	return shown;
}

static void test_cache_keeps_bodies_by_the_rules_coder(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .coder = &turned };
	struct weir_test *test = cache_app(&rule);
	char etag[100];

	(void)state;
	(void)snprintf(etag, sizeof(etag), "%s", weir_test_field(test, weir_test_get(test, "/page"), "ETag"));
	assert_false(store_shows_the_body(test));
	expect_get(test, "/page", "HIT", "run 1");
	expect_field(test, weir_test_get(test, "/page"), "ETag", etag);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_lifetime_depends_on_the_status),
		cmocka_unit_test(test_cache_lifetime_that_the_call_sets_goes_before),
		cmocka_unit_test(test_cache_lifetime_is_shortened_by_chance),
		cmocka_unit_test(test_cache_keeps_bodies_by_the_rules_coder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
