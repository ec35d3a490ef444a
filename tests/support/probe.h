/* SPDX-License-Identifier: Apache-2.0
 *
 * A middleware for tests that writes down when its hooks are called, and an app that has two of them round its handlers.
 *
 * The trace is words: "a>" enter of the probe named a, "<a" leave, "a!" done, and whatever probe_trace() is given. One thread.
 */
#ifndef WEIR_TESTS_PROBE_H
#define WEIR_TESTS_PROBE_H

#include <weir/testing.h>

/* Bytes that each probe has for each exchange. */
#define PROBE_STATE 24

/* What the hooks do besides tracing; NULL: nothing, and enter says NEXT. */
struct probe {
	const char *name;
	enum weir_flow (*enter)(struct weir_request *req, struct weir_response *res);
	void (*leave)(struct weir_request *req, struct weir_response *res);
};

/* What `done` was told last. */
extern struct weir_outcome probe_outcome;

/* A test of the app with two probes, copied, `a` outside of `b`; ends the program when it cannot be made. The trace is empty. */
struct weir_test *probe_test(const struct weir_app_options *options, const struct probe *a, const struct probe *b);

/* In a probe's `enter`: its PROBE_STATE bytes for this exchange. */
void *probe_state(struct weir_request *req);

void probe_trace(const char *word);

/* The words since the last call, with spaces between; valid until the next. */
const char *probe_traced(void);

#endif
