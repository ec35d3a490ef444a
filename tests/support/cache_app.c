/* SPDX-License-Identifier: Apache-2.0
 *
 * The app of the cache's tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/cache_app.h"
#include "support/fake_clock.h"

#define FIELDS_MAX 16

int cache_app_runs;
enum weir_status (*cache_app_handler)(struct weir_request *req, struct weir_response *res);
char cache_app_line[4096];

struct weir_slow_backend *cache_app_door;
struct weir_backend *cache_app_store;

static size_t lines;
static struct weir_fake_clock store_clock;

static void count_line(void *state, const char *line, size_t len)
{
	(void)state;
	lines++;
	if (len >= sizeof(cache_app_line))
		len = sizeof(cache_app_line) - 1;
	memcpy(cache_app_line, line, len);
	cache_app_line[len] = '\0';
}

size_t cache_app_lines(void)
{
	size_t count = lines;

	lines = 0;
	return count;
}

enum weir_status cache_app_answer(struct weir_response *res)
{
	return weir_response_text(res, "text/plain", "run %d", cache_app_runs);
}

enum weir_status cache_app_handle(struct weir_request *req, struct weir_response *res)
{
	cache_app_runs++;
	return cache_app_handler ? cache_app_handler(req, res) : cache_app_answer(res);
}

struct weir_test *cache_app_routes(const struct weir_cache_options *options, const struct weir_route *routes)
{
	const struct weir_log_options log = { .level = WEIR_LOG_INFO, .write = count_line };
	struct weir_app_options app = { .name = "tested", .routes = routes, .log = &log };

	if (options)
		app.cache = *options;
	cache_app_runs = 0;
	cache_app_handler = NULL;
	lines = 0;
	return weir_test_create(&app);
}

struct weir_test *cache_app_with(const struct weir_cache_options *options, const struct weir_cache_rule *rule)
{
	const unsigned methods = WEIR_GET | WEIR_POST | WEIR_PUT | WEIR_DELETE;
	const struct weir_route routes[] = {
		{ .path = "/page", .methods = methods, .handler = cache_app_handle, .cache = rule },
		{ .path = "/page/{rest...}", .methods = methods, .handler = cache_app_handle, .cache = rule },
		{ .path = "/other", .methods = methods, .handler = cache_app_handle, .cache = rule },
		{ .path = "/loop", .handler = cache_app_handle, .cache = rule, .nonblocking = true },
		{ .path = "/plain", .handler = cache_app_handle },
		{ 0 },
	};

	return cache_app_routes(options, routes);
}

struct weir_test *cache_app(const struct weir_cache_rule *rule)
{
	return cache_app_with(NULL, rule);
}

const struct weir_test_field *cache_app_fields(const char *const *names_and_values)
{
	static struct weir_test_field fields[FIELDS_MAX + 1];
	size_t count = 0;

	for (; *names_and_values; names_and_values += 2) {
		assert_true(count < FIELDS_MAX);
		fields[count++] = (struct weir_test_field){ names_and_values[0], names_and_values[1] };
	}
	fields[count] = (struct weir_test_field){ 0 };
	return fields;
}

const struct weir_test_response *cache_app_get(struct weir_test *test, const char *target, const struct weir_test_field *fields)
{
	return weir_test_send(test, &(const struct weir_test_request){ .target = target, .fields = fields });
}

struct weir_test_exchange *cache_app_start(struct weir_test *test, const char *target, const struct weir_test_field *fields)
{
	struct weir_test_exchange *exchange =
		weir_test_start(test, &(const struct weir_test_request){ .target = target, .fields = fields });

	weir_test_run(test);
	return exchange;
}

void expect_field(struct weir_test *test, const struct weir_test_response *res, const char *name, const char *value)
{
	const char *field = weir_test_field(test, res, name);

	if (!value) {
		assert_null(field);
		return;
	}
	assert_non_null(field);
	assert_string_equal(field, value);
}

void expect_body(const struct weir_test_response *res, const char *body)
{
	assert_true(res->complete);
	assert_int_equal(res->body.len, strlen(body));
	if (body[0])
		assert_memory_equal(res->body.data, body, res->body.len);
}

void expect_answer(struct weir_test *test, const struct weir_test_response *res, const char *status, const char *body)
{
	assert_non_null(res);
	assert_int_equal(res->status, 200);
	expect_body(res, body);
	expect_field(test, res, "X-Weir-Cache", status);
}

void expect_get(struct weir_test *test, const char *target, const char *status, const char *body)
{
	expect_answer(test, weir_test_get(test, target), status, body);
}

struct weir_cache_stats cache_app_stats(struct weir_test *test)
{
	struct weir_cache_stats stats;

	weir_cache_stats(weir_app_cache(weir_test_app(test)), &stats);
	return stats;
}

static struct weir_cache_options open_door(void)
{
	struct weir_backend_env env = { .clock = &store_clock.clock };
	struct weir_cache_options options = { 0 };
	char why[100];

	weir_fake_clock_init(&store_clock);
	assert_int_equal(weir_backend_open("memory:", &env, why, sizeof(why), &cache_app_store), WEIR_OK);
	cache_app_door = weir_slow_backend_create(cache_app_store, &options.instance);
	assert_non_null(cache_app_door);
	return options;
}

struct weir_test *cache_app_remote(const struct weir_cache_rule *rule)
{
	const struct weir_cache_options options = open_door();

	return cache_app_with(&options, rule);
}

struct weir_test *cache_app_remote_routes(const struct weir_route *routes)
{
	const struct weir_cache_options options = open_door();

	return cache_app_routes(&options, routes);
}

void cache_app_advance_ms(struct weir_test *test, int64_t ms)
{
	weir_fake_clock_advance_ms(&store_clock, ms);
	weir_test_advance_ms(test, ms);
}
