/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry: a whole response as bytes, the one form in which every backend keeps it.
 *
 *     offset  bytes
 *          0      4  magic "weir"
 *          4      2  version of this layout
 *          6      2  status
 *          8      8  created, wall clock in ms
 *         16      8  expires, wall clock in ms; INT64_MAX: never
 *         24      8  clear clock when its making began
 *         32      4  bytes of the fields
 *         36      4  number of fields
 *         40      8  bytes of the body
 *         48      8  XXH3 of the body
 *         56      8  XXH3 of everything before and of the fields
 *         64      …  fields: length of name (4), length of value (4), name, value
 *                    body
 *
 * Numbers are little-endian. What comes back from a backend is untrusted: decoding believes nothing that it has not checked, and anything
 * odd is ERR_CORRUPT, which a cache treats as a miss.
 */
#ifndef WEIR_CACHE_ENTRY_H
#define WEIR_CACHE_ENTRY_H

#include <weir/fields.h>
#include <weir/pool.h>

#include "cache/blob.h"

#define WEIR_ENTRY_VERSION 1
#define WEIR_ENTRY_HEAD ((size_t)64)

struct weir_entry {
	int status;
	int64_t created_ms;
	int64_t expires_ms;
	uint64_t clock;
	size_t field_count;
	struct weir_slice fields; /* encoded; weir_entry_fields() takes them apart */
	struct weir_slice body;
};

/* A blob with the envelope of `entry` (its `fields` are not looked at) round these fields and a body. NULL when memory is out or a part is
 * too large for the layout. */
struct weir_blob *weir_entry_encode(const struct weir_entry *entry, const struct weir_fields *fields);

/* Slices point into `bytes`. The body's checksum is skipped when the bytes never left this machine's memory: `trusted`. */
WEIR_MUST_CHECK enum weir_status weir_entry_decode(struct weir_slice bytes, bool trusted, struct weir_entry *entry);

/* Adds the entry's fields to `fields`, borrowed from the entry's bytes. Lengths are always checked; with `trusted` not what the bytes say.
 */
WEIR_MUST_CHECK enum weir_status weir_entry_fields(const struct weir_entry *entry, bool trusted, struct weir_fields *fields);

#endif
