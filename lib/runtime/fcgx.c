/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libfcgi.
 */
#include "runtime/fcgx.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* Of Debian's libfcgi0ldbl; the ABI that <fcgiapp.h> describes. */
#define LIBRARY "libfcgi.so.0"

const char *weir_fcgx_load(struct weir_fcgx *fcgx)
{
	const struct {
		const char *name;
		void *slot; /* ISO C has no way from an object's address to a function's but by its bytes */
	} functions[] = {
		{ "FCGX_Init", &fcgx->init },       { "FCGX_InitRequest", &fcgx->init_request },
		{ "FCGX_Accept_r", &fcgx->accept }, { "FCGX_Finish_r", &fcgx->finish },
		{ "FCGX_GetStr", &fcgx->get },      { "FCGX_PutStr", &fcgx->put },
		{ "FCGX_FFlush", &fcgx->flush },    { "FCGX_GetError", &fcgx->error },
	};
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return dlerror();
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *found = dlsym(library, functions[i].name);

		if (!found)
			return dlerror();
		memcpy(functions[i].slot, &found, sizeof(found));
	}
	return NULL;
}
