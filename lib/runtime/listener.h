/* SPDX-License-Identifier: Apache-2.0
 *
 * The listening socket: made as the command line says, with the mode and owner that let the web server in.
 */
#ifndef WEIR_RUNTIME_LISTENER_H
#define WEIR_RUNTIME_LISTENER_H

#include <stddef.h>

#include <weir/app.h>

struct weir_listener {
	int fd; /* -1: none */
	bool is_tcp;
	char path[108]; /* of a unix socket that was made here, to be unlinked; "" otherwise */
};

/* Checks without touching anything. ERR_CONFIG with a line in `why` that names the option, its value and what is allowed. */
WEIR_MUST_CHECK enum weir_status weir_listener_check(const struct weir_run_options *options, char *why, size_t why_size);

/* Binds and listens. A stale unix socket is replaced, one that somebody listens on is not. ERR_CONFIG or ERR_IO with a line in `why`. */
WEIR_MUST_CHECK enum weir_status weir_listener_open(const struct weir_run_options *options, char *why, size_t why_size,
						    struct weir_listener *listener);

/* Unlinks the socket. The descriptor belongs to whoever serves it. */
void weir_listener_unlink(struct weir_listener *listener);

#endif
