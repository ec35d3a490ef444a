/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of keys, for servers that take only so many characters and only some of them.
 *
 * A name that is too long is cut where a character or an escape ends, and at the same place in all names, as nearly as escapes allow: so
 * what keys have in common stands in front of their names too, and a walk by prefix finds them. '#', which stands for nothing else, tells
 * such a name from all that are whole.
 */
#include <weir/backend_driver.h>

#include <assert.h>
#include <sha2.h>

#include "http/percent.h"

#define DIGEST_CHARS ((size_t)43)

/* How the hash is told from the rest, and what is left of a name before it. */
#define MARK '#'
#define TAIL (1 + DIGEST_CHARS)

static bool is_plain(char byte)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/=@+,";

	return byte != '\0' && strchr(allowed, byte);
}

/* The whole characters and escapes of the name that go into `max`; `*all` says whether that was all of them. */
static size_t put_name(char *name, size_t max, struct weir_slice key, bool *all)
{
	size_t len = 0;

	*all = true;
	for (size_t i = 0; i < key.len; i++) {
		size_t more = is_plain(key.data[i]) ? 1 : 3;

		*all = more <= max - len;
		if (!*all)
			break;
		if (more == 1)
			name[len] = key.data[i];
		else
			weir_percent_put(name + len, key.data[i]);
		len += more;
	}
	name[len] = '\0';
	return len;
}

/* Base64url without padding (RFC 4648 section 5). */
static void put_digest(char *out, struct weir_slice key)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX sha256;
	unsigned bits = 0, count = 0;

	SHA256Init(&sha256);
	SHA256Update(&sha256, (const uint8_t *)key.data, key.len);
	SHA256Final(digest, &sha256);
	for (size_t i = 0; i < sizeof(digest); i++) {
		bits = bits << 8 | digest[i];
		for (count += 8; count >= 6; count -= 6)
			*out++ = alphabet[bits >> (count - 6) & 63];
	}
	*out++ = alphabet[bits << (6 - count) & 63];
	*out = '\0';
}

size_t weir_backend_name(struct weir_slice key, size_t max, char *name)
{
	bool all;
	size_t len = put_name(name, max, key, &all);

	assert(max >= WEIR_BACKEND_NAME_MIN);
	if (all)
		return len;
	len = put_name(name, max - TAIL, key, &all);
	name[len] = MARK;
	put_digest(name + len + 1, key);
	return len + TAIL;
}

/* No longer than what is left of a name that is cut. */
size_t weir_backend_name_prefix(struct weir_slice prefix, size_t max, char *name)
{
	bool all;

	assert(max >= WEIR_BACKEND_NAME_MIN);
	return put_name(name, max - TAIL, prefix, &all);
}
