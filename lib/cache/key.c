/* SPDX-License-Identifier: Apache-2.0
 *
 * Making keys.
 */
#include "cache/key.h"

#include <sha2.h>

#include <weir/backend_driver.h>

#include "base/digits.h"

/* Room for the keys of most requests: one allocation. */
#define FIRST_CAPACITY 256

#define PART_MAX ((size_t)1 << 40)

static char *reserve(struct weir_key *key, size_t len)
{
	size_t capacity = key->capacity ? key->capacity : FIRST_CAPACITY;
	char *grown;

	if (key->failed)
		return NULL;
	while (capacity < key->len + len)
		capacity *= 2;
	if (capacity > key->capacity) {
		grown = weir_pool_bytes(key->pool, capacity);
		if (!grown) {
			key->failed = true;
			return NULL;
		}
		if (key->len > 0)
			memcpy(grown, key->data, key->len);
		key->data = grown;
		key->capacity = capacity;
	}
	return key->data + key->len;
}

void weir_key_add(struct weir_key *key, struct weir_slice part)
{
	char *at = part.len < PART_MAX ? reserve(key, WEIR_DIGITS_MAX + 1 + part.len) : NULL;
	char *end = at;

	if (!at) {
		key->failed = true;
		return;
	}
	if (part.data)
		end = weir_put_u64(end, part.len);
	else
		*end++ = '-';
	*end++ = ':';
	if (part.len > 0)
		memcpy(end, part.data, part.len);
	key->len += (size_t)(end - at) + part.len;
}

void weir_key_add_text(struct weir_key *key, const char *part)
{
	weir_key_add(key, weir_slice_text(part));
}

void weir_key_add_secret(struct weir_key *key, struct weir_slice part)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX sha256;

	if (!part.data) {
		weir_key_add(key, part);
		return;
	}
	SHA256Init(&sha256);
	SHA256Update(&sha256, (const uint8_t *)part.data, part.len);
	SHA256Final(digest, &sha256);
	weir_key_add(key, weir_slice(digest, sizeof(digest)));
}

void weir_key_begin(struct weir_key *key, struct weir_pool *pool, const char *prefix, const char *ns)
{
	*key = (struct weir_key){ .pool = pool };
	weir_key_add_text(key, prefix);
	key->prefix_len = key->len;
	weir_key_add_text(key, ns ? ns : "");
	key->namespace_len = key->len;
}

struct weir_slice weir_key_finish(struct weir_key *key)
{
	struct weir_slice tail;

	if (key->len > WEIR_CACHE_KEY_MAX && key->namespace_len < WEIR_CACHE_KEY_MAX - 64) {
		tail = weir_slice(key->data + key->namespace_len, key->len - key->namespace_len);
		key->len = key->namespace_len;
		weir_key_add_secret(key, tail);
	}
	if (key->failed || key->len > WEIR_CACHE_KEY_MAX)
		return WEIR_SLICE_NONE;
	return weir_slice(key->data, key->len);
}

struct weir_slice weir_key_cell(struct weir_pool *pool, const char *prefix, enum weir_cell_kind kind, struct weir_slice name)
{
	static const char *const kinds[] = {
		[WEIR_CELL_TAG] = "tag",           [WEIR_CELL_SOFT] = "soft",
		[WEIR_CELL_SOFT_ALL] = "soft-all", [WEIR_CELL_SOFT_NAMESPACE] = "soft-ns",
		[WEIR_CELL_SOFT_KEY] = "soft-key", [WEIR_CELL_SOFT_TAG] = "soft-tag",
	};
	struct weir_key key = { .pool = pool };

	weir_key_add_text(&key, prefix);
	weir_key_add(&key, WEIR_SLICE_NONE);
	weir_key_add_text(&key, kinds[kind]);
	key.namespace_len = key.len;
	weir_key_add(&key, name);
	return weir_key_finish(&key);
}

struct weir_call *weir_key_call(const struct weir_key *key)
{
	return key->call;
}
