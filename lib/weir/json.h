/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON in and out, on json-c's values: exactly RFC 8259, and of what that leaves open the safe half (RFC 7493).
 *
 * json-c's own parser lets through what two readers may understand differently, or changes values silently. Here these are errors: NaN
 * and Infinity, single quotes, numbers such as 01 or 1., raw control characters, bytes that are not UTF-8, halves of surrogate pairs, a
 * name that occurs twice in one object or holds NUL, integers outside int64_t and uint64_t, numbers too large for a double, and anything
 * after the value. U+0000 in a string is kept (json_object_get_string_len()). Who works with values includes <json-c/json.h>.
 */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include <weir/buffer.h>
#include <weir/slice.h>

struct json_object;

struct weir_json_error {
	size_t offset;      /* of the byte that is wrong, from 0; the text's length when it ends too early */
	const char *reason; /* a few words for people; static storage */
};

/* How many arrays and objects may stand in one another: for callers that have no opinion, and at most. */
#define WEIR_JSON_DEPTH 32
#define WEIR_JSON_MAX_DEPTH 512

/* `max_depth` is the nesting allowed, cut to 0 (no array or object) … WEIR_JSON_MAX_DEPTH. `*value` is the caller's (json_object_put),
 * NULL for JSON's null and on failure. ERR_INVALID for what is no JSON, ERR_LIMIT for deeper nesting and texts of 2 GiB, both with
 * `*where` filled in, which may be NULL; ERR_MEMORY. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_json_parse(struct weir_slice text, int max_depth, struct json_object **value,
							  struct weir_json_error *where);

/* Appends the value without white space, members in their order. A double is written with the fewest digits that give it back, and stays a
 * double (1.0, not 1). In strings, each byte that is not UTF-8 becomes U+FFFD: what a client sent may be sent back
 * without care. ERR_INVALID for what JSON cannot say (NaN, infinity), ERR_LIMIT when the buffer overflows or the value is nested deeper
 * than WEIR_JSON_MAX_DEPTH; the buffer then has its former length. `value` NULL is null. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_json_append(struct weir_buffer *buffer, struct json_object *value);

#endif
