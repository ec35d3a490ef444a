/* SPDX-License-Identifier: Apache-2.0
 *
 * What may go wrong while sites wait for one another: clients that leave, a backend that fails at one step or another, requests that cannot
 * lead or do not want to wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/cache.h"
#include "support/cache_sites.h"

static const struct weir_cache_rule patient = { .expire_s = 600, .ns = "pages", .with_lock = true };

static void let_fail(enum weir_shared_call call, size_t skip, size_t count)
{
	weir_shared_backend_fail(cache_sites_backend, call, skip, count, WEIR_ERR_IO);
}

static enum weir_status answer_privately(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "Cache-Control", "private");
	return cache_app_answer(res);
}

static struct weir_test_exchange *start_head(int site)
{
	struct weir_test_exchange *head =
		weir_test_start(cache_sites[site], &(const struct weir_test_request){ .method = "HEAD", .target = "/page" });

	weir_test_run(cache_sites[site]);
	return head;
}

static struct weir_test_exchange *start_reload(int site)
{
	return cache_app_start(cache_sites[site], "/page", FIELDS("Cache-Control", "no-cache"));
}

static void leave(int site, struct weir_test_exchange *exchange)
{
	weir_test_abort(cache_sites[site], exchange);
	weir_test_run(cache_sites[site]);
	assert_non_null(weir_test_response(exchange));
	assert_false(weir_test_response(exchange)->complete);
}

/* -- Who watches may leave ------------------------------------------------------------------------------------------------- */

static void test_cache_lease_watcher_leaves_and_another_watches(void **state)
{
	struct weir_test_exchange *herd[3];

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	for (int i = 0; i < 3; i++)
		herd[i] = cache_sites_start(B);
	cache_sites_advance_ms(200);
	leave(B, herd[0]);
	cache_sites_advance_ms(200);
	leave(B, herd[1]);
	cache_sites_advance_ms(200);
	assert_null(weir_test_response(herd[2]));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, herd[2], "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	cache_sites_close();
}

static void test_cache_lease_watcher_leaves_with_all_the_others(void **state)
{
	struct weir_test_exchange *herd[3], *other;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	for (int i = 0; i < 3; i++)
		herd[i] = cache_sites_start(B);
	cache_sites_advance_ms(200);
	for (int i = 0; i < 3; i++)
		weir_test_abort(cache_sites[B], herd[i]);
	weir_test_run(cache_sites[B]);
	for (int i = 0; i < 3; i++)
		assert_false(weir_test_response(herd[i])->complete);
	other = cache_sites_start(B);
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	cache_sites_close();
}

/* Its client leaves while the backend is asked. */
static struct weir_test_exchange *leaving;

static void let_client_leave(void)
{
	weir_test_abort(cache_sites[B], leaving);
}

static void test_cache_lease_watcher_leaves_while_it_asks(void **state)
{
	struct weir_test_exchange *other;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	leaving = cache_sites_start(B);
	other = cache_sites_start(B);
	cache_sites_advance_ms(200);
	weir_shared_backend_before_lease(cache_sites_backend, let_client_leave);
	cache_sites_advance_ms(50);
	assert_false(weir_test_response(leaving)->complete);
	assert_null(weir_test_response(other));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 1");
	cache_sites_close();
}

static void test_cache_lease_leader_goes_on_without_its_client(void **state)
{
	struct weir_test_exchange *leader, *other;

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	other = cache_sites_start(B);
	weir_test_abort(cache_sites[A], leader);
	cache_sites_advance_ms(20000);
	assert_null(weir_test_response(other));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 1");
	cache_sites_close();
}

/* -- Others than plain GETs ------------------------------------------------------------------------------------------------ */

static void test_cache_lease_head_waits_behind_a_watcher_and_never_watches(void **state)
{
	struct weir_test_exchange *watcher, *head;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	watcher = cache_sites_start(B);
	head = start_head(B);
	cache_sites_advance_ms(200);
	assert_null(weir_test_response(head));
	leave(B, watcher);
	cache_sites_expect(B, head, "MISS", "");
	assert_int_equal(cache_sites_counts().done[WEIR_SHARED_LEASE], 1);
	head = start_head(C);
	cache_sites_expect(C, head, "MISS", "");
	assert_int_equal(cache_sites_counts().done[WEIR_SHARED_LEASE], 1);
	cache_sites_close();
}

static void test_cache_lease_head_is_passed_over_by_a_watcher_who_leaves(void **state)
{
	struct weir_test_exchange *watcher, *head, *other;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	watcher = cache_sites_start(B);
	head = start_head(B);
	other = cache_sites_start(B);
	leave(B, watcher);
	cache_sites_advance_ms(200);
	assert_null(weir_test_response(head));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, head, "HIT", "");
	cache_sites_expect(B, other, "HIT", "run 1");
	cache_sites_close();
}

static void test_cache_lease_reload_waits_for_nobody(void **state)
{
	struct weir_test_exchange *leader, *reload;

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	reload = start_reload(B);
	cache_sites_expect(B, reload, "MISS", "run 1");
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 2");
	assert_int_equal(cache_app_lines(), 0);
	cache_sites_close();
}

static void test_cache_lease_of_a_reload_is_waited_for(void **state)
{
	struct weir_test_exchange *reload, *other;

	cache_sites_open_all(state, &patient);
	weir_test_hold_handlers(cache_sites[A], true);
	reload = start_reload(A);
	other = cache_sites_start(B);
	cache_sites_advance_ms(200);
	assert_null(weir_test_response(other));
	cache_sites_finish(A);
	cache_sites_expect(A, reload, "MISS", "run 1");
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 1");
	cache_sites_close();
}

static enum weir_status stream_one(void *state, struct weir_slice *chunk)
{
	bool *given = state;

	if (*given)
		return WEIR_END;
	*given = true;
	*chunk = WEIR_SLICE_LITERAL("streamed");
	return WEIR_OK;
}

static enum weir_status stream(struct weir_request *req, struct weir_response *res)
{
	const struct weir_source source = { .next = stream_one, .state = weir_pool_zalloc(weir_request_pool(req), sizeof(bool)) };

	return weir_response_stream(res, "text/plain", &source);
}

/* It lasts until the body has passed, not only the head. */
static void test_cache_lease_of_a_stream_is_waited_for(void **state)
{
	struct weir_test_exchange *leader, *other;

	cache_sites_open_all(state, &patient);
	cache_app_handler = stream;
	leader = cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "streamed");
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "streamed");
	assert_int_equal(cache_app_runs, 1);
	cache_sites_close();
}

/* -- The backend fails ----------------------------------------------------------------------------------------------------- */

static void test_cache_lease_that_cannot_be_had_keeps_nobody_from_running(void **state)
{
	struct weir_test_exchange *others[2];

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	let_fail(WEIR_SHARED_LEASE, 0, 1);
	weir_test_hold_handlers(cache_sites[B], true);
	others[0] = cache_sites_start(B);
	others[1] = cache_sites_start(B);
	cache_sites_finish(B);
	cache_sites_expect(B, others[0], "MISS", "run 1");
	cache_sites_expect(B, others[1], "HIT", "run 1");
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "gives no lease"));
	assert_int_equal(cache_sites_stats(B).errors, 1);
	cache_sites_close();
}

static void test_cache_lease_table_that_is_full_keeps_nobody_from_running(void **state)
{
	cache_sites_open_all(state, &patient);
	weir_shared_backend_fail(cache_sites_backend, WEIR_SHARED_LEASE, 0, 1, WEIR_ERR_LIMIT);
	expect_get(cache_sites[A], "/page", "MISS", "run 1");
	expect_get(cache_sites[B], "/page", "HIT", "run 1"); /* it is stored all the same */
	cache_sites_close();
}

static void test_cache_lease_is_kept_when_the_second_read_fails(void **state)
{
	struct weir_test_exchange *leader, *other;

	cache_sites_open_all(state, &patient);
	let_fail(WEIR_SHARED_READ, 1, 1);
	leader = cache_sites_start_held(A);
	assert_int_equal(cache_app_lines(), 1);
	other = cache_sites_start(B);
	cache_sites_advance_ms(200);
	assert_null(weir_test_response(other));
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 1");
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "MISS", "run 2"); /* without the clear clock the first could not be stored */
	assert_int_equal(cache_app_lines(), 0);
	cache_sites_close();
}

static void test_cache_lease_watcher_runs_when_it_can_read_no_more(void **state)
{
	struct weir_test_exchange *others[2];

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	others[0] = cache_sites_start(B);
	others[1] = cache_sites_start(B);
	cache_sites_advance_ms(200);
	let_fail(WEIR_SHARED_READ, 0, 1);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, others[0], "MISS", "run 1");
	cache_sites_expect(B, others[1], "HIT", "run 1");
	assert_int_equal(cache_app_lines(), 1);
	cache_sites_close();
}

static void test_cache_lease_backend_that_fails_is_told_of_once(void **state)
{
	cache_sites_open_all(state, &patient);
	let_fail(WEIR_SHARED_LEASE, 0, 1);
	let_fail(WEIR_SHARED_READ, 1, 1);
	expect_get(cache_sites[A], "/page", "MISS", "run 1");
	assert_int_equal(cache_app_lines(), 1);
	assert_int_equal(cache_sites_stats(A).errors, 1);
	cache_sites_close();
}

static bool copy_key(void *state, struct weir_slice key, struct weir_slice value)
{
	struct weir_buffer *copy = state;

	(void)value;
	weir_buffer_append_slice(copy, key);
	return true;
}

/* Overwrites the only entry there is. */
static void damage_entry(void)
{
	struct weir_backend *backend = weir_cache_backend(weir_app_cache(weir_test_app(cache_sites[A])));
	struct weir_backend_set set = { .value = WEIR_SLICE_LITERAL("no entry"), .expires_ms = WEIR_EXPIRES_NEVER };
	struct weir_buffer copy;

	weir_buffer_init(&copy, 0);
	assert_int_equal(weir_backend_ops(backend)->walk(weir_backend_self(backend), WEIR_SLICE_NONE, false, copy_key, &copy), WEIR_OK);
	set.key = weir_buffer_slice(&copy);
	assert_int_equal(weir_backend_ops(backend)->set_many(weir_backend_self(backend), &set, 1), WEIR_OK);
	assert_int_equal(set.status, WEIR_OK);
	weir_buffer_finish(&copy);
}

static void test_cache_lease_watcher_tells_of_a_damaged_entry_once(void **state)
{
	struct weir_test_exchange *other;

	cache_sites_open_all(state, &patient);
	expect_get(cache_sites[A], "/page", "MISS", "run 1");
	damage_entry();
	(void)cache_sites_start_held(A);
	(void)cache_app_lines();
	other = cache_sites_start(B);
	cache_sites_advance_ms(1000);
	assert_int_equal(cache_app_lines(), 1); /* for the first look, and that with the lease */
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 2");
	cache_sites_close();
}

static void test_cache_lease_renewal_that_fails_is_tried_again(void **state)
{
	struct weir_test_exchange *other;

	cache_sites_open_all(state, &patient);
	let_fail(WEIR_SHARED_RENEW, 0, 1);
	(void)cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_sites_advance_ms(30000);
	assert_null(weir_test_response(other));
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "could not be renewed"));
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 1");
	cache_sites_close();
}

static void test_cache_lease_that_cannot_be_renewed_is_lost(void **state)
{
	struct weir_test_exchange *leader, *other;

	cache_sites_open_all(state, &patient);
	let_fail(WEIR_SHARED_RENEW, 0, 3);
	leader = cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_sites_advance_ms(10050);
	cache_sites_expect(B, other, "MISS", "run 1");
	cache_sites_advance_ms(20000);
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_RENEW], 4); /* the last has found out */
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 2");
	cache_sites_close();
}

static void test_cache_lease_that_cannot_be_given_back_runs_out(void **state)
{
	struct weir_test_exchange *other;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_app_handler = answer_privately;
	let_fail(WEIR_SHARED_RELEASE, 0, 1);
	cache_sites_finish(A);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "could not be given back"));
	cache_sites_advance_ms(9999);
	assert_null(weir_test_response(other));
	cache_app_handler = NULL;
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "MISS", "run 2");
	assert_int_equal(cache_sites_counts().done[WEIR_SHARED_RELEASE], 1);
	for (int i = A; i <= C; i++)
		weir_test_destroy(cache_sites[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CACHE_SITES_BOTH(test_cache_lease_watcher_leaves_and_another_watches),
		CACHE_SITES_BOTH(test_cache_lease_watcher_leaves_with_all_the_others),
		CACHE_SITES_BOTH(test_cache_lease_watcher_leaves_while_it_asks),
		CACHE_SITES_BOTH(test_cache_lease_leader_goes_on_without_its_client),
		CACHE_SITES_BOTH(test_cache_lease_head_waits_behind_a_watcher_and_never_watches),
		CACHE_SITES_BOTH(test_cache_lease_head_is_passed_over_by_a_watcher_who_leaves),
		CACHE_SITES_BOTH(test_cache_lease_reload_waits_for_nobody),
		CACHE_SITES_BOTH(test_cache_lease_of_a_reload_is_waited_for),
		CACHE_SITES_BOTH(test_cache_lease_of_a_stream_is_waited_for),
		CACHE_SITES_BOTH(test_cache_lease_that_cannot_be_had_keeps_nobody_from_running),
		CACHE_SITES_BOTH(test_cache_lease_table_that_is_full_keeps_nobody_from_running),
		CACHE_SITES_BOTH(test_cache_lease_is_kept_when_the_second_read_fails),
		CACHE_SITES_BOTH(test_cache_lease_watcher_runs_when_it_can_read_no_more),
		CACHE_SITES_BOTH(test_cache_lease_backend_that_fails_is_told_of_once),
		CACHE_SITES_BOTH(test_cache_lease_watcher_tells_of_a_damaged_entry_once),
		CACHE_SITES_BOTH(test_cache_lease_renewal_that_fails_is_tried_again),
		CACHE_SITES_BOTH(test_cache_lease_that_cannot_be_renewed_is_lost),
		CACHE_SITES_BOTH(test_cache_lease_that_cannot_be_given_back_runs_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
