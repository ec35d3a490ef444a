/* SPDX-License-Identifier: Apache-2.0
 *
 * A second, independent writing of the FastCGI record format: see fcgi_client.h.
 */
#include "support/fcgi_client.h"

static void append_number(struct weir_buffer *out, uint32_t number, unsigned bytes)
{
	while (bytes-- > 0)
		weir_buffer_append_byte(out, (char)(number >> 8 * bytes & 0xff));
}

static uint32_t number_at(struct weir_slice bytes, size_t offset, unsigned size)
{
	uint32_t number = 0;

	while (size-- > 0)
		number = number << 8 | (uint8_t)bytes.data[offset++];
	return number;
}

uint32_t fcgi_client_random(uint32_t *seed, uint32_t max)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return 1 + *seed % max;
}

void fcgi_client_record(struct weir_buffer *out, uint8_t type, uint16_t id, struct weir_slice content, uint8_t padding)
{
	append_number(out, 1, 1);
	append_number(out, type, 1);
	append_number(out, id, 2);
	append_number(out, (uint32_t)content.len, 2);
	append_number(out, padding, 1);
	append_number(out, 0, 1);
	weir_buffer_append_slice(out, content);
	while (padding-- > 0)
		weir_buffer_append_byte(out, (char)0xa5); /* whatever: not to be looked at */
}

void fcgi_client_begin(struct weir_buffer *out, uint16_t id, uint16_t role, bool keep)
{
	const char body[8] = { (char)(role >> 8), (char)(role & 0xff), keep };

	fcgi_client_record(out, FCGI_CLIENT_BEGIN, id, weir_slice(body, sizeof(body)), 0);
}

static void append_length(struct weir_buffer *out, size_t len)
{
	if (len < 0x80)
		append_number(out, (uint32_t)len, 1);
	else
		append_number(out, (uint32_t)len | 0x80000000, 4);
}

void fcgi_client_pair(struct weir_buffer *out, struct weir_slice name, struct weir_slice value)
{
	append_length(out, name.len);
	append_length(out, value.len);
	weir_buffer_append_slice(out, name);
	weir_buffer_append_slice(out, value);
}

void fcgi_client_stream(struct weir_buffer *out, uint8_t type, uint16_t id, struct weir_slice bytes, struct fcgi_client_cut *cut)
{
	uint32_t max = cut->record_max > 0 ? cut->record_max : 65535;
	size_t len;
	uint8_t padding;

	do {
		len = cut->seed ? fcgi_client_random(&cut->seed, max) : max;
		if (len > bytes.len)
			len = bytes.len;
		padding = cut->seed ? (uint8_t)(fcgi_client_random(&cut->seed, cut->padding + 1u) - 1) : cut->padding;
		if (len == 0 && cut->bare_end)
			padding = 0;
		fcgi_client_record(out, type, id, weir_slice(bytes.data, len), padding);
		bytes = weir_slice_from(bytes, len);
	} while (len > 0);
}

void fcgi_client_request(struct weir_buffer *out, const struct fcgi_client_request *request, struct fcgi_client_cut *cut)
{
	struct weir_buffer pairs;

	weir_buffer_init(&pairs, 0);
	for (size_t i = 0; i < request->param_count; i++)
		fcgi_client_pair(&pairs, request->params[i].name, request->params[i].value);
	fcgi_client_begin(out, request->id, 1, request->keep);
	fcgi_client_stream(out, FCGI_CLIENT_PARAMS, request->id, weir_buffer_slice(&pairs), cut);
	fcgi_client_stream(out, FCGI_CLIENT_STDIN, request->id, request->body, cut);
	out->overflowed = out->overflowed || pairs.overflowed;
	weir_buffer_finish(&pairs);
}

enum stream_state {
	UNUSED,
	OPEN,
	ENDED
};

struct record {
	uint8_t type;
	uint16_t id;
	struct weir_slice content;
};

static enum weir_status read_record(struct weir_slice *input, struct record *record)
{
	size_t len, padding;

	if (input->len < 8)
		return WEIR_MISS;
	if (number_at(*input, 0, 1) != 1)
		return WEIR_ERR_INVALID;
	len = number_at(*input, 4, 2);
	padding = number_at(*input, 6, 1);
	if (input->len < 8 + len + padding)
		return WEIR_MISS;
	record->type = (uint8_t)number_at(*input, 1, 1);
	record->id = (uint16_t)number_at(*input, 2, 2);
	record->content = weir_slice(input->data + 8, len);
	*input = weir_slice_from(*input, 8 + len + padding);
	return WEIR_OK;
}

/* Only looks whether a whole and legal response is there: STDOUT and STDERR of one request, ended if they were begun, and END_REQUEST. */
static enum weir_status check_response(struct weir_slice input)
{
	enum stream_state state[2] = { UNUSED, UNUSED };
	struct record record;
	uint32_t id = 0;
	enum weir_status st;

	while ((st = read_record(&input, &record)) == WEIR_OK) {
		if (record.id == 0 || (id != 0 && record.id != id))
			return WEIR_ERR_INVALID;
		id = record.id;
		if (record.type == FCGI_CLIENT_END)
			return record.content.len == 8 && state[0] != OPEN && state[1] != OPEN ? WEIR_OK : WEIR_ERR_INVALID;
		if (record.type != FCGI_CLIENT_STDOUT && record.type != FCGI_CLIENT_STDERR)
			return WEIR_ERR_INVALID;
		if (state[record.type - FCGI_CLIENT_STDOUT] == ENDED)
			return WEIR_ERR_INVALID;
		state[record.type - FCGI_CLIENT_STDOUT] = record.content.len > 0 ? OPEN : ENDED;
	}
	return st;
}

enum weir_status fcgi_client_response_read(struct fcgi_client_response *response, struct weir_slice *input)
{
	struct record record = { 0 };
	enum weir_status st = check_response(*input);

	while (st == WEIR_OK && record.type != FCGI_CLIENT_END) {
		st = read_record(input, &record);
		response->id = record.id;
		response->records++;
		if (record.type == FCGI_CLIENT_STDOUT)
			weir_buffer_append_slice(&response->out, record.content);
		else if (record.type == FCGI_CLIENT_STDERR)
			weir_buffer_append_slice(&response->err, record.content);
	}
	if (st == WEIR_OK) {
		response->app_status = number_at(record.content, 0, 4);
		response->protocol_status = (uint8_t)number_at(record.content, 4, 1);
	}
	return st;
}

void fcgi_client_response_finish(struct fcgi_client_response *response)
{
	weir_buffer_finish(&response->out);
	weir_buffer_finish(&response->err);
}
