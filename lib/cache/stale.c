/* SPDX-License-Identifier: Apache-2.0
 *
 * One function for each question a rule asks about old values.
 */
#include "cache/stale.h"

#include <math.h>

#include "cache/chance.h"
#include "cache/lookup.h"
#include "cache/remembered.h"
#include "exchange/background.h"

/* -- Questions ------------------------------------------------------------------------------------------------------------- */

static int64_t now_ms(const struct weir_call *call)
{
	return weir_clock_wall_ms(call->cache->clock);
}

static bool has_failed(const struct weir_call *call)
{
	return weir_is_remembered(weir_call_host(call), call->key, WEIR_REMEMBERED_FAILED);
}

bool weir_stale_revalidates(const struct weir_call *call)
{
	return call->old.is_there && now_ms(call) < call->old.entry.revalidate_until_ms;
}

bool weir_stale_is_servable(const struct weir_call *call)
{
	return weir_stale_revalidates(call) || (call->old.is_there && now_ms(call) < call->old.entry.error_until_ms);
}

bool weir_stale_comes_first(const struct weir_call *call)
{
	return weir_stale_revalidates(call) || (weir_stale_is_servable(call) && has_failed(call));
}

double weir_stale_early_ms(uint32_t made_ms, double early_refresh, double chance)
{
	return -log(chance) * early_refresh * made_ms;
}

bool weir_stale_is_early(const struct weir_call *call)
{
	double factor = call->rule->early_refresh;
	const struct weir_entry *entry = &call->entry;

	if (factor <= 0 || entry->expires_ms == WEIR_EXPIRES_NEVER)
		return false;
	return weir_stale_early_ms(entry->made_ms, factor, weir_chance_draw()) >= (double)(entry->expires_ms - now_ms(call));
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

bool weir_stale_take(struct weir_call *call, enum weir_stale why)
{
	if (!weir_stale_is_servable(call))
		return false;
	call->entry = call->old.entry;
	weir_fields_init(&call->fields, call->pool);
	if (weir_entry_fields(&call->entry, true, &call->fields) != WEIR_OK) /* memory is out: it was whole before */
		return false;
	call->stale = why;
	return true;
}

bool weir_stale_after_others_failure(struct weir_call *call)
{
	return has_failed(call) && weir_stale_take(call, WEIR_STALE_FAILURE);
}

bool weir_stale_after_failure(struct weir_call *call, struct weir_response *res)
{
	bool servable = weir_stale_is_servable(call);

	weir_remember(weir_call_host(call), call->key, WEIR_REMEMBERED_FAILED, WEIR_STALE_PAUSE_MS);
	if (!servable && !call->refreshes)
		return false;
	weir_log_warn(call->cache->log, "%s could not be made anew (%d), the old value is served", weir_call_what(call), res->status);
	if (weir_request_is_background(call->req))
		return true;
	call->failed_status = res->status;
	if (!weir_stale_take(call, WEIR_STALE_FAILURE) || weir_lookup_found(call) != WEIR_CALL_HIT)
		return false;
	weir_call_answer(call, res);
	return true;
}
