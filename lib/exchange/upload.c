/* SPDX-License-Identifier: Apache-2.0
 *
 * Multipart forms for handlers: whole ones, and a reader that stands between the body's source and the parser and hands out part after
 * part.
 */
#include "exchange/upload.h"

#include "exchange/exchange.h"

#define ROOM ((size_t)32 * 1024)

static struct weir_slice content_type(const struct weir_request *req)
{
	return weir_fields_get(&req->fields, WEIR_SLICE_LITERAL("Content-Type"));
}

enum weir_status weir_request_multipart(struct weir_request *req, const struct weir_multipart_options *options,
					const struct weir_multipart_form **form)
{
	struct weir_multipart_form *parsed;
	enum weir_status status;

	*form = NULL;
	if (req->pipe)
		return WEIR_ERR_STATE;
	parsed = weir_pool_alloc(req->pool, sizeof(*parsed));
	if (!parsed)
		return WEIR_ERR_MEMORY;
	*form = parsed;
	status = weir_multipart_parse(req->pool, content_type(req), weir_request_body(req), options, parsed);
	req->upload_fault = parsed->why;
	return status;
}

enum weir_status weir_upload_refuse(struct weir_request *req, struct weir_response *res, enum weir_status status)
{
	int code = status == WEIR_ERR_UNSUPPORTED ? 415 : status == WEIR_ERR_LIMIT ? 413 : status == WEIR_ERR_INVALID ? 400 : 0;
	const struct weir_log_field fields[] = {
		{ "method", weir_slice_text(req->method_name) },
		{ "target", weir_request_target(req) },
		{ 0 },
	};

	if (code == 0 || !req->upload_fault)
		return status;
	weir_log_event(weir_request_log(req), WEIR_LOG_INFO, fields, "an upload was refused with %d: %s", code, req->upload_fault);
	return weir_response_error(res, code, req->upload_fault);
}

/* -- The reader ------------------------------------------------------------------------------------------------------------ */

enum weir_status weir_upload_open(struct weir_request *req, const struct weir_multipart_options *options, struct weir_upload **upload)
{
	struct weir_upload *self;
	enum weir_status status;

	*upload = NULL;
	if (req->uploading || (req->pipe && req->route->nonblocking))
		return WEIR_ERR_STATE;
	self = weir_pool_alloc(req->pool, sizeof(*self) + (req->pipe ? ROOM : 0));
	if (!self)
		return WEIR_ERR_MEMORY;
	*self = (struct weir_upload){ .req = req, .streamed = req->pipe != NULL };
	if (!self->streamed)
		self->input = weir_request_body(req);
	status = weir_multipart_create(req->pool, content_type(req), options, &self->parser, &req->upload_fault);
	if (status < 0)
		return status;
	req->uploading = true;
	*upload = self;
	return WEIR_OK;
}

/* More input. WEIR_END when there is none. */
static enum weir_status fill(struct weir_upload *self)
{
	enum weir_status status;
	size_t len;

	if (!self->streamed)
		return WEIR_END;
	status = weir_request_read(self->req, self->room, ROOM, &len);
	self->input = weir_slice(self->room, len);
	self->req->upload_fault = status == WEIR_ERR_LIMIT ? "the body is longer than this route takes" : NULL;
	return status;
}

/* The parser's next event but MORE and FAULT; the latter, and a body that cannot be read, are the status, now and from now on. */
static enum weir_status next_event(struct weir_upload *self, enum weir_multipart_event *event, struct weir_slice *data)
{
	enum weir_status status = self->failed;

	*event = status < 0 ? WEIR_MULTIPART_FAULT : weir_multipart_next(self->parser, &self->input, data);
	while (*event == WEIR_MULTIPART_MORE) {
		status = fill(self);
		if (status < 0)
			break;
		*event = status == WEIR_END ? weir_multipart_end(self->parser) : weir_multipart_next(self->parser, &self->input, data);
	}
	if (*event == WEIR_MULTIPART_FAULT && self->failed == WEIR_OK)
		status = weir_multipart_fault(self->parser, &self->req->upload_fault);
	self->failed = status < 0 ? status : WEIR_OK;
	self->in_part = *event == WEIR_MULTIPART_PART || *event == WEIR_MULTIPART_DATA;
	return self->failed;
}

enum weir_status weir_upload_next(struct weir_upload *upload, const struct weir_multipart_part **part)
{
	enum weir_multipart_event event;
	struct weir_slice skipped;
	enum weir_status status;

	*part = NULL;
	do {
		status = next_event(upload, &event, &skipped);
		if (status < 0)
			return status;
	} while (event != WEIR_MULTIPART_PART && event != WEIR_MULTIPART_END);
	if (event == WEIR_MULTIPART_END)
		return WEIR_END;
	*part = weir_multipart_part(upload->parser);
	return WEIR_OK;
}

enum weir_status weir_upload_read(struct weir_upload *upload, struct weir_slice *bytes)
{
	enum weir_multipart_event event;
	enum weir_status status;

	*bytes = WEIR_SLICE_NONE;
	if (upload->failed < 0)
		return upload->failed;
	if (!upload->in_part)
		return weir_multipart_part(upload->parser)->name.data ? WEIR_END : WEIR_ERR_STATE;
	status = next_event(upload, &event, bytes);
	return status == WEIR_OK && event == WEIR_MULTIPART_PART_END ? WEIR_END : status;
}

enum weir_status weir_upload_value(struct weir_upload *upload, size_t max, struct weir_slice *value)
{
	struct weir_slice name = weir_multipart_part(upload->parser)->name, bytes;
	char *text = weir_pool_bytes(upload->req->pool, max + 1);
	enum weir_status status;
	size_t len = 0;

	*value = WEIR_SLICE_NONE;
	if (!text)
		return WEIR_ERR_MEMORY;
	while ((status = weir_upload_read(upload, &bytes)) == WEIR_OK) {
		if (bytes.len > max - len) {
			upload->req->upload_fault = weir_pool_printf(upload->req->pool, "the value of \"%.*s\" is longer than %zu bytes",
								     name.len < 60 ? (int)name.len : 60, name.data, max);
			return upload->failed = WEIR_ERR_LIMIT;
		}
		memcpy(text + len, bytes.data, bytes.len);
		len += bytes.len;
	}
	if (status < 0)
		return status;
	text[len] = '\0';
	*value = weir_slice(text, len);
	return WEIR_OK;
}
