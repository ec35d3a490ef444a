/* SPDX-License-Identifier: Apache-2.0
 *
 * An app on the real loop, on a socket of its own, and the web server's side that talks to it.
 */
#ifndef WEIR_TESTS_LOOP_APP_H
#define WEIR_TESTS_LOOP_APP_H

#include <weir/app.h>
#include <weir/backend_driver.h>

struct loop_app;

/* An app with a cache on this backend, which it takes over, and that writes to its log. Of the options the name and `locked` are given, and
 * nothing is logged unless they say how. The caller's to destroy. */
struct weir_app *loop_app_make(const struct weir_app_options *options, struct weir_backend *backend);

/* One of memory. */
struct weir_backend *loop_app_memory(void);

/* Takes the app over, and returns when it lets connections in. */
struct loop_app *loop_app_start(struct weir_app *app);

/* Stops it and waits for its end; the app lives on. The first returns how it ended, the second expects that it ended well. */
enum weir_status loop_app_end(struct loop_app *self);
void loop_app_stop(struct loop_app *self);

/* False once it is stopping. */
bool loop_app_listens(const struct loop_app *self);

/* Sends a GET on a connection of its own, which is returned. */
int loop_app_ask(const struct loop_app *self, const char *target);

/* Waits for the whole answer: head and body, the caller's to free. */
char *loop_app_answer(int fd);

/* True when there is something to be read. */
bool loop_app_is_answered(int fd);

/* The answer has this in its head, and this body. */
void expect_loop_answer(int fd, const char *with, const char *body);

#endif
