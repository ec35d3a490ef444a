/* SPDX-License-Identifier: Apache-2.0
 *
 * A part of writing JSON that depends on the locale of the program, apart so that it can be tested without having that locale.
 */
#ifndef WEIR_HTTP_JSON_NUMBER_H
#define WEIR_HTTP_JSON_NUMBER_H

#include <weir/buffer.h>

/* Appends a finite double as printf() wrote it with %g in any locale: the decimal point, which may be any bytes, becomes '.'; what would
 * read as an integer gets ".0". */
void weir_json_append_printed_double(struct weir_buffer *buffer, const char *printed);

#endif
