/* SPDX-License-Identifier: Apache-2.0
 *
 * The lock of a rule across processes and hosts: of all sites that miss on one key one runs the handler, and the others find what it has
 * stored; or have the lease when it is let go of or runs out, or take over when it takes too long. Each test is run with backends that are
 * called on the spot and with backends that are asked by jobs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_sites.h"

static const struct weir_cache_rule patient = { .expire_s = 600, .ns = "pages", .with_lock = true };
static const struct weir_cache_rule hasty = { .expire_s = 600, .ns = "pages", .with_lock = true, .lock_timeout_ms = 3000 };

static enum weir_status break_down(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_ERR_IO;
}

static enum weir_status answer_privately(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "Cache-Control", "private");
	return cache_app_answer(res);
}

/* -- Who waits finds what is stored ---------------------------------------------------------------------------------------- */

static void test_cache_lease_one_runs_for_all_sites(void **state)
{
	struct weir_test_exchange *leader, *others[2];

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	others[0] = cache_sites_start(B);
	others[1] = cache_sites_start(C);
	cache_sites_advance_ms(500);
	assert_null(weir_test_response(others[0]));
	assert_null(weir_test_response(others[1]));
	assert_int_equal(cache_sites_stats(B).misses, 0);
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 1");
	cache_sites_advance_ms(50);
	for (int i = 0; i < 2; i++) {
		cache_sites_expect(B + i, others[i], "HIT", "run 1");
		expect_field(cache_sites[B + i], weir_test_response(others[i]), "Cache-Status", "weir; fwd=uri-miss; collapsed");
		assert_int_equal(cache_sites_stats(B + i).coalesced, 1);
	}
	assert_int_equal(cache_app_runs, 1);
	assert_int_equal(cache_app_lines(), 0);
	cache_sites_close();
}

static void test_cache_lease_one_of_a_herd_watches_for_all(void **state)
{
	struct weir_test_exchange *herd[20];
	size_t reads;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	for (int i = 0; i < 20; i++)
		herd[i] = cache_sites_start(B);
	reads = cache_sites_counts().calls[WEIR_SHARED_READ];
	cache_sites_advance_ms(1000);
	/* 1 + 2 + 4 + 8 + 16 + 32 ms, then one each 50 */
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_READ] - reads, 6 + (1000 - 63) / 50);
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	for (int i = 0; i < 20; i++)
		cache_sites_expect(B, herd[i], "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	assert_int_equal(cache_sites_stats(B).coalesced, 20);
	cache_sites_close();
}

static void test_cache_lease_is_asked_for_on_a_miss_of_a_rule_with_lock_only(void **state)
{
	static const struct weir_cache_rule unlocked = { .expire_s = 600 };

	cache_sites_open_all(state, &patient);
	expect_get(cache_sites[A], "/page", "MISS", "run 1");
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_LEASE], 1);
	/* The lookup, the second look under the lease; and of a remote backend the cells beside the write. */
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_READ], *state == &cache_sites_local ? 2 : 3);
	assert_int_equal(cache_sites_counts().ttl_ms, 10000);
	expect_get(cache_sites[A], "/page", "HIT", "run 1");
	expect_get(cache_sites[B], "/page", "HIT", "run 1");
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_LEASE], 1);
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_READ], *state == &cache_sites_local ? 4 : 5);
	cache_sites_close();
	cache_sites_open_all(state, &unlocked);
	expect_get(cache_sites[A], "/page", "MISS", "run 1");
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_LEASE], 0);
	cache_sites_close();
}

static void answer_at_c(void)
{
	expect_get(cache_sites[C], "/page", "MISS", "run 1");
}

/* Between its first look and its lease another site has made and stored the value. */
static void test_cache_lease_that_comes_late_finds_the_value(void **state)
{
	struct weir_test_exchange *late;

	cache_sites_open_all(state, &patient);
	weir_shared_backend_before_lease(cache_sites_backend, answer_at_c);
	late = cache_sites_start(B);
	cache_sites_expect(B, late, "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	assert_int_equal(cache_sites_stats(B).coalesced, 0);
	assert_int_equal(cache_sites_counts().done[WEIR_SHARED_RELEASE], 2);
	cache_sites_close();
}

/* -- Who waits has its turn ------------------------------------------------------------------------------------------------ */

static void test_cache_lease_is_free_when_the_leader_fails(void **state)
{
	struct weir_test_exchange *leader, *other;

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_app_handler = break_down;
	cache_sites_finish(A);
	assert_int_equal(weir_test_response(leader)->status, 500);
	cache_app_handler = NULL;
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "MISS", "run 2");
	cache_sites_close();
}

static void test_cache_lease_is_free_when_the_answer_may_not_be_shared(void **state)
{
	struct weir_test_exchange *leader, *others[2];

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	others[0] = cache_sites_start(B);
	others[1] = cache_sites_start(B);
	cache_app_handler = answer_privately;
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 1");
	cache_app_handler = NULL;
	cache_sites_advance_ms(50);
	cache_sites_expect(B, others[0], "MISS", "run 2");
	cache_sites_expect(B, others[1], "HIT", "run 2");
	cache_sites_close();
}

static void test_cache_lease_runs_out_when_the_leader_dies(void **state)
{
	struct weir_test_exchange *other;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	cache_sites_stopped[A] = true;
	other = cache_sites_start(B);
	cache_sites_advance_ms(9999);
	assert_null(weir_test_response(other));
	cache_sites_advance_ms(51);
	cache_sites_expect(B, other, "MISS", "run 1");
	expect_get(cache_sites[C], "/page", "HIT", "run 1");
	assert_int_equal(cache_app_lines(), 0);
	cache_sites_close();
}

static void test_cache_lease_is_renewed_while_the_handler_runs(void **state)
{
	struct weir_test_exchange *other;

	cache_sites_open_all(state, &patient);
	(void)cache_sites_start_held(A);
	other = cache_sites_start(B);
	cache_sites_advance_ms(45000);
	assert_null(weir_test_response(other));
	assert_int_equal(cache_sites_counts().done[WEIR_SHARED_RENEW], 45000 / 3333);
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	cache_sites_expect(B, other, "HIT", "run 1");
	cache_sites_advance_ms(10000);
	assert_int_equal(cache_sites_counts().calls[WEIR_SHARED_RENEW], 45000 / 3333);
	cache_sites_close();
}

/* What was begun before a clear keeps nobody from making the value anew. */
static void test_cache_lease_is_of_no_account_after_a_clear(void **state)
{
	struct weir_test_exchange *leader, *watching, *after;

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	watching = cache_sites_start_held(B);
	cache_sites_advance_ms(200);
	cache_sites_clear(C);
	after = cache_sites_start(C);
	cache_sites_expect(C, after, "MISS", "run 1");
	cache_sites_advance_ms(50);
	cache_sites_expect(B, watching, "HIT", "run 1");
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 2");
	expect_get(cache_sites[C], "/page", "MISS", "run 3"); /* what A has stored last is older than the clear */
	expect_get(cache_sites[A], "/page", "HIT", "run 3");
	cache_sites_close();
}

static void test_cache_lease_is_had_by_who_watched_when_a_clear_came(void **state)
{
	struct weir_test_exchange *leader, *others[2];

	cache_sites_open_all(state, &patient);
	leader = cache_sites_start_held(A);
	others[0] = cache_sites_start_held(B);
	others[1] = cache_sites_start_held(C);
	cache_sites_advance_ms(200);
	cache_sites_clear(A);
	cache_sites_advance_ms(200);
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 1");
	cache_sites_advance_ms(200);
	assert_null(weir_test_response(others[0]));
	assert_null(weir_test_response(others[1]));
	assert_int_equal(cache_sites_stats(B).misses + cache_sites_stats(C).misses, 1);
	cache_sites_finish(B);
	cache_sites_finish(C);
	cache_sites_advance_ms(50);
	assert_int_equal(cache_app_runs, 2);
	expect_get(cache_sites[A], "/page", "HIT", "run 2");
	cache_sites_close();
}

static void test_cache_lease_is_not_given_back_by_another(void **state)
{
	struct weir_test_exchange *dead, *second, *third;

	cache_sites_open_all(state, &patient);
	dead = cache_sites_start_held(A);
	cache_sites_stopped[A] = true;
	second = cache_sites_start_held(B);
	cache_sites_advance_ms(10050);
	assert_int_equal(cache_sites_stats(B).misses, 1);
	cache_app_handler = answer_privately;
	cache_sites_stopped[A] = false;
	cache_sites_finish(A);
	cache_sites_advance_ms(1);
	cache_sites_expect(A, dead, "MISS", "run 1");
	cache_app_handler = NULL;
	third = cache_sites_start(C);
	cache_sites_advance_ms(500);
	assert_null(weir_test_response(third)); /* the second has it still */
	cache_sites_finish(B);
	cache_sites_expect(B, second, "MISS", "run 2");
	cache_sites_advance_ms(50);
	cache_sites_expect(C, third, "HIT", "run 2");
	cache_sites_close();
}

/* -- When it takes too long ------------------------------------------------------------------------------------------------ */

static void test_cache_lease_is_taken_over_by_one_at_the_timeout(void **state)
{
	struct weir_test_exchange *leader, *others[2], *behind;

	cache_sites_open_all(state, &hasty);
	leader = cache_sites_start_held(A);
	others[0] = cache_sites_start_held(B);
	others[1] = cache_sites_start_held(C);
	behind = cache_sites_start(C);
	cache_sites_advance_ms(2999);
	assert_int_equal(cache_sites_stats(B).misses + cache_sites_stats(C).misses, 0);
	cache_sites_advance_ms(2000);
	assert_int_equal(cache_sites_stats(B).misses, 1);
	assert_int_equal(cache_sites_stats(C).misses, 0);
	assert_int_equal(cache_app_lines(), 1);
	assert_non_null(strstr(cache_app_line, "takes longer than the lock's timeout"));
	cache_sites_finish(B);
	cache_sites_expect(B, others[0], "MISS", "run 1");
	cache_sites_advance_ms(50);
	cache_sites_expect(C, others[1], "HIT", "run 1");
	cache_sites_expect(C, behind, "HIT", "run 1");
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 2");
	cache_sites_close();
}

static void test_cache_lease_is_given_up_at_the_second_timeout(void **state)
{
	struct weir_test_exchange *others[2], *behind;

	cache_sites_open_all(state, &hasty);
	(void)cache_sites_start_held(A);
	others[0] = cache_sites_start_held(B);
	others[1] = cache_sites_start_held(C);
	cache_sites_advance_ms(1000);
	behind = cache_sites_start(C);
	cache_sites_advance_ms(4999);
	assert_null(weir_test_response(others[1]));
	cache_sites_advance_ms(1);
	assert_null(weir_test_response(others[0])); /* has taken over */
	assert_int_equal(weir_test_response(others[1])->status, 503);
	expect_field(cache_sites[C], weir_test_response(others[1]), "Retry-After", "1");
	cache_sites_advance_ms(999);
	assert_null(weir_test_response(behind)); /* watches in its place, and has its own time */
	cache_sites_advance_ms(1);
	assert_int_equal(weir_test_response(behind)->status, 503);
	cache_sites_finish(A);
	cache_sites_finish(B);
	cache_sites_close();
}

/* The leader's own site has those who wait too: they are not one more. */
static void test_cache_lease_is_taken_over_by_one_of_all_sites(void **state)
{
	struct weir_test_exchange *waiting, *watching;

	cache_sites_open_all(state, &hasty);
	(void)cache_sites_start_held(A);
	waiting = cache_sites_start(A);
	watching = cache_sites_start_held(B);
	cache_sites_advance_ms(3001);
	assert_int_equal(cache_sites_stats(A).misses + cache_sites_stats(B).misses, 2);
	cache_sites_finish(B);
	cache_sites_finish(A);
	cache_sites_advance_ms(50);
	assert_int_equal(cache_app_runs, 2);
	assert_non_null(weir_test_response(waiting));
	assert_non_null(weir_test_response(watching));
	cache_sites_close();
}

/* Who was to take over, and watches because another site has, is answered by the leader of its own site all the same. */
static void test_cache_lease_watcher_is_answered_from_its_own_flight(void **state)
{
	struct weir_test_exchange *leader, *other;

	cache_sites_open_all(state, &hasty);
	leader = cache_sites_start_held(A);
	(void)cache_sites_start_held(B);
	cache_sites_advance_ms(1);
	other = cache_sites_start(A);
	cache_sites_advance_ms(3500);
	assert_int_equal(cache_sites_stats(B).misses, 1);
	assert_int_equal(cache_sites_stats(A).misses, 1);
	weir_shared_backend_fail(cache_sites_backend, WEIR_SHARED_WRITE, 0, 1, WEIR_ERR_LIMIT);
	cache_sites_finish(A);
	cache_sites_expect(A, leader, "MISS", "run 1");
	cache_sites_advance_ms(50);
	cache_sites_expect(A, other, "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
	cache_sites_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CACHE_SITES_BOTH(test_cache_lease_one_runs_for_all_sites),
		CACHE_SITES_BOTH(test_cache_lease_one_of_a_herd_watches_for_all),
		CACHE_SITES_BOTH(test_cache_lease_is_asked_for_on_a_miss_of_a_rule_with_lock_only),
		CACHE_SITES_BOTH(test_cache_lease_that_comes_late_finds_the_value),
		CACHE_SITES_BOTH(test_cache_lease_is_free_when_the_leader_fails),
		CACHE_SITES_BOTH(test_cache_lease_is_free_when_the_answer_may_not_be_shared),
		CACHE_SITES_BOTH(test_cache_lease_runs_out_when_the_leader_dies),
		CACHE_SITES_BOTH(test_cache_lease_is_renewed_while_the_handler_runs),
		CACHE_SITES_BOTH(test_cache_lease_is_of_no_account_after_a_clear),
		CACHE_SITES_BOTH(test_cache_lease_is_had_by_who_watched_when_a_clear_came),
		CACHE_SITES_BOTH(test_cache_lease_is_not_given_back_by_another),
		CACHE_SITES_BOTH(test_cache_lease_is_taken_over_by_one_at_the_timeout),
		CACHE_SITES_BOTH(test_cache_lease_is_given_up_at_the_second_timeout),
		CACHE_SITES_BOTH(test_cache_lease_is_taken_over_by_one_of_all_sites),
		CACHE_SITES_BOTH(test_cache_lease_watcher_is_answered_from_its_own_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
