/* SPDX-License-Identifier: Apache-2.0
 *
 * The coder of any JSON value: what functions have that do not know better. A double and an integer stay apart, and large integers exact;
 * of a string, each byte that is not UTF-8 becomes U+FFFD.
 */
#include <json-c/json.h>

#include <weir/json.h>

#include "cache/coder.h"

static enum weir_status encode(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	struct json_object *const *json = value;

	(void)self;
	(void)pool;
	return weir_json_append(bytes, *json);
}

static void release(void *json)
{
	json_object_put(json);
}

static enum weir_status decode(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	struct json_object **json = value;
	enum weir_status status = weir_json_parse(bytes, WEIR_JSON_MAX_DEPTH, json, NULL);

	(void)self;
	if (status != WEIR_OK)
		return weir_coder_read_status(status);
	weir_pool_on_reset(pool, release, *json);
	if (!weir_pool_overflowed(pool))
		return WEIR_OK;
	*json = NULL; /* it is released, at once or with the pool */
	return WEIR_ERR_MEMORY;
}

static const struct weir_coder_ops ops = { .name = "json", .encode = encode, .decode = decode };

const struct weir_coder weir_coder_json = { .ops = &ops, .size = sizeof(struct json_object *), .media_type = "application/json" };
