/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets go out in batches. Removals go one by one, though all at the same time: DynamoDB's batches do not tell what was there.
 */
#include "set.h"

#include <inttypes.h>

#include "item.h"
#include "names.h"
#include "write.h"

/* The first, the second, the fourth, the eighth …: rare enough for a log. */
static void tell_too_large(struct weir_dynamodb_client *client, const struct weir_backend_set *set)
{
	uint64_t count = ++client->too_large;

	if ((count & (count - 1)) == 0)
		weir_log_warn(client->log, "dynamodb: a value of %zu bytes was not stored: an item has at most 400 KB; %" PRIu64 " so far",
			      set->value.len, count);
}

/* What becomes of each set; ERR_LIMIT is told at the end, when what was there before is gone. */
struct plan {
	struct weir_dynamodb_write *writes;
	size_t count;
	struct weir_slice *names; /* of all sets; absent: no possible key */
};

static void plan_set(struct plan *plan, struct weir_dynamodb_client *client, const struct weir_backend_set *set, size_t index)
{
	bool stays = set->expires_ms > weir_clock_wall_ms(client->clock), fits;

	plan->names[index] = WEIR_SLICE_NONE;
	if (!weir_dynamodb_is_key(set->key))
		return;
	plan->names[index] = weir_dynamodb_name(client->pool, WEIR_DYNAMODB_VALUE, set->key);
	fits = weir_dynamodb_item_fits(client, plan->names[index], set);
	if (!fits)
		tell_too_large(client, set);
	plan->writes[plan->count++] = (struct weir_dynamodb_write){
		.name = plan->names[index],
		.put = fits && stays ? set : NULL,
		.order = index,
	};
}

static enum weir_status plan_sets(struct plan *plan, struct weir_dynamodb_client *client, const struct weir_backend_set *sets, size_t count)
{
	*plan = (struct plan){
		.writes = weir_pool_alloc(client->pool, count * sizeof(plan->writes[0])),
		.names = weir_pool_alloc(client->pool, count * sizeof(plan->names[0])),
	};
	if (!plan->writes || !plan->names)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++)
		plan_set(plan, client, &sets[i], i);
	if (weir_pool_overflowed(client->pool))
		return WEIR_ERR_MEMORY;
	plan->count = weir_dynamodb_writes_sort(plan->writes, plan->count);
	return WEIR_OK;
}

static enum weir_status status_of(const struct plan *plan, const struct weir_dynamodb_client *client, const struct weir_backend_set *set,
				  struct weir_slice name, enum weir_status failure)
{
	const struct weir_dynamodb_write *write = weir_dynamodb_writes_find(plan->writes, plan->count, name);

	if (!write)
		return WEIR_ERR_LIMIT;
	if (!write->done)
		return failure;
	return weir_dynamodb_item_fits(client, name, set) ? WEIR_OK : WEIR_ERR_LIMIT;
}

enum weir_status weir_dynamodb_set_many(struct weir_dynamodb_client *client, struct weir_backend_set *sets, size_t count)
{
	struct plan plan;
	enum weir_status status = plan_sets(&plan, client, sets, count);
	size_t stored = 0, failed = 0;

	if (status != WEIR_OK)
		return status;
	status = weir_dynamodb_writes_run(client, plan.writes, plan.count, weir_dynamodb_deadline_ms(client));
	for (size_t i = 0; i < count; i++) {
		sets[i].status = status_of(&plan, client, &sets[i], plan.names[i], status);
		stored += sets[i].status == WEIR_OK;
		failed += sets[i].status == status;
	}
	atomic_fetch_add_explicit(&client->sets, stored, memory_order_relaxed);
	return failed == count ? status : WEIR_OK;
}

/* What has expired is not counted, and is left for DynamoDB to delete. */
static void write_removal(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, struct weir_slice name)
{
	weir_dynamodb_call_init(call, "DeleteItem");
	weir_buffer_printf(&call->body, "{\"TableName\":\"%s\",\"Key\":{", client->options.table);
	weir_dynamodb_append_key(&call->body, name);
	weir_buffer_printf(&call->body,
			   "},\"ConditionExpression\":\"attribute_exists(k) AND (attribute_not_exists(e) OR e > :now)\","
			   "\"ExpressionAttributeValues\":{\":now\":{\"N\":\"%" PRId64 "\"}}}",
			   weir_dynamodb_time_ms(client));
}

enum weir_status weir_dynamodb_remove(struct weir_dynamodb_client *client, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct weir_dynamodb_call *calls = weir_pool_alloc(client->pool, count * sizeof(calls[0]));
	enum weir_status status = WEIR_ERR_MEMORY;
	size_t written = 0;

	*removed = 0;
	for (size_t i = 0; i < count && calls; i++)
		if (weir_dynamodb_is_key(keys[i]))
			write_removal(&calls[written++], client, weir_dynamodb_name(client->pool, WEIR_DYNAMODB_VALUE, keys[i]));
	if (!weir_pool_overflowed(client->pool))
		status = weir_dynamodb_run(client, calls, written, weir_dynamodb_deadline_ms(client));
	for (size_t i = 0; i < written; i++)
		*removed += calls[i].status == WEIR_OK && calls[i].reply;
	weir_dynamodb_calls_finish(calls, written);
	return status;
}
