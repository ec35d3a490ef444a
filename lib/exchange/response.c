/* SPDX-License-Identifier: Apache-2.0
 *
 * Responses: the state that handlers and middleware fill, and its way to bytes. What completes a response in one call is in
 * response_writers.c.
 */
#include "exchange/response.h"

#include <weir/log.h>

#include "base/digits.h"
#include "base/pool.h"

/* Fields that weir makes itself, or that would give an upstream power over the web server. */
static bool is_reserved(struct weir_slice name)
{
	static const struct weir_slice reserved[] = {
		{ "Connection", 10 }, { "Content-Length", 14 },    { "Keep-Alive", 10 }, { "Status", 6 },
		{ "Trailer", 7 },     { "Transfer-Encoding", 17 }, { "Upgrade", 7 },
	};
	static const struct weir_slice accel = { "X-Accel-", 8 };

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (weir_slice_equal_nocase(name, reserved[i]))
			return true;
	return name.len >= accel.len && weir_slice_equal_nocase(weir_slice(name.data, accel.len), accel);
}

void weir_response_begin(struct weir_response *res, struct weir_pool *pool, struct weir_log *log, size_t body_limit)
{
	res->pool = pool;
	res->log = log;
	res->status = 200;
	weir_fields_init(&res->fields, pool);
	res->body.limit = body_limit;
}

static void close_source(struct weir_response *res)
{
	if (res->is_stream && res->source.close)
		res->source.close(res->source.state);
	res->is_stream = false;
	res->source = (struct weir_source){ 0 };
}

void weir_response_finish(struct weir_response *res)
{
	close_source(res);
	weir_buffer_finish(&res->body);
}

/* -- Status and fields ----------------------------------------------------------------------------------------------------- */

void weir_response_set_status(struct weir_response *res, int status)
{
	if (status < 200 || status > 599)
		res->mistake = true;
	res->status = status;
}

int weir_response_status(const struct weir_response *res)
{
	return res->status;
}

static bool usable(struct weir_response *res, const char *name)
{
	if (!is_reserved(weir_slice_text(name)))
		return true;
	weir_log_warn(res->log, "response field %s belongs to weir or the web server: not sent", name);
	return false;
}

void weir_response_set_field(struct weir_response *res, const char *name, const char *value)
{
	if (usable(res, name))
		weir_fields_set(&res->fields, weir_slice_text(name), weir_slice_text(value ? value : ""));
}

void weir_response_add_field(struct weir_response *res, const char *name, const char *value)
{
	if (usable(res, name))
		weir_fields_add(&res->fields, weir_slice_text(name), weir_slice_text(value ? value : ""));
}

void weir_response_remove_field(struct weir_response *res, const char *name)
{
	(void)weir_fields_remove(&res->fields, weir_slice_text(name));
}

struct weir_slice weir_response_field(const struct weir_response *res, const char *name)
{
	return weir_fields_get(&res->fields, weir_slice_text(name));
}

struct weir_fields *weir_response_fields(struct weir_response *res)
{
	return &res->fields;
}

void weir_response_set_cookie(struct weir_response *res, const struct weir_set_cookie *cookie)
{
	struct weir_slice value;

	if (weir_set_cookie_format(res->pool, cookie, &value) != WEIR_OK)
		res->mistake = true;
	else
		weir_fields_add_borrowed(&res->fields, WEIR_SLICE_LITERAL("Set-Cookie"), value);
}

/* -- Body ------------------------------------------------------------------------------------------------------------------ */

struct weir_buffer *weir_response_body(struct weir_response *res)
{
	if (res->is_stream || res->is_borrowed)
		weir_response_drop_body(res);
	return &res->body;
}

bool weir_response_is_stream(const struct weir_response *res)
{
	return res->is_stream;
}

struct weir_slice weir_response_body_bytes(const struct weir_response *res)
{
	return res->is_borrowed ? res->borrowed : weir_buffer_slice(&res->body);
}

void weir_response_wrap_source(struct weir_response *res, const struct weir_source *source, struct weir_source *inner)
{
	*inner = res->source;
	res->source = *source;
}

void weir_response_drop_body(struct weir_response *res)
{
	close_source(res);
	weir_buffer_clear(&res->body);
	res->is_borrowed = false;
	res->borrowed = WEIR_SLICE_NONE;
}

void weir_response_reset(struct weir_response *res)
{
	weir_response_drop_body(res);
	weir_fields_init(&res->fields, res->pool);
	res->status = 200;
	res->mistake = false;
}

bool weir_response_failed(const struct weir_response *res)
{
	return res->failed;
}

struct weir_pool *weir_response_pool(const struct weir_response *res)
{
	return res->pool;
}

/* -- Settling -------------------------------------------------------------------------------------------------------------- */

void weir_response_fail(struct weir_response *res)
{
	static const char body[] = "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500}";

	weir_response_reset(res);
	res->failed = true;
	res->status = 500;
	/* The reserve: an exchange that ran out of memory can still say so. */
	if (weir_pool_overflowed(res->pool)) {
		res->pool->overflowed = false;
		if (res->pool->limit > 0)
			res->pool->limit = res->pool->used + 4096;
	}
	weir_fields_add_borrowed(&res->fields, WEIR_SLICE_LITERAL("Content-Type"), WEIR_SLICE_LITERAL("application/problem+json"));
	res->is_borrowed = true;
	res->borrowed = weir_slice(body, sizeof(body) - 1);
}

const char *weir_response_settle(struct weir_response *res, enum weir_status handler)
{
	const char *why = NULL;

	if (handler < 0)
		why = weir_status_text(handler);
	else if (handler != WEIR_OK)
		why = "the handler returned neither WEIR_OK, WEIR_PARKED nor a failure";
	else if (weir_pool_overflowed(res->pool))
		why = "over the limit of memory for one exchange, or out of memory";
	else if (res->body.overflowed)
		why = "the body is over the limit of responses, or memory is out";
	else if (res->mistake || res->fields.invalid)
		why = "a status, field or cookie that cannot be sent";
	if (why)
		weir_response_fail(res);
	return why;
}

/* -- The head -------------------------------------------------------------------------------------------------------------- */

bool weir_status_has_no_body(int status)
{
	return status < 200 || status == 204 || status == 304;
}

bool weir_response_length(const struct weir_response *res, uint64_t *length)
{
	*length = res->is_stream ? res->source.length : weir_response_body_bytes(res).len;
	return !res->is_stream || res->source.has_length;
}

static char *append(char *at, struct weir_slice bytes)
{
	if (bytes.len > 0)
		memcpy(at, bytes.data, bytes.len);
	return at + bytes.len;
}

struct weir_slice weir_response_head(struct weir_response *res)
{
	struct weir_slice reason = weir_slice_text(weir_reason_phrase(res->status));
	size_t size = 64 + reason.len;
	size_t position = 0;
	const struct weir_field_line *line;
	uint64_t length;
	char *head;
	char *at;

	while ((line = weir_fields_next(&res->fields, WEIR_SLICE_NONE, &position)))
		size += line->name.len + line->value.len + 4;
	head = weir_pool_bytes(res->pool, size);
	if (!head)
		return WEIR_SLICE_NONE;
	at = append(head, WEIR_SLICE_LITERAL("Status: "));
	*at++ = (char)('0' + res->status / 100);
	*at++ = (char)('0' + res->status / 10 % 10);
	*at++ = (char)('0' + res->status % 10);
	*at++ = ' ';
	at = append(append(at, reason), WEIR_SLICE_LITERAL("\r\n"));
	for (position = 0; (line = weir_fields_next(&res->fields, WEIR_SLICE_NONE, &position));) {
		at = append(append(at, line->name), WEIR_SLICE_LITERAL(": "));
		at = append(append(at, line->value), WEIR_SLICE_LITERAL("\r\n"));
	}
	if (weir_response_length(res, &length) && !weir_status_has_no_body(res->status))
		at = append(weir_put_u64(append(at, WEIR_SLICE_LITERAL("Content-Length: ")), length), WEIR_SLICE_LITERAL("\r\n"));
	at = append(at, WEIR_SLICE_LITERAL("\r\n"));
	return weir_slice(head, (size_t)(at - head));
}
