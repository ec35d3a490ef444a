/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser of multipart forms. Data and preamble are searched for one text, CRLF, "--" and the boundary: only its first byte is a CR, so
 * a match that fails needs no second look at what it had matched, and what was held back at the end of a piece is the beginning of that
 * text: it is handed on from there, and nothing has to be copied.
 */
#include "http/multipart.h"

#include <stdarg.h>
#include <stdio.h>

#define DEFAULT_PARTS 100
#define DEFAULT_HEAD ((size_t)8 * 1024)
#define PREFIX 4 /* CR LF '-' '-' */

enum state {
	STATE_PREAMBLE,
	STATE_BOUNDARY, /* behind the boundary, up to the end of its line */
	STATE_HEAD,
	STATE_CONTENTS,
	STATE_END,
	STATE_FAULT,
};

struct weir_multipart {
	enum state state;
	char delimiter[PREFIX + WEIR_MULTIPART_BOUNDARY_MAX];
	size_t delimiter_len;
	size_t matched; /* bytes of the delimiter at the end of what was taken */
	size_t unreal;  /* of these, the CRLF that ends the line before and is no data */
	char last;      /* STATE_BOUNDARY: '-', CR or a blank; 0 at first */

	struct weir_multipart_options limits;
	uint64_t taken;
	uint64_t part_at; /* where the part begins, or the boundary's line ends */
	uint64_t part_len;
	size_t count;
	struct weir_multipart_part part;
	char *head;
	size_t head_len;
	size_t line_at; /* where the line begins that is being read */

	enum weir_status status;
	char why[160];
};

enum weir_status weir_multipart_create(struct weir_pool *pool, struct weir_slice content_type, const struct weir_multipart_options *options,
				       struct weir_multipart **parser, const char **why)
{
	struct weir_slice boundary;
	enum weir_status status = weir_multipart_boundary(content_type, &boundary, why);
	struct weir_multipart *self;

	*parser = NULL;
	if (status < 0)
		return status;
	*why = weir_status_text(WEIR_ERR_MEMORY);
	self = weir_pool_zalloc(pool, sizeof(*self));
	if (!self)
		return WEIR_ERR_MEMORY;
	self->limits = options ? *options : (struct weir_multipart_options){ 0 };
	if (self->limits.parts == 0)
		self->limits.parts = DEFAULT_PARTS;
	if (self->limits.head == 0)
		self->limits.head = DEFAULT_HEAD;
	self->head = weir_pool_bytes(pool, self->limits.head);
	if (!self->head)
		return WEIR_ERR_MEMORY;
	memcpy(self->delimiter, "\r\n--", PREFIX);
	memcpy(self->delimiter + PREFIX, boundary.data, boundary.len);
	self->delimiter_len = PREFIX + boundary.len;
	self->matched = self->unreal = 2; /* the first boundary needs no line before it */
	*parser = self;
	*why = NULL;
	return WEIR_OK;
}

static WEIR_PRINTF(3, 4) enum weir_multipart_event fail(struct weir_multipart *self, enum weir_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(self->why, sizeof(self->why), format, args);
	va_end(args);
	self->status = status;
	self->state = STATE_FAULT;
	return WEIR_MULTIPART_FAULT;
}

static enum weir_multipart_event fail_in_part(struct weir_multipart *self, enum weir_status status, const char *what)
{
	return fail(self, status, "part %zu, which begins at byte %llu: %s", self->count, (unsigned long long)self->part_at, what);
}

static void take(struct weir_multipart *self, struct weir_slice *input, size_t len)
{
	*input = weir_slice_from(*input, len);
	self->taken += len;
}

/* -- Contents -------------------------------------------------------------------------------------------------------------- */

/* How many bytes of the input go on with the delimiter where `matched` leaves off. */
static size_t match(const struct weir_multipart *self, size_t matched, struct weir_slice input)
{
	size_t len = 0;

	while (matched + len < self->delimiter_len && len < input.len && input.data[len] == self->delimiter[matched + len])
		len++;
	return len;
}

/* Goes on with a match that an earlier piece began. False when it fails: what was held back is then in `*data`. */
static bool go_on_matching(struct weir_multipart *self, struct weir_slice *input, struct weir_slice *data)
{
	size_t len = match(self, self->matched, *input);

	if (self->matched + len == self->delimiter_len || len == input->len) {
		self->matched += len;
		take(self, input, len);
		return true;
	}
	*data = weir_slice(self->delimiter + self->unreal, self->matched - self->unreal);
	self->matched = self->unreal = 0;
	return false;
}

/* Takes what stands before the delimiter, or before what may be its beginning; the delimiter only when nothing does. */
static void search_piece(struct weir_multipart *self, struct weir_slice *input, struct weir_slice *data)
{
	size_t at = weir_slice_find(*input, '\r');
	size_t len = match(self, 0, weir_slice_from(*input, at));

	while (len < self->delimiter_len && at + len < input->len) {
		at += len;
		at += weir_slice_find(weir_slice_from(*input, at), '\r');
		len = match(self, 0, weir_slice_from(*input, at));
	}
	*data = weir_slice(input->data, at);
	self->matched = len == self->delimiter_len && at > 0 ? 0 : len;
	take(self, input, at + self->matched);
}

/* True when the delimiter was found and taken. Else some input was, or data held back is to be handed on; `*data` may be empty. */
static bool search(struct weir_multipart *self, struct weir_slice *input, struct weir_slice *data)
{
	*data = WEIR_SLICE_NONE;
	if (self->matched == 0)
		search_piece(self, input, data);
	else if (!go_on_matching(self, input, data) && data->len == 0)
		search_piece(self, input, data);
	return self->matched == self->delimiter_len;
}

/* The delimiter was found: next comes the rest of its line. */
static void expect_boundary_line(struct weir_multipart *self)
{
	self->state = STATE_BOUNDARY;
	self->last = 0;
}

static enum weir_multipart_event skip_preamble(struct weir_multipart *self, struct weir_slice *input)
{
	struct weir_slice skipped;

	if (search(self, input, &skipped))
		expect_boundary_line(self);
	return WEIR_MULTIPART_MORE;
}

/* Bytes over the limit are not handed on; those before them are. */
static enum weir_multipart_event read_contents(struct weir_multipart *self, struct weir_slice *input, struct weir_slice *data)
{
	uint64_t room = self->limits.part ? self->limits.part - self->part_len : UINT64_MAX;

	if (search(self, input, data)) {
		expect_boundary_line(self);
		return WEIR_MULTIPART_PART_END;
	}
	if (data->len > room) {
		data->len = (size_t)room;
		fail(self, WEIR_ERR_LIMIT, "part %zu, which begins at byte %llu: its contents are longer than %llu bytes", self->count,
		     (unsigned long long)self->part_at, (unsigned long long)self->limits.part);
	}
	self->part_len += data->len;
	return data->len > 0 ? WEIR_MULTIPART_DATA : WEIR_MULTIPART_MORE;
}

/* -- Between them ---------------------------------------------------------------------------------------------------------- */

static enum weir_multipart_event begin_part(struct weir_multipart *self)
{
	if (self->count == self->limits.parts)
		return fail(self, WEIR_ERR_LIMIT, "too many parts (limit %zu): the next begins at byte %llu", self->limits.parts,
			    (unsigned long long)self->taken);
	self->count++;
	self->state = STATE_HEAD;
	self->part_at = self->taken;
	self->part_len = 0;
	self->head_len = self->line_at = 0;
	return WEIR_MULTIPART_MORE;
}

/* One byte of the rest of the boundary's line: "--", or blanks and CRLF (RFC 2046 section 5.1.1). */
static enum weir_multipart_event read_boundary_line(struct weir_multipart *self, struct weir_slice *input)
{
	char byte = input->data[0], last = self->last;

	take(self, input, 1);
	self->last = byte;
	if (last == '-' && byte == '-') {
		self->state = STATE_END;
		return WEIR_MULTIPART_END;
	}
	if (last == '\r' && byte == '\n')
		return begin_part(self);
	if (last != '-' && last != '\r' && (byte == ' ' || byte == '\t' || byte == '\r' || (byte == '-' && last == 0)))
		return WEIR_MULTIPART_MORE;
	return fail(self, WEIR_ERR_INVALID, "byte %llu: a line begins with the boundary and goes on", (unsigned long long)self->taken - 1);
}

/* A line of the head has ended: an empty one ends the head. */
static enum weir_multipart_event end_line(struct weir_multipart *self)
{
	size_t len = self->head_len - self->line_at;
	const char *why;

	if (len < 2 || self->head[self->head_len - 2] != '\r')
		return fail_in_part(self, WEIR_ERR_INVALID, "a line among the fields does not end with CRLF");
	if (len > 2) {
		self->line_at = self->head_len;
		return WEIR_MULTIPART_MORE;
	}
	why = weir_multipart_read_head(self->head, self->line_at, &self->part);
	if (why)
		return fail_in_part(self, WEIR_ERR_INVALID, why);
	self->state = STATE_CONTENTS;
	self->matched = self->unreal = 2; /* the line before may be followed by a boundary at once: no contents */
	return WEIR_MULTIPART_PART;
}

static enum weir_multipart_event read_head(struct weir_multipart *self, struct weir_slice *input)
{
	size_t end = weir_slice_find(*input, '\n');
	bool complete = end < input->len;
	size_t len = end + complete;

	if (len > self->limits.head - self->head_len)
		return fail(self, WEIR_ERR_LIMIT, "part %zu, which begins at byte %llu: its fields are longer than %zu bytes", self->count,
			    (unsigned long long)self->part_at, self->limits.head);
	memcpy(self->head + self->head_len, input->data, len);
	self->head_len += len;
	take(self, input, len);
	return complete ? end_line(self) : WEIR_MULTIPART_MORE;
}

static enum weir_multipart_event step(struct weir_multipart *self, struct weir_slice *input, struct weir_slice *data)
{
	switch (self->state) {
	case STATE_PREAMBLE:
		return skip_preamble(self, input);
	case STATE_BOUNDARY:
		return read_boundary_line(self, input);
	case STATE_HEAD:
		return read_head(self, input);
	case STATE_CONTENTS:
		return read_contents(self, input, data);
	case STATE_END:
	case STATE_FAULT:
		break;
	}
	*input = weir_slice_from(*input, input->len);
	return self->state == STATE_END ? WEIR_MULTIPART_END : WEIR_MULTIPART_FAULT;
}

/* The input up to the limit of the total; the closing boundary must be there by then. */
static struct weir_slice within_total(const struct weir_multipart *self, struct weir_slice input)
{
	uint64_t room = self->limits.total && self->state < STATE_END ? self->limits.total - self->taken : UINT64_MAX;

	return weir_slice(input.data, input.len < room ? input.len : (size_t)room);
}

enum weir_multipart_event weir_multipart_next(struct weir_multipart *parser, struct weir_slice *input, struct weir_slice *data)
{
	enum weir_multipart_event event = WEIR_MULTIPART_MORE;

	*data = WEIR_SLICE_NONE;
	while (event == WEIR_MULTIPART_MORE && (input->len > 0 || parser->state >= STATE_END)) {
		struct weir_slice piece = within_total(parser, *input);
		size_t len = piece.len;

		if (len == 0 && parser->state < STATE_END)
			event = fail(parser, WEIR_ERR_LIMIT, "the form is longer than %llu bytes",
				     (unsigned long long)parser->limits.total);
		else
			event = step(parser, &piece, data);
		*input = weir_slice_from(*input, len - piece.len);
	}
	return event;
}

enum weir_multipart_event weir_multipart_end(struct weir_multipart *parser)
{
	if (parser->state == STATE_END)
		return WEIR_MULTIPART_END;
	if (parser->state == STATE_FAULT)
		return WEIR_MULTIPART_FAULT;
	if (parser->count == 0 && parser->state == STATE_PREAMBLE)
		return fail(parser, WEIR_ERR_INVALID, "no boundary in %llu bytes", (unsigned long long)parser->taken);
	return fail(parser, WEIR_ERR_INVALID, "the form ends at byte %llu without its closing boundary (parts begun: %zu)",
		    (unsigned long long)parser->taken, parser->count);
}

const struct weir_multipart_part *weir_multipart_part(const struct weir_multipart *parser)
{
	return &parser->part;
}

enum weir_status weir_multipart_fault(const struct weir_multipart *parser, const char **why)
{
	*why = parser->why;
	return parser->status;
}
