/* SPDX-License-Identifier: Apache-2.0
 *
 * From keys of any bytes to primary keys of the table.
 */
#include "names.h"

static const char *const words[] = {
	[WEIR_DYNAMODB_VALUE] = "value:",
	[WEIR_DYNAMODB_CELL] = "cell:",
	[WEIR_DYNAMODB_LEASE] = "lease:",
};

static struct weir_slice make_name(struct weir_pool *pool, const char *word, struct weir_slice key,
				   size_t (*put)(struct weir_slice key, size_t max, char *name))
{
	char name[WEIR_DYNAMODB_NAME_MAX + 1];
	size_t word_len = strlen(word);

	memcpy(name, word, word_len);
	return weir_pool_dup(pool, weir_slice(name, word_len + put(key, WEIR_DYNAMODB_NAME_MAX - word_len, name + word_len)));
}

struct weir_slice weir_dynamodb_name(struct weir_pool *pool, enum weir_dynamodb_kind kind, struct weir_slice key)
{
	return make_name(pool, words[kind], key, weir_backend_name);
}

struct weir_slice weir_dynamodb_name_prefix(struct weir_pool *pool, struct weir_slice prefix)
{
	return make_name(pool, words[WEIR_DYNAMODB_VALUE], prefix, weir_backend_name_prefix);
}

/* FNV-1a. */
char weir_dynamodb_bucket(struct weir_slice name)
{
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < name.len; i++)
		hash = (hash ^ (unsigned char)name.data[i]) * 16777619;
	return "0123456789abcdef"[(hash ^ hash >> 16) % WEIR_DYNAMODB_BUCKETS];
}

void weir_dynamodb_append_key(struct weir_buffer *json, struct weir_slice name)
{
	char bucket = weir_dynamodb_bucket(name);

	weir_buffer_printf(json, "\"pk\":{\"S\":\"%c\"},\"sk\":{\"S\":\"%.*s\"}", bucket, (int)name.len, name.data);
}
