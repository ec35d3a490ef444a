/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an answer of DynamoDB, to each question that the driver asks, and as the document of whoever lends credentials. What is
 * believed must be what was asked for.
 */
#include <json-c/json.h>

#include <weir/json.h>

#include "backends/dynamodb/base64.h"
#include "backends/dynamodb/credentials.h"
#include "backends/dynamodb/item.h"
#include "backends/dynamodb/lookup.h"
#include "backends/dynamodb/reply.h"
#include "backends/dynamodb/write.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct weir_slice names[] = { { "clock", 5 }, { "cell:a", 6 }, { "value:a", 7 }, { "value:b", 7 } };

static void check_error(struct json_object *reply)
{
	char name[WEIR_DYNAMODB_ERROR_MAX];

	weir_dynamodb_error_name(reply, name);
	INSIST(strlen(name) < sizeof(name));
	for (const char *c = name; *c; c++)
		INSIST((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z'));
	(void)weir_dynamodb_error_message(reply);
	(void)weir_dynamodb_judge(400, name);
}

static void check_item(struct json_object *item)
{
	static char bytes[WEIR_DYNAMODB_ITEM_MAX * 2];
	struct weir_slice base64 = WEIR_SLICE_NONE;
	struct weir_dynamodb_key key;
	uint64_t number;
	size_t len;

	(void)weir_dynamodb_number(item, "s", &number);
	if (!weir_dynamodb_item_key(item, &key)) {
		INSIST(!weir_dynamodb_item_is(item, WEIR_SLICE_LITERAL("a"), 0, &base64));
		return;
	}
	INSIST(key.len > 0 && key.len <= WEIR_KEY_MAX);
	if (!weir_dynamodb_item_is(item, weir_slice(key.bytes, key.len), 1000, &base64) || base64.len > sizeof(bytes))
		return;
	if (weir_dynamodb_base64_decode(base64, bytes, &len) == WEIR_OK) {
		struct weir_buffer again;

		weir_buffer_init(&again, 0);
		weir_dynamodb_base64_append(&again, weir_slice(bytes, len));
		INSIST(weir_slice_equal(weir_buffer_slice(&again), base64));
		weir_buffer_finish(&again);
	}
}

static void check_lookup(struct weir_pool *pool, struct json_object *reply)
{
	struct weir_dynamodb_lookup lookup;
	struct weir_dynamodb_wanted *asked[4];

	INSIST(weir_dynamodb_lookup_init(&lookup, pool, names, 4) == WEIR_OK);
	for (size_t i = 0; i < 4; i++)
		asked[i] = &lookup.wanted[i];
	weir_dynamodb_lookup_take(&lookup, "t", asked, 4, reply);
	for (size_t i = 0; i < 4; i++) {
		struct weir_dynamodb_wanted *wanted = weir_dynamodb_lookup_find(&lookup, names[i]);

		INSIST(wanted && (!wanted->item || wanted->settled));
		INSIST(!wanted->item || weir_slice_equal(weir_dynamodb_attribute(wanted->item, "sk", "S"), names[i]));
		if (wanted->item)
			check_item(wanted->item);
	}
	weir_dynamodb_lookup_finish(&lookup);
}

static void check_writes(struct json_object *reply)
{
	struct weir_dynamodb_write writes[4];
	size_t undone, open = 0;

	for (size_t i = 0; i < 4; i++)
		writes[i] = (struct weir_dynamodb_write){ .name = names[i], .order = i };
	INSIST(weir_dynamodb_writes_sort(writes, 4) == 4);
	undone = weir_dynamodb_writes_take(writes, 4, "t", reply);
	for (size_t i = 0; i < 4; i++)
		open += !writes[i].done;
	INSIST(undone == open);
}

static void check_credentials(struct weir_pool *pool, struct weir_slice text)
{
	struct weir_dynamodb_found found;

	if (weir_dynamodb_credentials_parse(pool, text, &found) != WEIR_OK)
		return;
	INSIST(weir_dynamodb_is_token(weir_slice_text(found.secret.access_key)));
	INSIST(weir_dynamodb_is_token(weir_slice_text(found.secret.secret_key)));
	INSIST(!found.secret.session_token || weir_dynamodb_is_token(weir_slice_text(found.secret.session_token)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct json_object *reply = NULL;

	if (weir_json_parse(weir_slice(data, size), WEIR_JSON_DEPTH, &reply, NULL) == WEIR_OK) {
		check_error(reply);
		check_item(reply);
		check_lookup(pool, reply);
		check_writes(reply);
	}
	json_object_put(reply);
	check_credentials(pool, weir_slice(data, size));
	weir_pool_destroy(pool);
	return 0;
}
