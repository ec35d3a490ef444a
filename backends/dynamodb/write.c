/* SPDX-License-Identifier: Apache-2.0
 *
 * As with reading, a server that is short of breath does a part of a batch and names the rest, to be sent again.
 */
#include "write.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base64.h"
#include "item.h"
#include "names.h"
#include "reply.h"

#define WRITES_MAX ((size_t)25)

/* libcurl asks before it sends more than 1 MB, and waits for the answer. */
#define BODY_MAX ((size_t)900 * 1024)

static int compare_writes(const void *a, const void *b)
{
	const struct weir_dynamodb_write *left = a, *right = b;
	int order = weir_slice_compare(left->name, right->name);

	if (order != 0)
		return order;
	return left->order < right->order ? -1 : left->order > right->order;
}

static int compare_name(const void *name, const void *write)
{
	return weir_slice_compare(*(const struct weir_slice *)name, ((const struct weir_dynamodb_write *)write)->name);
}

size_t weir_dynamodb_writes_sort(struct weir_dynamodb_write *writes, size_t count)
{
	size_t left = 0;

	qsort(writes, count, sizeof(writes[0]), compare_writes);
	for (size_t i = 0; i < count; i++)
		if (i + 1 == count || !weir_slice_equal(writes[i].name, writes[i + 1].name))
			writes[left++] = writes[i];
	return left;
}

struct weir_dynamodb_write *weir_dynamodb_writes_find(struct weir_dynamodb_write *writes, size_t count, struct weir_slice name)
{
	return name.data ? bsearch(&name, writes, count, sizeof(writes[0]), compare_name) : NULL;
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

/* Of {"PutRequest":{"Item":{…}}} or {"DeleteRequest":{"Key":{…}}}. */
static struct weir_slice name_of_request(struct json_object *request)
{
	struct json_object *key = weir_dynamodb_member(weir_dynamodb_member(request, "PutRequest"), "Item");

	if (!key)
		key = weir_dynamodb_member(weir_dynamodb_member(request, "DeleteRequest"), "Key");
	return weir_dynamodb_attribute(key, "sk", "S");
}

size_t weir_dynamodb_writes_take(struct weir_dynamodb_write *asked, size_t count, const char *table, struct json_object *reply)
{
	struct json_object *unprocessed = weir_dynamodb_member(reply, "UnprocessedItems");
	struct json_object *again = weir_dynamodb_member(unprocessed, table);
	size_t again_count = again && json_object_is_type(again, json_type_array) ? json_object_array_length(again) : 0, undone = 0;

	for (size_t i = 0; i < count && json_object_is_type(unprocessed, json_type_object); i++)
		asked[i].done = true;
	for (size_t i = 0; i < again_count; i++) {
		struct weir_dynamodb_write *write =
			weir_dynamodb_writes_find(asked, count, name_of_request(json_object_array_get_idx(again, i)));

		if (write)
			write->done = false;
	}
	for (size_t i = 0; i < count; i++)
		undone += !asked[i].done;
	return undone;
}

/* -- Requests -------------------------------------------------------------------------------------------------------------- */

/* A request and the writes that it is about; those of them that were done before are not in it. */
struct batch {
	struct weir_dynamodb_write *writes;
	size_t count;
};

static void append_write(struct weir_buffer *json, const struct weir_dynamodb_client *client, const struct weir_dynamodb_write *write)
{
	if (write->put) {
		weir_buffer_append_text(json, "{\"PutRequest\":{\"Item\":");
		weir_dynamodb_item_append(json, client, write->name, write->put);
		weir_buffer_append_text(json, "}}");
	} else {
		weir_buffer_append_text(json, "{\"DeleteRequest\":{\"Key\":{");
		weir_dynamodb_append_key(json, write->name);
		weir_buffer_append_text(json, "}}}");
	}
}

/* About how long append_write() makes it. */
static size_t size_of(const struct weir_dynamodb_write *write)
{
	size_t bytes = write->put ? write->put->key.len + write->put->value.len : 0;

	return 256 + write->name.len + weir_dynamodb_base64_size(bytes);
}

/* As many of the writes as one request takes, from the first on, which is undone. */
static void write_request(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, struct batch *batch, size_t count)
{
	size_t asked = 0;

	weir_dynamodb_call_init(call, "BatchWriteItem");
	weir_buffer_printf(&call->body, "{\"RequestItems\":{\"%s\":[", client->options.table);
	for (batch->count = 0; batch->count < count && asked < WRITES_MAX; batch->count++) {
		const struct weir_dynamodb_write *write = &batch->writes[batch->count];

		if (write->done)
			continue;
		if (asked > 0 && call->body.len + size_of(write) > BODY_MAX)
			break;
		if (asked++ > 0)
			weir_buffer_append_byte(&call->body, ',');
		append_write(&call->body, client, write);
	}
	weir_buffer_append_text(&call->body, "]}}");
}

static size_t skip_done(const struct weir_dynamodb_write *writes, size_t at, size_t count)
{
	while (at < count && writes[at].done)
		at++;
	return at;
}

/* As many requests as there are connections. `*held_back` counts the writes that the server has left undone. */
static enum weir_status run_some(struct weir_dynamodb_client *client, struct weir_dynamodb_write *writes, size_t count, int64_t deadline_ms,
				 size_t *held_back)
{
	size_t most = (size_t)client->options.connections, made = 0;
	struct weir_dynamodb_call *calls = weir_pool_alloc(client->pool, most * sizeof(calls[0]));
	struct batch *batches = weir_pool_alloc(client->pool, most * sizeof(batches[0]));
	enum weir_status status;

	if (!calls || !batches)
		return WEIR_ERR_MEMORY;
	for (size_t at = skip_done(writes, 0, count); made < most && at < count; made++) {
		batches[made].writes = writes + at;
		write_request(&calls[made], client, &batches[made], count - at);
		at = skip_done(writes, at + batches[made].count, count);
	}
	status = weir_dynamodb_run(client, calls, made, deadline_ms);
	for (size_t i = 0; i < made; i++)
		if (calls[i].status == WEIR_OK)
			*held_back += weir_dynamodb_writes_take(batches[i].writes, batches[i].count, client->options.table, calls[i].reply);
	weir_dynamodb_calls_finish(calls, made);
	return status;
}

enum weir_status weir_dynamodb_writes_run(struct weir_dynamodb_client *client, struct weir_dynamodb_write *writes, size_t count,
					  int64_t deadline_ms)
{
	struct weir_dynamodb_backoff backoff = { .deadline_ms = deadline_ms };

	while (skip_done(writes, 0, count) < count) {
		size_t held_back = 0;
		enum weir_status status = run_some(client, writes, count, deadline_ms, &held_back);

		if (status != WEIR_OK)
			return status;
		if (held_back > 0 && !weir_dynamodb_backoff_wait(&backoff))
			return WEIR_ERR_TIMEOUT;
	}
	return WEIR_OK;
}
