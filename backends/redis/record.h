/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands under a value's name in Redis: the value, whose it is and when it was written, so that whatever else may stand there is told
 * from it.
 *
 *     "weir1"   TENURE (16 hexadecimal digits)   LENGTH OF KEY (4 bytes, little-endian)   KEY   VALUE
 *
 * The *tenure* is the beginning of the server's replication id, a random number that Redis draws anew when a server starts, and when a
 * replica is made master. A server that comes back from an old snapshot, or a replica that had not heard of the last writes, thus does
 * not bring back values that were replaced or removed: what a former tenure wrote is taken for absent. It costs the values that are
 * moved to another node of a cluster (their tenure stays behind), and those of a master that gets its first replica.
 */
#ifndef WEIR_REDIS_RECORD_H
#define WEIR_REDIS_RECORD_H

#include <weir/slice.h>

#define WEIR_REDIS_TENURE_LEN ((size_t)16)

/* Of the bytes before the key, and where in them the tenure is. */
#define WEIR_REDIS_RECORD_HEAD ((size_t)25)
#define WEIR_REDIS_RECORD_TENURE ((size_t)5)

/* Writes the head of a record with a tenure of zeros; whoever sends it puts in the right one. */
void weir_redis_record_head(char head[WEIR_REDIS_RECORD_HEAD], size_t key_len);

struct weir_redis_record {
	struct weir_slice tenure;
	struct weir_slice key;
	struct weir_slice value;
};

/* The parts of a record, in place; false when `bytes` are none. */
bool weir_redis_record_parse(struct weir_slice bytes, struct weir_redis_record *record);

#endif
