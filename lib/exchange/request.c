/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests: from CGI variables (RFC 3875, as FastCGI has them too) to method, path, query and fields.
 */
#include "exchange/request.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "http/fields.h"
#include "http/path.h"
#include "http/percent.h"

void weir_request_begin(struct weir_request *req, struct weir_exchange *exchange, struct weir_pool *pool)
{
	req->exchange = exchange;
	req->pool = pool;
	req->method = WEIR_GET;
	req->method_name = "GET";
	req->path = "/";
	req->path_len = 1;
	req->mount = "";
	req->query_string = "";
	req->content_length = UINT64_MAX;
	weir_fields_init(&req->fields, pool);
}

void weir_request_finish(struct weir_request *req)
{
	weir_buffer_finish(&req->body);
	weir_body_pipe_destroy(req->pipe);
	if (req->json)
		json_object_put(req->json);
}

/* -- Variables ------------------------------------------------------------------------------------------------------------- */

static const struct weir_slice known_names[WEIR_VARIABLES_KNOWN] = {
	[WEIR_VARIABLE_CONTENT_LENGTH] = { "CONTENT_LENGTH", 14 },
	[WEIR_VARIABLE_CONTENT_TYPE] = { "CONTENT_TYPE", 12 },
	[WEIR_VARIABLE_METHOD] = { "REQUEST_METHOD", 14 },
	[WEIR_VARIABLE_PATH_INFO] = { "PATH_INFO", 9 },
	[WEIR_VARIABLE_QUERY] = { "QUERY_STRING", 12 },
	[WEIR_VARIABLE_SCRIPT_NAME] = { "SCRIPT_NAME", 11 },
	[WEIR_VARIABLE_URI] = { "REQUEST_URI", 11 },
};

/* Those that every request is made from have their place, so that nobody has to look for them. The first of a name counts. */
static void remember_known(struct weir_request *req, struct weir_slice name, struct weir_slice value)
{
	if (name.len < 9 || name.len > 14)
		return;
	for (size_t i = 0; i < WEIR_VARIABLES_KNOWN; i++)
		if (weir_slice_equal(name, known_names[i]) && !req->known[i].data)
			req->known[i] = value;
}

static bool is_field(struct weir_slice name)
{
	return name.len > 5 && memcmp(name.data, "HTTP_", 5) == 0;
}

/* HTTP_ACCEPT_LANGUAGE becomes ACCEPT-LANGUAGE. */
static struct weir_slice field_name(struct weir_pool *pool, struct weir_slice variable)
{
	char *name = weir_pool_bytes(pool, variable.len - 5);

	if (!name)
		return WEIR_SLICE_NONE;
	for (size_t i = 5; i < variable.len; i++)
		name[i - 5] = variable.data[i] == '_' ? '-' : variable.data[i];
	return weir_slice(name, variable.len - 5);
}

static enum weir_status add_field(struct weir_request *req, struct weir_slice name, struct weir_slice value, size_t max_fields)
{
	if (req->fields.count >= max_fields)
		return WEIR_ERR_LIMIT;
	if (!name.data)
		return WEIR_ERR_MEMORY;
	weir_fields_add_borrowed(&req->fields, name, value);
	return req->fields.invalid ? WEIR_ERR_INVALID : WEIR_OK;
}

static enum weir_status grow_variables(struct weir_request *req)
{
	size_t capacity = req->variable_capacity ? req->variable_capacity * 2 : 24;
	struct weir_variable *grown = weir_pool_alloc(req->pool, capacity * sizeof(*grown));

	if (!grown)
		return WEIR_ERR_MEMORY;
	if (req->variable_count > 0)
		memcpy(grown, req->variables, req->variable_count * sizeof(*grown));
	req->variables = grown;
	req->variable_capacity = capacity;
	return WEIR_OK;
}

/* Content-Type and Content-Length come under names of their own (RFC 3875 section 4.1); some web servers send them twice. */
static bool is_given_otherwise(struct weir_slice name)
{
	return weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("HTTP_CONTENT_TYPE")) ||
	       weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("HTTP_CONTENT_LENGTH"));
}

enum weir_status weir_request_add_variable(struct weir_request *req, struct weir_slice name, struct weir_slice value, size_t max_fields)
{
	enum weir_status status;

	if (is_field(name)) {
		/* A client's `Proxy` field would be HTTP_PROXY, which libraries take for their proxy setting (CVE-2016-5385). */
		if (weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("HTTP_PROXY")) || is_given_otherwise(name))
			return WEIR_OK;
		return add_field(req, field_name(req->pool, name), value, max_fields);
	}
	if (memchr(value.data, '\0', value.len))
		return WEIR_ERR_INVALID;
	remember_known(req, name, value);
	if (value.len > 0 && weir_slice_equal(name, known_names[WEIR_VARIABLE_CONTENT_TYPE])) {
		status = add_field(req, WEIR_SLICE_LITERAL("Content-Type"), value, max_fields);
		if (status < 0)
			return status;
	}
	if (req->variable_count == req->variable_capacity && grow_variables(req) < 0)
		return WEIR_ERR_MEMORY;
	req->variables[req->variable_count++] = (struct weir_variable){ name, value };
	return WEIR_OK;
}

static void copy_variable(struct weir_request *req, struct weir_slice name, struct weir_slice value)
{
	struct weir_variable *copy = &req->variables[req->variable_count++];

	*copy = (struct weir_variable){ weir_pool_dup(req->pool, name), weir_pool_dup(req->pool, value) };
	remember_known(req, copy->name, copy->value);
}

enum weir_status weir_request_copy(struct weir_request *req, const struct weir_request *like)
{
	const struct weir_field_line *line;
	size_t position = 0;

	req->variables = weir_pool_alloc(req->pool, like->variable_count * sizeof(*req->variables));
	for (size_t i = 0; req->variables && i < like->variable_count; i++)
		copy_variable(req, like->variables[i].name, like->variables[i].value);
	req->variable_capacity = req->variable_count;
	while ((line = weir_fields_next(&like->fields, WEIR_SLICE_NONE, &position)))
		weir_fields_push(&req->fields, weir_pool_dup(req->pool, line->name), weir_pool_dup(req->pool, line->value));
	if (like->method == WEIR_HEAD)
		req->known[WEIR_VARIABLE_METHOD] = WEIR_SLICE_LITERAL("GET");
	req->script_mount = like->script_mount;
	req->route = like->route;
	return weir_pool_overflowed(req->pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}

static struct weir_slice variable(const struct weir_request *req, struct weir_slice name)
{
	for (size_t i = 0; i < req->variable_count; i++)
		if (weir_slice_equal(req->variables[i].name, name))
			return req->variables[i].value;
	return WEIR_SLICE_NONE;
}

const char *weir_request_variable(const struct weir_request *req, const char *name)
{
	struct weir_slice wanted = weir_slice_text(name);

	if (is_field(wanted)) {
		const char *field = weir_pool_dup(req->pool, field_name(req->pool, wanted)).data;

		return field ? weir_request_field(req, field) : NULL;
	}
	return variable(req, wanted).data;
}

/* -- The head -------------------------------------------------------------------------------------------------------------- */

static void read_method(struct weir_request *req)
{
	static const struct {
		struct weir_slice name;
		enum weir_method method;
	} known[] = {
		{ { "GET", 3 }, WEIR_GET },         { { "HEAD", 4 }, WEIR_HEAD },     { { "POST", 4 }, WEIR_POST },
		{ { "PUT", 3 }, WEIR_PUT },         { { "DELETE", 6 }, WEIR_DELETE }, { { "PATCH", 5 }, WEIR_PATCH },
		{ { "OPTIONS", 7 }, WEIR_OPTIONS },
	};
	struct weir_slice name = req->known[WEIR_VARIABLE_METHOD];

	req->method = WEIR_METHOD_OTHER;
	req->method_name = name.data ? name.data : "";
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (weir_slice_equal(name, known[i].name))
			req->method = known[i].method;
}

static enum weir_status read_length(struct weir_request *req, const char **why)
{
	struct weir_slice text_length = req->known[WEIR_VARIABLE_CONTENT_LENGTH];

	if (text_length.len == 0 || weir_slice_to_u64(text_length, UINT64_MAX - 1, &req->content_length) == WEIR_OK)
		return WEIR_OK;
	*why = "Content-Length is not a number";
	return WEIR_ERR_INVALID;
}

/* The path of REQUEST_URI, which may be in absolute form (RFC 9112 section 3.2.2). */
static struct weir_slice target_path(struct weir_slice target)
{
	struct weir_slice path = { target.data, weir_slice_find(target, '?') };
	size_t colon = weir_slice_find(path, ':');
	struct weir_slice rest = weir_slice_from(path, colon);

	if (colon == 0 || weir_slice_find(path, '/') != colon + 1 || !weir_slice_starts_with(rest, WEIR_SLICE_LITERAL("://")))
		return path;
	rest = weir_slice_from(rest, 3);
	rest = weir_slice_from(rest, weir_slice_find(rest, '/'));
	return rest.len > 0 ? rest : WEIR_SLICE_LITERAL("/");
}

/* A decoded path as one of a request target: what it holds of '%' is meant literally. */
static enum weir_status encode(struct weir_request *req, struct weir_slice decoded, struct weir_slice *path)
{
	char *out = weir_pool_bytes(req->pool, decoded.len * 3 + 1);
	char *at = out;

	if (!out)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < decoded.len; i++) {
		if (decoded.data[i] == '%')
			at = weir_percent_put(at, '%');
		else
			*at++ = decoded.data[i];
	}
	*at = '\0';
	return weir_path_canonical(req->pool, weir_slice(out, (size_t)(at - out)), path);
}

/* Splits off the mount point: `path` is the whole canonical path, SCRIPT_NAME the decoded beginning of it. */
static enum weir_status unmount(struct weir_request *req, struct weir_slice *path)
{
	struct weir_slice script = req->known[WEIR_VARIABLE_SCRIPT_NAME];
	struct weir_slice info = req->known[WEIR_VARIABLE_PATH_INFO];
	struct weir_slice mount;
	enum weir_status status;

	if (script.len == 0 || (info.len == 0 && !req->script_mount))
		return WEIR_OK;
	status = encode(req, script, &mount);
	if (status < 0)
		return status;
	if (mount.data[mount.len - 1] == '/')
		mount.len--;
	if (!weir_slice_starts_with(*path, mount) || (path->len > mount.len && path->data[mount.len] != '/'))
		return WEIR_OK; /* the web server has rewritten the path: REQUEST_URI is what the client meant */
	req->mount = weir_pool_dup(req->pool, mount).data;
	*path = path->len > mount.len ? weir_slice_from(*path, mount.len) : WEIR_SLICE_LITERAL("/");
	return WEIR_OK;
}

/* Without REQUEST_URI, which RFC 3875 does not know: SCRIPT_NAME and PATH_INFO, both decoded. */
static enum weir_status assemble_target(struct weir_request *req, struct weir_slice *target)
{
	struct weir_slice script = req->known[WEIR_VARIABLE_SCRIPT_NAME];
	struct weir_slice info = req->known[WEIR_VARIABLE_PATH_INFO];
	char *joined = weir_pool_printf(req->pool, "%s%s", script.len ? script.data : "", info.len ? info.data : "");

	if (!joined)
		return WEIR_ERR_MEMORY;
	if (!joined[0])
		return WEIR_ERR_INVALID;
	return encode(req, weir_slice_text(joined), target);
}

static enum weir_status read_path(struct weir_request *req, const char **why)
{
	struct weir_slice target = req->known[WEIR_VARIABLE_URI];
	struct weir_slice path = WEIR_SLICE_NONE;
	enum weir_status status = WEIR_OK;

	if (target.len == 0)
		status = assemble_target(req, &target);
	if (status == WEIR_OK) {
		path = target_path(target);
		status = weir_path_canonical(req->pool, path, &path);
	}
	if (status == WEIR_OK)
		status = unmount(req, &path);
	if (status < 0) {
		*why = "the path is malformed";
		return status == WEIR_ERR_MEMORY ? WEIR_ERR_LIMIT : WEIR_ERR_INVALID;
	}
	req->path = weir_request_text(req, path);
	req->path_len = path.len;
	return req->path ? WEIR_OK : WEIR_ERR_LIMIT;
}

static enum weir_status read_query(struct weir_request *req, size_t max_queries, const char **why)
{
	struct weir_slice target = req->known[WEIR_VARIABLE_URI];
	struct weir_slice query = req->known[WEIR_VARIABLE_QUERY];
	size_t mark = weir_slice_find(target, '?');
	enum weir_status status;

	if (mark < target.len)
		query = weir_slice_from(target, mark + 1);
	if (query.len == 0)
		return WEIR_OK;
	req->query_string = query.data;
	status = weir_query_parse(req->pool, query, max_queries, &req->queries);
	if (status < 0)
		*why = status == WEIR_ERR_INVALID ? "the query is malformed" : "the query has too many parameters";
	return status < 0 ? WEIR_ERR_INVALID : WEIR_OK;
}

enum weir_status weir_request_head(struct weir_request *req, size_t max_queries, const char **why)
{
	enum weir_status status;

	read_method(req);
	if (!weir_field_name_valid(weir_slice_text(req->method_name))) {
		*why = "the method is malformed";
		return WEIR_ERR_INVALID;
	}
	status = read_length(req, why);
	if (status == WEIR_OK)
		status = read_path(req, why);
	if (status == WEIR_OK)
		status = read_query(req, max_queries, why);
	return status;
}

struct weir_slice weir_request_target(const struct weir_request *req)
{
	struct weir_slice target = req->known[WEIR_VARIABLE_URI];

	if (target.len > 200)
		target.len = 200;
	return target;
}

enum weir_status weir_request_matched(struct weir_request *req, const struct weir_router_match *match)
{
	struct weir_slice value;

	req->route = match->route;
	req->param_names = match->names;
	req->params = match->count > 0 ? weir_pool_alloc(req->pool, match->count * sizeof(*req->params)) : NULL;
	for (req->param_count = 0; req->params && req->param_count < match->count; req->param_count++) {
		/* The path is canonical, so its escapes are sound. */
		if (weir_percent_decode(req->pool, match->values[req->param_count], WEIR_PERCENT_PLAIN, &value) < 0)
			return WEIR_ERR_MEMORY;
		req->params[req->param_count] = weir_request_text(req, value);
	}
	return req->param_count == match->count ? WEIR_OK : WEIR_ERR_MEMORY;
}
