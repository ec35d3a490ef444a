/* SPDX-License-Identifier: Apache-2.0
 *
 * An entry: a whole response, or the value of a function, as bytes, the one form in which every backend keeps it.
 *
 *     offset  bytes
 *          0      4  magic "weir"
 *          4      2  version of this layout
 *          6      2  status; of a function's value 200, or 404 when there is none
 *          8      8  created, wall clock in ms
 *         16      8  expires, wall clock in ms; INT64_MAX: never
 *         24      8  may be served until then while it is made anew, wall clock in ms; 0: not at all
 *         32      8  may be served until then when making it fails, wall clock in ms; 0: not at all
 *         40      8  clear clock when its making began
 *         48      8  coder of the body (weir_coder_id); 0: none, the body is as it was sent
 *         56      4  how long its making took, ms
 *         60      4  bytes of the fields
 *         64      4  number of fields
 *         68      4  bytes of the tags
 *         72      4  number of tags
 *         76      4  zero
 *         80      8  bytes of the body
 *         88      8  XXH3 of the body
 *         96      8  XXH3 of everything before, of the fields and of the tags
 *        104      …  fields: length of name (4), length of value (4), name, value
 *                    tags: length (2), text
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
#include "cache/tags.h"

#define WEIR_ENTRY_VERSION 2
#define WEIR_ENTRY_HEAD ((size_t)104)

struct weir_entry {
	int status;
	int64_t created_ms;
	int64_t expires_ms;
	int64_t revalidate_until_ms;
	int64_t error_until_ms;
	uint64_t clock;
	uint64_t coder;
	uint32_t made_ms;
	size_t field_count;
	struct weir_slice fields; /* encoded; weir_entry_fields() takes them apart */
	size_t tag_count;
	struct weir_slice tags; /* encoded; weir_tags_next() takes them apart */
	struct weir_slice body;
};

/* A blob with the envelope of `entry` (its `fields` and `tags` are not looked at) round these fields, tags and its body. NULL when memory
 * is out or a part is too large for the layout. */
struct weir_blob *weir_entry_encode(const struct weir_entry *entry, const struct weir_fields *fields, const struct weir_tags *tags);

/* When a backend may forget it. */
int64_t weir_entry_until_ms(const struct weir_entry *entry);

/* Slices point into `bytes`. The body's checksum is skipped when the bytes never left this machine's memory: `trusted`. */
WEIR_MUST_CHECK enum weir_status weir_entry_decode(struct weir_slice bytes, bool trusted, struct weir_entry *entry);

/* Adds the entry's fields to `fields`, borrowed from the entry's bytes. Lengths are always checked; with `trusted` not what the bytes say.
 */
WEIR_MUST_CHECK enum weir_status weir_entry_fields(const struct weir_entry *entry, bool trusted, struct weir_fields *fields);

#endif
