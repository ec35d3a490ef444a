/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cache does, a route for each thing: lifetimes, clearing, request directives, coalescing, the context of a call.
 *
 * The table at the end says how each route is cached. The handlers know nothing of it, but for those whose subject it is. They run on many
 * threads at once: what they share is atomic.
 */
#include <stdatomic.h>
#include <strings.h>
#include <unistd.h>

#include <json-c/json.h>

#include <weir/date.h>
#include <weir/weir.h>

#define JSON "application/json"
#define DAY_MS INT64_C(86400000)

/* Takes `value` over, also on failure; NULL means that there was no memory for it. */
static bool add_member(struct json_object *object, const char *name, struct json_object *value)
{
	if (object && value && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* {"name": value} */
static enum weir_status answer_member(struct weir_response *res, const char *name, struct json_object *value)
{
	struct json_object *object = json_object_new_object();

	if (!add_member(object, name, value)) {
		json_object_put(object);
		return WEIR_ERR_MEMORY;
	}
	return weir_response_json(res, object);
}

static int64_t count_up(atomic_llong *counter)
{
	return atomic_fetch_add(counter, 1) + 1;
}

/* Counts its own runs. */
static int64_t get_ret(void)
{
	static atomic_llong runs;

	return count_up(&runs);
}

static enum weir_status index_page(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return answer_member(res, "ret", json_object_new_int64(get_ret()));
}

/* Clears the namespace of all rules below, and says how many entries there were. */
static enum weir_status clear(struct weir_request *req, struct weir_response *res)
{
	size_t removed;
	enum weir_status st = weir_cache_clear_namespace(weir_app_cache(weir_request_app(req)), "test", &removed);

	if (st < 0)
		return st;
	return weir_response_text(res, JSON, "%zu", removed);
}

/* The request's clock is the machine's, and in a test the one that the test turns. */
static enum weir_status date(struct weir_request *req, struct weir_response *res)
{
	int64_t now_ms = weir_clock_wall_ms(weir_request_clock(req));
	char midnight[WEIR_DATE_SIZE];

	weir_date_rfc3339(now_ms - now_ms % DAY_MS, 0, false, midnight);
	return weir_response_text(res, JSON, "\"%s\"", midnight);
}

static enum weir_status date_and_time(struct weir_request *req, struct weir_response *res)
{
	char now[WEIR_DATE_SIZE];

	weir_date_rfc3339(weir_clock_wall_ms(weir_request_clock(req)), 0, true, now);
	return answer_member(res, "now", json_object_new_string(now));
}

/* Takes one argument by position, which it ignores, and one by name, which it gives back. */
static const char *func_kwargs(const char *ignored, const char *name)
{
	(void)ignored;
	return name;
}

static enum weir_status kwargs(struct weir_request *req, struct weir_response *res)
{
	const char *name = weir_request_query(req, "name");

	if (!name)
		return weir_response_error(res, 422, "name: missing from the query");
	return answer_member(res, "name", json_object_new_string(func_kwargs("a", name)));
}

static enum weir_status sync_me(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, JSON, "42");
}

static enum weir_status cache_response_obj(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return answer_member(res, "a", json_object_new_int(1));
}

struct some_class {
	int value;
};

/* Bound to an object, the route's `.user_data`. */
static enum weir_status handler_method(struct weir_request *req, struct weir_response *res)
{
	const struct some_class *self = weir_request_user_data(req);

	return weir_response_text(res, JSON, "%d", self->value);
}

static enum weir_status pydantic_instance(struct weir_request *req, struct weir_response *res)
{
	struct json_object *item = json_object_new_object();

	(void)req;
	if (!add_member(item, "name", json_object_new_string("Something")) ||
	    !add_member(item, "description", json_object_new_string("An instance of a Pydantic model")) ||
	    !add_member(item, "price", json_object_new_double(10.5)) || json_object_object_add(item, "tax", NULL) < 0) {
		json_object_put(item);
		return WEIR_ERR_MEMORY;
	}
	return weir_response_json(res, item);
}

/* Counts in the route's `.user_data`. A number that stands still came from the cache. */
static enum weir_status next_value(struct weir_request *req, struct weir_response *res)
{
	return answer_member(res, "value", json_object_new_int64(count_up(weir_request_user_data(req))));
}

static enum weir_status slow_value(struct weir_request *req, struct weir_response *res)
{
	sleep(1); /* a long computation */
	return next_value(req, res);
}

/* `*flag` is `fallback` when there is no such parameter; ERR_INVALID when it is neither true nor false. */
static enum weir_status query_bool(const struct weir_request *req, const char *name, bool fallback, bool *flag)
{
	static const char *const no[] = { "0", "false", "f", "off", "no", "n" };
	static const char *const yes[] = { "1", "true", "t", "on", "yes", "y" };
	const char *text = weir_request_query(req, name);

	*flag = fallback;
	if (!text)
		return WEIR_OK;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*flag = strcasecmp(text, yes[i]) == 0;
		if (*flag || strcasecmp(text, no[i]) == 0)
			return WEIR_OK;
	}
	return WEIR_ERR_INVALID;
}

/* What the parameter means enters the key, not how it was written: no parameter, `=true` and `=ON` share an entry. */
static enum weir_status update_expire_key(struct weir_key *key, struct weir_request *req, void *user_data)
{
	bool update;

	(void)user_data;
	if (query_bool(req, "update_expire", true, &update) < 0)
		weir_key_add_text(key, "neither");
	else
		weir_key_add_text(key, update ? "true" : "false");
	return WEIR_OK;
}

/* Changes its own lifetime in the cache: this call's, not the rule's. */
static enum weir_status cached_with_ctx(struct weir_request *req, struct weir_response *res)
{
	bool update;

	if (query_bool(req, "update_expire", true, &update) < 0) {
		weir_call_do_not_store(weir_request_call(req));
		return weir_response_error(res, 422, "update_expire: neither true nor false");
	}
	if (update)
		weir_call_set_expire_s(weir_request_call(req), 3600);
	return next_value(req, res);
}

/* Two arguments that bear names of the cache's own keep the values they were given. */
static enum weir_status namespaced_injection(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, JSON, "{\"__fastapi_cache_request\":%d,\"__fastapi_cache_response\":%d}", 42, 17);
}

static struct some_class instance = { .value = 17 };
static atomic_llong uncached_puts, cached_puts, bypasses, locked, contexts;

static const struct weir_cache_rule by_default = { .ns = "test" };
static const struct weir_cache_rule two_seconds = { .ns = "test", .expire_s = 2 };
static const struct weir_cache_rule five_seconds = { .ns = "test", .expire_s = 5 };
static const struct weir_cache_rule ten_seconds = { .ns = "test", .expire_s = 10 };
static const struct weir_cache_rule bypass = { .ns = "test", .expire_s = 5, .bypass_cache_control = true };
static const struct weir_cache_rule lock = { .ns = "test", .with_lock = true, .lock_timeout_ms = 3000 };
static const struct weir_cache_rule context = { .ns = "test", .key = update_expire_key };

static const struct weir_route routes[] = {
	{ .path = "/", .handler = index_page, .cache = &ten_seconds },
	{ .path = "/clear", .handler = clear },
	{ .path = "/date", .handler = date, .cache = &ten_seconds },
	{ .path = "/datetime", .handler = date_and_time, .cache = &two_seconds },
	{ .path = "/kwargs", .handler = kwargs },
	{ .path = "/sync-me", .handler = sync_me, .cache = &by_default },
	{ .path = "/cache_response_obj", .handler = cache_response_obj, .cache = &five_seconds },
	{ .path = "/cache_response_obj_typed", .handler = cache_response_obj, .cache = &five_seconds },
	{ .path = "/method", .handler = handler_method, .user_data = &instance, .cache = &by_default },
	{ .path = "/pydantic_instance", .handler = pydantic_instance, .cache = &five_seconds },
	{ .path = "/uncached_put", .methods = WEIR_PUT, .handler = next_value, .user_data = &uncached_puts, .cache = &five_seconds },
	{ .path = "/cached_put", .handler = next_value, .user_data = &cached_puts, .cache = &five_seconds },
	{ .path = "/cached_with_bypass", .handler = next_value, .user_data = &bypasses, .cache = &bypass },
	{ .path = "/cached_with_lock", .handler = slow_value, .user_data = &locked, .cache = &lock },
	{ .path = "/cached_with_ctx", .handler = cached_with_ctx, .user_data = &contexts, .cache = &context },
	{ .path = "/namespaced_injection", .handler = namespaced_injection, .cache = &five_seconds },
	{ 0 },
};

const struct weir_app_options showcase = { .name = "showcase", .routes = routes };

int main(int argc, char **argv)
{
	return weir_main(argc, argv, &showcase);
}
