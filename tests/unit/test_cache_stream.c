/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that stream past the cache: stored once their end has come, whole, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };
static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true };

/* What the source below gives: pieces, then what `ending` says. It is the same for all requests of a test. */
static const char *const pieces[] = { "one ", "", "two ", "three" };
static enum weir_status ending;
static const char *etag, *cookie;
static bool on_loop;
static uint64_t length; /* 0: not known */
static int opened, closed, pulled;
static struct weir_request *parked;
static bool parks;

struct reader {
	struct weir_request *req;
	size_t next;
};

static enum weir_status next(void *state, struct weir_slice *chunk)
{
	struct reader *reader = state;

	pulled++;
	if (reader->next == 2 && parks && !parked) {
		parked = reader->req;
		return WEIR_PARKED;
	}
	if (reader->next == sizeof(pieces) / sizeof(*pieces))
		return ending;
	*chunk = weir_slice_text(pieces[reader->next++]);
	return WEIR_OK;
}

static void close_source(void *state)
{
	(void)state;
	closed++;
}

static enum weir_status stream(struct weir_request *req, struct weir_response *res)
{
	struct reader *reader = weir_pool_zalloc(weir_request_pool(req), sizeof(*reader));
	const struct weir_source source = {
		.next = next,
		.close = close_source,
		.state = reader,
		.nonblocking = on_loop,
		.length = length,
		.has_length = length > 0,
	};

	reader->req = req;
	opened++;
	if (etag)
		weir_response_set_field(res, "ETag", etag);
	if (cookie)
		weir_response_set_field(res, "Set-Cookie", cookie);
	return weir_response_stream(res, "text/plain", &source);
}

static struct weir_test *streaming_app(const struct weir_cache_options *options, const struct weir_cache_rule *rule)
{
	struct weir_test *test = cache_app_with(options, rule);

	cache_app_handler = stream;
	ending = WEIR_END;
	etag = cookie = NULL;
	on_loop = parks = false;
	length = 0;
	parked = NULL;
	opened = closed = pulled = 0;
	return test;
}

static void end(struct weir_test *test)
{
	weir_test_destroy(test);
	assert_int_equal(closed, opened);
}

static enum weir_status answer_at_once(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "one two three");
}

static void test_cache_stream_is_stored_at_its_end(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);
	const struct weir_test_response *miss, *hit;

	(void)state;
	miss = weir_test_get(test, "/page");
	expect_answer(test, miss, "MISS", "one two three");
	expect_field(test, miss, "ETag", NULL);
	expect_field(test, miss, "Cache-Control", "max-age=60");
	expect_field(test, miss, "Cache-Status", "weir; fwd=uri-miss");
	hit = weir_test_get(test, "/page");
	expect_answer(test, hit, "HIT", "one two three");
	expect_field(test, hit, "Content-Length", "13");
	cache_app_handler = answer_at_once;
	expect_field(test, hit, "ETag", weir_test_field(test, weir_test_get(test, "/other"), "ETag"));
	assert_int_equal(opened, 1);
	end(test);
}

static void test_cache_stream_on_the_loop_is_stored_too(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	on_loop = true;
	length = 13;
	expect_get(test, "/page", "MISS", "one two three");
	expect_get(test, "/page", "HIT", "one two three");
	end(test);
}

static void test_cache_stream_has_one_etag_when_the_handler_made_it(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	etag = "\"mine\"";
	expect_field(test, weir_test_get(test, "/page"), "ETag", "\"mine\"");
	expect_field(test, weir_test_get(test, "/page"), "ETag", "\"mine\"");
	assert_int_equal(cache_app_get(test, "/page", FIELDS("If-None-Match", "\"mine\""))->status, 304);
	end(test);
}

static void test_cache_stream_that_breaks_is_not_stored(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	ending = WEIR_ERR_IO;
	assert_false(weir_test_get(test, "/page")->complete);
	assert_int_equal(cache_app_stats(test).stored, 0);
	ending = WEIR_END;
	expect_get(test, "/page", "MISS", "one two three");
	end(test);
}

static void test_cache_stream_of_another_length_is_not_stored(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	length = 14;
	assert_false(weir_test_get(test, "/page")->complete);
	assert_int_equal(cache_app_stats(test).stored, 0);
	length = 13;
	expect_get(test, "/page", "MISS", "one two three");
	expect_get(test, "/page", "HIT", "one two three");
	end(test);
}

static void test_cache_stream_whose_client_leaves_is_not_stored(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);
	struct weir_test_exchange *exchange;

	(void)state;
	on_loop = parks = true;
	exchange = cache_app_start(test, "/page", NULL);
	assert_non_null(parked);
	weir_test_abort(test, exchange);
	weir_request_resume(parked);
	weir_test_run(test);
	assert_false(weir_test_response(exchange)->complete);
	assert_int_equal(cache_app_stats(test).stored, 0);
	expect_get(test, "/page", "MISS", "one two three");
	end(test);
}

static void test_cache_stream_is_stored_up_to_max_entry(void **state)
{
	struct weir_test *test = streaming_app(&(struct weir_cache_options){ .max_entry = 13 }, &minute);

	(void)state;
	expect_get(test, "/page", "MISS", "one two three");
	expect_get(test, "/page", "HIT", "one two three");
	end(test);
	test = streaming_app(&(struct weir_cache_options){ .max_entry = 12 }, &minute);
	expect_get(test, "/page", "MISS", "one two three");
	expect_get(test, "/page", "MISS", "one two three");
	assert_int_equal(cache_app_lines(), 0);
	end(test);
}

static void test_cache_stream_is_not_stored_for_head(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	assert_int_equal(weir_test_send(test, &(const struct weir_test_request){ .method = "HEAD", .target = "/page" })->status, 200);
	expect_get(test, "/page", "MISS", "one two three");
	end(test);
}

/* A client that has it already reads no body, so there is none to store. */
static void test_cache_stream_that_nobody_reads_is_not_stored(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	etag = "\"mine\"";
	assert_int_equal(cache_app_get(test, "/page", FIELDS("If-None-Match", "\"mine\""))->status, 304);
	assert_int_equal(closed, 1);
	expect_get(test, "/page", "MISS", "one two three");
	expect_get(test, "/page", "HIT", "one two three");
	end(test);
}

static void test_cache_stream_that_may_not_be_kept_passes(void **state)
{
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	cookie = "id=1";
	expect_get(test, "/page", "MISS", "one two three");
	expect_get(test, "/page", "MISS", "one two three");
	end(test);
}

static bool changes;

static void change_status(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	(void)self;
	(void)req;
	if (changes)
		weir_response_set_status(res, 203);
}

/* What an outer middleware makes of the response is not what was stored. */
static void test_cache_stream_keeps_the_status_that_the_cache_saw(void **state)
{
	static const struct weir_middleware_ops ops = { .name = "outer", .leave = change_status };
	static struct weir_middleware outer = { .ops = &ops };
	struct weir_test *test = streaming_app(NULL, &minute);

	(void)state;
	assert_int_equal(weir_app_use(weir_test_app(test), &outer), WEIR_OK);
	changes = true;
	assert_int_equal(weir_test_get(test, "/page")->status, 203);
	changes = false;
	expect_get(test, "/page", "HIT", "one two three");
	end(test);
}

/* -- Others that wait ------------------------------------------------------------------------------------------------------ */

static struct weir_test_exchange *leader, *waiter;

static struct weir_test *parking_app(void)
{
	struct weir_test *test = streaming_app(NULL, &locked);

	on_loop = parks = true;
	return test;
}

/* A leader in the middle of its body, and one who waits for its end. */
static void start_two(struct weir_test *test)
{
	leader = cache_app_start(test, "/page", NULL);
	waiter = cache_app_start(test, "/page", NULL);
	assert_non_null(parked);
	assert_null(weir_test_response(leader));
}

static void test_cache_stream_is_shared_at_its_end(void **state)
{
	struct weir_test *test = parking_app();

	(void)state;
	start_two(test);
	assert_null(weir_test_response(waiter));
	weir_request_resume(parked);
	weir_test_run(test);
	expect_answer(test, weir_test_response(leader), "MISS", "one two three");
	expect_answer(test, weir_test_response(waiter), "HIT", "one two three");
	assert_non_null(weir_test_field(test, weir_test_response(waiter), "ETag"));
	assert_int_equal(opened, 1);
	end(test);
}

static void test_cache_stream_that_breaks_sets_all_free(void **state)
{
	struct weir_test *test = parking_app();

	(void)state;
	start_two(test);
	ending = WEIR_ERR_IO;
	weir_request_resume(parked);
	weir_test_run(test);
	assert_false(weir_test_response(leader)->complete);
	assert_false(weir_test_response(waiter)->complete);
	assert_int_equal(opened, 2);
	end(test);
}

/* It is known from the head on that nobody may share it: there is nothing to wait for. */
static void test_cache_stream_that_may_not_be_kept_lets_nobody_wait(void **state)
{
	struct weir_test *test = parking_app();

	(void)state;
	cookie = "id=1";
	start_two(test);
	expect_answer(test, weir_test_response(waiter), "MISS", "one two three");
	weir_request_resume(parked);
	weir_test_run(test);
	expect_answer(test, weir_test_response(leader), "MISS", "one two three");
	end(test);
}

/* The leader's client leaves in the middle: the body goes on into the entry, for those who wait. */
static void test_cache_stream_goes_on_for_those_who_wait(void **state)
{
	struct weir_test *test = parking_app();

	(void)state;
	start_two(test);
	weir_test_abort(test, leader);
	weir_test_run(test);
	assert_null(weir_test_response(leader)); /* it is not over */
	weir_request_resume(parked);
	weir_test_run(test);
	assert_false(weir_test_response(leader)->complete);
	expect_answer(test, weir_test_response(waiter), "HIT", "one two three");
	expect_get(test, "/page", "HIT", "one two three");
	assert_int_equal(opened, 1);
	end(test);
}

static void test_cache_stream_that_goes_on_alone_may_break(void **state)
{
	struct weir_test *test = parking_app();

	(void)state;
	start_two(test);
	weir_test_abort(test, leader);
	ending = WEIR_ERR_IO;
	weir_request_resume(parked);
	weir_test_run(test);
	assert_false(weir_test_response(leader)->complete);
	assert_false(weir_test_response(waiter)->complete);
	assert_int_equal(cache_app_stats(test).stored, 0);
	end(test);
}

static void test_cache_stream_of_a_wrong_length_is_not_stored_when_it_goes_on_alone(void **state)
{
	struct weir_test *test = parking_app();

	(void)state;
	length = 14;
	start_two(test);
	weir_test_abort(test, leader);
	weir_request_resume(parked);
	weir_test_run(test);
	assert_int_equal(cache_app_stats(test).stored, 0);
	assert_int_equal(opened, 2);
	end(test);
}

/* What is too large to be kept is of use to nobody. */
static void test_cache_stream_that_is_too_large_does_not_go_on_alone(void **state)
{
	struct weir_test *test = streaming_app(&(struct weir_cache_options){ .max_entry = 4 }, &locked);

	(void)state;
	on_loop = parks = true;
	start_two(test);
	weir_test_abort(test, leader);
	weir_request_resume(parked);
	weir_test_run(test);
	assert_false(weir_test_response(leader)->complete);
	expect_answer(test, weir_test_response(waiter), "MISS", "one two three");
	assert_int_equal(closed, 2);
	end(test);
}

/* Nor is what may not be kept: it might have no end. */
static void test_cache_stream_that_may_not_be_kept_does_not_go_on_alone(void **state)
{
	struct weir_test *test = streaming_app(NULL, &locked);

	(void)state;
	on_loop = true;
	cookie = "id=1";
	weir_test_hold_handlers(test, true);
	leader = cache_app_start(test, "/page", NULL);
	weir_test_abort(test, leader);
	weir_test_hold_handlers(test, false);
	weir_test_run(test);
	assert_false(weir_test_response(leader)->complete);
	assert_int_equal(pulled, 0);
	assert_int_equal(opened, 1);
	end(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_stream_is_stored_at_its_end),
		cmocka_unit_test(test_cache_stream_on_the_loop_is_stored_too),
		cmocka_unit_test(test_cache_stream_has_one_etag_when_the_handler_made_it),
		cmocka_unit_test(test_cache_stream_that_breaks_is_not_stored),
		cmocka_unit_test(test_cache_stream_of_another_length_is_not_stored),
		cmocka_unit_test(test_cache_stream_whose_client_leaves_is_not_stored),
		cmocka_unit_test(test_cache_stream_is_stored_up_to_max_entry),
		cmocka_unit_test(test_cache_stream_is_not_stored_for_head),
		cmocka_unit_test(test_cache_stream_that_nobody_reads_is_not_stored),
		cmocka_unit_test(test_cache_stream_that_may_not_be_kept_passes),
		cmocka_unit_test(test_cache_stream_keeps_the_status_that_the_cache_saw),
		cmocka_unit_test(test_cache_stream_is_shared_at_its_end),
		cmocka_unit_test(test_cache_stream_that_breaks_sets_all_free),
		cmocka_unit_test(test_cache_stream_that_may_not_be_kept_lets_nobody_wait),
		cmocka_unit_test(test_cache_stream_goes_on_for_those_who_wait),
		cmocka_unit_test(test_cache_stream_that_goes_on_alone_may_break),
		cmocka_unit_test(test_cache_stream_of_a_wrong_length_is_not_stored_when_it_goes_on_alone),
		cmocka_unit_test(test_cache_stream_that_is_too_large_does_not_go_on_alone),
		cmocka_unit_test(test_cache_stream_that_may_not_be_kept_does_not_go_on_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
