/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache as middleware: answer from it, or let the request through and keep what comes back.
 *
 * What a hit is, who makes a missing value and what may be kept is decided by the cache core behind <weir/call.h>; this file is the way of
 * a request through it, from top to bottom.
 */
#include <stdlib.h>

#include <weir/call.h>

struct cache_middleware {
	struct weir_middleware base;
	struct weir_cache *cache;
};

static enum weir_flow apologise(struct weir_response *res, int status)
{
	weir_response_set_field(res, "Retry-After", "1");
	(void)weir_response_error(res, status, "this page is being made, and takes longer than it should"); /* settled like any response */
	return WEIR_FLOW_ANSWERED;
}

static enum weir_flow enter(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	struct cache_middleware *middleware = (struct cache_middleware *)self;

	switch (weir_call_lookup(middleware->cache, req)) {
	case WEIR_CALL_HIT:
		weir_call_answer(weir_request_call(req), res);
		return WEIR_FLOW_ANSWERED;
	case WEIR_CALL_WAIT:
		return WEIR_FLOW_PARKED;
	case WEIR_CALL_TIMEOUT:
		return apologise(res, 503);
	case WEIR_CALL_LATE:
		return apologise(res, 504);
	case WEIR_CALL_NOTHING:
		return WEIR_FLOW_ANSWERED;
	case WEIR_CALL_RUN:
	case WEIR_CALL_PASS:
		break;
	}
	return WEIR_FLOW_NEXT;
}

static void leave(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	struct weir_call *call = weir_request_call(req);

	(void)self;
	weir_call_store(call, res);
	weir_call_conditionals(call, res);
}

static void done(struct weir_middleware *self, struct weir_request *req, struct weir_response *res, const struct weir_outcome *outcome)
{
	(void)self;
	(void)res;
	(void)outcome;
	weir_call_end(weir_request_call(req));
}

static void destroy(struct weir_middleware *self)
{
	free(self);
}

static const struct weir_middleware_ops cache_ops = {
	.name = "cache",
	.enter = enter,
	.leave = leave,
	.done = done,
	.destroy = destroy,
};

struct weir_middleware *weir_cache_middleware(struct weir_cache *cache)
{
	struct cache_middleware *middleware = calloc(1, sizeof(*middleware));

	if (!middleware)
		return NULL;
	middleware->base.ops = &cache_ops;
	middleware->cache = cache;
	return &middleware->base;
}
