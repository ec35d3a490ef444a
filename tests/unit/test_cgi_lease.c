/* SPDX-License-Identifier: Apache-2.0
 *
 * CGI programs that share a backend, each a thread here: one waits for what another makes, and waiting is sleeping. The machine's clock is
 * the only one that wakes a sleeper, so these few milliseconds are real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/app.h"
#include "runtime/cgi.h"
#include "support/shared_backend.h"

#define PROGRAMS 3

struct program {
	struct weir_app *app;
	pthread_t thread;
	enum weir_status status;
	char answer[1024];
};

static struct program programs[PROGRAMS];
static struct weir_shared_backend *shared;
static atomic_int runs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool first_may_end;

/* The first run takes as long as the test wants. */
static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	int run = atomic_fetch_add(&runs, 1) + 1;

	(void)req;
	pthread_mutex_lock(&lock);
	while (run == 1 && !first_may_end)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	return weir_response_text(res, "text/plain", "run %d", run);
}

static void let_first_end(void)
{
	pthread_mutex_lock(&lock);
	first_may_end = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void open_programs(const struct weir_cache_rule *rule)
{
	const struct weir_route routes[] = { { .path = "/page", .handler = make, .cache = rule }, { 0 } };
	struct weir_app_options options = { .name = "cgi", .routes = routes, .locked = true };
	struct weir_backend *memory;
	char why[200];

	options.log = &(const struct weir_log_options){ .level = WEIR_LOG_OFF };
	atomic_store(&runs, 0);
	first_may_end = false;
	assert_int_equal(weir_backend_open("memory:", NULL, why, sizeof(why), &memory), WEIR_OK);
	shared = weir_shared_backend_create(memory);
	assert_non_null(shared);
	for (int i = 0; i < PROGRAMS; i++) {
		options.cache.instance = weir_shared_backend_view(shared, i < 2); /* the last asks by jobs */
		assert_non_null(options.cache.instance);
		assert_int_equal(weir_app_create_with_cache(&options, NULL, why, sizeof(why), &programs[i].app), WEIR_OK);
		assert_int_equal(weir_app_check(programs[i].app), WEIR_OK);
	}
}

static void close_programs(void)
{
	for (int i = 0; i < PROGRAMS; i++)
		weir_app_destroy(programs[i].app);
}

static void *serve(void *state)
{
	struct program *program = state;
	char *environment[] = { "REQUEST_METHOD=GET", "REQUEST_URI=/page", "HTTP_HOST=localhost", NULL };
	FILE *in = tmpfile(), *out = tmpfile();
	ssize_t len;

	program->status = weir_cgi_serve(weir_app_service(program->app), weir_clock_system(), fileno(in), fileno(out), environment);
	len = pread(fileno(out), program->answer, sizeof(program->answer) - 1, 0);
	program->answer[len < 0 ? 0 : len] = '\0';
	fclose(in);
	fclose(out);
	return NULL;
}

static void start(int program)
{
	assert_int_equal(pthread_create(&programs[program].thread, NULL, serve, &programs[program]), 0);
}

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

static void expect(int program, const char *field, const char *body)
{
	const char *end;

	pthread_join(programs[program].thread, NULL);
	assert_int_equal(programs[program].status, WEIR_OK);
	assert_non_null(strstr(programs[program].answer, field));
	end = strstr(programs[program].answer, "\r\n\r\n");
	assert_non_null(end);
	assert_string_equal(end + 4, body);
}

static void test_cgi_lease_is_waited_for(void **state)
{
	static const struct weir_cache_rule rule = { .with_lock = true };

	(void)state;
	open_programs(&rule);
	start(0);
	wait_for_leases(1);
	start(1);
	start(2);
	wait_for_leases(9); /* both have looked more than once */
	let_first_end();
	expect(0, "X-Weir-Cache: MISS", "run 1");
	expect(1, "Cache-Status: weir; fwd=uri-miss; collapsed", "run 1");
	expect(2, "Cache-Status: weir; fwd=uri-miss; collapsed", "run 1");
	assert_int_equal(counts().done[WEIR_SHARED_RELEASE], counts().done[WEIR_SHARED_LEASE]);
	close_programs();
}

/* Nothing renews it while the handler runs, so it is taken for as long as others wait. */
static void test_cgi_lease_lasts_as_long_as_others_wait(void **state)
{
	static const struct weir_cache_rule rules[] = { { .with_lock = true, .lock_timeout_ms = 45000 },
							{ .with_lock = true, .lock_timeout_ms = 500 } };
	static const int64_t ttls_ms[] = { 45000, 10000 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		open_programs(&rules[i]);
		let_first_end();
		start(0);
		expect(0, "X-Weir-Cache: MISS", "run 1");
		assert_true(counts().ttl_ms == ttls_ms[i]);
		close_programs();
	}
}

static void test_cgi_lease_is_waited_for_no_longer_than_the_lock_says(void **state)
{
	static const struct weir_cache_rule rule = { .with_lock = true, .lock_timeout_ms = 30 };

	(void)state;
	open_programs(&rule);
	start(0);
	wait_for_leases(1);
	start(1);
	expect(1, "X-Weir-Cache: MISS", "run 2");
	start(2);
	expect(2, "X-Weir-Cache: HIT", "run 2");
	let_first_end();
	expect(0, "X-Weir-Cache: MISS", "run 1");
	close_programs();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgi_lease_is_waited_for),
		cmocka_unit_test(test_cgi_lease_lasts_as_long_as_others_wait),
		cmocka_unit_test(test_cgi_lease_is_waited_for_no_longer_than_the_lock_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
