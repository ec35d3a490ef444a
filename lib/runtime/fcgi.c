/* SPDX-License-Identifier: Apache-2.0
 *
 * The one file that knows FastCGI records.
 *
 * The decoder is a machine of a few small steps. Each takes what it can from the input and returns true when something came of it: the
 * next step, or an event. It returns false when the input is used up. Only what must be seen whole (a header, the body of
 * BEGIN_REQUEST, a name that GET_VALUES asks for) is held over from one input to the next, at most 16 bytes; all else streams through.
 */
#include "runtime/fcgi.h"

#include <fastcgi.h>
#include <stdio.h>

#include "base/endian.h"

enum phase {
	PHASE_NONE, /* no request is active */
	PHASE_PARAMS,
	PHASE_STDIN,
	PHASE_COMPLETE, /* all read; active until it is answered */
	PHASE_ABORTED   /* as COMPLETE, and what still comes is skipped */
};

enum step {
	STEP_HEADER,
	STEP_BEGIN,
	STEP_STREAM,
	STEP_PAIR_LENGTHS,
	STEP_PAIR_NAME,
	STEP_PAIR_VALUE,
	STEP_SKIP,
	STEPS
};

/* What GET_VALUES may ask for, in the order of the values in answer_values(). */
static const struct weir_slice value_names[] = {
	{ FCGI_MAX_CONNS, sizeof(FCGI_MAX_CONNS) - 1 },
	{ FCGI_MAX_REQS, sizeof(FCGI_MAX_REQS) - 1 },
	{ FCGI_MPXS_CONNS, sizeof(FCGI_MPXS_CONNS) - 1 },
};

#define VALUES (sizeof(value_names) / sizeof(value_names[0]))
#define VALUE_NAME_MAX (sizeof(FCGI_MPXS_CONNS) - 1)

_Static_assert(sizeof(struct weir_fcgi_decoder) <= 64, "idle connections are many");
_Static_assert(VALUE_NAME_MAX <= sizeof(((struct weir_fcgi_decoder *)0)->held), "a known name can be held");
_Static_assert((int)WEIR_FCGI_CANT_MPX_CONN == FCGI_CANT_MPX_CONN, "the specification's number");
_Static_assert((int)WEIR_FCGI_OVERLOADED == FCGI_OVERLOADED, "the specification's number");
_Static_assert((int)WEIR_FCGI_UNKNOWN_ROLE == FCGI_UNKNOWN_ROLE, "the specification's number");
_Static_assert(WEIR_FCGI_HEADER_LEN == FCGI_HEADER_LEN, "the specification's length");
_Static_assert(WEIR_FCGI_REFUSAL_LEN == sizeof(FCGI_EndRequestRecord), "one record");
_Static_assert(WEIR_FCGI_END_LEN == FCGI_HEADER_LEN + sizeof(FCGI_EndRequestRecord), "an empty record and END_REQUEST");

typedef bool step_fn(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event);

static bool broken(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event, const char *why)
{
	decoder->why = why;
	event->type = WEIR_FCGI_BROKEN;
	event->why = why;
	return true;
}

/* An event of the active request. */
static bool happened(const struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event, enum weir_fcgi_event_type type)
{
	event->type = type;
	event->id = decoder->active;
	return true;
}

static bool reply(struct weir_fcgi_event *event, size_t len, bool keep)
{
	event->type = WEIR_FCGI_REPLY;
	event->data = weir_slice(event->reply, len);
	event->keep = keep;
	return true;
}

static void put_header(uint8_t *out, uint8_t type, uint16_t id, size_t length)
{
	out[0] = FCGI_VERSION_1;
	out[1] = type;
	weir_store_be16(out + 2, id);
	weir_store_be16(out + 4, (uint16_t)length);
	out[6] = 0; /* padding */
	out[7] = 0;
}

static void put_end_request(uint8_t *out, uint16_t id, uint32_t app_status, uint8_t protocol_status)
{
	put_header(out, FCGI_END_REQUEST, id, sizeof(FCGI_EndRequestBody));
	weir_store_be32(out + 8, app_status);
	out[12] = protocol_status;
	memset(out + 13, 0, 3);
}

static struct weir_slice take(struct weir_slice *input, size_t max)
{
	struct weir_slice head = { input->data, input->len < max ? input->len : max };

	*input = weir_slice_from(*input, head.len);
	return head;
}

/* Brings the held bytes up to `want`; true when they are there. */
static bool hold(struct weir_fcgi_decoder *decoder, struct weir_slice *input, size_t want)
{
	struct weir_slice piece = take(input, want - decoder->held_len);

	if (piece.len > 0)
		memcpy(decoder->held + decoder->held_len, piece.data, piece.len);
	decoder->held_len = (uint8_t)(decoder->held_len + piece.len);
	return decoder->held_len == want;
}

/* The same for bytes of the content, of which the caller knows that there are enough. */
static bool hold_content(struct weir_fcgi_decoder *decoder, struct weir_slice *input, size_t want)
{
	size_t before = input->len;
	bool whole = hold(decoder, input, want);

	decoder->content -= (uint32_t)(before - input->len);
	return whole;
}

/* One or four bytes; in the longer form the top bit is set, and is not part of the number. */
static size_t length_size(uint8_t first_byte)
{
	return first_byte & 0x80 ? 4 : 1;
}

static bool read_length(struct weir_slice *bytes, uint32_t *length)
{
	const uint8_t *at = (const uint8_t *)bytes->data;
	size_t size;

	if (bytes->len == 0)
		return false;
	size = length_size(at[0]);
	if (bytes->len < size)
		return false;
	*length = size == 1 ? at[0] : weir_load_be32(at) & 0x7fffffff;
	take(bytes, size);
	return true;
}

enum weir_status weir_fcgi_pairs_next(struct weir_slice *pairs, struct weir_slice *name, struct weir_slice *value)
{
	struct weir_slice rest = *pairs;
	uint32_t name_len, value_len;

	if (rest.len == 0)
		return WEIR_END;
	if (!read_length(&rest, &name_len) || !read_length(&rest, &value_len))
		return WEIR_ERR_INVALID;
	if (name_len > rest.len || value_len > rest.len - name_len)
		return WEIR_ERR_INVALID;
	*name = take(&rest, name_len);
	*value = take(&rest, value_len);
	*pairs = rest;
	return WEIR_OK;
}

static bool open_management(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	uint8_t *body = event->reply + FCGI_HEADER_LEN;

	if (decoder->type == FCGI_GET_VALUES) {
		decoder->asked = 0;
		decoder->step = STEP_PAIR_LENGTHS;
		return true;
	}
	if (decoder->type >= FCGI_BEGIN_REQUEST && decoder->type <= FCGI_MAXTYPE)
		return broken(decoder, event, "record that does not go with id 0");
	put_header(event->reply, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, sizeof(FCGI_UnknownTypeBody));
	memset(body, 0, sizeof(FCGI_UnknownTypeBody));
	body[0] = decoder->type;
	return reply(event, sizeof(FCGI_UnknownTypeRecord), true);
}

static bool open_begin(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	if (decoder->content < sizeof(FCGI_BeginRequestBody))
		return broken(decoder, event, "BEGIN_REQUEST is too short");
	decoder->step = STEP_BEGIN;
	return true;
}

static bool open_params(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	if (decoder->phase != PHASE_PARAMS)
		return broken(decoder, event, "PARAMS after their end");
	if (decoder->content > 0) {
		decoder->step = STEP_STREAM;
		return true;
	}
	decoder->phase = PHASE_STDIN;
	return happened(decoder, event, WEIR_FCGI_PARAMS_END);
}

static bool open_stdin(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	if (decoder->phase != PHASE_STDIN)
		return broken(decoder, event, decoder->phase == PHASE_PARAMS ? "STDIN before the end of PARAMS" : "STDIN after its end");
	if (decoder->content > 0) {
		decoder->step = STEP_STREAM;
		return true;
	}
	decoder->phase = PHASE_COMPLETE;
	return happened(decoder, event, WEIR_FCGI_STDIN_END);
}

static bool open_active(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	if (decoder->phase == PHASE_ABORTED)
		return true;
	switch (decoder->type) {
	case FCGI_PARAMS:
		return open_params(decoder, event);
	case FCGI_STDIN:
		return open_stdin(decoder, event);
	case FCGI_DATA:
		return true;
	case FCGI_ABORT_REQUEST:
		decoder->phase = PHASE_ABORTED;
		return happened(decoder, event, WEIR_FCGI_ABORT);
	default:
		return broken(decoder, event, "record type that a web server does not send");
	}
}

static bool step_header(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	const uint8_t *header = decoder->held;

	if (!hold(decoder, input, FCGI_HEADER_LEN))
		return false;
	decoder->held_len = 0;
	if (header[0] != FCGI_VERSION_1)
		return broken(decoder, event, "not FastCGI version 1");
	decoder->type = header[1];
	decoder->record_id = weir_load_be16(header + 2);
	decoder->content = weir_load_be16(header + 4);
	decoder->padding = header[6];
	decoder->step = STEP_SKIP; /* unless somebody wants the content */
	if (decoder->record_id == FCGI_NULL_REQUEST_ID)
		return open_management(decoder, event);
	if (decoder->type == FCGI_BEGIN_REQUEST)
		return open_begin(decoder, event);
	if (decoder->phase == PHASE_NONE || decoder->record_id != decoder->active)
		return true;
	return open_active(decoder, event);
}

/* END_REQUEST to a request that is not taken. */
static bool refuse(const struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event, enum weir_fcgi_refusal why, bool keep)
{
	weir_fcgi_refuse(event->reply, decoder->record_id, why);
	event->id = decoder->record_id;
	return reply(event, WEIR_FCGI_REFUSAL_LEN, keep);
}

static bool step_begin(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	bool keep;

	if (!hold_content(decoder, input, sizeof(FCGI_BeginRequestBody)))
		return false;
	decoder->held_len = 0;
	decoder->step = STEP_SKIP;
	keep = decoder->held[2] & FCGI_KEEP_CONN;
	if (decoder->phase != PHASE_NONE && decoder->record_id == decoder->active)
		return broken(decoder, event, "BEGIN_REQUEST for the active request");
	if (decoder->phase != PHASE_NONE)
		return refuse(decoder, event, WEIR_FCGI_CANT_MPX_CONN, true);
	if (weir_load_be16(decoder->held) != FCGI_RESPONDER)
		return refuse(decoder, event, WEIR_FCGI_UNKNOWN_ROLE, keep);
	decoder->active = decoder->record_id;
	decoder->phase = PHASE_PARAMS;
	event->keep = keep;
	return happened(decoder, event, WEIR_FCGI_BEGIN);
}

static bool step_stream(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	if (input->len == 0)
		return false;
	event->data = take(input, decoder->content);
	decoder->content -= (uint32_t)event->data.len;
	if (decoder->content == 0)
		decoder->step = STEP_SKIP;
	return happened(decoder, event, decoder->type == FCGI_PARAMS ? WEIR_FCGI_PARAMS : WEIR_FCGI_STDIN);
}

static size_t put_value(uint8_t *out, struct weir_slice name, uint32_t value)
{
	int digits = snprintf((char *)out + 2 + name.len, sizeof("4294967295"), "%u", (unsigned)value);

	out[0] = (uint8_t)name.len;
	out[1] = (uint8_t)digits;
	memcpy(out + 2, name.data, name.len);
	return 2 + name.len + (size_t)digits;
}

static bool answer_values(const struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	const uint32_t values[VALUES] = { decoder->max_conns, decoder->max_reqs, 0 };
	const bool told[VALUES] = { decoder->max_conns > 0, decoder->max_reqs > 0, true };
	size_t len = FCGI_HEADER_LEN;

	for (size_t i = 0; i < VALUES; i++)
		if (told[i] && decoder->asked & 1u << i)
			len += put_value(event->reply + len, value_names[i], values[i]);
	put_header(event->reply, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, len - FCGI_HEADER_LEN);
	return reply(event, len, true);
}

/* How long both lengths of a pair are together, as far as the first `len` bytes tell. */
static size_t lengths_size(const uint8_t *bytes, size_t len)
{
	size_t name = len > 0 ? length_size(bytes[0]) : 1;
	size_t value = len > name ? length_size(bytes[name]) : 1;

	return name + value;
}

static bool open_pair(struct weir_fcgi_decoder *decoder, struct weir_fcgi_event *event)
{
	struct weir_slice lengths = weir_slice(decoder->held, decoder->held_len);
	uint32_t name, value;

	if (!read_length(&lengths, &name) || !read_length(&lengths, &value) || name > decoder->content || value > decoder->content - name)
		return broken(decoder, event, "GET_VALUES with a pair that does not fit");
	if (name > VALUE_NAME_MAX) { /* nothing we know: skip it with its value */
		value += name;
		name = 0;
	}
	decoder->name_len = (uint16_t)name;
	decoder->value_len = (uint16_t)value;
	decoder->held_len = 0;
	decoder->step = STEP_PAIR_NAME;
	return true;
}

static bool step_pair_lengths(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	size_t want = lengths_size(decoder->held, decoder->held_len);

	if (decoder->content == 0 && decoder->held_len == 0) {
		decoder->step = STEP_SKIP;
		return answer_values(decoder, event);
	}
	for (; decoder->held_len < want; want = lengths_size(decoder->held, decoder->held_len)) {
		if (decoder->content < want - decoder->held_len)
			return broken(decoder, event, "GET_VALUES ends inside a pair");
		if (!hold_content(decoder, input, want))
			return false;
	}
	return open_pair(decoder, event);
}

static bool step_pair_name(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	(void)event;
	if (!hold_content(decoder, input, decoder->name_len))
		return false;
	for (size_t i = 0; i < VALUES; i++)
		if (weir_slice_equal(value_names[i], weir_slice(decoder->held, decoder->held_len)))
			decoder->asked = (uint8_t)(decoder->asked | 1u << i);
	decoder->held_len = 0;
	decoder->step = STEP_PAIR_VALUE;
	return true;
}

static bool step_pair_value(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	size_t len = take(input, decoder->value_len).len;

	(void)event;
	decoder->content -= (uint32_t)len;
	decoder->value_len = (uint16_t)(decoder->value_len - len);
	if (decoder->value_len > 0)
		return false;
	decoder->step = STEP_PAIR_LENGTHS;
	return true;
}

static bool step_skip(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	(void)event;
	decoder->content += decoder->padding;
	decoder->padding = 0;
	decoder->content -= (uint32_t)take(input, decoder->content).len;
	if (decoder->content > 0)
		return false;
	decoder->step = STEP_HEADER;
	return true;
}

void weir_fcgi_decode(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event)
{
	static step_fn *const steps[STEPS] = {
		[STEP_HEADER] = step_header,       [STEP_BEGIN] = step_begin,
		[STEP_STREAM] = step_stream,       [STEP_PAIR_LENGTHS] = step_pair_lengths,
		[STEP_PAIR_NAME] = step_pair_name, [STEP_PAIR_VALUE] = step_pair_value,
		[STEP_SKIP] = step_skip,
	};

	event->type = WEIR_FCGI_NEED_MORE;
	event->id = 0;
	event->keep = false;
	event->data = WEIR_SLICE_NONE;
	event->why = NULL;
	if (decoder->why)
		broken(decoder, event, decoder->why);
	while (event->type == WEIR_FCGI_NEED_MORE && steps[decoder->step](decoder, input, event))
		;
}

void weir_fcgi_decoder_finished(struct weir_fcgi_decoder *decoder)
{
	decoder->phase = PHASE_NONE;
	if (decoder->step == STEP_STREAM)
		decoder->step = STEP_SKIP;
}

bool weir_fcgi_decoder_is_between_records(const struct weir_fcgi_decoder *decoder)
{
	return decoder->step == STEP_HEADER && decoder->held_len == 0;
}

void weir_fcgi_refuse(uint8_t out[WEIR_FCGI_REFUSAL_LEN], uint16_t id, enum weir_fcgi_refusal why)
{
	put_end_request(out, id, 0, (uint8_t)why);
}

void weir_fcgi_stdout_header(uint8_t out[WEIR_FCGI_HEADER_LEN], uint16_t id, uint16_t length)
{
	put_header(out, FCGI_STDOUT, id, length);
}

void weir_fcgi_end(uint8_t out[WEIR_FCGI_END_LEN], uint16_t id, uint32_t app_status)
{
	put_header(out, FCGI_STDOUT, id, 0);
	put_end_request(out + FCGI_HEADER_LEN, id, app_status, FCGI_REQUEST_COMPLETE);
}
