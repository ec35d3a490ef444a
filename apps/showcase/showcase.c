/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cache does, a route for each thing: lifetimes, clearing, request directives, coalescing, the context of a call, and functions
 * that are cached by themselves.
 *
 * The tables at the end say how each route is cached. The handlers know nothing of it, but for those whose subject it is. They run on many
 * threads at once: what they share is atomic.
 */
#include <stdatomic.h>
#include <unistd.h>

#include <json-c/json.h>

#include <weir/date.h>
#include <weir/function.h>
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
static enum weir_status run_get_ret(struct weir_call *call, const void *args, void *result)
{
	static atomic_llong runs;

	(void)call;
	(void)args;
	*(int64_t *)result = count_up(&runs);
	return WEIR_OK;
}

static const struct weir_function get_ret = {
	.name = "get_ret",
	.run = run_get_ret,
	.coder = &weir_coder_int,
	.cache = { .ns = "test", .expire_s = 1 },
};

static enum weir_status index_page(struct weir_request *req, struct weir_response *res)
{
	int64_t ret;
	enum weir_status st = weir_call(req, &get_ret, NULL, &ret);

	if (st != WEIR_OK)
		return st;
	return answer_member(res, "ret", json_object_new_int64(ret));
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

struct func_kwargs_args {
	int64_t a;
	const char *name;
};

static const struct weir_field func_kwargs_params[] = {
	WEIR_INT(struct func_kwargs_args, a),
	WEIR_TEXT(struct func_kwargs_args, name),
	{ 0 },
};

/* Gives back its second argument. */
static enum weir_status run_func_kwargs(struct weir_call *call, const void *args, void *result)
{
	const struct func_kwargs_args *given = args;

	(void)call;
	*(const char **)result = given->name;
	return WEIR_OK;
}

static const struct weir_function func_kwargs = {
	.name = "func_kwargs",
	.params = func_kwargs_params,
	.params_size = sizeof(struct func_kwargs_args),
	.run = run_func_kwargs,
	.coder = &weir_coder_text,
	.cache = { .ns = "test" },
};

/* One argument by position, the other by name, as C calls functions with many arguments. */
static enum weir_status kwargs(struct weir_request *req, struct weir_response *res)
{
	const struct func_kwargs_args args = { 1, .name = weir_request_query(req, "name") };
	const char *name;
	enum weir_status st;

	if (!args.name)
		return weir_response_error(res, 422, "name: missing from the query");
	st = weir_call(req, &func_kwargs, &args, &name);
	if (st != WEIR_OK)
		return st;
	return answer_member(res, "name", json_object_new_string(name));
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

struct item {
	const char *name;
	const char *description; /* NULL: there is none */
	double price;
	bool has_tax;
	double tax;
};

static const struct weir_field item_fields[] = {
	WEIR_TEXT(struct item, name),
	WEIR_TEXT(struct item, description, WEIR_OR_NULL),
	WEIR_DOUBLE(struct item, price),
	WEIR_DOUBLE(struct item, tax, WEIR_OPTIONAL(struct item, has_tax)),
	{ 0 },
};

static enum weir_status pydantic_instance(struct weir_request *req, struct weir_response *res)
{
	const struct item item = { .name = "Something", .description = "An instance of a Pydantic model", .price = 10.5 };

	(void)req;
	return weir_response_struct(res, item_fields, &item);
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

struct counted {
	int64_t value;
};

static const struct weir_field counted_fields[] = { WEIR_INT(struct counted, value), { 0 } };
static const struct weir_coder counted_coder = WEIR_CODER_STRUCT_JSON(struct counted, counted_fields);

struct with_ctx_args {
	bool update_expire;
};

static const struct weir_field with_ctx_params[] = { WEIR_BOOL_OR(struct with_ctx_args, update_expire, true), { 0 } };

/* Changes its own lifetime in the cache: this call's, not the rule's. What the argument means enters the key, not how it was written: no
 * parameter, `=true` and `=ON` share an entry. */
static enum weir_status run_with_ctx(struct weir_call *call, const void *args, void *result)
{
	static atomic_llong runs;
	const struct with_ctx_args *given = args;

	if (given->update_expire)
		weir_call_set_expire_s(call, 3600);
	*(struct counted *)result = (struct counted){ count_up(&runs) };
	return WEIR_OK;
}

static const struct weir_function with_ctx = {
	.name = "cached_with_ctx",
	.params = with_ctx_params,
	.params_size = sizeof(struct with_ctx_args),
	.run = run_with_ctx,
	.coder = &counted_coder,
	.cache = { .ns = "test" },
};

/* Two arguments that happen to bear names of fastapi-cache's own. They keep the values that they were given, since what is injected here
 * stands under other names. */
struct two_names {
	int64_t __fastapi_cache_request;  /* NOLINT(bugprone-reserved-identifier): the subject of the route */
	int64_t __fastapi_cache_response; /* NOLINT(bugprone-reserved-identifier) */
};

static const struct weir_field two_names_fields[] = {
	WEIR_INT_OR(struct two_names, __fastapi_cache_request, 42),
	WEIR_INT_OR(struct two_names, __fastapi_cache_response, 17),
	{ 0 },
};

static const struct weir_coder two_names_coder = WEIR_CODER_STRUCT_JSON(struct two_names, two_names_fields);

static enum weir_status run_namespaced_injection(struct weir_call *call, const void *args, void *result)
{
	if (!weir_call_injected(call, "monty_python_request") || !weir_call_injected(call, "monty_python_response"))
		return WEIR_ERR_STATE;
	*(struct two_names *)result = *(const struct two_names *)args;
	return WEIR_OK;
}

static const struct weir_function namespaced_injection = {
	.name = "namespaced_injection",
	.params = two_names_fields,
	.params_size = sizeof(struct two_names),
	.run = run_namespaced_injection,
	.coder = &two_names_coder,
	.cache = { .ns = "test", .expire_s = 5, .injected_ns = "monty_python" },
};

static struct some_class instance = { .value = 17 };
static atomic_llong uncached_puts, cached_puts, bypasses, locked;

static const struct weir_cache_rule by_default = { .ns = "test" };
static const struct weir_cache_rule two_seconds = { .ns = "test", .expire_s = 2 };
static const struct weir_cache_rule five_seconds = { .ns = "test", .expire_s = 5 };
static const struct weir_cache_rule ten_seconds = { .ns = "test", .expire_s = 10 };
static const struct weir_cache_rule bypass = { .ns = "test", .expire_s = 5, .bypass_cache_control = true };
static const struct weir_cache_rule lock = { .ns = "test", .with_lock = true, .lock_timeout_ms = 3000 };

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
	{ .path = "/cached_with_ctx", .function = &with_ctx },
	{ .path = "/namespaced_injection", .function = &namespaced_injection },
	{ 0 },
};

const struct weir_app_options showcase = { .name = "showcase", .routes = routes };

int main(int argc, char **argv)
{
	return weir_main(argc, argv, &showcase);
}
