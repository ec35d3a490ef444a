/* SPDX-License-Identifier: Apache-2.0
 *
 * An app for the cache's tests: one handler behind one cache rule, on several routes, and what a test asks about its answers.
 *
 * The routes are /page, /page/{rest...} and /other, for GET, POST, PUT and DELETE, all under the rule; /loop, whose handler runs on the
 * loop; and /plain, which has no rule. The handler counts its runs and answers "run N" unless the test has given another one. One app at a
 * time.
 */
#ifndef WEIR_TESTS_CACHE_APP_H
#define WEIR_TESTS_CACHE_APP_H

#include <weir/call.h>
#include <weir/testing.h>

#include "support/slow_backend.h"

/* How often a handler has run since the app was made. */
extern int cache_app_runs;

/* Called by the handler instead of answering "run N"; NULL again with each new app. */
extern enum weir_status (*cache_app_handler)(struct weir_request *req, struct weir_response *res);

/* `rule` must outlive the app. `options` NULL: defaults. Lines of the log are counted, and not written. */
struct weir_test *cache_app(const struct weir_cache_rule *rule);
struct weir_test *cache_app_with(const struct weir_cache_options *options, const struct weir_cache_rule *rule);

/* The same with other routes. */
struct weir_test *cache_app_routes(const struct weir_cache_options *options, const struct weir_route *routes);

/* The handler, for further routes. */
enum weir_status cache_app_handle(struct weir_request *req, struct weir_response *res);

/* What it answers by itself. */
enum weir_status cache_app_answer(struct weir_response *res);

/* Lines that were logged since the app was made, or the last call; the last of them is in cache_app_line. */
size_t cache_app_lines(void);
extern char cache_app_line[4096];

/* For the fields of a request: FIELDS("Cookie", "a=1", "Accept", "text/plain"). */
#define FIELDS(...) cache_app_fields((const char *const[]){ __VA_ARGS__, NULL })
const struct weir_test_field *cache_app_fields(const char *const *names_and_values);

/* A GET with fields. */
const struct weir_test_response *cache_app_get(struct weir_test *test, const char *target, const struct weir_test_field *fields);

/* A request that is not waited for, but run as far as it goes. */
struct weir_test_exchange *cache_app_start(struct weir_test *test, const char *target, const struct weir_test_field *fields);

/* `value` NULL: there is to be no such field. */
void expect_field(struct weir_test *test, const struct weir_test_response *res, const char *name, const char *value);
void expect_body(const struct weir_test_response *res, const char *body);

/* A complete 200 with this body and this status of the cache: "HIT", "MISS" or NULL. */
void expect_answer(struct weir_test *test, const struct weir_test_response *res, const char *status, const char *body);

/* The same for a GET that is sent now. */
void expect_get(struct weir_test *test, const char *target, const char *status, const char *body);

struct weir_cache_stats cache_app_stats(struct weir_test *test);

/* -- The same on a remote backend: the memory driver behind a door, which is asked by jobs ----------------------------------- */

struct weir_test *cache_app_remote(const struct weir_cache_rule *rule);
struct weir_test *cache_app_remote_routes(const struct weir_route *routes);

/* Of the last app that was made so: the door, and the driver behind it. */
extern struct weir_slow_backend *cache_app_door;
extern struct weir_backend *cache_app_store;

/* Turns the app's clock and that of the driver behind the door. */
void cache_app_advance_ms(struct weir_test *test, int64_t ms);

#endif
