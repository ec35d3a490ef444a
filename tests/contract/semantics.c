/* SPDX-License-Identifier: Apache-2.0
 *
 * The suite's main function, and the hosts that its tests are about.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "semantics.h"
#include "semantics_hosts.h"
#include "semantics_witness.h"
#include "support/fake_clock.h"

#define HOSTS_MAX 2
#define TESTS_MAX 128

/* Several hosts take turns, so long each. */
#define TURN_MS 10

/* A server's clock runs by itself, so it is always that much behind: what a test takes of real time comes on top. And it is told rarely,
 * because it may take a second for it. */
#define SERVER_BEHIND_MS 5000

struct host {
	struct weir_backend *handle; /* the driver's */
	struct semantics_witness witness;
	struct weir_test *app;
};

/* The state of a test. */
struct stage {
	struct weir_fake_clock clock;
	struct weir_backend_env env;
	struct semantics_notes notes;
	struct weir_pool *pool;
	struct host hosts[HOSTS_MAX];
	size_t host_count;
	int64_t behind_ms; /* that the driver's server has not been told of */
};

static struct weir_contract_driver tested;
static struct weir_backend *(*tested_join)(const struct weir_backend_env *env);
static struct stage *current;

/* -- Hosts ----------------------------------------------------------------------------------------------------------------- */

static struct weir_test *add_host(struct stage *stage, struct weir_backend *handle, const struct weir_cache_options *options,
				  const struct weir_cache_rule *rule)
{
	struct weir_cache_options own = options ? *options : (struct weir_cache_options){ 0 };
	struct host *host = &stage->hosts[stage->host_count];

	assert_non_null(handle);
	host->handle = handle;
	own.instance = semantics_witness_init(&host->witness, handle, &stage->notes);
	assert_non_null(own.instance);
	stage->host_count++;
	host->app = cache_app_with(&own, rule);
	return host->app;
}

struct weir_test *semantics_open(void *const *state, const struct weir_cache_options *options, const struct weir_cache_rule *rule)
{
	struct stage *stage = *state;

	assert_int_equal(stage->host_count, 0);
	return add_host(stage, tested.open(&stage->env, WEIR_CONTRACT_SIZE), options, rule);
}

struct weir_test *semantics_join(void *const *state, const struct weir_cache_options *options, const struct weir_cache_rule *rule)
{
	struct stage *stage = *state;

	assert_int_equal(stage->host_count, 1);
	return add_host(stage, tested_join ? tested_join(&stage->env) : stage->hosts[0].handle, options, rule);
}

void semantics_add_route(struct weir_test *host, const char *path, const struct weir_cache_rule *rule)
{
	const struct weir_route route = { .path = path, .handler = cache_app_handle, .cache = rule };

	assert_int_equal(weir_app_route(weir_test_app(host), &route), WEIR_OK);
}

void semantics_add_function(struct weir_test *host, const char *path, const struct weir_function *function)
{
	const struct weir_route route = { .path = path, .function = function };

	assert_int_equal(weir_app_route(weir_test_app(host), &route), WEIR_OK);
}

struct weir_cache *semantics_cache(struct weir_test *host)
{
	return weir_app_cache(weir_test_app(host));
}

struct weir_pool *semantics_pool(void *const *state)
{
	struct stage *stage = *state;

	return stage->pool;
}

/* -- Time ------------------------------------------------------------------------------------------------------------------ */

static void advance_once(struct stage *stage, int64_t ms)
{
	weir_fake_clock_advance_ms(&stage->clock, ms);
	stage->behind_ms += ms;
	if (tested.advance_ms && stage->behind_ms >= 2 * SERVER_BEHIND_MS) {
		tested.advance_ms(stage->behind_ms - SERVER_BEHIND_MS);
		stage->behind_ms = SERVER_BEHIND_MS;
	}
	for (size_t i = 0; i < stage->host_count; i++)
		weir_test_advance_ms(stage->hosts[i].app, ms);
}

void semantics_advance_ms(void *const *state, int64_t ms)
{
	struct stage *stage = *state;

	for (; stage->host_count > 1 && ms > TURN_MS; ms -= TURN_MS)
		advance_once(stage, TURN_MS);
	advance_once(stage, ms);
}

struct weir_test_exchange *semantics_start_held(struct weir_test *host, const char *target)
{
	weir_test_hold_handlers(host, true);
	return cache_app_start(host, target, NULL);
}

/* Who watches what another host does asks now and then. */
void semantics_finish(void *const *state, struct weir_test *host)
{
	weir_test_hold_handlers(host, false);
	weir_test_run(host);
	semantics_advance_ms(state, 60);
}

/* -- The witness ----------------------------------------------------------------------------------------------------------- */

const char *semantics_calls(void *const *state)
{
	static char calls[sizeof(((struct semantics_notes *)0)->calls)];
	struct stage *stage = *state;
	bool written = false;
	size_t len = 0;

	for (size_t i = 0; i < stage->notes.len; i++) {
		written = written || stage->notes.calls[i] == SEMANTICS_WRITE;
		if (!written || stage->notes.calls[i] != SEMANTICS_LOOK)
			calls[len++] = stage->notes.calls[i];
	}
	calls[len] = '\0';
	stage->notes.len = 0;
	return calls;
}

void semantics_note(char call)
{
	semantics_notes_add(&current->notes, call);
}

void semantics_refuse(void *const *state, const char *calls)
{
	struct stage *stage = *state;

	stage->notes.refused = calls;
}

/* -- The suite ------------------------------------------------------------------------------------------------------------- */

static int set_stage(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	if (!stage)
		abort();
	weir_fake_clock_init(&stage->clock);
	stage->env.clock = &stage->clock.clock;
	stage->notes.refused = "";
	stage->pool = weir_pool_create(0);
	current = stage;
	*state = stage;
	return stage->pool ? 0 : -1;
}

static int strike_stage(void **state)
{
	struct stage *stage = *state;

	for (size_t i = 0; i < stage->host_count; i++)
		weir_test_destroy(stage->hosts[i].app);
	for (size_t i = 0; i < stage->host_count; i++)
		if (i == 0 || tested_join)
			tested.close(stage->hosts[i].handle);
	weir_pool_destroy(stage->pool);
	free(stage);
	return 0;
}

static size_t add_tests(struct CMUnitTest *all, size_t count, const struct CMUnitTest *tests, size_t more)
{
	if (count + more > TESTS_MAX)
		abort();
	for (size_t i = 0; i < more; i++) {
		all[count + i] = tests[i];
		all[count + i].setup_func = set_stage;
		all[count + i].teardown_func = strike_stage;
	}
	return count + more;
}

int weir_semantics_main(const struct weir_contract_driver *driver, struct weir_backend *(*join)(const struct weir_backend_env *env))
{
	struct CMUnitTest tests[TESTS_MAX];
	size_t count = 0;

	tested = *driver;
	tested_join = join;
	if (!tested.close)
		tested.close = weir_backend_close;
	count = add_tests(tests, count, semantics_setup_tests, semantics_setup_test_count);
	count = add_tests(tests, count, semantics_rule_tests, semantics_rule_test_count);
	count = add_tests(tests, count, semantics_step_tests, semantics_step_test_count);
	count = add_tests(tests, count, semantics_coder_tests, semantics_coder_test_count);
	count = add_tests(tests, count, semantics_backend_tests, semantics_backend_test_count);
	count = add_tests(tests, count, semantics_mistake_tests, semantics_mistake_test_count);
	count = add_tests(tests, count, semantics_cppcms_tests, semantics_cppcms_test_count);
	count = add_tests(tests, count, semantics_missed_tests, semantics_missed_test_count);
	return _cmocka_run_group_tests(driver->name, tests, count, NULL, NULL);
}
