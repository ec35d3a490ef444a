/* SPDX-License-Identifier: Apache-2.0
 *
 * One process at random: requests come, clients leave, handlers end well or badly, late or never in time, entries are cleared and softly
 * purged in every way there is, and time passes, under rules with every kind of old value and of timeout. Beside it stands a model that
 * knows when each value's making began and what was cleared since. Always:
 *
 *     no answer is older than the last clear of its key before its request, nor older than its rule lets it be;
 *     a reload is answered with what was begun after it came, and never with something old;
 *     what is for one client alone is given to no other;
 *     of the makings of one key that nothing explains there are never two at once;
 *     everybody who waits is answered by its deadline, and in the end everybody is answered.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cache/chance.h"
#include "exchange/background.h"
#include "support/cache_app.h"

#define PAGES 3
#define STEPS 200
#define SEEDS 520 /* 104,000 steps */
#define LOCK_TIMEOUT_MS 2000
#define EXPIRE_S 10

enum outcome {
	GOOD,
	PRIVATE,
	BROKEN,
};

static const struct weir_cache_rule rules[] = {
	{ .expire_s = EXPIRE_S, .with_lock = true, .lock_timeout_ms = LOCK_TIMEOUT_MS },
	{ .expire_s = EXPIRE_S,
	  .with_lock = true,
	  .lock_timeout_ms = LOCK_TIMEOUT_MS,
	  .stale_while_revalidate_s = 5,
	  .stale_if_error_s = 8 },
	{ .expire_s = EXPIRE_S,
	  .lock_timeout_ms = LOCK_TIMEOUT_MS,
	  .stale_if_error_s = 8,
	  .soft_timeout_ms = 300,
	  .hard_timeout_ms = 1500 },
	{ .expire_s = EXPIRE_S, .lock_timeout_ms = LOCK_TIMEOUT_MS, .hard_timeout_ms = 3000, .early_refresh = 1, .uncacheable_ms = -1 },
	{ .expire_s = EXPIRE_S, .stale_while_revalidate_s = 5, .early_refresh = 2, .jitter_percent = 20 },
};

struct asked {
	struct weir_test_exchange *exchange;
	unsigned page;
	int64_t at_ms;
	unsigned events; /* before it */
	bool reloads;
	bool runs; /* its own handler */
	bool left;
	bool checked;
};

/* A handler that has begun; its number is the body of what it makes. */
struct making {
	struct weir_request *req; /* NULL: it has ended */
	size_t asked;
	unsigned page;
	int64_t at_ms, ended_ms;
	unsigned events;
	bool alone; /* is for the one who has asked */
	bool behind;
	bool overdue; /* who has asked had waited for so long that it may have taken over */
	enum outcome outcome;
};

static unsigned seed;
static uint64_t dice;
static bool is_remote;
static bool is_calm; /* no failures, reloads and the like, which explain that several run at once */
static const struct weir_cache_rule *rule;
static struct weir_test *test;
static int64_t now_ms;
static unsigned events; /* requests, makings and clears: one after the other, whatever the clock says */
static unsigned cleared[PAGES];
static struct asked asked[STEPS];
static size_t asked_count;
static struct making makings[4 * STEPS];
static size_t making_count;

#define EXPECT(what) \
	do { \
		if (!(what)) \
			fail_msg("seed %u, rule %d, %s, %lld ms: not so: %s", seed, (int)(rule - rules), is_remote ? "remote" : "local", \
				 (long long)now_ms, #what); \
	} while (0)

static unsigned roll(unsigned sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)((dice >> 11) % sides);
}

/* -- The handler ----------------------------------------------------------------------------------------------------------- */

/* Those of this page that began since it was last cleared, and that nobody may have lost patience with. */
static unsigned count_current(unsigned page)
{
	unsigned count = 0;

	for (size_t i = 0; i < making_count; i++)
		count += makings[i].req && !makings[i].overdue && makings[i].page == page && makings[i].events > cleared[page] &&
			 now_ms - makings[i].at_ms < LOCK_TIMEOUT_MS;
	return count;
}

static enum weir_status begin(struct weir_request *req)
{
	struct making *making = &makings[making_count++];
	char tag[8];

	*making = (struct making){
		.req = req, .asked = strtoul(weir_request_field(req, "X-Number"), NULL, 10), .at_ms = now_ms, .events = ++events
	};
	making->page = asked[making->asked].page;
	making->behind = weir_request_is_background(req);
	making->overdue = now_ms - asked[making->asked].at_ms >= LOCK_TIMEOUT_MS;
	if (!making->behind) {
		EXPECT(!asked[making->asked].runs); /* one request runs its handler once */
		asked[making->asked].runs = true;
	}
	snprintf(tag, sizeof(tag), "%u", making->page);
	weir_call_add_tag(weir_request_call(req), tag);
	weir_call_add_tag(weir_request_call(req), "all");
	if (is_calm && weir_call_with_lock(weir_request_call(req)))
		EXPECT(count_current(making->page) <= 1);
	return WEIR_PARKED;
}

static enum weir_status end(struct making *making, struct weir_response *res)
{
	making->req = NULL;
	making->ended_ms = now_ms;
	if (making->outcome == BROKEN)
		return WEIR_ERR_IO;
	making->alone = making->outcome == PRIVATE;
	if (making->alone)
		weir_response_set_field(res, "Cache-Control", "private");
	return weir_response_text(res, "text/plain", "%zu", (size_t)(making - makings));
}

static enum weir_status handle(struct weir_request *req, struct weir_response *res)
{
	for (size_t i = 0; i < making_count; i++)
		if (makings[i].req == req && weir_request_wake(req) != WEIR_WAKE_NONE)
			return end(&makings[i], res);
	return begin(req);
}

static void let_one_end(void)
{
	size_t first = making_count ? roll((unsigned)making_count) : 0;

	for (size_t i = 0; i < making_count; i++) {
		struct making *making = &makings[(first + i) % making_count];

		if (!making->req)
			continue;
		making->outcome = is_calm || roll(3) > 0 ? GOOD : roll(2) ? PRIVATE : BROKEN;
		weir_request_resume(making->req);
		weir_test_run(test);
		EXPECT(!making->req);
		return;
	}
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

/* Of the value, from the end of its making on: so old it may be, with all that the rule lets it. */
static int64_t oldest_ms(void)
{
	int64_t stale_s = rule->stale_while_revalidate_s > rule->stale_if_error_s ? rule->stale_while_revalidate_s : rule->stale_if_error_s;

	return (EXPIRE_S + stale_s) * 1000;
}

static void check_value(const struct asked *one, const struct weir_test_response *res)
{
	const struct making *making;
	uint64_t number = 0;

	EXPECT(weir_slice_to_u64(res->body, making_count - 1, &number) == WEIR_OK);
	making = &makings[number];
	EXPECT(making->page == one->page);
	EXPECT(making->events > cleared[one->page] || one->events < cleared[one->page]);
	EXPECT(making->events >= one->events || !one->reloads);
	EXPECT(&asked[making->asked] == one || !making->alone);
	EXPECT(making->ended_ms + oldest_ms() > one->at_ms);
}

/* The last clear before a request is what counts; so answers are looked at before the next clear, and those that were asked for before it
 * bear the mark of having been. */
static void check_answers(void)
{
	for (size_t i = 0; i < asked_count; i++) {
		struct asked *one = &asked[i];
		const struct weir_test_response *res = one->checked ? NULL : weir_test_response(one->exchange);

		if (!res)
			continue;
		one->checked = true;
		if (!res->complete)
			EXPECT(one->left);
		else if (res->status == 200)
			check_value(one, res);
		else if (res->status == 504)
			EXPECT(rule->hard_timeout_ms > 0 && now_ms - one->at_ms >= rule->hard_timeout_ms);
		else if (res->status == 503)
			EXPECT(now_ms - one->at_ms >= 2 * LOCK_TIMEOUT_MS);
		else
			EXPECT(res->status == 500 && !is_calm);
	}
}

static void check_deadlines(void)
{
	int64_t patience_ms = 2 * LOCK_TIMEOUT_MS;

	if (rule->hard_timeout_ms > 0 && rule->hard_timeout_ms < patience_ms)
		patience_ms = rule->hard_timeout_ms;
	for (size_t i = 0; i < asked_count; i++)
		if (!asked[i].checked && !asked[i].runs && !asked[i].left)
			EXPECT(now_ms - asked[i].at_ms <= patience_ms);
}

/* -- What happens ---------------------------------------------------------------------------------------------------------- */

static void ask(void)
{
	struct asked *one = &asked[asked_count];
	char number[16], target[16];

	*one = (struct asked){ .page = roll(PAGES), .at_ms = now_ms, .events = ++events, .reloads = !is_calm && roll(12) == 0 };
	snprintf(number, sizeof(number), "%zu", asked_count++);
	snprintf(target, sizeof(target), "/page/%u", one->page);
	one->exchange = cache_app_start(
		test, target, one->reloads ? FIELDS("X-Number", number, "Cache-Control", "no-cache") : FIELDS("X-Number", number));
}

static void leave(void)
{
	size_t i = asked_count ? roll((unsigned)asked_count) : 0;

	if (asked_count == 0 || weir_test_response(asked[i].exchange))
		return;
	asked[i].left = true;
	weir_test_abort(test, asked[i].exchange);
	weir_test_run(test);
}

static void mark_cleared(unsigned page)
{
	cleared[page] = events;
}

static void clear(void)
{
	struct weir_cache *cache = weir_app_cache(weir_test_app(test));
	unsigned page = roll(PAGES);
	char text[16];
	enum weir_status status = WEIR_OK;

	events++;
	snprintf(text, sizeof(text), "%u", page);
	switch (roll(5)) {
	case 0:
		status = weir_cache_clear_all(cache, NULL);
		break;
	case 1:
		status = weir_cache_clear_namespace(cache, "", NULL);
		break;
	case 2:
		status = weir_cache_clear_tag(cache, "all", NULL);
		break;
	case 3:
		status = weir_cache_clear_tag(cache, text, NULL);
		mark_cleared(page);
		EXPECT(status == WEIR_OK);
		return;
	default:
		snprintf(text, sizeof(text), "/page/%u", page);
		status = weir_cache_clear_entry(
			cache, &(struct weir_cache_entry_name){ .route = "/page/{rest...}", .host = "localhost", .target = text }, NULL);
		mark_cleared(page);
		EXPECT(status == WEIR_OK);
		return;
	}
	EXPECT(status == WEIR_OK);
	for (page = 0; page < PAGES; page++)
		mark_cleared(page);
}

static void purge_softly(void)
{
	struct weir_cache *cache = weir_app_cache(weir_test_app(test));
	char tag[8];

	snprintf(tag, sizeof(tag), "%u", roll(PAGES));
	EXPECT((roll(2) ? weir_cache_expire_tag(cache, tag) : weir_cache_expire_all(cache)) == WEIR_OK);
}

/* In steps, for the model's clock goes along. */
static void let_time_pass(int64_t ms)
{
	for (int64_t end_ms = now_ms + ms; now_ms < end_ms; check_answers(), check_deadlines()) {
		int64_t step_ms = end_ms - now_ms < 50 ? end_ms - now_ms : 50;

		now_ms += step_ms;
		if (is_remote)
			cache_app_advance_ms(test, step_ms);
		else
			weir_test_advance_ms(test, step_ms);
	}
}

static void step(void)
{
	unsigned what = roll(100);

	if (what < 45)
		ask();
	else if (what < 65)
		let_one_end();
	else if (what < 70 && !is_calm)
		leave();
	else if (what < 75)
		clear();
	else if (what < 78)
		purge_softly();
	else
		let_time_pass(roll(4) ? roll(400) : roll(4000));
	check_answers();
	check_deadlines();
}

static void begin_again(unsigned number)
{
	seed = number;
	dice = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	weir_chance_seed(seed);
	rule = &rules[seed % (sizeof(rules) / sizeof(*rules))];
	is_remote = seed / 5 % 2;
	is_calm = seed / 10 % 2;
	test = is_remote ? cache_app_remote(rule) : cache_app(rule);
	cache_app_handler = handle;
	now_ms = 0;
	events = 0;
	asked_count = making_count = 0;
	memset(cleared, 0, sizeof(cleared));
}

static void test_cache_random_holds_what_it_promises(void **state)
{
	(void)state;
	for (unsigned number = 0; number < SEEDS; number++) {
		begin_again(number);
		for (int i = 0; i < STEPS; i++)
			step();
		for (size_t i = 0; i < making_count; i++) { /* also what begins meanwhile */
			let_one_end();
			let_time_pass(50);
		}
		for (size_t i = 0; i < asked_count; i++)
			EXPECT(asked[i].checked);
		weir_test_destroy(test);
	}
	print_message("# seeds 0 to %d, %d steps each\n", SEEDS - 1, STEPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_random_holds_what_it_promises),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
