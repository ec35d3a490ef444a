/* SPDX-License-Identifier: Apache-2.0
 *
 * What is stored under a value's name: the value with its key and its expiry, so that an item tells for whom it is and until when.
 * Memcached tells neither, names are digests of long keys, and anybody may write there. Whatever is no such record is nothing.
 *
 *     offset  size
 *          0     4  "wv1\n"
 *          4     8  expiry, wall clock in ms, little-endian; INT64_MAX: never
 *         12     4  length of the key
 *         16        the key, then the value
 *
 * Leases, and numbers (the clock and the cells), are text: see weir_memcached_lease_write(), and memcached's own "incr".
 */
#ifndef WEIR_MEMCACHED_RECORD_H
#define WEIR_MEMCACHED_RECORD_H

#include <weir/backend_driver.h>

#define WEIR_MEMCACHED_RECORD_HEAD ((size_t)16)
#define WEIR_MEMCACHED_LEASE_LEN ((size_t)16)
#define WEIR_MEMCACHED_NUMBER_SIZE ((size_t)24)
#define WEIR_MEMCACHED_NUMBER_MAX ((uint64_t)INT64_MAX)

struct weir_memcached_record {
	struct weir_slice key, value;
	int64_t expires_ms;
};

/* Writes head and key, WEIR_MEMCACHED_RECORD_HEAD + key.len bytes; the value follows as it is. */
void weir_memcached_record_write(char *head, struct weir_slice key, int64_t expires_ms);

/* False when `bytes` are no record. The slices are of `bytes`. */
bool weir_memcached_record_read(struct weir_slice bytes, struct weir_memcached_record *record);

/* Writes LEASE_LEN characters and a zero. */
void weir_memcached_lease_write(char *text, uint64_t token);

/* The holder's token; 0 when `bytes` are no lease. */
uint64_t weir_memcached_lease_read(struct weir_slice bytes);

/* A counter as memcached keeps it, maybe with spaces behind; 0 when `bytes` are none. One from 2^63 on is none: before it counts such a
 * number up, memcached looks for a '-' in it, and far beyond its end (1.6.18), and when it finds one takes the number for none. */
uint64_t weir_memcached_number_read(struct weir_slice bytes);

/* Writes the number and a zero, less than NUMBER_SIZE bytes; the digits. */
struct weir_slice weir_memcached_number_write(char *text, uint64_t number);

#endif
