/* SPDX-License-Identifier: Apache-2.0
 *
 * One conditional request for each lease.
 */
#include "lease.h"

#include <inttypes.h>

#include "call.h"
#include "names.h"

/* DynamoDB may delete the item some time after it has ended. */
#define LEFTOVER_MS 60000

/* Free, ended, or the caller's already. */
#define MAY_TAKE "NOT attribute_type(e, :number) OR e <= :now OR t = :token"
#define IS_HELD "t = :token AND e > :now"

static void take(struct weir_buffer *json, const struct weir_dynamodb_client *client, const struct weir_backend_lease *lease,
		 struct weir_slice name)
{
	int64_t now_ms = weir_dynamodb_time_ms(client);

	weir_buffer_append_text(json, "\"Item\":{");
	weir_dynamodb_append_key(json, name);
	weir_buffer_printf(json, ",\"t\":{\"S\":\"%016" PRIx64 "\"},\"e\":{\"N\":\"%" PRId64 "\"},\"%s\":{\"N\":\"%" PRId64 "\"}},",
			   lease->token, now_ms + lease->ttl_ms, client->options.ttl_attribute,
			   weir_dynamodb_ttl_s(client, lease->ttl_ms + LEFTOVER_MS));
	weir_buffer_printf(json,
			   "\"ConditionExpression\":\"" MAY_TAKE "\",\"ExpressionAttributeValues\":{\":number\":{\"S\":\"N\"},"
			   "\":now\":{\"N\":\"%" PRId64 "\"},\":token\":{\"S\":\"%016" PRIx64 "\"}}}",
			   now_ms, lease->token);
}

static void renew(struct weir_buffer *json, const struct weir_dynamodb_client *client, const struct weir_backend_lease *lease,
		  struct weir_slice name)
{
	int64_t now_ms = weir_dynamodb_time_ms(client);

	weir_buffer_append_text(json, "\"Key\":{");
	weir_dynamodb_append_key(json, name);
	weir_buffer_printf(json,
			   "},\"UpdateExpression\":\"SET e = :end, #ttl = :ttl\",\"ConditionExpression\":\"" IS_HELD "\","
			   "\"ExpressionAttributeNames\":{\"#ttl\":\"%s\"},",
			   client->options.ttl_attribute);
	weir_buffer_printf(json,
			   "\"ExpressionAttributeValues\":{\":end\":{\"N\":\"%" PRId64 "\"},\":ttl\":{\"N\":\"%" PRId64 "\"},"
			   "\":now\":{\"N\":\"%" PRId64 "\"},\":token\":{\"S\":\"%016" PRIx64 "\"}}}",
			   now_ms + lease->ttl_ms, weir_dynamodb_ttl_s(client, lease->ttl_ms + LEFTOVER_MS), now_ms, lease->token);
}

static void release(struct weir_buffer *json, const struct weir_dynamodb_client *client, const struct weir_backend_lease *lease,
		    struct weir_slice name)
{
	(void)client;
	weir_buffer_append_text(json, "\"Key\":{");
	weir_dynamodb_append_key(json, name);
	weir_buffer_printf(
		json, "},\"ConditionExpression\":\"t = :token\",\"ExpressionAttributeValues\":{\":token\":{\"S\":\"%016" PRIx64 "\"}}}",
		lease->token);
}

/* What each verb asks, and what it means when the condition did not hold. */
static const struct verb {
	const char *operation;
	void (*write)(struct weir_buffer *json, const struct weir_dynamodb_client *client, const struct weir_backend_lease *lease,
		      struct weir_slice name);
	enum weir_status refused;
} verbs[] = {
	[WEIR_LEASE_TAKE] = { "PutItem", take, WEIR_BUSY },
	[WEIR_LEASE_RENEW] = { "UpdateItem", renew, WEIR_MISS },
	[WEIR_LEASE_RELEASE] = { "DeleteItem", release, WEIR_OK },
};

static void write_call(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, const struct weir_backend_lease *lease,
		       struct weir_slice name)
{
	const struct verb *verb = &verbs[lease->verb];

	weir_dynamodb_call_init(call, verb->operation);
	weir_buffer_printf(&call->body, "{\"TableName\":\"%s\",", client->options.table);
	verb->write(&call->body, client, lease, name);
}

/* How many from the first on are on different keys, and on such as can be. */
static size_t count_distinct(const struct weir_backend_lease *leases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!weir_dynamodb_is_key(leases[i].key))
			return i;
		for (size_t k = 0; k < i; k++)
			if (weir_slice_equal(leases[i].key, leases[k].key))
				return i;
	}
	return count;
}

/* All at once: on different keys. What fails for one of them is no failure of the others. */
static void run_together(struct weir_dynamodb_client *client, struct weir_backend_lease *leases, size_t count, int64_t deadline_ms)
{
	struct weir_dynamodb_call *calls = weir_pool_alloc(client->pool, count * sizeof(calls[0]));
	size_t written = calls ? count : 0;
	enum weir_status status = WEIR_ERR_MEMORY;
	bool sent;

	for (size_t i = 0; i < written; i++)
		write_call(&calls[i], client, &leases[i], weir_dynamodb_name(client->pool, WEIR_DYNAMODB_LEASE, leases[i].key));
	sent = calls && !weir_pool_overflowed(client->pool);
	if (sent)
		status = weir_dynamodb_run(client, calls, count, deadline_ms);
	for (size_t i = 0; i < count; i++) {
		leases[i].status = sent ? calls[i].status : status;
		if (leases[i].status == WEIR_BUSY)
			leases[i].status = verbs[leases[i].verb].refused;
	}
	weir_dynamodb_calls_finish(calls, written);
}

enum weir_status weir_dynamodb_lease_many(struct weir_dynamodb_client *client, struct weir_backend_lease *leases, size_t count)
{
	int64_t deadline_ms = weir_dynamodb_deadline_ms(client);

	for (size_t done = 0; done < count;) {
		size_t together = count_distinct(leases + done, count - done);

		if (together > 0)
			run_together(client, leases + done, together, deadline_ms);
		else
			leases[done].status = WEIR_ERR_LIMIT;
		done += together > 0 ? together : 1;
	}
	return WEIR_OK;
}
