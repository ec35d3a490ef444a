/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be wrong with a rule: each mistake is found at the start and says which field it is in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include <weir/coder.h>

#include "cache/cache.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define STATUSES(...) ((const struct weir_status_expiry[]){ __VA_ARGS__, { 0 } })
#define RULE(...) ((struct weir_cache_rule){ __VA_ARGS__ })

static void expect_right(struct weir_cache_rule rule)
{
	const char *wrong = weir_cache_rule_check(&rule);

	if (wrong)
		fail_msg("refused: %s", wrong);
}

/* The message is about that field. */
static void expect_wrong(const char *field, struct weir_cache_rule rule)
{
	const char *wrong = weir_cache_rule_check(&rule);

	if (!wrong || !strstr(wrong, field))
		fail_msg("%s: %s", field, wrong ? wrong : "accepted");
}

static void test_cache_rule_of_zeroes_is_right(void **state)
{
	(void)state;
	expect_right(RULE(0));
}

static void test_cache_rule_with_everything_is_right(void **state)
{
	(void)state;
	expect_right(RULE(.expire_s = WEIR_EXPIRE_NEVER, .expire_by_status = STATUSES({ 404, 10 }, { 500, 0 }, { 301, WEIR_EXPIRE_NEVER }),
			  .jitter_percent = 100, .stale_while_revalidate_s = 60, .stale_if_error_s = 3600, .early_refresh = 1.5,
			  .soft_timeout_ms = 100, .hard_timeout_ms = 100, .ns = "a", .methods = WEIR_GET | WEIR_POST | WEIR_METHOD_OTHER,
			  .key_fields = LIST("Accept-Language"), .key_cookies = LIST("sid"), .key_query = LIST("page", "filter_*"),
			  .ignored_query = LIST("utm_*", "*"), .with_lock = true, .lock_timeout_ms = 1, .uncacheable_ms = -1,
			  .coder = &weir_coder_bytes, .tags = LIST("a"), .injected_ns = "_Monty7", .status_header = "X-Cache"));
	expect_right(RULE(.key_fields = LIST(NULL), .tags = LIST(NULL), .expire_by_status = STATUSES({ 0 })));
	expect_right(RULE(.soft_timeout_ms = 100));
}

static void test_cache_rule_with_wrong_times(void **state)
{
	(void)state;
	expect_wrong("expire_s", RULE(.expire_s = -2));
	expect_wrong("stale_while_revalidate_s", RULE(.stale_while_revalidate_s = -1));
	expect_wrong("stale_if_error_s", RULE(.stale_if_error_s = -1));
	expect_wrong("soft_timeout_ms", RULE(.soft_timeout_ms = -1));
	expect_wrong("hard_timeout_ms", RULE(.hard_timeout_ms = INT64_MIN));
	expect_wrong("lock_timeout_ms", RULE(.lock_timeout_ms = -1));
	expect_wrong("soft_timeout_ms is longer", RULE(.soft_timeout_ms = 101, .hard_timeout_ms = 100));
	expect_wrong("jitter_percent", RULE(.jitter_percent = 101));
	expect_wrong("early_refresh", RULE(.early_refresh = -0.5));
	expect_wrong("early_refresh", RULE(.early_refresh = NAN));
	expect_wrong("early_refresh", RULE(.early_refresh = INFINITY));
}

static void test_cache_rule_with_wrong_statuses(void **state)
{
	static const int never[] = { -1, 1, 100, 103, 199, 206, 304, 600, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		expect_wrong("expire_by_status", RULE(.expire_by_status = STATUSES({ 200, 10 }, { never[i], 10 })));
	expect_wrong("expire_by_status", RULE(.expire_by_status = STATUSES({ 404, -2 })));
	expect_wrong("twice", RULE(.expire_by_status = STATUSES({ 404, 1 }, { 410, 1 }, { 404, 2 })));
}

static void test_cache_rule_with_wrong_names(void **state)
{
	(void)state;
	expect_wrong("key_fields", RULE(.key_fields = LIST("")));
	expect_wrong("key_fields", RULE(.key_fields = LIST("Accept", "Accept Language")));
	expect_wrong("key_cookies", RULE(.key_cookies = LIST("")));
	expect_wrong("key_cookies", RULE(.key_cookies = LIST("a=b")));
	expect_wrong("key_query", RULE(.key_query = LIST("")));
	expect_wrong("key_query", RULE(.key_query = LIST("a", "b*c")));
	expect_wrong("ignored_query", RULE(.ignored_query = LIST("")));
	expect_wrong("ignored_query", RULE(.ignored_query = LIST("*utm")));
	expect_wrong("ignored_query", RULE(.ignored_query = LIST("a**")));
	expect_wrong("status_header", RULE(.status_header = "X Cache"));
	expect_wrong("status_header", RULE(.status_header = ""));
	expect_wrong("injected_ns", RULE(.injected_ns = ""));
	expect_wrong("injected_ns", RULE(.injected_ns = "7up"));
	expect_wrong("injected_ns", RULE(.injected_ns = "monty-python"));
	expect_wrong("methods", RULE(.methods = 2 * WEIR_METHOD_OTHER));
}

static void test_cache_rule_with_wrong_tags(void **state)
{
	char tag[257];

	(void)state;
	memset(tag, 'a', sizeof(tag) - 1);
	tag[255] = '\0';
	expect_right(RULE(.tags = LIST(tag)));
	tag[255] = 'a';
	tag[256] = '\0';
	expect_wrong("tags", RULE(.tags = LIST("fine", tag)));
	expect_wrong("tags", RULE(.tags = LIST("")));
}

static void test_cache_rule_with_a_coder_that_is_none(void **state)
{
	static const struct weir_coder nothing = { .size = 1 };

	(void)state;
	expect_wrong("its coder", RULE(.coder = &nothing));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_rule_of_zeroes_is_right),        cmocka_unit_test(test_cache_rule_with_everything_is_right),
		cmocka_unit_test(test_cache_rule_with_wrong_times),          cmocka_unit_test(test_cache_rule_with_wrong_statuses),
		cmocka_unit_test(test_cache_rule_with_wrong_names),          cmocka_unit_test(test_cache_rule_with_wrong_tags),
		cmocka_unit_test(test_cache_rule_with_a_coder_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
