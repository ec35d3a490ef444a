/* SPDX-License-Identifier: Apache-2.0
 *
 * The app that ./dev bench measures, written as a user would write one: handlers that do next to nothing, so that what is left is weir.
 *
 * BENCH_DEADLINE_MS in the environment is the deadline for request heads, bodies and readers, so that a row need not wait for the default.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <weir/backend_metrics.h>
#include <weir/weir.h>

#define KIB 1024
#define MIB (1024 * 1024)

static char filler[KIB];
static atomic_int slow_runs;             /* of slow_page: what coalescing is to keep at one */
static atomic_int refreshes, waited_for; /* runs of refreshed_page, behind the clients' backs and before their eyes */

static enum weir_status send_filler(struct weir_response *res)
{
	return weir_response_borrowed(res, "text/plain", weir_slice(filler, sizeof(filler)), NULL, NULL);
}

static enum weir_status small_page(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return send_filler(res);
}

static enum weir_status large_page(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_field(res, "Content-Type", "text/plain");
	for (size_t len = 0; len < MIB; len += sizeof(filler))
		weir_buffer_append(weir_response_body(res), filler, sizeof(filler));
	return WEIR_OK;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec rest = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&rest, &rest) < 0)
		continue;
}

static enum weir_status blocking_page(struct weir_request *req, struct weir_response *res)
{
	uint64_t ms;

	if (weir_slice_to_u64(weir_slice_text(weir_request_param(req, "ms")), 60000, &ms) < 0)
		return weir_response_error(res, 400, "milliseconds, please");
	sleep_ms(ms);
	return send_filler(res);
}

static enum weir_status slow_page(struct weir_request *req, struct weir_response *res)
{
	atomic_fetch_add(&slow_runs, 1);
	return blocking_page(req, res);
}

static enum weir_status tell_slow_runs(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "%d", atomic_load(&slow_runs));
}

static enum weir_status refreshed_page(struct weir_request *req, struct weir_response *res)
{
	atomic_fetch_add(weir_call_is_refresh(weir_request_call(req)) ? &refreshes : &waited_for, 1);
	return blocking_page(req, res);
}

static enum weir_status tell_refreshes(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "%d %d", atomic_load(&refreshes), atomic_load(&waited_for));
}

static enum weir_status take_body(struct weir_request *req, struct weir_response *res)
{
	return weir_response_text(res, "text/plain", "%zu", weir_request_body(req).len);
}

/* What its backend was asked for, as a line of JSON: looking is not cached, so it adds nothing. */
static enum weir_status tell_backend(struct weir_request *req, struct weir_response *res)
{
	const struct weir_backend_operation_metrics *reads;
	struct weir_backend_metrics metrics;
	struct weir_cache_stats stats;

	weir_cache_backend_metrics(weir_request_cache(req), &metrics);
	weir_cache_stats(weir_request_cache(req), &stats);
	reads = &metrics.by[WEIR_BACKEND_READ];
	return weir_response_text(
		res, "application/json",
		"{\"misses\":%" PRIu64 ",\"reads\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"largest_call\":%" PRIu64 ",\"is_cut_off\":%s}",
		stats.misses, reads->operations, reads->calls, reads->largest_call, metrics.is_cut_off ? "true" : "false");
}

/* From now on an entry that carries tags is asked about: one of them might be what was cleared. */
static enum weir_status clear_something(struct weir_request *req, struct weir_response *res)
{
	const enum weir_status st = weir_cache_clear_namespace(weir_request_cache(req), "something", NULL);

	return st == WEIR_OK ? send_filler(res) : st;
}

static const char *const four_tags[] = { "spring", "summer", "autumn", "winter", NULL };

static const struct weir_cache_rule kept = { .expire_s = WEIR_EXPIRE_NEVER };
static const struct weir_cache_rule tagged = { .expire_s = WEIR_EXPIRE_NEVER, .tags = four_tags };
static const struct weir_cache_rule coalesced = { .expire_s = 3600, .with_lock = true };
static const struct weir_cache_rule revalidated = { .expire_s = 1, .stale_while_revalidate_s = 60 };
static const struct weir_cache_rule early = { .expire_s = 1, .early_refresh = 1 };

static const struct weir_route routes[] = {
	{ .path = "/hit", .handler = small_page, .cache = &kept },
	{ .path = "/hit/{key}", .handler = small_page, .cache = &kept },
	{ .path = "/hit-tagged/{key}", .handler = small_page, .cache = &tagged },
	{ .path = "/hit-large", .handler = large_page, .cache = &kept },
	{ .path = "/pool", .handler = small_page },
	{ .path = "/loop", .handler = small_page, .nonblocking = true },
	{ .path = "/block/{ms}", .handler = blocking_page },
	{ .path = "/block-kept/{ms}/{key}", .handler = blocking_page, .cache = &kept },
	{ .path = "/slow/{ms}/{key}", .handler = slow_page, .cache = &coalesced },
	{ .path = "/revalidated/{ms}", .handler = refreshed_page, .cache = &revalidated },
	{ .path = "/early/{ms}", .handler = refreshed_page, .cache = &early },
	{ .path = "/refreshes", .handler = tell_refreshes, .nonblocking = true },
	{ .path = "/slow-runs", .handler = tell_slow_runs, .nonblocking = true },
	{ .path = "/backend", .handler = tell_backend, .nonblocking = true },
	{ .path = "/clear-something", .methods = WEIR_POST, .handler = clear_something },
	{ .path = "/take", .methods = WEIR_POST, .handler = take_body },
	{ 0 },
};

int main(int argc, char **argv)
{
	const char *text = getenv("BENCH_DEADLINE_MS");
	const int64_t ms = text ? atoi(text) : 0;

	for (size_t i = 0; i < sizeof(filler); i++)
		filler[i] = 'x';
	return weir_main(argc, argv,
			 &(struct weir_app_options){
				 .name = "bench",
				 .routes = routes,
				 .deadlines = { .head_ms = ms, .body_ms = ms, .send_ms = ms },
			 });
}
