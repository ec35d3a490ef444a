/* SPDX-License-Identifier: Apache-2.0
 *
 * The tracing middleware of the exchange's tests.
 */
#include "support/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct probe_middleware {
	struct weir_middleware base;
	struct probe probe;
};

struct weir_outcome probe_outcome;

static char trace[1024];
static struct weir_middleware *entering;

void probe_trace(const char *word)
{
	size_t len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s%s", len ? " " : "", word);
}

const char *probe_traced(void)
{
	static char copy[sizeof(trace)];

	memcpy(copy, trace, sizeof(copy));
	trace[0] = '\0';
	return copy;
}

static const struct probe *probe_of(struct weir_middleware *self)
{
	return &((struct probe_middleware *)self)->probe;
}

static void trace_hook(struct weir_middleware *self, const char *before, const char *after)
{
	char word[32];

	snprintf(word, sizeof(word), "%s%s%s", before, probe_of(self)->name, after);
	probe_trace(word);
}

static enum weir_flow enter(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	trace_hook(self, "", ">");
	entering = self;
	return probe_of(self)->enter ? probe_of(self)->enter(req, res) : WEIR_FLOW_NEXT;
}

static void leave(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	trace_hook(self, "<", "");
	if (probe_of(self)->leave)
		probe_of(self)->leave(req, res);
}

static void done(struct weir_middleware *self, struct weir_request *req, struct weir_response *res, const struct weir_outcome *outcome)
{
	(void)req;
	(void)res;
	trace_hook(self, "", "!");
	probe_outcome = *outcome;
}

static void destroy(struct weir_middleware *self)
{
	free(self);
}

static const struct weir_middleware_ops ops = {
	.name = "probe",
	.state_size = PROBE_STATE,
	.enter = enter,
	.leave = leave,
	.done = done,
	.destroy = destroy,
};

void *probe_state(struct weir_request *req)
{
	return weir_middleware_state(entering, req);
}

static void use(struct weir_app *app, const struct probe *probe)
{
	struct probe_middleware *made = calloc(1, sizeof(*made));

	if (!made)
		abort();
	made->base.ops = &ops;
	made->probe = *probe;
	if (weir_app_use(app, &made->base) != WEIR_OK)
		abort();
}

struct weir_test *probe_test(const struct weir_app_options *options, const struct probe *a, const struct probe *b)
{
	struct weir_test *test = weir_test_create(options);

	use(weir_test_app(test), a);
	use(weir_test_app(test), b);
	(void)probe_traced();
	return test;
}
