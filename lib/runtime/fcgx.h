/* SPDX-License-Identifier: Apache-2.0
 *
 * libfcgi's functions, found when they are asked for: who does not ask for this transport does not load the library, which a CGI program
 * would feel at every start.
 */
#ifndef WEIR_RUNTIME_FCGX_H
#define WEIR_RUNTIME_FCGX_H

#include <fcgiapp.h>

struct weir_fcgx {
	int (*init)(void);
	int (*init_request)(FCGX_Request *request, int fd, int flags);
	int (*accept)(FCGX_Request *request);
	void (*finish)(FCGX_Request *request);
	int (*get)(char *out, int len, FCGX_Stream *stream);
	int (*put)(const char *bytes, int len, FCGX_Stream *stream);
	int (*flush)(FCGX_Stream *stream);
	int (*error)(FCGX_Stream *stream);
};

/* Fills the table from the library, which then stays. NULL, or a line for people about what is missing; it dies with the next call. */
const char *weir_fcgx_load(struct weir_fcgx *fcgx);

#endif
