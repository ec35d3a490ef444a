/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC16 in the variant that Redis Cluster uses (XMODEM: polynomial 0x1021, from zero, no reflection), half a byte at a time: names are
 * short, and a table of 16 numbers can be read.
 */
#include "slot.h"

#include <stdint.h>

static unsigned crc16(struct weir_slice bytes)
{
	static const uint16_t table[16] = {
		0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
		0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
	};
	unsigned crc = 0;

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned byte = (unsigned char)bytes.data[i];

		crc = (crc << 4 ^ table[(crc >> 12 ^ byte >> 4) & 15]) & 0xffff;
		crc = (crc << 4 ^ table[(crc >> 12 ^ byte) & 15]) & 0xffff;
	}
	return crc;
}

unsigned weir_redis_slot(struct weir_slice key)
{
	struct weir_slice tag = key, before = weir_slice_cut(&tag, '{');
	size_t len = weir_slice_find(tag, '}');

	if (before.len < key.len && len > 0 && len < tag.len)
		key = weir_slice(tag.data, len);
	return crc16(key) % WEIR_REDIS_SLOTS;
}
