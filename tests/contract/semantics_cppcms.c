/* SPDX-License-Identifier: Apache-2.0
 *
 * Semantics: what CppCMS has, tags that go to the page around, and six things in which it fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "semantics_hosts.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };
static const struct weir_cache_rule locked = { .expire_s = 60, .with_lock = true, .lock_timeout_ms = 3000 };

static enum weir_status run_tagged(struct weir_call *call, const void *args, void *result)
{
	(void)args;
	cache_app_runs++;
	weir_call_add_tag(call, "item 17");
	*(int64_t *)result = 17;
	return WEIR_OK;
}

static const struct weir_function tagged = { .name = "tagged", .run = run_tagged, .coder = &weir_coder_int, .cache = { .expire_s = 600 } };

static enum weir_status show_tagged(struct weir_request *req, struct weir_response *res)
{
	int64_t result = 0;

	assert_int_equal(weir_call(req, &tagged, NULL, &result), WEIR_OK);
	return cache_app_answer(res);
}

/* Whether the function runs or is found: the page carries its tags. */
static void test_cppcms_tags_go_to_the_page_around(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);

	cache_app_handler = show_tagged;
	expect_get(one, "/page/1", "MISS", "run 2");
	expect_get(other, "/page/2", "MISS", "run 3"); /* the function's value is found */
	assert_int_equal(weir_cache_clear_tag(semantics_cache(one), "item 1", NULL), WEIR_OK);
	expect_get(other, "/page/1", "HIT", "run 2");
	expect_get(one, "/page/3", "MISS", "run 4"); /* it still is */
	assert_int_equal(weir_cache_clear_tag(semantics_cache(one), "item 17", NULL), WEIR_OK);
	expect_get(other, "/page/1", "MISS", "run 6");
	expect_get(one, "/page/2", "MISS", "run 7");
	expect_get(one, "/page/3", "MISS", "run 8");
	expect_get(one, "/page/1", "HIT", "run 6");
}

static enum weir_status answer_tagged(struct weir_request *req, struct weir_response *res)
{
	weir_call_add_tag(weir_request_call(req), "roads");
	return cache_app_answer(res);
}

/* The stale page stayed for ever. */
static void test_cppcms_tag_is_cleared_while_the_page_is_made(void **state)
{
	struct weir_test *one = semantics_open(state, NULL, &minute), *other = semantics_join(state, NULL, &minute);
	struct weir_test_exchange *making = semantics_start_held(one, "/page");

	cache_app_handler = answer_tagged;
	assert_int_equal(weir_cache_clear_tag(semantics_cache(other), "roads", NULL), WEIR_OK);
	semantics_finish(state, one);
	expect_answer(one, weir_test_response(making), "MISS", "run 1");
	expect_get(other, "/page", "MISS", "run 2");
	expect_get(one, "/page", "HIT", "run 2");
}

/* All 16 made it. */
static void test_cppcms_sixteen_misses_at_once(void **state)
{
	struct weir_test *hosts[] = { semantics_open(state, NULL, &locked), semantics_join(state, NULL, &locked) };
	struct weir_test_exchange *misses[16];

	for (int i = 0; i < 16; i++)
		misses[i] = semantics_start_held(hosts[i % 2], "/page");
	semantics_advance_ms(state, 300);
	weir_test_hold_handlers(hosts[1], false);
	semantics_finish(state, hosts[0]);
	expect_answer(hosts[0], weir_test_response(misses[0]), "MISS", "run 1");
	for (int i = 1; i < 16; i++)
		expect_answer(hosts[i % 2], weir_test_response(misses[i]), "HIT", "run 1");
	assert_int_equal(cache_app_runs, 1);
}

static enum weir_status answer_missing(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_error(res, 404, "no such page");
}

/* It came back as a 200. */
static void test_cppcms_404_stays_a_404(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &minute);
	const struct weir_test_response *miss, *hit;

	cache_app_handler = answer_missing;
	miss = weir_test_get(host, "/page");
	hit = weir_test_get(host, "/page");
	assert_int_equal(miss->status, 404);
	assert_int_equal(hit->status, 404);
	expect_field(host, hit, "X-Weir-Cache", "HIT");
	expect_field(host, hit, "Content-Type", weir_test_field(host, miss, "Content-Type"));
	assert_int_equal(cache_app_runs, 1);
}

/* Says 'y' when it has asked for the lease. Should anything go wrong here, the process ends all the same. */
static _Noreturn void hold_for_ever(void **state, int ready)
{
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(60);
	(void)semantics_start_held(semantics_join(state, NULL, &locked), "/page");
	byte = (char)(strchr(semantics_calls(state), SEMANTICS_TAKE) ? 'y' : 'n');
	(void)!write(ready, &byte, 1);
	for (;;)
		(void)pause();
}

/* A process that holds the lease of /page, and never does anything else. */
static pid_t start_holder(void **state)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		hold_for_ever(state, ready[1]);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	assert_int_equal(byte, 'y');
	return pid;
}

static void kill_holder(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The cache was wedged for good. */
static void test_cppcms_holder_of_the_lock_is_killed(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &locked);
	pid_t holder = start_holder(state);
	struct weir_test_exchange *waits = cache_app_start(host, "/page", NULL);

	semantics_advance_ms(state, 1000);
	if (weir_test_response(waits)) {
		kill_holder(holder);
		fail_msg("nobody was waited for");
	}
	kill_holder(holder);
	semantics_advance_ms(state, 2000);
	expect_answer(host, weir_test_response(waits), "MISS", "run 1");
	expect_get(host, "/page", "HIT", "run 1");
	expect_get(host, "/page/2", "MISS", "run 2");
}

/* Every page was a 500. */
static void test_cppcms_backend_is_down(void **state)
{
	struct weir_test *host = semantics_open(state, NULL, &locked);
	char target[16], body[16];
	int64_t result = 0;

	semantics_refuse(state, SEMANTICS_ALL);
	for (int i = 1; i <= 20; i++) {
		(void)snprintf(target, sizeof(target), "/page/%d", i % 3);
		(void)snprintf(body, sizeof(body), "run %d", i);
		expect_get(host, target, "MISS", body);
	}
	assert_int_equal(weir_cache_call(semantics_cache(host), semantics_pool(state), &tagged, NULL, &result), WEIR_OK);
	assert_int_equal(result, 17);
	semantics_refuse(state, "");
	semantics_advance_ms(state, 2000); /* within which it is found to be back */
	expect_get(host, "/page", "MISS", "run 22");
	expect_get(host, "/page", "HIT", "run 22");
}

const struct CMUnitTest semantics_cppcms_tests[] = {
	cmocka_unit_test(test_cppcms_tags_go_to_the_page_around),   cmocka_unit_test(test_cppcms_tag_is_cleared_while_the_page_is_made),
	cmocka_unit_test(test_cppcms_sixteen_misses_at_once),       cmocka_unit_test(test_cppcms_404_stays_a_404),
	cmocka_unit_test(test_cppcms_holder_of_the_lock_is_killed), cmocka_unit_test(test_cppcms_backend_is_down),
};

const size_t semantics_cppcms_test_count = sizeof(semantics_cppcms_tests) / sizeof(semantics_cppcms_tests[0]);
