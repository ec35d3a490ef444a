/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the CGI variables of a request, one a piece between 0x1e bytes, name and value parted by '='. A request that is not refused
 * has what every handler relies on: a canonical path, fields that are whole, text without zero bytes.
 */
#include <weir/app.h>

#include "exchange/exchange.h"
#include "http/path.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct weir_pool *pool, const struct weir_request *req)
{
	struct weir_slice path = weir_slice_text(weir_request_path(req)), again;

	INSIST(path.len > 0 && path.data[0] == '/' && path.len == req->path_len);
	INSIST(weir_path_canonical(pool, path, &again) == WEIR_OK && weir_slice_equal(path, again));
	INSIST(weir_request_mount(req)[0] == '\0' || weir_request_mount(req)[0] == '/');
}

static void check_line(void *state, struct weir_slice name, struct weir_slice value)
{
	const struct weir_request *req = state;
	const char *field;

	INSIST(weir_field_name_valid(name) && weir_field_value_valid(value));
	INSIST(!weir_slice_equal_nocase(name, WEIR_SLICE_LITERAL("Proxy")));
	INSIST(memchr(name.data, '_', name.len) == NULL);
	field = weir_request_field(req, weir_pool_dup(req->pool, name).data);
	INSIST(field && memmem(field, strlen(field), value.data, value.len));
}

static void check_query(const struct weir_request *req)
{
	const struct weir_query *query = weir_request_queries(req);

	for (size_t i = 0; i < query->count; i++) {
		const char *value = weir_request_query(req, query->pairs[i].name.data);

		INSIST(value && strlen(value) == weir_query_get(query, query->pairs[i].name).len);
	}
	INSIST(query->count <= 20);
}

static void check_host(const struct weir_request *req)
{
	for (const char *at = weir_request_host(req); *at; at++)
		INSIST(*at < 'A' || *at > 'Z');
}

/* Whatever was refused, everything may still be asked. */
static void ask(struct weir_request *req)
{
	(void)weir_request_cookie(req, "a");
	(void)weir_request_host(req);
	(void)weir_request_variable(req, "HTTP_ACCEPT");
	(void)weir_request_variable(req, "REMOTE_USER");
	(void)weir_request_form(req, "a");
	(void)weir_request_content_length(req);
}

static enum weir_status add_all(struct weir_pool *pool, struct weir_request *req, struct weir_slice rest)
{
	enum weir_status status = WEIR_OK;

	while (rest.data && status == WEIR_OK) {
		struct weir_slice value = weir_slice_cut(&rest, 0x1e);
		struct weir_slice name = weir_pool_dup(pool, weir_slice_cut(&value, '='));

		status = weir_request_add_variable(req, name, weir_pool_dup(pool, value.data ? value : WEIR_SLICE_LITERAL("")), 20);
	}
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_service service = { .limits = { .queries = 20 } };
	struct weir_exchange exchange = { .service = &service };
	struct weir_request *req = &exchange.req;
	const char *why = NULL;

	if (size > 4096)
		return 0;
	weir_pool_init(&exchange.pool, 0);
	weir_request_begin(req, &exchange, &exchange.pool);
	req->script_mount = size % 2;
	if (add_all(&exchange.pool, req, weir_slice(data, size)) == WEIR_OK) {
		if (weir_request_head(req, 20, &why) == WEIR_OK) {
			INSIST(weir_field_name_valid(weir_slice_text(weir_request_method_name(req))));
			check_path(&exchange.pool, req);
			check_query(req);
			check_host(req);
		} else {
			INSIST(why);
		}
	}
	weir_request_each_field(req, NULL, check_line, req);
	INSIST(req->fields.count <= 20);
	ask(req);
	weir_request_finish(req);
	weir_pool_finish(&exchange.pool);
	return 0;
}
