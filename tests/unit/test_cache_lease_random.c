/* SPDX-License-Identifier: Apache-2.0
 *
 * Sites that share a backend, at random: requests come, clients leave, handlers end well or badly or late, sites die, the namespace is
 * cleared, time passes. Beside it stands a model that knows how many clears there have been: no answer is older than the last clear before
 * its request, everybody is answered in time, and of the makings that nothing explains there are never two at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "support/cache_sites.h"

#define SITES 4
#define EVENTS 250
#define SEEDS 60
#define LOCK_TIMEOUT_MS 1000
#define QUICK_MS 200 /* handlers that are not slow take no longer */

static const struct weir_cache_rule rule = { .ns = "pages", .with_lock = true, .lock_timeout_ms = LOCK_TIMEOUT_MS };

/* What may happen besides. */
enum {
	FAILURES = 1,
	DEATHS = 2,
	SLOWNESS = 4,
};

enum outcome {
	GOOD,
	PRIVATE,
	BROKEN,
};

struct asked {
	struct weir_test_exchange *exchange;
	int site;
	int64_t at_ms;
	unsigned clears; /* before it */
	bool excused;    /* its client has left, or its site was stopped */
	bool checked;
};

/* A handler that has begun. */
struct making {
	struct weir_request *req;
	size_t asked;
	int site;
	int64_t at_ms;
	unsigned clears;
	bool overdue; /* had waited for so long that it may have taken over */
	enum outcome outcome;
};

static unsigned seed;
static uint64_t dice;
static unsigned kinds;
static int64_t now_ms;
static unsigned clears;
static unsigned made;   /* begun since the last clear, but for the overdue */
static unsigned undone; /* by older values that were stored since */
static struct asked asked[EVENTS];
static size_t asked_count;
static struct making makings[EVENTS];
static size_t making_count;

#define EXPECT(what) \
	do { \
		if (!(what)) \
			fail_msg("seed %u, kinds %u, %lld ms: not so: %s", seed, kinds, (long long)now_ms, #what); \
	} while (0)

static unsigned roll(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)((dice >> 11) % sides);
}

/* -- The handler ----------------------------------------------------------------------------------------------------------- */

static int site_of(struct weir_request *req)
{
	int site = 0;

	while (weir_app_cache(weir_test_app(cache_sites[site])) != weir_request_cache(req))
		site++;
	return site;
}

/* Those since the last clear, on sites that live. */
static unsigned count_current(bool overdue_too)
{
	unsigned count = 0;

	for (size_t i = 0; i < making_count; i++)
		count += makings[i].clears == clears && !cache_sites_stopped[makings[i].site] && (overdue_too || !makings[i].overdue);
	return count;
}

static enum weir_status begin(struct weir_request *req)
{
	struct making *making = &makings[making_count++];

	*making = (struct making){ .req = req, .site = site_of(req), .at_ms = now_ms, .clears = clears };
	making->asked = (size_t)strtoul(weir_request_field(req, "X-Number"), NULL, 10);
	making->overdue = now_ms - asked[making->asked].at_ms >= LOCK_TIMEOUT_MS;
	made += !making->overdue;
	if (kinds == 0)
		EXPECT(count_current(false) <= 1 && made <= 1 + undone);
	if (!(kinds & FAILURES))
		EXPECT(count_current(true) <= 2); /* one who is too slow or dead, and one who has taken over */
	return WEIR_PARKED;
}

static enum weir_status end(struct weir_request *req, struct weir_response *res)
{
	struct making making;
	size_t i = 0;

	while (makings[i].req != req)
		i++;
	making = makings[i];
	makings[i] = makings[--making_count];
	if (making.outcome == BROKEN)
		return WEIR_ERR_IO;
	if (making.outcome == PRIVATE)
		weir_response_set_field(res, "Cache-Control", "private");
	else if (making.clears < clears)
		undone++;
	return weir_response_text(res, "text/plain", "%u", making.clears);
}

static enum weir_status make(struct weir_request *req, struct weir_response *res)
{
	return weir_request_wake(req) == WEIR_WAKE_NONE ? begin(req) : end(req, res);
}

/* -- What must hold -------------------------------------------------------------------------------------------------------- */

static void check_answer(const struct asked *a, const struct weir_test_response *res)
{
	char number[16] = "";

	EXPECT(res->complete);
	if (res->status == 200) {
		memcpy(number, res->body.data, res->body.len < 15 ? res->body.len : 15);
		EXPECT(strtoul(number, NULL, 10) >= a->clears);
	} else if (res->status == 503) {
		EXPECT(now_ms - a->at_ms >= 2 * LOCK_TIMEOUT_MS);
	} else {
		EXPECT(res->status == 500 && (kinds & FAILURES));
	}
}

static bool makes(size_t number)
{
	for (size_t i = 0; i < making_count; i++)
		if (makings[i].asked == number)
			return true;
	return false;
}

static void check(void)
{
	for (size_t i = 0; i < asked_count; i++) {
		const struct weir_test_response *res = weir_test_response(asked[i].exchange);

		asked[i].excused |= cache_sites_stopped[asked[i].site];
		if (asked[i].checked || asked[i].excused)
			continue;
		if (!res)
			EXPECT(now_ms - asked[i].at_ms <= 2 * LOCK_TIMEOUT_MS || makes(i));
		else
			check_answer(&asked[i], res);
		asked[i].checked = res != NULL;
	}
}

/* -- What happens ---------------------------------------------------------------------------------------------------------- */

static void finish(size_t i)
{
	int site = makings[i].site;

	if (cache_sites_stopped[site])
		return;
	if ((kinds & FAILURES) && roll(3) == 0)
		makings[i].outcome = roll(2) ? PRIVATE : BROKEN;
	weir_request_resume(makings[i].req);
	weir_test_run(cache_sites[site]);
}

static void finish_quick_ones(void)
{
	for (size_t i = making_count; i-- > 0;)
		if (i < making_count && now_ms - makings[i].at_ms >= QUICK_MS)
			finish(i);
}

static void pass_time(int64_t ms)
{
	while (ms-- > 0) {
		now_ms++;
		cache_sites_advance_ms(1);
		if (!(kinds & SLOWNESS))
			finish_quick_ones();
		check();
	}
}

static void ask(int site)
{
	struct asked *a = &asked[asked_count];
	char number[16];

	snprintf(number, sizeof(number), "%zu", asked_count++);
	*a = (struct asked){ .site = site, .at_ms = now_ms, .clears = clears };
	a->exchange = cache_app_start(cache_sites[site], "/page", FIELDS("X-Number", number));
}

static void clear_all_pages(int site)
{
	clears++;
	made = 0;
	undone = 0;
	cache_sites_clear(site);
}

static void leave(size_t i)
{
	if (cache_sites_stopped[asked[i].site] || weir_test_response(asked[i].exchange))
		return;
	asked[i].excused = true;
	weir_test_abort(cache_sites[asked[i].site], asked[i].exchange);
	weir_test_run(cache_sites[asked[i].site]);
}

static void happen(void)
{
	int site = (int)roll(SITES);
	unsigned what = roll(100);

	if (what < 35 && !cache_sites_stopped[site])
		ask(site);
	else if (what < 55 && making_count > 0)
		finish(roll((unsigned)making_count));
	else if (what < 60)
		clear_all_pages(site);
	else if (what < 66 && asked_count > 0)
		leave(roll((unsigned)asked_count));
	else if (what < 68 && (kinds & DEATHS) && site > 1)
		cache_sites_stopped[site] = true;
	else
		pass_time(1 + roll((kinds & SLOWNESS) && roll(4) == 0 ? 1500 : 60));
	check();
}

/* The dead come back, which is worse than if they did not: they store what they have made. */
static void end_all(void)
{
	for (int site = 0; site < SITES; site++)
		cache_sites_stopped[site] = false;
	for (int i = 0; i < 50; i++) {
		for (size_t k = making_count; k-- > 0;)
			if (k < making_count)
				finish(k);
		pass_time(51);
	}
	for (size_t i = 0; i < asked_count; i++)
		EXPECT(weir_test_response(asked[i].exchange));
	EXPECT(making_count == 0);
}

static void run(unsigned local)
{
	dice = seed * UINT64_C(0x9e3779b97f4a7c15) + kinds + 1;
	now_ms = 0;
	clears = made = undone = 0;
	asked_count = making_count = 0;
	cache_sites_open(SITES, local, &rule);
	cache_app_handler = make;
	for (int i = 0; i < EVENTS; i++)
		happen();
	end_all();
	cache_sites_close();
}

static void run_all(unsigned its_kinds)
{
	kinds = its_kinds;
	for (seed = 1; seed <= SEEDS; seed++)
		run(seed % 16);
}

static void test_cache_lease_random_one_makes_a_value(void **state)
{
	(void)state;
	run_all(0);
}

static void test_cache_lease_random_slow_handlers_are_taken_over_once(void **state)
{
	(void)state;
	run_all(SLOWNESS);
}

static void test_cache_lease_random_dead_sites_are_taken_over(void **state)
{
	(void)state;
	run_all(DEATHS | SLOWNESS);
}

static void test_cache_lease_random_anything_may_happen(void **state)
{
	(void)state;
	run_all(FAILURES | DEATHS | SLOWNESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_lease_random_one_makes_a_value),
		cmocka_unit_test(test_cache_lease_random_slow_handlers_are_taken_over_once),
		cmocka_unit_test(test_cache_lease_random_dead_sites_are_taken_over),
		cmocka_unit_test(test_cache_lease_random_anything_may_happen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
