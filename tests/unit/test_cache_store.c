/* SPDX-License-Identifier: Apache-2.0
 *
 * Which responses are kept, for how long when the handler has a say in it, and that they come back whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };

/* What the handlers below do. */
static int status;
static const char *field_name, *field_value;

static enum weir_status answer_with_field(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_status(res, status);
	weir_response_add_field(res, field_name, field_value);
	return cache_app_answer(res);
}

/* From now on the handler answers with this status and this field. */
static void answer(int with_status, const char *name, const char *value)
{
	status = with_status;
	field_name = name;
	field_value = value;
	cache_app_handler = answer_with_field;
}

/* Two requests for a new page: whether the second is answered from the first. */
static bool is_kept(struct weir_test *test)
{
	static int pages;
	char target[32];
	const char *second;

	snprintf(target, sizeof(target), "/page/%d", pages++);
	(void)weir_test_get(test, target);
	second = weir_test_field(test, weir_test_get(test, target), "X-Weir-Cache");
	return second && strcmp(second, "HIT") == 0;
}

static void test_cache_store_keeps_these_statuses_and_no_others(void **state)
{
	static const int kept[] = { 200, 203, 204, 300, 301, 308, 404, 410 };
	static const int not_kept[] = { 201, 202, 205, 206, 302, 303, 304, 307, 400, 401, 403, 405, 429, 500, 502, 503, 599 };
	struct weir_test *test = cache_app(&minute);

	(void)state;
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		answer(kept[i], "X-Is", "kept");
		assert_true(is_kept(test));
	}
	for (size_t i = 0; i < sizeof(not_kept) / sizeof(*not_kept); i++) {
		answer(not_kept[i], "X-Is", "not kept");
		assert_false(is_kept(test));
	}
	weir_test_destroy(test);
}

static enum weir_status answer_not_found(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_add_field(res, "Link", "</a>; rel=prev");
	weir_response_add_field(res, "Link", "</b>; rel=next");
	weir_response_set_field(res, "Content-Language", "en");
	return weir_response_error(res, 404, "no such page");
}

static void test_cache_store_gives_the_whole_response_back(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *hit;

	(void)state;
	cache_app_handler = answer_not_found;
	assert_int_equal(weir_test_get(test, "/page")->status, 404);
	hit = weir_test_get(test, "/page");
	assert_int_equal(hit->status, 404);
	expect_field(test, hit, "X-Weir-Cache", "HIT");
	expect_field(test, hit, "Content-Type", "application/problem+json");
	expect_field(test, hit, "Content-Language", "en");
	assert_non_null(memmem(hit->head.data, hit->head.len, "Link: </a>; rel=prev\r\nLink: </b>; rel=next\r\n", 44));
	assert_non_null(memmem(hit->body.data, hit->body.len, "no such page", 12));
	weir_test_destroy(test);
}

static void test_cache_store_keeps_the_handlers_own_etag(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	answer(200, "ETag", "W/\"seven\"");
	expect_field(test, weir_test_get(test, "/page"), "ETag", "W/\"seven\"");
	expect_field(test, weir_test_get(test, "/page"), "ETag", "W/\"seven\"");
	weir_test_destroy(test);
}

static void test_cache_store_never_keeps_a_cookie(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *miss;

	(void)state;
	answer(200, "Set-Cookie", "session=1");
	assert_false(is_kept(test));
	miss = weir_test_get(test, "/page");
	expect_field(test, miss, "X-Weir-Cache", "MISS");
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss");
	expect_field(test, miss, "Cache-Control", NULL);
	expect_field(test, miss, "ETag", NULL);
	assert_int_equal(cache_app_stats(test).stored, 0);
	weir_test_destroy(test);
}

static void test_cache_store_obeys_the_handlers_cache_control(void **state)
{
	static const char *const no[] = { "no-store",
					  "private",
					  "no-cache",
					  "No-Store",
					  "max-age=60, private=\"X-A\"",
					  "no-cache=\"X-A\"",
					  "max-age=0",
					  "s-maxage=0",
					  "max-age=0, s-maxage=60",
					  "public, max-age=x" };
	static const char *const yes[] = { "public", "max-age=5", "must-revalidate", "max-age=100000", "x-private=1" };
	struct weir_test *test = cache_app(&minute);

	(void)state;
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++) {
		answer(200, "Cache-Control", no[i]);
		assert_false(is_kept(test));
		expect_field(test, weir_test_get(test, "/page"), "Cache-Control", no[i]);
	}
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		answer(200, "Cache-Control", yes[i]);
		assert_true(is_kept(test));
	}
	weir_test_destroy(test);
}

static void expect_lifetime(struct weir_test *test, const char *said, const char *sent)
{
	static int pages;
	char target[32];

	snprintf(target, sizeof(target), "/page/lifetime/%d", pages++);
	answer(200, "Cache-Control", said);
	expect_field(test, weir_test_get(test, target), "Cache-Control", sent);
	expect_field(test, weir_test_get(test, target), "Cache-Control", sent);
}

static void test_cache_store_takes_the_shortest_lifetime(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	expect_lifetime(test, "max-age=5", "max-age=5");
	expect_lifetime(test, "s-maxage=5", "max-age=5");
	expect_lifetime(test, "max-age=7, s-maxage=5", "max-age=5");
	expect_lifetime(test, "max-age=5, s-maxage=7", "max-age=5");
	expect_lifetime(test, "max-age=61", "max-age=60");
	expect_lifetime(test, "public, max-age=9, immutable", "max-age=9, public, immutable");
	expect_lifetime(test, "must-revalidate", "max-age=60, must-revalidate");
	answer(200, "Cache-Control", "max-age=5");
	(void)weir_test_get(test, "/page");
	weir_test_advance_ms(test, 4999);
	expect_get(test, "/page", "HIT", "run 8");
	weir_test_advance_ms(test, 1);
	expect_get(test, "/page", "MISS", "run 9");
	weir_test_destroy(test);
}

static struct weir_test *slow_test;

static enum weir_status take_half_an_hour(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_test_advance_ms(slow_test, (int64_t)1800 * 1000);
	return cache_app_answer(res);
}

/* For no longer does a backend promise to remember that one key was cleared. */
static void test_cache_store_keeps_nothing_that_took_half_an_hour(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 86400 };
	struct weir_test *test = slow_test = cache_app(&rule);

	(void)state;
	cache_app_handler = take_half_an_hour;
	expect_get(test, "/page", "MISS", "run 1");
	cache_app_handler = NULL;
	expect_get(test, "/page", "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

static void test_cache_store_lifetime_may_be_shorter_than_never(void **state)
{
	static const struct weir_cache_rule never = { .expire_s = WEIR_EXPIRE_NEVER };
	struct weir_test *test = cache_app(&never);

	(void)state;
	answer(200, "Cache-Control", "max-age=5");
	expect_field(test, weir_test_get(test, "/page"), "Cache-Control", "max-age=5");
	weir_test_advance_ms(test, 5000);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_store_obeys_vary(void **state)
{
	static const char *const fields[] = { "Accept-Language", NULL };
	static const struct weir_cache_rule keyed = { .expire_s = 60, .key_fields = fields };
	struct weir_test *test = cache_app(&minute);

	(void)state;
	answer(200, "Vary", "Accept-Language");
	assert_false(is_kept(test));
	answer(200, "Vary", "*");
	assert_false(is_kept(test));
	answer(200, "Vary", "");
	assert_true(is_kept(test));
	weir_test_destroy(test);
	test = cache_app(&keyed);
	answer(200, "Vary", "accept-language");
	assert_true(is_kept(test));
	expect_field(test, weir_test_get(test, "/page"), "Vary", "accept-language");
	expect_field(test, weir_test_get(test, "/page"), "Vary", "accept-language");
	answer(200, "Vary", "Accept-Language, Accept");
	assert_false(is_kept(test));
	answer(200, "Vary", "Accept-Language, *");
	assert_false(is_kept(test));
	weir_test_destroy(test);
}

static enum weir_status answer_twice_varied(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_add_field(res, "Vary", "Accept-Language");
	weir_response_add_field(res, "Vary", "Origin");
	return cache_app_answer(res);
}

static void test_cache_store_obeys_vary_in_several_lines(void **state)
{
	static const char *const fields[] = { "Accept-Language", NULL };
	static const struct weir_cache_rule keyed = { .expire_s = 60, .key_fields = fields };
	struct weir_test *test = cache_app(&keyed);

	(void)state;
	cache_app_handler = answer_twice_varied;
	assert_false(is_kept(test));
	weir_test_destroy(test);
}

static enum weir_status answer_large(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_buffer_append(weir_response_body(res), "0123456789", 10);
	return WEIR_OK;
}

static void test_cache_store_keeps_no_more_than_max_entry(void **state)
{
	struct weir_test *test = cache_app_with(&(struct weir_cache_options){ .max_entry = 10 }, &minute);
	const struct weir_test_response *miss;

	(void)state;
	cache_app_handler = answer_large;
	assert_true(is_kept(test));
	weir_test_destroy(test);
	test = cache_app_with(&(struct weir_cache_options){ .max_entry = 9 }, &minute);
	cache_app_handler = answer_large;
	assert_false(is_kept(test));
	miss = weir_test_get(test, "/page");
	expect_answer(test, miss, "MISS", "0123456789");
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss");
	assert_int_equal(cache_app_stats(test).stored, 0);
	weir_test_destroy(test);
}

static enum weir_status answer_too_much_for_the_store(struct weir_request *req, struct weir_response *res)
{
	static const char piece[400000];

	(void)req;
	weir_buffer_append(weir_response_body(res), piece, sizeof(piece));
	return WEIR_OK;
}

static void test_cache_store_goes_on_when_the_store_refuses(void **state)
{
	struct weir_test *test = cache_app_with(&(struct weir_cache_options){ .backend = "memory:?size=1m" }, &minute);
	const struct weir_test_response *miss;

	(void)state;
	cache_app_handler = answer_too_much_for_the_store;
	miss = weir_test_get(test, "/page");
	assert_int_equal(miss->status, 200);
	assert_int_equal(miss->body.len, 400000);
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss");
	assert_int_equal(cache_app_lines(), 1);
	assert_int_equal(cache_app_stats(test).errors, 1);
	assert_int_equal(cache_app_stats(test).stored, 0);
	weir_test_destroy(test);
}

static enum weir_status use_up_the_memory(struct weir_request *req, struct weir_response *res)
{
	while (!weir_pool_overflowed(weir_request_pool(req)))
		(void)weir_pool_bytes(weir_request_pool(req), 16);
	return cache_app_answer(res);
}

static void test_cache_store_keeps_no_failure(void **state)
{
	struct weir_test *test = cache_app(&minute);

	(void)state;
	cache_app_handler = use_up_the_memory;
	assert_int_equal(weir_test_get(test, "/page")->status, 500);
	cache_app_handler = NULL;
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

static bool spoils;

static void spoil(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	(void)self;
	(void)req;
	if (spoils)
		weir_response_set_cookie(res, &(const struct weir_set_cookie){ .name = "not a name" });
}

/* A middleware between the cache and the handler spoils the response. */
static void test_cache_store_keeps_nothing_that_cannot_be_sent(void **state)
{
	static const struct weir_middleware_ops ops = { .name = "spoil", .leave = spoil };
	static struct weir_middleware inner = { .ops = &ops };
	struct weir_test *test = cache_app(&minute);
	struct weir_app *app = weir_test_app(test);

	(void)state;
	assert_int_equal(weir_app_use_cache(app, weir_app_cache(app)), WEIR_OK);
	assert_int_equal(weir_app_use(app, &inner), WEIR_OK);
	spoils = true;
	assert_int_equal(weir_test_get(test, "/page")->status, 500);
	spoils = false;
	expect_get(test, "/page", "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
}

/* Leaves so little memory that the cache itself runs out of it: whatever it stored then would lack fields. */
static enum weir_status use_up_nearly_all(struct weir_request *req, struct weir_response *res)
{
	struct weir_pool *pool = weir_request_pool(req);
	size_t limit = (size_t)16 * 1024 * 1024;

	for (int i = 0; i < 40; i++)
		weir_response_add_field(res, "X-Many", "fields");
	if (weir_pool_used(pool) + (size_t)status < limit)
		(void)weir_pool_bytes(pool, limit - weir_pool_used(pool) - (size_t)status);
	return cache_app_answer(res);
}

static void test_cache_store_keeps_nothing_when_memory_runs_out_in_storing(void **state)
{
	struct weir_test *test = cache_app(&minute);
	const struct weir_test_response *res = NULL;
	int failed = 0;

	(void)state;
	for (status = 2000; status > 0; status -= 40) {
		char target[32];

		snprintf(target, sizeof(target), "/page/%d", status);
		cache_app_handler = use_up_nearly_all;
		failed += weir_test_get(test, target)->status == 500;
		cache_app_handler = NULL;
		res = weir_test_get(test, target);
		assert_int_equal(res->status, 200);
		if (strcmp(weir_test_field(test, res, "X-Weir-Cache"), "HIT") == 0) {
			expect_field(test, res, "Content-Type", "text/plain");
			assert_true(res->head.len > 40 * strlen("X-Many: fields\r\n"));
		}
	}
	assert_true(failed > 0);
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_store_keeps_these_statuses_and_no_others),
		cmocka_unit_test(test_cache_store_keeps_nothing_that_took_half_an_hour),
		cmocka_unit_test(test_cache_store_gives_the_whole_response_back),
		cmocka_unit_test(test_cache_store_keeps_the_handlers_own_etag),
		cmocka_unit_test(test_cache_store_never_keeps_a_cookie),
		cmocka_unit_test(test_cache_store_obeys_the_handlers_cache_control),
		cmocka_unit_test(test_cache_store_takes_the_shortest_lifetime),
		cmocka_unit_test(test_cache_store_lifetime_may_be_shorter_than_never),
		cmocka_unit_test(test_cache_store_obeys_vary),
		cmocka_unit_test(test_cache_store_obeys_vary_in_several_lines),
		cmocka_unit_test(test_cache_store_keeps_no_more_than_max_entry),
		cmocka_unit_test(test_cache_store_goes_on_when_the_store_refuses),
		cmocka_unit_test(test_cache_store_keeps_no_failure),
		cmocka_unit_test(test_cache_store_keeps_nothing_that_cannot_be_sent),
		cmocka_unit_test(test_cache_store_keeps_nothing_when_memory_runs_out_in_storing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
