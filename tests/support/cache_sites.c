/* SPDX-License-Identifier: Apache-2.0
 *
 * Apps that share a backend, and the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_sites.h"
#include "support/fake_clock.h"

struct weir_test *cache_sites[CACHE_SITES_MAX];
struct weir_shared_backend *cache_sites_backend;
bool cache_sites_stopped[CACHE_SITES_MAX];

static struct weir_fake_clock clock_of_backend;
static int64_t missed_ms[CACHE_SITES_MAX]; /* of those that are stopped */

void cache_sites_open(size_t count, unsigned local, const struct weir_cache_rule *rule)
{
	struct weir_backend_env env = { .clock = &clock_of_backend.clock };
	struct weir_cache_options options[CACHE_SITES_MAX] = { 0 };
	struct weir_backend *inner;
	char why[100];

	assert_true(count <= CACHE_SITES_MAX);
	weir_fake_clock_init(&clock_of_backend);
	assert_int_equal(weir_backend_open("memory:", &env, why, sizeof(why), &inner), WEIR_OK);
	cache_sites_backend = weir_shared_backend_create(inner);
	assert_non_null(cache_sites_backend);
	for (size_t i = 0; i < count; i++) {
		options[i].instance = weir_shared_backend_view(cache_sites_backend, local >> i & 1);
		assert_non_null(options[i].instance);
	}
	for (size_t i = 0; i < CACHE_SITES_MAX; i++) {
		cache_sites[i] = i < count ? cache_app_with(&options[i], rule) : NULL;
		cache_sites_stopped[i] = false;
		missed_ms[i] = 0;
	}
}

void cache_sites_close(void)
{
	struct weir_shared_counts counts;

	for (size_t i = 0; i < CACHE_SITES_MAX && cache_sites[i]; i++) {
		cache_sites_stopped[i] = false;
		cache_sites_finish((int)i);
	}
	cache_sites_advance_ms(1);
	counts = cache_sites_counts();
	for (size_t i = 0; i < CACHE_SITES_MAX; i++)
		weir_test_destroy(cache_sites[i]);
	assert_int_equal(counts.done[WEIR_SHARED_RELEASE] + counts.lost, counts.done[WEIR_SHARED_LEASE]);
}

static void advance_one(size_t site)
{
	missed_ms[site]++;
	if (cache_sites_stopped[site])
		return;
	weir_test_advance_ms(cache_sites[site], missed_ms[site]);
	missed_ms[site] = 0;
}

void cache_sites_advance_ms(int64_t ms)
{
	while (ms-- > 0) {
		weir_fake_clock_advance_ms(&clock_of_backend, 1);
		for (size_t i = 0; i < CACHE_SITES_MAX && cache_sites[i]; i++)
			advance_one(i);
	}
}

struct weir_shared_counts cache_sites_counts(void)
{
	struct weir_shared_counts counts;

	weir_shared_backend_counts(cache_sites_backend, &counts);
	return counts;
}

/* -- Tests that are run with local and with remote views ----------------------------------------------------------------------- */

unsigned cache_sites_local = ~0U;
unsigned cache_sites_remote = 0;

void cache_sites_open_all(void *const *state, const struct weir_cache_rule *rule)
{
	cache_sites_open(3, *(const unsigned *)*state, rule);
}

struct weir_test_exchange *cache_sites_start(int site)
{
	return cache_app_start(cache_sites[site], "/page", NULL);
}

struct weir_test_exchange *cache_sites_start_held(int site)
{
	weir_test_hold_handlers(cache_sites[site], true);
	return cache_sites_start(site);
}

void cache_sites_finish(int site)
{
	weir_test_hold_handlers(cache_sites[site], false);
	weir_test_run(cache_sites[site]);
}

void cache_sites_expect(int site, const struct weir_test_exchange *exchange, const char *status, const char *body)
{
	expect_answer(cache_sites[site], weir_test_response(exchange), status, body);
}

struct weir_cache_stats cache_sites_stats(int site)
{
	return cache_app_stats(cache_sites[site]);
}

void cache_sites_clear(int site)
{
	assert_int_equal(weir_cache_clear_namespace(weir_app_cache(weir_test_app(cache_sites[site])), "pages", NULL), WEIR_OK);
}
