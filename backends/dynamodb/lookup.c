/* SPDX-License-Identifier: Apache-2.0
 *
 * A server that is short of breath answers a part of a batch and leaves the rest to be asked for again; that, and answers of more than
 * 16 MB, is why this is a loop.
 */
#include "lookup.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "names.h"
#include "reply.h"

#define KEYS_MAX ((size_t)100)

static int compare_names(const void *a, const void *b)
{
	return weir_slice_compare(*(const struct weir_slice *)a, *(const struct weir_slice *)b);
}

static int compare_wanted(const void *name, const void *wanted)
{
	return weir_slice_compare(*(const struct weir_slice *)name, ((const struct weir_dynamodb_wanted *)wanted)->name);
}

enum weir_status weir_dynamodb_lookup_init(struct weir_dynamodb_lookup *lookup, struct weir_pool *pool, const struct weir_slice *names,
					   size_t count)
{
	struct weir_slice *sorted = weir_pool_alloc(pool, count * sizeof(sorted[0]));

	*lookup = (struct weir_dynamodb_lookup){ .wanted = weir_pool_zalloc(pool, count * sizeof(lookup->wanted[0])) };
	if (!sorted || !lookup->wanted)
		return WEIR_ERR_MEMORY;
	if (count > 0)
		memcpy(sorted, names, count * sizeof(sorted[0]));
	qsort(sorted, count, sizeof(sorted[0]), compare_names);
	for (size_t i = 0; i < count; i++)
		if (sorted[i].data && (i == 0 || !weir_slice_equal(sorted[i - 1], sorted[i])))
			lookup->wanted[lookup->count++].name = sorted[i];
	return WEIR_OK;
}

void weir_dynamodb_lookup_finish(struct weir_dynamodb_lookup *lookup)
{
	for (size_t i = 0; i < lookup->count; i++)
		json_object_put(lookup->wanted[i].item);
	lookup->count = 0;
}

struct weir_dynamodb_wanted *weir_dynamodb_lookup_find(const struct weir_dynamodb_lookup *lookup, struct weir_slice name)
{
	return bsearch(&name, lookup->wanted, lookup->count, sizeof(lookup->wanted[0]), compare_wanted);
}

/* -- Answers --------------------------------------------------------------------------------------------------------------- */

static size_t length_of(struct json_object *array)
{
	return array && json_object_is_type(array, json_type_array) ? json_object_array_length(array) : 0;
}

void weir_dynamodb_lookup_take(struct weir_dynamodb_lookup *lookup, const char *table, struct weir_dynamodb_wanted *const *asked,
			       size_t asked_count, struct json_object *reply)
{
	struct json_object *responses = weir_dynamodb_member(reply, "Responses"), *items = weir_dynamodb_member(responses, table);
	struct json_object *again =
		weir_dynamodb_member(weir_dynamodb_member(weir_dynamodb_member(reply, "UnprocessedKeys"), table), "Keys");

	for (size_t i = 0; json_object_is_type(responses, json_type_object) && i < asked_count; i++)
		asked[i]->settled = true;
	for (size_t i = 0; i < length_of(again); i++) {
		struct json_object *key = json_object_array_get_idx(again, i);
		struct weir_dynamodb_wanted *wanted = weir_dynamodb_lookup_find(lookup, weir_dynamodb_attribute(key, "sk", "S"));

		if (wanted)
			wanted->settled = false;
	}
	for (size_t i = 0; i < length_of(items); i++) {
		struct json_object *item = json_object_array_get_idx(items, i);
		struct weir_dynamodb_wanted *wanted = weir_dynamodb_lookup_find(lookup, weir_dynamodb_attribute(item, "sk", "S"));

		if (!wanted)
			continue;
		json_object_put(wanted->item);
		wanted->item = json_object_get(item);
		wanted->settled = true;
	}
}

/* -- Requests -------------------------------------------------------------------------------------------------------------- */

/* A request and what it asks for, a run of the lookup's list of unsettled names. */
struct batch {
	struct weir_dynamodb_wanted **asked;
	size_t count;
	bool consistent;
};

static bool is_consistent(const struct weir_dynamodb_client *client, const struct weir_dynamodb_wanted *wanted)
{
	return client->options.consistent || !weir_slice_starts_with(wanted->name, WEIR_SLICE_LITERAL("value:"));
}

static void write_request(struct weir_dynamodb_call *call, const struct weir_dynamodb_client *client, const struct batch *batch)
{
	weir_dynamodb_call_init(call, "BatchGetItem");
	weir_buffer_printf(&call->body, "{\"RequestItems\":{\"%s\":{\"ConsistentRead\":%s,\"Keys\":[", client->options.table,
			   batch->consistent ? "true" : "false");
	for (size_t i = 0; i < batch->count; i++) {
		weir_buffer_append_text(&call->body, i > 0 ? ",{" : "{");
		weir_dynamodb_append_key(&call->body, batch->asked[i]->name);
		weir_buffer_append_byte(&call->body, '}');
	}
	weir_buffer_append_text(&call->body, "]}}}");
}

/* The unsettled ones, in their order, and so cells before values; how many they are. */
static size_t list_unsettled(const struct weir_dynamodb_lookup *lookup, struct weir_dynamodb_wanted **unsettled)
{
	size_t count = 0;

	for (size_t i = 0; i < lookup->count; i++)
		if (!lookup->wanted[i].settled)
			unsettled[count++] = &lookup->wanted[i];
	return count;
}

static size_t cut_batches(const struct weir_dynamodb_client *client, struct weir_dynamodb_wanted **unsettled, size_t count,
			  struct batch *batches)
{
	size_t batch_count = 0;

	for (size_t i = 0; i < count; i++) {
		struct batch *last = batch_count > 0 ? &batches[batch_count - 1] : NULL;
		bool consistent = is_consistent(client, unsettled[i]);

		if (last && last->count < KEYS_MAX && last->consistent == consistent)
			last->count++;
		else
			batches[batch_count++] = (struct batch){ &unsettled[i], 1, consistent };
	}
	return batch_count;
}

static enum weir_status ask(struct weir_dynamodb_lookup *lookup, struct weir_dynamodb_client *client, const struct batch *batches,
			    size_t count, int64_t deadline_ms)
{
	struct weir_dynamodb_call *calls = weir_pool_alloc(client->pool, count * sizeof(calls[0]));
	enum weir_status status;

	if (!calls)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++)
		write_request(&calls[i], client, &batches[i]);
	status = weir_dynamodb_run(client, calls, count, deadline_ms);
	for (size_t i = 0; status == WEIR_OK && i < count; i++)
		weir_dynamodb_lookup_take(lookup, client->options.table, batches[i].asked, batches[i].count, calls[i].reply);
	weir_dynamodb_calls_finish(calls, count);
	return status;
}

enum weir_status weir_dynamodb_lookup_run(struct weir_dynamodb_lookup *lookup, struct weir_dynamodb_client *client, int64_t deadline_ms)
{
	struct weir_dynamodb_wanted **unsettled = weir_pool_alloc(client->pool, lookup->count * sizeof(struct weir_dynamodb_wanted *));
	struct batch *batches = weir_pool_alloc(client->pool, lookup->count * sizeof(batches[0]));
	struct weir_dynamodb_backoff backoff = { .deadline_ms = deadline_ms };
	enum weir_status status = unsettled && batches ? WEIR_OK : WEIR_ERR_MEMORY;
	size_t count;

	while (status == WEIR_OK && (count = list_unsettled(lookup, unsettled)) > 0) {
		status = ask(lookup, client, batches, cut_batches(client, unsettled, count, batches), deadline_ms);
		if (status == WEIR_OK && list_unsettled(lookup, unsettled) > 0 && !weir_dynamodb_backoff_wait(&backoff))
			status = WEIR_ERR_TIMEOUT;
	}
	return status;
}
