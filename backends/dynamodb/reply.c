/* SPDX-License-Identifier: Apache-2.0
 *
 * json-c's values, asked so that no reply can make a reader stumble.
 */
#include "reply.h"

#include <json-c/json.h>

struct json_object *weir_dynamodb_member(struct json_object *object, const char *name)
{
	struct json_object *member = NULL;

	if (!object || !json_object_is_type(object, json_type_object))
		return NULL;
	return json_object_object_get_ex(object, name, &member) ? member : NULL;
}

struct weir_slice weir_dynamodb_string(struct json_object *value)
{
	if (!value || !json_object_is_type(value, json_type_string))
		return WEIR_SLICE_NONE;
	return weir_slice(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

struct weir_slice weir_dynamodb_attribute(struct json_object *item, const char *name, const char *type)
{
	return weir_dynamodb_string(weir_dynamodb_member(weir_dynamodb_member(item, name), type));
}

bool weir_dynamodb_number(struct json_object *item, const char *name, uint64_t *number)
{
	return weir_slice_to_u64(weir_dynamodb_attribute(item, name, "N"), UINT64_MAX, number) == WEIR_OK;
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* What stands behind '#' in "com.amazonaws.dynamodb.v20120810#ThrottlingException"; some services leave the front part out. */
void weir_dynamodb_error_name(struct json_object *reply, char name[WEIR_DYNAMODB_ERROR_MAX])
{
	struct weir_slice type = weir_dynamodb_string(weir_dynamodb_member(reply, "__type"));
	size_t from = weir_slice_find(type, '#') + 1, len = 0;

	if (from <= type.len)
		type = weir_slice_from(type, from);
	while (len < type.len && len < WEIR_DYNAMODB_ERROR_MAX - 1 && is_letter(type.data[len])) {
		name[len] = type.data[len];
		len++;
	}
	name[len] = '\0';
}

struct weir_slice weir_dynamodb_error_message(struct json_object *reply)
{
	struct weir_slice message = weir_dynamodb_string(weir_dynamodb_member(reply, "message"));

	return message.data ? message : weir_dynamodb_string(weir_dynamodb_member(reply, "Message"));
}
