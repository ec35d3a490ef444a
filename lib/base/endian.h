/* SPDX-License-Identifier: Apache-2.0
 *
 * Integers in a fixed byte order, at any address.
 *
 * weir_load_le16, weir_load_le32, weir_load_le64, weir_load_be16, weir_load_be32 and weir_load_be64 read an unsigned integer from the
 * bytes they are given, weir_store_le16 to weir_store_be64 write one. The caller has checked that the bytes are there; they need no
 * alignment. Compilers make one or two instructions of each.
 */
#ifndef WEIR_BASE_ENDIAN_H
#define WEIR_BASE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define WEIR_ENDIAN_PAIR(order, bits) \
	static inline uint##bits##_t weir_load_##order##bits(const void *bytes) \
	{ \
		uint##bits##_t value; \
\
		memcpy(&value, bytes, sizeof(value)); \
		return order##bits##toh(value); \
	} \
\
	static inline void weir_store_##order##bits(void *bytes, uint##bits##_t value) \
	{ \
		value = hto##order##bits(value); \
		memcpy(bytes, &value, sizeof(value)); \
	}

WEIR_ENDIAN_PAIR(le, 16)
WEIR_ENDIAN_PAIR(le, 32)
WEIR_ENDIAN_PAIR(le, 64)
WEIR_ENDIAN_PAIR(be, 16)
WEIR_ENDIAN_PAIR(be, 32)
WEIR_ENDIAN_PAIR(be, 64)

#undef WEIR_ENDIAN_PAIR

#endif
