/* SPDX-License-Identifier: Apache-2.0
 *
 * `--transport libfcgi`: the reference implementation of FastCGI as a transport. Its threads do nothing but blocking input and output;
 * exchanges run on the loop as ever. Slower than weir's own codec, one thread a connection, no connection kept.
 */
#ifndef WEIR_RUNTIME_LIBFCGI_H
#define WEIR_RUNTIME_LIBFCGI_H

#include <stddef.h>

#include <weir/status.h>

struct weir_libfcgi;
struct weir_loop;

/* False when weir was built without libfcgi: then start is ERR_UNSUPPORTED. */
extern const bool weir_has_libfcgi;

/* Starts `threads` threads that accept on `fd`, which they take over. Each holds the loop (loop->holds) until it has ended. */
WEIR_MUST_CHECK enum weir_status weir_libfcgi_start(struct weir_loop *loop, int fd, size_t threads, struct weir_libfcgi **libfcgi);

/* After the loop has ended: joins the threads. Takes NULL. */
void weir_libfcgi_finish(struct weir_libfcgi *libfcgi);

#endif
