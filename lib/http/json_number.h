/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of writing JSON, for who has values that are not json-c's, and for tests: one depends on the locale of the program, and is apart
 * so that it can be tested without having that locale.
 */
#ifndef WEIR_HTTP_JSON_NUMBER_H
#define WEIR_HTTP_JSON_NUMBER_H

#include <weir/buffer.h>

/* Appends a finite double as printf() wrote it with %g in any locale: the decimal point, which may be any bytes, becomes '.'; what would
 * read as an integer gets ".0". */
void weir_json_append_printed_double(struct weir_buffer *buffer, const char *printed);

/* Appends a double as weir_json_append() does; ERR_INVALID, and nothing appended, for NaN and infinity. */
WEIR_MUST_CHECK enum weir_status weir_json_append_double(struct weir_buffer *buffer, double number);

/* Appends a string with its quotes as weir_json_append() does. */
void weir_json_append_string(struct weir_buffer *buffer, struct weir_slice text);

#endif
