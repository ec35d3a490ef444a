/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a request, and how a transport fills it in: begin, one call for each CGI variable, head.
 */
#ifndef WEIR_EXCHANGE_REQUEST_H
#define WEIR_EXCHANGE_REQUEST_H

#include <weir/fields.h>
#include <weir/request.h>

#include "exchange/body_pipe.h"
#include "exchange/router.h"

struct weir_exchange;

struct weir_variable {
	struct weir_slice name;
	struct weir_slice value;
};

/* The variables that every request is made from. */
enum weir_known_variable {
	WEIR_VARIABLE_METHOD,
	WEIR_VARIABLE_URI,
	WEIR_VARIABLE_QUERY,
	WEIR_VARIABLE_SCRIPT_NAME,
	WEIR_VARIABLE_PATH_INFO,
	WEIR_VARIABLE_CONTENT_LENGTH,
	WEIR_VARIABLE_CONTENT_TYPE,
	WEIR_VARIABLES_KNOWN,
};

struct weir_request {
	struct weir_exchange *exchange;
	struct weir_pool *pool;
	struct weir_fields fields;       /* HTTP_… variables, names with '-' */
	struct weir_variable *variables; /* all others */
	size_t variable_count;
	size_t variable_capacity;
	struct weir_slice known[WEIR_VARIABLES_KNOWN];

	enum weir_method method;
	const char *method_name;
	const char *path; /* canonical, below mount */
	size_t path_len;
	const char *mount;
	const char *query_string;
	struct weir_query queries;
	uint64_t content_length; /* UINT64_MAX: not announced */
	bool script_mount;       /* SCRIPT_NAME is the mount point even without PATH_INFO: CGI */

	const struct weir_route *route;
	const char *const *param_names;
	const char **params; /* decoded */
	size_t param_count;

	struct weir_buffer body;     /* of a buffered route */
	struct weir_body_pipe *pipe; /* of a streaming one */
	struct json_object *json;
	bool json_parsed;
	struct weir_query *form;  /* NULL until asked for */
	struct weir_call *call;   /* the cache's; NULL until asked for */
	const char *upload_fault; /* what weir_upload_refuse() says */
	bool uploading;           /* weir_upload_open() was called */
};

/* `req` is zeroed; exchange and pool, which outlive it, are only kept. */
void weir_request_begin(struct weir_request *req, struct weir_exchange *exchange, struct weir_pool *pool);

/* Frees what is not in the pool. */
void weir_request_finish(struct weir_request *req);

/* One CGI variable. The bytes are kept, not copied: `name` is changed in place, `value` is terminated, both live as long as the pool.
 * ERR_LIMIT for more than `max_fields` fields, ERR_INVALID for a name or value that no HTTP request has. */
WEIR_MUST_CHECK enum weir_status weir_request_add_variable(struct weir_request *req, struct weir_slice name, struct weir_slice value,
							   size_t max_fields);

/* Instead of variables: those of `like`, its fields as they are now, and its route; all copied into this request's pool. A HEAD becomes a
 * GET. ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_request_copy(struct weir_request *req, const struct weir_request *like);

/* After the last variable: method, target, length. ERR_INVALID or ERR_LIMIT, with the reason in `*why` (static), for a request to be
 * refused. */
WEIR_MUST_CHECK enum weir_status weir_request_head(struct weir_request *req, size_t max_queries, const char **why);

/* Takes over what the router found. ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_request_matched(struct weir_request *req, const struct weir_router_match *match);

/* True when there is a body and its Content-Type is JSON's. */
bool weir_request_has_json(const struct weir_request *req);

/* The fields of an application/x-www-form-urlencoded body, NULL when it is none. The first call says what is wrong with them: as
 * weir_query_parse(); then there are none. */
WEIR_MUST_CHECK enum weir_status weir_request_form_fields(struct weir_request *req, const struct weir_query **form);

/* The target as it was sent, or its first part when it is long: for logs. */
struct weir_slice weir_request_target(const struct weir_request *req);

/* Text for a slice of the request: as it is where it is terminated, else a copy. NULL for the absent slice. */
const char *weir_request_text(const struct weir_request *req, struct weir_slice value);

#endif
