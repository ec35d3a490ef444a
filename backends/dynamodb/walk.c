/* SPDX-License-Identifier: Apache-2.0
 *
 * One Query after the other: who walks is in no hurry, and a page may have a megabyte. Each page has the time of a call for itself; in
 * between the visitor is asked whether to go on.
 */
#include "walk.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>

#include <weir/json.h>

#include "base64.h"
#include "item.h"
#include "names.h"
#include "reply.h"
#include "write.h"

struct walk {
	struct weir_dynamodb_client *client;
	struct weir_slice prefix;
	struct weir_slice name_prefix;
	bool remove;
	weir_backend_visit_fn visit;
	void *state;
	bool ended;              /* by the visitor */
	struct weir_buffer next; /* where the next page begins, as JSON; empty: at the bucket's beginning */
};

static void write_query(struct weir_dynamodb_call *call, const struct walk *walk, char bucket)
{
	weir_dynamodb_call_init(call, "Query");
	weir_buffer_printf(
		&call->body,
		"{\"TableName\":\"%s\",\"ConsistentRead\":true,\"KeyConditionExpression\":\"pk = :bucket AND begins_with(sk, :prefix)\","
		"\"FilterExpression\":\"attribute_not_exists(e) OR e > :now\",\"ExpressionAttributeValues\":{",
		walk->client->options.table);
	weir_buffer_printf(&call->body, "\":bucket\":{\"S\":\"%c\"},\":prefix\":{\"S\":\"%s\"},\":now\":{\"N\":\"%" PRId64 "\"}}", bucket,
			   walk->name_prefix.data, weir_dynamodb_time_ms(walk->client));
	if (walk->next.len > 0) {
		weir_buffer_append_text(&call->body, ",\"ExclusiveStartKey\":");
		weir_buffer_append_slice(&call->body, weir_buffer_slice(&walk->next));
	}
	weir_buffer_append_byte(&call->body, '}');
}

/* Shows the item to the visitor, when it is one of ours that begins with the prefix: then its name, which lives as long as the item. */
static struct weir_slice visit_item(struct walk *walk, struct json_object *item)
{
	struct weir_slice name = weir_dynamodb_attribute(item, "sk", "S"), key, base64, value = WEIR_SLICE_LITERAL("");
	struct weir_dynamodb_key own;
	char *bytes;
	bool shown = false;

	if (!weir_dynamodb_item_key(item, &own))
		return WEIR_SLICE_NONE;
	key = weir_slice(own.bytes, own.len);
	if (!weir_slice_starts_with(key, walk->prefix) ||
	    !weir_slice_equal(weir_dynamodb_name(walk->client->pool, WEIR_DYNAMODB_VALUE, key), name) ||
	    !weir_dynamodb_item_is(item, key, weir_dynamodb_time_ms(walk->client), &base64))
		return WEIR_SLICE_NONE;
	bytes = malloc(base64.len / 4 * 3 + 1);
	if (bytes && weir_dynamodb_base64_decode(base64, bytes, &value.len) == WEIR_OK) {
		value.data = bytes;
		walk->ended = !walk->visit(walk->state, key, value);
		shown = true;
	}
	free(bytes);
	return shown ? name : WEIR_SLICE_NONE;
}

/* Visits what the page holds, and then removes that. */
static enum weir_status visit_page(struct walk *walk, struct json_object *items, int64_t deadline_ms)
{
	size_t length = items && json_object_is_type(items, json_type_array) ? json_object_array_length(items) : 0, count = 0;
	struct weir_dynamodb_write *writes = weir_pool_alloc(walk->client->pool, length * sizeof(writes[0]));

	if (!writes)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < length && !walk->ended; i++) {
		struct weir_slice name = visit_item(walk, json_object_array_get_idx(items, i));

		if (name.data)
			writes[count++] = (struct weir_dynamodb_write){ .name = name, .order = i };
	}
	if (!walk->remove || count == 0)
		return WEIR_OK;
	count = weir_dynamodb_writes_sort(writes, count);
	return weir_dynamodb_writes_run(walk->client, writes, count, deadline_ms);
}

/* END: that was the bucket's last page. */
static enum weir_status walk_page(struct walk *walk, char bucket)
{
	int64_t deadline_ms = weir_dynamodb_deadline_ms(walk->client);
	struct weir_dynamodb_call call;
	struct json_object *next = NULL;
	enum weir_status status;

	write_query(&call, walk, bucket);
	status = weir_dynamodb_run(walk->client, &call, 1, deadline_ms);
	if (status == WEIR_OK) {
		next = weir_dynamodb_member(call.reply, "LastEvaluatedKey");
		status = visit_page(walk, weir_dynamodb_member(call.reply, "Items"), deadline_ms);
	}
	weir_buffer_clear(&walk->next);
	if (status == WEIR_OK)
		status = next ? weir_json_append(&walk->next, next) : WEIR_END;
	weir_dynamodb_calls_finish(&call, 1);
	return status;
}

static enum weir_status walk_bucket(struct walk *walk, char bucket)
{
	struct weir_pool *pool = walk->client->pool;
	enum weir_status status;

	do {
		weir_pool_reset(pool);
		walk->name_prefix = weir_dynamodb_name_prefix(pool, walk->prefix);
		status = walk->name_prefix.data ? walk_page(walk, bucket) : WEIR_ERR_MEMORY;
		if (status >= 0 && !walk->ended)
			walk->ended = !walk->visit(walk->state, WEIR_SLICE_NONE, WEIR_SLICE_NONE);
	} while (status == WEIR_OK && !walk->ended);
	return status < 0 ? status : WEIR_OK;
}

enum weir_status weir_dynamodb_walk(struct weir_dynamodb_client *client, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit,
				    void *state)
{
	struct walk walk = { .client = client, .prefix = prefix, .remove = remove, .visit = visit, .state = state };
	enum weir_status status = WEIR_OK;

	weir_buffer_init(&walk.next, 0);
	for (size_t bucket = 0; bucket < WEIR_DYNAMODB_BUCKETS && status == WEIR_OK && !walk.ended; bucket++)
		status = walk_bucket(&walk, "0123456789abcdef"[bucket]);
	weir_buffer_finish(&walk.next);
	return status;
}
