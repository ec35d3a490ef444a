/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes to records and back.
 */
#include "record.h"

#include <inttypes.h>
#include <stdio.h>

#define MAGIC "wv1\n"
#define MAGIC_LEN 4

static void store_le(char *at, uint64_t number, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (char)(number >> (8 * i) & 0xff);
}

static uint64_t load_le(const char *at, size_t size)
{
	uint64_t number = 0;

	for (size_t i = size; i > 0; i--)
		number = number << 8 | (unsigned char)at[i - 1];
	return number;
}

void weir_memcached_record_write(char *head, struct weir_slice key, int64_t expires_ms)
{
	memcpy(head, MAGIC, MAGIC_LEN);
	store_le(head + 4, (uint64_t)expires_ms, 8);
	store_le(head + 12, key.len, 4);
	memcpy(head + WEIR_MEMCACHED_RECORD_HEAD, key.data, key.len);
}

bool weir_memcached_record_read(struct weir_slice bytes, struct weir_memcached_record *record)
{
	size_t len;

	if (bytes.len < WEIR_MEMCACHED_RECORD_HEAD || memcmp(bytes.data, MAGIC, MAGIC_LEN) != 0)
		return false;
	record->expires_ms = (int64_t)load_le(bytes.data + 4, 8);
	len = (size_t)load_le(bytes.data + 12, 4);
	if (len == 0 || len > WEIR_KEY_MAX || len > bytes.len - WEIR_MEMCACHED_RECORD_HEAD)
		return false;
	record->key = weir_slice(bytes.data + WEIR_MEMCACHED_RECORD_HEAD, len);
	record->value = weir_slice_from(bytes, WEIR_MEMCACHED_RECORD_HEAD + len);
	return true;
}

void weir_memcached_lease_write(char *text, uint64_t token)
{
	(void)snprintf(text, WEIR_MEMCACHED_LEASE_LEN + 1, "%016" PRIx64, token);
}

uint64_t weir_memcached_lease_read(struct weir_slice bytes)
{
	static const char digits[] = "0123456789abcdef";
	uint64_t token = 0;

	if (bytes.len != WEIR_MEMCACHED_LEASE_LEN)
		return 0;
	for (size_t i = 0; i < bytes.len; i++) {
		const char *digit = memchr(digits, bytes.data[i], 16);

		if (!digit)
			return 0;
		token = token << 4 | (uint64_t)(digit - digits);
	}
	return token;
}

uint64_t weir_memcached_number_read(struct weir_slice bytes)
{
	uint64_t number;

	while (bytes.len > 0 && bytes.data[bytes.len - 1] == ' ')
		bytes.len--;
	return weir_slice_to_u64(bytes, WEIR_MEMCACHED_NUMBER_MAX, &number) == WEIR_OK ? number : 0;
}

struct weir_slice weir_memcached_number_write(char *text, uint64_t number)
{
	return weir_slice(text, (size_t)snprintf(text, WEIR_MEMCACHED_NUMBER_SIZE, "%" PRIu64, number));
}
