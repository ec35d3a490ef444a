/* SPDX-License-Identifier: Apache-2.0
 *
 * The table may be shared with others and edited by hand: an item is believed when it repeats the key that it was asked for.
 */
#include "item.h"

#include <inttypes.h>

#include "base64.h"
#include "names.h"
#include "reply.h"

/* From the year 10000 on there is no difference to never. */
#define FAR_MS INT64_C(253402300800000)

/* A number takes at most so much. */
#define NUMBER_MAX ((size_t)21)

bool weir_dynamodb_item_fits(const struct weir_dynamodb_client *client, struct weir_slice name, const struct weir_backend_set *set)
{
	size_t rest = strlen("pk"
			     "0"
			     "sk"
			     "k"
			     "v"
			     "e") +
		      strlen(client->options.ttl_attribute) + 2 * NUMBER_MAX;

	return set->value.len <= WEIR_DYNAMODB_ITEM_MAX && rest + name.len + set->key.len + set->value.len <= WEIR_DYNAMODB_ITEM_MAX;
}

static void append_binary(struct weir_buffer *json, char name, struct weir_slice bytes)
{
	weir_buffer_printf(json, ",\"%c\":{\"B\":\"", name);
	weir_dynamodb_base64_append(json, bytes);
	weir_buffer_append_text(json, "\"}");
}

void weir_dynamodb_item_append(struct weir_buffer *json, const struct weir_dynamodb_client *client, struct weir_slice name,
			       const struct weir_backend_set *set)
{
	int64_t ttl_ms = set->expires_ms - weir_clock_wall_ms(client->clock);

	weir_buffer_append_byte(json, '{');
	weir_dynamodb_append_key(json, name);
	append_binary(json, 'k', set->key);
	if (set->value.len > 0)
		append_binary(json, 'v', set->value);
	if (set->expires_ms < FAR_MS)
		weir_buffer_printf(json, ",\"e\":{\"N\":\"%" PRId64 "\"},\"%s\":{\"N\":\"%" PRId64 "\"}",
				   weir_dynamodb_time_ms(client) + ttl_ms, client->options.ttl_attribute,
				   weir_dynamodb_ttl_s(client, ttl_ms));
	weir_buffer_append_byte(json, '}');
}

bool weir_dynamodb_item_key(struct json_object *item, struct weir_dynamodb_key *key)
{
	struct weir_slice text = weir_dynamodb_attribute(item, "k", "B");

	return text.len <= weir_dynamodb_base64_size(WEIR_KEY_MAX) && weir_dynamodb_base64_decode(text, key->bytes, &key->len) == WEIR_OK &&
	       weir_dynamodb_is_key(weir_slice(key->bytes, key->len));
}

static bool has_expired(struct json_object *item, int64_t now_ms)
{
	uint64_t expires_ms;

	if (!weir_dynamodb_member(item, "e"))
		return false;
	return !weir_dynamodb_number(item, "e", &expires_ms) || expires_ms <= (uint64_t)now_ms;
}

bool weir_dynamodb_item_is(struct json_object *item, struct weir_slice key, int64_t now_ms, struct weir_slice *base64)
{
	struct weir_dynamodb_key own;

	if (!weir_dynamodb_item_key(item, &own) || !weir_slice_equal(weir_slice(own.bytes, own.len), key) || has_expired(item, now_ms))
		return false;
	*base64 = weir_dynamodb_attribute(item, "v", "B");
	return base64->data || !weir_dynamodb_member(item, "v");
}
