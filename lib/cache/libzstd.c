/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libzstd, once.
 */
#include "cache/libzstd.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

/* The ABI that <zstd.h> describes. */
#define LIBRARY "libzstd.so.1"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct weir_libzstd functions;
static char problem[256]; /* "": it is loaded */

/* That the table has the library's types. */
#define IS(member, function) _Generic(&(function), __typeof__(functions.member) : 1)
_Static_assert(IS(compress, ZSTD_compress) && IS(decompress, ZSTD_decompress) && IS(is_error, ZSTD_isError), "zstd.h");

static void load(void)
{
	const struct {
		const char *name;
		void *slot; /* ISO C has no way from an object's address to a function's but by its bytes */
	} wanted[] = {
		{ "ZSTD_compress", &functions.compress },
		{ "ZSTD_decompress", &functions.decompress },
		{ "ZSTD_isError", &functions.is_error },
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	bool complete = library != NULL;

	for (size_t i = 0; complete && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void *found = dlsym(library, wanted[i].name);

		memcpy(wanted[i].slot, &found, sizeof(found));
		complete = found != NULL;
	}
	if (!complete)
		(void)snprintf(problem, sizeof(problem), "its coder compresses, and libzstd cannot be loaded: %s", dlerror());
}

const struct weir_libzstd *weir_libzstd(const char **why)
{
	pthread_once(&once, load);
	*why = problem;
	return *problem ? NULL : &functions;
}
