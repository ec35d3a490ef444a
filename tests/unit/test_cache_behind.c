/* SPDX-License-Identifier: Apache-2.0
 *
 * A making in the background that is over before the cache sees it again, be it for want of time or of memory: whoever waits for it is let
 * go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exchange/background.h"
#include "support/cache_app.h"

static const struct weir_cache_rule hurried = { .expire_s = 60, .hard_timeout_ms = 500 };
static const struct weir_cache_rule plain = { .expire_s = 60 };

/* What a host does at the last of its deadlines. */
static enum weir_status end_backgrounds(struct weir_request *req, struct weir_response *res)
{
	struct weir_host *host = weir_exchange_of(req)->host;

	assert_int_equal(host->background_count, 1);
	weir_background_end(host, true);
	return weir_response_text(res, "text/plain", "ended");
}

static const struct weir_route routes[] = {
	{ .path = "/page", .handler = cache_app_handle, .cache = &hurried },
	{ .path = "/end", .handler = end_backgrounds, .cache = &plain, .nonblocking = true },
	{ 0 },
};

/* Both reads are back at once: the first request has another sent, and before that has its turn the second one ends it. */
static void test_cache_behind_ended_before_its_turn_keeps_nobody_waiting(void **state)
{
	struct weir_test *test = cache_app_remote_routes(routes);
	struct weir_test_exchange *page, *end;

	(void)state;
	page = weir_test_start(test, &(const struct weir_test_request){ .target = "/page" });
	end = weir_test_start(test, &(const struct weir_test_request){ .target = "/end" });
	weir_test_run(test);
	expect_answer(test, weir_test_response(end), "MISS", "ended");
	expect_answer(test, weir_test_response(page), "MISS", "run 1"); /* by itself */
	expect_get(test, "/page", "HIT", "run 1");
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_behind_ended_before_its_turn_keeps_nobody_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
