/* SPDX-License-Identifier: Apache-2.0
 *
 * For the semantics suite's own files: the hosts of one test, and the lists of tests.
 *
 * Each host is an app of support/cache_app.h: the same handler and the same counters for both. Between its cache and the driver sits a
 * witness that writes down what the cache asks for, letter by letter, and refuses what the test wants refused.
 */
#ifndef WEIR_TESTS_SEMANTICS_HOSTS_H
#define WEIR_TESTS_SEMANTICS_HOSTS_H

#include <weir/function.h>
#include <weir/testing.h>

#include "support/cache_app.h"

struct CMUnitTest;

/* An app on the driver's store, which is empty, and another one on the same store, as another host has. `options` NULL: defaults; `rule`
 * outlives the test. Both are made before the first request, and destroyed when the test is over. `state` is the test's. */
struct weir_test *semantics_open(void *const *state, const struct weir_cache_options *options, const struct weir_cache_rule *rule);
struct weir_test *semantics_join(void *const *state, const struct weir_cache_options *options, const struct weir_cache_rule *rule);

/* More routes for a host: the handler of all under another rule, and a function. */
void semantics_add_route(struct weir_test *host, const char *path, const struct weir_cache_rule *rule);
void semantics_add_function(struct weir_test *host, const char *path, const struct weir_function *function);

struct weir_cache *semantics_cache(struct weir_test *host);

/* Lives as long as the test. */
struct weir_pool *semantics_pool(void *const *state);

/* Turns the clocks of all hosts and of the driver, and that of its server, which stays some seconds behind. */
void semantics_advance_ms(void *const *state, int64_t ms);

/* A request whose handler does not return before semantics_finish(). */
struct weir_test_exchange *semantics_start_held(struct weir_test *host, const char *target);

/* Lets the handlers of `host` run, and both hosts find out. */
void semantics_finish(void *const *state, struct weir_test *host);

/* -- The witness ----------------------------------------------------------------------------------------------------------- */

enum semantics_call {
	SEMANTICS_READ = 'R',  /* of a value */
	SEMANTICS_LOOK = 'L',  /* at the clear clock alone */
	SEMANTICS_WRITE = 'W', /* of a value */
	SEMANTICS_TAKE = 'T',  /* a lease; also RENEW and GIVE back */
	SEMANTICS_RENEW = 'N',
	SEMANTICS_GIVE = 'G',
	SEMANTICS_CLEAR = 'C',
	SEMANTICS_HANDLER = 'H', /* written down by semantics_note(), for handlers */
};

/* What all hosts have asked for since the last call, in order, but for looks after a write: those are for the cells of what was written,
 * and only some drivers need them. The text is good until the next one. */
const char *semantics_calls(void *const *state);
void semantics_note(char call);

/* From now on these calls, a text of the letters above, fail as when a server is not there. "": none. */
void semantics_refuse(void *const *state, const char *calls);
#define SEMANTICS_ALL "RLWTNGC"

extern const struct CMUnitTest semantics_setup_tests[], semantics_rule_tests[], semantics_step_tests[], semantics_coder_tests[],
	semantics_backend_tests[], semantics_mistake_tests[], semantics_cppcms_tests[], semantics_missed_tests[];
extern const size_t semantics_setup_test_count, semantics_rule_test_count, semantics_step_test_count, semantics_coder_test_count,
	semantics_backend_test_count, semantics_mistake_test_count, semantics_cppcms_test_count, semantics_missed_test_count;

#endif
