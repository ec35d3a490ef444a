/* SPDX-License-Identifier: Apache-2.0
 *
 * The format of ~/.aws/config and ~/.aws/credentials, as far as Amazon describes it: [sections] of `name = value` lines. '#' and ';' begin
 * a comment at the start of a line or behind a blank; indented lines belong to the value above them and are passed over.
 */
#ifndef WEIR_DYNAMODB_INI_H
#define WEIR_DYNAMODB_INI_H

#include <weir/slice.h>

/* A part of `file`; absent when it is not there. Names of values are compared without regard to case; of several the last one counts. */
struct weir_slice weir_dynamodb_ini_get(struct weir_slice file, struct weir_slice section, const char *name);

#endif
