/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of libfcgi.c where libfcgi is not there.
 */
#include "runtime/libfcgi.h"

const bool weir_has_libfcgi = false;

enum weir_status weir_libfcgi_start(struct weir_loop *loop, int fd, size_t threads, struct weir_libfcgi **libfcgi)
{
	(void)loop;
	(void)fd;
	(void)threads;
	*libfcgi = NULL;
	return WEIR_ERR_UNSUPPORTED;
}

void weir_libfcgi_finish(struct weir_libfcgi *libfcgi)
{
	(void)libfcgi;
}
