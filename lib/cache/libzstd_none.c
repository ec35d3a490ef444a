/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of libzstd.c where there is no libzstd to build with.
 */
#include "cache/libzstd.h"

const struct weir_libzstd *weir_libzstd(const char **why)
{
	*why = "its coder compresses, and weir was built without zstd";
	return NULL;
}
