/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading DynamoDB's JSON. Everything here is untrusted input: what is missing, or of another type than expected, reads as absent.
 */
#ifndef WEIR_DYNAMODB_REPLY_H
#define WEIR_DYNAMODB_REPLY_H

#include <weir/slice.h>

struct json_object;

/* The member; NULL also when `object` is NULL or no object. */
struct json_object *weir_dynamodb_member(struct json_object *object, const char *name);

/* The string's bytes, which live as long as it; the absent slice when `value` is no string. */
struct weir_slice weir_dynamodb_string(struct json_object *value);

/* The string of an attribute: the … in {"name":{"type":"…"}}. */
struct weir_slice weir_dynamodb_attribute(struct json_object *item, const char *name, const char *type);

/* An attribute that is a whole number from 0 to 2^64 - 1; false otherwise. */
bool weir_dynamodb_number(struct json_object *item, const char *name, uint64_t *number);

#define WEIR_DYNAMODB_ERROR_MAX 64

/* The name of an error from the body of a reply, such as "ThrottlingException": letters only, cut; empty when there is none. */
void weir_dynamodb_error_name(struct json_object *reply, char name[WEIR_DYNAMODB_ERROR_MAX]);

/* Its message; the absent slice when there is none. */
struct weir_slice weir_dynamodb_error_message(struct json_object *reply);

#endif
