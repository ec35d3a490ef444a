/* SPDX-License-Identifier: Apache-2.0
 *
 * What can be wrong with a rule, found at the start: a mistake in one would otherwise show as a cache that now and then does something
 * else.
 */
#include <math.h>

#include <weir/fields.h>

#include "cache/cache.h"
#include "cache/coder.h"
#include "cache/tags.h"

static const char *check_times(const struct weir_cache_rule *rule)
{
	const struct {
		int64_t value;
		const char *wrong;
	} times[] = {
		{ rule->stale_while_revalidate_s, "its rule's stale_while_revalidate_s is negative" },
		{ rule->stale_if_error_s, "its rule's stale_if_error_s is negative" },
		{ rule->soft_timeout_ms, "its rule's soft_timeout_ms is negative" },
		{ rule->hard_timeout_ms, "its rule's hard_timeout_ms is negative" },
		{ rule->lock_timeout_ms, "its rule's lock_timeout_ms is negative" },
	};

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if (times[i].value < 0)
			return times[i].wrong;
	if (rule->expire_s < WEIR_EXPIRE_NEVER)
		return "its rule's expire_s is negative and not WEIR_EXPIRE_NEVER";
	if (rule->hard_timeout_ms > 0 && rule->soft_timeout_ms > rule->hard_timeout_ms)
		return "its rule's soft_timeout_ms is longer than hard_timeout_ms";
	if (rule->jitter_percent > 100)
		return "its rule's jitter_percent is over 100";
	if (!isfinite(rule->early_refresh) || rule->early_refresh < 0)
		return "its rule's early_refresh is negative or no number";
	return NULL;
}

/* A 206 is a part, a 304 about something else (RFC 9111 section 3); below 200 is no end of a request. */
static bool is_kept(int status)
{
	return status >= 200 && status <= 599 && status != 206 && status != 304;
}

static const char *check_statuses(const struct weir_status_expiry *list)
{
	for (const struct weir_status_expiry *at = list; at && at->status; at++) {
		if (!is_kept(at->status))
			return "its rule's expire_by_status has a status that is never stored";
		if (at->expire_s < WEIR_EXPIRE_NEVER)
			return "its rule's expire_by_status has seconds that are negative and not WEIR_EXPIRE_NEVER";
		for (const struct weir_status_expiry *before = list; before < at; before++)
			if (before->status == at->status)
				return "its rule's expire_by_status has one status twice";
	}
	return NULL;
}

/* Names of fields and cookies are tokens (RFC 9110 section 5.1, RFC 6265 section 4.1.1). */
static bool is_token(const char *name)
{
	return weir_field_name_valid(weir_slice_text(name));
}

static bool is_parameter(const char *name)
{
	const char *star = strchr(name, '*');

	return *name && (!star || !star[1]);
}

static bool is_tag(const char *tag)
{
	return *tag && strlen(tag) <= WEIR_TAG_LENGTH_MAX;
}

static const char *check_lists(const struct weir_cache_rule *rule)
{
	const struct {
		const char *const *names;
		bool (*fits)(const char *name);
		const char *wrong;
	} lists[] = {
		{ rule->key_fields, is_token, "its rule's key_fields has what is no name of a field" },
		{ rule->key_cookies, is_token, "its rule's key_cookies has what is no name of a cookie" },
		{ rule->key_query, is_parameter, "its rule's key_query has an empty name, or '*' before the end of one" },
		{ rule->ignored_query, is_parameter, "its rule's ignored_query has an empty name, or '*' before the end of one" },
		{ rule->tags, is_tag, "its rule's tags has one that is empty or longer than 255 bytes" },
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const char *const *name = lists[i].names; name && *name; name++)
			if (!lists[i].fits(*name))
				return lists[i].wrong;
	return NULL;
}

static bool is_identifier(const char *name)
{
	static const char letters[] = "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	return *name && !strchr("0123456789", *name) && name[strspn(name, letters)] == '\0';
}

static const char *check_names(const struct weir_cache_rule *rule)
{
	if (rule->injected_ns && !is_identifier(rule->injected_ns))
		return "its rule's injected_ns is no identifier";
	if (rule->status_header && !is_token(rule->status_header))
		return "its rule's status_header is no name of a field";
	if (rule->methods > (WEIR_METHOD_OTHER | (WEIR_METHOD_OTHER - 1)))
		return "its rule's methods have unknown bits";
	return rule->coder ? weir_coder_check(rule->coder) : NULL;
}

const char *weir_cache_rule_check(const struct weir_cache_rule *rule)
{
	const char *wrong = check_times(rule);

	if (!wrong)
		wrong = check_statuses(rule->expire_by_status);
	if (!wrong)
		wrong = check_lists(rule);
	return wrong ? wrong : check_names(rule);
}
