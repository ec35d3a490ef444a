/* SPDX-License-Identifier: Apache-2.0
 *
 * Self-verifying values. The bytes behind the head differ from one version to the next in every word, so that no mixture of two passes.
 */
#include "storm/value.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t storm_draw(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(0x2545f4914f6cdd1d);
}

static uint64_t checksum(const char *bytes, size_t len)
{
	return XXH3_64bits(bytes + sizeof(uint64_t), len - sizeof(uint64_t));
}

void storm_value_write(char *bytes, struct storm_value *value)
{
	uint64_t state = value->version * UINT64_C(0x9e3779b97f4a7c15) | 1;
	size_t at = sizeof(*value);

	memcpy(bytes, value, sizeof(*value));
	for (; at + sizeof(state) <= value->len; at += sizeof(state)) {
		state += UINT64_C(0x9e3779b97f4a7c15);
		memcpy(bytes + at, &state, sizeof(state));
	}
	memset(bytes + at, (int)(state & 0xff), value->len - at);
	value->checksum = checksum(bytes, value->len);
	memcpy(bytes, &value->checksum, sizeof(value->checksum));
}

bool storm_value_read(const char *bytes, size_t len, uint64_t key, struct storm_value *value)
{
	if (len < sizeof(*value))
		return false;
	memcpy(value, bytes, sizeof(*value));
	return value->len == len && value->key == key && value->checksum == checksum(bytes, len);
}
