/* SPDX-License-Identifier: Apache-2.0
 *
 * CGI mode (RFC 3875): one request from the environment and standard input, one answer to standard output, no threads.
 *
 * The web server watches over a CGI program's time, so there are no deadlines here. A request body is as long as CONTENT_LENGTH says and
 * not a byte longer; without one there is none. What of it nobody has read is read before the answer begins, since a web server may write
 * all of it before it reads anything.
 */
#ifndef WEIR_RUNTIME_CGI_H
#define WEIR_RUNTIME_CGI_H

#include <weir/clock.h>

struct weir_service;

/* Serves the request that `environment` ("NAME=value", ends with NULL; copied) describes. Both descriptors are blocking and stay open;
 * when something is made in the background, `out_fd` leads nowhere from the end of the answer on. SIGPIPE is ignored from now on. ERR_IO
 * when the answer could not be written to its end; ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_cgi_serve(const struct weir_service *service, const struct weir_clock *clock, int in_fd, int out_fd,
						char **environment);

#endif
