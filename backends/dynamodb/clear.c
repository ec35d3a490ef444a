/* SPDX-License-Identifier: Apache-2.0
 *
 * The clock first, then the cells: a stamp is drawn before anybody can see it in a cell.
 */
#include "clear.h"

#include <inttypes.h>

#include "call.h"
#include "names.h"
#include "reply.h"

#define EPOCH_SHIFT 40

/* {"TableName":"…","Key":{…} */
static void begin(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, const char *operation, struct weir_slice name)
{
	weir_dynamodb_call_init(call, operation);
	weir_buffer_printf(&call->body, "{\"TableName\":\"%s\",\"Key\":{", client->options.table);
	weir_dynamodb_append_key(&call->body, name);
	weir_buffer_append_byte(&call->body, '}');
}

/* -- The clock ------------------------------------------------------------------------------------------------------------- */

/* The number in `attributes`, the member of that name in the reply of one call, which is finished. BUSY: its condition did not hold. */
static enum weir_status take_clock(struct weir_dynamodb_client *client, struct weir_dynamodb_call *call, const char *attributes,
				   int64_t deadline_ms, uint64_t *clock)
{
	enum weir_status status = weir_dynamodb_run(client, call, 1, deadline_ms);

	if (status == WEIR_OK)
		status = call->status;
	if (status == WEIR_OK && !weir_dynamodb_number(weir_dynamodb_member(call->reply, attributes), "s", clock)) {
		weir_dynamodb_note(client, "%s: the table's clear clock is damaged", call->operation);
		weir_dynamodb_report(client, true);
		status = WEIR_ERR_BACKEND;
	}
	weir_dynamodb_calls_finish(call, 1);
	return status;
}

static enum weir_status read_clock(struct weir_dynamodb_client *client, int64_t deadline_ms, uint64_t *clock)
{
	struct weir_dynamodb_call call;

	begin(&call, client, "GetItem", WEIR_DYNAMODB_CLOCK_NAME);
	weir_buffer_append_text(&call.body, ",\"ConsistentRead\":true}");
	return take_clock(client, &call, "Item", deadline_ms, clock);
}

enum weir_status weir_dynamodb_clock_make(struct weir_dynamodb_client *client, int64_t deadline_ms, uint64_t *clock)
{
	struct weir_dynamodb_call call;
	enum weir_status status;

	*clock = weir_clear_clock_new();
	weir_dynamodb_call_init(&call, "PutItem");
	weir_buffer_printf(&call.body, "{\"TableName\":\"%s\",\"Item\":{", client->options.table);
	weir_dynamodb_append_key(&call.body, WEIR_DYNAMODB_CLOCK_NAME);
	weir_buffer_printf(&call.body,
			   ",\"s\":{\"N\":\"%" PRIu64 "\"}},\"ConditionExpression\":\"NOT attribute_type(s, :number)\","
			   "\"ExpressionAttributeValues\":{\":number\":{\"S\":\"N\"}}}",
			   *clock);
	status = weir_dynamodb_run(client, &call, 1, deadline_ms);
	if (status == WEIR_OK)
		status = call.status;
	weir_dynamodb_calls_finish(&call, 1);
	return status == WEIR_BUSY ? read_clock(client, deadline_ms, clock) : status;
}

/* BUSY: there is none. */
static enum weir_status move_clock(struct weir_dynamodb_client *client, size_t by, int64_t deadline_ms, uint64_t *clock)
{
	struct weir_dynamodb_call call;

	begin(&call, client, "UpdateItem", WEIR_DYNAMODB_CLOCK_NAME);
	weir_buffer_printf(
		&call.body,
		",\"UpdateExpression\":\"ADD s :by\",\"ConditionExpression\":\"attribute_type(s, :number)\","
		"\"ExpressionAttributeValues\":{\":by\":{\"N\":\"%zu\"},\":number\":{\"S\":\"N\"}},\"ReturnValues\":\"UPDATED_NEW\"}",
		by);
	return take_clock(client, &call, "Attributes", deadline_ms, clock);
}

/* -- Cells ----------------------------------------------------------------------------------------------------------------- */

/* That the cell's stamp is not one of this epoch which is as new. */
#define OLDER "NOT (s BETWEEN :s AND :top)"

/* A cell that is kept for a time must not lose time by it: when it is to last longer already, `prolong` fails, and without it only the
 * stamp is written. */
static void write_cell(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, uint64_t stamp, int64_t keep_ms,
		       bool prolong)
{
	uint64_t top = stamp | ((UINT64_C(1) << EPOCH_SHIFT) - 1);
	const char *update = "SET s = :s", *condition = "attribute_not_exists(s) OR " OLDER;

	if (keep_ms <= 0)
		update = "SET s = :s REMOVE #ttl";
	if (prolong) {
		update = "SET s = :s, #ttl = :ttl";
		condition = "attribute_not_exists(s) OR (" OLDER " AND #ttl <= :ttl)";
	}
	weir_buffer_printf(&call->body, ",\"UpdateExpression\":\"%s\",\"ConditionExpression\":\"%s\",", update, condition);
	if (prolong || keep_ms <= 0)
		weir_buffer_printf(&call->body, "\"ExpressionAttributeNames\":{\"#ttl\":\"%s\"},", client->options.ttl_attribute);
	weir_buffer_printf(&call->body, "\"ExpressionAttributeValues\":{\":s\":{\"N\":\"%" PRIu64 "\"},\":top\":{\"N\":\"%" PRIu64 "\"}",
			   stamp, top);
	if (prolong)
		weir_buffer_printf(&call->body, ",\":ttl\":{\"N\":\"%" PRId64 "\"}", weir_dynamodb_ttl_s(client, keep_ms));
	weir_buffer_append_text(&call->body, "}}");
}

struct stamping {
	struct weir_dynamodb_client *client;
	struct weir_slice *names; /* and to each its stamp */
	uint64_t *stamps;
	size_t count;
	int64_t keep_ms;
	int64_t deadline_ms;
};

/* Writes them all; those whose condition did not hold are what `stamping` is left with. */
static enum weir_status write_cells(struct stamping *stamping, bool prolong)
{
	struct weir_dynamodb_client *client = stamping->client;
	size_t count = stamping->count;
	struct weir_dynamodb_call *calls = weir_pool_alloc(client->pool, count * sizeof(calls[0]));
	enum weir_status status;

	if (!calls)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++) {
		begin(&calls[i], client, "UpdateItem", stamping->names[i]);
		write_cell(&calls[i], client, stamping->stamps[i], stamping->keep_ms, prolong);
	}
	status = weir_dynamodb_run(client, calls, count, stamping->deadline_ms);
	stamping->count = 0;
	for (size_t i = 0; i < count; i++) {
		if (calls[i].status != WEIR_BUSY)
			continue;
		stamping->names[stamping->count] = stamping->names[i];
		stamping->stamps[stamping->count++] = stamping->stamps[i];
	}
	weir_dynamodb_calls_finish(calls, count);
	return status;
}

static enum weir_status list_cells(struct stamping *stamping, const struct weir_slice *cells, size_t count)
{
	struct weir_pool *pool = stamping->client->pool;

	stamping->names = weir_pool_alloc(pool, count * sizeof(stamping->names[0]));
	stamping->stamps = weir_pool_alloc(pool, count * sizeof(stamping->stamps[0]));
	for (size_t i = 0; i < count && stamping->names; i++) {
		if (!weir_dynamodb_is_key(cells[i]))
			return WEIR_ERR_LIMIT;
		stamping->names[i] = weir_dynamodb_name(pool, WEIR_DYNAMODB_CELL, cells[i]);
	}
	stamping->count = count;
	return weir_pool_overflowed(pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}

enum weir_status weir_dynamodb_clear(struct weir_dynamodb_client *client, const struct weir_slice *cells, size_t count, int64_t keep_ms,
				     uint64_t *clock)
{
	struct stamping stamping = { .client = client, .keep_ms = keep_ms, .deadline_ms = weir_dynamodb_deadline_ms(client) };
	enum weir_status status = list_cells(&stamping, cells, count);

	if (status == WEIR_OK)
		status = move_clock(client, count, stamping.deadline_ms, clock);
	if (status == WEIR_BUSY) {
		status = weir_dynamodb_clock_make(client, stamping.deadline_ms, clock);
		if (status == WEIR_OK)
			status = move_clock(client, count, stamping.deadline_ms, clock);
	}
	if (status != WEIR_OK)
		return status < 0 ? status : WEIR_ERR_BACKEND;
	for (size_t i = 0; i < count; i++)
		stamping.stamps[i] = *clock - (count - 1 - i);
	status = write_cells(&stamping, keep_ms > 0);
	if (status == WEIR_OK && keep_ms > 0 && stamping.count > 0)
		status = write_cells(&stamping, false);
	return status;
}
