/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a Cache-Control value, alone and behind directives of our own, which nothing that follows may weaken.
 */
#include <weir/cache_control.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_seconds(const struct weir_cache_control *cc, enum weir_cache_directive directive, uint32_t seconds)
{
	INSIST(seconds <= WEIR_CC_MAX_S);
	INSIST(weir_cache_control_has(cc, directive) || seconds == 0);
}

static void check_fields(const struct weir_cache_control *cc, enum weir_cache_directive directive, struct weir_slice list,
			 struct weir_slice value)
{
	struct weir_slice member;
	size_t members = 0;

	if (!list.data)
		return;
	INSIST(weir_cache_control_has(cc, directive));
	INSIST(list.data >= value.data && list.data + list.len <= value.data + value.len);
	for (; weir_field_list_next(&list, &member); members++)
		INSIST(weir_field_name_valid(member));
	INSIST(members > 0);
}

static void check(const struct weir_cache_control *cc, struct weir_slice value)
{
	INSIST(cc->present <= 0xffff);
	check_seconds(cc, WEIR_CC_MAX_AGE, cc->max_age_s);
	check_seconds(cc, WEIR_CC_S_MAXAGE, cc->s_maxage_s);
	check_seconds(cc, WEIR_CC_MAX_STALE, cc->max_stale_s);
	check_seconds(cc, WEIR_CC_MIN_FRESH, cc->min_fresh_s);
	check_seconds(cc, WEIR_CC_STALE_WHILE_REVALIDATE, cc->stale_while_revalidate_s);
	check_seconds(cc, WEIR_CC_STALE_IF_ERROR, cc->stale_if_error_s);
	check_fields(cc, WEIR_CC_NO_CACHE, cc->no_cache_fields, value);
	check_fields(cc, WEIR_CC_PRIVATE, cc->private_fields, value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char ours[] = "max-age=7, PRIVATE, no-cache, No-Store, x=\"public, \\\"\",";
	struct weir_slice value = weir_slice(data, size);
	struct weir_cache_control cc, more;
	char *longer;

	weir_cache_control_parse(value, &cc);
	check(&cc, value);
	longer = malloc(sizeof(ours) - 1 + size);
	if (!longer)
		return 0;
	memcpy(longer, ours, sizeof(ours) - 1);
	if (size > 0)
		memcpy(longer + sizeof(ours) - 1, data, size);
	value = weir_slice(longer, sizeof(ours) - 1 + size);
	weir_cache_control_parse(value, &more);
	check(&more, value);
	INSIST(more.present == (cc.present | WEIR_CC_MAX_AGE | WEIR_CC_PRIVATE | WEIR_CC_NO_CACHE | WEIR_CC_NO_STORE));
	INSIST(more.max_age_s == 7 && more.s_maxage_s == cc.s_maxage_s && more.max_stale_s == cc.max_stale_s);
	INSIST(!more.private_fields.data && !more.no_cache_fields.data);
	free(longer);
	return 0;
}
