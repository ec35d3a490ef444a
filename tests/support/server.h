/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers that a test starts for itself: a child with its output in a file, reached at a unix socket or a port of this machine, and gone
 * when the test is, whatever ends it.
 *
 *     struct weir_server server = { 0 };
 *     char address[32];
 *
 *     weir_server_address(address, sizeof(address), weir_server_free_port());
 *     weir_server_start(&server, (const char *const[]){ program, "--port", strchr(address, ':') + 1, NULL }, log_file);
 *     if (!weir_server_wait(&server, address, 5000)) …
 *     weir_server_stop(&server);
 *
 * An address is "127.0.0.1:PORT", or "/path/of/a/unix/socket". One thread.
 */
#ifndef WEIR_TESTS_SERVER_H
#define WEIR_TESTS_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Zeroed: not running. */
struct weir_server {
	pid_t pid;
};

/* Runs argv[0] with these arguments (NULL-terminated); standard output and error are appended to the file `log`, standard input is
 * empty. Ends the test program when there can be no child. */
void weir_server_start(struct weir_server *server, const char *const argv[], const char *log);

/* True as soon as `address` takes a connection; false when the server has ended, or after `timeout_ms`. */
bool weir_server_wait(const struct weir_server *server, const char *address, int timeout_ms);

/* SIGSTOP and SIGCONT freeze and thaw it; returns when that has happened. */
void weir_server_freeze(const struct weir_server *server);
void weir_server_thaw(const struct weir_server *server);

/* True when it has ended by itself; it is still to be stopped. */
bool weir_server_has_ended(const struct weir_server *server);

/* Kills it (SIGKILL) and waits for its end. Takes one that is not running. */
void weir_server_stop(struct weir_server *server);

/* A TCP port of the loopback interface that nobody listens at now. */
unsigned weir_server_free_port(void);

/* "127.0.0.1:PORT" */
void weir_server_address(char *address, size_t size, unsigned port);

/* A connected socket, or -1. */
int weir_server_connect(const char *address);

#endif
