/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at the table, making it, and turning its expiry on.
 */
#include "table.h"

#include <json-c/json.h>

#include "call.h"
#include "reply.h"

/* {"TableName":"…" */
static void begin(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, const char *operation)
{
	weir_dynamodb_call_init(call, operation);
	weir_buffer_printf(&call->body, "{\"TableName\":\"%s\"", client->options.table);
}

static bool is_key(struct json_object *schema, size_t index, const char *name, const char *type)
{
	struct json_object *key = schema && json_object_is_type(schema, json_type_array) ? json_object_array_get_idx(schema, index) : NULL;

	return weir_slice_equal(weir_dynamodb_string(weir_dynamodb_member(key, "AttributeName")), weir_slice_text(name)) &&
	       weir_slice_equal(weir_dynamodb_string(weir_dynamodb_member(key, "KeyType")), weir_slice_text(type));
}

/* OK: it can be used; BUSY: not yet. */
static enum weir_status judge_table(struct weir_dynamodb_client *client, struct json_object *table)
{
	struct json_object *schema = weir_dynamodb_member(table, "KeySchema");
	struct weir_slice state = weir_dynamodb_string(weir_dynamodb_member(table, "TableStatus"));

	if (!is_key(schema, 0, "pk", "HASH") || !is_key(schema, 1, "sk", "RANGE")) {
		weir_dynamodb_note(client, "the table's keys are not pk and sk: it is another program's");
		return WEIR_ERR_CONFIG;
	}
	if (weir_slice_equal(state, WEIR_SLICE_LITERAL("ACTIVE")) || weir_slice_equal(state, WEIR_SLICE_LITERAL("UPDATING")))
		return WEIR_OK;
	weir_dynamodb_note(client, "the table is being made or removed");
	return WEIR_BUSY;
}

/* MISS: there is none. */
static enum weir_status describe(struct weir_dynamodb_client *client, int64_t deadline_ms)
{
	struct weir_dynamodb_call call;
	enum weir_status status;

	begin(&call, client, "DescribeTable");
	weir_buffer_append_byte(&call.body, '}');
	status = weir_dynamodb_run_on_table(client, &call, deadline_ms);
	if (status == WEIR_OK)
		status = call.status == WEIR_OK ? judge_table(client, weir_dynamodb_member(call.reply, "Table")) : call.status;
	weir_dynamodb_calls_finish(&call, 1);
	return status;
}

/* Whoever else makes it at the same time makes the same. */
static enum weir_status create(struct weir_dynamodb_client *client, int64_t deadline_ms)
{
	struct weir_dynamodb_call call;
	enum weir_status status;

	begin(&call, client, "CreateTable");
	weir_buffer_append_text(
		&call.body,
		",\"BillingMode\":\"PAY_PER_REQUEST\",\"AttributeDefinitions\":["
		"{\"AttributeName\":\"pk\",\"AttributeType\":\"S\"},{\"AttributeName\":\"sk\",\"AttributeType\":\"S\"}],"
		"\"KeySchema\":[{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"}]}");
	status = weir_dynamodb_run_on_table(client, &call, deadline_ms);
	weir_dynamodb_calls_finish(&call, 1);
	if (status == WEIR_OK)
		weir_log_info(client->log, "dynamodb: table %s is made", client->options.table);
	return status;
}

/* What has expired is never served, deleted or not: where it cannot be deleted that is only told. */
static void turn_expiry_on(struct weir_dynamodb_client *client, int64_t deadline_ms)
{
	struct weir_dynamodb_call call;
	struct weir_slice state = WEIR_SLICE_NONE;
	enum weir_status status;

	begin(&call, client, "DescribeTimeToLive");
	weir_buffer_append_byte(&call.body, '}');
	status = weir_dynamodb_run_on_table(client, &call, deadline_ms);
	if (status == WEIR_OK)
		state = weir_dynamodb_string(
			weir_dynamodb_member(weir_dynamodb_member(call.reply, "TimeToLiveDescription"), "TimeToLiveStatus"));
	if (!weir_slice_starts_with(state, WEIR_SLICE_LITERAL("ENABL"))) {
		weir_dynamodb_calls_finish(&call, 1);
		begin(&call, client, "UpdateTimeToLive");
		weir_buffer_printf(&call.body, ",\"TimeToLiveSpecification\":{\"AttributeName\":\"%s\",\"Enabled\":true}}",
				   client->options.ttl_attribute);
		status = weir_dynamodb_run_on_table(client, &call, deadline_ms);
	}
	weir_dynamodb_calls_finish(&call, 1);
	if (status != WEIR_OK)
		weir_log_info(client->log, "dynamodb: table %s: what has expired will not be deleted: %s", client->options.table,
			      client->why);
}

enum weir_status weir_dynamodb_table_make(struct weir_dynamodb_client *client, int64_t deadline_ms)
{
	struct weir_dynamodb_backoff backoff = { .deadline_ms = deadline_ms };
	enum weir_status status;

	for (status = describe(client, deadline_ms); status == WEIR_MISS || status == WEIR_BUSY; status = describe(client, deadline_ms)) {
		if (status == WEIR_MISS)
			status = create(client, deadline_ms);
		if (status < 0)
			return status;
		if (!weir_dynamodb_backoff_wait(&backoff))
			return WEIR_ERR_TIMEOUT;
	}
	if (status != WEIR_OK)
		return status;
	turn_expiry_on(client, deadline_ms);
	client->table_ready = true;
	return WEIR_OK;
}

enum weir_status weir_dynamodb_table_check(struct weir_dynamodb_client *client, int64_t deadline_ms)
{
	enum weir_status status = client->options.create ? weir_dynamodb_table_make(client, deadline_ms) : describe(client, deadline_ms);

	return status > 0 ? WEIR_ERR_BACKEND : status;
}
