/* SPDX-License-Identifier: Apache-2.0
 *
 * Making keys.
 */
#include "cache/key.h"

#include <sha2.h>

#include <weir/backend_driver.h>
#include <weir/query.h>

#include "base/endian.h"

/* Room for the keys of most requests: one allocation. */
#define FIRST_CAPACITY 256

/* A part begins with its length; this one stands for an absent part. */
#define ABSENT UINT32_MAX

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
	char *at = part.len < ABSENT ? reserve(key, 4 + part.len) : NULL;

	if (!at) {
		key->failed = true;
		return;
	}
	weir_store_le32(at, part.data ? (uint32_t)part.len : ABSENT);
	if (part.len > 0)
		memcpy(at + 4, part.data, part.len);
	key->len += 4 + part.len;
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

	if (key->len > WEIR_KEY_MAX && key->namespace_len < WEIR_KEY_MAX - 64) {
		tail = weir_slice(key->data + key->namespace_len, key->len - key->namespace_len);
		key->len = key->namespace_len;
		weir_key_add_secret(key, tail);
	}
	if (key->failed || key->len > WEIR_KEY_MAX)
		return WEIR_SLICE_NONE;
	return weir_slice(key->data, key->len);
}

enum weir_status weir_key_add_target(struct weir_key *key, struct weir_slice host, struct weir_slice path, struct weir_slice query)
{
	struct weir_slice canonical = WEIR_SLICE_NONE;
	enum weir_status status = WEIR_OK;

	if (query.len > 0)
		status = weir_query_normalise(key->pool, query, NULL, &canonical);
	if (status < 0)
		return status;
	weir_key_add(key, host);
	weir_key_add(key, path);
	weir_key_add(key, canonical.len > 0 ? canonical : WEIR_SLICE_NONE);
	return WEIR_OK;
}

enum weir_status weir_key_request(struct weir_key *key, struct weir_request *req, void *user_data)
{
	enum weir_status status = weir_key_add_target(key, weir_slice_text(weir_request_host(req)), weir_slice_text(weir_request_path(req)),
						      weir_slice_text(weir_request_query_string(req)));
	struct weir_slice body = weir_request_body(req);

	(void)user_data;
	if (body.len > 0) { /* GET may have one too, and the handler may read it */
		weir_key_add_text(key, weir_request_field(req, "Content-Type"));
		weir_key_add_secret(key, body);
	}
	return status;
}
