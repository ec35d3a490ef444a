/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the arguments of a function: the first says what the body claims to be, up to 0x1e comes the query, behind it the body. What
 * is taken keeps to the table and can be made a key; what is refused says where and why. The pool is small, so that it also overflows.
 */
#include <weir/function.h>

#include "cache/arguments.h"
#include "insist.h"
#include "support/sample_struct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzzed {
	int64_t id;
	const char *name;
	struct weir_slice bytes;
	bool flag;
	int32_t *list;
	size_t list_count;
	double corner[2];
	bool has_corner;
	struct sample_point *points;
	size_t point_count;
};

static const struct weir_field params[] = {
	WEIR_INT_BETWEEN(struct fuzzed, id, -9, 99),
	WEIR_TEXT_OR(struct fuzzed, name, "x"),
	WEIR_BYTES(struct fuzzed, bytes, WEIR_OR_NULL),
	WEIR_BOOL_OR(struct fuzzed, flag, true),
	WEIR_INT_LIST(struct fuzzed, list, list_count, WEIR_COUNT(0, 8), WEIR_OR_EMPTY),
	WEIR_DOUBLE_ARRAY(struct fuzzed, corner, WEIR_OPTIONAL(struct fuzzed, has_corner)),
	WEIR_STRUCT_LIST(struct fuzzed, points, point_count, sample_point_fields, WEIR_OR_EMPTY),
	{ 0 },
};

static const struct weir_function function = { .name = "fuzzed", .params = params, .params_size = sizeof(struct fuzzed) };

static void check_taken(const void *value)
{
	struct weir_faults faults;
	struct weir_buffer key;

	INSIST(value);
	INSIST(weir_struct_validate(NULL, params, value, &faults) == WEIR_OK);
	weir_buffer_init(&key, 0);
	INSIST(weir_struct_append_binary(&key, params, value) == WEIR_OK);
	weir_buffer_finish(&key);
}

static bool begins_with_place(const char *path)
{
	static const char *const places[] = { "path", "query", "form", "body", "id" };

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

static void check_refused(const struct weir_faults *faults)
{
	INSIST(faults->count > 0);
	for (size_t i = 0; i < faults->count; i++)
		INSIST(begins_with_place(faults->list[i].path) && faults->list[i].problem[0]);
}

static void take(struct weir_request *req)
{
	struct weir_call call = { .pool = req->pool, .req = req, .function = &function };
	enum weir_status status = weir_call_take_arguments(&call);

	INSIST(status == WEIR_OK || status == WEIR_ERR_INVALID || (status == WEIR_ERR_MEMORY && weir_pool_overflowed(req->pool)));
	INSIST(weir_call_take_arguments(&call) == status);
	if (status == WEIR_OK)
		check_taken(call.arguments);
	if (status == WEIR_ERR_INVALID)
		check_refused(&call.taken->faults);
}

static enum weir_status add(struct weir_request *req, const char *name, const char *value)
{
	char *own = weir_pool_dup_text(req->pool, name);

	return weir_request_add_variable(req, weir_slice_text(own), weir_slice_text(value), 20);
}

static bool make_request(struct weir_request *req, uint8_t type, struct weir_slice query)
{
	static const char *const types[] = { "", "application/x-www-form-urlencoded", "application/json",
					     "application/json; charset=utf-8" };
	const char *target = weir_pool_printf(req->pool, "/?%.*s", (int)query.len, query.data);
	const char *why;

	if (!target || add(req, "REQUEST_METHOD", "POST") < 0 || add(req, "REQUEST_URI", target) < 0)
		return false;
	return add(req, "CONTENT_TYPE", types[type % 4]) == WEIR_OK && weir_request_head(req, 50, &why) == WEIR_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_service service = { .limits = { .queries = 50 } };
	struct weir_exchange exchange = { .service = &service };
	struct weir_slice rest = weir_slice(data, size), query;

	if (size < 2 || size > 4096)
		return 0;
	rest = weir_slice_from(rest, 1);
	query = weir_slice_cut(&rest, 0x1e);
	weir_pool_init(&exchange.pool, 8192);
	weir_request_begin(&exchange.req, &exchange, &exchange.pool);
	if (make_request(&exchange.req, data[0], query)) {
		weir_buffer_append_slice(&exchange.req.body, rest);
		take(&exchange.req);
	}
	weir_request_finish(&exchange.req);
	weir_pool_finish(&exchange.pool);
	return 0;
}
