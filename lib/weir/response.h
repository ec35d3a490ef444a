/* SPDX-License-Identifier: Apache-2.0
 *
 * A response: status, fields, and a body that is a buffer or a pulled source.
 *
 * The setters return nothing: what goes wrong in them (memory, limits, a line break in a field's value) is remembered, and the response
 * becomes a 500 before the chain's leave hooks see it. The writers, which complete a response, return the status; a handler can end with
 * `return weir_response_text(…)`. Content-Length is added by weir. Same thread rule as the request.
 */
#ifndef WEIR_RESPONSE_H
#define WEIR_RESPONSE_H

#include <weir/buffer.h>
#include <weir/cookie.h>
#include <weir/field.h>
#include <weir/fields.h>
#include <weir/pool.h>
#include <weir/source.h>

struct json_object;
struct weir_response;

/* 200 unless set. Outside 200…599 it is a mistake of the handler: 500. */
WEIR_API void weir_response_set_status(struct weir_response *res, int status);
WEIR_API int weir_response_status(const struct weir_response *res);

/* Name and value are copied. `set` replaces all lines of that name, `add` appends one. Connection, Transfer-Encoding, Content-Length,
 * Status and X-Accel-* belong to weir and the web server: they are refused, with a line in the log. */
WEIR_API void weir_response_set_field(struct weir_response *res, const char *name, const char *value);
WEIR_API void weir_response_add_field(struct weir_response *res, const char *name, const char *value);
WEIR_API void weir_response_remove_field(struct weir_response *res, const char *name);

/* The first value; the absent slice when there is none. */
WEIR_API struct weir_slice weir_response_field(const struct weir_response *res, const char *name);

/* All fields in order: for middleware. */
WEIR_API struct weir_fields *weir_response_fields(struct weir_response *res);

/* Set-Cookie (RFC 6265bis). A cookie that breaks the rules makes the response a 500. */
WEIR_API void weir_response_set_cookie(struct weir_response *res, const struct weir_set_cookie *cookie);

/* The body to append to. Its limit is the app's `.response_limit`. */
WEIR_API struct weir_buffer *weir_response_body(struct weir_response *res);

/* -- Writers: they replace the body and leave other fields alone. `media_type` is copied; status stays unless named. ------ */

WEIR_API enum weir_status weir_response_bytes(struct weir_response *res, const char *media_type, struct weir_slice bytes);
WEIR_API enum weir_status weir_response_text(struct weir_response *res, const char *media_type, const char *format, ...) WEIR_PRINTF(3, 4);

/* Serialises and puts (json_object_put) `value`, also on failure. NULL, which json-c's constructors return when memory is out, is
 * ERR_MEMORY. */
WEIR_API enum weir_status weir_response_json(struct weir_response *res, struct json_object *value);

/* The struct as JSON, by its table (field.h). ERR_INVALID when it breaks the table. */
WEIR_API enum weir_status weir_response_struct(struct weir_response *res, const struct weir_field *table, const void *value);

/* 422, application/problem+json (RFC 9457) with a member "errors": [{"path": "items[3].price", "problem": "expected number"}, …]. For what
 * weir_request_struct() found. */
WEIR_API enum weir_status weir_response_faults(struct weir_response *res, const struct weir_faults *faults);

/* application/problem+json (RFC 9457) with the status, its title and `detail`, which is shown to the client; NULL leaves it out. */
WEIR_API enum weir_status weir_response_error(struct weir_response *res, int status, const char *detail);

/* 301, 302, 303, 307 or 308 with Location; anything else is ERR_INVALID. */
WEIR_API enum weir_status weir_response_redirect(struct weir_response *res, int status, const char *location);

/* A status without a body, such as 204. */
WEIR_API enum weir_status weir_response_empty(struct weir_response *res, int status);

/* The bytes are not copied: `release(owner)` is called when they have been sent or are no longer needed (NULL: they outlive the exchange).
 */
WEIR_API enum weir_status weir_response_borrowed(struct weir_response *res, const char *media_type, struct weir_slice bytes,
						 void (*release)(void *owner), void *owner);

/* The source is copied; weir closes it in every case, also when this fails. `media_type` NULL leaves Content-Type alone. */
WEIR_API enum weir_status weir_response_stream(struct weir_response *res, const char *media_type, const struct weir_source *source);

/* -- For middleware -------------------------------------------------------------------------------------------------------- */

/* True when the body is a source. */
WEIR_API bool weir_response_is_stream(const struct weir_response *res);

/* The bytes of a body that is not a source. */
WEIR_API struct weir_slice weir_response_body_bytes(const struct weir_response *res);

/* Puts another source round the present one: `wrap` gets the present source and becomes its owner. */
WEIR_API void weir_response_wrap_source(struct weir_response *res, const struct weir_source *source, struct weir_source *inner);

/* Empties fields, body and status, closing a source: the way to start a response over. */
WEIR_API void weir_response_reset(struct weir_response *res);

/* Drops body and source but keeps status and fields. */
WEIR_API void weir_response_drop_body(struct weir_response *res);

/* True when the handler failed or a setter's mistake turned the response into a 500: not worth keeping. */
WEIR_API bool weir_response_failed(const struct weir_response *res);

WEIR_API struct weir_pool *weir_response_pool(const struct weir_response *res);

#endif
