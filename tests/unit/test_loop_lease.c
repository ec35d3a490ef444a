/* SPDX-License-Identifier: Apache-2.0
 *
 * Two real loops, each with its handler threads and the I/O thread of its view of one backend: who waits on one is answered by who leads on
 * the other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <stdatomic.h>

#include "support/loop_app.h"
#include "support/shared_backend.h"

#define WAITING 5

static struct weir_app *apps[2];
static struct loop_app *servers[2];
static struct weir_shared_backend *shared;
static atomic_int runs;
static atomic_bool may_end;

/* Takes as long as the test wants. */
static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	int run = atomic_fetch_add(&runs, 1) + 1;

	(void)req;
	while (!atomic_load(&may_end))
		sched_yield();
	return weir_response_text(res, "text/plain", "run %d", run);
}

static void open_servers(bool local)
{
	static const struct weir_cache_rule rule = { .with_lock = true };
	static const struct weir_route routes[] = { { .path = "/page", .handler = make, .cache = &rule }, { 0 } };

	atomic_store(&runs, 0);
	atomic_store(&may_end, false);
	shared = weir_shared_backend_create(loop_app_memory());
	assert_non_null(shared);
	for (int i = 0; i < 2; i++)
		apps[i] = loop_app_make(&(struct weir_app_options){ .routes = routes }, weir_shared_backend_view(shared, local));
	for (int i = 0; i < 2; i++)
		servers[i] = loop_app_start(apps[i]);
}

static void close_servers(void)
{
	for (int i = 0; i < 2; i++)
		loop_app_stop(servers[i]);
	for (int i = 0; i < 2; i++)
		weir_app_destroy(apps[i]);
}

/* -- Tests ----------------------------------------------------------------------------------------------------------------- */

static struct weir_shared_counts counts(void)
{
	struct weir_shared_counts counted;

	weir_shared_backend_counts(shared, &counted);
	return counted;
}

static void wait_for_leases(size_t calls)
{
	while (counts().calls[WEIR_SHARED_LEASE] < calls)
		sched_yield();
}

static void share(bool local)
{
	int leader, waiting[WAITING];

	open_servers(local);
	leader = loop_app_ask(servers[0], "/page");
	wait_for_leases(1);
	for (int i = 0; i < WAITING; i++)
		waiting[i] = loop_app_ask(servers[1], "/page");
	wait_for_leases(6);
	atomic_store(&may_end, true);
	expect_loop_answer(leader, "X-Weir-Cache: MISS", "run 1");
	for (int i = 0; i < WAITING; i++)
		expect_loop_answer(waiting[i], "X-Weir-Cache: HIT", "run 1");
	assert_int_equal(atomic_load(&runs), 1);
	while (counts().done[WEIR_SHARED_RELEASE] < counts().done[WEIR_SHARED_LEASE])
		sched_yield();
	close_servers();
}

static void test_loop_lease_is_waited_for(void **state)
{
	(void)state;
	share(true);
}

static void test_loop_lease_of_a_remote_backend_is_waited_for(void **state)
{
	(void)state;
	share(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loop_lease_is_waited_for),
		cmocka_unit_test(test_loop_lease_of_a_remote_backend_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
