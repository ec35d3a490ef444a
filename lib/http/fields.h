/* SPDX-License-Identifier: Apache-2.0
 *
 * For the library's own lines of a field list, which need no checking.
 */
#ifndef WEIR_HTTP_FIELDS_H
#define WEIR_HTTP_FIELDS_H

#include <weir/fields.h>

/* As weir_fields_add_borrowed(), for a name and a value that are known to be valid and trimmed. */
void weir_fields_push(struct weir_fields *fields, struct weir_slice name, struct weir_slice value);

#endif
