/* SPDX-License-Identifier: Apache-2.0
 *
 * Key builders over what a request says. Each adds as many parts to every key, absent ones where there is nothing to say, so that what a
 * client sends in one place never stands where another's belongs.
 */
#include <weir/call.h>

#include "cache/key.h"

enum weir_status weir_key_host(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	if (!req)
		return WEIR_ERR_STATE;
	weir_key_add_text(key, weir_request_host(req));
	return WEIR_OK;
}

enum weir_status weir_key_path(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	if (!req)
		return WEIR_ERR_STATE;
	weir_key_add_text(key, weir_request_path(req));
	return WEIR_OK;
}

/* A query of which nothing is left is none. */
static enum weir_status add_query(struct weir_key *key, struct weir_slice query, const struct weir_query_rules *rules)
{
	struct weir_slice canonical = WEIR_SLICE_NONE;
	enum weir_status status = WEIR_OK;

	if (query.len > 0)
		status = weir_query_normalise(key->pool, query, rules, &canonical);
	if (status == WEIR_OK)
		weir_key_add(key, canonical.len > 0 ? canonical : WEIR_SLICE_NONE);
	return status;
}

enum weir_status weir_key_query(struct weir_key *key, struct weir_request *req, void *user_data)
{
	const struct weir_cache_rule *rule = weir_call_rule(weir_key_call(key));
	struct weir_query_rules rules = { 0 };

	(void)user_data;
	if (!req)
		return WEIR_ERR_STATE;
	if (rule)
		rules = (struct weir_query_rules){ .only = rule->key_query, .ignore = rule->ignored_query };
	return add_query(key, weir_slice_text(weir_request_query_string(req)), &rules);
}

/* GET may have one too, and the handler may read it. */
enum weir_status weir_key_body(struct weir_key *key, struct weir_request *req, void *user_data)
{
	struct weir_slice body;

	(void)user_data;
	if (!req)
		return WEIR_ERR_STATE;
	body = weir_request_body(req);
	weir_key_add_text(key, body.len > 0 ? weir_request_field(req, "Content-Type") : NULL);
	weir_key_add_secret(key, body.len > 0 ? body : WEIR_SLICE_NONE);
	return WEIR_OK;
}

enum weir_status weir_key_request(struct weir_key *key, struct weir_request *req, void *user_data)
{
	static const weir_key_fn builders[] = { weir_key_host, weir_key_path, weir_key_query, weir_key_body };
	enum weir_status status = WEIR_OK;

	for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]) && status == WEIR_OK; i++)
		status = builders[i](key, req, user_data);
	return status;
}

enum weir_status weir_key_add_target(struct weir_key *key, struct weir_slice host, struct weir_slice path, struct weir_slice query)
{
	enum weir_status status;

	weir_key_add(key, host);
	weir_key_add(key, path);
	status = add_query(key, query, NULL);
	weir_key_add(key, WEIR_SLICE_NONE); /* Content-Type and body */
	weir_key_add(key, WEIR_SLICE_NONE);
	return status;
}
