/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of a value's record, both ways. What comes back from a server may be anything.
 */
#include "record.h"

#include <assert.h>
#include <stdint.h>

#include <weir/backend_driver.h>

static const char magic[] = "weir1";

static_assert(sizeof(magic) - 1 == WEIR_REDIS_RECORD_TENURE, "the tenure comes first");
static_assert(WEIR_REDIS_RECORD_TENURE + WEIR_REDIS_TENURE_LEN + sizeof(uint32_t) == WEIR_REDIS_RECORD_HEAD, "then the key's length");

void weir_redis_record_head(char head[WEIR_REDIS_RECORD_HEAD], size_t key_len)
{
	char *at = head;

	memcpy(at, magic, WEIR_REDIS_RECORD_TENURE);
	at += WEIR_REDIS_RECORD_TENURE;
	memset(at, '0', WEIR_REDIS_TENURE_LEN);
	at += WEIR_REDIS_TENURE_LEN;
	for (int i = 0; i < 4; i++)
		at[i] = (char)(key_len >> 8 * i & 0xff);
}

bool weir_redis_record_parse(struct weir_slice bytes, struct weir_redis_record *record)
{
	const unsigned char *len;
	size_t key_len;

	if (bytes.len < WEIR_REDIS_RECORD_HEAD || memcmp(bytes.data, magic, WEIR_REDIS_RECORD_TENURE) != 0)
		return false;
	len = (const unsigned char *)bytes.data + WEIR_REDIS_RECORD_HEAD - 4;
	key_len = (size_t)len[0] | (size_t)len[1] << 8 | (size_t)len[2] << 16 | (size_t)len[3] << 24;
	if (key_len < 1 || key_len > WEIR_KEY_MAX || key_len > bytes.len - WEIR_REDIS_RECORD_HEAD)
		return false;
	record->tenure = weir_slice(bytes.data + WEIR_REDIS_RECORD_TENURE, WEIR_REDIS_TENURE_LEN);
	record->key = weir_slice(bytes.data + WEIR_REDIS_RECORD_HEAD, key_len);
	record->value = weir_slice_from(bytes, WEIR_REDIS_RECORD_HEAD + key_len);
	return true;
}
