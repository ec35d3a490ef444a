/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions: what a call of one begins with, their values as bytes, and what they say of themselves.
 */
#include "cache/function.h"

#include "cache/clear.h"
#include "cache/coder.h"
#include "cache/value.h"

/* -- Values ---------------------------------------------------------------------------------------------------------------- */

static const struct weir_coder *coder_of(const struct weir_function *function, const struct weir_cache *cache)
{
	if (function->cache.coder)
		return function->cache.coder;
	if (function->coder)
		return function->coder;
	return cache ? cache->coder : &weir_coder_json;
}

const struct weir_coder *weir_call_coder(const struct weir_call *call)
{
	return coder_of(call->function, call->cache);
}

enum weir_status weir_function_run(struct weir_call *call, void *value)
{
	enum weir_status status;

	weir_call_add_rules_tags(call); /* also when the value is not kept: the page around it shows what it was made of */
	status = call->function->run(call, call->arguments, value);
	if (status <= WEIR_MISS)
		return status;
	weir_log_error(weir_call_log(call), "function \"%s\" said neither WEIR_OK, WEIR_MISS nor a failure", call->function->name);
	return WEIR_ERR_HANDLER;
}

static void report(const struct weir_call *call, enum weir_report kind, enum weir_status status)
{
	if (call->cache)
		weir_cache_report(call->cache, kind, "a value of function \"%s\" could not be %s by coder %s: %s", call->function->name,
				  kind == WEIR_REPORT_DAMAGE ? "decoded" : "encoded", weir_call_coder(call)->ops->name,
				  weir_status_text(status));
}

enum weir_status weir_function_encode(const struct weir_call *call, enum weir_status found, const void *value, struct weir_slice *bytes)
{
	const struct weir_coder *coder = weir_call_coder(call);
	struct weir_buffer *buffer;
	enum weir_status status;

	*bytes = WEIR_SLICE_LITERAL("");
	if (found == WEIR_MISS)
		return WEIR_OK;
	buffer = weir_pool_buffer(call->pool, 0);
	status = buffer ? coder->ops->encode(coder, call->pool, value, buffer) : WEIR_ERR_MEMORY;
	if (status == WEIR_OK && buffer->overflowed)
		status = WEIR_ERR_MEMORY;
	if (status != WEIR_OK) {
		report(call, WEIR_REPORT_STORE, status);
		return status < 0 ? status : WEIR_ERR_HANDLER;
	}
	if (buffer->data)
		*bytes = weir_buffer_slice(buffer);
	return WEIR_OK;
}

enum weir_status weir_function_decode(const struct weir_call *call, void *value)
{
	const struct weir_coder *coder = weir_call_coder(call);
	enum weir_status status;

	if (call->entry.status == 404)
		return WEIR_MISS;
	status = coder->ops->decode(coder, call->pool, call->entry.body, value);
	if (status == WEIR_OK)
		return WEIR_OK;
	report(call, WEIR_REPORT_DAMAGE, status);
	memset(value, 0, weir_coder_size(coder));
	return status < 0 ? status : WEIR_ERR_CORRUPT;
}

/* -- Calls by C code ------------------------------------------------------------------------------------------------------- */

static struct weir_cache *cache_of_request(const struct weir_request *req)
{
	return weir_exchange_of(req)->service->cache;
}

static bool are_valid(const struct weir_function *function, const void *args)
{
	struct weir_faults faults;

	if (!function->params)
		return true;
	return args && weir_struct_validate(NULL, function->params, args, &faults) == WEIR_OK;
}

/* `around` has what the call is made in: cache, request, parent, pool. */
static enum weir_status begin(const struct weir_call *around, const struct weir_function *function, const void *args, void *result)
{
	struct weir_call call = { .cache = around->cache, .req = around->req, .parent = around->parent };

	if (!function->run || !function->name || !are_valid(function, args))
		return WEIR_ERR_INVALID;
	weir_call_init(&call, &function->cache, around->pool);
	call.function = function;
	call.arguments = function->params ? args : NULL;
	memset(result, 0, weir_coder_size(weir_call_coder(&call)));
	return weir_value_obtain(&call, result);
}

enum weir_status weir_call(struct weir_request *req, const struct weir_function *function, const void *args, void *result)
{
	const struct weir_call around = {
		.cache = cache_of_request(req), .req = req, .parent = weir_request_call(req), .pool = weir_request_pool(req)
	};

	return begin(&around, function, args, result);
}

enum weir_status weir_call_within(struct weir_call *call, const struct weir_function *function, const void *args, void *result)
{
	const struct weir_call around = { .cache = call->cache, .req = call->req, .parent = call, .pool = call->pool };

	return begin(&around, function, args, result);
}

enum weir_status weir_cache_call(struct weir_cache *cache, struct weir_pool *pool, const struct weir_function *function, const void *args,
				 void *result)
{
	return begin(&(const struct weir_call){ .cache = cache, .pool = pool }, function, args, result);
}

/* Its key is made of nothing but the arguments. */
static bool is_keyed_by_arguments(const struct weir_cache_rule *rule)
{
	return (!rule->key || rule->key == weir_key_arguments) && !rule->key_fields && !rule->key_cookies && !rule->prepare;
}

enum weir_status weir_cache_clear_call(struct weir_cache *cache, const struct weir_function *function, const void *args, size_t *removed)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_call call = { .cache = cache };
	enum weir_status status = pool ? WEIR_OK : WEIR_ERR_MEMORY;

	if (status == WEIR_OK && !are_valid(function, args))
		status = WEIR_ERR_INVALID;
	if (status == WEIR_OK && !is_keyed_by_arguments(&function->cache))
		status = WEIR_ERR_UNSUPPORTED;
	if (status == WEIR_OK) {
		weir_call_init(&call, &function->cache, pool);
		call.function = function;
		call.arguments = args;
		status = weir_call_make_key(&call);
	}
	if (status == WEIR_OK)
		status = weir_cache_clear_key(cache, call.key, removed);
	weir_pool_destroy(pool);
	return status;
}

/* -- In a function --------------------------------------------------------------------------------------------------------- */

const struct weir_function *weir_call_function(const struct weir_call *call)
{
	return call ? call->function : NULL;
}

const void *weir_call_arguments(const struct weir_call *call)
{
	return call ? call->arguments : NULL;
}

void *weir_call_user_data(const struct weir_call *call)
{
	return call && call->function ? call->function->user_data : NULL;
}

static const char *injected_ns(const struct weir_function *function)
{
	return function->cache.injected_ns ? function->cache.injected_ns : "__weir_cache";
}

/* What follows "NS" in a name; NULL for other names. */
static const char *injected_part(const struct weir_function *function, const char *name)
{
	const char *ns = injected_ns(function);
	size_t len = strlen(ns);

	return strncmp(name, ns, len) == 0 ? name + len : NULL;
}

void *weir_call_injected(const struct weir_call *call, const char *name)
{
	const char *part = call && call->req && call->function ? injected_part(call->function, name) : NULL;

	if (part && strcmp(part, "_request") == 0)
		return call->req;
	return part && strcmp(part, "_response") == 0 ? &weir_exchange_of(call->req)->res : NULL;
}

/* -- Checks ---------------------------------------------------------------------------------------------------------------- */

static const char *check_params(const struct weir_function *function)
{
	if (!function->params)
		return NULL;
	if (function->params_size == 0)
		return "it has params, but no params_size";
	for (const struct weir_field *field = function->params; field->name; field++) {
		const char *part = injected_part(function, field->name);

		if (part && (strcmp(part, "_request") == 0 || strcmp(part, "_response") == 0))
			return "a parameter bears the name of what is injected: pick another injected_ns for its rule";
	}
	return NULL;
}

static const char *check_coders(const struct weir_function *function, const struct weir_cache *cache)
{
	const char *wrong = weir_coder_check(coder_of(function, cache));

	if (wrong || !function->coder || !function->cache.coder)
		return wrong;
	return weir_coder_size(function->coder) == weir_coder_size(function->cache.coder)
		       ? NULL
		       : "its rule's coder is for values of another size";
}

const char *weir_function_check(const struct weir_function *function, const struct weir_cache *cache)
{
	const char *wrong = NULL;

	if (!function->name || !function->name[0])
		wrong = "it has no name";
	else if (!function->run)
		wrong = "it has no run";
	if (!wrong)
		wrong = check_params(function);
	return wrong ? wrong : check_coders(function, cache);
}
